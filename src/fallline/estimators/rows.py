"""Rows of X as the core takes them: one dense array, or a large sparse one filled up by batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array

__all__ = ["Data", "SparseRows", "as_rows", "dense"]

MOST_BYTES = 2**30  # a sparse matrix that would need more than this stays sparse


def dense(X: Any, dtype: Any) -> Array:
    """One array in the order of rows."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X, dtype=dtype)


def as_rows(X: Any, dtype: Any) -> Any:
    """X as one array, or as :class:`SparseRows` where that would take too much room."""
    large = hasattr(X, "toarray") and np.dtype(dtype).itemsize * np.prod(X.shape, dtype=float)
    return SparseRows(X, dtype) if large > MOST_BYTES else dense(X, dtype)


@dataclass(frozen=True)
class Data:
    """What a fit is given: X, ``y`` as the user's labels, Y as the network's targets, weights."""

    X: Any
    y: Any
    Y: Array
    weight: Array | None

    def at(self, rows: Array) -> "Data":
        """These rows of it."""
        weight = None if self.weight is None else self.weight[rows]
        return Data(self.X[rows], self.y[rows], self.Y[rows], weight)


class SparseRows:
    """A sparse matrix whose rows come out dense, batch by batch; the reference takes it."""

    def __init__(self, X: Any, dtype: Any) -> None:
        self.X, self.dtype, self.shape = X.tocsr(), dtype, X.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, batch: Any) -> Array:
        return dense(self.X[batch], self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return dense(self.X, dtype or self.dtype)
