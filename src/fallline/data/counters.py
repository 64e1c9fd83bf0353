"""Columns that count the rows, and rows that are in order of time."""

import re
from dataclasses import replace

import numpy as np
import polars as pl

from fallline.data.dates import find_form, like_dates, seconds_of
from fallline.data.table import Table, to_numbers
from fallline.errors import TableError

__all__ = ["counts_up", "time_column", "with_counters"]

MIN_ROWS = 20  # fewer rows than this may well be numbered 1, 2, 3 by chance
YEARS = (1500, 2200)
ROW_NAME = re.compile(
    r"(?i:unnamed: ?\d+|index|level_0|id|#|nr\.?|rownames?|row[ _]?(?:id|nr|num|number|no)?)"
    r"|(?i:.+[ _.]id)"
    r"|[A-Za-z]+(?:Id|ID)"
)


def counts_up(cells: pl.Series) -> bool:
    """Whether a column has different whole numbers, in any order, that number the rows.

    They have no gap and are not years, or the column has a name that such columns usually have.
    """
    n = len(cells)
    if n < MIN_ROWS or cells.null_count() > 0:
        return False
    ends = to_numbers(cells.gather([0, n // 2, n - 1]))
    if not np.all(ends == np.round(ends)):  # most columns of numbers end here
        return False
    values = to_numbers(cells)
    whole = np.isfinite(values).all() and np.all(values == np.round(values))
    if not whole or len(np.unique(values)) < n:
        return False
    if ROW_NAME.fullmatch(cells.name):
        return True
    years = values.min() >= YEARS[0] and values.max() <= YEARS[1]
    return bool(np.ptp(values) == n - 1 and not years)


def with_counters(table: Table) -> Table:
    """The table with ``counters`` set, before any row is left out."""
    found = tuple(name for name in table.columns if counts_up(table.frame[name]))
    return replace(table, counters=found) if found else table


def time_column(table: Table) -> str | None:
    """A column that shows that the rows are in order of time: a date or a counter that rises.

    None if there is none. Equal times may follow one another, but some must differ.
    """
    if len(table) < MIN_ROWS:
        return None
    for name in table.columns:
        cells = table.frame[name]
        if cells.null_count() or not like_dates(table.texts(name)):
            continue
        try:
            form = find_form(table, name)
        except TableError:
            continue
        seconds = None if form is None else seconds_of(table.texts(name), form)
        if seconds is not None and rises(seconds.to_numpy()):
            return name
    for name in table.counters:
        if name in table.columns and rises(table.numbers(name)):
            return name
    return None


def rises(values: np.ndarray) -> bool:
    """Whether the values never fall, and rise somewhere."""
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.diff(values) >= 0) and values[-1] > values[0])
