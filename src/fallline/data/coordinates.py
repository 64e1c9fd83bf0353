"""Columns that are the two coordinates of places, recognised by their names and ranges."""

import re
from collections.abc import Collection, Sequence

from fallline.data.columns import Column, NumberColumn
from fallline.dataclass import dataclass

__all__ = ["find_coordinates", "is_north"]

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class Axes:
    """The words that name the two coordinates, and the ranges that they have, if any."""

    north: frozenset[str]
    east: frozenset[str]
    north_ends: tuple[float, float] | None = None
    east_ends: tuple[float, float] | None = None


AXES = (
    Axes(
        frozenset({"lat", "latitude"}),
        frozenset({"lon", "lng", "long", "longitude"}),
        (-90.0, 90.0),
        (-180.0, 360.0),
    ),
    Axes(frozenset({"northing"}), frozenset({"easting"})),
)


def find_coordinates(
    columns: Sequence[Column], apart: Collection[str] = ()
) -> list[tuple[str, str]]:
    """The pairs of number columns that are coordinates by name and range; not those in ``apart``.

    Each pair is in the order of the columns. The names are equal but for the word of the
    coordinate, as in "pickup_lat" and "pickup_lon".

    >>> ends = {"has_missing": False, "low": 3.0, "high": 44.0}
    >>> names = ["startLat", "end_lat", "startLon", "long"]
    >>> find_coordinates([NumberColumn(name, 9.0, 1.0, **ends) for name in names])
    [('startLat', 'startLon')]
    """
    numbers = [c for c in columns if isinstance(c, NumberColumn) and c.name not in apart]
    place = {column.name: i for i, column in enumerate(numbers)}
    found = []
    for axes in AXES:
        north = named(numbers, axes.north, axes.north_ends)
        east = named(numbers, axes.east, axes.east_ends)
        found += [(north[rest], east[rest]) for rest in north if north[rest] and east.get(rest)]
    return [(a, b) if place[a] < place[b] else (b, a) for a, b in found]


def is_north(name: str) -> bool:
    """Whether a column of a pair is the coordinate to the north.

    >>> is_north("pickup_lat"), is_north("Longitude")
    (True, False)
    """
    return any(axes.north & set(words_of(name)) for axes in AXES)


def words_of(name: str) -> list[str]:
    return [word.lower() for word in WORD.findall(name)]


def named(
    columns: Sequence[NumberColumn], words: frozenset[str], ends: tuple[float, float] | None
) -> dict[tuple[str, ...], str]:
    """The column of each rest of a name that has one of the ``words``; "" if it is of several."""
    found: dict[tuple[str, ...], str] = {}
    for column in columns:
        parts = words_of(column.name)
        rest = tuple(part for part in parts if part not in words)
        if len(rest) + 1 == len(parts) and within(column, ends):
            found[rest] = "" if rest in found else column.name
    return found


def within(column: NumberColumn, ends: tuple[float, float] | None) -> bool:
    """Whether the column's training values are between two numbers."""
    if ends is None:
        return True
    return (
        column.low is not None
        and column.high is not None
        and ends[0] <= column.low
        and column.high <= ends[1]
    )
