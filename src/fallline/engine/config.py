"""How the kernels are compiled: the flags, and what to do without a cache folder."""

from collections.abc import Callable
from typing import Any

from fallline.errors import warn

__all__ = [
    "compiled",
    "inlined_by_llvm",
    "inlined_by_numba",
    "intrinsic",
    "kernel",
]

VECTOR_BYTES = 64

# No flag of fast mathematics: a NaN has to come through, so that training can stop at it, and a
# compiler that may choose (which product and sum to fuse, in which order to add) chooses otherwise
# for another processor. Products and sums are fused where a kernel calls ``vectors.fma``.
FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def intrinsic(function: Callable[..., Any]) -> Any:
    """Let compiled code call a function whose LLVM code Python writes: see kernels.vectors."""
    from numba.extending import intrinsic as by_numba

    return by_numba(function)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a part of the compiled loop."""
    from numba import njit

    return njit(**FLAGS)(function)


def inlined_by_llvm(function: Callable[..., Any]) -> Any:
    """A kernel that LLVM puts in its caller's place: for one or two callers in an inner loop."""
    from numba import njit

    return njit(forceinline=True, **FLAGS)(function)


def inlined_by_numba(function: Callable[..., Any]) -> Any:
    """Make a function that is called in one place a part of its caller.

    Numba optimises a function anew, with all that it calls, in each of its callers: a chain of
    calls six deep took 14 s to compile.
    """
    from numba import njit

    return njit(inline="always", **FLAGS)(function)


def compiled(function: Callable[..., Any], call: Any) -> Any:
    """A function of C's form that takes a record of type ``call``, kept on disk.

    Where no folder can be written, it is kept in memory only.
    """
    from numba import cfunc, types

    signature = types.int64(call)
    try:
        return cfunc(signature, cache=True, **FLAGS)(function)
    except RuntimeError:
        warn(
            "no folder to keep compiled code in, so it is compiled anew in every process; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
        )
        return cfunc(signature, **FLAGS)(function)
