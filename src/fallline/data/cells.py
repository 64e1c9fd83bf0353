"""How a file is read, and its cells: texts, numbers or missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.data.table import Table
from fallline.errors import TableError

__all__ = ["MISSING", "Reading", "check_names", "table_from"]

MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A")


@dataclass(frozen=True)
class Reading:
    """How files are read.

    ``header``: the first line of a text file names the columns. ``names`` replace those names;
    without either, columns are called column_1, column_2, .... Cells equal to one of ``missing``
    are missing, and empty cells always are. ``encoding`` is that of text files that are not
    UTF-8. ``only`` are the columns wanted, where a format can leave the others unread.
    """

    header: bool = True
    names: Sequence[str] | None = None
    missing: Sequence[str] = MISSING
    encoding: str | None = None
    only: Sequence[str] | None = None


def check_names(source: str, found: list[str], names: Sequence[str] | None) -> list[str]:
    """The names of the columns. Raises TableError where one is empty, double, or too many."""
    if names is not None:
        if len(names) != len(found):
            raise TableError(
                f"{source}: has {len(found)} columns, but {len(names)} names are given"
            )
        found = [name.strip() for name in names]
    advice = "give each column a name of its own, in the file or by --names"
    if names is None:
        advice += " (if the first line is data, use --no-header)"
    seen: dict[str, int] = {}
    for number, name in enumerate(found, start=1):
        if not name:
            raise TableError(f"{source}: column {number} has no name; {advice}")
        if name in seen:
            raise TableError(
                f"{source}: columns {seen[name]} and {number} are both {name!r}; {advice}"
            )
        seen[name] = number
    return found


def table_from(
    source: str, frame: pl.DataFrame, lines: NDArray[np.int64], how: Reading, unit: str
) -> Table:
    """A table whose cells are texts, numbers or null; columns of other kinds are left out."""
    plain, notes = [], []
    for cells in frame.iter_columns():
        series = plain_cells(cells, how.missing)
        if series is None:
            notes.append(f"column {cells.name!r} is left out: it holds {cells.dtype}")
        else:
            plain.append(series)
    if not plain:
        raise TableError(f"{source}: has no columns of texts or numbers")
    return Table(pl.DataFrame(plain), source, lines, unit, notes=tuple(notes))


def plain_cells(cells: pl.Series, missing: Sequence[str]) -> pl.Series | None:
    """A column as texts or numbers, missing cells null; None for lists, structures and bytes."""
    kind = cells.dtype
    if kind == pl.String:
        stripped = cells.str.strip_chars()
        return stripped.set(stripped.is_in(list({"", *missing})), None)
    if kind in (pl.Boolean, pl.Categorical, pl.Enum, pl.Date, pl.Time, pl.Null):
        return cells.cast(pl.String)
    if kind == pl.Datetime:
        return cells.dt.replace_time_zone(None).dt.to_string("%Y-%m-%d %H:%M:%S")
    if kind == pl.Duration:
        return cells.dt.total_microseconds() / 1e6
    if kind.is_numeric():
        return without_marks(cells if kind.is_integer() else as_floats(cells), missing)
    return None


def as_floats(cells: pl.Series) -> pl.Series:
    return (cells if cells.dtype == pl.Float64 else cells.cast(pl.Float64)).fill_nan(None)


def without_marks(cells: pl.Series, missing: Sequence[str]) -> pl.Series:
    """Numbers less those that --missing names."""
    marks = pl.Series(list(missing), dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls()
    marks = marks.filter(marks.is_finite())
    if marks.is_empty():
        return cells
    return cells.set(cells.cast(pl.Float64).is_in(marks.implode()), None)
