"""Rows of a table kept compactly: a few numbers determine most features of a row.

A feature map divides the features of a network into three kinds:

- numbers, each kept unchanged;
- the bins of a column (piecewise-linear encoding, :mod:`fallline.data.piecewise`): the components
  are 1 below the bin that the value lies in, the fraction of the way in it, and 0 above, each less
  its center. A row keeps the bin and the fraction;
- the categories of a column, one-hot: a row keeps which one.

The first layer of a network is linear, so the part of a column in Z = X W + b is a row of a table
that depends on W alone. Of bins with weights W_0 ... W_(k-1) and centers m the table is

    T_b = W_0 + ... + W_(b-1) - sum_j m_j W_j      for b from 0 to k

and a value with the fraction f of bin b adds (1 - f) T_b + f T_(b+1); the categories' table is W
itself. A column that is missing adds nothing: a row of zeros. The compiled engine computes the
first layer so (:mod:`fallline.engine.kernels.lookup`); for everything else ``numpy.asarray`` gives
the features, the same to the bit as :meth:`fallline.data.encoding.Encoding.transform` does.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.dataclass import dataclass

__all__ = ["CompactRows", "FeatureMap", "Lookup", "Rows", "dense_parts", "means"]

Integers = NDArray[np.int64]
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Lookup:
    """The features of one column that are looked up: from ``first`` on, ``count`` of them.

    ``centers`` are those of bins, one for each; None for categories.
    """

    first: int
    count: int
    centers: tuple[float, ...] | None

    @property
    def missing(self) -> int:
        """The row of its table for a value that is missing: zeros."""
        return self.count if self.centers is None else self.count + 1

    @property
    def length(self) -> int:
        """Rows of its table; of bins the row after the missing one is read too, times 0."""
        return self.missing + (1 if self.centers is None else 2)


@dataclass(frozen=True)
class FeatureMap:
    """How ``n_features`` features are kept: the ``numbers`` (n_numbers,), by feature, and columns.

    ``lookups``: those in bins first.
    """

    n_features: int
    numbers: tuple[int, ...]
    lookups: tuple[Lookup, ...]

    @cached_property
    def n_fractions(self) -> int:
        """How many of the lookups are in bins."""
        return sum(lookup.centers is not None for lookup in self.lookups)

    @cached_property
    def starts(self) -> Integers:
        """(n_lookups + 1,) the first row of each column's table among all rows; their number."""
        return np.cumsum([0, *(lookup.length for lookup in self.lookups)])

    @cached_property
    def columns(self) -> Integers:
        """(n_lookups, 3) first feature, number of features, and first row of each lookup."""
        rows = [
            (lookup.first, lookup.count, start)
            for lookup, start in zip(self.lookups, self.starts, strict=False)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    @cached_property
    def number_features(self) -> Integers:
        """(n_numbers + 1,) the features that are numbers; and n_features, where the bias is."""
        return np.array([*self.numbers, self.n_features], dtype=np.int64)

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """(n_features,) what is subtracted of each feature; 0 but for bins."""
        centers = np.zeros(self.n_features)
        for lookup in self.lookups[: self.n_fractions]:
            centers[lookup.first : lookup.first + lookup.count] = lookup.centers
        return centers


@dataclass(frozen=True, eq=False)
class CompactRows:
    """n rows by a feature map: an array (n, n_features) that is made where one is asked for.

    ``numbers`` (n, n_numbers) and ``fractions`` (n, n_fractions) are of the same dtype; ``rows``
    (n, n_lookups), int64, are row numbers of all tables together.
    """

    map: FeatureMap
    numbers: Array
    rows: Integers
    fractions: Array

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.map.n_features

    @property
    def dtype(self) -> np.dtype:
        return self.numbers.dtype

    def __getitem__(self, rows: Any) -> "CompactRows":
        """Some of the rows: a slice, a mask, or row numbers (m,)."""
        return CompactRows(self.map, self.numbers[rows], self.rows[rows], self.fractions[rows])

    def astype(self, dtype: Any) -> "CompactRows":
        """The same rows in C-contiguous arrays of this dtype."""
        return CompactRows(
            self.map,
            np.ascontiguousarray(self.numbers, dtype),
            np.ascontiguousarray(self.rows),
            np.ascontiguousarray(self.fractions, dtype),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The features (n, n_features). Raises ValueError for ``copy=False``."""
        if copy is False:
            raise ValueError("the features of compact rows are computed each time")
        X = np.zeros(self.shape, dtype=self.dtype)
        X[:, self.map.numbers] = self.numbers
        for i, lookup in enumerate(self.map.lookups):
            features = X[:, lookup.first : lookup.first + lookup.count]
            place = self.rows[:, i] - self.map.starts[i]
            if lookup.centers is None:
                known = np.flatnonzero(place < lookup.count)
                features[known, place[known]] = 1.0
            else:
                self.fill_bins(features, place, self.fractions[:, i], lookup)
        return X if dtype is None else X.astype(dtype, copy=False)

    def fill_bins(self, features: Array, place: Integers, fraction: Array, lookup: Lookup) -> None:
        """Write the features of one column in bins."""
        features[:] = np.arange(lookup.count) < place[:, None]
        inside = np.flatnonzero(place < lookup.count)
        features[inside, place[inside]] = fraction[inside]
        features -= np.array(lookup.centers, dtype=self.dtype)
        features[place == lookup.missing] = 0.0

    def without_bins(self) -> "CompactRows":
        """The same rows without the features that are bins: numbers and categories, in order."""
        whole, k = self.map, self.map.n_fractions
        kept = np.ones(whole.n_features, dtype=bool)
        for lookup in whole.lookups[:k]:
            kept[lookup.first : lookup.first + lookup.count] = False
        at = (np.cumsum(kept) - 1).tolist()  # where a feature stands among those
        numbers = tuple(at[number] for number in whole.numbers)
        lookups = tuple(Lookup(at[each.first], each.count, None) for each in whole.lookups[k:])
        rows = self.rows[:, k:] - whole.starts[k]
        fewer = FeatureMap(int(kept.sum()), numbers, lookups)
        return CompactRows(fewer, self.numbers, rows, self.fractions[:, :0])

    @staticmethod
    def joined(parts: "Sequence[CompactRows]") -> "CompactRows":
        """The rows of several with one map."""
        if len(parts) == 1:
            return parts[0]
        fields = ("numbers", "rows", "fractions")
        stacked = [np.concatenate([getattr(part, name) for part in parts]) for name in fields]
        return CompactRows(parts[0].map, *stacked)


Rows = Array | CompactRows
"""The features (n, n_features) of n rows, as they are or compactly."""


def dense_parts(X: Rows) -> Iterator[Array]:
    """The features of the rows as arrays, some thousand rows after the other; at least one."""
    if not isinstance(X, CompactRows):
        yield X
        return
    for start in range(0, max(len(X), 1), ROWS_AT_ONCE):
        yield np.asarray(X[start : start + ROWS_AT_ONCE])


def means(X: Rows) -> NDArray[np.float64]:
    """(n_features,) the mean of each feature."""
    total: NDArray[np.float64] = sum(part.sum(axis=0, dtype=np.float64) for part in dense_parts(X))
    return total / len(X)
