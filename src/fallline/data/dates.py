"""Columns of dates: the form they are written in, and what they become.

A date becomes the time that has passed, standardised, and where the training rows differ in it, the
place in the year, in the week and in the day, each as sine and cosine, so that December lies beside
January.
"""

import re

import numpy as np
from numpy.typing import NDArray

from fallline.data.table import Table, show
from fallline.errors import TableError

__all__ = ["AMBIGUOUS", "CYCLES", "FORMS", "column_seconds", "find_form", "varying_cycles"]

DAY = 86_400.0
CYCLES = {"year": 365.2425 * DAY, "week": 7 * DAY, "day": DAY}
TIMES = ("", " %H:%M", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S%.f", "T%H:%M:%S%.fZ", "T%H:%M:%S%.f%z")
FORMS = tuple(
    day + time
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
    for time in TIMES
)
LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}($|[ T]\d)")
AMBIGUOUS = "its dates may be day/month or month/day; write them as 2020-01-31"
NEARLY_ALL = 0.9
MIN_TO_JUDGE = 10


def find_form(table: Table, column: str) -> str | None:
    """The form in which all the column's cells are dates; AMBIGUOUS where two forms fit.

    None where they are no dates. Raises TableError where nearly all are, naming the first other.
    """
    known = ~table.missing(column)
    first = table.cell(int(np.argmax(known)), column)
    if first is None or not LIKE_A_DATE.match(first):
        return None
    fits = {form: int((~np.isnan(table.seconds(column, form))).sum()) for form in FORMS}
    n_known = int(known.sum())
    whole = [form for form, count in fits.items() if count == n_known]
    if len(whole) > 1 and any(
        np.diff([table.seconds(column, form) for form in whole], axis=0).flat
    ):
        return AMBIGUOUS
    if whole:
        return whole[0]
    best = max(fits, key=lambda form: fits[form])
    if n_known >= MIN_TO_JUDGE and fits.get(best, 0) >= NEARLY_ALL * n_known:
        column_seconds(table, column, best)  # says which cell is none
    return None


def column_seconds(table: Table, column: str, form: str) -> NDArray[np.float64]:
    """(n,) seconds since 1970, NaN where missing. Raises TableError for a cell that is no date."""
    seconds = table.seconds(column, form)
    stray = np.isnan(seconds) & ~table.missing(column)
    if stray.any():
        row = int(np.argmax(stray))
        raise TableError(
            f"{table.place(row, column)}: {show(table.cell(row, column))} is not a date as the "
            f"others are ({form}); correct it, or set the column aside (--types {column!r}=skip)"
        )
    return seconds


def varying_cycles(seconds: NDArray[np.float64]) -> tuple[str, ...]:
    """The cycles in which these dates lie at different places, over at least a sixth of a turn."""
    span = float(seconds.max() - seconds.min())
    found = []
    for name, length in CYCLES.items():
        places = np.unique(np.round(seconds % length / length, 4))
        if places.size > 1 and span >= length / 6:
            found.append(name)
    return tuple(found)
