"""The training loop: steps, validation, stopping, history, checkpoints.

There is one loop for all kinds of rows: :class:`Run` is given an object that takes the steps, on
rows in memory (``steps``), on blocks of a large table (``block_steps``), or on the parts that a
cluster keeps (``fallline.distributed``).
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core import metrics
from fallline.core.backprop import measured, shares_of
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, Optimizer, init_state, rate_at, rates_at
from fallline.core.samples import AnySamples
from fallline.core.temperature import refinement
from fallline.engine import Watch
from fallline.errors import DivergenceWarning, InterruptedWarning, ModelFileError, warn
from fallline.training.divergence import RUNAWAY, ran_away, runaway_message
from fallline.training.history import VALIDATION, History
from fallline.training.position import Position
from fallline.training.settings import (
    Checkpointer,
    Progress,
    Settings,
    StopRule,
    TrainOptions,
    check_pair,
)
from fallline.training.steps import Steps, steps_in_memory

__all__ = ["Run", "train"]


def train(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: int = 0,
    l2: float = 0.0,
    l1: float = 0.0,
    sample_weight: ArrayLike | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    keep: str | None = None,
    stop: StopRule | Sequence[StopRule] = (),
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    record_every: int = 1,
    checkpoint: Checkpointer | None = None,
    dropout: float = 0.0,
    engine: str = "auto",
    threads: int | None = None,
) -> History:
    """Train ``network`` in place by gradient descent on its loss, and return the history.

    Parameters
    ----------
    X : (n_samples, n_features); y : (n_samples,) or (n_samples, n_outputs). For cross_entropy y
        holds class numbers 0, 1, ... or a row of class shares per sample.
    optimizer : Adam(0.001) by default. LBFGS takes the full batch and one iteration an epoch.
    epochs : passes over the rows, at least 0.
    batch_size : rows per step; by default all of them below 200 rows, else 128.
    seed : for the shuffling, which draws one permutation of the rows per epoch; a full batch is not
        shuffled.
    l2 : adds l2 / 2 times the sum of squared weights (not biases) to the loss.
    l1 : adds l1 times the sum of the weights' absolute values (see :mod:`fallline.core.penalties`).
    sample_weight : (n_samples,), at least 0; the loss of a batch is its weighted mean.
    validation : (X, y) to measure after each recorded epoch.
    keep : "best" keeps the parameters of the recorded epoch with the lowest validation loss, "last"
        those of the last step. Default: "best" with validation, else "last". "refined" goes by the
        validation loss after the best temperature of the logits (:mod:`fallline.core.temperature`),
        and so does a Plateau then: divide the logits by that temperature afterwards.
    stop : rules such as ``Patience(10)``, asked after each recorded epoch.
    callbacks : called with a :class:`Progress` after each recorded epoch; True stops.
    record_every : epochs from one record to the next.
    checkpoint : a :class:`fallline.Checkpoint`; a run with an existing one continues it.
    dropout : in [0, 1), the share of hidden activations that each step sets to 0 (see
        :mod:`fallline.core.dropout`); the recorded training losses are those of the rest.
    engine : "numpy" for the reference, "compiled" for the compiled engine, "auto" for the engine if
        it has the network's functions and was built ahead of time, or if the run is long enough to
        pay for compiling it. Both take the same batches in the same order and agree to rounding.
    threads : the maximum for the compiled engine; by default the cores that are free, or fewer if
        OMP_NUM_THREADS or FALLLINE_NUM_THREADS says so. The result has the same bits with any
        number.

    When the loss stops being finite or exceeds 1,000 times its first value, training stops with a
    DivergenceWarning and the best parameters recorded so far are restored. Ctrl-C stops it with an
    InterruptedWarning; the parameters of the last step are kept.

    Raises ParameterError, ShapeError or DataError for bad input, before the first step.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> descent = fl.GradientDescent(learning_rate=1.6)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=2_000)
    >>> round(history.loss[0], 4), round(history.loss[-1], 4)
    (0.84, 0.0013)
    >>> net.predict([[1, 1, 1], [0, 1, 1]]).tolist()
    [1, 0]
    """
    options: TrainOptions = {
        "optimizer": optimizer,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "l2": l2,
        "l1": l1,
        "dropout": dropout,
        "keep": keep,
        "stop": stop,
        "callbacks": callbacks,
        "record_every": record_every,
        "checkpoint": checkpoint,
        "engine": engine,
        "threads": threads,
    }
    settings = Settings.checked(network, options, validated=validation is not None)
    rows = network.rows(X, y, sample_weight)
    held_out = None if validation is None else network.rows(*check_pair(validation))
    make = partial(steps_in_memory, network, rows, settings)
    return Run(network, settings, make, held_out).whole()


class Run:
    """One run of training: network, settings, position, and the object for the steps."""

    def __init__(
        self,
        network: Network,
        settings: Settings,
        make_steps: Callable[[Position], Steps],
        held_out: AnySamples | None,
    ) -> None:
        self.network, self.settings, self.held_out = network, settings, held_out
        self.began = time.perf_counter()
        self.position = self.start()
        if settings.plateau is not None:
            settings.plateau.falls[:] = self.position.falls
            self.position.falls = settings.plateau.falls
        self.seconds_before = self.position.history.seconds
        with ignoring_overflow():
            self.steps = make_steps(self.position)
        self.measure: Callable[[AnySamples], tuple[float, Array]] = partial(measured, network)

    @property
    def history(self) -> History:
        return self.position.history

    def start(self) -> Position:
        """The position of a checkpoint, or of a new run."""
        settings = self.settings
        if settings.checkpoint is not None:
            kept = settings.checkpoint.resume(self.network, settings.as_dict())
            if kept is not None:
                self.check(kept)
                return kept
        position = Position(seed=settings.seed)
        position.best = self.network.parameters.copy()
        if not settings.by_lbfgs:
            position.state = init_state(settings.optimizer, self.network.parameters)
        return position

    def check(self, kept: Position) -> None:
        """Raise ModelFileError for a checkpoint whose state does not fit this run."""
        optimizer = None if self.settings.by_lbfgs else self.settings.optimizer
        try:
            kept.check(self.network, optimizer)
        except ModelFileError as reason:
            path = getattr(self.settings.checkpoint, "path", "the checkpoint")
            raise ModelFileError(f"{path}: {reason}; remove it to start again") from None

    def whole(self) -> History:
        """All epochs, and every way in which they can end."""
        try:
            with ignoring_overflow():
                if self.settings.by_lbfgs:
                    self.minimize()
                else:
                    self.descend()
        except KeyboardInterrupt:
            self.history.cut(self.lists_kept())
            whose = (
                "best epoch's parameters" if self.keeps_best() else "parameters of the last step"
            )
            self.end("interrupted", f"interrupted; the {whose} are kept")
            warn(f"training was {self.history.message}", InterruptedWarning)
        if self.keeps_best():
            self.restore_best()
        self.history.seconds = self.seconds()
        return self.history

    def lists_kept(self) -> tuple[str, ...]:
        """The lists of the history that this run fills, in addition to those of any run."""
        rates = () if self.settings.by_lbfgs else ("learning_rate",)
        return rates if self.held_out is None else (*rates, *VALIDATION)

    def keeps_best(self) -> bool:
        """Whether the parameters of an earlier epoch are restored at the end."""
        return self.settings.keep != "last" and self.position.best_epoch is not None

    def seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.began

    def end(self, how: str, message: str) -> None:
        self.history.stopped, self.history.message = how, message

    # ---- gradient descent, epoch by epoch

    def descend(self) -> None:
        position, settings, steps = self.position, self.settings, self.steps
        self.measure = steps.measure
        if math.isnan(position.first_loss):
            position.first_loss = steps.first_loss() + self.penalty()
        while position.epoch < settings.epochs:
            if self.unwatched and self.stretch():
                if self.history.stopped == "diverged":
                    return None
                self.save_checkpoint()
                continue
            epoch = position.epoch
            recorded = epoch % settings.record_every == 0
            ahead = 1 if recorded else self.epochs_to_next_stop(epoch)
            before = self.network.parameters.copy() if recorded else None
            loss = steps.epoch(want_loss=recorded) if ahead == 1 else self.unseen(ahead)
            position.epoch = self.history.epochs_done = epoch + ahead
            self.history.steps = position.step
            if ran_away(loss, position.first_loss):
                self.note(position.epoch - 1, loss)
                if self.held_out is not None:
                    self.history.validation_loss.append(math.nan)
                    self.history.validation_score.append(math.nan)
                return self.diverged(position.epoch - 1, loss)
            if recorded and self.record(epoch, loss, before):
                return None
            self.save_checkpoint()
        return None

    @property
    def unwatched(self) -> bool:
        """Whether only the history needs the loss of an epoch."""
        settings = self.settings
        return self.held_out is None and not settings.stop and not settings.callbacks

    def stretch(self) -> bool:
        """Epochs that the engine records by itself; whether there were any."""
        position, settings, history = self.position, self.settings, self.history
        limit, step = RUNAWAY * position.first_loss, position.step
        watch = Watch(position.epoch, settings.record_every, limit, position.best_loss)
        stop = self.next_stop()
        loss = self.steps.watched(stop - position.epoch, watch)
        if watch.epoch == position.epoch:
            return False
        position.epoch = history.epochs_done = watch.epoch
        history.steps = position.step
        rates = rates_at(settings.optimizer, watch.last_steps(step))
        history.extend(watch.recorded, watch.losses, rates)
        if watch.best is not None:
            position.best, position.best_loss = watch.best, watch.lowest
            position.best_epoch = watch.best_epoch
        if watch.ran_away():
            self.diverged(watch.recorded[-1], float(watch.losses[-1]))
        elif loss != 0.0 or (watch.epoch == stop and not self.is_finite()):
            loss = loss or math.nan
            self.note(watch.epoch - 1, loss)
            self.diverged(watch.epoch - 1, loss)
        return True

    def unseen(self, epochs: int) -> float:
        """``epochs`` epochs without records; NaN if the parameters are not finite afterwards."""
        ends = self.position.epoch + epochs == self.next_stop()
        loss = self.steps.epochs(epochs)
        return math.nan if ends and not self.is_finite() else loss

    def is_finite(self) -> bool:
        return bool(np.isfinite(self.network.parameters).all())

    def epochs_to_next_stop(self, epoch: int) -> int:
        """How many epochs are left to the next record, checkpoint, or the end."""
        return min(self.next_stop(), next_multiple(epoch, self.settings.record_every)) - epoch

    def next_stop(self) -> int:
        """The epoch of the next checkpoint, or the end."""
        checkpoint, epochs = self.settings.checkpoint, self.settings.epochs
        if checkpoint is None:
            return epochs
        return min(epochs, next_multiple(self.position.epoch, checkpoint.every))

    def penalty(self) -> float:
        """The penalty of the weights."""
        if not self.settings.penalty:
            return 0.0
        return float(self.settings.penalty.value(self.network.parameters * self.network.is_weight))

    def save_checkpoint(self) -> None:
        """Store a checkpoint if one is due."""
        checkpoint, position = self.settings.checkpoint, self.position
        if checkpoint is not None and position.epoch % checkpoint.every == 0:
            self.history.seconds = self.seconds()
            checkpoint.save(self.network, position, self.settings.as_dict())

    # ---- what happens after a recorded epoch

    def record(self, epoch: int, loss: float, before: Array | None) -> bool:
        """Record the epoch, keep the best parameters, ask rules and callbacks; True to stop."""
        self.note(epoch, loss)
        if self.held_out is not None:
            loss = self.validate(self.held_out)
            before = self.network.parameters.copy()
        if loss < self.position.best_loss:
            self.position.best, self.position.best_loss = before, loss
            self.position.best_epoch = epoch
        return self.asked_to_stop(epoch) or self.plateaued()

    def plateaued(self) -> bool:
        """At a plateau return to the best parameters and lower the rate; True to stop."""
        plateau, position, history = self.settings.plateau, self.position, self.history
        if plateau is None:
            return False
        best = 0 if position.best_epoch is None else history.epoch.index(position.best_epoch) + 1
        began = position.falls[-1][1] if position.falls else 0
        records = len(history.epoch)
        if records - max(best, began) < plateau.patience:
            return False
        if len(position.falls) >= plateau.max_falls:
            rate = f"{self.last_rate():.3g}"
            self.end("rule", f"no better validation loss at the lowest rate, {rate}")
            return True
        position.falls.append((position.step, records))
        if position.best is not None:
            self.network.parameters = position.best
        return False

    def note(self, epoch: int, loss: float) -> None:
        """A row of the history with the rate of the last step."""
        self.history.record(epoch, loss)
        if not self.settings.by_lbfgs:
            self.history.learning_rate.append(self.last_rate())

    def last_rate(self) -> float:
        """The learning rate of the last step."""
        return rate_at(self.settings.optimizer, max(self.position.step - 1, 0))

    def rate_set(self) -> float:
        """The learning rate as set, to which a warm-up rises and from which a plateau starts."""
        from fallline.core.schedules import Plateau, WarmUp

        rate = getattr(self.settings.optimizer, "learning_rate", None)
        while isinstance(rate, Plateau | WarmUp):
            rate = rate.after if isinstance(rate, WarmUp) else rate.rate
        return rate if isinstance(rate, float | int) else self.last_rate()

    def validate(self, held_out: AnySamples) -> float:
        """Measure the validation rows in one forward pass; returns the loss that chooses."""
        loss, logits = self.measure(held_out)
        self.history.validation_loss.append(loss)
        output = self.network.loss.output(logits)
        points = metrics.score(self.network.loss.task, held_out.Y, output)
        self.history.validation_score.append(points)
        if self.settings.keep != "refined":
            return loss
        return refinement(self.network.loss, logits, held_out.Y, shares_of(len(logits), None))

    def asked_to_stop(self, epoch: int) -> bool:
        """Ask every rule and call every callback; the first rule with a reason decides."""
        rules, callbacks = self.settings.stop, self.settings.callbacks
        if not (rules or callbacks):
            return False
        seconds = self.seconds()
        reasons = [rule(self.history, seconds) for rule in rules]
        progress = Progress(self.network, epoch, self.settings.epochs, self.history, seconds)
        answers = [callback(progress) for callback in callbacks]
        reason = next(filter(None, reasons), None)
        if reason:
            self.end("rule", reason)
        elif True in answers:
            self.end("callback", "a callback asked to stop")
        return reason is not None or True in answers

    def restore_best(self) -> None:
        if self.position.best is not None:
            self.network.parameters = self.position.best
        self.history.best_epoch = self.position.best_epoch

    def diverged(self, epoch: int, loss: float) -> None:
        """Restore the best parameters, and say which learning rate to try."""
        message = runaway_message(epoch, loss, self.position.first_loss, self.rate_set())
        self.end("diverged", message)
        self.restore_best()
        warn(message, DivergenceWarning)

    # ---- L-BFGS

    def minimize(self) -> None:
        """Minimise the loss of all rows; an iteration is an epoch."""
        from fallline.training import lbfgs

        network, settings, history = self.network, self.settings, self.history
        last = network.parameters.copy()

        def loss_at_theta(theta: Array) -> tuple[float, Array]:
            network.parameters = theta
            return self.steps.loss_and_gradient()

        def after_iteration(theta: Array, loss: float) -> bool:
            last[:] = network.parameters = theta
            epoch = history.epochs_done
            history.epochs_done = history.steps = epoch + 1
            recorded = epoch % settings.record_every == 0
            return recorded and self.record(epoch, loss, network.parameters.copy())

        if settings.epochs == 0:
            return
        try:
            result = lbfgs.minimize(
                loss_at_theta,
                network.parameters,
                max_iterations=settings.epochs,
                max_evaluations=20 * settings.epochs,
                memory=settings.optimizer.memory,
                gradient_tolerance=settings.optimizer.tolerance,
                loss_tolerance=float(np.finfo(float).eps),
                after_iteration=after_iteration,
                compiled=settings.engine != "numpy",
            )
        except KeyboardInterrupt:
            network.parameters = last  # and not where a search was about to look
            raise
        network.parameters = result.theta
        if result.converged and history.stopped == "epochs":
            self.end("converged", "L-BFGS has converged")


def ignoring_overflow() -> Any:
    """Suppress NumPy's warnings about overflow in a step, since the loss is checked."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def next_multiple(epoch: int, of: int) -> int:
    """The first multiple of ``of`` above ``epoch``."""
    return (epoch // of + 1) * of
