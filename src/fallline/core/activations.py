r"""Activations: A = f(Z), each with its slope dA/dZ beside it.

Conventions
-----------
* ``value(Z, out=None)`` returns f(Z), written into ``out`` where one is given.
* ``slope(Z, A, out=None)`` returns f'(Z); it uses A = f(Z) where that is cheaper.
* Arrays are float64 or float32; the result has the same shape and dtype. Complex Z is accepted too,
  so that a gradient can be checked by the complex step; a piecewise function chooses its piece by
  the real part.
* No Z up to +-1e308 gives a warning, NaN or infinity.
* ``seams`` lists the points where two formulas meet; ``kinks`` lists those at which f has no
  derivative.

Sources: ELU, Clevert et al. 2016 (arXiv:1511.07289), eq. 15; GELU, Hendrycks and Gimpel 2016
(arXiv:1606.08415), section 2, the exact form; SiLU, Elfwing et al. 2018 (arXiv:1702.03118), eq. 10.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.core.constants import LEAK, SQRT_2_PI
from fallline.limits import check_choice

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "Activation",
    "get",
    "logsumexp",
    "shifted_exp",
    "sigmoid",
    "softmax",
]

NEGLIGIBLE = -120.0  # e^-120 is 1e-52: it changes none of 50 digits
SQRT_HALF = math.sqrt(0.5)


class Activation(NamedTuple):
    """A named function with its slope, and the points where its pieces meet.

    ``analytic``: it accepts complex Z, so the complex step gives its derivative.
    """

    name: str
    value: Callable[..., Array]
    slope: Callable[..., Array]
    seams: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()
    analytic: bool = True


def largest(dtype: np.dtype) -> float:
    """The largest finite number of a dtype, minus a thousandth, so that sums stay finite."""
    return 0.999 * float(np.finfo(dtype).max)


@cache
def special() -> Any:
    """scipy.special, imported only when GELU needs it: importing it takes longer than NumPy."""
    import scipy.special

    return scipy.special


def sigmoid(Z: Array, out: Array | None = None) -> Array:
    """1 / (1 + e^-z) as e^z / (1 + e^z), which is 1 for all z from 40 on: nothing overflows."""
    if Z.dtype.kind == "c":
        return np.divide(1.0, 1.0 + np.exp(-Z), out=out)
    A = np.minimum(Z, 40.0, out=np.empty_like(Z) if out is None else out)
    np.exp(A, out=A)
    return np.divide(A, A + 1.0, out=A)


def sigmoid_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """a (1 - a)."""
    out = np.subtract(1.0, A, out=out)
    return np.multiply(out, A, out=out)


def tanh(Z: Array, out: Array | None = None) -> Array:
    return np.tanh(Z, out=out)


def tanh_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """1 - a^2."""
    out = np.multiply(A, A, out=out)
    return np.subtract(1.0, out, out=out)


def relu(Z: Array, out: Array | None = None) -> Array:
    """max(z, 0)."""
    return np.maximum(Z, 0.0, out=out)


def relu_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """1 for z > 0, else 0 (also at the kink)."""
    return filled(Z.real > 0, A, out)


def leaky_relu(Z: Array, out: Array | None = None) -> Array:
    """z for z > 0, else 0.01 z."""
    return filled(np.where(Z.real > 0, Z, LEAK * Z), Z, out)


def leaky_relu_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    return filled(np.where(Z.real > 0, 1.0, LEAK), A, out)


def elu(Z: Array, out: Array | None = None) -> Array:
    """z for z > 0, else e^z - 1."""
    return filled(np.where(Z.real > 0, Z, np.expm1(np.minimum(Z, 0.0))), Z, out)


def elu_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """1 for z > 0, else e^z = a + 1."""
    return filled(np.where(Z.real > 0, 1.0, A + 1.0), A, out)


def normal_cdf(Z: Array) -> Array:
    """The share of a standard normal variable below z."""
    return special().ndtr(Z)  # type: ignore[no-any-return]


def gelu(Z: Array, out: Array | None = None) -> Array:
    """z Phi(z), Phi the standard normal distribution function."""
    return np.multiply(Z, normal_cdf(Z), out=out)


def gelu_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """Phi(z) + z phi(z), phi the standard normal density (0 in float64 beyond |z| = 39)."""
    near: Array = np.clip(Z, -40.0, 40.0)
    return np.add(normal_cdf(Z), near * np.exp(-0.5 * near * near) / SQRT_2_PI, out=out)


def silu(Z: Array, out: Array | None = None) -> Array:
    """z sigmoid(z)."""
    return np.multiply(Z, sigmoid(Z), out=out)


def silu_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    """s (1 + z (1 - s)) = s + a (1 - s), s = sigmoid(z)."""
    S = sigmoid(Z)
    return np.add(S, A * (1.0 - S), out=out)


def softplus(Z: Array, out: Array | None = None) -> Array:
    """log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)."""
    if np.iscomplexobj(Z):
        minus_abs = np.where(Z.real > 0, -Z, Z)
        return np.add(np.maximum(Z, 0.0), np.log1p(np.exp(minus_abs)), out=out)
    return np.logaddexp(Z, 0.0, out=out)


def softplus_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    return sigmoid(Z, out=out)


def identity(Z: Array, out: Array | None = None) -> Array:
    return filled(Z, Z, out)


def identity_slope(Z: Array, A: Array, out: Array | None = None) -> Array:
    return filled(1.0, A, out)


def exp(Z: Array, out: Array | None = None) -> Array:
    """e^z, clipped to the largest finite number."""
    return np.exp(np.minimum(Z, math.log(largest(Z.real.dtype))), out=out)


def shifted_exp(Z: Array) -> tuple[Array, Array, Array]:
    """The row maximum m (n, 1), the shifted logits D = Z - m, and e^D, both (n, k).

    The rounding error of the subtraction, up to 256 units in the last place of e^D at D = -700, is
    corrected to first order: e^(d + error) = e^d (1 + error). D is clipped to the lowest finite
    number.
    """
    m = Z.max(axis=1, keepdims=True)
    lowest = -largest(Z.real.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        D = Z - m
        T = D - Z
        error = (Z - (D - T)) - (m + T)  # exact difference Z - m minus D (Knuth's two-sum)
        E = np.exp(D)
        E = np.where(D.real > -800.0, E + E * error, 0.0)
    return m, np.where(D.real > lowest, D, lowest), E


def softmax(Z: Array, out: Array | None = None) -> Array:
    """e^z_k / sum_j e^z_j, along each row."""
    _, _, E = shifted_exp(Z)
    total: Array = E.sum(axis=1, keepdims=True)
    return np.divide(E, total, out=out)


def log_rest(Z: Array, E: Array) -> Array:
    """log sum_j e^(z_j - m) as log1p of the terms other than the largest one, (n, 1)."""
    others = E.copy()
    np.put_along_axis(others, Z.argmax(axis=1)[:, None], 0.0, axis=1)
    rest: Array = others.sum(axis=1, keepdims=True)
    return np.log1p(rest)


def logsumexp(Z: Array) -> Array:
    """log sum_j e^z_j along each row: (n, k) to (n,), within 2.5 units in the last place.

    If max z and the rest nearly cancel, the remaining digits are computed in decimal arithmetic.
    """
    m, _, E = shifted_exp(Z)
    rest = log_rest(Z, E)
    total: Array = (m + rest)[:, 0]
    cancels = ((m < 0) & (rest > -m / 4.0) & (rest / 8.0 < -m))[:, 0]
    for i in np.flatnonzero(cancels):
        total[i] = decimal_logsumexp(Z[i])
    return total


def decimal_logsumexp(z: Array) -> float:
    """The same for one row, in 50 decimal digits."""
    from decimal import Decimal, localcontext  # rarely needed, and a millisecond to import

    with localcontext() as context:
        context.prec = 50
        powers = [Decimal(float(x)).exp() for x in z if x - z.max() > NEGLIGIBLE]
        return float(sum(powers, Decimal(0)).ln())


def filled(value: Array | float, like: Array, out: Array | None) -> Array:
    """``value`` copied into ``out``, or into a new array like ``like``."""
    out = np.empty_like(like) if out is None else out
    out[...] = value
    return out


ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        Activation("sigmoid", sigmoid, sigmoid_slope),
        Activation("tanh", tanh, tanh_slope),
        Activation("relu", relu, relu_slope, seams=(0.0,), kinks=(0.0,)),
        Activation("leaky_relu", leaky_relu, leaky_relu_slope, seams=(0.0,), kinks=(0.0,)),
        Activation("elu", elu, elu_slope, seams=(0.0,)),
        Activation("gelu", gelu, gelu_slope),
        Activation("silu", silu, silu_slope),
        Activation("softplus", softplus, softplus_slope),
        Activation("identity", identity, identity_slope),
    )
}
"""The activations a hidden layer can have, by name."""

OUTPUTS: dict[str, Callable[..., Array]] = {
    "sigmoid": sigmoid,
    "identity": identity,
    "softmax": softmax,
    "exp": exp,
}
"""The output activations that a loss can choose, by name; the loss's delta contains their slope."""


def get(name: str) -> Activation:
    """The hidden activation with this name. Raises ParameterError for an unknown name."""
    return ACTIVATIONS[check_choice("activation", name, list(ACTIVATIONS))]
