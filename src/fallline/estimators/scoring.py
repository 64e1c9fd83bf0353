"""Held-out rows, their loss, and the score that early stopping goes by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, r2_score

from fallline import metrics
from fallline.arrays import Array
from fallline.backprop import mean_loss, shares_of
from fallline.network import Network

__all__ = ["Held", "accuracy", "r2"]


@dataclass(frozen=True)
class Held:
    """Held-out rows: X and the targets Y as the network takes them, ``y`` as the user gave them."""

    X: Array
    Y: Array
    y: Any
    weight: Array | None

    def measure(self, model: Any, network: Network, loss_scale: float) -> tuple[float, float]:
        """The loss (without L2) and the score; NaN for a score where the output is not finite."""
        done = network.forward(self.X)
        shares = shares_of(len(self.X), self.weight)
        loss = loss_scale * mean_loss(network, done.Z[-1], self.Y, shares)
        output = done.A[-1]
        if not np.isfinite(output).all():
            return loss, float("nan")
        metric = model.early_stopping_metric
        if metric == "loss":
            return loss, -loss
        if metric is not None:
            return loss, self.by_scorer(model, metric)
        if network.loss.task == "numbers":
            return loss, r2(self.Y, output, self.weight)
        return loss, accuracy(network.loss.task, self.Y, output, self.weight)

    def by_scorer(self, model: Any, metric: Any) -> float:
        scorer = get_scorer(metric) if isinstance(metric, str) else metric
        extra = {} if self.weight is None else {"sample_weight": self.weight}
        return float(scorer(model, self.X, self.y, **extra))


def accuracy(task: str, Y: Array, output: Array, weight: Array | None) -> float:
    """The share of rows predicted rightly, in all outputs; a weighted mean with weights."""
    if task == "classes":
        right = Y.argmax(axis=1) == output.argmax(axis=1)
    else:
        right = ((output > 0.5) == (Y > 0.5)).all(axis=1)
    return float(np.average(right, weights=weight))


def r2(Y: Array, output: Array, weight: Array | None) -> float:
    """R2, averaged over the outputs, by weighted sums where there are weights."""
    if weight is None:
        return metrics.r2(Y, output)
    return float(r2_score(Y, output, sample_weight=weight))
