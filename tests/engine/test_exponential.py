"""The engine's vector functions against mpmath, and at the ends of the range."""

import mpmath
import numpy as np
import pytest
from numba import njit

from fallline.engine.kernels import exponential, normal
from fallline.engine.kernels.vectors import address, lanes, load, store

MPMATH = {
    "exp": mpmath.exp,
    "exp_bounded": mpmath.exp,
    "expm1": mpmath.expm1,
    "tanh": mpmath.tanh,
    "log1p": mpmath.log1p,
    "log": mpmath.log,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}
RANGE = {
    "exp": {"float64": (-708.0, 709.7), "float32": (-87.0, 88.7)},
    "exp_bounded": {"float64": (-708.0, 708.0), "float32": (-87.0, 87.0)},
    "expm1": {"float64": (-40.0, 40.0), "float32": (-20.0, 20.0)},
    "tanh": {"float64": (-30.0, 30.0), "float32": (-15.0, 15.0)},
    "log1p": {"float64": (0.0, 1.0), "float32": (0.0, 1.0)},
    "log": {"float64": (1e-300, 1e300), "float32": (1e-37, 1e37)},
    "sigmoid": {"float64": (-707.0, 40.0), "float32": (-86.0, 20.0)},
    "softplus": {"float64": (-707.0, 40.0), "float32": (-86.0, 20.0)},
}


def over_array(name: str):
    function = getattr(exponential, name)

    @njit
    def run(x, out):
        p, q = address(x), address(out)
        for i in range(0, len(x), lanes(p)):
            store(q, i, function(load(p, i)))

    def call(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        run(x, out)
        return out

    return call


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MPMATH)
def test_within_three_ulp(name: str, dtype: str, rng: np.random.Generator) -> None:
    low, high = RANGE[name][dtype]
    x = np.concatenate(
        [rng.uniform(low, high, 1024), rng.normal(size=1024) * 10.0 ** rng.uniform(-6, 1, 1024)]
    )
    if name.startswith("log"):
        x = abs(x)
    x = np.clip(x, low, high).astype(dtype)
    got = over_array(name)(x)
    with mpmath.workdps(40):
        for value, argument in zip(got, x, strict=True):
            exact = MPMATH[name](mpmath.mpf(float(argument)))
            spacing = float(np.spacing(np.dtype(dtype).type(abs(float(exact)))))
            assert abs(mpmath.mpf(float(value)) - exact) <= 3 * spacing


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_ends(dtype: str) -> None:
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 720.0]
    x = np.array(ends * 2, dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(over_array("exp")(x), np.exp(x))
    np.testing.assert_array_equal(over_array("tanh")(x), np.tanh(x))
    tiny = {"float64": 4e-308, "float32": 2e-38}[dtype]
    np.testing.assert_allclose(
        over_array("sigmoid")(x), [0.5, 0.5, 1, 0, np.nan, 1, 0, 1] * 2, rtol=1e-15, atol=tiny
    )
    np.testing.assert_allclose(
        over_array("softplus")(x)[[2, 3, 4, 5, 6]], [np.inf, 0, np.nan, 1e30, 0], atol=tiny
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gelu_and_its_slope_against_mpmath(dtype: str) -> None:
    @njit
    def run(z, value, slope):
        p, q, r = address(z), address(value), address(slope)
        for i in range(0, len(z), lanes(p)):
            a, s = normal.gelu(load(p, i))
            store(q, i, a)
            store(r, i, s)

    lowest, far = (-37.0, 1e300) if dtype == "float64" else (-12.5, 1e30)
    z = np.concatenate([np.linspace(lowest, -lowest, 2000), np.linspace(-3, 3, 2000)]).astype(dtype)
    z[-16:-10] = [far, -far, 0.0, np.nan, 1e-30, -100.0]
    value, slope = np.empty_like(z), np.empty_like(z)
    run(z, value, slope)
    inside = np.r_[:3984]
    with mpmath.workdps(40):
        Phi = [mpmath.ncdf(mpmath.mpf(float(each))) for each in z[inside]]
        exact = [mpmath.mpf(float(each)) * p for each, p in zip(z[inside], Phi, strict=True)]
        errors = [
            abs(mpmath.mpf(float(got)) / want - 1) for got, want in zip(value, exact, strict=False)
        ]
        slopes = [
            p + mpmath.mpf(float(each)) * mpmath.npdf(mpmath.mpf(float(each)))
            for each, p in zip(z[inside], Phi, strict=True)
        ]
    # the processor's own fused operation, or twelve times the rounding of a square without it
    assert max(errors) < 40 * np.finfo(dtype).eps
    np.testing.assert_allclose(slope[inside], np.array(slopes, float), atol=4 * np.finfo(dtype).eps)
    assert value[-16] == z[-16]
    assert abs(value[-15]) == abs(value[-14]) == 0.0
    assert np.isnan(value[-13])
    np.testing.assert_allclose(slope[-16:-13], [1.0, 0.0, 0.5])
