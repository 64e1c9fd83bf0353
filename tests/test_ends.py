"""Settings at the ends of their ranges: they work, or are refused at once."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0]


def network(hidden: int = 4, seed: int = 0) -> fl.Network:
    return fl.Network([3, hidden, 1], hidden="tanh", loss="squared_error", seed=seed)


def stop_early(progress: fl.Progress) -> bool:
    return progress.epoch >= 3


WORK: dict[str, dict[str, Any]] = {
    "epochs, watched": {"epochs": 2**62, "callbacks": [stop_early]},
    "epochs, by the engine alone": {"epochs": 2**70, "stop": fl.TimeLimit(0.1)},
    "no epoch": {"epochs": 0},
    "batch": {"epochs": 2, "batch_size": 2**70},
    "threads": {"epochs": 2, "threads": 2**63},
    "rate, lowest": {"epochs": 3, "optimizer": fl.GradientDescent(1e-320)},
    "dropout": {"epochs": 3, "dropout": 0.999999},
    "patience": {"epochs": 3, "stop": fl.Patience(2**62, "loss")},
    "weights, least": {"epochs": 3, "sample_weight": np.full(60, 5e-324)},
    "weights, largest": {"epochs": 3, "sample_weight": np.full(60, 1e300)},
    "seed": {"epochs": 2, "seed": 2**128, "batch_size": 10},
}


@pytest.mark.parametrize("name", WORK)
def test_it_works(name: str) -> None:
    began = time.process_time()
    history = fl.train(network(seed=2**64), X, Y, **WORK[name])
    assert history.stopped in ("epochs", "callback", "rule")
    assert time.process_time() - began < 5.0


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "rate": (lambda: fl.GradientDescent(0.0), "learning_rate must be a number above 0"),
    "seed": (lambda: network(seed=-1), "seed must be a whole number at least 0"),
    "threads": (lambda: fl.train(network(), X, Y, threads=0), "threads must be a whole number"),
    "neurons": (lambda: network(10**12), "5,000,000,000,001 parameters, 40,000 GB: more than"),
    "neurons past an array": (lambda: network(2**63), "more than there is memory for"),
    "an estimator's neurons": (lambda: fl.MLPRegressor(hidden_layer_sizes=10**12).fit(X, Y), "GB"),
    "seeds": (lambda: fl.sweep(X, Y, {"epochs": 2}, seeds=10**9), "1,000,000,000 runs, more than"),
    "settings": (
        lambda: fl.sweep(X, Y, {"hidden": list(range(1, 2_000)), "epochs": list(range(1, 2_000))}),
        "3,996,001 runs",
    ),
    "targets": (lambda: fl.train(network(), X, Y * 1e154), "y is too large: row"),
    "weights": (
        lambda: fl.train(network(), X, Y, sample_weight=np.full(60, 1e308)),
        "sample_weight adds up to more than float64 holds",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_once(name: str) -> None:
    work, message = REFUSED[name]
    began = time.process_time()
    with pytest.raises(fl.FalllineError, match=message):
        work()
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize("scale", [1e100, 1e150, 1e152])
def test_engine_and_reference_agree_on_large_targets(scale: float) -> None:
    losses = []
    for engine in ("numpy", "compiled"):
        history = fl.train(network(), X, Y * scale, epochs=3, engine=engine)
        losses.append(history.loss)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
