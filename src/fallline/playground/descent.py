"""One descent: a network on its way down, step by step or many epochs at a time, and back.

Whole epochs go through the compiled engine, once it is loaded; single samples and batches through
the reference. Both take the same batches in the same order as :func:`fallline.train`.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core import metrics
from fallline.core.backprop import loss_and_gradient
from fallline.core.network import Network
from fallline.core.optimizers import rate_at
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.engine import serves
from fallline.errors import ParameterError
from fallline.playground.limits import MAX_PARAMETERS
from fallline.playground.mistakes import spoilt
from fallline.playground.problems import Problem
from fallline.playground.setup import Setup, make_optimizer
from fallline.training.divergence import ran_away, runaway_message
from fallline.training.position import Position
from fallline.training.steps import CompiledSteps, ReferenceSteps, StepSetup

__all__ = ["Descent", "Track", "engine_ready", "load_engine", "loss_name"]

MAX_RECORDS = 400
MAX_KEPT_BYTES = 8 << 20  # of earlier states to go back to
STEP_KINDS = ("sample", "batch", "epoch")
engine_ready = threading.Event()


def load_engine() -> None:
    """Load the compiled engine (half a second; once per machine, compile it: some ten)."""
    network = Network([1, 1], loss="squared_error")
    rows = network.samples([[0.0], [1.0]], [0.0, 1.0])
    optimizer = make_optimizer(Setup().training, 1)
    CompiledSteps(StepSetup(network, rows, optimizer, Position(), 2)).epochs(1)
    engine_ready.set()


def loss_name(setup: Setup, problem: Problem) -> str:
    """The loss asked for. Raises ParameterError where the task does not allow it."""
    usual = {
        "binary": "binary_cross_entropy",
        "classes": "cross_entropy",
        "numbers": "squared_error",
    }
    name = usual[problem.task] if setup.training.loss == "auto" else setup.training.loss
    if name == "binary_cross_entropy" and problem.task != "binary":
        raise ParameterError("binary_cross_entropy needs two classes; choose another loss")
    if name == "cross_entropy" and problem.task == "numbers":
        raise ParameterError("cross_entropy needs classes, and this target is a number")
    return name


@dataclass
class Track:
    """Losses, scores and parameters along the way, thinned to a few hundred records."""

    epoch: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    train_score: list[float] = field(default_factory=list)
    test_score: list[float] = field(default_factory=list)
    theta: list[Array] = field(default_factory=list)
    every: int = 1
    provisional: bool = False  # whether the next record takes the last one's place

    def copy(self) -> "Track":
        lists = {name: list(values) for name, values in self.lists().items()}
        return Track(**lists, every=self.every, provisional=self.provisional)

    def lists(self) -> dict[str, list[Any]]:
        names = ("epoch", "train", "test", "train_score", "test_score", "theta")
        return {name: getattr(self, name) for name in names}

    def thin(self) -> None:
        """Drop every second record between the first and the last."""
        for values in self.lists().values():
            del values[1:-1:2]
        self.every *= 2


@dataclass(frozen=True)
class Kept:
    """A state to go back to."""

    theta: Array
    state: dict[str, Array]
    step: int
    epoch: int
    generator: Mapping[str, Any]
    cursor: tuple[Array, int] | None
    track: Track


class Descent:
    """A network, its rows, and where it stands. Raises ParameterError where they do not fit."""

    def __init__(self, setup: Setup, problem: Problem, start: Network | None = None) -> None:
        self.setup, self.problem = setup, problem
        self.network = new_network(setup, problem) if start is None else start.copy()
        check_gradient(setup, self.network)
        self.rows = self.network.samples(problem.X, self.targets(problem.y))
        self.test = None
        if len(problem.X_test):
            self.test = self.network.samples(problem.X_test, self.targets(problem.y_test))
        self.position = Position(generator=np.random.default_rng(setup.network.seed))
        self.cursor: tuple[Array, int] | None = None
        self.track, self.kept = Track(), list[Kept]()
        self.message = ""
        self.seconds_per_epoch = 0.0
        self.arrange(setup)
        self.position.state = self.optimizer.init(self.network.parameters)
        self.first_loss = math.inf
        self.record()
        self.first_loss = self.track.train[0]

    # ---- settings

    def arrange(self, setup: Setup) -> None:
        """Take other training settings from here on; the network and its way stay."""
        check_gradient(setup, self.network)
        n, size = len(self.rows), setup.training.batch_size
        self.batch_size = min(size or n, n)
        steps = setup.training.epochs * -(-n // self.batch_size)
        old = getattr(self, "optimizer", None)
        self.setup, self.optimizer = setup, make_optimizer(setup.training, steps)
        fresh = self.optimizer.init(self.network.parameters)
        if old is not None and fresh.keys() != self.position.state.keys():
            self.position.state = fresh
            self.kept.clear()
        self.message = ""
        self.cursor = None
        for made in ("plan", "reference", "compiled"):
            self.__dict__.pop(made, None)

    @property
    def penalty(self) -> Penalty:
        return Penalty(self.setup.training.l2, self.setup.training.l1)

    @cached_property
    def plan(self) -> StepSetup:
        return StepSetup(
            self.network,
            self.rows,
            self.optimizer,
            self.position,
            self.batch_size,
            self.penalty,
            dropout=self.setup.training.dropout,
            seed=self.setup.network.seed,
        )

    @property
    def by_engine(self) -> bool:
        """Whether the engine is loaded, and knows the network's parts."""
        return engine_ready.is_set() and serves(self.network, self.optimizer)

    @cached_property
    def reference(self) -> ReferenceSteps:
        return ReferenceSteps(self.plan)

    @cached_property
    def compiled(self) -> CompiledSteps:
        return CompiledSteps(self.plan)

    def targets(self, y: Array) -> Array:
        """y as the loss wants it: class numbers, or one column per class."""
        if self.problem.task == "classes" and self.network.loss.task == "numbers":
            one_hot: Array = np.eye(self.problem.n_classes)[y.astype(int)]
            return one_hot
        return y

    # ---- going on

    @property
    def epoch(self) -> int:
        return self.position.epoch

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return rate_at(self.optimizer, self.position.step)

    def advance(self, epochs: int, seconds: float) -> None:
        """So many epochs, or as many as fit in the time; at least one. Stops where it diverges."""
        end, deadline = self.epoch + epochs, time.perf_counter() + seconds
        while self.epoch < end and not self.message:
            left = deadline - time.perf_counter()
            ahead = min(end, self.next_record()) - self.epoch
            if self.seconds_per_epoch > 0:
                ahead = max(1, min(ahead, int(left / self.seconds_per_epoch)))
            elif ahead > 64:
                ahead = 64
            self.pass_epochs(ahead)
            if self.epoch % self.track.every == 0:
                self.record()
            if time.perf_counter() >= deadline:
                break
        self.record(provisional=self.epoch % self.track.every != 0)

    def pass_epochs(self, count: int) -> None:
        began = time.perf_counter()
        before = self.epoch
        if self.cursor is not None:
            self.finish_epoch()
            count -= 1
        if self.spoilt:
            for _ in range(count):
                self.spoilt_epoch()
        elif count:
            steps = self.compiled if self.by_engine else self.reference
            if steps.full:
                steps.epochs(count)
            else:
                for _ in range(count):
                    steps.epoch(want_loss=False)
        self.position.epoch += count
        if self.epoch > before:
            self.seconds_per_epoch = (time.perf_counter() - began) / (self.epoch - before)

    def next_record(self) -> int:
        return (self.epoch // self.track.every + 1) * self.track.every

    def step(self, kind: str) -> None:
        """One update on the next row, one on the next batch, or the rest of the epoch."""
        if kind not in STEP_KINDS:
            raise ParameterError(f"a step is one of {', '.join(STEP_KINDS)}, not {kind!r:.40}")
        self.keep()
        if kind == "epoch":
            self.pass_epochs(1)
        else:
            self.update(self.next_rows(kind))
        self.record()

    def finish_epoch(self) -> None:
        epoch = self.epoch
        while self.epoch == epoch:
            self.update(self.next_rows("batch"))

    def next_rows(self, kind: str) -> Array:
        """The rows of the next update, (m,); asking twice gives the same."""
        if self.cursor is None:
            everything = np.arange(len(self.rows))
            self.cursor = (everything if self.plan.full else self.plan.order(), 0)
        order, at = self.cursor
        return order[at : at + (1 if kind == "sample" else self.batch_size)]

    def update(self, rows: Array) -> None:
        """One update on these rows, the next ones of the epoch."""
        if self.spoilt:
            self.spoilt_step(rows)
        else:
            self.reference.step(rows, want_loss=False)
        order, at = self.cursor or (rows, 0)
        self.cursor = (order, at + len(rows))
        if at + len(rows) >= len(order):
            self.cursor = None
            self.position.epoch += 1

    @property
    def spoilt(self) -> bool:
        """Whether a wrong gradient is in use."""
        return self.setup.training.gradient != "right"

    def spoilt_epoch(self) -> None:
        for rows in [None] if self.plan.full else self.plan.batches():
            self.spoilt_step(rows)

    def spoilt_step(self, rows: Array | None) -> None:
        """One update along the wrong gradient."""
        gradient = self.spoilt_gradient(rows)
        network, position = self.network, self.position
        self.optimizer.update(
            network.parameters, gradient, position.state, position.step, network.is_weight
        )
        position.step += 1

    def spoilt_gradient(self, rows: Array | None) -> Array:
        part = slice(None) if rows is None else rows
        network, kind = self.network, self.setup.training.gradient
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = spoilt(kind, network, self.rows.X[part], self.rows.Y[part])
        if self.penalty:
            gradient += self.penalty.slope(network.is_weight * network.parameters)
        return gradient

    # ---- what is noted on the way

    def record(self, *, provisional: bool = False) -> None:
        """Note the losses and scores here; a provisional note gives way to the next."""
        track, here = self.track, self.epoch + self.part_of_epoch
        while track.epoch and (track.provisional or track.epoch[-1] >= here):
            for values in track.lists().values():
                values.pop()
            track.provisional = False
        train, train_score = self.measured(self.rows)
        test, test_score = (math.nan, math.nan) if self.test is None else self.measured(self.test)
        if track.train and ran_away(train, self.first_loss):
            return self.diverged(train)
        track.epoch.append(here)
        track.train.append(train)
        track.test.append(test)
        track.train_score.append(train_score)
        track.test_score.append(test_score)
        track.theta.append(self.network.parameters.copy())
        track.provisional = provisional
        if len(track.epoch) > self.most_records():
            track.thin()
        return None

    @property
    def part_of_epoch(self) -> float:
        return 0.0 if self.cursor is None else self.cursor[1] / len(self.rows)

    def most_records(self) -> int:
        fitting = MAX_KEPT_BYTES // (8 * self.network.n_parameters)
        return max(20, min(MAX_RECORDS, fitting))

    def diverged(self, loss: float) -> None:
        """Stop, with advice, and put the last recorded parameters back."""
        rate = rate_at(self.optimizer, max(self.position.step - 1, 0))
        self.message = runaway_message(self.epoch, loss, self.first_loss, rate)
        self.network.parameters = self.track.theta[-1]

    def measured(self, rows: Samples) -> tuple[float, float]:
        """Loss (with the penalty) and score: the share of classes predicted right, or R2."""
        with np.errstate(over="ignore", invalid="ignore"):
            output = self.network.forward(rows.X)
            terms = self.network.loss.value(output.Z[-1], rows.Y)
            weights = self.network.parameters * self.network.is_weight
            return float(terms.mean() + self.penalty.value(weights)), self.score(
                output.A[-1], rows.Y
            )

    def score(self, output: Array, Y: Array) -> float:
        classes = "binary" if Y.shape[1] == 1 else "classes"
        task = "numbers" if self.problem.task == "numbers" else classes
        return metrics.score(task, Y, output)

    def gradient(self) -> Array:
        """The gradient in use on all training rows, (n_parameters,), without dropout."""
        if self.spoilt:
            return self.spoilt_gradient(None)
        with np.errstate(over="ignore", invalid="ignore"):
            return loss_and_gradient(self.network, self.rows.X, self.rows.Y, None, self.penalty)[1]

    # ---- going back, and by hand

    def keep(self) -> None:
        """Keep this state, to come back to it."""
        position = self.position
        self.kept.append(
            Kept(
                self.network.parameters.copy(),
                {name: values.copy() for name, values in position.state.items()},
                position.step,
                position.epoch,
                position.generator.bit_generator.state,
                self.cursor,
                self.track.copy(),
            )
        )
        each = 8 * self.network.n_parameters * (1 + len(position.state)) + 40 * MAX_RECORDS
        del self.kept[: -max(3, MAX_KEPT_BYTES // each)]

    def back(self) -> None:
        """The state before the last step. Raises ParameterError where there is none."""
        if not self.kept:
            raise ParameterError("there is no earlier step to go back to")
        kept = self.kept.pop()
        self.network.parameters = kept.theta
        for name, values in kept.state.items():
            self.position.state[name][:] = values
        self.position.step, self.position.epoch = kept.step, kept.epoch
        self.position.generator.bit_generator.state = dict(kept.generator)
        self.cursor, self.track, self.message = kept.cursor, kept.track, ""

    def set_parameter(self, j: int, value: float) -> None:
        """Set one weight or bias by hand."""
        if not 0 <= j < self.network.n_parameters:
            raise ParameterError(
                f"parameter must be from 0 to {self.network.n_parameters - 1}, not {j}"
            )
        self.keep()
        self.network.parameters[j] = value
        self.message = ""
        self.record()

    def restore(self, values: Sequence[float], epoch: int, step: int) -> None:
        """Parameters, epoch and step as a page's address kept them; the averages begin anew."""
        if len(values) != self.network.n_parameters:
            raise ParameterError(
                f"this network has {self.network.n_parameters} parameters, not {len(values)}"
            )
        self.network.parameters = np.array(values)
        self.position.epoch, self.position.step, self.cursor = epoch, step, None
        self.record()


def new_network(setup: Setup, problem: Problem) -> Network:
    name = loss_name(setup, problem)
    wide = problem.task == "classes" or name == "cross_entropy"
    sizes = [problem.X.shape[1], *setup.network.hidden, problem.n_classes if wide else 1]
    n_parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    if n_parameters > MAX_PARAMETERS:
        raise ParameterError(
            f"this network has {n_parameters:,} parameters; the playground takes up to "
            f"{MAX_PARAMETERS:,}. Use fewer neurons, or `fallline train`"
        )
    zeros = setup.network.init == "zeros"
    network = Network(
        sizes,
        hidden=setup.network.activations,
        loss=name,
        init=None if zeros else setup.network.init or None,
        seed=setup.network.seed,
    )
    if zeros:
        network.parameters[:] = 0.0
    return network


def check_gradient(setup: Setup, network: Network) -> None:
    if setup.training.gradient == "published" and set(network.activations) != {"sigmoid"}:
        raise ParameterError(
            "the published update needs sigmoid in every layer and binary cross-entropy"
        )
    if setup.training.gradient != "right" and setup.training.dropout:
        raise ParameterError(
            "a wrong gradient is tried without dropout: set dropout to 0, or the gradient to right"
        )
