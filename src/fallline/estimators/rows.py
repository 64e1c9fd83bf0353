"""Rows of X as the core takes them: one dense array, or a wide sparse one left as it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array

__all__ = ["Data", "SparseRows", "as_rows", "dense"]

FEW = 0.1  # share of entries below which sparse products are faster than the engine's dense ones
WIDE = 1000  # columns from which on that is so
MOST_BYTES = 2**30  # a sparse matrix that would need more than this stays sparse anyway


def dense(X: Any, dtype: Any) -> Array:
    """One array in the order of rows."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X, dtype=dtype)


def as_rows(X: Any, dtype: Any) -> Any:
    """X as one array, or as :class:`SparseRows` where that is faster, or spares the room."""
    if not hasattr(X, "toarray"):
        return dense(X, dtype)
    entries = float(np.prod(X.shape, dtype=float))
    few = X.shape[1] >= WIDE and X.nnz < FEW * entries
    large = np.dtype(dtype).itemsize * entries > MOST_BYTES
    return SparseRows(X, dtype) if few or large else dense(X, dtype)


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
    """A sparse matrix as the rows of a fit; batches of it stay sparse."""

    def __init__(self, X: Any, dtype: Any) -> None:
        self.X, self.shape = X.tocsr().astype(dtype, copy=False), X.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, batch: Any) -> Any:
        return self.X[batch]
