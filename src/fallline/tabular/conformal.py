"""Conformal prediction: intervals around numbers and sets of classes that hold the truth as often
as asked.

A score says how badly a target fits the prediction for its row. Let s_1, ..., s_n be the scores of
rows that were not used in training, in ascending order, and q = s_k with

    k = ceil((n + 1) * level).

Where those rows and a new one are drawn alike, the score of the new one is at most q with a
probability of ``level`` at least, and of level + 1 / (n + 1) at most where no two scores are equal,
whatever the network is like (Vovk, Gammerman and Shafer 2005; Lei et al. 2018, theorem 2.2,
doi:10.1080/01621459.2017.1307116). So every target whose score is at most q is included:

- numbers: s = abs(y - f(x)) / sigma(x), hence f(x) - q sigma(x) to f(x) + q sigma(x). ``Scale`` is
  sigma, so that an interval is wide where the network's errors are large (Lei et al., section 5.2);
- classes: s = 1 - p_y(x), hence every class of a probability of 1 - q at least. These are the
  smallest sets on average (Sadinle, Lei and Wasserman 2019, doi:10.1080/01621459.2017.1395341).
  The class predicted is always taken in as well, so that no set is empty. By class (Vovk 2012,
  doi:10.1007/s10994-013-5355-6, "label-conditional"), q is that of the rows of the class, so that
  the promise holds within each class and not over all of them alone; a class of fewer rows than the
  level needs is always taken in.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import Rows
from fallline.dataclass import dataclass
from fallline.errors import ParameterError
from fallline.limits import is_count, is_number

__all__ = [
    "METHODS",
    "Conformal",
    "Scale",
    "conformal_quantile",
    "coverage_of_intervals",
    "coverage_of_sets",
    "fit_scale",
    "fits",
    "quantiles_by_class",
    "rows_needed",
]

METHODS = ("out of fold", "split")
KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the predictions
FREEDOM = 10.0  # of the bends: their penalty is divided by its square
SMALLEST = 0.1  # of the median residual: so much is added, for a logarithm that stays finite
MAX_FEATURES = 1_000
RELATIVE_PENALTIES = (*np.geomspace(1e-4, 10.0, 11), np.inf)
PARTS = 5
ENDS = (1.0, 99.0)  # percentiles of log sigma over the rows it was fitted on


def rows_needed(level: float) -> int:
    """The fewest calibration rows for which k <= n.

    >>> rows_needed(0.9), rows_needed(0.99)
    (9, 99)
    """
    return math.ceil(level / (1.0 - level) * (1.0 - 1e-9))


def conformal_quantile(scores: Array, level: float) -> float:
    """The k-th smallest of the scores (n,), k = ceil((n + 1) * level).

    Raises ParameterError if they are too few for the level.

    >>> import numpy as np
    >>> conformal_quantile(np.arange(1.0, 20.0), 0.9)
    18.0
    """
    n = len(scores)
    k = math.ceil((n + 1) * level * (1.0 - 1e-12))
    if k > n:
        raise ParameterError(
            f"an interval of {level:g} needs {rows_needed(level):,} rows to calibrate on, and "
            f"there are {n:,}: ask for a lower level, or give more rows"
        )
    return float(np.partition(scores, k - 1)[k - 1])


def quantiles_by_class(scores: Array, codes: Array, n_classes: int, level: float) -> list[float]:
    """The quantile of the scores (n,) of each class ``codes`` (n,); 1 where its rows are too few.

    >>> import numpy as np
    >>> quantiles_by_class(np.arange(20.0) / 20, np.arange(20) // 18, 2, 0.9)
    [0.85, 1.0]
    """
    own = [scores[codes == number] for number in range(n_classes)]
    needed = rows_needed(level)
    return [conformal_quantile(each, level) if len(each) >= needed else 1.0 for each in own]


# ---- the expected error of a row's prediction


@dataclass(frozen=True)
class Scale:
    """log sigma(x) = bias + x . weights + h(f(x)) . hinges, held to ``low`` and ``high``.

    x (n_features,) is the encoded row, f(x) the network's output in encoded units; h(f) is f and
    max(0, f - knot) for each of ``knots`` (m,), so ``hinges`` is (m + 1,). ``weights`` has no
    entries where the encoding has over 1,000 features.
    """

    bias: float
    weights: Array
    knots: Array
    hinges: Array
    low: float
    high: float

    def __call__(self, X: Array, output: Array) -> Array:
        """sigma (n,), in the units of ``output`` (n,)."""
        log = self.bias + bent(output, self.knots) @ self.hinges
        if len(self.weights):
            log = log + X @ self.weights
        sigma: Array = np.exp(np.clip(log, self.low, self.high))
        return sigma


def bent(output: Array, knots: Array) -> Array:
    """h(f), (n, m + 1)."""
    return np.column_stack([output, np.maximum(output[:, None] - knots, 0.0)])


def fit_scale(X: Array, output: Array, residual: Array) -> Scale:
    """Ridge regression of log abs residual; its penalty is chosen by generalised cross-validation.

    X (n, n_features), ``output`` and ``residual`` (n,). The penalty, relative to n, is one of a
    grid that ends with infinity, a constant sigma. The bends of the prediction are penalised a
    hundredth as much as the row's features: they are few, and it is by prediction that coverage is
    to be even (on 2,500 rows of California housing, 16 splits, the fifths then held 88 to 93 %
    instead of 85 to 95 %). Source: Golub, Heath and Wahba 1979
    (doi:10.1080/00401706.1979.10489751).

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 1))
    >>> scale = fit_scale(X, X[:, 0], np.exp(0.5 * X[:, 0]) * rng.normal(size=4000))
    >>> sigma = scale(np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0]))
    >>> bool(abs(sigma[1] / sigma[0] - np.e) < 0.3)
    True
    """
    size = np.abs(residual)
    floor = SMALLEST * float(np.median(size)) or SMALLEST * float(size.mean()) or 1.0
    target = np.log(size + floor)
    knots = np.unique(np.quantile(output, KNOTS))
    n_features = X.shape[1] if X.shape[1] <= MAX_FEATURES else 0
    bends = FREEDOM * bent(output, knots)
    A = np.column_stack([X[:, :n_features], bends]).astype(np.float64)
    centre = A.mean(axis=0)
    coefficients = ridge_by_gcv(A - centre, target - target.mean())
    bias = float(target.mean() - centre @ coefficients)
    low, high = np.percentile(A @ coefficients + bias, ENDS)
    weights, hinges = coefficients[:n_features], FREEDOM * coefficients[n_features:]
    return Scale(bias, weights, knots, hinges, float(low), float(high))


def ridge_by_gcv(A: Array, t: Array) -> Array:
    """argmin of |A w - t|^2 + penalty |w|^2, (d,), for centred A (n, d) and t (n,).

    The penalty minimises n RSS / (n - 1 - df)^2, df = sum of e / (e + penalty) over the
    eigenvalues e of A'A.
    """
    n = len(A)
    e, V = np.linalg.eigh(A.T @ A)
    e = np.maximum(e, 0.0)
    b = V.T @ (A.T @ t)
    best, found = np.inf, np.zeros_like(b)
    for relative in RELATIVE_PENALTIES:
        shrunk = 1.0 / (e + relative * n)
        rss = float(t @ t - 2.0 * (b * b) @ shrunk + (e * b * b) @ np.square(shrunk))
        left = n - 1.0 - float(e @ shrunk)
        value = n * rss / left**2 if left > 0 else np.inf
        if value < best:
            best, found = value, b * shrunk
    coefficients: Array = V @ found
    return coefficients


# ---- what a model keeps


@dataclass(frozen=True)
class Conformal:
    """Intervals or sets of one ``level``: the ``quantile`` q of the scores of ``rows`` rows.

    ``method`` is "out of fold" where the rows trained other members of an ensemble, "split" where
    they were kept apart. ``scale`` is sigma, or None: for classes, and for numbers without rows to
    fit it on. ``by_class`` (n_classes) are the quantiles of each class's own rows, or None.
    """

    level: float
    method: str
    rows: int
    quantile: float
    scale: Scale | None = None
    by_class: tuple[float, ...] | None = None

    def interval(self, X: Rows, output: Array) -> tuple[Array, Array]:
        """Lower and upper ends (n,), in the units of ``output`` (n,)."""
        sigma = 1.0 if self.scale is None else self.scale(np.asarray(X), output)
        return output - self.quantile * sigma, output + self.quantile * sigma

    def sets(self, shares: Array) -> Array:
        """Whether each class is in the row's set, (n, n_classes), from the probabilities.

        >>> import numpy as np
        >>> Conformal(0.9, "split", 100, 0.7).sets(np.array([[0.5, 0.4, 0.1]])).tolist()
        [[True, True, False]]
        """
        ends = self.quantile if self.by_class is None else np.array(self.by_class)
        taken: Array = 1.0 - shares <= ends
        taken[np.arange(len(shares)), shares.argmax(axis=1)] = True
        return taken

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as stored in the model file."""
        kept = {name: getattr(self, name) for name in ("level", "method", "rows", "quantile")}
        if self.by_class is not None:
            kept["by_class"] = list(self.by_class)
        if self.scale is not None:
            kept["scale"] = {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in vars(self.scale).items()
            }
        return kept

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Conformal":
        """The same again, from data that ``fits``."""
        scale, by_class = kept.get("scale"), kept.get("by_class")
        if by_class is not None:
            kept = {**kept, "by_class": tuple(by_class)}
        if scale is None:
            return cls(**kept)
        arrays: dict[str, Any] = {
            name: np.array(value, dtype=float) if isinstance(value, list) else value
            for name, value in scale.items()
        }
        return replace(cls(**{**kept, "scale": None}), scale=Scale(**arrays))


def fits(kept: Any, n_features: int, n_classes: int) -> bool:
    """Whether plain data are those of a ``Conformal`` for an encoding; 0 classes are numbers."""
    names, numbers = {"level", "method", "rows", "quantile"}, n_classes == 0
    if not isinstance(kept, dict) or not names <= set(kept) <= names | {"scale", "by_class"}:
        return False
    if "by_class" in kept and (numbers or not by_class_fits(kept["by_class"], n_classes)):
        return False
    if not (is_number(kept["level"]) and is_number(kept["quantile"]) and is_count(kept["rows"])):
        return False
    if not 0 < kept["level"] < 1 or kept["quantile"] < 0 or kept["method"] not in METHODS:
        return False
    return "scale" not in kept or (numbers and scale_fits(kept["scale"], n_features))


def by_class_fits(kept: Any, n_classes: int) -> bool:
    """Whether it is a quantile of scores for each class."""
    return (
        isinstance(kept, list)
        and len(kept) == n_classes
        and all(is_number(one) and 0 <= one <= 1 for one in kept)
    )


def scale_fits(kept: Any, n_features: int) -> bool:
    """Whether plain data are those of a ``Scale``."""
    if not isinstance(kept, dict) or set(kept) != set(Scale.__annotations__):
        return False
    lists = [kept[name] for name in ("weights", "knots", "hinges")]
    if not all(isinstance(one, list) and all(map(is_number, one)) for one in lists):
        return False
    weights, knots, hinges = map(len, lists)
    if not all(is_number(kept[name]) for name in ("bias", "low", "high")):
        return False
    return (
        weights in (0, n_features)
        and hinges == knots + 1
        and -700 <= kept["low"] <= kept["high"] <= 700
    )


# ---- how often the truth was held


def coverage_of_intervals(y: Array, lower: Array, upper: Array, predicted: Array) -> dict[str, Any]:
    """How often y (n,) lies within its interval, in total and by fifths of the predictions.

    Plain data: ``coverage``, ``mean_width``, and ``parts``, each with ``from`` and ``to`` (the
    lowest and the highest prediction), ``rows``, ``coverage`` and ``mean_width``; widths are in
    the units of y.

    >>> import numpy as np
    >>> y = np.arange(10.0)
    >>> found = coverage_of_intervals(y, y - 1, np.where(y < 8, y + 1, y - 0.5), y)
    >>> found["coverage"], [part["coverage"] for part in found["parts"]]
    (0.8, [1.0, 1.0, 1.0, 1.0, 0.0])
    """
    held, width = (lower <= y) & (y <= upper), upper - lower
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(PARTS, len(y))) if len(part)]
    return {
        "coverage": float(held.mean()),
        "mean_width": float(width.mean()),
        "parts": [
            {
                "from": float(predicted[part[0]]),
                "to": float(predicted[part[-1]]),
                "rows": len(part),
                "coverage": float(held[part].mean()),
                "mean_width": float(width[part].mean()),
            }
            for part in parts
        ],
    }


def coverage_of_sets(codes: Array, members: Array, shares: Array) -> dict[str, Any]:
    """How often the class ``codes`` (n,) is in its row's set, in total and by class.

    Plain data: ``coverage``, ``mean_size``, ``accuracy`` (how often the class predicted is right),
    ``sizes`` (rows with sets of 1, 2, ... classes), and ``parts``, for each class ``rows``,
    ``coverage`` and ``mean_size``, the last two None if it has no rows.
    """
    n_classes = members.shape[1]
    held, size = members[np.arange(len(codes)), codes], members.sum(axis=1)
    parts: list[dict[str, Any]] = []
    for number in range(n_classes):
        own = codes == number
        some = bool(own.any())
        parts.append(
            {
                "rows": int(own.sum()),
                "coverage": float(held[own].mean()) if some else None,
                "mean_size": float(size[own].mean()) if some else None,
            }
        )
    return {
        "coverage": float(held.mean()),
        "mean_size": float(size.mean()),
        "accuracy": float((shares.argmax(axis=1) == codes).mean()),
        "sizes": np.bincount(size, minlength=n_classes + 1)[1:].tolist(),
        "parts": parts,
    }
