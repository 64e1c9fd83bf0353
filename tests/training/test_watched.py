"""Epochs that the engine records by itself: the history and the bits of looking at each."""

import copy
import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.schedules import Cosine
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
