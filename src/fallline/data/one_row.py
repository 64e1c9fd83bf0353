"""The compact rows of one row of cells after another, in microseconds: for a service.

Numbers are encoded here; every other cell (a text, a date, a number written as text) once, as a
table of one cell, and is remembered. So a row gives the same bits as in a table.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from fallline.core.compact import CompactRows, FeatureMap
from fallline.data.cells import Reading
from fallline.data.columns import BinnedColumn, CellColumn, PlaceColumn, along
from fallline.data.compact import compact
from fallline.data.encoding import Encoding
from fallline.data.piecewise import FARTHEST, smooth_clip
from fallline.data.reading import table_of_frame
from fallline.data.table import Table, parse_numbers
from fallline.data.targets import column_numbers
from fallline.errors import TableError

__all__ = ["RowEncoder"]

SOURCE = "the cells"
REMEMBERED = 10_000  # cells of a column, the last ones that came


class Encoded(NamedTuple):
    """A compact row as lists, to be filled."""

    numbers: list[float]
    rows: list[int]
    fractions: list[float]


class RowEncoder:
    """Encodes a row of cells into ``row``, compact rows of which there is one.

    ``reading`` are the options with which the training files were read.
    """

    def __init__(self, encoding: Encoding, dtype: np.dtype, reading: Mapping[str, Any]) -> None:
        self.arguments = encoding, dtype, reading
        self.encoding, self.dtype, self.how = encoding, dtype, Reading(**reading)
        marks = parse_numbers(list(self.how.missing)).tolist()
        self.missing = {mark for mark in marks if isfinite(mark)}
        self.row = compact(
            encoding, self.table({each.name: None for each in encoding.cells}), dtype
        )
        self.blank = as_lists(self.row)
        self.numbers: list[NumberCells] = []
        self.places: list[PlaceCells] = []
        self.others: list[OtherCells] = []
        start = 0
        for column in encoding.used:
            if isinstance(column, BinnedColumn):
                self.numbers.append(NumberCells(self, column, start))
            elif isinstance(column, PlaceColumn):
                self.places.append(PlaceCells(self, column, start))
            else:
                self.others.append(OtherCells(self, column, start))
            start += len(column.features)
        in_places = [each.scaled for place in self.places for each in place.parts]
        self.scaled_at = np.array([each.scaled for each in self.numbers] + in_places, dtype=np.intp)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is made anew, and remembers nothing."""
        return RowEncoder, self.arguments

    def __call__(self, cells: Mapping[str, Any]) -> CompactRows:
        """``row``, which is now that of the cells {column: cell}; other columns are ignored.

        Raises TableError if a column is missing, or a cell cannot be used.
        """
        blank = self.blank
        found = Encoded(blank.numbers[:], blank.rows[:], blank.fractions[:])
        try:
            scaled = [each.put(cells[each.name], found) for each in self.numbers]
            for place in self.places:
                scaled += place.put(cells, found)
            for other in self.others:
                other.put(cells[other.name], found)
        except (KeyError, TypeError):
            self.check_cells(cells)
            raise
        row = self.row
        row.numbers[0], row.rows[0], row.fractions[0] = found
        if scaled:
            row.numbers[0, self.scaled_at] = smooth_clip(np.array(scaled))
        return row

    def check_cells(self, cells: Mapping[str, Any]) -> None:
        """Raise TableError if a column is missing, or a cell is a list or the like."""
        if not hasattr(cells, "items"):
            kind = type(cells).__name__
            raise TableError(
                f"{SOURCE}: a row is a dict or the like, {{column: cell}}, not a {kind}"
            )
        cells = dict(cells.items())  # of a pandas Series too
        names = [column.name for column in self.encoding.cells]
        frame = pl.DataFrame({name: [None] for name in cells})
        Table(frame, SOURCE, np.ones(1, dtype=np.int64), "row").require(names)
        for name in names:
            if not isinstance(cells[name], Hashable):
                raise TableError(
                    f"{SOURCE}: column {name!r} has a {type(cells[name]).__name__}; a cell is a "
                    "number, a text, a date or None"
                )

    def table(self, cells: Mapping[str, Any]) -> Table:
        """The cells as a table of one row."""
        columns = {name: pl.Series(name, [cell], strict=False) for name, cell in cells.items()}
        return table_of_frame(pl.DataFrame(columns), self.how, SOURCE)

    def only(self, column: CellColumn) -> Encoding:
        """The encoding of one column."""
        kept = {n: how for n, how in self.encoding.spellings.items() if n == column.name}
        return replace(self.encoding, columns=(column,), task="classes", spellings=kept)


class NumberCells:
    """The cells of a column in bins whose features begin at ``start``."""

    def __init__(self, whole: RowEncoder, column: BinnedColumn, start: int) -> None:
        self.whole, self.column, self.name = whole, column, column.name
        features = whole.row.map
        bins = start + column.starts_at_zero.start
        self.median, self.spread = column.median, column.spread
        self.edges, self.levels = list(column.edges), list(column.levels)
        self.widths = np.diff(self.edges).tolist()
        self.scaled = features.numbers.index(start)
        self.bin, self.first_bin = place_of(features, bins) if self.edges else (0, 0)
        self.level, self.first_level = place_of(features, start + 1) if self.levels else (0, 0)
        last = start + len(column.features) - 1
        self.mark = features.numbers.index(last) if column.has_missing else None
        self.read = lru_cache(REMEMBERED, typed=True)(self.read_cell)

    def put(self, cell: Any, found: Encoded) -> float:
        """Write all features but the first, the scaled number; give that before it is bent."""
        return self.write(self.value(cell), found)

    def value(self, cell: Any) -> float:
        """The number of a cell; NaN if it is missing."""
        value = number(cell)
        if value is None:
            return self.read(cell)
        if value in self.whole.missing:
            return nan
        if not isfinite(value) and not isnan(value):
            self.read_cell(value)  # which raises
        return value

    def write(self, value: float, found: Encoded) -> float:
        """``put`` of a number."""
        if isnan(value):
            return 0.0  # the rest of a blank row is that of missing cells
        if self.mark is not None:
            found.numbers[self.mark] = 0.0
        if self.levels:
            at = bisect_left(self.levels, value)
            if at < len(self.levels) and self.levels[at] == value:
                found.rows[self.level] = self.first_level + at
        if self.edges:
            at = min(max(bisect_right(self.edges, value) - 1, 0), len(self.widths) - 1)
            fraction = (value - self.edges[at]) / self.widths[at]
            found.rows[self.bin] = self.first_bin + at
            found.fractions[self.bin] = min(max(fraction, 0.0), 1.0)
        return self.position(value)

    def position(self, value: float) -> float:
        """As ``BinnedColumn.position``."""
        return min(max((value - self.median) / self.spread, -FARTHEST), FARTHEST)

    def read_cell(self, cell: Any) -> float:
        """The number of a cell that is none, such as a text; NaN if it is missing."""
        table = self.whole.only(self.column).readable(self.whole.table({self.name: cell}))
        return float(column_numbers(table, self.name)[0])


class PlaceCells:
    """The two cells of a place whose features begin at ``start``."""

    def __init__(self, whole: RowEncoder, column: PlaceColumn, start: int) -> None:
        self.parts: list[NumberCells] = []
        for part in column.parts:
            self.parts.append(NumberCells(whole, part, start))
            start += len(part.features)
        self.weights = [each.weights for each in column.directions]

    def put(self, cells: Mapping[str, Any], found: Encoded) -> list[float]:
        """``NumberCells.put`` of each part."""
        first, second, *directions = self.parts
        values = first.value(cells[first.name]), second.value(cells[second.name])
        x, y = first.write(values[0], found), second.write(values[1], found)
        if isnan(values[0]) or isnan(values[1]):
            return [x, y, *(0.0 for _ in directions)]
        positions = [along(weights, x, y) for weights in self.weights]
        return [
            x,
            y,
            *(part.write(z, found) for part, z in zip(directions, positions, strict=True)),
        ]


class OtherCells:
    """The cells of a column that is not in bins, whose features begin at ``start``."""

    def __init__(self, whole: RowEncoder, column: CellColumn, start: int) -> None:
        self.whole, self.column, self.name = whole, column, column.name
        features = whole.row.map
        own = range(start, start + len(column.features))
        self.numbers = [i for i, feature in enumerate(features.numbers) if feature in own]
        self.lookups = [i for i, each in enumerate(features.lookups) if each.first in own]
        self.encode = lru_cache(REMEMBERED, typed=True)(self.encode_cell)

    def put(self, cell: Any, found: Encoded) -> None:
        """Write the features."""
        numbers, rows = self.encode(cell)
        for at, number in zip(self.numbers, numbers, strict=True):
            found.numbers[at] = number
        for at, row in zip(self.lookups, rows, strict=True):
            found.rows[at] = row

    def encode_cell(self, cell: Any) -> tuple[list[float], list[int]]:
        """The numbers and the table rows of a cell, among those of all columns."""
        whole = self.whole
        alone = compact(whole.only(self.column), whole.table({self.name: cell}), whole.dtype)
        firsts = whole.row.map.starts[self.lookups]
        return alone.numbers[0].tolist(), (alone.rows[0] + firsts).tolist()


def number(cell: Any) -> float | None:
    """A number as a float; None for anything else."""
    if type(cell) is float:
        return cell
    if not isinstance(cell, int | float | np.integer | np.floating) or isinstance(cell, bool):
        return None
    try:
        return float(cell)
    except OverflowError:
        return inf


def place_of(features: FeatureMap, first: int) -> tuple[int, int]:
    """The place of the lookup whose features begin at ``first``, and the first row of its table."""
    place = next(i for i, each in enumerate(features.lookups) if each.first == first)
    return place, int(features.starts[place])


def as_lists(row: CompactRows) -> Encoded:
    return Encoded(row.numbers[0].tolist(), row.rows[0].tolist(), row.fractions[0].tolist())
