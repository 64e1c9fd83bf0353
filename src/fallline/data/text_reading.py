"""Text files to tables: CSV, TSV, JSON lines and JSON arrays.

Polars splits a text file into fields after ``records`` has checked that it is complete, because
Polars silently pads a short line. docs/tables.md says what is read.
"""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from fallline.data.cells import Heads, Reading, check_names, named, table_from
from fallline.data.records import Records, line_of, scan_records
from fallline.data.sources import Source, encodings_of, read_bytes
from fallline.data.table import Table
from fallline.errors import TableError

__all__ = ["CsvTables", "JsonTables", "array_table", "cut", "text_tables"]

SEP_LINE = re.compile(rb'\s*"?sep=([^\r\n])"?[,;\t|]*[ \t]*\r?(?=\n|$)', re.IGNORECASE)


def text_tables(source: Source, how: Reading, size: int | None) -> Iterator[Table]:
    """Blocks of about ``size`` bytes, or the whole file.

    Raises TableError for a file without rows.
    """
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
    """The file in pieces that end at the end of a record; with ``size`` None, in one piece."""
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
    """The position after the last line end outside quotes; 0 if there is none."""
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
        self.heads: Heads | None = None

    def __call__(self, data: bytes, line: int) -> Table | None:
        text = check_text(self.source, data, line)
        text = self.less_what_is_no_row(text)
        if not text.strip():
            return None
        separator = self.separator
        if self.how.separator == " ":
            text, separator = one_tab(text), ord("\t")
        elif separator is None and self.how.separator is not None:
            separator = ord(self.how.separator)
        records = scan_records(
            self.source, text, separator=separator, first_line=line, shape=self.shape
        )
        cells, lines = split_fields(self.source, records), records.lines
        notes: list[str] = []
        if self.heads is None:
            self.separator = records.separator
            self.shape = records.width, int(lines[0])
            header = [f"column_{number}" for number in range(1, cells.width + 1)]
            if self.how.header:
                header = [name or "" for name in cells.row(0)]
                cells, lines = cells.slice(1), lines[1:]
            self.heads = named(self.source, cells, header, self.how)
            notes = self.heads.notes
        table = table_from(self.source, self.heads.of(cells), lines, self.how, "line", notes)
        return replace(table, separator=chr(records.separator))

    def less_what_is_no_row(self, text: bytes) -> bytes:
        """The text with its title lines, comments and a line "sep=;" made empty."""
        if self.shape is None:
            text = blanked_lines(text, self.how.skip_lines)
            said = SEP_LINE.match(text)
            if said is not None:
                if self.how.separator is None:
                    self.separator = said.group(1)[0]
                text = b"\n" * text.count(b"\n", 0, said.end()) + text[said.end() :]
        if self.how.comment:
            text = blanked_comments(text, self.how.comment.encode())
        return text

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
        frame = self.frame(text, line)
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

    def frame(self, text: bytes, line: int) -> pl.DataFrame:
        """The lines as columns. Raises TableError, naming the line."""
        try:
            return pl.read_ndjson(text, infer_schema_length=None)
        except pl.exceptions.PolarsError as reason:
            fault = json_fault(self.source, text, line, reason)
        try:  # Python's reader accepts NaN and Infinity, which are not JSON but are often written
            rows = [json.loads(row) for row in text.split(b"\n") if row.strip()]
        except (ValueError, RecursionError):
            raise TableError(fault) from None
        if not all(isinstance(row, dict) for row in rows):
            raise TableError(fault) from None
        return frame_of_rows(rows)

    def refuse_empty(self) -> None:
        raise TableError(f"{self.source}: is empty")


def array_table(source: Source, how: Reading) -> Table:
    """A JSON array of objects as a table. Raises TableError for anything else."""
    text = check_text(source.name, read_bytes(source.name, source.stream), 1)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise TableError(f"{source.name}: is not a JSON array of objects ({reason})") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise TableError(f"{source.name}, row {number}: is not a JSON object; each has to be")
    frame = frame_of_rows(rows)
    frame.columns = check_names(source.name, frame.columns, how.names)
    lines = np.arange(1, len(rows) + 1)
    return table_from(source.name, frame, lines, how, "row")


def frame_of_rows(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Objects as columns of numbers, truth values or texts; columns of several kinds as texts."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([series_of(name, [row.get(name) for row in rows]) for name in names])


def series_of(name: str, cells: list[Any]) -> pl.Series:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {bool}:
        return pl.Series(name, cells, dtype=pl.Boolean)
    if kinds <= {int}:
        return pl.Series(name, cells, dtype=pl.Int64, strict=False)
    if kinds <= {int, float}:
        return pl.Series(name, cells, dtype=pl.Float64, strict=False).fill_nan(None)
    if kinds & {dict, list}:
        return pl.Series(name, [[None]] * len(cells))  # left out, as lists are by the other readers
    texts = [None if cell is None else json_text(cell) for cell in cells]
    return pl.Series(name, texts, dtype=pl.String)


def json_text(cell: Any) -> str:
    return cell if isinstance(cell, str) else json.dumps(cell)


def json_fault(source: str, text: bytes, first_line: int, reason: object) -> str:
    """Which line is not a JSON object, or else the message of Polars."""
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
    """The data without a byte-order mark. Raises TableError unless they are UTF-8 text."""
    data = data.removeprefix(codecs.BOM_UTF8)
    at = data.find(b"\0")
    if at >= 0:
        half = data.count(b"\0") > len(data) / 4
        advice = "; it looks like UTF-16: --encoding utf-16-le" if half else "; is it a text file?"
        raise TableError(
            f"{source}, line {line_of(data, at, first_line)}: holds a NUL byte{advice}"
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as reason:
        raise TableError(not_utf8(source, data, reason.start, first_line)) from None
    if b"\r" in data and b"\n" not in data:
        return data.replace(b"\r", b"\n")  # the line ends of old Macintosh files
    return data


def not_utf8(source: str, data: bytes, at: int, first_line: int) -> str:
    """The place of the first byte that is not UTF-8, and the word in likely encodings."""
    start = max(data.rfind(mark, 0, at) for mark in b",;\t\n|") + 1
    ends = [end for mark in b",;\t\n\r|" if (end := data.find(mark, at)) >= 0]
    word = data[start : min(ends, default=len(data))][:30]
    ways = [
        f"--encoding {name} reads {word.decode(name, 'replace').strip()!r}"
        for name in encodings_of(data)[:3]
    ]
    advice = "; ".join(ways) or "save the file as UTF-8"
    line = line_of(data, at, first_line)
    return f"{source}, line {line}: byte 0x{data[at]:02x} is not UTF-8; {advice}"


def blanked_lines(text: bytes, n: int) -> bytes:
    """The text with its first ``n`` lines made empty, so that the others keep their numbers."""
    place = 0
    for _ in range(n):
        end = text.find(b"\n", place)
        if end < 0:
            return b"\n" * text.count(b"\n")
        place = end + 1
    return b"\n" * n + text[place:]


def blanked_comments(text: bytes, mark: bytes) -> bytes:
    """The text with lines that begin with ``mark`` outside of quotes made empty."""
    parts, place, quotes = [], 0, 0
    for found in re.finditer(rb"(?m)^[ \t]*\"?" + re.escape(mark) + rb"[^\n]*", text):
        quotes += text.count(b'"', place, found.start())
        if quotes % 2 == 0:
            parts.append(text[place : found.start()])
        else:
            parts.append(text[place : found.end()])
            quotes += text.count(b'"', found.start(), found.end())
        place = found.end()
    return b"".join([*parts, text[place:]])


def one_tab(text: bytes) -> bytes:
    """Text whose fields are separated by any number of blanks, with one tab between them."""
    pieces = text.split(b'"')
    outside = [re.sub(rb"[ \t]+", b"\t", piece) for piece in pieces[::2]]
    pieces[::2] = outside
    return re.sub(rb"(?m)^\t+|\t+(?=\r?$)", b"", b'"'.join(pieces))


def split_fields(source: str, records: Records) -> pl.DataFrame:
    """The fields of the records, as text. Raises TableError if Polars finds other records."""
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
