"""How a file is read, and its cells: texts, numbers or missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.data.dates import check_form
from fallline.data.spelling import Spelling, implied_decimal
from fallline.data.table import Table, show
from fallline.errors import ParameterError, TableError
from fallline.limits import check_integer
from fallline.text import is_number

__all__ = ["MISSING", "Heads", "Reading", "check_names", "named", "table_from"]

MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A")
SEPARATOR_NAMES = {
    "tab": "\t",
    "\\t": "\t",
    "space": " ",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
}
KEPT = ("decimal", "thousands", "separator", "skip_lines", "comment", "sheet")


@dataclass(frozen=True)
class Reading:
    """How files are read.

    ``header``: the first line of a text file names the columns. ``names`` replace those names;
    without either, columns are called column_1, column_2, .... Cells equal to one of ``MISSING`` or
    ``missing`` are missing, here as in prediction. ``encoding`` is that of text files that are not
    UTF-8. ``only`` are the columns wanted, if the format can leave the others unread.

    ``decimal`` ("." or ",") and ``thousands`` ("", ",", ".", "'" or a blank) say how numbers are
    written, if that is not to be recognised. ``separator`` is the character between two fields of a
    text file; a blank means any number of blanks and tabs. The first ``skip_lines`` lines and lines
    that begin with ``comment`` are left out. ``sheet`` is that of an Excel file, by name or counted
    from 1. ``forms`` say how the dates of columns are written, if the model was trained on dates in
    another form. Raises ParameterError for other values.
    """

    header: bool = True
    names: Sequence[str] | None = None
    missing: Sequence[str] = ()
    encoding: str | None = None
    only: Sequence[str] | None = None
    decimal: str | None = None
    thousands: str | None = None
    separator: str | None = None
    skip_lines: int = 0
    comment: str | None = None
    sheet: str | None = None
    forms: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.missing, str) or not all(isinstance(m, str) for m in self.missing):
            raise ParameterError(
                f"missing must be a list of texts such as ['-999'], not {self.missing!r}"
            )
        for column, form in (self.forms or {}).items():
            check_form(form, column)
        decimal = self.decimal or implied_decimal(self.thousands) or "."
        Spelling(decimal, "" if self.thousands is None else self.thousands)
        check_integer("skip_lines", self.skip_lines)
        if self.separator is not None:
            separator = SEPARATOR_NAMES.get(self.separator, self.separator)
            if len(separator) != 1 or not separator.isascii() or separator in '"\n\r':
                raise ParameterError(
                    f"separator must be one character such as ; or |, or tab, not "
                    f"{self.separator!r}"
                )
            object.__setattr__(self, "separator", separator)

    def kept(self) -> dict[str, Any]:
        """The options that a model keeps for later tables."""
        given = {name: getattr(self, name) for name in KEPT if getattr(self, name)}
        if self.thousands == "":
            given["thousands"] = ""
        more = [mark for mark in self.missing if mark not in MISSING]
        return given | ({"missing": more} if more else {})


def check_names(source: str, found: list[str], names: Sequence[str] | None) -> list[str]:
    """The names of the columns.

    Raises TableError if one is empty or repeated, or there are too many.
    """
    if names is not None:
        if len(names) != len(found):
            raise TableError(
                f"{source}: has {len(found)} columns, but {len(names)} names are given"
            )
        found = [name.strip() for name in names]
    advice = "give each column a different name, in the file or by --names"
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


@dataclass(frozen=True)
class Heads:
    """The columns of a file that are taken, by their positions, with their names; and notes."""

    kept: list[int]
    names: list[str]
    notes: list[str]

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns of a frame under their names."""
        taken = frame if len(self.kept) == frame.width else frame[:, self.kept]
        taken = taken.clone()
        taken.columns = self.names
        return taken


def named(source: str, frame: pl.DataFrame, header: Sequence[str], how: Reading) -> Heads:
    """What a file's first line calls the columns of ``frame``, the cells below it.

    A first column without a name that numbers the rows is the index that pandas writes; it is left
    out. So is a column that has neither name nor cells. Raises TableError for other names that are
    empty or repeated, and if the names are numbers, because then the line is data.
    """
    found = [name.strip() for name in header]
    everything = list(range(len(found)))
    if how.names is not None:
        return Heads(everything, check_names(source, found, how.names), [])
    notes, dropped = [], []
    for number, name in enumerate(found):
        if name:
            continue
        cells = frame.to_series(number)
        texts = cells.cast(pl.String).str.strip_chars().replace("", None)
        if frame.height > 0 and texts.null_count() == frame.height:
            notes.append(f"column {number + 1} has neither a name nor cells, and is left out")
            dropped.append(number)
        elif number == 0 and "" not in found[1:] and numbers_all_rows(cells):
            notes.append(
                "the first column has no name and numbers the rows, as the index that pandas "
                "writes; it is left out"
            )
            dropped.append(0)
    kept = [number for number in everything if number not in dropped] or everything
    names = [found[number] for number in kept]
    refuse_data_as_names(source, names)
    return Heads(kept, check_names(source, names, None), notes)


def numbers_all_rows(cells: pl.Series) -> bool:
    """Whether a column holds a whole number in each row, all different."""
    whole = cells.cast(pl.Int64, strict=False)
    return len(cells) > 0 and whole.null_count() == 0 and whole.n_unique() == len(cells)


def refuse_data_as_names(source: str, found: Sequence[str]) -> None:
    """Raise TableError if names are numbers with a fraction, because then the line is data."""
    like_data = [name for name in found if is_number(name) and "." in name]
    if len(like_data) > len(found) / 2:
        raise TableError(
            f"{source}: its columns are called {', '.join(show(name) for name in found[:4])}"
            f"{', ...' if len(found) > 4 else ''}, which looks like data; use --no-header if the "
            "file has no line of names, or give them by --names"
        )


def table_from(
    source: str,
    frame: pl.DataFrame,
    lines: NDArray[np.int64],
    how: Reading,
    unit: str,
    notes: Sequence[str] = (),
) -> Table:
    """A table whose cells are texts, numbers or null; columns of other kinds are left out."""
    plain, notes = [], list(notes)
    for cells in frame.iter_columns():
        series = plain_cells(cells, (*MISSING, *how.missing))
        if series is None:
            notes.append(f"column {cells.name!r} is left out: it holds {cells.dtype}")
        else:
            plain.append(series)
    if not plain:
        raise TableError(f"{source}: has no columns of texts or numbers")
    frame = pl.DataFrame(plain)
    reading = how.kept() | ({"forms": dict(how.forms)} if how.forms else {})
    return Table(frame, source, lines, unit, notes=tuple(notes), reading=reading)


def plain_cells(cells: pl.Series, missing: Sequence[str]) -> pl.Series | None:
    """A column as texts or numbers, missing cells null; None for lists, structures and bytes."""
    kind = cells.dtype
    if kind == pl.String:
        stripped = cells.str.strip_chars()
        return stripped.set(stripped.is_in(list(missing)), None)
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
    """Numbers without those that --missing names."""
    marks = pl.Series(list(missing), dtype=pl.String).cast(pl.Float64, strict=False).drop_nulls()
    marks = marks.filter(marks.is_finite())
    if marks.is_empty():
        return cells
    return cells.set(cells.cast(pl.Float64).is_in(marks.implode()), None)
