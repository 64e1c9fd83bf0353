"""Cells of a table that are new to the model, counted by column.

A network says little about such rows. Numbers and dates count if they are outside the range of the
training rows, texts if they are not a known category, missing cells if training had none.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fallline.data.columns import CellColumn, DateColumn, NumberColumn, TextColumn
from fallline.data.dates import later_seconds
from fallline.data.encoding import Encoding
from fallline.data.table import UNKNOWN, Table
from fallline.data.targets import column_numbers
from fallline.text import figure

__all__ = ["New", "added", "count_new", "value_text", "warning"]

MUCH = 0.1  # of a column's cells: worth a warning
FAR = 1.0  # range widths beyond the range: one such cell is enough


@dataclass(frozen=True)
class New:
    """The cells of one column that are new to a model.

    ``outside``: numbers or dates outside the training range ``low`` to ``high``; ``lowest`` and
    ``highest`` are the ends of this table where they are. ``unknown``: texts that are no category.
    ``missing``: gaps, where training had none. ``cells``: all cells of the column.
    """

    column: str
    cells: int
    outside: int = 0
    unknown: int = 0
    missing: int = 0
    low: float | None = None
    high: float | None = None
    lowest: float | None = None
    highest: float | None = None

    @property
    def count(self) -> int:
        """All of them."""
        return self.outside + self.unknown + self.missing

    @property
    def farthest(self) -> float:
        """How many widths of the training range the farthest number lies outside; 0 for none."""
        if self.low is None or self.high is None or not self.outside:
            return 0.0
        width = self.high - self.low
        beyond = [
            self.low - (self.low if self.lowest is None else self.lowest),
            (self.high if self.highest is None else self.highest) - self.high,
        ]
        return max(beyond) / width if width > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def count_new(encoding: Encoding, table: Table) -> list[New]:
    """The columns of ``table`` that have cells new to the model; it fits the encoding."""
    table = encoding.read(table)
    found = [of_column(column, table) for column in encoding.cells]
    return [new for new in found if new.count]


def of_column(column: CellColumn, table: Table) -> New:
    name, n = column.name, len(table)
    gaps = 0
    if not getattr(column, "has_missing", True):
        gaps = table.frame[name].null_count()
    if isinstance(column, TextColumn):
        unknown = 0
        if column.categories and not column.has_other:
            unknown = int((column.codes(table) == UNKNOWN).sum())
        return New(name, n, unknown=unknown, missing=gaps)
    if isinstance(column, NumberColumn):
        values = column_numbers(table, name)
    elif isinstance(column, DateColumn):
        values = later_seconds(table, name, column.form)
    else:
        return New(name, n)
    if column.low is None or column.high is None:
        return New(name, n, missing=gaps)
    with np.errstate(invalid="ignore"):
        outside = (values < column.low) | (values > column.high)
    if not outside.any():
        return New(name, n, missing=gaps)
    beyond = values[outside]
    return New(
        name,
        n,
        int(outside.sum()),
        missing=gaps,
        low=column.low,
        high=column.high,
        lowest=float(beyond.min()),
        highest=float(beyond.max()),
    )


def added(blocks: Sequence[Sequence[New]], rows: int) -> list[New]:
    """The counts of several blocks of a table of ``n_rows`` rows as those of the whole."""
    total: dict[str, New] = {}
    for block in blocks:
        for new in block:
            total[new.column] = both(total[new.column], new) if new.column in total else new
    return [replace(new, cells=rows) for new in total.values()]


def both(one: New, other: New) -> New:
    lows = [value for value in (one.lowest, other.lowest) if value is not None]
    highs = [value for value in (one.highest, other.highest) if value is not None]
    return replace(
        one,
        outside=one.outside + other.outside,
        unknown=one.unknown + other.unknown,
        missing=one.missing + other.missing,
        low=other.low if one.low is None else one.low,
        high=other.high if one.high is None else one.high,
        lowest=min(lows, default=None),
        highest=max(highs, default=None),
    )


def warning(new: Sequence[New], dates: Sequence[str] = ()) -> str | None:
    """A warning if much of a column is new, or a number is far outside; else None.

    ``dates`` are the columns whose numbers are seconds since 1970.
    """
    parts = []
    for item in new:
        if item.farthest > FAR:
            above = (item.highest or 0.0) - (item.high or 0.0)
            far = item.highest if above > 0 else item.lowest
            shown = value_text(far, is_date=item.column in dates)
            parts.append(
                f"{item.column!r} goes to {shown}, far outside its training range "
                f"({value_text(item.low, is_date=item.column in dates)} to "
                f"{value_text(item.high, is_date=item.column in dates)})"
            )
        elif item.count > MUCH * item.cells:
            parts.append(f"{item.count / item.cells:.0%} of {item.column!r} is new to the model")
    if not parts:
        return None
    more = f"; and {len(parts) - 4} more" if len(parts) > 4 else ""
    return f"{'; '.join(parts[:4])}{more}: predictions for such rows mean little"


def value_text(value: float | None, *, is_date: bool) -> str:
    """A number, or a day."""
    if value is None:
        return ""
    if is_date:
        return str(np.datetime64(int(value), "s").astype("datetime64[D]"))
    return figure(value)
