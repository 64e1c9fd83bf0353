"""The quality of predictions: scores with intervals, confusion, calibration, residuals.

Intervals are 95 % percentile bootstrap intervals over the rows (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, section 13.3): every score is a function of row weights, and a
resample is a vector of them. Calibration: Niculescu-Mizil and Caruana 2005,
doi:10.1145/1102351.1102430.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core import metrics
from fallline.core.metrics import MIN_PROBABILITY
from fallline.data.encoding import Encoding
from fallline.data.targets import QUANTITIES

__all__ = [
    "LOSS_NAMES",
    "against_trivial",
    "calibration",
    "confusion",
    "doubt",
    "intervals",
    "lead",
    "residuals",
    "roc_curve",
    "shares_of_classes",
    "weighted_scores",
]

# Names of the losses whose mean is compared with that of the trivial guess
LOSS_NAMES = {
    "binary": "log loss",
    "classes": "log loss",
    "numbers": "mean squared error",
    "counts": "mean Poisson deviance",
}
RESAMPLES = 1000
MIN_RESAMPLES = 200
MAX_DRAWS = 200_000_000
LEVEL = (2.5, 97.5)
MANY_ROWS, NORMAL = 5_000, 1.96  # from here on a mean is within 1.96 standard errors in 95 %
BINS = 10
MAX_POINTS = 200

Scorer = Callable[[Array], Array]


def shares_of_classes(encoding: Encoding, output: Array) -> Array:
    """Probabilities (n, n_classes) from a network's output (n, n_outputs)."""
    return np.hstack([1.0 - output, output]) if encoding.task == "binary" else output


# ---- scores as functions of row weights


def weighted_scores(encoding: Encoding, y: Array, output: Array) -> dict[str, Scorer]:
    """Each score as a function of weights W (m, n), one row per resample, giving (m,).

    With weights of 1 they are the scores of :func:`fallline.tabular.scoring.output_scores`.
    """
    if encoding.task in QUANTITIES:
        return number_scorers(encoding, y, output[:, 0])
    shares = shares_of_classes(encoding, output)
    codes = y.astype(np.intp)
    hit = (shares.argmax(axis=1) == codes).astype(float)
    surprise = -np.log(np.maximum(shares[np.arange(len(y)), codes], MIN_PROBABILITY))
    scorers = {"accuracy": mean_of(hit), "log_loss": mean_of(surprise)}
    if encoding.task == "binary" and 0 < codes.sum() < len(codes):
        scorers["roc_auc"] = area_of(codes, shares[:, 1])
    return scorers


def mean_of(values: Array) -> Scorer:
    return lambda W: W @ values / W.sum(axis=1)


def number_scorers(encoding: Encoding, y: Array, predicted: Array) -> dict[str, Scorer]:
    y, predicted = encoding.decode_numbers(y), encoding.decode_numbers(predicted)
    error = y - predicted
    centred = y - y.mean()  # so that the squares keep their digits

    def r2(W: Array) -> Array:
        n = W.sum(axis=1)
        total = W @ centred**2 - (W @ centred) ** 2 / n
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1.0 - (W @ error**2) / total
        return np.where(total > 0, scores, 0.0)

    scorers: dict[str, Scorer] = {
        **({"r2": r2} if len(y) > 1 else {}),
        "rmse": lambda W: np.sqrt(mean_of(error**2)(W)),
        "mae": mean_of(np.abs(error)),
    }
    if encoding.task == "counts":
        scorers["deviance"] = mean_of(metrics.poisson_deviances(y, predicted))
    return scorers


def area_of(codes: Array, score: Array) -> Scorer:
    """The area under the ROC curve: rows sorted by score once, ties counting half."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    positive = codes[order] == 1

    def area(W: Array) -> Array:
        sorted_ = W[:, order]
        above = np.add.reduceat(sorted_ * positive, starts, axis=1)
        below = np.add.reduceat(sorted_ * ~positive, starts, axis=1)
        before = np.cumsum(below, axis=1) - below
        pairs = above.sum(axis=1) * below.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            areas: Array = (above * (before + below / 2)).sum(axis=1) / pairs
        return areas

    return area


def intervals(
    encoding: Encoding, y: Array, output: Array, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each score, from 1,000 resamples of the rows (200 of very many)."""
    scorers = weighted_scores(encoding, y, output)
    found: dict[str, list[Array]] = {name: [] for name in scorers}
    with np.errstate(over="ignore", invalid="ignore"):
        for W in resamples(len(y), np.random.default_rng(seed)):
            for name, scorer in scorers.items():
                found[name].append(scorer(W))
    result = {}
    for name, parts in found.items():
        values = np.concatenate(parts)
        low, high = np.nanpercentile(values, LEVEL) if np.isfinite(values).any() else (np.nan,) * 2
        result[name] = (float(low), float(high))
    return result


def lead(
    encoding: Encoding, y: Array, output: Array, class_shares: Array | None
) -> tuple[float, float]:
    """The 95 % interval of the mean loss minus that of the trivial guess, over the same rows.

    If all of it is below 0, the network is better by more than chance. The losses are those of
    LOSS_NAMES; rows are compared in pairs, which is more precise than a comparison of two
    intervals. They are resampled, but of many rows the mean is normally distributed.
    """
    difference = row_losses(encoding, y, output) - trivial_losses(encoding, y, class_shares)
    if len(y) > MANY_ROWS:
        half = NORMAL * float(difference.std()) / math.sqrt(len(y))
        return float(difference.mean()) - half, float(difference.mean()) + half
    draws = resamples(len(y), np.random.default_rng(0))
    means = [(W * difference).sum(axis=1) / len(y) for W in draws]  # in a fixed order
    low, high = np.percentile(np.concatenate(means), LEVEL)
    return float(low), float(high)


def against_trivial(
    encoding: Encoding, y: Array, output: Array, class_shares: Array | None
) -> dict[str, Any]:
    """Which score is compared with that of the trivial guess, and the ``lead``, as plain data."""
    low, high = lead(encoding, y, output, class_shares)
    return {"score": LOSS_NAMES[encoding.task], "interval": [low, high]}


def doubt(found: Mapping[str, Any]) -> str | None:
    """A message if ``against_trivial`` shows no lead, else None."""
    low, high = found["interval"]
    if high < 0:
        return None
    return (
        f"no better than the trivial guess, judging by these rows: its {found['score']} minus "
        f"that of the guess is {low:.3g} to {high:.3g} (95 %)"
    )


def row_losses(encoding: Encoding, y: Array, output: Array) -> Array:
    """(n,) the loss of the network's output for each row."""
    if encoding.task in QUANTITIES:
        return quantity_losses(encoding, y, output[:, 0])
    return class_losses(shares_of_classes(encoding, output), y)


def trivial_losses(encoding: Encoding, y: Array, class_shares: Array | None) -> Array:
    """(n,) the loss of guessing the class shares, or the mean, for each row."""
    if class_shares is None:
        mean = 1.0 if encoding.task == "counts" else 0.0  # as the target is encoded
        return quantity_losses(encoding, y, np.full(len(y), mean))
    return class_losses(np.broadcast_to(class_shares, (len(y), len(class_shares))), y)


def quantity_losses(encoding: Encoding, y: Array, guess: Array) -> Array:
    actual, guess = encoding.decode_numbers(y), encoding.decode_numbers(guess)
    with np.errstate(over="ignore", invalid="ignore"):
        if encoding.task == "counts":
            return np.nan_to_num(metrics.poisson_deviances(actual, guess))
        return np.nan_to_num(np.square(actual - guess))


def class_losses(shares: Array, y: Array) -> Array:
    found: Array = shares[np.arange(len(y)), y.astype(np.intp)]
    return -np.log(np.maximum(found, MIN_PROBABILITY))


def resamples(n: int, generator: np.random.Generator) -> Iterator[Array]:
    """Weights (m, n): how often each row is drawn in n draws with replacement."""
    left = int(np.clip(MAX_DRAWS // n, MIN_RESAMPLES, RESAMPLES))
    at_once = int(np.clip(4_000_000 // n, 1, left))
    while left > 0:
        m = min(at_once, left)
        draws = generator.integers(0, n, size=(m, n))
        draws += np.arange(m)[:, None] * n
        yield np.bincount(draws.ravel(), minlength=m * n).reshape(m, n).astype(float)
        left -= m


# ---- pictures of the errors, as numbers


def confusion(encoding: Encoding, y: Array, output: Array) -> Array:
    """Counts (n_classes, n_classes): rows are the classes, columns the predictions."""
    k = len(encoding.classes)
    predicted = shares_of_classes(encoding, output).argmax(axis=1)
    counts = np.bincount(y.astype(np.intp) * k + predicted, minlength=k * k)
    return counts.reshape(k, k)


def roc_curve(y: Array, score: Array) -> tuple[Array, Array]:
    """False and true positive rates, from (0, 0) to (1, 1), at 200 thresholds at most."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-np.inf))
    positive = np.cumsum(y[order] == 1)[last]
    negative = last + 1 - positive
    true = np.concatenate([[0.0], positive / max(positive[-1], 1)])
    false = np.concatenate([[0.0], negative / max(negative[-1], 1)])
    kept = np.unique(np.linspace(0, len(true) - 1, min(len(true), MAX_POINTS)).astype(int))
    return false[kept], true[kept]


def calibration(encoding: Encoding, y: Array, output: Array) -> dict[str, Any]:
    """Predicted probabilities against observed frequencies, in ten bins of equally many rows.

    Two classes: the probability of the second. More classes: that of the predicted class. ``error``
    is the mean distance, weighted by rows.
    """
    shares = shares_of_classes(encoding, output)
    if encoding.task == "binary":
        p, came = shares[:, 1], y == 1
    else:
        p, came = shares.max(axis=1), shares.argmax(axis=1) == y
    order = np.argsort(p, kind="stable")
    bins = [part for part in np.array_split(order, min(BINS, len(p))) if len(part)]
    predicted = [float(p[part].mean()) for part in bins]
    observed = [float(came[part].mean()) for part in bins]
    rows = [len(part) for part in bins]
    distance = np.abs(np.array(predicted) - np.array(observed))
    return {
        "predicted": predicted,
        "observed": observed,
        "rows": rows,
        "error": float(distance @ np.array(rows) / len(p)),
    }


def residuals(encoding: Encoding, y: Array, output: Array) -> dict[str, Any]:
    """Actual minus predicted, in the target's own units: mean, spread and quantiles."""
    error = encoding.decode_numbers(y) - encoding.decode_numbers(output[:, 0])
    levels = (0, 5, 25, 50, 75, 95, 100)
    quantiles = np.percentile(error, levels)
    return {
        "mean": float(error.mean()),
        "standard_deviation": float(error.std()),
        "quantiles": {f"{level} %": float(q) for level, q in zip(levels, quantiles, strict=True)},
        "worst_row": int(np.argmax(np.abs(error))),
    }
