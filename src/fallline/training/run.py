"""The training loop: batches in a seeded order, validation, stopping, history, checkpoints."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core import metrics
from fallline.core.backprop import loss_and_gradient
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, Adam, Optimizer, init_state, rate_at
from fallline.core.penalties import Penalty, check_penalty
from fallline.core.samples import Samples
from fallline.engine import Gradient, computes, obstacles, serves, threads_allowed
from fallline.errors import DivergenceWarning, InterruptedWarning, ParameterError
from fallline.limits import check_choice, check_integer, check_number
from fallline.training.history import History
from fallline.training.position import Position
from fallline.training.steps import (
    CompiledGradients,
    CompiledSteps,
    Descent,
    ReferenceSteps,
    Steps,
    measured,
)
from fallline.training.stopping import StopRule

__all__ = ["Progress", "train"]

FULL_BATCH_BELOW = 200
DEFAULT_BATCH = 128
RUNAWAY = 1e3
ENOUGH_ROWS = 2048  # to know how large the loss was before the first step
# What the reference takes on a core of 2024, roughly: 10 us a step for two layers. Loading the
# compiled engine takes 0.5 s (compiling it, once per machine, 10 s), so short runs do without.
SECONDS_PER_LAYER = 5e-6
PRODUCTS_PER_SECOND = 2e10
PAYS_ABOVE = 0.5


@dataclass(frozen=True)
class Progress:
    """What a callback is given after each recorded epoch; it returns True to stop.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> def show(progress):
    ...     print(progress.epoch, round(progress.history.loss[-1], 4))
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=20, record_every=10, callbacks=[show])
    0 0.84
    10 0.8307
    """

    network: Network
    epoch: int
    epochs: int
    history: History
    seconds: float


class Checkpointer(Protocol):
    """What ``train`` needs of ``checkpoint=``; see :class:`fallline.Checkpoint`."""

    @property
    def every(self) -> int: ...
    def resume(self, network: Network, settings: dict[str, Any]) -> Position | None: ...
    def save(self, network: Network, position: Position, settings: dict[str, Any]) -> None: ...


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
    seed : of the shuffling, which draws one permutation of the rows per epoch; a full batch is
        not shuffled.
    l2 : adds l2 / 2 times the sum of squared weights (not biases) to the loss.
    l1 : adds l1 times the sum of the weights' absolute values (see :mod:`fallline.core.penalties`).
    sample_weight : (n_samples,), at least 0; the loss of a batch is its weighted mean.
    validation : (X, y) to measure after each recorded epoch.
    keep : "best" keeps the parameters of the recorded epoch with the lowest validation loss,
        "last" those of the last step. Default: "best" where there is validation, else "last".
    stop : rules such as ``Patience(10)``; looked at after each recorded epoch.
    callbacks : called with a :class:`Progress` after each recorded epoch; True stops.
    record_every : epochs from one record to the next.
    checkpoint : a :class:`fallline.Checkpoint`; a run with an existing one continues it.
    dropout : in [0, 1), the share of hidden neurons that each step silences (see
        :mod:`fallline.core.dropout`); the recorded training losses are those of the rest.
    engine : "numpy" for the reference, "compiled" for the Numba engine, "auto" for the engine
        where it serves the network and the run is long enough to pay for loading it. Both take
        the same batches in the same order and agree to rounding.
    threads : the most that the compiled engine may use; by default the cores that are free, or
        fewer where OMP_NUM_THREADS or FALLLINE_NUM_THREADS says so. The result has the same bits
        with any number.

    When the loss stops being finite or exceeds 1,000 times its first value, training stops with a
    DivergenceWarning and the best parameters recorded so far are put back. Ctrl-C stops it with
    an InterruptedWarning; the parameters of the last step are kept.

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
    settings = Settings(
        optimizer=Adam() if optimizer is None else optimizer,
        epochs=check_integer("epochs", epochs),
        batch_size=batch_size if batch_size is None else check_integer("batch_size", batch_size),
        seed=check_integer("seed", seed),
        penalty=check_penalty(l2, l1),
        keep=check_choice("keep", keep or ("last" if validation is None else "best"), KEEP),
        record_every=check_integer("record_every", record_every),
        stop=tuple(stop) if isinstance(stop, Sequence) else (stop,),
        callbacks=tuple(callbacks),
        dropout=check_number("dropout", dropout),
        engine=check_choice("engine", engine, ENGINES),
        threads=threads if threads is None else check_integer("threads", threads),
    )
    check_optimizer(settings.optimizer)
    if engine == "compiled" and obstacles(network):
        raise ParameterError(
            f"engine='compiled' does not have {', '.join(obstacles(network))}; "
            "use engine='auto' or 'numpy'"
        )
    if settings.keep == "best" and validation is None:
        raise ParameterError("keep='best' needs validation=(X, y) to tell which epoch is best")
    rows = network.samples(X, y, sample_weight)
    held_out = None if validation is None else network.samples(*check_pair(validation))
    if checkpoint is not None and not hasattr(checkpoint, "resume"):
        raise ParameterError(
            "checkpoint must be a fallline.Checkpoint, such as "
            f"Checkpoint({str(checkpoint)!r}, every=10), not {checkpoint!r}"
        )
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return Run(network, rows, held_out, settings, checkpoint).whole()


KEEP = ("best", "last")
ENGINES = ("auto", "numpy", "compiled")
# Code for the shape of a tiny network saves up to a quarter of a microsecond an epoch and takes a
# third of a second to compile; who asks for compiled code is taken at his word earlier.
UNROLL_FROM = {"auto": 2_000_000, "compiled": 10_000, "numpy": math.inf}


@dataclass(frozen=True)
class Settings:
    """The checked settings of one run."""

    optimizer: Any
    epochs: int
    batch_size: int | None
    seed: int
    penalty: Penalty
    keep: str
    record_every: int
    stop: tuple[StopRule, ...]
    callbacks: tuple[Callable[[Progress], Any], ...]
    dropout: float
    engine: str
    threads: int | None

    def compiled(self, network: Network, rows: Samples) -> bool:
        """Whether to run in the compiled engine: where it is asked for, or serves and pays."""
        if self.engine == "auto":
            pays = self.reference_seconds(network, rows) > PAYS_ABOVE
            return pays and computes(network)
        return self.engine == "compiled"

    def reference_seconds(self, network: Network, rows: Samples) -> float:
        """About how long the reference would take."""
        batch = min(batch_size_for(self, len(rows)), len(rows))
        steps = self.epochs * -(-len(rows) // batch)
        layers = len(network.sizes) - 1
        products = 6.0 * network.n_parameters * len(rows) * self.epochs
        return steps * layers * SECONDS_PER_LAYER + products / PRODUCTS_PER_SECOND

    def as_dict(self) -> dict[str, Any]:
        """What a model file keeps of them, and what a resumed run must share (less the epochs)."""
        return {
            "optimizer": repr(self.optimizer),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "l2": self.penalty.l2,
            **({"l1": self.penalty.l1} if self.penalty.l1 > 0 else {}),
            "dropout": self.dropout,
            "keep": self.keep,
            "record_every": self.record_every,
        }


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, LBFGS) and not isinstance(optimizer, Optimizer):
        raise ParameterError(
            "optimizer must be an optimiser such as GradientDescent(learning_rate=0.1) or "
            f"Adam(), not {optimizer!r}"
        )


def check_pair(validation: Any) -> tuple[ArrayLike, ArrayLike]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ParameterError("validation must be a pair (X, y)")
    return validation[0], validation[1]


class Run:
    """One run of training: the network, its rows, the settings, and the position."""

    def __init__(
        self,
        network: Network,
        rows: Samples,
        held_out: Samples | None,
        settings: Settings,
        checkpoint: Checkpointer | None,
    ) -> None:
        self.network = network
        self.rows = rows
        self.held_out = held_out
        self.settings = settings
        self.checkpoint = checkpoint
        self.began = time.perf_counter()
        self.batch_size = batch_size_for(settings, len(rows))
        self.position = self.start()
        self.seconds_before = self.position.history.seconds
        self.measure: Callable[..., tuple[float, Array]] = partial(measured, network)

    @property
    def history(self) -> History:
        return self.position.history

    def start(self) -> Position:
        """The position of a checkpoint, or of a new run."""
        if self.checkpoint is not None:
            if isinstance(self.settings.optimizer, LBFGS):
                raise ParameterError(
                    "checkpoint cannot keep the inner state of L-BFGS; leave it out, or use Adam"
                )
            kept = self.checkpoint.resume(self.network, self.settings.as_dict())
            if kept is not None:
                return kept
        position = Position(generator=np.random.default_rng(self.settings.seed))
        position.best = self.network.parameters.copy()
        if not isinstance(self.settings.optimizer, LBFGS):
            position.state = init_state(self.settings.optimizer, self.network.parameters)
        return position

    def whole(self) -> History:
        """All epochs, with every way they can end."""
        try:
            if isinstance(self.settings.optimizer, LBFGS):
                self.lbfgs()
            else:
                self.descend()
        except KeyboardInterrupt:
            self.end("interrupted", "interrupted; the parameters of the last step are kept")
            warnings.warn(f"training was {self.history.message}", InterruptedWarning, stacklevel=4)
        if self.settings.keep == "best" and self.position.best_epoch is not None:
            self.restore_best()
        self.history.seconds = self.seconds()
        return self.history

    def seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.began

    def end(self, how: str, message: str) -> None:
        self.history.stopped, self.history.message = how, message

    # ---- gradient descent, epoch by epoch

    def descend(self) -> None:
        position, settings = self.position, self.settings
        steps = self.steps()
        self.measure = steps.measure
        if math.isnan(position.first_loss):
            every = -(-len(self.rows) // ENOUGH_ROWS)
            position.first_loss = self.measure(self.rows, every)[0] + self.penalty()
        while position.epoch < settings.epochs:
            epoch = position.epoch
            recorded = epoch % settings.record_every == 0
            ahead = 1 if recorded else self.epochs_to_next_stop(epoch)
            if ahead > 1:
                loss = steps.epochs(ahead)
                if not np.isfinite(self.network.parameters).all():
                    loss = math.nan
            else:
                before = self.network.parameters.copy() if recorded else None
                loss = steps.epoch(want_loss=recorded)
            position.epoch = self.history.epochs_done = epoch + ahead
            self.history.steps = position.step
            if ran_away(loss, position.first_loss):
                self.history.record(epoch, loss)
                return self.diverged(epoch, loss)
            if recorded and self.record(epoch, loss, before):
                return None
            if self.checkpoint is not None and position.epoch % self.checkpoint.every == 0:
                self.history.seconds = self.seconds()
                self.checkpoint.save(self.network, position, settings.as_dict())
        return None

    def epochs_to_next_stop(self, epoch: int) -> int:
        """How many epochs nobody looks at: to the next record, checkpoint, or the end."""
        stops = [self.settings.epochs, next_multiple(epoch, self.settings.record_every)]
        if self.checkpoint is not None:
            stops.append(next_multiple(epoch, self.checkpoint.every))
        return min(stops) - epoch

    def penalty(self) -> float:
        """What the weights cost."""
        return float(self.settings.penalty.value(self.network.parameters * self.network.is_weight))

    def steps(self) -> Steps:
        """The reference's steps, or the engine's where that serves and pays.

        An optimiser of one's own takes its own steps on the engine's gradients.
        """
        descent = Descent(
            self.network,
            self.rows,
            self.settings.optimizer,
            self.position,
            self.batch_size,
            self.settings.penalty,
            dropout=self.settings.dropout,
            seed=self.settings.seed,
            threads=self.settings.threads or threads_allowed(),
            unroll=self.settings.epochs >= UNROLL_FROM[self.settings.engine],
        )
        if not self.settings.compiled(self.network, self.rows):
            return ReferenceSteps(descent)
        whole = serves(self.network, self.settings.optimizer)
        return CompiledSteps(descent) if whole else CompiledGradients(descent)

    # ---- what happens after a recorded epoch

    def record(self, epoch: int, loss: float, before: Array | None) -> bool:
        """Note the epoch, keep the best parameters, ask rules and callbacks; True to stop."""
        self.history.record(epoch, loss)
        if not isinstance(self.settings.optimizer, LBFGS):
            self.history.learning_rate.append(self.last_rate())
        if self.held_out is not None:
            loss = self.validate(self.held_out)
            before = self.network.parameters.copy()
        if loss < self.position.best_loss:
            self.position.best, self.position.best_loss = before, loss
            self.position.best_epoch = epoch
        return self.asked_to_stop(epoch)

    def last_rate(self) -> float:
        """The learning rate of the last step."""
        return rate_at(self.settings.optimizer, max(self.position.step - 1, 0))

    def validate(self, held_out: Samples) -> float:
        """Measure the held-out rows, by one forward pass; returns their loss."""
        loss, logits = self.measure(held_out)
        self.history.validation_loss.append(loss)
        output = self.network.loss.output(logits)
        self.history.validation_score.append(score(self.network, output, held_out.Y))
        return loss

    def asked_to_stop(self, epoch: int) -> bool:
        for rule in self.settings.stop:
            reason = rule(self.history, self.seconds())
            if reason:
                self.end("rule", reason)
                return True
        progress = Progress(self.network, epoch, self.settings.epochs, self.history, self.seconds())
        answers = [callback(progress) for callback in self.settings.callbacks]  # ask them all
        if True in answers:
            self.end("callback", "a callback asked to stop")
            return True
        return False

    def restore_best(self) -> None:
        if self.position.best is not None:
            self.network.parameters = self.position.best
        self.history.best_epoch = self.position.best_epoch

    def diverged(self, epoch: int, loss: float) -> None:
        """Put the best parameters back, and say which learning rate to try."""
        message = runaway_message(epoch, loss, self.position.first_loss, self.last_rate())
        self.end("diverged", message)
        self.restore_best()
        warnings.warn(message, DivergenceWarning, stacklevel=5)

    # ---- L-BFGS, by SciPy

    def gradient(self) -> Callable[[], tuple[float, Array]]:
        """Loss and gradient of all rows where the network stands, by engine or reference."""
        network, rows, penalty = self.network, self.rows, self.settings.penalty
        if not self.settings.compiled(network, rows):
            return lambda: loss_and_gradient(network, rows.X, rows.Y, rows.weight, penalty)
        threads = self.settings.threads or threads_allowed()
        return Gradient(network, rows, penalty=penalty, threads=threads)

    def lbfgs(self) -> None:
        from scipy.optimize import minimize

        optimizer, evaluate = self.settings.optimizer, self.gradient()

        def loss_at_theta(theta: Array) -> tuple[float, Array]:
            self.network.parameters = theta
            loss, gradient = evaluate()
            return loss, gradient.astype(float)

        def after_iteration(intermediate_result: Any) -> None:
            self.network.parameters = intermediate_result.x
            epoch = self.history.epochs_done
            self.history.epochs_done = self.history.steps = epoch + 1
            if epoch % self.settings.record_every == 0 and self.record(
                epoch, float(intermediate_result.fun), self.network.parameters.copy()
            ):
                raise StopIteration

        if self.settings.epochs == 0:
            return
        result = minimize(
            loss_at_theta,
            self.network.parameters.astype(float),
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": self.settings.epochs,
                "maxfun": 20 * self.settings.epochs,
                "maxcor": optimizer.memory,
                "gtol": optimizer.tolerance,
                "ftol": np.finfo(float).eps,
            },
        )
        self.network.parameters = result.x
        if result.success and self.history.stopped == "epochs":
            self.end("converged", "L-BFGS has converged")


def ran_away(loss: float, first_loss: float) -> bool:
    """Whether training has diverged: the loss is not finite, or 1,000 times its first value."""
    return not math.isfinite(loss) or loss > RUNAWAY * first_loss


def runaway_message(epoch: int, loss: float, first_loss: float, rate: float) -> str:
    """What happened, and which learning rate to try."""
    how = f"has run away to {loss:.3g}" if math.isfinite(loss) else "is no longer finite"
    return (
        f"the loss {how} at epoch {epoch} (it began at {first_loss:.3g}): "
        f"learning_rate {rate:g} is too large here; try {rate / 10:g}"
    )


def next_multiple(epoch: int, of: int) -> int:
    """The first multiple of ``of`` above ``epoch``."""
    return (epoch // of + 1) * of


def batch_size_for(settings: Settings, n_rows: int) -> int:
    if isinstance(settings.optimizer, LBFGS):
        if settings.batch_size not in (None, n_rows):
            raise ParameterError(
                f"LBFGS needs the full batch: leave batch_size out, not {settings.batch_size}"
            )
        return n_rows
    if settings.batch_size is not None:
        return settings.batch_size
    return batch_size_for_rows(n_rows)


def batch_size_for_rows(n_rows: int) -> int:
    """The batch size where none is given."""
    return n_rows if n_rows < FULL_BATCH_BELOW else DEFAULT_BATCH


def score(network: Network, output: Array, Y: Array) -> float:
    """Accuracy, or R2 where the targets are numbers, from the network's output (n, n_outputs)."""
    predicted = network.decide(output)
    if network.loss.task == "classes":
        return metrics.accuracy(Y.argmax(axis=1), predicted)
    y = Y[:, 0] if Y.shape[1] == 1 else Y
    if network.loss.task == "binary":
        return metrics.accuracy(y, predicted)
    return metrics.r2(y, predicted)
