"""NumPy's functions for the vectors of kernels.vectors, so that a user's own formula, written for
arrays, compiles to vector code as it stands: see engine.own.

What is not here (sin, erf, sums) does not compile for vectors; then single numbers are tried.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload as overload_strictly

from fallline.engine.kernels import exponential
from fallline.engine.kernels.vectors import Vector, absolute, like, select, square_root

__all__ = ["is_mask", "numbers"]

# annotations are part of a signature, which Numba would compare with that of the code given
overload = partial(overload_strictly, strict=False)
FAR = 30.0  # e^x - 1 is e^x beyond


def is_mask(x: Any) -> bool:
    """Whether a Numba type is that of a vector of truth values."""
    return isinstance(x, Vector) and x.dtype == types.boolean


def is_numbers(x: Any) -> bool:
    return isinstance(x, Vector) and isinstance(x.dtype, types.Float)


def log(x: Any) -> Any:
    """log x; -infinity at 0 and NaN below."""
    inside = select((x > TINY) & (x < HUGE), x, 1.0)
    found = select(x > TINY, exponential.log(inside), select(x < 0.0, x * NAN, like(x, -INFINITY)))
    return select(x < HUGE, found, x)  # infinity, and NaN


# the ends of float32's normal numbers: between them both dtypes' logarithms are exact
TINY, HUGE, NAN, INFINITY = 1.2e-38, 3.4e38, float("nan"), float("inf")


def log1p(x: Any) -> Any:
    """x log(u) / (u - 1) with u = 1 + x, whose rounding cancels (Kahan)."""
    u = x + 1.0
    low = u - 1.0
    near = select(absolute(low) > 0.0, low, 1.0)
    found = select(absolute(low) > 0.0, np.log(u) * (x / near), x)
    return select(u < HUGE, found, u)


def expm1(x: Any) -> Any:
    return select(x > FAR, exponential.exp(x), exponential.expm1(exponential.minimum(x, FAR)))


def sign(x: Any) -> Any:
    return select(x > 0.0, like(x, 1.0), select(x < 0.0, like(x, -1.0), x))


ONE: dict[Any, Callable[..., Any]] = {
    np.exp: lambda x: exponential.exp(x),
    np.expm1: expm1,
    np.log: log,
    np.log1p: log1p,
    np.tanh: lambda x: exponential.tanh(x),
    np.cosh: lambda x: (exponential.exp(x) + exponential.exp(-x)) * 0.5,
    np.sqrt: lambda x: square_root(x),
    np.square: lambda x: x * x,
    np.abs: lambda x: absolute(x),
    abs: lambda x: absolute(x),
    np.sign: sign,
}
TWO: dict[Any, Callable[..., Any]] = {
    np.logaddexp: lambda x, y: np.maximum(x, y) + np.log1p(exponential.exp(-absolute(x - y))),
}


def define_one(function: Any, code: Callable[..., Any]) -> None:
    def choose(x: Any) -> Any:
        return code if is_numbers(x) else None

    overload(function)(choose)


def define_two(function: Any, code: Callable[..., Any]) -> None:
    def choose(x: Any, y: Any) -> Any:
        fits = all(is_numbers(each) or isinstance(each, types.Number) for each in (x, y))
        return code if fits and (is_numbers(x) or is_numbers(y)) else None

    overload(function)(choose)


for function, code in ONE.items():
    define_one(function, code)
for function, code in TWO.items():
    define_two(function, code)


@overload(np.maximum)
def maximum(x: Any, y: Any) -> Any:
    """The larger; NaN stays NaN where it is x."""
    if is_numbers(x) and is_numbers(y):
        return lambda x, y: select(x < y, y, x)
    if is_numbers(x):
        return lambda x, y: exponential.maximum(x, y)
    return (lambda x, y: exponential.maximum(y, x)) if is_numbers(y) else None


@overload(np.minimum)
def minimum(x: Any, y: Any) -> Any:
    """The smaller; NaN stays NaN where it is x."""
    if is_numbers(x) and is_numbers(y):
        return lambda x, y: select(x > y, y, x)
    if is_numbers(x):
        return lambda x, y: exponential.minimum(x, y)
    return (lambda x, y: exponential.minimum(y, x)) if is_numbers(y) else None


@overload(np.clip)
def clip(x: Any, low: Any, high: Any) -> Any:
    if is_numbers(x) and all(isinstance(each, types.Number) for each in (low, high)):
        return lambda x, low, high: exponential.maximum(exponential.minimum(x, high), low)
    return None


@overload(np.where)
def where(mask: Any, x: Any, y: Any) -> Any:
    return (lambda mask, x, y: select(mask, x, y)) if is_mask(mask) else None


@overload(operator.pow)
def power(x: Any, n: Any) -> Any:
    """x to a whole power, by squaring."""
    if not is_numbers(x) or not isinstance(n, types.Integer):
        return None

    def by_squaring(x: Any, n: Any) -> Any:
        found, square, left = like(x, 1.0), x, abs(n)
        while left > 0:
            if left % 2 == 1:
                found = found * square
            square = square * square
            left //= 2
        return found if n >= 0 else 1.0 / found

    return by_squaring


@overload(operator.mul)
def masked(x: Any, y: Any) -> Any:
    """A mask as 0 and 1, times numbers."""
    if is_mask(x) and not is_mask(y):
        return lambda x, y: select(x, y, y - y)
    if is_mask(y) and not is_mask(x):
        return lambda x, y: select(y, x, x - x)
    return None


def numbers(x: Any) -> Any:
    """A mask as 0 and 1; numbers stay."""


@overload(numbers)
def as_numbers(x: Any) -> Any:
    return (lambda x: select(x, 1.0, 0.0)) if is_mask(x) else (lambda x: x)
