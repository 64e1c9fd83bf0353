"""How the kernels are compiled: the flags, and what to do without a cache folder."""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["compiled_before", "kernel"]

HERE = Path(__file__).parent
Function = TypeVar("Function", bound=Callable[..., Any])

# No flag that assumes finite numbers: a NaN has to come through, so that training can stop at it.
# Sums may be reordered and multiplications fused, which the vector units need; the order is fixed
# in the compiled code, so the bits do not depend on anything but the processor.
FLAGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "reassoc"},
}


def cached_files() -> list[Path]:
    """What the disk cache holds of the engine."""
    places = [HERE / "__pycache__"]
    if "NUMBA_CACHE_DIR" in os.environ:
        places.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return [path for place in places for path in place.rglob("driver.*.nb[ic]")]


def compiled_before() -> bool:
    """Whether the disk cache holds the compiled loop, so that a first call need not wait."""
    return any(path.name.startswith("driver.steps-") for path in cached_files())


def drop_stale() -> None:
    """Remove cached code that is older than any of the engine's sources.

    Numba looks only at the file of the function that is called, not at those that it calls.
    """
    newest = max(path.stat().st_mtime for path in HERE.glob("*.py"))
    for path in cached_files():
        with suppress(OSError):
            if path.stat().st_mtime < newest:
                path.unlink()


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
