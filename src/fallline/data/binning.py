"""An encoding with numbers in bins, coordinates as places, and two texts as one feature.

The encoding says what the columns are. This module looks at the training rows once more and gives
numbers the piecewise-linear encoding, which makes a network on a table accurate.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import cos, isqrt, radians, sin

import numpy as np
from numpy.typing import NDArray

from fallline.data.columns import (
    BinnedColumn,
    Column,
    Direction,
    NumberColumn,
    PairColumn,
    PlaceColumn,
    TextColumn,
    along,
    settings_of,
)
from fallline.data.coordinates import find_coordinates
from fallline.data.encoding import Encoding
from fallline.data.piecewise import (
    MAX_LEVELS,
    bin_edges,
    components,
    recurring_levels,
    robust_moments,
    smooth_unclip,
)
from fallline.data.table import Table
from fallline.data.targets import column_numbers

__all__ = ["binned_column", "bins_each", "bins_for", "levels_each", "with_bins"]

MIN_BINS, MAX_BINS = 8, 48
MAX_BINNED = 1_024  # bins of all columns
MANY_ROWS = 50_000  # with more rows the time of an epoch matters more than another bin
ANGLES = (22.5, 45.0, 67.5, 112.5, 135.0, 157.5)
"""Of the directions between the axes of a place; twice as many gain another 1 % on California."""
NO_LENGTH = 1e-6  # all places are on a line across this direction
PLACE_BINS = 4  # with fewer a coordinate has too few values to say where


def bins_for(n_rows: int) -> int:
    """The most bins of a column: half the root of the number of rows, from 8 to 48, fewer for many
    rows.

    >>> bins_for(300), bins_for(2_000), bins_for(20_000), bins_for(1_000_000)
    (8, 22, 48, 10)
    """
    most = max(MIN_BINS, min(MAX_BINS, isqrt(n_rows) // 2))
    return (
        most if n_rows <= MANY_ROWS else max(MIN_BINS, MAX_BINS * isqrt(MANY_ROWS) // isqrt(n_rows))
    )


def bins_each(bins: int, n_columns: int) -> int:
    """The most bins of each column if there are ``n_columns`` columns of numbers."""
    return min(bins, max(MAX_BINNED // max(n_columns, 1), 1))


def levels_each(n_columns: int) -> int:
    """How many recurring values of each column become separate inputs, at most.

    >>> levels_each(8), levels_each(100), levels_each(2_000)
    (120, 10, 1)
    """
    return min(MAX_LEVELS, max(MAX_BINNED // max(n_columns, 1), 1))


def with_bins(encoding: Encoding, part: Table, bins: int, apart: Collection[str] = ()) -> Encoding:
    """The encoding in bins, from the training rows ``part``, with a maximum for each column.

    Many columns get fewer bins each, and fewer recurring values: about 1,024 in all. Coordinates
    become places, unless they are among the columns ``apart``; a note says so.
    """
    pairs = find_coordinates(encoding.columns, apart)
    n_columns = sum(isinstance(c, NumberColumn) for c in encoding.columns)
    n_columns += len(ANGLES) * len(pairs)
    each = bins_each(bins, n_columns), levels_each(n_columns)
    columns = [refined(column, part, *each) for column in encoding.columns]
    notes = list(encoding.notes)
    for pair in pairs:
        place = place_of(columns, pair, part, each[0])
        if place is not None:
            columns = joined(columns, place)
            notes.append(
                f"columns {pair[0]!r} and {pair[1]!r} are read as one place "
                f"(--types {pair[0]!r}=number to use them apart)"
            )
    return replace(encoding, columns=tuple(columns), notes=tuple(notes))


def place_of(
    columns: Sequence[Column], pair: tuple[str, str], part: Table, bins: int
) -> PlaceColumn | None:
    """The place of two columns in bins; None if one of them has few values."""
    named = {column.name: column for column in columns}
    first, second = (named[name] for name in pair)
    if not isinstance(first, BinnedColumn) or not isinstance(second, BinnedColumn):
        return None
    if min(len(first.centers), len(second.centers)) < PLACE_BINS:
        return None
    x, y = (each.position(column_numbers(part, each.name)) for each in (first, second))
    directions = []
    for angle in ANGLES:
        weights = cos(radians(angle)), sin(radians(angle))
        at = along(weights, x, y)
        if np.nanmax(at) - np.nanmin(at) > NO_LENGTH:
            name = f"{first.name}, {second.name} at {angle:g}°"
            plain = NumberColumn(name, 0.0, 1.0, has_missing=False)
            directions.append(Direction(weights, binned_column(plain, at, bins, levels=0)))
    return PlaceColumn(first, second, tuple(directions))


def joined(columns: Sequence[Column], place: PlaceColumn) -> list[Column]:
    """The columns, with the place instead of the first of its two, and without the second."""
    rest = [column for column in columns if column is not place.second]
    return [place if column is place.first else column for column in rest]


def refined(column: Column, part: Table, bins: int, levels: int) -> Column:
    """A column of numbers, or of two texts, encoded for accuracy; other columns unchanged."""
    if isinstance(column, NumberColumn):
        return binned_column(column, column_numbers(part, column.name), bins, levels)
    if isinstance(column, TextColumn):
        return paired(column)
    return column


def paired(column: TextColumn) -> TextColumn:
    """A column that has exactly two texts, as one feature."""
    return (
        column
        if len(column.categories) != 2 or column.has_other
        else PairColumn(**settings_of(column))
    )


def binned_column(
    column: NumberColumn, values: NDArray[np.float64], bins: int, levels: int = MAX_LEVELS
) -> BinnedColumn:
    """A column of numbers with bins for the training rows' ``values`` (n,), NaN if missing.

    At most ``levels`` recurring values become separate inputs. Two values become -1 and 1, without
    bins.
    """
    known = values[~np.isnan(values)]
    low, high = float(known.min()), float(known.max())
    if bool(((known == low) | (known == high)).all()):
        spread = (high / 2 - low / 2) / float(smooth_unclip(np.ones(1))[0])
        return BinnedColumn(**settings_of(column), median=low / 2 + high / 2, spread=spread)
    median, spread = robust_moments(known)
    edges = bin_edges(known, bins)
    inside = np.empty((len(known), len(edges) - 1))
    components(known, edges, inside)
    return BinnedColumn(
        **settings_of(column),
        median=median,
        spread=spread,
        levels=tuple(recurring_levels(known, levels).tolist()),
        edges=tuple(edges.tolist()),
        centers=tuple(inside.mean(axis=0).tolist()),
    )
