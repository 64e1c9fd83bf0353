"""The engine's vector exponential against mpmath, and at the ends of the range."""

import mpmath
import numpy as np
import pytest
from numba import njit

from fallline.engine import exponential

MPMATH = {"exp": mpmath.exp, "expm1": mpmath.expm1, "tanh": mpmath.tanh}
RANGE = {"exp": (-745.0, 709.7), "expm1": (-40.0, 40.0), "tanh": (-30.0, 30.0)}


def over_array(name: str):
    function = getattr(exponential, name)

    @njit
    def run(x, out):
        for i in range(len(x)):
            out[i] = function(x[i])

    def call(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        run(x, out)
        return out

    return call


@pytest.mark.parametrize("name", MPMATH)
def test_within_four_ulp(name: str, rng: np.random.Generator) -> None:
    x = np.concatenate(
        [rng.uniform(*RANGE[name], 2000), rng.normal(size=2000) * 10.0 ** rng.uniform(-12, 1, 2000)]
    )
    got = over_array(name)(x)
    with mpmath.workdps(40):
        for value, argument in zip(got, x, strict=True):
            exact = MPMATH[name](mpmath.mpf(float(argument)))
            if argument < RANGE[name][1]:
                assert abs(mpmath.mpf(float(value)) - exact) <= 4 * np.spacing(abs(float(exact)))


def test_the_ends() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 709.79, -745.1, -746.0])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(over_array("exp")(x), np.exp(x))
    np.testing.assert_array_equal(over_array("tanh")(x), np.tanh(x))
