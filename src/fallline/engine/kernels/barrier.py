"""Several threads in one compiled run: where they wait for each other."""

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fallline.engine.config import intrinsic, kernel

__all__ = ["wait"]

INT64 = ir.IntType(64)
SPINS = 4000  # about 10 microseconds; after that the others may have the core
GIVE_WAY = "SwitchToThread" if sys.platform == "win32" else "sched_yield"


@intrinsic
def arrive(typing_context: Any, counter: Any) -> Any:
    """Add 1 to the counter; what was written before can be seen by whoever reads it."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.atomic_rmw("add", args[0], INT64(1), "acq_rel")
        return context.get_dummy_value()

    return types.void(counter), code


@intrinsic
def arrived(typing_context: Any, counter: Any) -> Any:
    """The counter now."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(args[0], "acquire", 8)

    return types.int64(counter), code


@intrinsic
def give_way(typing_context: Any) -> Any:
    """Let the operating system run somebody else."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, GIVE_WAY), [])
        return context.get_dummy_value()

    return types.void(), code


@kernel
def wait(counter, n_threads, times):
    """Return when all of the team have called this ``times`` times; the counter started at 0."""
    if n_threads == 1:
        return
    arrive(counter)
    spins = 0
    while arrived(counter) < n_threads * times:
        spins += 1
        if spins > SPINS:
            give_way()
