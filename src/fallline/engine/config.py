"""How the kernels are compiled: the flags, and what to do without a cache folder."""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["compiled_before", "entry", "inlined", "intrinsic", "kernel", "spliced"]

VECTOR_BYTES = 64
ENGINE = Path(__file__).parent
ENTRIES = (
    "interleaved.steps_abreast",
    "driver.steps",
    "predict.predict_rows",
    "shuffle.shuffled",
    "unrolled.descend",
)

# No flag that assumes finite numbers: a NaN has to come through, so that training can stop at it.
# Products and sums may be fused; the order of sums is never changed, so the bits do not depend on
# how wide the processor's registers are.
FLAGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}


def cached_files() -> list[Path]:
    """What the disk cache holds of the engine."""
    places = [ENGINE / "kernels" / "__pycache__"]
    if "NUMBA_CACHE_DIR" in os.environ:
        places.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return [
        path for place in places for name in ENTRIES for path in place.rglob(f"{name}-*.nb[ic]")
    ]


def compiled_before(dtype: Any = None) -> bool:
    """Whether the disk cache holds the compiled loop, so that a first call need not wait.

    With ``dtype`` the loop for networks of that dtype: the cache's index names the type of X.
    """
    known = [path for path in cached_files() if path.name.startswith("driver.steps-")]
    if dtype is None:
        return bool(known)
    rows = f"array({dtype}, 2d".encode()
    return any(rows in path.read_bytes() for path in known if path.suffix == ".nbi")


@cache
def drop_stale() -> None:
    """Remove cached code that is older than any of the engine's sources.

    Numba looks only at the file of the function that is called, not at those that it calls.
    """
    newest = max(path.stat().st_mtime for path in ENGINE.rglob("*.py"))
    for path in cached_files():
        with suppress(OSError):
            if path.stat().st_mtime < newest:
                path.unlink()


def intrinsic(function: Callable[..., Any]) -> Any:
    """Let compiled code call a function whose LLVM code Python writes: see engine.vectors."""
    from numba.extending import intrinsic as by_numba

    return by_numba(function)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a part of the compiled loop."""
    from numba import njit

    return njit(**FLAGS)(function)


def spliced(function: Callable[..., Any]) -> Any:
    """A kernel that LLVM puts in its caller's place: for one or two callers in an inner loop."""
    from numba import njit

    return njit(forceinline=True, **FLAGS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Make a function that is called in one place a part of its caller.

    Numba optimises a function anew, with all that it calls, in each of its callers: a chain of
    calls six deep took 14 s to compile.
    """
    from numba import njit

    return njit(inline="always", **FLAGS)(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile what Python calls, kept on disk; where no folder can be written, in memory only."""
    from numba import njit

    try:
        return njit(cache=True, **FLAGS)(function)
    except RuntimeError:
        warnings.warn(
            "no folder to keep compiled code in, so it is compiled anew in every process; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return njit(**FLAGS)(function)
