"""An encoding's rows kept compactly (:mod:`fallline.core.compact`): no wide array is made."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.core.compact import CompactRows, FeatureMap, Lookup
from fallline.data.columns import BinnedColumn, PairColumn, PlaceColumn, TextColumn, UsedColumn
from fallline.data.encoding import Encoding
from fallline.data.piecewise import places
from fallline.data.table import Table
from fallline.data.targets import column_numbers

__all__ = ["compact", "compact_numbers"]

FEW_CATEGORIES = 2  # with so few, the features are kept as plain numbers


@dataclass
class Parts:
    """The result of the columns so far: numbers by feature, and lookups with their places."""

    numbers: dict[int, Array] = field(default_factory=dict)
    bins: list[tuple[Lookup, NDArray[np.int64], Array]] = field(default_factory=list)
    categories: list[tuple[Lookup, NDArray[np.int64]]] = field(default_factory=list)


def compact(encoding: Encoding, table: Table, dtype: np.dtype) -> CompactRows:
    """The rows of ``encoding.transform(table, dtype)``, to the bit, kept compactly.

    Raises TableError as ``transform`` does.
    """
    table = encoding.readable(table)
    parts, start = Parts(), 0
    for column in encoding.used:
        take(column, table, start, parts, dtype)
        start += len(column.features)
    return joined(parts, len(table), start, dtype)


def compact_numbers(
    columns: Sequence[BinnedColumn | None], X: Array, dtype: np.dtype
) -> CompactRows:
    """The features of numbers X (n, n_columns), column after column; NaN if one is missing.

    A column that is None adds nothing.
    """
    parts, start = Parts(), 0
    for i, column in enumerate(columns):
        if column is not None:
            take_number(column, X[:, i], start, parts, dtype)
            start += len(column.features)
    return joined(parts, len(X), start, dtype)


def joined(parts: Parts, n_rows: int, n_features: int, dtype: np.dtype) -> CompactRows:
    """The rows of all columns together."""
    lookups = [each for each, *_ in parts.bins] + [each for each, _ in parts.categories]
    features = FeatureMap(n_features, tuple(parts.numbers), tuple(lookups))
    found = [place for _, place, _ in parts.bins] + [place for _, place in parts.categories]
    rows = np.empty((n_rows, len(lookups)), dtype=np.int64)
    for i, place in enumerate(found):
        rows[:, i] = place + features.starts[i]
    numbers = np.empty((n_rows, len(parts.numbers)), dtype=dtype)
    for i, values in enumerate(parts.numbers.values()):
        numbers[:, i] = values
    fractions = np.empty((n_rows, len(parts.bins)), dtype=dtype)
    for i, (_, _, fraction) in enumerate(parts.bins):
        fractions[:, i] = fraction
    return CompactRows(features, numbers, rows, fractions)


def take(column: UsedColumn, table: Table, start: int, parts: Parts, dtype: np.dtype) -> None:
    """Add one column, whose features begin at ``start``."""
    n_features = len(column.features)
    if isinstance(column, PlaceColumn):
        for part, values in column.read(table):
            take_number(part, values, start, parts, dtype)
            start += len(part.features)
    elif isinstance(column, BinnedColumn):
        take_number(column, column_numbers(table, column.name), start, parts, dtype)
    elif (
        isinstance(column, TextColumn)
        and not isinstance(column, PairColumn)
        and (n_features > FEW_CATEGORIES)
    ):
        lookup = Lookup(start, n_features, None)
        codes = column.feature_codes(table)
        parts.categories.append((lookup, np.where(codes < 0, lookup.missing, codes)))
    else:
        wide = np.zeros((len(table), n_features), dtype=dtype)
        column.fill(table, wide)
        parts.numbers |= {start + i: wide[:, i] for i in range(n_features)}


def take_number(
    column: BinnedColumn, values: Array, start: int, parts: Parts, dtype: np.dtype
) -> None:
    """Add the features of numbers (n,), NaN if one is missing."""
    missing, known = np.isnan(values), column.known(values)
    parts.numbers[start] = np.where(missing, 0.0, column.scaled(known).astype(dtype))
    if column.levels:
        levels = np.array(column.levels)
        lookup = Lookup(start + 1, len(levels), None)
        at = np.minimum(np.searchsorted(levels, known), len(levels) - 1)
        found = (levels[at] == known) & ~missing
        parts.categories.append((lookup, np.where(found, at, lookup.missing)))
    if column.edges:
        lookup = Lookup(start + column.starts_at_zero.start, len(column.centers), column.centers)
        place, fraction = places(known, np.array(column.edges))
        place[missing] = lookup.missing
        parts.bins.append((lookup, place, np.where(missing, 0.0, fraction)))
    if column.has_missing:
        parts.numbers[start + len(column.features) - 1] = missing
