"""Activations against mpmath and at the ends of the range; slopes against the complex step."""

import mpmath
import numpy as np
import pytest

from fallline.core import activations
from fallline.core.activations import ACTIVATIONS, OUTPUTS, logsumexp, softmax
from fallline.errors import ParameterError

mpmath.mp.dps = 60
EXTREMES = np.array([[-1e308, -1e300, -1e3, -745.2, -709.8, -40.0, -1e-300, 0.0]])
EXTREMES = np.concatenate([EXTREMES, -EXTREMES])


def ulp_error(got: float, exact: mpmath.mpf) -> float:
    unit = np.spacing(abs(float(exact)))
    return float(abs(mpmath.mpf(float(got)) - exact) / mpmath.mpf(float(unit)))


def spread(rng: np.random.Generator) -> np.ndarray:
    """Points over +-700, dense near 0 too."""
    wide = rng.uniform(-700.0, 700.0, 400)
    small = rng.normal(size=400) * 10.0 ** rng.uniform(-12, 1.5, 400)
    return np.concatenate([wide, small, [-700.0, 700.0, -37.0, 37.0, 0.0]])


MPMATH = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


@pytest.mark.parametrize("name", MPMATH)
def test_within_two_and_a_half_ulp_of_mpmath(name: str, rng: np.random.Generator) -> None:
    z = spread(rng)
    got = ACTIVATIONS[name].value(z)
    worst = max(
        ulp_error(a, MPMATH[name](mpmath.mpf(float(x)))) for a, x in zip(got, z, strict=True)
    )
    assert worst <= 2.5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_goes_to_0_and_to_1(dtype: type) -> None:
    """Through the smallest numbers to 0, where 1 / (1 + e^-z) would overflow on the way."""
    lowest = -745.0 if dtype is np.float64 else -103.0
    z = np.array([-1e30, 2 * lowest, lowest, 40.0, 41.0, 1e30], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a = activations.sigmoid(z)
    assert a[:2].tolist() == [0.0, 0.0]
    assert a[2] == np.finfo(dtype).smallest_subnormal
    assert a[3:].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("k", [2, 3, 10])
def test_softmax_and_logsumexp_against_mpmath(k: int, rng: np.random.Generator) -> None:
    Z = np.concatenate(
        [
            rng.uniform(-700, 700, (150, k)),
            rng.normal(size=(150, k)),
            rng.normal(size=(50, k)) * 20,
            rng.normal(size=(50, k)) * 1e-9 - np.log(k),  # the two terms cancel to nearly 0
        ]
    )
    P, L = softmax(Z), logsumexp(Z)
    for z, p, total in zip(Z, P, L, strict=True):
        powers = [mpmath.exp(mpmath.mpf(float(x))) for x in z]
        exact = mpmath.log(mpmath.fsum(powers))
        assert ulp_error(total, exact) <= 2.5
        for power, share in zip(powers, p, strict=True):
            exact_share = power / mpmath.fsum(powers)
            assert ulp_error(share, exact_share) <= 32


def test_logsumexp_keeps_a_tiny_rest() -> None:
    assert logsumexp(np.array([[0.0, -40.0]]))[0] == pytest.approx(np.exp(-40.0), rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *OUTPUTS])
def test_extreme_logits_stay_finite_without_warning(name: str, dtype: type) -> None:
    Z = EXTREMES if dtype is np.float64 else np.clip(EXTREMES, -3e38, 3e38).astype(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        A = OUTPUTS[name](Z) if name in OUTPUTS else ACTIVATIONS[name].value(Z)
        assert np.isfinite(A).all()
        assert A.dtype == dtype
        if name in ACTIVATIONS:
            assert np.isfinite(ACTIVATIONS[name].slope(Z, A)).all()
    assert np.isfinite(logsumexp(Z)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_the_derivative(name: str, rng: np.random.Generator) -> None:
    f = ACTIVATIONS[name]
    z = rng.normal(0.0, 3.0, 300)
    exact = f.value(z + 1e-30j).imag / 1e-30
    np.testing.assert_allclose(f.slope(z, f.value(z)), exact, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_results_can_be_written_into_a_given_array(name: str, rng: np.random.Generator) -> None:
    f, Z = ACTIVATIONS[name], rng.normal(size=(4, 3))
    A, slope = np.empty_like(Z), np.empty_like(Z)
    assert f.value(Z, out=A) is A
    assert f.slope(Z, A, out=slope) is slope
    np.testing.assert_array_equal(A, f.value(Z))
    np.testing.assert_array_equal(slope, f.slope(Z, A))


@pytest.mark.parametrize("name", [n for n, f in ACTIVATIONS.items() if f.kinks])
def test_slopes_differ_on_the_two_sides_of_a_kink(name: str) -> None:
    f = ACTIVATIONS[name]
    for kink in f.kinks:
        z = np.array([kink - 1e-9, kink + 1e-9])
        below, above = f.slope(z, f.value(z))
        assert abs(above - below) > 0.1


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ParameterError, match=r"sigmoid.*did you mean 'sigmoid'"):
        activations.get("sigmoyd")
