r"""The gradient check: backpropagation against a derivative computed without it.

Two methods give the derivative of the loss L with respect to one parameter:

* complex step: Im L(theta + i h e_j) / h with h = 1e-30, exact to rounding, for functions that are
  analytic between their seams (all of Fallline's are). Squire and Trapp 1998,
  doi:10.1137/S003614459631241X, eq. 6.
* central differences over five points,
  (8 (L(+h) - L(-h)) - (L(+2h) - L(-2h))) / (12 h), with an error of order h^4, for any function.
  Abramowitz and Stegun 1964, table 25.2.

A parameter is left out, and counted, if the difference would straddle a seam between two formulas
(a ReLU's corner).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core import activations
from fallline.core.backprop import loss_and_gradient, loss_at
from fallline.core.network import Layer, Network
from fallline.core.penalties import Penalty, check_penalty
from fallline.core.samples import Samples
from fallline.errors import ShapeError
from fallline.limits import check_choice, check_integer, check_number
from fallline.text import matrix_index, table

__all__ = ["GradientCheck", "PartCheck", "check_gradients"]

COMPLEX_STEP = 1e-30
DIFFERENCE_STEP = 1e-3
TOLERANCE = {"complex_step": 1e-10, "central": 1e-6}
GradientFunction = Callable[[Network, Array, Array], Array]


@dataclass(frozen=True)
class PartCheck:
    """The check of one layer's weights ("W") or biases ("b").

    ``error`` is the worst relative error, found at ``index`` of W or b, where the gradient under
    test is ``analytic`` and the derivative is ``numeric``. ``ratio`` is their common ratio if there
    is one (every entry wrong by the same factor), else None. ``at_kink`` counts the entries left
    out.
    """

    layer: int
    kind: str
    index: tuple[int, ...]
    error: float
    analytic: float
    numeric: float
    ratio: float | None
    checked: int
    at_kink: int
    passed: bool


@dataclass(frozen=True)
class GradientCheck:
    """The result of :func:`check_gradients`: one :class:`PartCheck` per W and b; printable.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> check = fl.check_gradients(net, TRAIN_X, TRAIN_Y)
    >>> [(part.layer, part.kind, part.passed) for part in check.parts]
    [(1, 'W', True), (1, 'b', True), (2, 'W', True), (2, 'b', True)]
    """

    parts: tuple[PartCheck, ...]
    method: str
    tolerance: float

    @property
    def passed(self) -> bool:
        return all(part.passed for part in self.parts)

    @property
    def worst(self) -> PartCheck:
        """The part with the largest relative error."""
        return max(self.parts, key=lambda part: part.error)

    @property
    def error(self) -> float:
        """The largest relative error."""
        return self.worst.error

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "passed": self.passed,
            "method": self.method,
            "tolerance": self.tolerance,
            "error": self.error,
            "worst": asdict(self.worst),
            "parts": [asdict(part) for part in self.parts],
        }

    def __str__(self) -> str:
        rows = [
            (
                part.layer,
                f"{part.kind}{matrix_index(part.index)}",
                f"{part.analytic:.8g}",
                f"{part.numeric:.8g}",
                f"{part.error:.1e}",
                "right" if part.passed else "WRONG",
            )
            for part in self.parts
        ]
        heads = ("layer", "worst entry", "gradient", "numeric", "rel. error", "verdict")
        return "\n".join(
            [table(heads, rows), *map(remark, filter(remark, self.parts)), self._last()]
        )

    def _last(self) -> str:
        worst = self.worst
        return (
            f"{'passed' if self.passed else 'FAILED'}: worst relative error {worst.error:.1e} in "
            f"layer {worst.layer}, {worst.kind}{matrix_index(worst.index)}\n"
            f"({self.method.replace('_', ' ')}, tolerance {self.tolerance:g})"
        )


def remark(part: PartCheck) -> str:
    """A sentence about one part; empty if there is nothing to say."""
    where = f"layer {part.layer}, {part.kind}: "
    if part.passed:
        return f"{where}{part.at_kink} at a kink left out" if part.at_kink else ""
    if part.ratio is not None:
        return f"{where}every entry is {part.ratio:.4f} of the derivative"
    return f"{where}no common factor, so a term of the formula is wrong"


def check_gradients(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    gradient: GradientFunction | ArrayLike | None = None,
    method: str = "auto",
    tolerance: float | None = None,
    max_parameters: int = 10_000,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient of the loss on X, y with numeric derivatives, parameter by parameter.

    Parameters
    ----------
    network, X (n_samples, n_features), y, sample_weight, l2, l1 : as for :func:`fallline.train`.
    gradient : what to check instead of Fallline's own gradient: a vector (n_parameters,) in the
        layout of ``network.parameters``, or a function of (network, X, Y) that gives one, with Y
        (n_samples, n_outputs).
    method : "complex_step", "central", or "auto" (the former, unless the network has a custom
        activation or loss that does not accept complex numbers).
    tolerance : the relative error that passes; 1e-10 for the complex step, 1e-6 for differences.
        The error of one entry is |analytic - numeric| divided by the larger of the two, or by a
        thousandth of the largest entry of the gradient if that is larger.
    max_parameters, seed : in a larger network, ``max_parameters`` randomly drawn ones are checked.

    The check runs in float64, whatever the network's dtype. Raises ShapeError, DataError and
    ParameterError for bad input.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> check = fl.check_gradients(net, TRAIN_X, TRAIN_Y)
    >>> check.passed, check.error < 1e-12
    (True, True)
    >>> from fallline.lesson import published_gradient
    >>> wrong = fl.check_gradients(net, TRAIN_X, TRAIN_Y, gradient=published_gradient)
    >>> wrong.passed, round(wrong.worst.error, 3)
    (False, 0.601)
    """
    check_choice("method", method, ("auto", "complex_step", "central"))
    penalty = check_penalty(l2, l1)
    method = best_method(network) if method == "auto" else method
    limit = TOLERANCE[method] if tolerance is None else check_number("tolerance", tolerance)
    network = network.copy(dtype="float64")
    samples = network.samples(X, y, sample_weight)
    analytic = gradient_under_test(network, samples, penalty, gradient)
    chosen = choose(network.n_parameters, check_integer("max_parameters", max_parameters), seed)
    with np.errstate(over="ignore", invalid="ignore"):
        numeric = numeric_gradient(network, samples, penalty, method, chosen)
    return GradientCheck(tuple(compare(network, analytic, numeric, chosen, limit)), method, limit)


def best_method(network: Network) -> str:
    """The complex step, if every function of the network accepts complex numbers."""
    hidden = all(activations.get(name).analytic for name in network.hidden)
    return "complex_step" if hidden and network.loss.analytic else "central"


def gradient_under_test(
    network: Network,
    samples: Samples,
    penalty: Penalty,
    gradient: GradientFunction | ArrayLike | None,
) -> Array:
    if gradient is None:
        return loss_and_gradient(network, samples.X, samples.Y, samples.weight, penalty)[1]
    given = gradient(network, samples.X, samples.Y) if callable(gradient) else gradient
    vector = np.asarray(given, dtype=float)
    if vector.shape != (network.n_parameters,):
        raise ShapeError(
            f"gradient must be a vector of {network.n_parameters} numbers, one per parameter, "
            f"not of shape {vector.shape}"
        )
    return vector


def choose(n_parameters: int, max_parameters: int, seed: int) -> Array:
    """Which parameters are checked: all, or ``max_parameters`` drawn at random."""
    chosen = np.zeros(n_parameters, dtype=bool)
    draw = np.random.default_rng(seed).permutation(n_parameters)[:max_parameters]
    chosen[draw] = True
    return chosen


def numeric_gradient(
    network: Network, samples: Samples, penalty: Penalty, method: str, chosen: Array
) -> Array:
    """The derivative of the loss by each chosen parameter; NaN at a kink and for others."""
    derivative = complex_step if method == "complex_step" else central_difference
    numeric = np.full(network.n_parameters, np.nan)
    for j in np.flatnonzero(chosen):
        numeric[j] = derivative(network, samples, penalty, int(j))
    return numeric


def complex_step(network: Network, samples: Samples, penalty: Penalty, j: int) -> float:
    """Im L(theta + i h e_j) / h; NaN if a pre-activation that depends on it sits on a kink."""
    if at_zero(network, penalty, j, 0.0):
        return float("nan")
    theta = network.parameters.astype(complex)
    theta[j] += 1j * COMPLEX_STEP
    if on_kink(network, samples, theta):
        return float("nan")
    loss: Any = loss_at(network, samples.X, samples.Y, samples.weight, penalty, theta)
    return float(loss.imag / COMPLEX_STEP)


def central_difference(network: Network, samples: Samples, penalty: Penalty, j: int) -> float:
    """The five-point difference, with a thousandth of its width if it straddles a seam."""
    for h in (DIFFERENCE_STEP, DIFFERENCE_STEP / 1000):
        if at_zero(network, penalty, j, 2 * h):
            continue
        points = [shifted(network.parameters, j, k * h) for k in (-2, -1, 1, 2)]
        first, *others = (sides(network, samples, theta) for theta in points)
        if all(all(map(np.array_equal, first, other)) for other in others):
            low2, low, high, high2 = (
                loss_at(network, samples.X, samples.Y, samples.weight, penalty, theta)
                for theta in points
            )
            return (8.0 * (high - low) - (high2 - low2)) / (12.0 * h)
    return float("nan")


def at_zero(network: Network, penalty: Penalty, j: int, reach: float) -> bool:
    """Whether the difference for parameter j straddles L1's kink at 0."""
    return bool(penalty.l1 > 0 and network.is_weight[j] and abs(network.parameters[j]) <= reach)


def shifted(theta: Array, j: int, by: float) -> Array:
    moved = theta.copy()
    moved[j] += by
    return moved


def distances(network: Network, samples: Samples, theta: Array, what: str) -> list[Array]:
    """The distance of every pre-activation and every output error from each of the "seams" or
    "kinks"."""
    hidden = [getattr(activations.get(name), what) for name in network.hidden]
    output = getattr(network.loss, what)
    if not output and not any(hidden):
        return []
    Z = network.forward(samples.X, theta).Z
    below = [z - point for z, points in zip(Z[:-1], hidden, strict=True) for point in points]
    return below + [Z[-1] - samples.Y - point for point in output]


def sides(network: Network, samples: Samples, theta: Array) -> list[Array]:
    """On which side of every seam each of them lies."""
    return [np.sign(distance) for distance in distances(network, samples, theta, "seams")]


def on_kink(network: Network, samples: Samples, theta: Array) -> bool:
    """Whether the complex step moves a pre-activation that sits exactly on its kink."""
    return any(
        bool(np.any((distance.real == 0) & (distance.imag != 0)))
        for distance in distances(network, samples, theta, "kinks")
    )


def compare(
    network: Network, analytic: Array, numeric: Array, chosen: Array, limit: float
) -> list[PartCheck]:
    """One PartCheck for each W and each b."""
    usable = chosen & ~np.isnan(numeric)
    scale = np.abs(numeric[usable]).max(initial=0.0)
    floor = max(1e-3 * scale, np.finfo(float).tiny)
    error = np.abs(analytic - numeric) / np.maximum(
        np.maximum(np.abs(analytic), np.abs(numeric)), floor
    )
    error[~usable] = -1.0
    error[usable & np.isnan(error)] = np.inf
    vectors = (analytic, numeric, error, chosen, usable)
    return [
        compare_part(layers, kind, limit)
        for layers in zip(*(network.views(vector) for vector in vectors), strict=True)
        for kind in ("W", "b")
    ]


def compare_part(layers: tuple[Layer, ...], kind: str, limit: float) -> PartCheck:
    analytic, numeric, error, chosen, usable = (getattr(layer, kind) for layer in layers)
    index = np.unravel_index(int(error.argmax()), error.shape)
    worst = float(error[index])
    return PartCheck(
        layer=layers[0].number,
        kind=kind,
        index=tuple(int(i) for i in index),
        error=max(worst, 0.0),
        analytic=float(analytic[index]),
        numeric=float(numeric[index]),
        ratio=common_ratio(analytic[usable], numeric[usable]),
        checked=int(usable.sum()),
        at_kink=int((chosen & ~usable).sum()),
        passed=worst <= limit,
    )


def common_ratio(analytic: Array, numeric: Array) -> float | None:
    """analytic / numeric, if it is the same for all entries to six digits, and not 1."""
    solid = np.abs(numeric) > 1e-8 * np.abs(numeric).max(initial=0.0)
    if solid.sum() < 2 or np.any(np.abs(analytic[~solid]) > 1e-8):
        return None
    ratios = analytic[solid] / numeric[solid]
    middle = float(np.median(ratios))
    same = np.all(np.abs(ratios - middle) <= 1e-6 * abs(middle))
    return middle if same and abs(middle - 1.0) > 1e-6 else None
