"""Files to tables: CSV, TSV, JSON lines, Parquet and Excel, whole or in blocks of rows.

Polars cuts a text file into fields, once ``records`` has seen that it is whole: of its own it pads
a short line without a word. docs/tables.md says what is read.
"""

import codecs
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.errors import TableError
from fallline.records import Records, line_of, scan_records
from fallline.sources import STANDARD_INPUT, Source, expand, open_source, read_bytes
from fallline.tables import Table

__all__ = [
    "MISSING",
    "BlockReader",
    "Reading",
    "block_readers",
    "memory_needed",
    "read_blocks",
    "read_table",
]

MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A")
BLOCK_BYTES = 8 << 20
BLOCK_ROWS = 1 << 16
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


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


def read_table(
    paths: Paths,
    *,
    header: bool = True,
    names: Sequence[str] | None = None,
    missing: Sequence[str] = MISSING,
    encoding: str | None = None,
) -> Table:
    """Read one file, or several of the same columns as one table.

    ``paths``: a file, a glob, ``-`` for standard input, or several of them. Text files are comma-,
    semicolon- or tab-separated, in UTF-8 or ``encoding``; JSON lines, Parquet and Excel files, and
    files packed by gzip or Zstandard, are recognised. The other parameters: see :class:`Reading`.

    Raises TableError, naming the file and the line, where a file cannot be read whole.
    """
    how = Reading(header, names, missing, encoding)
    files = expand(paths)
    return joined([whole(path, how) for path in files])


def read_blocks(paths: Paths, how: Reading) -> Iterator[Table]:
    """The same rows in blocks of moderate size, in order, each a table of its own.

    Raises TableError as ``read_table`` does, once it comes to the place.
    """
    for path in expand(paths):
        with open_source(path, how.encoding) as source:
            yield from blocks_of(source, how)


def whole(path: str, how: Reading) -> Table:
    with open_source(path, how.encoding) as source:
        if source.kind in ("text", "json"):
            return next(text_tables(source, how, None))
        return table_of(source, whole_frame(source), how)


def blocks_of(source: Source, how: Reading) -> Iterator[Table]:
    if source.kind in ("text", "json"):
        yield from text_tables(source, how, BLOCK_BYTES)
    elif source.kind == "parquet" and source.seekable:
        yield from parquet_tables(source, how)
    else:
        yield table_of(source, whole_frame(source), how)


def joined(tables: Sequence[Table]) -> Table:
    """Tables of the same columns, in any order, as one. Raises TableError where they differ."""
    first = tables[0]
    if len(tables) == 1:
        return first
    for other in tables[1:]:
        other.require(first.columns)
        first.require(other.columns)
    return Table(
        frame=pl.concat([t.frame.select(first.columns) for t in tables], how="vertical_relaxed"),
        source=f"{first.source} and {len(tables) - 1} more",
        lines=np.concatenate([table.lines for table in tables]),
        unit=first.unit,
        files=tuple(table.source for table in tables),
        origin=np.repeat(np.arange(len(tables)), [len(table) for table in tables]),
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )


# ---- blocks that can be read again, in any order

BlockReader = Callable[[], Table]


def memory_needed(paths: Paths) -> int:
    """About how many bytes the table takes once it is read whole; 0 where that cannot be told."""
    return sum(bytes_of(path) for path in expand(paths) if path != STANDARD_INPUT)


def bytes_of(path: str) -> int:
    with open_source(path) as source:
        if source.kind != "parquet" or not source.seekable:
            return os.path.getsize(path)
        try:
            scan = pl.scan_parquet(path)
            n_rows = int(scan.select(pl.len()).collect().item())
            return 8 * n_rows * len(scan.collect_schema())
        except pl.exceptions.PolarsError:
            return 0  # reading it will say what is wrong


def block_readers(paths: Paths, how: Reading) -> Iterator[tuple[Table, BlockReader]]:
    """The blocks of ``read_blocks``, each with what reads it again.

    Text files are read again from the block's place, Parquet files by rows. Raises TableError
    also for what has no places: packed files, standard input, Excel and UTF-16.
    """
    for path in expand(paths):
        with open_source(path, how.encoding) as source:
            if not source.seekable or source.kind == "excel":
                raise TableError(
                    f"{source.name}: a table larger than memory must be a plain text or Parquet "
                    "file; unpack or convert it"
                )
            if source.kind == "parquet":
                yield from parquet_readers(source, how)
            else:
                yield from text_readers(source, how)


def parquet_readers(source: Source, how: Reading) -> Iterator[tuple[Table, BlockReader]]:
    row = 0
    for table in parquet_tables(source, how):
        yield table, partial(parquet_rows, source.name, how, row, len(table))
        row += len(table)


def parquet_rows(path: str, how: Reading, start: int, n_rows: int) -> Table:
    try:
        frame = scan_wanted(path, how).slice(start, n_rows).collect()
    except (pl.exceptions.PolarsError, OSError) as reason:
        first = str(reason).split("\n")[0]
        raise TableError(f"{path}: cannot be read as a Parquet file ({first})") from None
    return typed_table(path, frame, start + 1, how)


def text_readers(source: Source, how: Reading) -> Iterator[tuple[Table, BlockReader]]:
    make = JsonTables(source.name, how) if source.kind == "json" else CsvTables(source.name, how)
    line, place = 1, 0
    for data in cut(source, BLOCK_BYTES, quotes=source.kind == "text"):
        first = place == 0
        table = make(data, line)
        if table is not None and len(table) > 0:
            fresh = JsonTables(source.name, how) if source.kind == "json" else None
            again = partial(text_at, make, fresh, source.name, place, len(data), line, first=first)
            yield table, again
        line, place = line + data.count(b"\n"), place + len(data)
    if place == 0:
        make.refuse_empty()


def text_at(
    make: "CsvTables | JsonTables",
    fresh: "JsonTables | None",
    path: str,
    place: int,
    length: int,
    line: int,
    *,
    first: bool,
) -> Table:
    with open_source(path) as source:
        source.stream.seek(place)
        data = read_bytes(path, source.stream, length)
    if isinstance(make, CsvTables) and first:
        make = CsvTables(make.source, make.how)  # the block that holds the names
    table = (fresh or make)(data, line)
    if table is None:
        raise TableError(f"{path}: has changed while it was read")
    return table


# ---- text: CSV, TSV and JSON lines


def text_tables(source: Source, how: Reading, size: int | None) -> Iterator[Table]:
    """Blocks of about ``size`` bytes, or the whole. Raises TableError for a file without rows."""
    make = JsonTables(source.name, how) if source.kind == "json" else CsvTables(source.name, how)
    n_rows, line = 0, 1
    for data in cut(source, size, quotes=source.kind == "text"):
        table = make(data, line)
        line += data.count(b"\n")
        if table is not None and len(table) > 0:
            n_rows += len(table)
            yield table
    if n_rows == 0:
        make.refuse_empty()


def cut(source: Source, size: int | None, *, quotes: bool) -> Iterator[bytes]:
    """The file in pieces that end where a record does; with ``size`` None, in one piece."""
    if size is None:
        yield read_bytes(source.name, source.stream)
        return
    rest = b""
    while piece := read_bytes(source.name, source.stream, size):
        rest += piece
        end = last_record_end(rest, quotes=quotes)
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def last_record_end(data: bytes, *, quotes: bool) -> int:
    """Behind the last line end that an even number of quotes precedes; 0 where there is none."""
    end = data.rfind(b"\n") + 1
    while quotes and end > 0 and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


class CsvTables:
    """Blocks of one CSV file to tables: the first sets the separator and the names."""

    def __init__(self, source: str, how: Reading) -> None:
        self.source, self.how = source, how
        self.separator: int | None = None
        self.shape: tuple[int, int] | None = None
        self.names: list[str] = []

    def __call__(self, data: bytes, line: int) -> Table | None:
        text = check_text(self.source, data, line)
        if not text.strip():
            return None
        records = scan_records(
            self.source, text, separator=self.separator, first_line=line, shape=self.shape
        )
        cells, lines = split_fields(self.source, records), records.lines
        if self.shape is None:
            self.separator = records.separator
            self.shape = records.width, int(lines[0])
            self.names = self.find_names(cells)
            if self.how.header:
                cells, lines = cells.slice(1), lines[1:]
        cells.columns = self.names
        return table_from(self.source, cells, lines, self.how, "line")

    def find_names(self, cells: pl.DataFrame) -> list[str]:
        if self.how.header:
            found = [(name or "").strip() for name in cells.row(0)]
        else:
            found = [f"column_{number}" for number in range(1, cells.width + 1)]
        return check_names(self.source, found, self.how.names)

    def refuse_empty(self) -> None:
        if self.shape is None:
            raise TableError(f"{self.source}: is empty")
        raise TableError(f"{self.source}: has a line of column names, but no rows below it")


class JsonTables:
    """Blocks of one file of JSON lines to tables; later blocks get the columns of the first."""

    def __init__(self, source: str, how: Reading) -> None:
        self.source, self.how = source, how
        self.columns: list[str] | None = None

    def __call__(self, data: bytes, line: int) -> Table | None:
        text = check_text(self.source, data, line)
        kept = [i for i, row in enumerate(text.split(b"\n")) if row.strip()]
        if not kept:
            return None
        try:
            frame = pl.read_ndjson(text, infer_schema_length=None)
        except pl.exceptions.PolarsError as reason:
            raise TableError(json_fault(self.source, text, line, reason)) from None
        if frame.height != len(kept):
            raise TableError(json_fault(self.source, text, line, "records run over lines"))
        if self.columns is None:
            self.columns = frame.columns
        lacking = [pl.lit(None, pl.String).alias(c) for c in self.columns if c not in frame.columns]
        table = table_from(
            self.source,
            frame.with_columns(lacking).select(self.columns),
            np.asarray(kept, dtype=np.int64) + line,
            self.how,
            "line",
        )
        check_names(self.source, table.columns, None)
        return table

    def refuse_empty(self) -> None:
        raise TableError(f"{self.source}: is empty")


def json_fault(source: str, text: bytes, first_line: int, reason: object) -> str:
    """Which line is no JSON object; else what Polars said."""
    for number, line in enumerate(text.split(b"\n"), start=first_line):
        try:
            good = not line.strip() or isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            good = False
        if not good:
            return f"{source}, line {number}: is not a JSON object; each line has to be one"
    first = str(reason).split("\n")[0]
    return f"{source}: cannot be read as JSON lines ({first})"


def check_text(source: str, data: bytes, first_line: int) -> bytes:
    """The data less a byte-order mark. Raises TableError unless they are UTF-8 text."""
    data = data.removeprefix(codecs.BOM_UTF8)
    at = data.find(b"\0")
    if at >= 0:
        raise TableError(
            f"{source}, line {line_of(data, at, first_line)}: holds a NUL byte; is it a text file?"
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as reason:
        line = line_of(data, reason.start, first_line)
        raise TableError(
            f"{source}, line {line}: byte 0x{data[reason.start]:02x} is not UTF-8; save the file "
            "as UTF-8, or name its encoding (--encoding cp1252)"
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


# ---- files with types of their own: Parquet and Excel


def whole_frame(source: Source) -> pl.DataFrame:
    data = read_bytes(source.name, source.stream)
    try:
        if source.kind == "parquet":
            return pl.read_parquet(data)
        return pl.read_excel(data)
    except ModuleNotFoundError:
        raise TableError(
            f"{source.name}: Excel files need one more package: pip install 'fallline[excel]'; "
            "or save the sheet as CSV"
        ) from None
    except Exception as reason:  # Polars, its Parquet reader and its Excel reader each have theirs
        first = str(reason).split("\n")[0]
        what = "a Parquet file" if source.kind == "parquet" else "an Excel workbook"
        raise TableError(f"{source.name}: cannot be read as {what} ({first})") from None


def table_of(source: Source, frame: pl.DataFrame, how: Reading) -> Table:
    if frame.height == 0:
        raise TableError(f"{source.name}: has no rows")
    first = 2 if source.kind == "excel" else 1  # a sheet's first row holds the names
    return typed_table(source.name, frame, first, how)


def typed_table(source: str, frame: pl.DataFrame, first: int, how: Reading) -> Table:
    frame.columns = check_names(source, frame.columns, how.names)
    rows = np.arange(first, first + frame.height, dtype=np.int64)
    return table_from(source, frame, rows, how, "row")


def table_of_frame(frame: Any, source: str = "the frame") -> Table:
    """A pandas DataFrame as a table; its rows are counted from 1. Needs pyarrow."""
    return typed_table(source, pl.from_pandas(frame), 1, Reading())


def parquet_tables(source: Source, how: Reading) -> Iterator[Table]:
    """Blocks of a Parquet file, by Polars' streaming; only the columns wanted are decoded."""
    row = 1
    try:
        for frame in scan_wanted(source.name, how).collect_batches(chunk_size=BLOCK_ROWS):
            if frame.height:
                yield typed_table(source.name, frame, row, how)
                row += frame.height
    except (pl.exceptions.PolarsError, OSError) as reason:
        first = str(reason).split("\n")[0]
        raise TableError(f"{source.name}: cannot be read as a Parquet file ({first})") from None
    if row == 1:
        raise TableError(f"{source.name}: has no rows")


def scan_wanted(path: str, how: Reading) -> pl.LazyFrame:
    scan = pl.scan_parquet(path)
    if how.only is None or how.names is not None:
        return scan
    return scan.select([c for c in scan.collect_schema().names() if c in how.only])


# ---- cells


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
