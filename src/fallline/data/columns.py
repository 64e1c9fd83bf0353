"""How a column becomes features: as a number, as text, with another as a place, or not at all.

``features`` are the names of the features, ``fill`` writes them into an array, ``describe``
describes the column in words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.data.dates import CYCLES, later_seconds
from fallline.data.piecewise import FARTHEST, components, smooth_clip, smooth_unclip
from fallline.data.table import ABSENT, UNKNOWN, Table, show
from fallline.data.targets import column_numbers
from fallline.data.values import by_value
from fallline.dataclass import dataclass
from fallline.errors import TableError

__all__ = [
    "BinnedColumn",
    "CellColumn",
    "Column",
    "DateColumn",
    "Direction",
    "NumberColumn",
    "PairColumn",
    "PlaceColumn",
    "SkippedColumn",
    "TextColumn",
    "UsedColumn",
    "along",
    "cell_columns",
    "first_letters",
    "settings_of",
    "zero_mask",
]


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: mean, standard deviation and range, and whether any cell was missing."""

    name: str
    mean: float
    scale: float
    has_missing: bool
    kind: Literal["number"] = "number"
    low: float | None = None
    high: float | None = None

    @cached_property
    def features(self) -> list[str]:
        return [self.name, *([f"{self.name} is missing"] if self.has_missing else [])]

    def describe(self) -> str:
        extra = "; missing: the mean, marked" if self.has_missing else ""
        return f"(x - {self.mean:.6g}) / {self.scale:.6g}{extra}"

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, 1 or 2). Raises TableError naming line and value."""
        values = column_numbers(table, self.name)
        missing = table.missing(self.name)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values - self.mean) / self.scale
            if missing.any():
                scaled[missing] = 0.0
            out[:, 0] = scaled
        if not np.isfinite(out[:, 0]).all():
            row = int(np.argmin(np.isfinite(out[:, 0])))
            raise TableError(
                f"{table.place(row, self.name)}: {show(table.cell(row, self.name))} is too far "
                f"from the training rows' mean, {self.mean:g}; correct it, or leave the cell empty"
            )
        if self.has_missing:
            out[:, 1] = missing


@dataclass(frozen=True)
class BinnedColumn(NumberColumn):
    """A column of numbers in the piecewise-linear encoding (:mod:`fallline.data.piecewise`).

    Its features are the number, scaled by ``median`` and ``spread`` and clipped smoothly; for each
    of the ``levels``, whether the number equals it; its component in each bin between the
    ``edges``, minus the mean over the training rows, which is in ``centers``; and whether it is
    missing. All but the last are 0 if it is missing.
    """

    median: float = 0.0
    spread: float = 1.0
    levels: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    centers: tuple[float, ...] = ()

    @cached_property
    def features(self) -> list[str]:
        levels = [f"{self.name} = {text}" for text in distinct_texts(self.levels)]
        ends = distinct_texts(self.edges)
        bins = [f"{self.name} from {low} to {high}" for low, high in pairwise(ends)]
        missing = [f"{self.name} is missing"] if self.has_missing else []
        return [self.name, *levels, *bins, *missing]

    @property
    def starts_at_zero(self) -> slice:
        """Which features start training with weights of zero: those of bins."""
        first = 1 + len(self.levels)
        return slice(first, first + len(self.centers))

    def describe(self) -> str:
        marked = "; missing marked" if self.has_missing else ""
        if not self.edges:  # two values
            low, high = self.values(np.array([[-1.0], [1.0]]))
            return f"-1 for {low:.6g}, 1 for {high:.6g}{marked}"
        n, levels = len(self.centers), len(self.levels)
        ends = f"from {self.edges[0]:.6g} to {self.edges[-1]:.6g}"
        return f"{n} bin{'s' * (n > 1)} {ends}{f', {levels} values' * (levels > 0)}{marked}"

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features); any number is accepted."""
        self.fill_values(column_numbers(table, self.name), out)

    def fill_values(self, values: Array, out: Array) -> None:
        """The features of (n,) numbers, NaN if one is missing."""
        missing, known = np.isnan(values), self.known(values)
        out[:, 0] = self.scaled(known)
        for i, level in enumerate(self.levels, start=1):
            out[:, i] = known == level
        bins = out[:, self.starts_at_zero]
        if self.edges:
            components(known, np.array(self.edges), bins)
            bins -= np.array(self.centers, dtype=out.dtype)
        if missing.any():
            out[missing] = 0.0
        if self.has_missing:
            out[:, -1] = missing

    def known(self, values: Array) -> Array:
        """The (n,) numbers, with the median where one is NaN."""
        numbers: Array = np.where(np.isnan(values), self.median, values)
        return numbers

    def scaled(self, known: Array) -> Array:
        """The first feature of (n,) numbers."""
        return smooth_clip(self.position(known))

    def position(self, values: Array) -> Array:
        """(values - median) / spread of (n,) numbers, within -1e150 to 1e150; NaN stays NaN."""
        with np.errstate(over="ignore"):
            return np.clip((values - self.median) / self.spread, -FARTHEST, FARTHEST)

    def values(self, features: Array) -> Array:
        """The numbers (n,) that have these features (n, n_features), none of them missing."""
        scaled: Array = features[:, 0].astype(np.float64)
        numbers: Array = smooth_unclip(scaled) * self.spread + self.median
        return numbers


def distinct_texts(numbers: tuple[float, ...]) -> list[str]:
    """The numbers in six digits, or in as many as distinguish them."""
    texts = [f"{number:.6g}" for number in numbers]
    return texts if len(set(texts)) == len(texts) else [repr(number) for number in numbers]


@dataclass(frozen=True)
class TextColumn:
    """A column of texts: its common categories, and whether other or missing texts occurred.

    Without categories the only feature is whether the cell is missing. ``by_letter``: the
    categories are first letters.
    """

    name: str
    categories: tuple[str, ...]
    has_other: bool
    has_missing: bool
    kind: Literal["text"] = "text"
    by_letter: bool = False

    @cached_property
    def features(self) -> list[str]:
        named = [*self.categories]
        named += ["(other)"] * self.has_other + ["(missing)"] * self.has_missing
        return [f"{self.name}={text}" for text in named]

    def describe(self) -> str:
        if not self.categories:
            return "whether it is missing"
        n = len(self.categories)
        noun = "first letter" if self.by_letter else "category"
        nouns = f"{noun}s" if self.by_letter else "categories"
        extra = ["other texts"] * self.has_other + ["missing"] * self.has_missing
        return " + ".join([f"one-hot, {n} {noun if n == 1 else nouns}", *extra])

    def codes(self, table: Table) -> NDArray[np.int64]:
        """(n,) the category of each cell; UNKNOWN for other texts, ABSENT for missing."""
        if self.by_letter:
            table = replace(table, frame=table.frame.select(first_letters(table, self.name)))
        texts = [text for text, _ in table.counts(self.name)]
        return table.codes(self.name, by_value(texts, self.categories))

    def feature_codes(self, table: Table) -> NDArray[np.int64]:
        """(n,) which feature is 1 for each cell; below 0 for none."""
        codes = self.codes(table)
        n = len(self.categories)
        other = n if self.has_other else UNKNOWN
        absent = n + self.has_other if self.has_missing else other
        return np.where(codes == UNKNOWN, other, np.where(codes == ABSENT, absent, codes))

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features), which is zeros."""
        codes = self.feature_codes(table)
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1.0


def first_letters(table: Table, name: str) -> pl.Series:
    """The first letter of each text."""
    return table.texts(name).str.slice(0, 1)


@dataclass(frozen=True)
class PairColumn(TextColumn):
    """A column of exactly two texts: -1 for the first, +1 for the second, 0 for neither."""

    @cached_property
    def features(self) -> list[str]:
        first, second = self.categories
        missing = [f"{self.name} is missing"] if self.has_missing else []
        return [f"{self.name}: {first} or {second}", *missing]

    def describe(self) -> str:
        first, second = (show(text) for text in self.categories)
        return f"-1 for {first}, 1 for {second}" + ("; missing marked" * self.has_missing)

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, 1 or 2), which is zeros."""
        wide = np.zeros((len(table), 2 + self.has_missing), dtype=out.dtype)
        super().fill(table, wide)
        out[:, 0] = wide[:, 1] - wide[:, 0]
        if self.has_missing:
            out[:, 1] = wide[:, 2]


@dataclass(frozen=True)
class DateColumn:
    """A column of dates: the form in which they are written, and the cycles in which they differ.

    ``mean``, ``scale``, ``low`` and ``high`` are those of the seconds since 1970.
    """

    name: str
    form: str
    mean: float
    scale: float
    cycles: tuple[str, ...]
    has_missing: bool
    kind: Literal["date"] = "date"
    low: float | None = None
    high: float | None = None

    @cached_property
    def features(self) -> list[str]:
        waves = [f"{self.name} {wave} of {c}" for c in self.cycles for wave in ("sin", "cos")]
        return [self.name, *waves, *([f"{self.name} is missing"] if self.has_missing else [])]

    def describe(self) -> str:
        cycles = f" + sin and cos of {', '.join(self.cycles)}" if self.cycles else ""
        return f"time, standardised{cycles}" + ("; missing: marked" if self.has_missing else "")

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features).

        Raises TableError for a cell that is no date.
        """
        seconds = later_seconds(table, self.name, self.form)
        missing = np.isnan(seconds)
        known = np.where(missing, self.mean, seconds)
        out[:, 0] = (known - self.mean) / self.scale
        for i, cycle in enumerate(self.cycles):
            angle = known * (2 * np.pi / CYCLES[cycle])
            out[:, 1 + 2 * i] = np.where(missing, 0.0, np.sin(angle))
            out[:, 2 + 2 * i] = np.where(missing, 0.0, np.cos(angle))
        if self.has_missing:
            out[:, -1] = missing


@dataclass(frozen=True)
class Direction:
    """A direction across a map, and the position along it in bins.

    The position is ``weights[0]`` x + ``weights[1]`` y (``along``), the cosine and the sine of an
    angle times the two coordinates, scaled (``BinnedColumn.position``).
    """

    weights: tuple[float, float]
    bins: BinnedColumn


def along(weights: tuple[float, float], x: Any, y: Any) -> Any:
    """The position along a direction of scaled coordinates x and y; NaN where one of the two is."""
    return weights[0] * x + weights[1] * y


@dataclass(frozen=True)
class PlaceColumn:
    """Two columns that together say where a thing is, such as latitude and longitude.

    Its features are those of each, and those of the position along each of the ``directions``
    between them: so a layer can tell places apart that lie askew to both axes. They are 0 if a cell
    is missing.
    """

    first: BinnedColumn
    second: BinnedColumn
    directions: tuple[Direction, ...]
    kind: Literal["place"] = "place"

    @property
    def name(self) -> str:
        return f"{self.first.name}, {self.second.name}"

    @cached_property
    def parts(self) -> list[BinnedColumn]:
        """What the features are of, in order."""
        return [self.first, self.second, *(each.bins for each in self.directions)]

    @cached_property
    def features(self) -> list[str]:
        return [name for part in self.parts for name in part.features]

    def describe(self) -> str:
        n = len(self.directions)
        between = f"{n} direction{'s' * (n != 1)} between"
        marked = "; missing marked" * (self.first.has_missing or self.second.has_missing)
        return f"{len(self.first.centers)} and {len(self.second.centers)} bins, {between}{marked}"

    def values(self, first: Array, second: Array) -> list[Array]:
        """The numbers (n,) that each of the ``parts`` encodes, NaN if one is missing."""
        x, y = self.first.position(first), self.second.position(second)
        return [first, second, *(along(each.weights, x, y) for each in self.directions)]

    def read(self, table: Table) -> Iterator[tuple[BinnedColumn, Array]]:
        """Each of the ``parts`` with its numbers. Raises TableError naming line and value."""
        ends = (column_numbers(table, each.name) for each in (self.first, self.second))
        return zip(self.parts, self.values(*ends), strict=True)

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features); any numbers are accepted."""
        start = 0
        for part, values in self.read(table):
            stop = start + len(part.features)
            part.fill_values(values, out[:, start:stop])
            start = stop


@dataclass(frozen=True)
class SkippedColumn:
    """A column that is set aside, and why."""

    name: str
    reason: str
    kind: Literal["skip"] = "skip"

    @cached_property
    def features(self) -> list[str]:
        return []

    def describe(self) -> str:
        return f"set aside: {self.reason}"


CellColumn = NumberColumn | TextColumn | DateColumn
UsedColumn = CellColumn | PlaceColumn
Column = UsedColumn | SkippedColumn


def cell_columns(columns: Sequence[Column]) -> list[CellColumn]:
    """The columns of the table that are used: a place has two."""
    found: list[CellColumn] = []
    for column in columns:
        if isinstance(column, PlaceColumn):
            found += [column.first, column.second]
        elif not isinstance(column, SkippedColumn):
            found.append(column)
    return found


def zero_mask(columns: Sequence[Column]) -> NDArray[np.bool_]:
    """(n_features,) whether the weights of a feature start training at zero: those of bins."""
    masks = [np.zeros(0, dtype=bool)]
    for column in columns:
        if isinstance(column, PlaceColumn):
            masks.append(zero_mask(column.parts))
            continue
        mask = np.zeros(len(column.features), dtype=bool)
        if isinstance(column, BinnedColumn):
            mask[column.starts_at_zero] = True
        masks.append(mask)
    return np.concatenate(masks)


def settings_of(column: Column) -> dict[str, Any]:
    """The fields of a column by name, for one of another class."""
    return {field.name: getattr(column, field.name) for field in fields(column)}
