"""Scores of predictions, for validation and evaluation.

Shapes: ``y`` and ``predicted`` are (n,), probabilities (n, k). Sources: R2 and log loss as in
Hastie et al., The Elements of Statistical Learning, sections 3.2 and 2.6; the area under the ROC
curve as the Mann-Whitney statistic, Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
"""

import numpy as np

from fallline.arrays import Array

__all__ = [
    "accuracy",
    "log_loss",
    "mean_absolute_error",
    "poisson_deviance",
    "poisson_deviances",
    "r2",
    "roc_auc",
    "root_mean_squared_error",
    "score",
]

MIN_PROBABILITY = 1e-15  # a probability of 0 would make one row's loss infinite


def score(task: str, Y: Array, output: Array, weight: Array | None = None) -> float:
    """The score that validation uses: accuracy, or R2 for numbers.

    ``task`` is that of the loss: "classes", "binary" or "numbers". Y and the network's output are
    (n, n_outputs), ``weight`` (n,) are sample weights.
    """
    if task == "classes":
        return accuracy(Y.argmax(axis=1), output.argmax(axis=1), weight)
    if task == "binary":
        return accuracy(Y >= 0.5, output >= 0.5, weight)
    return r2(Y, output, weight)


def accuracy(y: Array, predicted: Array, weight: Array | None = None) -> float:
    """The share of rows predicted correctly; with several columns, correctly in all of them."""
    same = np.asarray(y) == np.asarray(predicted)
    same = same if same.ndim == 1 else same.all(axis=1)
    return float(same.mean() if weight is None else np.average(same, weights=weight))


def log_loss(y: Array, shares: Array) -> float:
    """-mean log p of each row's class; ``y`` are class numbers, shares (n, k) clipped at 1e-15."""
    p = shares[np.arange(len(y)), np.asarray(y, dtype=np.intp)]
    return float(-np.log(np.maximum(p, MIN_PROBABILITY)).mean())


def poisson_deviance(y: Array, predicted: Array) -> float:
    """mean 2 (y log(y / p) - y + p), for y >= 0 and p > 0: 0 is perfect."""
    return float(np.mean(poisson_deviances(y, predicted)))


def poisson_deviances(y: Array, predicted: Array) -> Array:
    """2 (y log(y / p) - y + p) of each row, (n,)."""
    p = np.maximum(predicted, MIN_PROBABILITY)
    logs = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / p), 0.0)
    terms: Array = 2.0 * (logs - y + p)
    return terms


def r2(y: Array, predicted: Array, weight: Array | None = None) -> float:
    """1 - sum w (y - p)^2 / sum w (y - mean y)^2: 1 is perfect, 0 is as good as the mean.

    Several columns are averaged; the mean is weighted too. If y is constant: 1 for a perfect
    prediction, else 0.
    """
    y, predicted = np.asarray(y, dtype=float), np.asarray(predicted, dtype=float)
    w = 1.0 if weight is None else weight.reshape(-1, *[1] * (y.ndim - 1))
    residual = (w * np.square(y - predicted)).sum(axis=0)
    total = (w * np.square(y - np.average(y, axis=0, weights=weight))).sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    scores = np.where(total > 0, 1.0 - residual / safe, np.where(residual > 0, 0.0, 1.0))
    return float(np.mean(scores))


def root_mean_squared_error(y: Array, predicted: Array) -> float:
    """sqrt(mean (y - p)^2), in the units of y."""
    return float(np.sqrt(np.mean(np.square(y - predicted))))


def mean_absolute_error(y: Array, predicted: Array) -> float:
    """mean |y - p|, in the units of y."""
    return float(np.mean(np.abs(y - predicted)))


def roc_auc(y: Array, score: Array) -> float | None:
    """The probability that a random row of class 1 scores above one of class 0; ties count half.

    ``y`` is 0 or 1. None if one of the classes is absent.
    """
    positive = np.asarray(y) == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_negative == 0:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank = last - (counts - 1) / 2.0
    ranks = mean_rank[inverse]
    above = ranks[positive].sum() - n_positive * (n_positive + 1) / 2.0
    return float(above / (n_positive * n_negative))
