"""The training loop: batches, stopping, keeping the best, divergence, resuming."""

import itertools
import pkgutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import lesson
from fallline.core.backprop import loss_and_gradient, loss_at
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.errors import DivergenceWarning, InterruptedWarning, ModelFileError, ParameterError
from fallline.saving.modelfile import read_model
from fallline.training.steps import CompiledGradients, ReferenceSteps


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(60, 4))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def regressor(seed: int = 0) -> Network:
    return Network([4, 6, 1], hidden="tanh", loss="squared_error", seed=seed)


def test_equals_a_loop_typed_by_hand(problem) -> None:
    X, y = problem
    weight = np.linspace(0.5, 2.0, 60)
    net, slow = regressor(), regressor()
    history = fl.train(
        net,
        X,
        y,
        optimizer=fl.GradientDescent(0.05, momentum=0.9),
        epochs=5,
        batch_size=16,
        seed=7,
        sample_weight=weight,
        l2=0.01,
    )
    generator, velocity = np.random.default_rng(7), np.zeros(slow.n_parameters)
    losses = []
    for _ in range(5):
        order = generator.permutation(60)
        total = 0.0
        for start in range(0, 60, 16):
            rows = order[start : start + 16]
            loss, g = loss_and_gradient(
                slow, X[rows], y[rows][:, None], weight[rows], Penalty(0.01)
            )
            total += loss * weight[rows].sum()
            velocity = 0.9 * velocity - 0.05 * g
            slow.parameters = slow.parameters + velocity
        losses.append(total / weight.sum())
    np.testing.assert_allclose(net.parameters, slow.parameters, rtol=1e-10)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)
    assert history.steps == 20
    assert history.epoch == [0, 1, 2, 3, 4]
    assert history.stopped == "epochs"


def test_full_batch_below_200_rows(problem) -> None:
    X, y = problem
    assert fl.train(regressor(), X, y, epochs=3).steps == 3
    many = np.tile(X, (5, 1))
    assert fl.train(regressor(), many, np.tile(y, 5), epochs=3).steps == 9  # 300 rows by 128


@pytest.mark.parametrize(
    "optimizer",
    [
        fl.GradientDescent(0.1, momentum=0.9, nesterov=True),
        fl.RMSProp(0.01),
        fl.Adam(0.03),
        fl.AdamW(0.03),
        fl.LBFGS(),
        fl.GradientDescent(fl.Cosine(0.3, steps=300)),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_optimiser_descends(optimizer, dtype, problem) -> None:
    X, y = problem
    net = Network([4, 8, 1], hidden="tanh", loss="squared_error", seed=1, dtype=dtype)
    history = fl.train(net, X, y, optimizer=optimizer, epochs=300)
    assert history.loss[-1] < 0.25 * history.loss[0]
    assert net.parameters.dtype == np.dtype(dtype)


def test_record_every_records_the_loss_before_the_update() -> None:
    net = lesson.truth_table_network()
    first = loss_at(net, lesson.TRAIN_X, lesson.TRAIN_Y[:, None])
    history = fl.train(
        net,
        lesson.TRAIN_X,
        lesson.TRAIN_Y,
        optimizer=fl.GradientDescent(1.6),
        epochs=10,
        record_every=4,
    )
    assert history.epoch == [0, 4, 8]
    assert history.loss[0] == pytest.approx(first, rel=1e-14)


def test_validation_keeps_the_best_epoch(problem) -> None:
    X, y = problem
    net, snapshots = Network([4, 60, 1], hidden="relu", loss="squared_error", seed=0), []
    history = fl.train(
        net,
        X[:20],
        -y[:20],  # the wrong lesson: the validation loss has to rise
        optimizer=fl.Adam(0.01),
        epochs=300,
        validation=(X[20:], y[20:]),
        callbacks=[lambda progress: snapshots.append(progress.network.parameters.copy())],
    )
    best = int(np.argmin(history.validation_loss))
    assert history.best_epoch == best < 50
    np.testing.assert_array_equal(net.parameters, snapshots[best])
    assert loss_at(net, X[20:], y[20:, None]) == pytest.approx(min(history.validation_loss))
    score = 1 - np.mean((y[20:] - net.predict(X[20:])) ** 2) / np.var(y[20:])
    assert history.validation_score[best] == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_refined_keeps_the_epoch_that_is_best_after_a_temperature(engine: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(float)  # so noisy that it is overfitted
    options: dict[str, Any] = {"optimizer": fl.Adam(0.01), "epochs": 60, "batch_size": 32}
    held, losses, snapshots = (X[200:], y[200:]), [], []

    def see(progress: fl.Progress) -> None:
        Z = progress.network.logits(held[0])
        tried = np.geomspace(0.5, 4.0, 2001)
        signed = Z[:, 0] * np.where(held[1] > 0, 1.0, -1.0)
        losses.append(min(float(np.logaddexp(0.0, -signed / T).mean()) for T in tried))
        snapshots.append(progress.network.parameters.copy())

    def net() -> Network:
        return Network([6, 40, 1], hidden="relu", loss="binary_cross_entropy", seed=0)

    refined = net()
    history = fl.train(
        refined, X[:200], y[:200], validation=held, keep="refined", callbacks=[see], engine=engine,
        **options,
    )  # fmt: skip
    best = int(np.argmin(losses))
    assert history.best_epoch == best != int(np.argmin(history.validation_loss))
    np.testing.assert_array_equal(refined.parameters, snapshots[best])
    numbers, plain = regressor(), regressor()  # which have no temperature
    A, b = rng.normal(size=(50, 4)), rng.normal(size=50)
    for each, keep in ((numbers, "refined"), (plain, "best")):
        fl.train(each, A, b, epochs=20, validation=(A[:9], b[:9]), keep=keep)
    np.testing.assert_array_equal(numbers.parameters, plain.parameters)


def test_keep_last_keeps_the_last(problem) -> None:
    X, y = problem
    kept = regressor()
    history = fl.train(kept, X, y, epochs=5, validation=(X, y), keep="last")
    plain = regressor()
    fl.train(plain, X, y, epochs=5)
    np.testing.assert_array_equal(kept.parameters, plain.parameters)
    assert history.best_epoch is None


def test_patience_target_and_time(problem) -> None:
    X, y = problem
    history = fl.train(
        regressor(), X, y, epochs=500, validation=(X[:5], -y[:5]), stop=fl.Patience(4)
    )
    assert history.stopped == "rule"
    assert "has not improved for" in history.message
    assert history.epochs_done == history.best_epoch + 5
    history = fl.train(
        regressor(), X, y, epochs=5000, optimizer=fl.Adam(0.05), stop=[fl.TargetLoss(0.1)]
    )
    assert history.loss[-1] <= 0.1 < history.loss[-2]
    history = fl.train(regressor(), X, y, epochs=10**6, stop=fl.TimeLimit(0.05))
    assert history.stopped == "rule"
    assert history.seconds >= 0.05


def test_a_callback_can_stop(problem) -> None:
    X, y = problem
    seen = []

    def stop_at_three(progress):
        seen.append((progress.epoch, progress.epochs))
        return progress.epoch == 3

    assert fl.train(regressor(), X, y, callbacks=[stop_at_three]).stopped == "callback"
    assert seen == [(0, 100), (1, 100), (2, 100), (3, 100)]


@pytest.mark.parametrize("batch_size", [None, 10])
def test_divergence_stops_and_names_a_smaller_rate(problem, batch_size) -> None:
    X, y = problem
    net = Network([4, 6, 1], hidden="identity", loss="squared_error", seed=0)
    before = loss_at(net, X, y[:, None])
    with pytest.warns(DivergenceWarning, match=r"learning_rate 50 is too large here; try 5"):
        history = fl.train(
            net, X, y, optimizer=fl.GradientDescent(50.0), epochs=1000, batch_size=batch_size
        )
    assert history.stopped == "diverged"
    assert history.epochs_done < 20
    assert np.isfinite(net.parameters).all()
    assert loss_at(net, X, y[:, None]) <= before * (1 + 1e-12)


def test_a_falling_loss_of_any_size_is_not_divergence() -> None:
    X, y = np.array([[0.0], [1.0]]), np.array([1e6, -1e6])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fl.train(
            Network([1, 1], loss="squared_error"), X, y, optimizer=fl.GradientDescent(0.1)
        )
    assert history.loss[-1] < history.loss[0]


def test_an_interrupt_keeps_the_last_step(problem) -> None:
    X, y = problem
    net, plain = regressor(), regressor()

    def interrupt(progress):
        if progress.epoch == 4:
            raise KeyboardInterrupt

    with pytest.warns(InterruptedWarning):
        history = fl.train(net, X, y, callbacks=[interrupt])
    assert history.stopped == "interrupted"
    fl.train(plain, X, y, epochs=5)
    np.testing.assert_array_equal(net.parameters, plain.parameters)


@pytest.mark.parametrize("epoch", [0, 3])
@pytest.mark.parametrize("inside", ["Run.validate", "metrics.score", "Run.last_rate"])
def test_an_interrupt_between_a_loss_and_what_stands_beside_it(
    inside: str, epoch: int, problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history keeps whole epochs, and so the model file is read again."""
    X, y = problem
    where = f"fallline.training.run.{inside}"
    usual, calls = pkgutil.resolve_name(where.replace("run.", "run:", 1)), itertools.count()

    def interrupted(*args):
        if next(calls) == epoch:
            raise KeyboardInterrupt
        return usual(*args)

    monkeypatch.setattr(where, interrupted)
    net = regressor()
    with pytest.warns(InterruptedWarning):
        history = fl.train(net, X, y, epochs=9, validation=(X, y))
    assert history.epoch == list(range(epoch))
    assert history.uneven() is None
    assert len(history.learning_rate) == len(history.validation_score) == epoch
    fl.save(net, tmp_path / "m.safetensors", history=history)
    assert read_model(tmp_path / "m.safetensors").history == history


def test_a_run_that_diverges_measures_its_last_epoch_as_nan(problem, tmp_path: Path) -> None:
    X, y = problem
    net = regressor()
    with pytest.warns(DivergenceWarning):
        history = fl.train(
            net, X, y, optimizer=fl.GradientDescent(1e3), validation=(X, y), batch_size=60
        )
    assert len(history.epoch) == len(history.validation_loss) == len(history.validation_score)
    assert np.isnan(history.validation_loss[-1])
    fl.save(net, tmp_path / "m.safetensors", history=history)
    kept = read_model(tmp_path / "m.safetensors").history
    assert kept.uneven() is None
    assert kept.loss == history.loss


def test_an_optimiser_of_ones_own(problem) -> None:
    class SignDescent:
        learning_rate = fl.StepDecay(0.01, every=50)

        def init(self, theta):
            return {}

        def update(self, theta, gradient, state, step, is_weight):
            gradient[:] = -self.learning_rate(step) * np.sign(gradient)
            theta += gradient

    X, y = problem
    history = fl.train(regressor(), X, y, optimizer=SignDescent(), epochs=120)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.learning_rate[::50] == [0.01, 0.005, 0.0025]


def test_no_epochs_change_nothing(problem) -> None:
    X, y = problem
    for optimizer in (None, fl.LBFGS()):
        net = regressor()
        assert fl.train(net, X, y, optimizer=optimizer, epochs=0).loss == []
        np.testing.assert_array_equal(net.parameters, regressor().parameters)


# ---- checkpoints

OPTIMIZERS = [
    fl.GradientDescent(0.05, momentum=0.9),
    fl.RMSProp(0.01),
    fl.Adam(fl.WarmUp(0.02, warm_up_steps=7)),
    fl.AdamW(0.02),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_resumed_run_has_the_same_bits(optimizer, dtype, problem, tmp_path: Path) -> None:
    X, y = problem
    settings = {"optimizer": optimizer, "batch_size": 16, "validation": (X[:9], y[:9]), "l2": 1e-3}

    def new() -> Network:
        return Network([4, 6, 1], hidden="tanh", loss="huber", seed=3, dtype=dtype)

    whole, parts = new(), new()
    expected = fl.train(whole, X, y, epochs=12, **settings)
    path = tmp_path / "run.safetensors"

    def killed(progress):
        if progress.epoch == 7:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fl.train(
            parts,
            X,
            y,
            epochs=12,
            checkpoint=fl.Checkpoint(path, every=3),
            callbacks=[killed],
            **settings,
        )
    resumed = new()
    history = fl.train(
        resumed, X, y, epochs=12, checkpoint=fl.Checkpoint(path, every=3), **settings
    )
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert history.loss == expected.loss
    assert history.validation_loss == expected.validation_loss
    assert history.best_epoch == expected.best_epoch
    assert fl.load(path).n_parameters == whole.n_parameters


def test_a_finished_run_can_be_lengthened(problem, tmp_path: Path) -> None:
    X, y = problem
    checkpoint = fl.Checkpoint(tmp_path / "run.safetensors")
    whole, net = regressor(), regressor()
    fl.train(whole, X, y, epochs=9)
    fl.train(net, X, y, epochs=4, checkpoint=checkpoint)
    fl.train(regressor(), X, y, epochs=9, checkpoint=checkpoint)
    net = regressor()
    assert fl.train(net, X, y, epochs=9, checkpoint=checkpoint).epochs_done == 9
    np.testing.assert_array_equal(net.parameters, whole.parameters)


def test_another_run_cannot_take_up_the_checkpoint(problem, tmp_path: Path) -> None:
    X, y = problem
    path = tmp_path / "run.safetensors"
    fl.train(regressor(), X, y, epochs=2, checkpoint=fl.Checkpoint(path))
    with pytest.raises(ParameterError, match="the run began with seed 0, now it is 1"):
        fl.train(regressor(), X, y, epochs=4, seed=1, checkpoint=fl.Checkpoint(path))
    other = Network([4, 7, 1], hidden="tanh", loss="squared_error")
    with pytest.raises(ParameterError, match="the run began with network"):
        fl.train(other, X, y, epochs=4, checkpoint=fl.Checkpoint(path))
    fl.save(regressor(), path)
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        fl.train(regressor(), X, y, epochs=4, checkpoint=fl.Checkpoint(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "epochs must be"),
        ({"epochs": 2.5}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"record_every": 0}, "record_every must be"),
        ({"l2": float("inf")}, "l2 must be"),
        ({"optimizer": "adam"}, "optimizer must be an optimiser such as"),
        ({"optimizer": fl.LBFGS(), "batch_size": 10}, "LBFGS needs the full batch"),
        ({"keep": "best"}, "needs validation"),
        ({"keep": "refined"}, "keep='refined' needs validation"),
        ({"keep": "worst"}, "keep must be one of"),
        ({"engine": "warp"}, "engine must be one of"),
        ({"validation": 3}, "must be a pair"),
        ({"checkpoint": "run.safetensors"}, "must be a fallline.Checkpoint"),
        ({"stop": fl.Patience(3)}, "needs validation"),
    ],
)
def test_bad_settings_are_refused(change, message, problem) -> None:
    X, y = problem
    with pytest.raises(ParameterError, match=message):
        fl.train(regressor(), X, y, **change)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_an_interrupted_search_of_lbfgs_keeps_the_last_iterate(engine, problem) -> None:
    X, y = problem
    net, iterates = regressor(), []

    def note(progress) -> None:
        iterates.append(progress.network.parameters.copy())
        if len(iterates) == 3:
            for steps in (ReferenceSteps, CompiledGradients):
                monkey.setattr(steps, "loss_and_gradient", interrupt)

    def interrupt(*given: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as monkey, pytest.warns(InterruptedWarning):
        history = fl.train(
            net, X, y, optimizer=fl.LBFGS(), epochs=9, callbacks=[note], engine=engine
        )
    assert history.epochs_done == len(iterates) == 3
    np.testing.assert_array_equal(net.parameters, iterates[-1])


def test_lbfgs_refuses_a_checkpoint(problem, tmp_path: Path) -> None:
    X, y = problem
    with pytest.raises(ParameterError, match="inner state of L-BFGS"):
        fl.train(regressor(), X, y, optimizer=fl.LBFGS(), checkpoint=fl.Checkpoint(tmp_path / "a"))


def test_l1_draws_the_weights_of_noise_to_zero(rng: np.random.Generator) -> None:
    X = rng.normal(size=(200, 6))
    y = 2.0 * X[:, 0]
    net = Network([6, 1], loss="squared_error", seed=0)
    fl.train(net, X, y, optimizer=fl.GradientDescent(0.05), epochs=400, l1=0.1)
    W = net.layers[0].W[:, 0]
    assert W[0] == pytest.approx(1.9, abs=0.05)  # soft thresholding: 2 - l1
    assert np.abs(W[1:]).max() <= 0.05 * 0.1 * 2  # within a step of zero
