"""One update worked by hand, with every number written out: docs/by-hand.md shows the same."""

import json
import math

import numpy as np
import pytest

import fallline as fl
from fallline.core.network import Network

# The 3-2-1 network on two rows, in round numbers. Row 0 is [1, 0, 1] with target 1, row 1 is
# [0, 0, 0] with target 0; learning rate 1.6.
W1 = [[0.1, -0.2], [0.3, 0.4], [-0.5, 0.2]]
B1 = [0.0, 0.0]
W2 = [[0.3], [-0.1]]
B2 = [0.0]
X = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
Y = [1.0, 0.0]


def s(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


@pytest.fixture
def net() -> Network:
    net = Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy")
    net.parameters = [*sum(W1, []), *B1, *sum(W2, []), *B2]
    return net


@pytest.fixture
def trace(net: Network) -> fl.Trace:
    return fl.trace(net, X, Y, fl.GradientDescent(learning_rate=1.6))


def test_forward_by_hand(trace: fl.Trace) -> None:
    one, two = trace.layers
    # Z1 = X W1 + b1: 1*0.1 + 0*0.3 + 1*(-0.5) = -0.4;  1*(-0.2) + 0*0.4 + 1*0.2 = 0
    np.testing.assert_allclose(one.Z, [[-0.4, 0.0], [0.0, 0.0]], atol=1e-16)
    np.testing.assert_allclose(one.A, [[0.4013123398875, 0.5], [0.5, 0.5]], rtol=1e-11)
    # Z2 = A1 W2 + b2: 0.4013123398875*0.3 + 0.5*(-0.1) = 0.07039370196626;  0.5*0.3 - 0.5*0.1 = 0.1
    np.testing.assert_allclose(two.Z, [[0.07039370196626], [0.1]], rtol=1e-11)
    np.testing.assert_allclose(two.A, [[0.5175911620068], [0.524979187479]], rtol=1e-11)
    # -log 0.5175911620068 = 0.6585696109;  -log(1 - 0.524979187479) = 0.7443966601
    np.testing.assert_allclose(trace.losses, [0.6585696109, 0.7443966601], rtol=1e-8)
    assert trace.loss == pytest.approx(0.7014831355, rel=1e-8)


def test_backward_by_hand(trace: fl.Trace) -> None:
    one, two = trace.layers
    # delta2 = a - y
    d = [0.5175911620068 - 1.0, 0.524979187479]
    np.testing.assert_allclose(two.delta[:, 0], d, rtol=1e-10)
    # dW2 of row 0 = A1[0] * delta2[0]; of row 1 = A1[1] * delta2[1]
    np.testing.assert_allclose(
        two.dW_per_sample[:, :, 0],
        [[0.4013123398875 * d[0], 0.5 * d[0]], [0.5 * d[1], 0.5 * d[1]]],
        rtol=1e-10,
    )
    np.testing.assert_allclose(two.dW[:, 0], [0.03444648709, 0.01064258737], rtol=1e-8)
    assert two.db[0] == pytest.approx((d[0] + d[1]) / 2, rel=1e-10)
    # delta1 = delta2 W2^T * a1 (1 - a1); a1 (1 - a1) = 0.2402607457415 and 0.25
    np.testing.assert_allclose(
        one.delta,
        [
            [d[0] * 0.3 * 0.2402607457415, d[0] * -0.1 * 0.25],
            [d[1] * 0.3 * 0.25, d[1] * -0.1 * 0.25],
        ],
        rtol=1e-10,
    )
    # row 1 is all zeros, so it moves no weight of layer 1; row 0 counts half
    np.testing.assert_array_equal(one.dW_per_sample[1], np.zeros((3, 2)))
    half = one.delta[0] / 2
    np.testing.assert_allclose(one.dW, [half, [0.0, 0.0], half], rtol=1e-12)
    np.testing.assert_allclose(one.db, one.delta.mean(axis=0), rtol=1e-12)


def test_update_by_hand(net: Network, trace: fl.Trace) -> None:
    for layer, W, b in zip(trace.layers, (W1, W2), (B1, B2), strict=True):
        np.testing.assert_array_equal(layer.W, W)
        np.testing.assert_allclose(layer.step_W, -1.6 * layer.dW, rtol=1e-14)
        np.testing.assert_allclose(layer.new_W, np.array(W) - 1.6 * layer.dW, rtol=1e-14)
        np.testing.assert_allclose(layer.new_b, np.array(b) - 1.6 * layer.db, rtol=1e-14)
    new_W2 = trace.layers[1].new_W[:, 0]
    np.testing.assert_allclose(new_W2, [0.3 - 1.6 * 0.03444648709, -0.1 - 1.6 * 0.01064258737])
    assert trace.new_loss < trace.loss
    np.testing.assert_array_equal(net.parameters[:6], sum(W1, []))  # the network stays as it is


def test_one_update_of_train_is_the_trace(rng: np.random.Generator) -> None:
    net = Network([4, 5, 3], hidden="gelu", loss="cross_entropy", seed=2)
    data, y, weight = rng.normal(size=(6, 4)), rng.integers(0, 3, 6), rng.random(6)
    for optimizer in (fl.Adam(0.1), fl.AdamW(0.1), fl.GradientDescent(0.3, momentum=0.5)):
        twin = net.copy()
        trace = fl.trace(net, data, y, optimizer, sample_weight=weight, l2=0.2)
        settings = {"optimizer": optimizer, "sample_weight": weight, "l2": 0.2, "epochs": 1}
        engine_twin = net.copy()
        fl.train(engine_twin, data, y, **settings)
        history = fl.train(twin, data, y, engine="numpy", **settings)
        np.testing.assert_allclose(engine_twin.parameters, twin.parameters, rtol=1e-12)
        assert history.loss == [trace.loss]
        for layer, traced in zip(twin.layers, trace.layers, strict=True):
            np.testing.assert_array_equal(traced.new_W, layer.W)
            np.testing.assert_array_equal(traced.new_b, layer.b)
        share = trace.shares
        assert share.sum() == pytest.approx(1.0)
        for traced in trace.layers:
            np.testing.assert_allclose(
                np.tensordot(share, traced.dW_per_sample, 1), traced.dW, rtol=1e-10, atol=1e-14
            )


def test_plain_data_and_text(trace: fl.Trace) -> None:
    data = json.loads(json.dumps(trace.as_dict()))
    assert data["loss"] == trace.loss
    assert data["layers"][0]["Z"][0][0] == pytest.approx(-0.4)
    text = str(trace)
    for part in ("FORWARD  layer 1", "BACKWARD  layer 2", "UPDATE  layer 1", "dW1 of row 0"):
        assert part in text
    assert "0.517591" in text
    assert "delta2 = A2 - Y\n" in text
    assert "delta1 = (delta2 @ W2.T) * A1 * (1 - A1)\n" in text
    assert max(len(line) for line in text.split("\n")) <= 80


def test_the_rule_of_delta_is_that_of_the_numbers() -> None:
    # each written rule, evaluated with the trace's own numbers, gives the trace's delta
    for hidden in ("sigmoid", "tanh", "relu", "identity"):
        for loss in ("binary_cross_entropy", "squared_error"):
            net = fl.Network([3, 3, 1], hidden=hidden, loss=loss, seed=1)
            trace = fl.trace(net, X, Y)
            names = {"Y": trace.Y}
            for layer in trace.layers:
                n = layer.layer
                names |= {f"A{n}": layer.A, f"Z{n}": layer.Z, f"W{n}": layer.W}
                names |= {f"delta{n}": layer.delta}
            for layer in trace.layers:
                found = eval(trace.delta_rule(layer), {}, names)
                np.testing.assert_allclose(found, layer.delta, rtol=1e-12, atol=1e-15)


def test_l1_is_named_in_the_loss_and_felt_in_the_update(net: Network) -> None:
    plain = fl.trace(net, X, Y, fl.GradientDescent(0.1))
    penalised = fl.trace(net, X, Y, fl.GradientDescent(0.1), l1=0.01)
    assert "l1 sum |W| (l1 = 0.01)" in str(penalised)
    size = sum(np.abs(layer.W).sum() for layer in net.layers)
    assert penalised.loss == pytest.approx(plain.loss + 0.01 * size)
    for before, after in zip(plain.layers, penalised.layers, strict=True):
        np.testing.assert_allclose(after.dW - before.dW, 0.01 * np.sign(before.W), rtol=1e-9)
        np.testing.assert_array_equal(after.db, before.db)
