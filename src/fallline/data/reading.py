"""Files to tables: CSV, TSV, JSON lines, Parquet and Excel, whole or in blocks of rows.

Polars splits a text file into fields after ``records`` has checked that it is complete, because
Polars silently pads a short line. docs/tables.md says what is read.
"""

import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from fallline.data.cells import Reading, check_names, named, table_from
from fallline.data.frames import is_frame, polars_frame
from fallline.data.sources import STANDARD_INPUT, Source, expand, open_source, read_bytes
from fallline.data.table import Table, show
from fallline.data.text_reading import CsvTables, JsonTables, array_table, cut, text_tables
from fallline.data.totals import without_total
from fallline.errors import TableError
from fallline.memory import FOR_TABLES, check_address_space

__all__ = [
    "BlockReader",
    "as_table",
    "block_readers",
    "memory_needed",
    "read_blocks",
    "read_table",
    "read_whole",
]

BLOCK_BYTES = 8 << 20
BLOCK_ROWS = 1 << 16
UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_table(
    paths: Any,
    *,
    header: bool = True,
    names: Sequence[str] | None = None,
    missing: Sequence[str] = (),
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    separator: str | None = None,
    skip_lines: int = 0,
    comment: str | None = None,
    sheet: str | None = None,
) -> Table:
    r"""Read one file, or several of the same columns as one table.

    ``paths``: a file, a glob, ``-`` for standard input, or several of them; or a DataFrame of
    pandas or Polars, an Arrow table, or another object with ``__arrow_c_stream__``. Text files are
    separated by commas, semicolons, tabs or ``|``, in UTF-8 or ``encoding``; JSON, Parquet and
    Excel files, and files packed by gzip, bzip2, xz, Zstandard or zip, are recognised. ``header``:
    the first line names the columns; ``names`` replace those names. ``missing``: texts that mean a
    missing cell, apart from an empty one, ?, NA, N/A, n/a, NaN, nan, null, NULL and #N/A; a model
    keeps them for later tables. ``decimal`` and ``thousands``: how numbers are written, if that is
    not to be recognised. ``separator``: between two fields; a blank stands for any number of
    blanks. ``skip_lines``: the number of title lines at the start. ``comment``: lines that begin
    with it are left out. ``sheet``: of an Excel file, by name or counted from 1.

    Raises TableError, naming the file and the line, if a file cannot be read whole, and
    ParameterError for an option that cannot be used.

    >>> from pathlib import Path
    >>> import fallline as fl
    >>> size = Path("homes.csv").write_text("area,town,price\n70,Bonn,210\n95,Trier,\n")
    >>> table = fl.read_table("homes.csv")
    >>> table.columns, len(table), table.notes
    (['area', 'town', 'price'], 2, ())
    """
    how = Reading(
        header=header,
        names=names,
        missing=missing,
        encoding=encoding,
        decimal=decimal,
        thousands=thousands,
        separator=separator,
        skip_lines=skip_lines,
        comment=comment,
        sheet=sheet,
    )
    return read_whole(paths, how)


def as_table(table: Any, reading: Mapping[str, Any] | None = None) -> Table:
    """The table that Python code passes: a Table, a frame, or the path of a file.

    Files are read with the options ``reading``, if given. Raises TableError as ``read_table`` does,
    also for a value of another type.
    """
    if isinstance(table, Table):
        return table
    how = Reading(**(reading or {}))
    if is_frame(table) or isinstance(table, str | os.PathLike):
        return read_whole(table, how)
    raise TableError(
        "a table is a fallline.read_table(...), a DataFrame of pandas or Polars, an Arrow table "
        f"or the path of a file, not {type(table).__name__}"
    )


def read_whole(paths: Any, how: Reading) -> Table:
    """Read the files, or a frame, as one table. Raises TableError as ``read_table`` does."""
    if is_frame(paths):
        return table_of_frame(paths, how)
    files = expand(paths)
    check_room(files)
    return joined([whole(path, how) for path in files])


def check_room(files: Sequence[str]) -> None:
    """Raise FalllineError if memory is limited to less than reading takes, before Polars aborts.

    That is up to three times the files (tests/data/test_files.py), more where they are packed.
    """
    size = sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    what = f"reading {size / 1e6:.3g} MB at once"
    otherwise = ", or read block by block (--large)"
    check_address_space(FOR_TABLES + 3 * size, what, otherwise=otherwise)


def read_blocks(paths: Paths, how: Reading) -> Iterator[Table]:
    """The same rows in blocks of moderate size, in order, each a table.

    Raises TableError as ``read_table`` does, when it reaches the place.
    """
    for path in expand(paths):
        with open_source(path, how.encoding) as source:
            yield from less_total(blocks_of(source, how))


def less_total(blocks: Iterator[Table]) -> Iterator[Table]:
    """The blocks of a file; a single block without its row of totals."""
    first = next(blocks, None)
    second = next(blocks, None)
    if first is not None:
        yield without_total(first) if second is None else first
    if second is not None:
        yield second
        yield from blocks


def whole(path: str, how: Reading) -> Table:
    with open_source(path, how.encoding) as source:
        if source.kind in ("text", "json"):
            return without_total(next(text_tables(source, how, None)))
        if source.kind == "array":
            return without_total(array_table(source, how))
        return without_total(table_of(source, how))


def blocks_of(source: Source, how: Reading) -> Iterator[Table]:
    if source.kind in ("text", "json"):
        yield from text_tables(source, how, BLOCK_BYTES)
    elif source.kind == "parquet" and source.seekable:
        yield from parquet_tables(source, how)
    elif source.kind == "array":
        yield array_table(source, how)
    else:
        yield table_of(source, how)


def joined(tables: Sequence[Table]) -> Table:
    """Tables of the same columns, in any order, as one. Raises TableError if they differ."""
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
        reading=first.reading,
        index=first.index,
        separator=first.separator,
    )


# ---- blocks that can be read again, in any order

BlockReader = Callable[[], Table]


def memory_needed(paths: Paths) -> int:
    """About how many bytes the table takes once it is read whole; 0 if that cannot be told."""
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
    """The blocks of ``read_blocks``, each with a function that reads it again.

    Text files are read again from the block's place, Parquet files by rows. Raises TableError also
    for sources without places: packed files, standard input, Excel and UTF-16.
    """
    for path in expand(paths):
        with open_source(path, how.encoding) as source:
            if not source.seekable or source.kind in ("excel", "array"):
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
    return typed_table(path, frame, start + 1, how, index_in(path))


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


def table_of_frame(frame: Any, how: Reading | None = None, source: str = "the frame") -> Table:
    """A DataFrame or an Arrow table as a table; its rows are counted from 1.

    Raises TableError for a frame without rows, or with names that are empty or repeated.
    """
    return typed_table(source, polars_frame(frame), 1, how or Reading())


# ---- files with types of their own: Parquet and Excel


def table_of(source: Source, how: Reading) -> Table:
    """The table in a Parquet or an Excel file. Raises TableError if it cannot be read."""
    data = read_bytes(source.name, source.stream)
    try:
        if source.kind == "parquet":
            return typed_table(source.name, pl.read_parquet(data), 1, how, index_in(data))
        frame, header, first, notes = excel_frame(data, how, source.name)
    except ModuleNotFoundError:
        raise TableError(
            f"{source.name}: Excel files need one more package: pip install 'fallline[excel]'; "
            "or save the sheet as CSV"
        ) from None
    except TableError:
        raise
    except Exception as reason:  # Polars, its Parquet reader and its Excel reader each have theirs
        said = str(reason).split("\n")[0]
        what = "a Parquet file" if source.kind == "parquet" else "an Excel workbook"
        raise TableError(f"{source.name}: cannot be read as {what} ({said})") from None
    if frame.height == 0:
        raise TableError(f"{source.name}: has no rows")
    heads = named(source.name, frame, header, how)
    rows = np.arange(first, first + frame.height, dtype=np.int64)
    return table_from(source.name, heads.of(frame), rows, how, "row", [*notes, *heads.notes])


def excel_frame(
    data: bytes, how: Reading, source: str
) -> tuple[pl.DataFrame, list[str], int, list[str]]:
    """The cells of a sheet, the names above them, the number of the first row, and notes."""
    import fastexcel

    logging.getLogger("fastexcel").setLevel(logging.CRITICAL)
    book = fastexcel.read_excel(data)
    names, notes = book.sheet_names, []
    if how.sheet is None and len(names) > 1:
        others = ", ".join(show(name) for name in names[1:5])
        notes = [f"the sheet {names[0]!r} is read; --sheet names another ({others})"]
    chosen = sheet_name(how.sheet, names, source)
    skip = how.skip_lines
    header = list[str]()
    if how.header:
        top = book.load_sheet(chosen, header_row=None, skip_rows=skip, n_rows=1)
        first = pl.DataFrame(top)
        header = ["" if cell is None else str(cell) for cell in first.row(0)] if len(first) else []
    below = skip + int(how.header)
    frame = pl.DataFrame(book.load_sheet(chosen, header_row=None, skip_rows=below or None))
    if not how.header:
        header = [f"column_{number}" for number in range(1, frame.width + 1)]
    return frame, header, below + 1, notes


def sheet_name(sheet: str | None, names: Sequence[str], source: str) -> str:
    """The sheet meant. Raises TableError if there is none."""
    if sheet is None:
        return names[0]
    if sheet in names:
        return sheet
    if sheet.isdigit() and 0 < int(sheet) <= len(names):
        return names[int(sheet) - 1]
    listed = ", ".join(show(name) for name in names[:8])
    raise TableError(f"{source}: has no sheet {sheet!r}; its sheets are: {listed}")


def typed_table(
    source: str, frame: pl.DataFrame, first: int, how: Reading, index: Sequence[str] = ()
) -> Table:
    """A frame whose columns have types and names. ``index``: those of a pandas index."""
    if frame.height == 0:
        raise TableError(f"{source}: has no rows")
    unnamed = [name for name in index if UNNAMED_INDEX.fullmatch(name) and name in frame.columns]
    notes = [f"the pandas index {name!r} is left out" for name in unnamed]
    if len(unnamed) < frame.width:
        frame = frame.drop(unnamed)
    frame.columns = check_names(source, frame.columns, how.names)
    rows = np.arange(first, first + frame.height, dtype=np.int64)
    table = table_from(source, frame, rows, how, "row", notes)
    kept = tuple(name for name in index if name in table.columns)
    return replace(table, index=kept) if kept else table


def index_in(parquet: bytes | str) -> list[str]:
    """The columns that are the index of a pandas DataFrame, by the file's metadata."""
    source = io.BytesIO(parquet) if isinstance(parquet, bytes) else parquet
    try:
        facts = json.loads(pl.read_parquet_metadata(source).get("pandas", "{}"))
        return [name for name in facts.get("index_columns", []) if isinstance(name, str)]
    except (pl.exceptions.PolarsError, ValueError, AttributeError, TypeError, OSError):
        return []  # reading the rows will say what is wrong with the file


def parquet_tables(source: Source, how: Reading) -> Iterator[Table]:
    """Blocks of a Parquet file, by Polars' streaming; only the columns wanted are decoded."""
    row, index = 1, index_in(source.name)
    try:
        for frame in scan_wanted(source.name, how).collect_batches(chunk_size=BLOCK_ROWS):
            if frame.height:
                yield typed_table(source.name, frame, row, how, index)
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
