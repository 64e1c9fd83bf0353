"""The steps of one epoch, by the readable reference or by the compiled engine.

Both take the same batches in the same order: the rows of one permutation per epoch, drawn from the
position's generator, cut into batches; a full batch is not shuffled.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import Backprop, measured
from fallline.core.dropout import Dropout
from fallline.core.network import Network
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.samples import AnySamples, Samples
from fallline.engine import (
    Loop,
    Tiny,
    Watch,
    permutations,
    ready,
    serves,
    threads_allowed,
    unrolls,
)
from fallline.training.position import Position
from fallline.training.settings import Settings

__all__ = ["CompiledGradients", "CompiledSteps", "ReferenceSteps", "StepSetup", "Steps"]

SECONDS_OF_EPOCH = 0.02  # a longer one is worth 15 us of Python, and Ctrl-C is noticed within it
ENOUGH_ROWS = 2048  # to know how large the loss was before the first step
# Code for the shape of a tiny network saves up to a quarter of a microsecond per epoch and takes a
# third of a second to compile; if compiled code is requested, it is made for shorter runs too.
UNROLL_FROM = {"auto": 2_000_000, "compiled": 10_000, "numpy": math.inf}


@dataclass(frozen=True, eq=False)
class StepSetup:
    """What the steps of a run need.

    With ``penalty_per_mass`` the penalty of a step is divided by its batch's mass (rows, or sum of
    weights).
    ``dropout`` is the share of hidden activations set to 0, by masks drawn from ``seed``.
    ``threads`` is the maximum; by default what :func:`fallline.engine.threads_allowed` says.
    """

    network: Network
    rows: AnySamples
    optimizer: Any
    position: Position
    batch_size: int
    penalty: Penalty = NO_PENALTY
    penalty_per_mass: bool = False
    dropout: float = 0.0
    seed: int = 0
    threads: int | None = None

    @property
    def full(self) -> bool:
        """Whether a batch holds all rows."""
        return self.batch_size >= len(self.rows)

    def order(self) -> Array:
        """The next epoch's permutation of the rows."""
        return self.position.generator.permutation(len(self.rows))

    def orders(self, count: int) -> Array:
        """The next epochs' permutations, joined; the same ones, drawn by compiled code."""
        return permutations([self.position.generator], len(self.rows), count)

    def batches(self) -> Iterator[Array]:
        """The next epoch's batches, as row numbers."""
        order = self.order()
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]


class Steps(Protocol):
    """What the training loop requires; ``full`` says whether an epoch is one step on all rows."""

    full: bool

    def epoch(self, *, want_loss: bool) -> float:
        """One pass over the rows; the mean of the batch losses, each taken before its update.

        It ends at a batch whose loss is not finite, and returns that loss. Without ``want_loss`` a
        full batch computes no loss and returns 0.
        """

    def epochs(self, count: int) -> float:
        """``count`` passes without records; 0, or the loss, not finite, that ended them."""

    def watched(self, count: int, watch: Watch) -> float:
        """Up to ``count`` passes whose losses ``watch`` records; 0, or a loss that is not finite.

        No pass is made if it is better to look at each epoch separately.
        """

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        """The loss of every ``every``-th sample at the network's parameters, and the logits.

        Without the penalty; ``every`` 3 looks at the samples 0, 3, 6, ...
        """

    def first_loss(self) -> float:
        """The current loss of about 2,000 training rows, without the penalty."""

    def loss_and_gradient(self) -> tuple[float, Array]:
        """The loss of all rows with the penalty, and its gradient (n_parameters,)."""


class ReferenceSteps:
    """Steps by :class:`fallline.core.backprop.Backprop` and the optimiser's own update."""

    def __init__(self, setup: StepSetup) -> None:
        self.setup, self.full = setup, setup.full
        self.position, self.is_weight = setup.position, setup.network.is_weight
        self.passes: dict[int, Backprop] = {}

    @cached_property
    def rows(self) -> Samples:
        """The rows, with their features in an array."""
        return self.setup.rows.dense

    def epoch(self, *, want_loss: bool) -> float:
        if self.full:
            return self.step(None, want_loss=want_loss)
        losses, masses = [], []
        for batch in self.setup.batches():
            losses.append(self.step(batch, want_loss=True))
            masses.append(self.mass(batch))
            if not np.isfinite(losses[-1]):
                return losses[-1]
        return float(np.average(losses, weights=masses))

    def epochs(self, count: int) -> float:
        for _ in range(count):
            loss = self.step(None, want_loss=False) if self.full else self.epoch(want_loss=True)
            if not np.isfinite(loss):
                return loss
        return 0.0

    def watched(self, count: int, watch: Watch) -> float:
        return 0.0

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        return measured(self.setup.network, rows, every)

    def first_loss(self) -> float:
        return first_loss(self, self.setup.rows)

    def loss_and_gradient(self) -> tuple[float, Array]:
        rows = self.rows
        all_rows = self.all_rows()
        all_rows.forward()
        loss = all_rows.loss(rows.Y)
        all_rows.backward(rows.Y)
        return loss, all_rows.gradient

    def mass(self, batch: Array | None) -> float:
        """A batch's weight in the epoch's mean: its number of rows, or the sum of their weights."""
        return max(self.setup.rows.mass_of(batch), np.finfo(float).tiny)

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        """Forward, backward, update; on all rows if ``batch`` is None."""
        rows, position = self.rows, self.position
        weight = rows.weight
        if batch is None:
            Y = rows.Y
            step = self.all_rows()
        else:
            Y = rows.Y[batch]
            step = self.passes.get(len(batch)) or self.new_pass(len(batch))
            step.load(rows.X[batch], None if weight is None else weight[batch])
        if self.setup.penalty_per_mass:
            mass = self.mass(batch)
            step.penalty = self.setup.penalty.over(mass if mass > np.finfo(float).tiny else 1.0)
        step.forward(self.masks(step, position.step))
        loss = step.loss(Y) if want_loss else 0.0
        step.backward(Y)
        self.update(step.gradient)
        return loss

    def update(self, gradient: Array) -> None:
        """One step of the optimiser."""
        position = self.position
        self.setup.optimizer.update(
            self.setup.network.parameters,
            gradient,
            position.state,
            position.step,
            self.is_weight,
        )
        position.step += 1

    def masks(self, batch: Backprop, step: int) -> list[Array] | None:
        """Dropout's mask of each hidden layer; None without dropout."""
        dropout = Dropout(self.setup.dropout, self.setup.seed)
        return dropout.masks(batch.network.sizes[1:-1], len(batch.shares), step)

    def all_rows(self) -> Backprop:
        """Buffers that hold all rows, loaded once."""
        rows = self.rows
        return self.passes.get(len(rows)) or self.new_pass(len(rows), rows.X, rows.weight)

    def new_pass(
        self, n_rows: int, X: Array | None = None, weight: Array | None = None
    ) -> Backprop:
        """Buffers for batches of this size, made once; the rows of a full batch are loaded once."""
        self.passes[n_rows] = Backprop(self.setup.network, n_rows, self.setup.penalty)
        if X is not None:
            self.passes[n_rows].load(X, weight)
        return self.passes[n_rows]


def first_loss(steps: Steps, rows: AnySamples) -> float:
    """The current loss of about 2,000 of these rows, evenly spread."""
    return steps.measure(rows, -(-len(rows) // ENOUGH_ROWS))[0]


class CompiledSteps:
    """The same steps by :class:`fallline.engine.Loop`."""

    def __init__(self, setup: StepSetup) -> None:
        self.setup, self.full = setup, setup.full

    @cached_property
    def loop(self) -> Loop:
        """The arrays of the run."""
        setup = self.setup
        return Loop(
            setup.network,
            setup.rows,
            setup.optimizer,
            setup.position.state,
            setup.batch_size,
            setup.penalty,
            penalty_per_mass=setup.penalty_per_mass,
            dropout=setup.dropout,
            seed=setup.seed,
            threads=setup.threads or threads_allowed(),
        )

    def epoch(self, *, want_loss: bool) -> float:
        order = None if self.full else self.setup.orders(1)
        want = want_loss or not self.full
        loss, taken = self.loop.epoch(order, self.setup.position.step, want_loss=want)
        self.setup.position.step += taken
        return loss

    def epochs(self, count: int) -> float:
        draw = None if self.full else self.setup.orders
        loss, taken = self.loop.epochs(count, self.setup.position.step, draw)
        self.setup.position.step += taken
        return loss

    def watched(self, count: int, watch: Watch) -> float:
        if self.loop.seconds_of_epoch() > SECONDS_OF_EPOCH:
            return 0.0
        draw = None if self.full else self.setup.orders
        watch.steps_per_epoch = self.loop.steps_per_epoch
        total, _, steps = self.loop.stretch(count, self.setup.position.step, draw, watch)
        self.setup.position.step += steps
        return 0.0 if np.isfinite(total) else total

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        return self.loop.measure(rows, every)

    def first_loss(self) -> float:
        return first_loss(self, self.setup.rows)

    def loss_and_gradient(self) -> tuple[float, Array]:
        return CompiledGradients(self.setup).loss_and_gradient()


class UnrolledSteps(CompiledSteps):
    """The same steps by :class:`fallline.engine.Tiny`, to the same bits.

    The loop serves, and is made, only where Python looks at the loss of an epoch or at other rows.
    """

    def __init__(self, setup: StepSetup) -> None:
        super().__init__(setup)
        self.tiny = Tiny(setup.network, setup.rows.dense)

    def epoch(self, *, want_loss: bool) -> float:
        return super().epoch(want_loss=True) if want_loss else self.epochs(1)

    def epochs(self, count: int) -> float:
        while count > 0:
            count -= self.descend(count)
        return 0.0

    def watched(self, count: int, watch: Watch) -> float:
        self.descend(count, watch)
        return 0.0

    def first_loss(self) -> float:
        return self.tiny.loss()

    def descend(self, count: int, watch: Watch | None = None) -> int:
        """Up to ``count`` epochs in one call; how many they were."""
        position = self.setup.position
        done = self.tiny.descend(count, self.setup.optimizer, position.step, watch)
        position.step += done
        return done


class CompiledGradients(ReferenceSteps):
    """Gradients by :class:`fallline.engine.Gradient`, and the optimiser's own update in Python."""

    def __init__(self, setup: StepSetup) -> None:
        from fallline.engine import Gradient

        super().__init__(setup)
        self.gradient = Gradient(
            setup.network,
            setup.rows,
            penalty=setup.penalty,
            penalty_per_mass=setup.penalty_per_mass,
            dropout=setup.dropout,
            seed=setup.seed,
            threads=setup.threads or threads_allowed(),
        )

    def loss_and_gradient(self) -> tuple[float, Array]:
        return self.gradient()

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        loss, gradient = self.gradient(batch, self.position.step)
        self.update(gradient)
        return loss

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        return self.gradient.loop.measure(rows, every)


def steps_in_memory(
    network: Network, rows: AnySamples, settings: Settings, position: Position
) -> Steps:
    """The reference's steps, or the engine's if it supports the run and pays.

    A user's own optimiser takes its own steps on the engine's gradients.
    """
    setup = setup_for(network, rows, settings, position)
    if not settings.compiled(network, rows):
        return ReferenceSteps(setup)
    if not serves(network, settings.optimizer):
        return CompiledGradients(setup)
    pays = ready(network) or settings.epochs >= UNROLL_FROM[settings.engine]
    tiny = (
        pays
        and setup.full
        and unrolls(network, rows, settings.optimizer, settings.penalty, settings.dropout)
    )
    return UnrolledSteps(setup) if tiny else CompiledSteps(setup)


def setup_for(network: Network, rows: Any, settings: Settings, position: Position) -> StepSetup:
    """What the steps on these rows need."""
    return StepSetup(
        network,
        rows,
        settings.optimizer,
        position,
        settings.batch_size_for(len(rows)),
        settings.penalty,
        dropout=settings.dropout,
        seed=settings.seed,
        threads=settings.threads,
    )
