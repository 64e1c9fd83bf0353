"""How much memory this process may address, if that is limited (``ulimit -v``).

Some libraries reserve far more addresses than they use, and end the process if they get none:
Polars and OpenBLAS for each thread, and V8, which draws the pictures of a report, for its heap. So
the limit is checked before they are loaded.
"""

import math

from fallline.errors import FalllineError

__all__ = ["FOR_PICTURES", "FOR_TABLES", "address_space", "check_address_space", "lacking"]

FOR_TABLES, FOR_PICTURES = 1.4e9, 70e9  # bytes; both measured, on two cores


def address_space() -> float:
    """The most bytes that this process may address; infinity if there is no limit."""
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def check_address_space(needed: float, what: str, *, otherwise: str = "") -> None:
    """Raise FalllineError if the limit is too low for what ``what`` reserves."""
    limit = address_space()
    if limit < needed:
        raise FalllineError(
            f"{what} takes an address space of at least {needed / 1e9:.2g} GB, and this process is "
            f"limited to {limit / 1e9:.2g} GB: raise the limit (ulimit -v unlimited){otherwise}"
        )


def lacking(error: BaseException) -> str:
    """The message for a failed allocation."""
    limit = address_space()
    detail = f" ({error})" if str(error) else ""
    advice = "take fewer rows, or train block by block (--large)"
    if limit < math.inf:
        advice = (
            f"this process is limited to {limit / 1e9:.2g} GB (ulimit -v), raise that; or {advice}"
        )
    return f"there is not enough memory{detail}: {advice}"
