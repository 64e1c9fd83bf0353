"""Losses: values by hand and by mpmath, delta as the derivative, no overflow."""

import pickle

import mpmath
import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import OUTPUTS
from fallline.core.losses import LOSSES, get
from fallline.errors import ParameterError

mpmath.mp.dps = 60


def targets(name: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    Y = rng.random(shape)
    return Y / Y.sum(axis=1, keepdims=True) if name == "cross_entropy" else Y


def test_values_worked_by_hand() -> None:
    z, y = np.array([[0.0]]), np.array([[1.0]])
    assert LOSSES["binary_cross_entropy"].value(z, y)[0] == pytest.approx(np.log(2.0))
    assert LOSSES["squared_error"].value(z + 3.0, y)[0] == 2.0
    assert LOSSES["absolute_error"].value(z + 3.0, y)[0] == 2.0
    assert LOSSES["huber"].value(z + 1.5, y)[0] == 0.125
    assert LOSSES["huber"].value(z + 3.0, y)[0] == 1.5
    assert LOSSES["poisson"].value(z, y)[0] == 0.0
    assert LOSSES["poisson"].value(z, 0.0 * y)[0] == 1.0
    thirds = LOSSES["cross_entropy"].value(np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0]]))
    assert thirds[0] == pytest.approx(np.log(3.0))


def test_quantile_loss() -> None:
    loss = get("quantile(0.9)")
    Z, Y = np.array([[0.0], [3.0], [1.0]]), np.ones((3, 1))
    np.testing.assert_allclose(loss.value(Z, Y), [0.9, 0.2, 0.0])
    np.testing.assert_allclose(loss.delta(Z, Y)[:, 0], [-0.9, 0.1, 0.0])
    assert pickle.loads(pickle.dumps(loss)).name == loss.name == "quantile(0.9)"


@pytest.mark.parametrize("name", ["quantile(1.5)", "quantile(e)", "quantile", "quantile()"])
def test_a_quantile_outside_the_open_interval_is_refused(name: str) -> None:
    with pytest.raises(ParameterError):
        get(name)


def test_quantile_gradient_is_the_derivative() -> None:
    net = fl.Network([3, 5, 2], hidden="tanh", loss="quantile(0.3)", seed=1)
    generator = np.random.default_rng(0)
    X, Y = generator.normal(size=(20, 3)), generator.normal(size=(20, 2))
    assert fl.check_gradients(net, X, Y).passed


def test_outputs_are_summed() -> None:
    Z, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])
    assert LOSSES["squared_error"].value(Z, Y)[0] == 2.5


@pytest.mark.parametrize("z", [-700.0, -37.0, -1.0, 0.0, 1e-9, 37.0, 60.0, 700.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_binary_cross_entropy_keeps_its_digits(z: float, y: float) -> None:
    exact = mpmath.log1p(mpmath.exp(mpmath.mpf(z if y == 0 else -z)))
    got = LOSSES["binary_cross_entropy"].value(np.array([[z]]), np.array([[y]]))[0]
    assert abs(got - float(exact)) <= 2.5 * np.spacing(float(exact))


@pytest.mark.parametrize("name", LOSSES)
def test_delta_is_the_derivative_of_value(name: str, rng: np.random.Generator) -> None:
    loss = LOSSES[name]
    Z, Y = rng.normal(0.0, 2.0, (20, 3)), targets(name, (20, 3), rng)
    delta = loss.delta(loss.output(Z), Y)
    for k in range(3):
        step = np.zeros((1, 3), dtype=complex)
        step[0, k] = 1e-30j
        numeric = loss.value(Z + step, Y).imag / 1e-30
        np.testing.assert_allclose(delta[:, k], numeric, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite_without_warning(name: str, dtype: type) -> None:
    big = 1e308 if dtype is np.float64 else 3e38
    loss = LOSSES[name]
    Z = np.array([[big, -big], [-big, big], [0.0, big], [-big, -big], [big, big]], dtype=dtype)
    for Y in (np.array([[1.0, 0.0]] * 5, dtype=dtype), np.array([[0.0, 1.0]] * 5, dtype=dtype)):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            assert np.isfinite(loss.value(Z, Y)).all()
            assert np.isfinite(loss.delta(loss.output(Z), Y)).all()


def test_each_loss_sets_a_known_output() -> None:
    assert {loss.output_name for loss in LOSSES.values()} == set(OUTPUTS)
