"""Columns to a file: CSV, JSON lines or Parquet, at once or block by block, atomically."""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import polars as pl

from fallline.arrays import Array
from fallline.atomic import folder_beside, replacing
from fallline.errors import FileWriteError, ShapeError

__all__ = ["Columns", "write_blocks", "write_csv"]

Columns = Mapping[str, Sequence[Any] | Array | pl.Series]
SPECIAL = re.compile(r'[,;\t"\r\n]')
FORMULA = r"^[=+\-@\t\r]"  # what a spreadsheet runs (OWASP, CSV injection)


def write_csv(path: str | os.PathLike[str] | None, columns: Columns) -> None:
    """Write columns of one length, with a line of names, to a file (atomically) or to stdout.

    ``path`` None means standard output; a value that is None becomes an empty cell. Raises
    FileWriteError if the file cannot be written, ShapeError if the lengths differ.
    """
    write_csv_blocks(path, [columns])


def write_blocks(
    path: str | os.PathLike[str] | None,
    blocks: Iterable[Columns],
    *,
    json: bool = False,
    stream: TextIO | None = None,
    spreadsheet: bool = False,
) -> None:
    """Write blocks of the same columns one after another, in the format that ``path`` ends with.

    Parquet, JSON lines (.jsonl, .ndjson), otherwise CSV in UTF-8. If ``path`` is None, write to
    ``stream``, by default standard output, as JSON lines with ``json``. With ``spreadsheet``, texts
    that a spreadsheet would run as a formula begin with an apostrophe. Raises FileWriteError if the
    file cannot be written; an older file then stays as it was.
    """
    if spreadsheet:
        blocks = map(guarded, blocks)
    ending = "" if path is None else Path(path).suffix.lower()
    if path is not None and ending in (".parquet", ".pq"):
        write_parquet_blocks(Path(path), blocks)
    elif ending in (".jsonl", ".ndjson") or (path is None and json):
        write_texts(path, (frame(block).write_ndjson() for block in blocks), stream)
    else:
        write_csv_blocks(path, blocks, stream)


def write_csv_blocks(
    path: str | os.PathLike[str] | None, blocks: Iterable[Columns], stream: TextIO | None = None
) -> None:
    texts = (csv_text(block, names=number == 0) for number, block in enumerate(blocks))
    write_texts(path, texts, stream)


def write_texts(
    path: str | os.PathLike[str] | None, texts: Iterable[str], stream: TextIO | None
) -> None:
    if path is None:
        (sys.stdout if stream is None else stream).writelines(texts)
        return
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(texts)


def guarded(columns: Columns) -> Columns:
    """The columns with an apostrophe before each name and text that would run as a formula.

    >>> guarded({"=a": ["=1+1", "b"], "n": [-1.0, 2.0]})
    {"'=a": ["'=1+1", 'b'], 'n': [-1.0, 2.0]}
    """
    harmless = {}
    for name, values in columns.items():
        harmless[f"'{name}" if re.match(FORMULA, name) else name] = guarded_cells(values)
    return harmless


def guarded_cells(values: Any) -> Any:
    cells = pl.Series(plain(values))
    if cells.dtype != pl.String:
        return values
    texts = pl.when(cells.str.contains(FORMULA)).then("'" + cells).otherwise(cells)
    return pl.select(texts).to_series().to_list()


def csv_text(columns: Columns, *, names: bool) -> str:
    data = frame(columns)
    # An empty line would not be a row, so the only cell of a row is never left empty.
    text = data.write_csv(include_header=False, null_value='""' if data.width == 1 else None)
    return ",".join(map(quote, data.columns)) + "\n" + text if names else text


def quote(name: str) -> str:
    # A reader that looks for the separator in the first line must find the right one.
    return '"' + name.replace('"', '""') + '"' if SPECIAL.search(name) else name


def frame(columns: Columns) -> pl.DataFrame:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"the columns differ in length: {lengths}")
    return pl.DataFrame({name: plain(values) for name, values in columns.items()})


def plain(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) and values.dtype == object else values


def write_parquet_blocks(path: Path, blocks: Iterable[Columns]) -> None:
    """Each block to its own file, then all to one: Polars does not append rows to a file."""
    with (
        replacing(path) as temporary,
        folder_beside(path) as folder,
    ):
        for number, block in enumerate(blocks):
            told(frame(block).write_parquet, path, folder / f"{number:08}.parquet")
        told(pl.scan_parquet(f"{folder}/*.parquet").sink_parquet, path, temporary)


def told(write: Any, path: Path, to: Path) -> None:
    try:
        write(to)
    except pl.exceptions.PolarsError as reason:
        first = str(reason).split("\n")[0]
        raise FileWriteError(f"{path}: cannot be written ({first})") from None
