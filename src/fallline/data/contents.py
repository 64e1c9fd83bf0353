"""Hashes of a table's columns, which tell whether another table has the same rows in order.

A column is hashed as numbers if all its cells are numbers, else as texts, so that a Parquet file
has the hash of the CSV file with the same cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fallline.data.table import Table
from fallline.hashes import digest, new_hash

__all__ = ["Contents", "contents_of", "contents_of_files"]


@dataclass
class Contents:
    """The hashes of a table's columns, computed block by block.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> size = Path("homes.csv").write_text("area,town\n70,Bonn\n95,Trier\n")
    >>> found = contents_of(fl.read_table("homes.csv"))
    >>> found["rows"], list(found["columns"])
    (2, ['area', 'town'])
    """

    rows: int = 0
    columns: dict[str, Any] = field(default_factory=dict)

    def add(self, table: Table) -> None:
        """Add a block. All blocks have the same columns."""
        self.rows += len(table)
        for name in table.columns:
            if name not in self.columns:
                self.columns[name] = new_hash()
            for part in bytes_of(table.frame[name]):
                self.columns[name].update(part)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``rows``, and ``columns``, the hash of each by its name."""
        hashes = {name: digest(each) for name, each in self.columns.items()}
        return {"rows": self.rows, "columns": hashes}


def contents_of(table: Table) -> dict[str, Any]:
    """The hashes of a whole table, as plain data."""
    found = Contents()
    found.add(table)
    return found.to_dict()


def contents_of_files(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those of several files with the same columns, from those of each: hashes of their hashes.

    >>> one = {"rows": 2, "columns": {"a": "00" * 16}}
    >>> contents_of_files([one]) == one, contents_of_files([one, one])["rows"]
    (True, 4)
    """
    if len(files) == 1:
        return dict(files[0])
    columns = {name: new_hash() for name in files[0]["columns"]}
    for each in files:
        for name, hash_ in columns.items():
            hash_.update(bytes.fromhex(each["columns"][name]))
    hashes = {name: digest(hash_) for name, hash_ in columns.items()}
    return {"rows": sum(each["rows"] for each in files), "columns": hashes}


def bytes_of(cells: pl.Series) -> list[Any]:
    """The bytes that are hashed of a column: its numbers, or the lengths and texts of its cells."""
    numbers = cells.cast(pl.Float64, strict=False)
    if numbers.null_count() == cells.null_count():
        values = numbers.fill_null(np.nan).to_numpy() + 0.0  # -0.0 becomes 0.0
        return [np.where(np.isnan(values), np.nan, values).data]
    texts = cells.cast(pl.String)
    lengths = texts.str.len_bytes().cast(pl.Int64).fill_null(-1).to_numpy()
    return [np.ascontiguousarray(lengths).data, "".join(texts.drop_nulls().to_list()).encode()]
