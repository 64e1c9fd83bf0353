r"""Losses, each from the logits Z of the output layer, its gradient delta = dLoss/dZ beside it.

Conventions
-----------
* Z (n, k) are the logits, A = f(Z) the output in the loss's own terms (f is set by the loss), and
  Y (n, k) the targets: for ``cross_entropy`` one row of class probabilities per sample, usually
  one-hot.
* ``value(Z, Y)`` gives one number per sample, (n,), summed over the k outputs. The loss of a batch
  is the mean over its samples, weighted where there are sample weights.
* ``delta(A, Y, out=None)`` gives dvalue_i/dz_ik, (n, k). Since the output activation is the loss's
  canonical partner, delta is A - Y for four of the six: the slope of the activation cancels.
* A value too large for the dtype is clipped to the largest finite number; nothing overflows.

Source of the pairing: Bishop, Pattern Recognition and Machine Learning, section 4.3.6 (canonical
link functions). Huber 1964, doi:10.1214/aoms/1177703732, with the bend at |error| = 1.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import OUTPUTS, filled, largest, log_rest, shifted_exp, softplus
from fallline.errors import ParameterError
from fallline.limits import check_choice, check_number

__all__ = ["LOSSES", "Loss", "get", "quantile"]


class Loss(NamedTuple):
    """A named loss: value per sample, gradient with respect to the logits, output activation.

    ``task`` is "binary", "classes" or "numbers". ``seams`` are the errors a - y where two formulas
    meet, ``kinks`` those of them at which the loss has no derivative; ``analytic`` as for
    :class:`fallline.core.activations.Activation`; ``quantile`` is that of a quantile loss.
    ``target_range`` is the smallest and the largest target allowed; for the task "classes" the
    targets of a row also add up to 1.
    """

    name: str
    task: str
    output_name: str
    value: Callable[[Array, Array], Array]
    delta: Callable[..., Array]
    seams: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()
    analytic: bool = True
    quantile: float | None = None
    target_range: tuple[float, float] = (-math.inf, math.inf)

    @property
    def output(self) -> Callable[..., Array]:
        """The activation of the output layer, logits to the loss's own terms."""
        return OUTPUTS[self.output_name]


def per_sample(terms: Array) -> Array:
    """The sum over outputs, clipped to the largest finite number: (n, k) to (n,)."""
    total: Array = terms.sum(axis=1)
    if np.iscomplexobj(total):
        return total
    limit = largest(total.dtype)
    return np.clip(total, -limit, limit)


def error(A: Array, Y: Array, out: Array | None = None) -> Array:
    """delta = a - y."""
    return np.subtract(A, Y, out=out)


@np.errstate(over="ignore")
def binary_cross_entropy(Z: Array, Y: Array) -> Array:
    """-y log a - (1 - y) log(1 - a) = max(z, 0) - y z + log(1 + e^-|z|), with a = sigmoid(z).

    For y in {0, 1} and z of the right sign the first two terms cancel exactly, so the tiny loss of
    a confident correct prediction keeps its digits.
    """
    minus_abs = np.where(Z.real > 0, -Z, Z)
    return per_sample((np.maximum(Z, 0.0) - Y * Z) + softplus(minus_abs))


@np.errstate(over="ignore")
def cross_entropy(Z: Array, Y: Array) -> Array:
    """-sum_k y_k log a_k = sum_k y_k (log sum_j e^(z_j - m) - (z_k - m)), with m = max z."""
    _, D, E = shifted_exp(Z)
    return per_sample(Y * (log_rest(Z, E) - D))


@np.errstate(over="ignore")
def squared_error(Z: Array, Y: Array) -> Array:
    """(z - y)^2 / 2."""
    return per_sample(0.5 * np.square(Z - Y))


@np.errstate(over="ignore")
def absolute_error(Z: Array, Y: Array) -> Array:
    """|z - y|."""
    E = Z - Y
    return per_sample(np.where(E.real > 0, E, -E))


def absolute_error_delta(A: Array, Y: Array, out: Array | None = None) -> Array:
    """sign(a - y)."""
    return np.sign(np.subtract(A, Y, out=out), out=out)


@np.errstate(over="ignore")
def huber(Z: Array, Y: Array) -> Array:
    """e^2 / 2 for |e| <= 1, else |e| - 1/2, with e = z - y."""
    E = Z - Y
    size = np.where(E.real > 0, E, -E)
    return per_sample(np.where(size.real <= 1.0, 0.5 * np.square(size), size - 0.5))


def huber_delta(A: Array, Y: Array, out: Array | None = None) -> Array:
    """e clipped to [-1, 1], with e = a - y."""
    return np.clip(np.subtract(A, Y, out=out), -1.0, 1.0, out=out)


@np.errstate(over="ignore")
def poisson(Z: Array, Y: Array) -> Array:
    """Half the Poisson deviance: a - y + y (log y - z), with a = e^z. It is 0 if a = y."""
    Z = np.minimum(Z, math.log(largest(Z.real.dtype)))
    y_log_y = Y * np.log(np.where(Y > 0, Y, 1.0))
    return per_sample((np.exp(Z) - Y * Z) + (y_log_y - Y))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "binary_cross_entropy",
            "binary",
            "sigmoid",
            binary_cross_entropy,
            error,
            target_range=(0.0, 1.0),
        ),
        Loss("cross_entropy", "classes", "softmax", cross_entropy, error, target_range=(0.0, 1.0)),
        Loss("squared_error", "numbers", "identity", squared_error, error),
        Loss(
            "absolute_error",
            "numbers",
            "identity",
            absolute_error,
            absolute_error_delta,
            seams=(0.0,),
            kinks=(0.0,),
        ),
        Loss("huber", "numbers", "identity", huber, huber_delta, seams=(-1.0, 1.0)),
        Loss("poisson", "numbers", "exp", poisson, error, target_range=(0.0, math.inf)),
    )
}
"""The losses, by name."""


@np.errstate(over="ignore")
def pinball(Z: Array, Y: Array, q: float) -> Array:
    """q (y - z) for y > z, else (1 - q) (z - y)."""
    E = Z - Y
    return per_sample(np.where(E.real > 0, (1.0 - q) * E, -q * E))


def pinball_delta(A: Array, Y: Array, out: Array | None = None, *, q: float) -> Array:
    """1 - q for a > y, -q for a < y, 0 if they are equal."""
    E = np.subtract(A, Y, out=out)
    return filled(np.where(E > 0, 1.0 - q, np.where(E < 0, -q, E)), E, out)


def quantile(q: float) -> Loss:
    """The loss whose mean is minimal if z is the q-quantile of y; its name is "quantile(q)".

    Source: Koenker and Bassett 1978, doi:10.2307/1913643.
    Raises ParameterError for q outside (0, 1).

    >>> import numpy as np
    >>> import fallline as fl
    >>> loss = fl.losses.quantile(0.9)
    >>> Z, Y = np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]])
    >>> loss.value(Z, Y).round(3), loss.delta(Z, Y)[:, 0].round(3)
    (array([0.9, 0.1]), array([-0.9,  0.1]))
    """
    q = check_number("quantile", q)
    value, delta = partial(pinball, q=q), partial(pinball_delta, q=q)
    name, corner = f"quantile({q!r})", (0.0,)
    return Loss(name, "numbers", "identity", value, delta, corner, corner, quantile=q)


def get(name: str) -> Loss:
    """The loss with this name; "quantile(0.9)" makes one. Raises ParameterError for other names."""
    named = isinstance(name, str) and name.startswith("quantile")  # the pattern takes 0.3 ms
    if named and (made := re.fullmatch(r"quantile\(([0-9.e-]+)\)", name)):
        return quantile(as_number(made[1]))
    return LOSSES[check_choice("loss", name, list(LOSSES))]


def as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"quantile(...) needs a number such as 0.9, not {text}") from None
