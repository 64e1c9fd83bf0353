"""The plateau schedule: it goes back, falls, stops, and resumes with the same bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.arrays import Array
from fallline.errors import ParameterError

SETTINGS: dict[str, Any] = {"batch_size": 32, "epochs": 300, "dropout": 0.1, "seed": 4}


def rows(n: int = 500) -> tuple[Array, Array]:
    rng = np.random.default_rng(20261126)
    X = rng.normal(size=(n, 4))
    return X, np.where(np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(size=n) > 0, 1, 0)


X, Y = rows()
TRAIN, VALIDATION = (X[:350], Y[:350]), (X[350:], Y[350:])


def network(dtype: str = "float64") -> fl.Network:
    return fl.Network([4, 24, 1], hidden="silu", loss="binary_cross_entropy", seed=1, dtype=dtype)


def adamw(**settings: Any) -> fl.AdamW:
    return fl.AdamW(fl.Plateau(fl.WarmUp(0.02, 22), **settings))


def run(optimizer: Any = None, **settings: Any) -> tuple[fl.Network, fl.History]:
    net = network()
    options = {"optimizer": optimizer or adamw(), "validation": VALIDATION} | SETTINGS | settings
    return net, fl.train(net, *TRAIN, **options)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_it_goes_back_falls_and_stops(engine: str) -> None:
    """Each fall comes after ``patience`` epochs without a better one, from the best parameters."""
    seen: list[Array] = []
    net, history = run(
        engine=engine, callbacks=[lambda p: seen.append(p.network.parameters.copy())]
    )
    rates = np.array(history.learning_rate)
    assert sorted({round(rate, 6) for rate in rates[1:]}) == [0.0018, 0.006, 0.02]
    assert history.stopped == "rule"
    assert history.message == "no better validation loss at the lowest rate, 0.0018"
    losses = np.array(history.validation_loss)
    for fall in np.flatnonzero(np.diff(rates) < 0):
        best = int(losses[: fall + 1].argmin())
        assert fall - best >= 4 or rates[best] > rates[fall]
        # the epoch after the fall began from the best: a step of Adam is about the rate
        moved = np.abs(seen[fall + 1] - seen[best]).max()
        assert moved < 22 * 2 * rates[fall + 1]
        assert moved < np.abs(seen[fall] - seen[best]).max()
    assert (net.parameters == seen[int(losses.argmin())]).all()


def test_reference_and_engine_agree() -> None:
    (slow, here), (fast, there) = run(engine="numpy"), run(engine="compiled")
    np.testing.assert_allclose(there.validation_loss, here.validation_loss, rtol=1e-8)
    assert there.learning_rate == here.learning_rate
    np.testing.assert_allclose(fast.parameters, slow.parameters, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("stopped_at", [3, 9, 14, 16])
def test_a_resumed_run_has_the_same_bits(stopped_at: int, tmp_path: Path) -> None:
    """Wherever it was cut, before, at or after a fall."""
    whole, history = run()
    point = fl.Checkpoint(tmp_path / "run.safetensors")
    run(checkpoint=point, callbacks=[lambda p: p.epoch == stopped_at])
    net, resumed = run(checkpoint=point)
    assert len(history.loss) > stopped_at + 1
    assert net.parameters.tobytes() == whole.parameters.tobytes()
    assert resumed.learning_rate == history.learning_rate
    assert resumed.message == history.message


def test_one_optimiser_serves_several_runs() -> None:
    optimizer = adamw(patience=2)
    (first, _), (second, _) = run(optimizer), run(optimizer)
    assert first.parameters.tobytes() == second.parameters.tobytes()
    assert optimizer.learning_rate.falls == []  # type: ignore[union-attr]


def test_factor_and_end() -> None:
    _, history = run(adamw(patience=1, factor=0.5, until=0.25))
    assert sorted({round(rate, 6) for rate in history.learning_rate[1:]}) == [0.005, 0.01, 0.02]
    _, history = run(adamw(until=1.0))
    assert min(history.learning_rate[1:]) == 0.02
    assert history.stopped == "rule"


def test_what_it_refuses() -> None:
    with pytest.raises(ParameterError, match=r"Plateau watches the validation loss: give"):
        fl.train(network(), *TRAIN, optimizer=adamw())
    for wrong in ({"factor": 1.0}, {"factor": 0.0}, {"until": 0.0}, {"patience": 0}):
        with pytest.raises(ParameterError):
            fl.Plateau(0.1, **wrong)  # type: ignore[arg-type]

    class Own:
        """Not a dataclass."""

        learning_rate = fl.Plateau(0.1)

        def init(self, theta: Array) -> dict[str, Array]:
            return {}

        def update(self, *arguments: Any) -> None:
            pass

    with pytest.raises(ParameterError, match="has to be a dataclass"):
        run(Own())


@dataclass(frozen=True)
class Signs:
    """An optimiser of the user's own, which goes by the sign of the gradient."""

    learning_rate: fl.Plateau

    def init(self, theta: Array) -> dict[str, Array]:
        return {}

    def update(self, theta: Array, gradient: Array, state: Any, step: int, is_weight: Any) -> None:
        theta -= self.learning_rate(step) * np.sign(gradient)


def test_it_serves_an_optimiser_of_ones_own() -> None:
    _, history = run(Signs(fl.Plateau(0.01, patience=2)))
    assert len(set(history.learning_rate)) == 3
