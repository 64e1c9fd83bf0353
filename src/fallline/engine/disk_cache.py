"""What Numba keeps on disk of the engine: only read where there is no library."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["ENTRIES", "cached_files", "drop_stale"]

ENGINE = Path(__file__).parent
ENTRIES = (
    "driver.train",
    "interleaved.interleave",
    "lay_out.lay_out",
    "lbfgs.lbfgs",
    "predict.predict",
    "shuffle.shuffle",
    "unrolled.descend",
)


def cached_files() -> list[Path]:
    """What the disk cache holds of the engine."""
    places = [ENGINE / "kernels" / "__pycache__"]
    if "NUMBA_CACHE_DIR" in os.environ:
        places.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return [
        path for place in places for name in ENTRIES for path in place.rglob(f"{name}-*.nb[ic]")
    ]


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
