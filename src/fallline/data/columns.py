"""How one column becomes features: as a number, as text, or not at all.

``features`` are their names, ``fill`` writes them into an array, ``describe`` says it in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.data.dates import CYCLES, check_form, later_seconds
from fallline.data.table import ABSENT, UNKNOWN, Table, show
from fallline.data.targets import column_numbers
from fallline.data.values import by_value
from fallline.errors import TableError

__all__ = [
    "Column",
    "DateColumn",
    "NumberColumn",
    "SkippedColumn",
    "TextColumn",
    "as_",
    "as_list",
    "as_number",
    "as_scale",
    "column_from_dict",
    "column_to_dict",
    "first_letters",
]

T = TypeVar("T")


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: mean, standard deviation and range, and whether any was missing."""

    name: str
    mean: float
    scale: float
    has_missing: bool
    kind: Literal["number"] = "number"
    low: float | None = None
    high: float | None = None

    @property
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
class TextColumn:
    """A column of texts: its common categories, and whether there were others, or missing ones.

    Without categories only a gap tells. ``by_letter``: the categories are first letters.
    """

    name: str
    categories: tuple[str, ...]
    has_other: bool
    has_missing: bool
    kind: Literal["text"] = "text"
    by_letter: bool = False

    @property
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

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features), which is zeros."""
        codes = self.codes(table)
        n = len(self.categories)
        other = n if self.has_other else UNKNOWN
        absent = n + self.has_other if self.has_missing else other
        codes = np.where(codes == UNKNOWN, other, np.where(codes == ABSENT, absent, codes))
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1.0


def first_letters(table: Table, name: str) -> pl.Series:
    """The first letter of each text."""
    return table.texts(name).str.slice(0, 1)


@dataclass(frozen=True)
class DateColumn:
    """A column of dates: the form they are written in, and the cycles in which they differ.

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

    @property
    def features(self) -> list[str]:
        waves = [f"{self.name} {wave} of {c}" for c in self.cycles for wave in ("sin", "cos")]
        return [self.name, *waves, *([f"{self.name} is missing"] if self.has_missing else [])]

    def describe(self) -> str:
        cycles = f" + sin and cos of {', '.join(self.cycles)}" if self.cycles else ""
        return f"time, standardised{cycles}" + ("; missing: marked" if self.has_missing else "")

    def fill(self, table: Table, out: Array) -> None:
        """Write the features into ``out`` (n, features). Raises TableError for no date."""
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

    @property
    def features(self) -> list[str]:
        return []

    def describe(self) -> str:
        return f"set aside: {self.reason}"


Column = NumberColumn | TextColumn | DateColumn | SkippedColumn


# ---- to and from plain data


def column_to_dict(column: Column) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": column.kind, "name": column.name}
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
        return NumberColumn(name, mean, scale, has_missing, "number", *ends_of(data))
    if kind == "text":
        categories = tuple(as_list(data["categories"], str))
        flags = as_(data["has_other"], bool), as_(data["has_missing"], bool)
        if len(set(categories)) < len(categories) or not (categories or flags[1]):
            raise ValueError(f"the categories of column {name!r} are not distinct")
        return TextColumn(
            name, categories, *flags, by_letter=as_(data.get("by_letter", False), bool)
        )
    if kind == "date":
        mean, scale = as_number(data["mean"]), as_scale(data["scale"])
        cycles, form = tuple(as_list(data["cycles"], str)), as_(data["form"], str)
        if not set(cycles) <= set(CYCLES):
            raise ValueError(f"the cycles of column {name!r} are unknown")
        check_form(form, name)
        has_missing = as_(data["has_missing"], bool)
        return DateColumn(name, form, mean, scale, cycles, has_missing, "date", *ends_of(data))
    if kind == "skip":
        return SkippedColumn(name, as_(data["reason"], str))
    raise ValueError(f"column {name!r} is of an unknown kind, {kind!r}")


def ends_of(data: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The range of the training rows, which files of the first version lack."""
    low, high = data.get("low"), data.get("high")
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


def as_scale(value: Any) -> float:
    if as_number(value) <= 0:
        raise ValueError(f"the scale {value!r} is not above 0")
    return float(value)
