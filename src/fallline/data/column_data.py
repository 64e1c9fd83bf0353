"""A column's encoding as plain data for a model file, and back."""

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from typing import Any, TypeVar

from fallline.data.columns import (
    BinnedColumn,
    Column,
    DateColumn,
    Direction,
    NumberColumn,
    PairColumn,
    PlaceColumn,
    SkippedColumn,
    TextColumn,
    settings_of,
)
from fallline.data.dates import CYCLES, check_form

__all__ = ["as_", "as_list", "as_number", "as_scale", "column_from_dict", "column_to_dict"]

T = TypeVar("T")
FARTHEST_MOMENT = 8e12  # seconds: 250,000 years, about as far as Polars' dates go


def column_to_dict(column: Column) -> dict[str, Any]:
    if isinstance(column, PlaceColumn):
        return place_to_dict(column)
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


def place_to_dict(column: PlaceColumn) -> dict[str, Any]:
    return {
        "kind": column.kind,
        "coordinates": [column_to_dict(column.first), column_to_dict(column.second)],
        "directions": [
            {"weights": list(each.weights), "bins": column_to_dict(each.bins)}
            for each in column.directions
        ],
    }


def place_from_dict(data: Mapping[str, Any]) -> PlaceColumn:
    first, second = map(binned_from_dict, as_(data["coordinates"], list))
    directions = []
    for each in as_list(data["directions"], dict):
        x, y = map(as_number, as_(each["weights"], list))
        if max(abs(x), abs(y)) > 1.0:
            raise ValueError(f"the weights of a direction of {first.name!r} are no cosine and sine")
        directions.append(Direction((x, y), binned_from_dict(each["bins"])))
    names = [first.name, second.name, *(each.bins.name for each in directions)]
    if len(set(names)) < len(names) or any(each.bins.has_missing for each in directions):
        raise ValueError(f"the parts of the place {first.name!r} are not distinct")
    return PlaceColumn(first, second, tuple(directions))


def binned_from_dict(data: Any) -> BinnedColumn:
    column = column_from_dict(as_(data, dict))
    if not isinstance(column, BinnedColumn):
        raise ValueError(f"column {column.name!r} has no bins")
    return column


def column_from_dict(data: Mapping[str, Any]) -> Column:
    kind = as_(data["kind"], str)
    if kind == "place":
        return place_from_dict(data)
    name = as_(data["name"], str)
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
