"""Text tables: a CSV file to a ``Table`` whose every cell is text or missing, and columns back.

Polars cuts the file into fields, once ``records`` has seen that it is whole: of its own it pads a
short line without a word. docs/tables.md says what is read.
"""

import codecs
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import Array, ArrayLike
from fallline.atomic import write_bytes
from fallline.errors import ShapeError, TableError
from fallline.records import Records, line_of, scan_records

__all__ = [
    "ABSENT",
    "MISSING",
    "UNKNOWN",
    "Table",
    "nearest",
    "parse_numbers",
    "read_table",
    "show",
    "write_csv",
]

MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A")
UNKNOWN, ABSENT = -1, -2  # the codes of a text that is not in the mapping, and of a missing cell
SPECIAL = re.compile(r'[,;\t"\r\n]')
OTHER_FORMATS = {
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or save it as CSV",
    b"PAR1": "a Parquet file: save it as CSV",
    codecs.BOM_UTF16_LE: "UTF-16 text: save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16 text: save it as UTF-8",
}


@dataclass(frozen=True, eq=False)
class Table:
    """A table of text.

    ``frame`` has String columns only, whitespace stripped, missing cells null; ``source`` is the
    file's name, for messages; ``lines`` (n,) is the line of the file on which each row begins.
    """

    frame: pl.DataFrame
    source: str
    lines: NDArray[np.int64]

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def __len__(self) -> int:
        return self.frame.height

    def take(self, rows: ArrayLike) -> "Table":
        """The rows at the positions ``rows`` (m,), with the lines they came from."""
        rows = np.asarray(rows, dtype=np.int64)
        return Table(self.frame[rows], self.source, self.lines[rows])

    def place(self, row: int, column: str) -> str:
        """Where a cell stands, to begin a message with."""
        return f"{self.source}, line {self.lines[row]}, column {column!r}"

    def cell(self, row: int, column: str) -> str | None:
        value: str | None = self.frame[column][int(row)]
        return value

    def missing(self, column: str) -> NDArray[np.bool_]:
        """(n,) True where the cell is missing."""
        cells = self.frame[column]
        if cells.null_count() == 0:  # known to Polars at once, unlike the answer cell by cell
            return np.zeros(len(self), dtype=np.bool_)
        return cells.is_null().to_numpy()

    def numbers(self, column: str) -> NDArray[np.float64]:
        """(n,) the cells as numbers; NaN where one is missing or no number. May hold infinities."""
        return to_numbers(self.frame[column])

    def counts(self, column: str) -> list[tuple[str, int]]:
        """Each distinct text and its number of rows, the commonest first, ties by the text."""
        counted = self.frame[column].alias("text").drop_nulls().value_counts(name="rows")
        return sorted(counted.iter_rows(), key=lambda pair: (-pair[1], pair[0]))

    def codes(self, column: str, mapping: Mapping[str, int]) -> NDArray[np.int64]:
        """(n,) ``mapping`` applied to the cells; UNKNOWN for other texts, ABSENT for missing."""
        cells = self.frame[column]
        known, numbers = list(mapping), list(mapping.values())
        codes = cells.replace_strict(known, numbers, default=UNKNOWN, return_dtype=pl.Int64)
        return np.where(self.missing(column), ABSENT, codes.to_numpy())

    def require(self, columns: Sequence[str]) -> None:
        """Raise TableError, naming all that are missing, unless the table has the columns."""
        lacking = [name for name in columns if name not in self.columns]
        if not lacking:
            return
        named = ", ".join(f"{name!r}{nearest(name, self.columns)}" for name in lacking)
        noun = "no column" if len(lacking) == 1 else "none of the columns"
        listed = ", ".join(self.columns[:12]) + (", ..." if len(self.columns) > 12 else "")
        raise TableError(
            f"{self.source}: has {noun} {named}; its {len(self.columns)} columns are: {listed}"
        )


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint at the name that was perhaps meant, or nothing."""
    folded = {other.casefold(): other for other in names}
    near = get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""


def show(value: str | None, most: int = 40) -> str:
    """A cell as it is quoted in a message, shortened where it is long."""
    text = value or ""
    return repr(text if len(text) <= most else text[: most - 3] + "...")


def parse_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """(n,) texts as numbers by the rule of ``Table.numbers``; NaN where one is no number."""
    return to_numbers(pl.Series(texts, dtype=pl.String))


def to_numbers(cells: pl.Series) -> NDArray[np.float64]:
    # Decimal and exponent notation, ASCII digits: unlike float(), no underscores between digits.
    values: NDArray[np.float64] = cells.cast(pl.Float64, strict=False).to_numpy()  # null -> NaN
    return values


# ---- reading


def read_table(
    path: str | os.PathLike[str],
    *,
    header: bool = True,
    names: Sequence[str] | None = None,
    missing: Sequence[str] = MISSING,
) -> Table:
    """Read a comma-, semicolon- or tab-separated text file in UTF-8.

    ``header``: the first line names the columns. ``names`` replace those names; without either,
    columns are called column_1, column_2, .... Cells equal to one of ``missing`` after stripping
    are missing, and empty cells always are.

    Raises TableError, naming the file and the line, where the file cannot be read whole.
    """
    source = os.fspath(path)
    data = check_text(source, read_bytes(source))
    records = scan_records(source, data)
    cells = split_fields(source, records)
    lines = records.lines
    if header:
        first, cells, lines = cells.row(0), cells.slice(1), lines[1:]
        found = [(name or "").strip() for name in first]
    else:
        found = [f"column_{number}" for number in range(1, cells.width + 1)]
    cells.columns = check_names(source, found, names)
    if cells.height == 0:
        raise TableError(f"{source}: has a line of column names, but no rows below it")
    absent = list({"", *missing})
    stripped = cells.with_columns(pl.all().str.strip_chars())
    empty = pl.all().is_in(absent)
    frame = stripped.with_columns(pl.when(empty).then(None).otherwise(pl.all()).name.keep())
    return Table(frame, source, lines)


def read_bytes(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise TableError(f"{source}: there is no such file") from None
    except IsADirectoryError:
        raise TableError(f"{source}: is a folder, not a file") from None
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the name
        text = getattr(reason, "strerror", None) or reason
        raise TableError(f"{source}: cannot be read ({text})") from None


def check_text(source: str, data: bytes) -> bytes:
    """The data less a byte-order mark. Raises TableError unless they are UTF-8 text."""
    for mark, kind in OTHER_FORMATS.items():
        if data.startswith(mark):
            raise TableError(f"{source}: is {kind}")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise TableError(f"{source}: is empty")
    at = data.find(b"\0")
    if at >= 0:
        raise TableError(
            f"{source}, line {line_of(data, at)}: holds a NUL byte; is it a text file?"
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as reason:
        raise TableError(
            f"{source}, line {line_of(data, reason.start)}: byte 0x{data[reason.start]:02x} is not "
            "UTF-8; save the file as UTF-8"
        ) from None
    if b"\r" in data and b"\n" not in data:
        return data.replace(b"\r", b"\n")  # the line ends of old Macintosh files
    return data


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


def split_fields(source: str, records: Records) -> pl.DataFrame:
    """The fields of the records, as text. Raises TableError where Polars sees other records."""
    try:
        cells = pl.read_csv(
            records.data,
            has_header=False,
            infer_schema=False,
            separator=chr(records.separator),
            quote_char='"' if records.quoted else None,
        )
    except pl.exceptions.PolarsError as reason:
        raise TableError(
            f"{source}: cannot be read as CSV ({str(reason).split(chr(10))[0]})"
        ) from None
    if cells.shape != (len(records.lines), records.width):
        raise TableError(f"{source}: cannot be read as CSV: its quotes do not pair up")
    return cells


# ---- writing


def write_csv(
    path: str | os.PathLike[str] | None, columns: Mapping[str, Sequence[Any] | Array]
) -> None:
    """Write columns of one length, with a line of names: to a file, atomically, or to stdout.

    ``path`` None means standard output; a value that is None becomes an empty cell. Raises
    FileWriteError where the file cannot be written, ShapeError where the lengths differ.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"the columns differ in length: {lengths}")
    rows = [columns, *zip(*columns.values(), strict=True)]
    lines = [",".join(map(quote, row)) or '""' for row in rows]  # an empty line is no row
    text = "\n".join([*lines, ""])
    if path is None:
        sys.stdout.write(text)
    else:
        write_bytes(path, text.encode())


def quote(value: Any) -> str:
    # Not the csv module: it leaves a lone carriage return unquoted, and then cannot read it.
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if SPECIAL.search(text) else text
