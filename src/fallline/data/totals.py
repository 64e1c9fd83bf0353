"""A last row of totals, as in spreadsheets, is not a row of the table."""

import re
from dataclasses import replace

import numpy as np
import polars as pl

from fallline.data.spelling import Spelling, read_numbers, recognise
from fallline.data.table import Table, show

__all__ = ["TOTAL", "without_total"]

TOTAL = re.compile(
    r"(?:grand |sub)?(?:totals?|sums?|summe|gesamt|insgesamt|somme|suma|averages?|means?)\s*:?",
    re.IGNORECASE,
)
MIN_ROWS = 3


def without_total(table: Table) -> Table:
    """The table without a last row called "Total" with the sums or means of the others.

    A note says so. A last row that is only called so stays, and a note names the option.
    """
    last = len(table) - 1
    if last < MIN_ROWS:
        return table
    label = next((cell for cell in table.frame.row(last) if cell is not None), None)
    if not isinstance(label, str) or not TOTAL.fullmatch(label):
        return table
    place = f"{table.unit} {table.lines[last]}"
    if any(sums_up(table.frame[name]) for name in table.columns):
        less = table.take(np.arange(last))
        note = f"{place} ({show(label)}) sums up the rows above it, and is left out"
        return replace(less, notes=(*table.notes, note))
    label = show(label)
    note = f"{place} is called {label}: if it is not a row, --comment {label} leaves it out"
    return replace(table, notes=(*table.notes, note))


def sums_up(cells: pl.Series) -> bool:
    """Whether the last of the numbers is the sum or the mean of the others."""
    if cells.dtype == pl.String:
        spelling = recognise(cells).spelling or Spelling()
        cells = read_numbers(cells, spelling)
    elif not cells.dtype.is_numeric():
        return False
    values = cells.cast(pl.Float64).to_numpy()
    above, last = values[:-1][~np.isnan(values[:-1])], values[-1]
    if np.isnan(last) or above.size < MIN_ROWS:
        return False
    near = 1e-6 * max(abs(above).sum(), 1e-300)
    return bool(
        abs(last - above.sum()) <= near
        or (above.std() > 0 and abs(last - above.mean()) <= 1e-3 * above.std())
    )
