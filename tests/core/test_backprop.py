"""Backpropagation against the naive reference and against the update worked by hand."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS
from fallline.core.backprop import loss_at
from fallline.core.losses import LOSSES
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from tests import naive
from tests.conftest import shaken, targets_for


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_equals_the_naive_reference(hidden: str, loss: str, rng: np.random.Generator) -> None:
    for sizes in ([3, 2], [2, 4, 2], [3, 3, 2, 3]):
        net = shaken(Network(sizes, hidden=hidden, loss=loss, seed=3), rng)
        X, Y = rng.normal(size=(5, sizes[0])), targets_for(net, 5, rng)
        weight = rng.random(5)
        single = [naive.one_sample(net, x, y) for x, y in zip(X, Y.tolist(), strict=True)]
        value, gradient = fl.loss_and_gradient(net, X, Y, sample_weight=weight, l2=0.3)
        is_weight = net.is_weight
        penalty = 0.15 * float(np.sum(np.square(net.parameters * is_weight)))
        share = weight / weight.sum()
        assert value == pytest.approx(
            sum(w * s[0] for w, s in zip(share, single, strict=True)) + penalty, rel=1e-12
        )
        stack = np.array([s[1] for s in single])
        np.testing.assert_allclose(
            gradient, share @ stack + 0.3 * net.parameters * is_weight, rtol=1e-10, atol=1e-13
        )
        np.testing.assert_allclose(
            fl.per_sample_gradients(net, X, Y), stack, rtol=1e-10, atol=1e-13
        )
        assert loss_at(net, X, Y, weight, Penalty(0.3)) == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_per_sample_gradients_average_to_the_gradient(dtype: str, rng: np.random.Generator) -> None:
    net = Network([4, 5, 3], hidden="tanh", loss="cross_entropy", seed=1, dtype=dtype)
    X, y = rng.normal(size=(7, 4)), rng.integers(0, 3, 7)
    stack = fl.per_sample_gradients(net, X, y, l2=0.1)
    assert stack.shape == (7, net.n_parameters)
    assert stack.dtype == np.dtype(dtype)
    _, gradient = fl.loss_and_gradient(net, X, y, l2=0.1)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(stack.mean(axis=0), gradient, rtol=tolerance, atol=tolerance)
    for layer, (dW, db) in zip(net.layers, fl.by_layer(net, stack), strict=True):
        assert dW.shape == (7, *layer.W.shape)
        assert db.shape == (7, *layer.b.shape)
        assert np.shares_memory(dW, stack)


def test_no_hidden_layer_is_logistic_regression(rng: np.random.Generator) -> None:
    net = shaken(Network([3, 1], loss="binary_cross_entropy", seed=0), rng)
    X, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6).astype(float)
    p = 1 / (1 + np.exp(-(X @ net.layers[0].W[:, 0] + net.layers[0].b[0])))
    _, gradient = fl.loss_and_gradient(net, X, y)
    np.testing.assert_allclose(gradient[:3], X.T @ (p - y) / 6, rtol=1e-12)
    assert gradient[3] == pytest.approx(np.mean(p - y), rel=1e-12)


def test_rows_of_weight_zero_do_not_count(rng: np.random.Generator) -> None:
    net = Network([3, 4, 1], hidden="tanh", loss="squared_error", seed=0)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=6)
    some = fl.loss_and_gradient(net, X[:4], y[:4])
    same = fl.loss_and_gradient(net, X, y, sample_weight=[1, 1, 1, 1, 0, 0])
    assert same[0] == pytest.approx(some[0], rel=1e-13)
    np.testing.assert_allclose(same[1], some[1], rtol=1e-12, atol=1e-15)
