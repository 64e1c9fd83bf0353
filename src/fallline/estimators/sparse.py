"""Steps on sparse rows: the reference's, with the products of the first layer left sparse."""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import mean_loss
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.estimators.rows import SparseRows
from fallline.training.steps import ReferenceSteps

__all__ = ["SparsePass", "SparseSteps"]


class SparsePass:
    """Forward and backward pass of a sparse batch, as ``fallline.core.backprop.Backprop``'s."""

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
        made = SparsePass(self.descent.network, n_rows, self.descent.penalty)
        if X is not None:
            made.load(X, weight)
        self.passes[n_rows] = made  # type: ignore[assignment]
        return made
