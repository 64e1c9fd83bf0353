"""Epochs that the engine records by itself: the history and the bits of looking at each."""

import copy
import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.penalties import NO_PENALTY
from fallline.core.schedules import Cosine
from fallline.engine import ready, unrolls
from fallline.lesson import TRAIN_X, TRAIN_Y
from fallline.training.run import Run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1000, 6))
Y = X[:, 0] + 0.1 * RNG.normal(size=1000)
WEIGHT = RNG.uniform(0.1, 1.0, 1000)


def truth_table(dtype: str) -> fl.Network:
    loss = "binary_cross_entropy"
    return fl.Network([3, 2, 1], hidden="sigmoid", loss=loss, seed=0, dtype=dtype)


def wide(dtype: str) -> fl.Network:
    return fl.Network([6, 8, 1], hidden="relu", loss="squared_error", seed=0, dtype=dtype)


RUNS: dict[str, Any] = {
    "tiny": (truth_table, TRAIN_X, TRAIN_Y, lambda: fl.GradientDescent(1.6), {"epochs": 3000}),
    "every seventh": (
        truth_table, TRAIN_X, TRAIN_Y, lambda: fl.GradientDescent(1.6),
        {"epochs": 3000, "record_every": 7},
    ),
    "tiny, ran away": (
        truth_table, TRAIN_X, TRAIN_Y, lambda: fl.GradientDescent(1e9), {"epochs": 50},
    ),
    "batches": (wide, X, Y, fl.Adam, {"epochs": 20}),
    "one batch": (wide, X, Y, fl.Adam, {"epochs": 20, "batch_size": 1000, "record_every": 3}),
    "dropout": (wide, X, Y, fl.Adam, {"epochs": 8, "dropout": 0.2}),
    "penalty": (wide, X, Y, fl.RMSProp, {"epochs": 8, "l2": 0.01, "l1": 0.001}),
    "weights": (wide, X, Y, fl.Adam, {"epochs": 8, "sample_weight": WEIGHT}),
    "schedule": (
        wide, X, Y, lambda: fl.Adam(Cosine(0.01, 160)), {"epochs": 20},
    ),
    "batches, ran away": (wide, X, Y, lambda: fl.GradientDescent(100.0), {"epochs": 20}),
    "one batch, ran away": (
        wide, X, Y, lambda: fl.GradientDescent(10.0),
        {"epochs": 40, "batch_size": 1000, "record_every": 3},
    ),
    "two threads": (wide, X, Y, fl.Adam, {"epochs": 60, "batch_size": 1000, "threads": 2}),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RUNS)
def test_the_history_of_looking_at_each_epoch(name: str, dtype: str, monkeypatch) -> None:
    make, inputs, targets, optimizer, options = RUNS[name]
    found = []
    for watched in (True, False):
        if not watched:
            monkeypatch.setattr(Run, "unwatched", False)
        net = make(dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", fl.DivergenceWarning)
            history = fl.train(
                net, inputs, targets, optimizer=optimizer(), engine="compiled", **options
            )
        history.seconds = 0.0
        found.append((history.as_dict(), net.parameters))
    (by_engine, parameters), (one_by_one, others) = found
    np.testing.assert_equal(by_engine, one_by_one)
    np.testing.assert_array_equal(parameters, others)
    assert ("ran away" in name) == (by_engine["stopped"] == "diverged")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh"])
@pytest.mark.parametrize(("sizes", "every"), [((3, 2, 1), 1), ((2, 3, 1), 7), ((1, 1, 1), 300)])
def test_tiny_networks_record_the_losses_of_the_loop(
    sizes: tuple[int, ...], every: int, hidden: str, loss: str, dtype: str, monkeypatch
) -> None:
    inputs, descent = np.random.default_rng(3).normal(size=(5, sizes[0])), fl.GradientDescent(0.7)

    def trained(engine: str) -> tuple[list[float], bytes]:
        net = fl.Network(sizes, hidden=hidden, loss=loss, seed=1, dtype=dtype)
        history = fl.train(
            net, inputs, TRAIN_Y, optimizer=descent, epochs=300, record_every=every, engine=engine,
            sample_weight=[1.0, 0.5, 2.0, 0.0, 1.0],
        )  # fmt: skip
        return history.loss, net.parameters.tobytes()

    net = fl.Network(sizes, hidden=hidden, loss=loss, dtype=dtype)
    if not ready(net):
        pytest.skip("no library: tests/engine/test_unrolled.py compiles such shapes")
    assert unrolls(net, net.samples(inputs, TRAIN_Y), descent, NO_PENALTY, 0.0)
    unrolled = trained("compiled")
    monkeypatch.setattr("fallline.training.steps.unrolls", lambda *_: False)
    assert trained("compiled") == unrolled
    by_reference, _ = trained("numpy")
    tolerance = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(unrolled[0], by_reference, rtol=tolerance)


def test_a_call_is_short_enough_for_ctrl_c_and_the_bits_are_those_of_one(monkeypatch) -> None:
    def trained() -> tuple[fl.History, bytes]:
        net = truth_table("float64")
        descent = fl.GradientDescent(1.6)
        history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=1000, record_every=7)
        history.seconds = 0.0
        return history, net.parameters.tobytes()

    whole = trained()
    monkeypatch.setattr("fallline.engine.tiny.MAX_EPOCHS", 64)
    assert trained() == whole


def test_a_checkpoint_is_saved_where_it_is_due(tmp_path) -> None:
    whole = truth_table("float64")
    history = fl.train(whole, TRAIN_X, TRAIN_Y, epochs=1000)
    keep = fl.Checkpoint(tmp_path / "run.checkpoint", every=250)
    for epochs in (500, 1000):
        net = truth_table("float64")
        resumed = fl.train(net, TRAIN_X, TRAIN_Y, epochs=epochs, checkpoint=keep)
    assert resumed.loss == history.loss
    np.testing.assert_array_equal(net.parameters, whole.parameters)


def test_the_lists_of_a_history_are_made_when_they_are_read() -> None:
    def trained(**options: Any) -> fl.History:
        return fl.train(truth_table("float64"), TRAIN_X, TRAIN_Y, epochs=3000, **options)

    whole = trained(callbacks=[lambda progress: None])  # which looks at each epoch
    whole.seconds = 0.0
    for look in (copy.deepcopy, replace, lambda each: pickle.loads(pickle.dumps(each))):
        history = trained()
        history.seconds = 0.0
        assert "epoch" not in vars(history)
        assert look(history) == whole
    history = trained()
    assert type(history.loss) is list
    assert {type(number) for number in history.loss} == {float}
    assert history.epoch == list(range(3000))
    assert len(history.learning_rate) == 3000
    assert list(trained().as_dict()) == list(whole.as_dict())
    with pytest.raises(AttributeError, match="no attribute 'losses'"):
        _ = trained().losses  # type: ignore[attr-defined]
