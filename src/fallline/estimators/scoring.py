"""Validation rows, their loss, and the score that early stopping uses."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.core import metrics
from fallline.core.samples import Samples
from fallline.estimators.steps import Epochs

__all__ = ["ValidationRows"]


@dataclass(frozen=True)
class ValidationRows:
    """Validation rows in the form for the network, and their ``y`` as given by the user."""

    rows: Samples
    y: Any

    def measure(self, model: Any, epochs: Epochs) -> tuple[float, float]:
        """The loss (without L2) and the score; the score is NaN if the output is not finite."""
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
        if network.loss.task == "binary":  # scikit-learn counts 0.5 as the first class
            return loss, metrics.accuracy(rows.Y > 0.5, output > 0.5, rows.weight)
        return loss, metrics.score(network.loss.task, rows.Y, output, rows.weight)

    def by_scorer(self, model: Any, metric: Any) -> float:
        from sklearn.metrics import get_scorer  # scikit-learn's base classes do not import it

        scorer = get_scorer(metric) if isinstance(metric, str) else metric
        weight = self.rows.weight
        extra = {} if weight is None else {"sample_weight": weight}
        nameless = copy(model)  # it shares the weights; these rows have no column names
        nameless.__dict__.pop("feature_names_in_", None)
        return float(scorer(nameless, self.rows.X, self.y, **extra))
