"""e^x, log and related functions for whole vectors; the C library's take one call per number.

e^x: x = k ln 2 + r with k whole and abs(r) <= ln(2) / 2; e^r by its Taylor series (to r^13 in
float64, whose remainder is below 2^-57 there; to r^7 in float32, below 2^-27), summed in pairs so
that few operations wait for each other (Estrin); times 2^k. log(1 + f) = 2 atanh(f / (2 + f)), by
the series of atanh, for 1 + f between sqrt(1/2) and sqrt(2). Cody and Waite 1980, chapters 5, 6.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from fallline.engine.config import kernel
from fallline.engine.kernels.polynomial import polynomial
from fallline.engine.kernels.vectors import Vector, absolute, as_float, as_integer, fma, select

__all__ = ["exp", "exp_bounded", "expm1", "log", "log1p", "sigmoid", "softplus", "tanh"]

LOG2_E = 1.4426950408889634
SQRT_2 = 1.4142135623730951
TAYLOR = [1.0]
for i in range(1, 14):
    TAYLOR.append(TAYLOR[-1] / i)
ATANH = [2.0 / (2 * i + 1) for i in range(11)]  # 2 atanh(s) / s = sum of these times s^2i

# ln 2 in two parts, the first with so few bits that k times it is exact; ``round``: adding it
# leaves the whole part in the last bits; ``bounds``: where e^x is a normal number, and where it
# is 0 or infinite
FLOAT64 = SimpleNamespace(
    bits=64,
    dtype=np.float64,
    integer=np.int64,
    ln2=(0.6931471803691238, 1.9082149292705877e-10),
    round=6755399441055744.0,  # 1.5 * 2^52
    bias=1023,
    mantissa=52,
    bounds=(-708.0, 708.0),
    ends=(-746.0, 710.0),
    far=40.0,
)
FLOAT32 = SimpleNamespace(
    bits=32,
    dtype=np.float32,
    integer=np.int32,
    ln2=(0.693359375, -2.1219444e-4),
    round=12582912.0,  # 1.5 * 2^23
    bias=127,
    mantissa=23,
    bounds=(-87.0, 87.0),
    ends=(-105.0, 89.0),
    far=20.0,
)


@kernel
def minimum(x: Any, limit: Any) -> Any:
    """The smaller of x and a limit; NaN stays NaN."""
    return select(x > limit, limit, x)


@kernel
def maximum(x: Any, limit: Any) -> Any:
    """The larger of x and a limit; NaN stays NaN."""
    return select(x < limit, limit, x)


# (e^r - 1 - r) / r^2, and (2 atanh(s) / s - 2) / s^2 in s^2 for abs(s) up to 0.172
SERIES = {64: polynomial(TAYLOR[2:]), 32: polynomial(TAYLOR[2:8])}
REST = {64: polynomial(ATANH[1:]), 32: polynomial(ATANH[1:5])}


def family(numbers: SimpleNamespace) -> dict[str, Any]:
    """The functions of one dtype."""
    ln2_high, ln2_low = numbers.ln2
    shift, bias, mantissa, far = numbers.round, numbers.bias, numbers.mantissa, numbers.far
    (low, high), (zero_below, infinite_above) = numbers.bounds, numbers.ends
    series, atanh = SERIES[numbers.bits], REST[numbers.bits]
    sqrt_2_bits, shift_bits = (
        int(numbers.dtype(each).view(numbers.integer)) for each in (SQRT_2, shift)
    )

    @kernel
    def reduce(x: Any) -> Any:
        """e^r - 1 and k, for x = k ln 2 + r."""
        shifted = fma(x, LOG2_E, shift)
        k = shifted - shift
        r = fma(k, -ln2_low, fma(k, -ln2_high, x))
        return fma(series(r), r * r, r), as_integer(shifted) - shift_bits

    @kernel
    def two_to(k: Any) -> Any:
        return as_float((k + bias) << mantissa)

    @kernel
    def log_near_1(f: Any) -> Any:
        """log(1 + f): 2 atanh(s) = 2s + s rest with s = f / (2 + f), and 2s = f - s f."""
        s = f / (f + 2.0)
        q = s * s
        return fma(-s, f - q * atanh(q), f)

    def exp(x: Any) -> Any:
        p, k = reduce(maximum(minimum(x, infinite_above), zero_below))
        half = k >> 1
        return (p + 1.0) * two_to(half) * two_to(k - half)

    def exp_bounded(x: Any) -> Any:
        p, k = reduce(maximum(minimum(x, high), low))
        scale = two_to(k)
        return fma(p, scale, scale)

    def expm1(x: Any) -> Any:
        p, k = reduce(maximum(minimum(x, far), -far))
        scale = two_to(k)
        return fma(scale, p, scale - 1.0)

    def log1p(x: Any) -> Any:
        upper = x > SQRT_2 - 1.0
        f = select(upper, (x - 1.0) * 0.5, x)
        return log_near_1(f) + select(upper, LN_2, 0.0)

    def log(x: Any) -> Any:
        bits = as_integer(x)
        e = ((bits - sqrt_2_bits) >> mantissa) + 1
        f = as_float(bits - (e << mantissa)) - 1.0
        # e as a float: its bits below those of ``shift``
        whole = as_float(as_integer(x * 0.0 + shift) + e) - shift
        return fma(whole, ln2_high, fma(whole, ln2_low, log_near_1(f)))

    return {"exp": exp, "exp_bounded": exp_bounded, "expm1": expm1, "log1p": log1p, "log": log}


LN_2 = 0.6931471805599453
FAMILIES = {
    types.float64: family(FLOAT64),
    types.float32: family(FLOAT32),
}


def for_vectors(stub: Any) -> Any:
    """Let compiled code call ``stub`` with a vector of either dtype."""

    def choose(x: Any) -> Any:
        return FAMILIES[x.dtype][stub.__name__] if isinstance(x, Vector) else None

    overload(stub)(choose)
    return stub


@for_vectors
def exp(x: Any) -> Any:
    """e^x, within 2 units in the last place; NaN stays NaN."""


@for_vectors
def exp_bounded(x: Any) -> Any:
    """e^x for x where that is a normal number (-708 to 708; 87 in float32); beyond, as there."""


@for_vectors
def expm1(x: Any) -> Any:
    """e^x - 1 for x up to 40 (20 in float32; more counts as that)."""


@for_vectors
def log1p(x: Any) -> Any:
    """log(1 + x) for x in [0, 1]."""


@for_vectors
def log(x: Any) -> Any:
    """log(x) for normal positive numbers."""


@kernel
def sigmoid(z: Any) -> Any:
    """1 / (1 + e^-z)."""
    return 1.0 / (exp_bounded(-z) + 1.0)


@kernel
def tanh(x: Any) -> Any:
    """(e^2x - 1) / (e^2x + 1)."""
    e = expm1(x + x)
    return e / (e + 2.0)


@kernel
def softplus(z: Any) -> Any:
    """max(z, 0) + log(1 + e^-|z|)."""
    return maximum(z, 0.0) + log1p(exp_bounded(-absolute(z)))
