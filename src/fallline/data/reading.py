"""Files to tables: CSV, TSV, JSON lines, Parquet and Excel, whole or in blocks of rows.

Polars cuts a text file into fields, once ``records`` has seen that it is whole: of its own it pads
a short line without a word. docs/tables.md says what is read.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from fallline.data.cells import MISSING, Reading, check_names, table_from
from fallline.data.sources import STANDARD_INPUT, Source, expand, open_source, read_bytes
from fallline.data.table import Table
from fallline.data.text_reading import CsvTables, JsonTables, cut, text_tables
from fallline.errors import TableError

__all__ = [
    "BlockReader",
    "block_readers",
    "memory_needed",
    "read_blocks",
    "read_table",
    "read_whole",
]

BLOCK_BYTES = 8 << 20
BLOCK_ROWS = 1 << 16
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_table(
    paths: Paths,
    *,
    header: bool = True,
    names: Sequence[str] | None = None,
    missing: Sequence[str] = MISSING,
    encoding: str | None = None,
) -> Table:
    r"""Read one file, or several of the same columns as one table.

    ``paths``: a file, a glob, ``-`` for standard input, or several of them. Text files are comma-,
    semicolon- or tab-separated, in UTF-8 or ``encoding``; JSON lines, Parquet and Excel files, and
    files packed by gzip or Zstandard, are recognised. The other parameters: see :class:`Reading`.

    Raises TableError, naming the file and the line, where a file cannot be read whole.

    >>> from pathlib import Path
    >>> import fallline as fl
    >>> size = Path("homes.csv").write_text("area,town,price\n70,Bonn,210\n95,Trier,\n")
    >>> table = fl.read_table("homes.csv")
    >>> table.columns, len(table), table.notes
    (['area', 'town', 'price'], 2, ())
    """
    return read_whole(paths, Reading(header, names, missing, encoding))


def read_whole(paths: Paths, how: Reading) -> Table:
    """Read the files as one table. Raises TableError as ``read_table`` does."""
    return joined([whole(path, how) for path in expand(paths)])


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
