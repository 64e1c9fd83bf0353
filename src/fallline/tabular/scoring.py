"""Scores of predictions in terms of a table's task, and those of the trivial guess."""

import numpy as np

from fallline.arrays import Array
from fallline.core import metrics
from fallline.core.network import Network
from fallline.data.encoding import Encoding
from fallline.data.targets import QUANTITIES

__all__ = [
    "MAIN_SCORE",
    "SCORE_NAMES",
    "better",
    "class_shares",
    "network_scores",
    "output_scores",
    "trivial_scores",
]

SCORE_NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "roc_auc": "area under ROC",
    "r2": "R2",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "deviance": "mean Poisson deviance",
}
MAIN_SCORE = {"binary": "log_loss", "classes": "log_loss", "numbers": "rmse", "counts": "deviance"}
"""What a task is judged by: the score that its loss is made for."""
LOWER_IS_BETTER = {"log_loss", "rmse", "mae", "deviance"}


def better(name: str, one: float, other: float) -> bool:
    """Whether the score ``one`` is better than ``other``."""
    return one < other if name in LOWER_IS_BETTER else one > other


def network_scores(network: Network, encoding: Encoding, X: Array, y: Array) -> dict[str, float]:
    """Scores of the network on encoded rows."""
    return output_scores(encoding, y, network.predict_proba(X))


def output_scores(encoding: Encoding, y: Array, output: Array) -> dict[str, float]:
    """Scores of the output (n, n_outputs) of a network against encoded targets y (n,)."""
    if encoding.task in QUANTITIES:
        return number_scores(encoding, y, output[:, 0])
    if encoding.task == "binary":
        return class_scores(y, np.stack([1.0 - output[:, 0], output[:, 0]], axis=1))
    return class_scores(y, output)


def class_shares(encoding: Encoding, y: Array) -> Array | None:
    """The share (n_classes,) of each class among the encoded targets y (n,); None for numbers."""
    if encoding.task in QUANTITIES:
        return None
    counts = np.bincount(y.astype(np.intp), minlength=len(encoding.classes))
    shares: Array = counts / counts.sum()
    return shares


def trivial_scores(encoding: Encoding, class_shares: Array | None, y: Array) -> dict[str, float]:
    """Scores of always guessing the training rows' mean, or their class shares (n_classes,)."""
    if class_shares is None:
        mean = 1.0 if encoding.task == "counts" else 0.0  # as the target is encoded
        return number_scores(encoding, y, np.full(len(y), mean))
    scores = class_scores(y, np.broadcast_to(class_shares, (len(y), len(class_shares))))
    return {name: value for name, value in scores.items() if name != "roc_auc"}


def number_scores(encoding: Encoding, y: Array, predicted: Array) -> dict[str, float]:
    """Scores in the target's own units, at most the largest number."""
    y, predicted = encoding.decode_numbers(y), encoding.decode_numbers(predicted)
    with np.errstate(over="ignore", invalid="ignore"):
        scores = {
            "r2": metrics.r2(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
            "mae": metrics.mean_absolute_error(y, predicted),
        }
        if len(y) < 2:
            del scores["r2"]  # a single row has no spread to explain
        if encoding.task == "counts":
            scores["deviance"] = metrics.poisson_deviance(y, predicted)
    return {name: float(np.nan_to_num(value)) for name, value in scores.items()}


def class_scores(y: Array, shares: Array) -> dict[str, float]:
    """Accuracy, log loss, and for two classes the area under the ROC curve; shares (n, k)."""
    codes = y.astype(np.intp)
    scores = {
        "accuracy": metrics.accuracy(codes, shares.argmax(axis=1)),
        "log_loss": metrics.log_loss(codes, shares),
    }
    area = metrics.roc_auc(y, shares[:, 1]) if shares.shape[1] == 2 else None
    return scores if area is None else scores | {"roc_auc": area}
