"""How the kernels are compiled: the flags, and what to do without a cache folder."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

# No flag that assumes finite numbers: a NaN has to come through, so that training can stop at it.
# Sums may be reordered and multiplications fused, which the vector units need; the order is fixed
# in the compiled code, so the bits do not depend on anything but the processor.
FLAGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "reassoc"},
}


def kernel(function: Function) -> Function:
    """Compile at first use, kept on disk; where no folder can be written, in memory only."""
    from numba import njit

    try:
        return njit(cache=True, **FLAGS)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        warnings.warn(
            "no folder to keep compiled code in, so it is compiled anew in every process; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return njit(**FLAGS)(function)  # type: ignore[no-any-return]
