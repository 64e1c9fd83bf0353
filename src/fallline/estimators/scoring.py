"""Validation rows, their loss, and the score that early stopping goes by."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, r2_score

from fallline.arrays import Array
from fallline.core import metrics
from fallline.core.samples import Samples
from fallline.estimators.steps import Epochs

__all__ = ["ValidationRows", "accuracy", "r2"]


@dataclass(frozen=True)
class ValidationRows:
    """Validation rows, as the network takes them, and their ``y`` as the user gave it."""

    rows: Samples
    y: Any

    def measure(self, model: Any, epochs: Epochs) -> tuple[float, float]:
        """The loss (without L2) and the score; NaN for a score where the output is not finite."""
        network, rows = epochs.setup.network, self.rows
        loss, logits = epochs.steps.measure(rows)
        loss, output = epochs.loss_scale * loss, network.loss.output(logits)
        if not np.isfinite(output).all():
            return loss, float("nan")
        metric = model.early_stopping_metric
        if metric == "loss":
            return loss, -loss
        if metric is not None:
            return loss, self.by_scorer(model, metric)
        if network.loss.task == "numbers":
            return loss, r2(rows.Y, output, rows.weight)
        return loss, accuracy(network.loss.task, rows.Y, output, rows.weight)

    def by_scorer(self, model: Any, metric: Any) -> float:
        scorer = get_scorer(metric) if isinstance(metric, str) else metric
        weight = self.rows.weight
        extra = {} if weight is None else {"sample_weight": weight}
        nameless = copy(model)  # it shares the weights; these rows have no column names
        nameless.__dict__.pop("feature_names_in_", None)
        return float(scorer(nameless, self.rows.X, self.y, **extra))


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
