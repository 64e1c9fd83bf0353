"""An encoding's columns of numbers in bins, and its columns of two values as one feature each.

The encoding says what the columns are. This module looks at the training rows once more and gives
numbers the piecewise-linear encoding, which makes a network on a table accurate.
"""

from dataclasses import replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from fallline.data.columns import (
    BinnedColumn,
    Column,
    NumberColumn,
    PairColumn,
    TextColumn,
    settings_of,
)
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

__all__ = ["binned_column", "bins_each", "bins_for", "levels_each", "refined", "with_bins"]

MIN_BINS, MAX_BINS = 8, 48
MAX_BINNED = 1_024  # bins of all columns
MANY_ROWS = 50_000  # with more rows the time of an epoch matters more than another bin


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


def with_bins(encoding: Encoding, part: Table, bins: int) -> Encoding:
    """The encoding in bins, from the training rows ``part``, with a maximum for each column.

    Many columns get fewer bins each, and fewer recurring values: about 1,024 in all.
    """
    n_columns = sum(isinstance(c, NumberColumn) for c in encoding.columns)
    each = bins_each(bins, n_columns), levels_each(n_columns)
    columns = tuple(refined(column, part, *each) for column in encoding.columns)
    return replace(encoding, columns=columns)


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
