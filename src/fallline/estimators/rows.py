"""Rows of X in the form for the core: one dense array, or a wide sparse matrix left sparse.

The steps on sparse rows are the reference's, with the products of the first layer left sparse.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import mean_loss
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.training.steps import ReferenceSteps

__all__ = ["Data", "SparsePass", "SparseRows", "SparseSteps", "as_rows", "dense"]

MAX_DENSITY = 0.1  # below this share of entries sparse products beat the engine's dense ones
MIN_COLUMNS = 1000  # from this number of columns on
MAX_BYTES = 2**30  # a matrix that would need more than this as an array always stays sparse


def dense(X: Any, dtype: Any) -> Array:
    """One array in the order of rows."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X, dtype=dtype)


def as_rows(X: Any, dtype: Any) -> Any:
    """X as one array, or as :class:`SparseRows` if that is faster or saves memory."""
    if not hasattr(X, "toarray"):
        return dense(X, dtype)
    entries = float(np.prod(X.shape, dtype=float))
    few = X.shape[1] >= MIN_COLUMNS and X.nnz < MAX_DENSITY * entries
    large = np.dtype(dtype).itemsize * entries > MAX_BYTES
    return SparseRows(X, dtype) if few or large else dense(X, dtype)


@dataclass(frozen=True)
class Data:
    """The rows of a fit: X, ``y`` as the user's labels, Y as the network's targets, weights."""

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


class SparsePass:
    """Forward and backward pass of a sparse batch, like ``fallline.core.backprop.Backprop``."""

    def __init__(self, network: Network, n_rows: int, penalty: Penalty) -> None:
        self.network, self.penalty = network, penalty
        self.gradient: Array = np.zeros_like(network.parameters)
        self.parts, self.is_weight = network.views(self.gradient), network.is_weight
        self.shares: Array = np.full((n_rows, 1), 1.0 / n_rows, network.dtype)

    def load(self, X: Any, weight: Array | None = None) -> None:
        """Take the rows of a batch, and their sample weights where there are any."""
        self.X = X.X if isinstance(X, SparseRows) else X
        if weight is not None:
            total = weight.sum()
            self.shares[:, 0] = weight / total if total > 0 else 0.0

    def forward(self, masks: list[Array] | None = None) -> None:
        """Z and A of every layer, and the slope of every hidden one, times its dropout mask."""
        self.A: list[Any] = [self.X]
        self.slopes: list[Array] = []
        for l, layer in enumerate(self.network.layers):
            Z = self.A[-1] @ layer.W + layer.b
            A = layer.value(Z)
            if layer.slope is not None:
                mask = 1.0 if masks is None else masks[l]
                self.slopes.append(layer.slope(Z, A) * mask)
                A = A * mask
            self.A.append(A)
        self.logits = Z

    def loss(self, Y: Array) -> float:
        """The loss of the batch after :meth:`forward`."""
        return mean_loss(self.network, self.logits, Y, self.shares[:, 0], self.penalty)

    def backward(self, Y: Array) -> None:
        """dW and db of every layer, from the last to the first."""
        delta = self.network.loss.delta(self.A[-1], Y) * self.shares
        for l in range(len(self.parts) - 1, -1, -1):
            self.parts[l].W[:] = self.A[l].T @ delta
            self.parts[l].b[:] = delta.sum(axis=0)
            if l > 0:
                delta = (delta @ self.network.layers[l].W.T) * self.slopes[l - 1]
        if self.penalty:
            self.gradient += self.penalty.slope(self.is_weight * self.network.parameters)


class SparseSteps(ReferenceSteps):
    """The reference's steps on :class:`SparseRows`."""

    def new_pass(self, n_rows: int, X: Any = None, weight: Array | None = None) -> Any:
        made = SparsePass(self.setup.network, n_rows, self.setup.penalty)
        if X is not None:
            made.load(X, weight)
        self.passes[n_rows] = made  # type: ignore[assignment]
        return made
