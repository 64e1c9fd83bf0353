"""How one column becomes features: as a number, as text, or not at all.

``features`` are the names of the features, ``fill`` writes them into an array, ``describe``
describes the column in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.data.dates import CYCLES, check_form, later_seconds
from fallline.data.piecewise import components, smooth_clip, smooth_unclip
from fallline.data.table import ABSENT, UNKNOWN, Table, show
from fallline.data.targets import column_numbers
from fallline.data.values import by_value
from fallline.errors import TableError

__all__ = [
    "BinnedColumn",
    "Column",
    "DateColumn",
    "NumberColumn",
    "PairColumn",
    "SkippedColumn",
    "TextColumn",
    "UsedColumn",
    "as_",
    "as_list",
    "as_number",
    "as_scale",
    "column_from_dict",
    "column_to_dict",
    "first_letters",
    "settings_of",
]

T = TypeVar("T")
FARTHEST_MOMENT = 8e12  # seconds: 250,000 years, about as far as Polars' dates go


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
        with np.errstate(over="ignore"):
            return smooth_clip((known - self.median) / self.spread)

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


UsedColumn = NumberColumn | TextColumn | DateColumn
Column = UsedColumn | SkippedColumn


# ---- to and from plain data


def column_to_dict(column: Column) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": column.kind, "name": column.name}
    if isinstance(column, BinnedColumn):
        names = ("median", "spread", "levels", "edges", "centers")
        data |= {"binned": {name: plain(getattr(column, name)) for name in names}}
    if isinstance(column, PairColumn):
        data |= {"pair": True}
    if isinstance(column, NumberColumn):
        return data | {
            "mean": column.mean,
            "scale": column.scale,
            "has_missing": column.has_missing,
            "low": column.low,
            "high": column.high,
        }
    if isinstance(column, TextColumn):
        return data | {
            "categories": list(column.categories),
            "has_other": column.has_other,
            "has_missing": column.has_missing,
            "by_letter": column.by_letter,
        }
    if isinstance(column, DateColumn):
        return data | {
            "form": column.form,
            "mean": column.mean,
            "scale": column.scale,
            "cycles": list(column.cycles),
            "has_missing": column.has_missing,
            "low": column.low,
            "high": column.high,
        }
    return data | {"reason": column.reason}


def column_from_dict(data: Mapping[str, Any]) -> Column:
    kind, name = as_(data["kind"], str), as_(data["name"], str)
    if kind == "number":
        mean, scale = as_number(data["mean"]), as_scale(data["scale"])
        has_missing = as_(data["has_missing"], bool)
        number = NumberColumn(name, mean, scale, has_missing, "number", *ends_of(data))
        return binned(number, as_(data["binned"], dict)) if "binned" in data else number
    if kind == "text":
        categories = tuple(as_list(data["categories"], str))
        flags = as_(data["has_other"], bool), as_(data["has_missing"], bool)
        if len(set(categories)) < len(categories) or not (categories or flags[1]):
            raise ValueError(f"the categories of column {name!r} are not distinct")
        text = TextColumn(
            name, categories, *flags, by_letter=as_(data.get("by_letter", False), bool)
        )
        if not data.get("pair", False):
            return text
        if len(categories) != 2 or text.has_other:
            raise ValueError(f"column {name!r} is a pair of {len(categories)} categories")
        return PairColumn(**settings_of(text))
    if kind == "date":
        mean, scale = as_moment(data["mean"]), as_scale(data["scale"])
        cycles, form = tuple(as_list(data["cycles"], str)), as_(data["form"], str)
        if not set(cycles) <= set(CYCLES):
            raise ValueError(f"the cycles of column {name!r} are unknown")
        check_form(form, name)
        has_missing = as_(data["has_missing"], bool)
        ends = (None if end is None else as_moment(end) for end in ends_of(data))
        return DateColumn(name, form, mean, scale, cycles, has_missing, "date", *ends)
    if kind == "skip":
        return SkippedColumn(name, as_(data["reason"], str))
    raise ValueError(f"column {name!r} is of an unknown kind, {kind!r}")


def settings_of(column: Column) -> dict[str, Any]:
    """The fields of a column by name, for one of another class."""
    return {field.name: getattr(column, field.name) for field in fields(column)}


def plain(value: Any) -> Any:
    """A tuple as a list."""
    return list(value) if isinstance(value, tuple) else value


def binned(number: NumberColumn, data: Mapping[str, Any]) -> BinnedColumn:
    """The column with its bins. Raises ValueError, KeyError or TypeError if there are none."""
    levels, edges, centers = (
        tuple(map(as_number, as_(data[name], list))) for name in ("levels", "edges", "centers")
    )
    rising = all(low < high for ends in (levels, edges) for low, high in pairwise(ends))
    if not rising or len(centers) != max(len(edges) - 1, 0) or len(edges) == 1:
        raise ValueError(f"the bins of column {number.name!r} are none")
    return BinnedColumn(
        **vars(number),
        median=as_number(data["median"]),
        spread=as_scale(data["spread"]),
        levels=levels,
        edges=edges,
        centers=centers,
    )


def ends_of(data: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The range of the training rows, which is absent in files of the first version."""
    low, high = data.get("low"), data.get("high")
    if low is not None and high is not None and as_number(low) > as_number(high):
        raise ValueError(f"the range of column {data['name']!r} ends before it begins")
    return None if low is None else as_number(low), None if high is None else as_number(high)


def as_(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not a {kind.__name__}")
    return value


def as_list(value: Any, kind: type[T]) -> list[T]:
    return [as_(item, kind) for item in as_(value, list)]


def as_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def as_moment(value: Any) -> float:
    """Seconds since 1970, of a year that a calendar has."""
    seconds = as_number(value)
    if abs(seconds) > FARTHEST_MOMENT:
        raise ValueError(f"{value!r} seconds are no date")
    return seconds


def as_scale(value: Any) -> float:
    if as_number(value) <= 0:
        raise ValueError(f"the scale {value!r} is not above 0")
    return float(value)
