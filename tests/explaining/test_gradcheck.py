"""The gradient check: it passes what is right, finds what is wrong, and says where."""

import json

import numpy as np
import pytest

import fallline as fl
from fallline import lesson
from fallline.core.activations import ACTIVATIONS
from fallline.core.backprop import loss_and_gradient
from fallline.core.losses import LOSSES
from fallline.core.network import Network
from fallline.errors import ParameterError, ShapeError
from tests.conftest import shaken, targets_for


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_and_loss(hidden: str, loss: str, rng: np.random.Generator) -> None:
    for depth in (1, 2, 3):
        for l2 in (0.0, 0.1):
            net = shaken(Network([3, *[4] * depth, 3], hidden=hidden, loss=loss, seed=1), rng)
            X, Y = rng.normal(size=(6, 3)), targets_for(net, 6, rng)
            weight = rng.random(6)
            for method, tolerance in (("central", 1e-6), ("complex_step", 1e-10)):
                check = fl.check_gradients(net, X, Y, l2=l2, sample_weight=weight, method=method)
                assert check.error <= tolerance, f"{depth} {l2}\n{check}"
                assert check.passed
                left_out = sum(part.at_kink for part in check.parts)
                checked = sum(part.checked for part in check.parts)
                assert left_out <= 0.05 * net.n_parameters
                assert checked + left_out == net.n_parameters


def test_both_slips_of_the_published_update_are_found() -> None:
    net = lesson.truth_table_network(seed=0)
    check = fl.check_gradients(
        net, lesson.TRAIN_X, lesson.TRAIN_Y, gradient=lesson.published_gradient
    )
    verdicts = {(part.layer, part.kind): part for part in check.parts}
    assert not check.passed
    assert verdicts[1, "b"].passed
    assert verdicts[2, "b"].passed
    slip_a, slip_b = verdicts[1, "W"], verdicts[2, "W"]
    assert not slip_a.passed
    assert slip_a.ratio == pytest.approx(5 / 6)
    assert not slip_b.passed
    assert slip_b.ratio is None
    assert check.worst is slip_b
    text = str(check)
    assert "every entry is 0.8333 of the derivative" in text
    assert "layer 2, W: no common factor, so a term of the formula is wrong" in text
    assert "FAILED: worst relative error 5.7e-01 in layer 2, W[0, 0]" in text
    assert max(map(len, text.split("\n"))) <= 80


def test_one_wrong_entry_is_found(rng: np.random.Generator) -> None:
    net = Network([4, 5, 2], hidden="tanh", loss="squared_error", seed=2)
    X, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    gradient = loss_and_gradient(net, X, Y)[1]
    net.views(gradient)[0].W[2, 3] += 1e-3
    check = fl.check_gradients(net, X, Y, gradient=gradient)
    assert not check.passed
    assert (check.worst.layer, check.worst.kind, check.worst.index) == (1, "W", (2, 3))
    assert check.worst.analytic - check.worst.numeric == pytest.approx(1e-3, rel=1e-6)
    assert json.loads(json.dumps(check.as_dict()))["worst"]["index"] == [2, 3]


def test_a_nan_in_the_gradient_fails(rng: np.random.Generator) -> None:
    net = Network([2, 1], loss="squared_error", seed=2)
    check = fl.check_gradients(net, [[1.0, 2.0]], [1.0], gradient=[np.nan, 0.0, 0.0])
    assert not check.passed


def test_a_parameter_on_a_kink_is_left_out_and_counted() -> None:
    net = Network([1, 1, 1], hidden="relu", loss="squared_error", seed=0)
    net.parameters = [1.0, 0.0, 1.0, 0.0]
    for method in ("complex_step", "central"):
        check = fl.check_gradients(net, [[0.0]], [1.0], method=method)
        assert check.parts[1].at_kink == 1  # the bias moves z off the corner
        assert "1 at a kink left out" in str(check)


def test_a_large_network_is_sampled(rng: np.random.Generator) -> None:
    net = Network([20, 30, 1], hidden="tanh", loss="squared_error", seed=0)
    check = fl.check_gradients(
        net, rng.normal(size=(3, 20)), rng.normal(size=3), max_parameters=50, seed=4
    )
    assert sum(part.checked for part in check.parts) == 50
    assert check.passed


def test_a_float32_network_is_checked_in_float64() -> None:
    net = lesson.truth_table_network()
    single = Network(
        net.sizes, hidden="sigmoid", loss="binary_cross_entropy", init="uniform", dtype="float32"
    )
    assert fl.check_gradients(single, lesson.TRAIN_X, lesson.TRAIN_Y).error < 1e-12


def test_bad_input_is_refused() -> None:
    net = lesson.truth_table_network()
    X, y = lesson.TRAIN_X, lesson.TRAIN_Y
    with pytest.raises(ParameterError, match="method must be one of"):
        fl.check_gradients(net, X, y, method="guess")
    with pytest.raises(ShapeError, match="vector of 11 numbers"):
        fl.check_gradients(net, X, y, gradient=np.zeros(3))
    with pytest.raises(ParameterError, match="l2 must be a number at least 0"):
        fl.check_gradients(net, X, y, l2=-1)


@pytest.mark.parametrize("method", ["complex_step", "central"])
def test_l1_passes_and_its_kinks_are_left_out(method: str, rng: np.random.Generator) -> None:
    net = Network([3, 4, 2], hidden="tanh", loss="squared_error", seed=4)
    net.layers[0].W[1, 2] = 0.0
    X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    result = fl.check_gradients(net, X, Y, l1=0.3, l2=0.1, method=method)
    assert result.passed
    assert [part.at_kink for part in result.parts] == [1, 0, 0, 0]
    half = fl.loss_and_gradient(net, X, Y, l1=0.15, l2=0.1)[1]
    assert not fl.check_gradients(net, X, Y, l1=0.3, l2=0.1, gradient=half, method=method).passed
