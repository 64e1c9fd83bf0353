"""Text files to tables: CSV, TSV and JSON lines.

Polars cuts a text file into fields, once ``records`` has seen that it is whole: of its own it pads
a short line without a word. docs/tables.md says what is read.
"""

import codecs
import json
from collections.abc import Iterator

import numpy as np
import polars as pl

from fallline.data.cells import Reading, check_names, table_from
from fallline.data.records import Records, line_of, scan_records
from fallline.data.sources import Source, read_bytes
from fallline.data.table import Table
from fallline.errors import TableError

__all__ = ["CsvTables", "JsonTables", "cut", "text_tables"]


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
