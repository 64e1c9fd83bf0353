"""Columns of dates: the form in which they are written, and their features.

The features of a date are the time, standardised, and its place in the year, in the week and in the
day, each as sine and cosine, so that December is next to January. A place is left out if the
training rows do not differ in it.
"""

import re

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.data.spelling import MARKS, is_mark
from fallline.data.table import Table, show
from fallline.errors import ParameterError, TableError

__all__ = [
    "CYCLES",
    "check_form",
    "column_seconds",
    "find_form",
    "is_date_kind",
    "later_seconds",
    "like_dates",
    "varying_cycles",
]

DAY = 86_400.0
CYCLES = {"year": 365.2425 * DAY, "week": 7 * DAY, "day": DAY}
TIMES = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
ISO_TIMES = ("T%H:%M", "T%H:%M:%S%.f", "T%H:%M:%S%.fZ", "T%H:%M:%S%.f%z")
YEAR_FIRST = tuple(
    day + time for day in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d") for time in (*TIMES, *ISO_TIMES)
)
DAY_OR_MONTH_FIRST = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d. %b %Y", "%d %B %Y"),
)
FORMS = (*YEAR_FIRST, *(day + time for day in DAY_OR_MONTH_FIRST for time in TIMES))
LIKE_A_DATE = re.compile(
    r"^(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[-. ]{1,2}[A-Z][a-z]{2,8}[- ]\d{4}"
    r"|[A-Z][a-z]{2,8} \d{1,2}, \d{4})(?:$|[ T]\d)"
)
COMPACT = "%Y%m%d"
LIKE_COMPACT = r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"
NEARLY_ALL = 0.9
MIN_TO_JUDGE = 10


def is_date_kind(kind: str | None) -> bool:
    """Whether a kind set by hand is "date", or "date:FORM"."""
    return kind is not None and kind.split(":", 1)[0] == "date"


def check_form(form: str, column: str) -> str:
    """``form``, if dates can be written by it. Raises ParameterError otherwise."""
    if form in FORMS:
        return form
    now = pl.Series([0]).cast(pl.Datetime("ms", "UTC"))
    try:
        text = now.dt.to_string(form)
        known = text.str.to_datetime(form, strict=False, time_unit="ms")
    except Exception:  # a directive that Polars does not know
        known = pl.Series([None])
    if "%" not in form or known.null_count():
        raise ParameterError(
            f"the type of column {column!r}: {form!r} is not a form of dates; write date:%d/%m/%Y "
            "for 15/03/2021, date:%Y-%m-%d %H:%M for 2021-03-15 17:30"
        )
    return form


def like_dates(cells: pl.Series, kind: str | None = None) -> bool:
    """Whether the first texts that do not mean a missing value look like dates."""
    if is_date_kind(kind):
        return True
    for cell in cells.drop_nulls().head(1000):
        if cell not in MARKS:
            return LIKE_A_DATE.match(cell) is not None
    return False


def find_form(table: Table, column: str) -> str | None:
    """The form in which all the column's cells are dates; None if they are no dates.

    Raises TableError if two forms fit, and if nearly all cells are dates, naming the first that is
    not.
    """
    cells = table.texts(column).drop_nulls()
    if cells.len() == 0:
        return None
    if is_compact(cells):
        return COMPACT
    if LIKE_A_DATE.match(cells[0]) is None:
        return None
    few = cells.unique(maintain_order=True).head(200)
    likely = [form for form in FORMS if seconds_of(few, form).is_not_null().any()]
    whole = [form for form in likely if seconds_of(cells, form).null_count() == 0]
    if len(whole) > 1:
        differ = [seconds_of(cells, whole[0]) != seconds_of(cells, form) for form in whole[1:]]
        for form, other in zip(whole[1:], differ, strict=True):
            if other.any():
                refuse_ambiguous(table, column, whole[0], form)
    if whole:
        return whole[0]
    fits = {form: cells.len() - seconds_of(cells, form).null_count() for form in likely}
    best = max(fits, key=lambda form: fits[form], default=None)
    if best is not None and cells.len() >= MIN_TO_JUDGE and fits[best] >= NEARLY_ALL * cells.len():
        column_seconds(table, column, best)  # says which cell is none
    return None


def is_compact(cells: pl.Series) -> bool:
    """Whether all cells are days written as 20210315, with too many different ones for chance."""
    if re.match(LIKE_COMPACT, cells[0]) is None:
        return False
    distinct = cells.unique()
    good = distinct.str.contains(LIKE_COMPACT).all()
    return bool(good and len(distinct) >= MIN_TO_JUDGE) and not bool(
        seconds_of(distinct, COMPACT).is_null().any()
    )


def refuse_ambiguous(table: Table, column: str, one: str, other: str) -> None:
    """Raise the TableError about the first cell that the two forms read differently."""
    cells = table.texts(column)
    differ = (seconds_of(cells, one) != seconds_of(cells, other)).fill_null(value=False)
    row = int(differ.arg_max() or 0)
    raise TableError(
        f"{table.place(row, column)}: {show(cells[row])} may be day/month or month/day, as all "
        f"others of its column; say which: --types {column!r}=date:{one} or "
        f"--types {column!r}=date:{other} (or --ignore {column!r})"
    )


def seconds_of(cells: pl.Series, form: str) -> pl.Series:
    """Texts as seconds since 1970 by one form; null where one is no such date."""
    dates = cells.str.to_datetime(form, strict=False, exact=True, time_unit="ms")
    return dates.dt.replace_time_zone(None).dt.epoch("ms") / 1e3


def later_seconds(table: Table, column: str, form: str) -> NDArray[np.float64]:
    """The same for a later table, which may write its dates differently from the training rows.

    Its own form is that of ``--types``, else ``form``, else the one that all its cells have. Raises
    TableError for a cell that is no date, and if two forms fit.
    """
    asked = table.reading.get("forms", {}).get(column)
    try:
        return column_seconds(table, column, asked or form)
    except TableError:
        own = None if asked else find_form(table, column)
        if own is None:
            raise
        return column_seconds(table, column, own)


def column_seconds(table: Table, column: str, form: str) -> NDArray[np.float64]:
    """(n,) seconds since 1970, NaN if missing.

    Dates with the year first are always read, whatever ``form`` is, so that a typed column of one
    file can replace the texts of another. Raises TableError for a cell that is no date.
    """
    cells = table.texts(column)
    seconds = seconds_of(cells, form)
    if form == COMPACT:
        whole = seconds_of(cells.str.replace(r"\.0$", ""), form)  # from a file of floats
        seconds = pl.select(pl.coalesce(seconds, whole)).to_series()
    for other in YEAR_FIRST:
        if seconds.null_count() == cells.null_count():
            break
        seconds = pl.select(pl.coalesce(seconds, seconds_of(cells, other))).to_series()
    stray = seconds.is_null() & cells.is_not_null() & ~is_mark(cells)
    if stray.any():
        row = int(stray.arg_max() or 0)
        raise TableError(
            f"{table.place(row, column)}: {show(cells[row])} is not a date as the "
            f"others are ({form}); correct it, say how dates are written (--types "
            f"{column!r}=date:%d/%m/%Y), or set the column aside (--ignore {column!r})"
        )
    values: NDArray[np.float64] = seconds.to_numpy()
    return values


def varying_cycles(seconds: NDArray[np.float64]) -> tuple[str, ...]:
    """The cycles of which these dates span at least a sixth."""
    span = float(seconds.max() - seconds.min())
    found = []
    for name, length in CYCLES.items():
        places = np.unique(np.round(seconds % length / length, 4))
        if places.size > 1 and span >= length / 6:
            found.append(name)
    return tuple(found)
