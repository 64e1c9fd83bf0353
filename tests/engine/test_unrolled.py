"""Tiny networks in code made for their shape: the same bytes as the usual loop gives."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import lesson
from fallline.core.activations import ACTIVATIONS
from fallline.core.losses import LOSSES
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.core.schedules import Cosine
from fallline.engine.tiny import MAX_PARAMETERS, unrolls
from tests.conftest import targets_for

NO_PENALTY = Penalty(0.0, 0.0)


@pytest.fixture(autouse=True)
def by_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared library has few shapes."""
    monkeypatch.setattr("fallline.engine.library.shared", lambda: None)
    monkeypatch.setattr("fallline.engine.library.made", {})


@pytest.fixture
def never(monkeypatch):
    """A way to have a run go by the usual loop only."""
    return lambda: monkeypatch.setattr("fallline.training.steps.UNROLL_FROM", {"compiled": 1e9})


def trained(make, X, y, **settings: Any) -> tuple[bytes, list[float]]:
    net = make()
    history = fl.train(net, X, y, engine="compiled", epochs=10_000, record_every=3_000, **settings)
    return net.parameters.tobytes(), history.loss


def assert_same_bytes(never, make, X, y, **settings: Any) -> None:
    net, rate = make(), settings.pop("rate", 0.05)
    settings["optimizer"] = fl.GradientDescent(rate)
    assert unrolls(net, net.samples(X, y), settings["optimizer"], NO_PENALTY, 0.0)
    unrolled = trained(make, X, y, **settings)
    never()
    assert trained(make, X, y, **settings) == unrolled


def problem(net: Network, n_rows: int):
    random = np.random.default_rng(7)
    X = random.normal(size=(n_rows, net.sizes[0]))
    return X, targets_for(net, n_rows, random)


@pytest.mark.parametrize(
    ("sizes", "hidden", "loss", "dtype", "n_rows"),
    [
        ((3, 2, 1), "sigmoid", "binary_cross_entropy", "float64", 5),
        ((2, 3, 2, 1), ("tanh", "relu"), "squared_error", "float64", 8),
        ((1, 3, 2), "leaky_relu", "huber", "float64", 1),
        ((4, 2), (), "poisson", "float64", 7),
        ((2, 5, 2), "softplus", "absolute_error", "float32", 16),
        ((3, 4, 1), "elu", "quantile(0.9)", "float32", 11),
    ],
)
def test_same_bytes_as_the_loop(never, sizes, hidden, loss, dtype, n_rows) -> None:
    def make() -> Network:
        return Network(sizes, hidden=hidden, loss=loss, seed=3, dtype=dtype)

    assert_same_bytes(never, make, *problem(make(), n_rows))


def test_schedules_and_weights(never) -> None:
    def make() -> Network:
        return Network([3, 2, 1], hidden="sigmoid", loss="squared_error", seed=1)

    weight = [0.5, 0.0, 1.25, 3.0, 1e-3, 0.75]
    X, y = problem(make(), len(weight))
    assert_same_bytes(never, make, X, y, rate=Cosine(0.2, 10_000), sample_weight=weight)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "cross_entropy"])
@pytest.mark.parametrize("activation", [n for n in ACTIVATIONS if n not in ("gelu", "silu")])
def test_every_function(never, activation: str, loss: str, dtype: str) -> None:
    def make() -> Network:
        return Network([2, 3, 1], hidden=activation, loss=loss, dtype=dtype)

    assert_same_bytes(never, make, *problem(make(), 6), rate=0.01)


def test_the_truth_table_is_learnt() -> None:
    net = lesson.truth_table_network((2,), 0)
    X, y = lesson.TRAIN_X, lesson.TRAIN_Y
    fl.train(
        net, X, y, optimizer=fl.GradientDescent(1.6), epochs=20_000, engine="compiled",
        record_every=20_000,
    )  # fmt: skip
    np.testing.assert_array_equal(net.predict(lesson.TEST_X), lesson.TEST_Y)


def test_what_is_not_unrolled() -> None:
    descent = fl.GradientDescent(0.1)

    def taken(sizes, *, rows=4, optimizer=descent, penalty=NO_PENALTY, dropout=0.0, **how) -> bool:
        net = Network(sizes, **({"loss": "squared_error"} | how))
        samples = net.samples(np.zeros((rows, sizes[0])), np.zeros((rows, sizes[-1])))
        return unrolls(net, samples, optimizer, penalty, dropout)

    assert taken([3, 2, 1])
    assert not taken([3, 4, 1])  # half a vector of neurons
    assert not taken([3, 2, 1], rows=9)
    assert not taken([3, 2, 1], optimizer=fl.GradientDescent(0.1, momentum=0.9))
    assert not taken([3, 2, 1], optimizer=fl.Adam(0.1))
    assert not taken([3, 2, 1], penalty=Penalty(0.1, 0.0))
    assert not taken([3, 2, 1], dropout=0.5)
    assert not taken([3, 2, 1], hidden="gelu")
    assert not taken([MAX_PARAMETERS, 1])
