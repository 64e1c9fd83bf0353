"""A ``Table``: rows of cells, each a text, a number or missing, and where each row came from.

Text files give texts throughout; Parquet and the like keep their numbers. Every question of the
encoding (numbers, counts, codes, missing cells) has one answer for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import ArrayLike
from fallline.data.spelling import Spelling
from fallline.errors import TableError
from fallline.text import is_number

__all__ = ["ABSENT", "UNKNOWN", "Table", "nearest", "parse_numbers", "show", "to_numbers"]

UNKNOWN, ABSENT = -1, -2  # the codes of a text that is not in the mapping, and of a missing cell


@dataclass(frozen=True, eq=False)
class Table:
    """A table of texts and numbers.

    ``frame`` has columns of String (whitespace stripped) and of numbers, missing cells null and no
    NaN; ``source`` is the file's name, for messages; ``lines`` (n,) is the line of the file on
    which each row begins, or the row counted from 1 if the ``unit`` is "row". If there are several
    ``files``, ``origin`` (n,) is the number of each row's file. ``notes`` are for people to read.
    ``reading`` are the options with which the files were read, without defaults; ``spellings`` say
    how the numbers of some columns were written, which have become numbers; ``index`` are the
    columns of a pandas index, ``counters`` those that count the rows of the whole file;
    ``separator`` separates the fields of a text file.
    """

    frame: pl.DataFrame
    source: str
    lines: NDArray[np.int64]
    unit: str = "line"
    files: tuple[str, ...] = ()
    origin: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    index: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    separator: str | None = None

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def __len__(self) -> int:
        return self.frame.height

    def take(self, rows: ArrayLike) -> "Table":
        """The rows at the positions ``rows`` (m,), with their line numbers."""
        rows = np.asarray(rows, dtype=np.int64)
        origin = None if self.origin is None else self.origin[rows]
        return replace(self, frame=self.frame[rows], lines=self.lines[rows], origin=origin)

    def without(self, columns: Sequence[str]) -> "Table":
        """The table without these columns. Raises TableError if it lacks one of them."""
        self.require(columns)
        return replace(self, frame=self.frame.drop(columns))

    def place(self, row: int, column: str) -> str:
        """The place of a cell, for the beginning of a message."""
        source = self.source if self.origin is None else self.files[int(self.origin[row])]
        return f"{source}, {self.unit} {self.lines[row]}, column {column!r}"

    def cell(self, row: int, column: str) -> str | None:
        value = self.frame[column][int(row)]
        return None if value is None else str(value)

    def missing(self, column: str) -> NDArray[np.bool_]:
        """(n,) True where the cell is missing."""
        cells = self.frame[column]
        if cells.null_count() == 0:  # Polars knows this at once, unlike the answer for each cell
            return np.zeros(len(self), dtype=np.bool_)
        return cells.is_null().to_numpy()

    def numbers(self, column: str) -> NDArray[np.float64]:
        """(n,) the cells as numbers; NaN if one is missing or no number. May hold infinities."""
        return to_numbers(self.frame[column])

    def texts(self, column: str) -> pl.Series:
        """The cells as texts."""
        return self.frame[column].cast(pl.String)

    def counts(self, column: str) -> list[tuple[str, int]]:
        """Each distinct text and its number of rows, the commonest first, ties by the text."""
        counted = self.texts(column).alias("text").drop_nulls().value_counts(name="rows")
        return sorted(counted.iter_rows(), key=lambda pair: (-pair[1], pair[0]))

    def codes(self, column: str, mapping: Mapping[str, int]) -> NDArray[np.int64]:
        """(n,) ``mapping`` applied to the cells; UNKNOWN for other texts, ABSENT for missing."""
        cells = self.texts(column)
        known, numbers = list(mapping), list(mapping.values())
        codes = cells.replace_strict(known, numbers, default=UNKNOWN, return_dtype=pl.Int64)
        return np.where(self.missing(column), ABSENT, codes.to_numpy())

    def require(self, columns: Sequence[str]) -> None:
        """Raise TableError, naming all that are missing, unless the table has the columns."""
        there = set(self.columns)  # Polars makes a new list each time
        lacking = [name for name in columns if name not in there]
        if not lacking:
            return
        named = ", ".join(f"{name!r}{nearest(name, self.columns)}" for name in lacking)
        noun = "no column" if len(lacking) == 1 else "none of the columns"
        listed = ", ".join(self.columns[:12]) + (", ..." if len(self.columns) > 12 else "")
        advice = ""
        if sum(is_number(name) for name in self.columns) > len(self.columns) / 2:
            advice = " (these look like data: if the file has no line of names, use --no-header)"
        count = len(self.columns)
        raise TableError(
            f"{self.source}: has {noun} {named}; its {count} columns are: {listed}{advice}"
        )


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint at the name that was probably meant, or nothing."""
    from difflib import get_close_matches

    folded = {other.casefold(): other for other in names}
    near = get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""


def show(value: str | None, most: int = 40) -> str:
    """A cell as quoted in a message; a long one is shortened."""
    text = value or ""
    return repr(text if len(text) <= most else text[: most - 3] + "...")


def parse_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """(n,) texts as numbers by the rule of ``Table.numbers``; NaN if one is no number."""
    return to_numbers(pl.Series(texts, dtype=pl.String))


def to_numbers(cells: pl.Series) -> NDArray[np.float64]:
    # Decimal and exponent notation, ASCII digits: unlike float(), no underscores between digits.
    numbers = cells if cells.dtype == pl.Float64 else cells.cast(pl.Float64, strict=False)
    values: NDArray[np.float64] = numbers.to_numpy()  # null -> NaN
    return values
