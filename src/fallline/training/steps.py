"""The steps of one epoch, by the readable reference or by the compiled engine.

Both take the same batches in the same order: the rows of one permutation per epoch, drawn from the
position's generator, cut into batches; a full batch is not shuffled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import Backprop, mean_loss, shares_of
from fallline.core.dropout import keys_of, mask
from fallline.core.network import Network
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.samples import Samples
from fallline.engine import permutations
from fallline.training.position import Position

__all__ = ["CompiledGradients", "CompiledSteps", "Descent", "ReferenceSteps", "Steps", "measured"]


@dataclass(frozen=True)
class Descent:
    """What the steps of a run are taken with and from.

    With ``penalty_per_mass`` the penalty of a step is divided by its batch's mass (rows, or sum of
    weights).
    ``dropout`` is the share of hidden neurons that is silenced, by masks drawn from ``seed``.
    ``unroll``: whether the run is worth compiling code for the very shape of a tiny network.
    """

    network: Network
    rows: Samples
    optimizer: Any
    position: Position
    batch_size: int
    penalty: Penalty = NO_PENALTY
    penalty_per_mass: bool = False
    dropout: float = 0.0
    seed: int = 0
    threads: int = 1
    unroll: bool = False

    @property
    def full(self) -> bool:
        """Whether a batch holds all rows."""
        return self.batch_size >= len(self.rows)

    def order(self) -> Array:
        """The next epoch's permutation of the rows."""
        return self.position.generator.permutation(len(self.rows))

    def orders(self, count: int) -> Array:
        """The next epochs' permutations, joined; the same ones, by compiled code."""
        return permutations([self.position.generator], len(self.rows), count)


class Steps(Protocol):
    """What the training loop needs: ``full`` tells whether an epoch is one step on all rows."""

    full: bool

    def epoch(self, *, want_loss: bool) -> float:
        """One pass over the rows; the mean of the batch losses, each taken before its update.

        It ends at a batch whose loss is not finite, and returns that. Without ``want_loss`` a full
        batch computes no loss and returns 0.
        """

    def epochs(self, count: int) -> float:
        """``count`` passes that nobody looks at; 0, or the loss, not finite, that ended them."""

    def measure(self, rows: Samples, every: int = 1) -> tuple[float, Array]:
        """The loss of every such sample at the network's parameters, and their logits.

        Without the penalty; ``every`` 3 looks at the samples 0, 3, 6, ...
        """


class ReferenceSteps:
    """Steps by :class:`fallline.core.backprop.Backprop` and the optimiser's own update."""

    def __init__(self, descent: Descent) -> None:
        self.descent, self.full = descent, descent.full
        self.position, self.is_weight = descent.position, descent.network.is_weight
        self.passes: dict[int, Backprop] = {}

    def epoch(self, *, want_loss: bool) -> float:
        if self.full:
            return self.step(None, want_loss=want_loss)
        losses, masses = [], []
        for batch in self.batches():
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

    def measure(self, rows: Samples, every: int = 1) -> tuple[float, Array]:
        return measured(self.descent.network, rows, every)

    def batches(self) -> Iterator[Array]:
        order, size = self.descent.order(), self.descent.batch_size
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def mass(self, batch: Array | None) -> float:
        """A batch's part in the epoch's mean: its number of rows, or the sum of their weights."""
        rows = self.descent.rows
        if rows.weight is None:
            return float(len(rows) if batch is None else len(batch))
        weight = rows.weight if batch is None else rows.weight[batch]
        return max(float(weight.sum()), np.finfo(float).tiny)

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        """Forward, backward, update; on all rows where ``batch`` is None."""
        rows, position = self.descent.rows, self.position
        weight = rows.weight
        if batch is None:
            Y = rows.Y
            step = self.passes.get(len(rows)) or self.new_pass(len(rows), rows.X, weight)
        else:
            Y = rows.Y[batch]
            step = self.passes.get(len(batch)) or self.new_pass(len(batch))
            step.load(rows.X[batch], None if weight is None else weight[batch])
        if self.descent.penalty_per_mass:
            mass = self.mass(batch)
            step.penalty = self.descent.penalty.over(mass if mass > np.finfo(float).tiny else 1.0)
        step.forward(self.masks(step, position.step))
        loss = step.loss(Y) if want_loss else 0.0
        step.backward(Y)
        self.update(step.gradient)
        return loss

    def update(self, gradient: Array) -> None:
        """One step of the optimiser."""
        position = self.position
        self.descent.optimizer.update(
            self.descent.network.parameters,
            gradient,
            position.state,
            position.step,
            self.is_weight,
        )
        position.step += 1

    def masks(self, batch: Backprop, step: int) -> list[Array] | None:
        """Dropout's mask of each hidden layer; None without dropout."""
        descent, hidden = self.descent, batch.network.sizes[1:-1]
        if descent.dropout == 0.0:
            return None
        keys = keys_of(descent.seed, step, 1, len(hidden))[0]
        return [
            mask(key, len(batch.shares), size, descent.dropout)
            for key, size in zip(keys, hidden, strict=True)
        ]

    def new_pass(
        self, n_rows: int, X: Array | None = None, weight: Array | None = None
    ) -> Backprop:
        """Buffers for batches of this size, made once; the rows of a full batch are loaded once."""
        self.passes[n_rows] = Backprop(self.descent.network, n_rows, self.descent.penalty)
        if X is not None:
            self.passes[n_rows].load(X, weight)
        return self.passes[n_rows]


def measured(network: Network, rows: Samples, every: int = 1) -> tuple[float, Array]:
    """The loss of every such sample without the penalty, and their logits, by the reference."""
    weight = None if rows.weight is None else rows.weight[::every]
    logits, Y = network.logits(rows.X[::every]), rows.Y[::every]
    return mean_loss(network, logits, Y, shares_of(len(Y), weight)), logits


class CompiledSteps:
    """The same steps by :class:`fallline.engine.Loop`."""

    def __init__(self, descent: Descent) -> None:
        from fallline.engine import Loop

        self.descent, self.full = descent, descent.full
        self.loop = Loop(
            descent.network,
            descent.rows,
            descent.optimizer,
            descent.position.state,
            descent.batch_size,
            descent.penalty,
            penalty_per_mass=descent.penalty_per_mass,
            dropout=descent.dropout,
            seed=descent.seed,
            threads=descent.threads,
            unroll=descent.unroll,
        )

    def epoch(self, *, want_loss: bool) -> float:
        order = None if self.full else self.descent.orders(1)
        want = want_loss or not self.full
        loss, taken = self.loop.epoch(order, self.descent.position.step, want_loss=want)
        self.descent.position.step += taken
        return loss

    def epochs(self, count: int) -> float:
        draw = None if self.full else self.descent.orders
        loss, taken = self.loop.epochs(count, self.descent.position.step, draw)
        self.descent.position.step += taken
        return loss

    def measure(self, rows: Samples, every: int = 1) -> tuple[float, Array]:
        return self.loop.measure(rows, every)


class CompiledGradients(ReferenceSteps):
    """Gradients by :class:`fallline.engine.Gradient`, and the optimiser's own update in Python."""

    def __init__(self, descent: Descent) -> None:
        from fallline.engine import Gradient

        super().__init__(descent)
        self.gradient = Gradient(
            descent.network,
            descent.rows,
            penalty=descent.penalty,
            penalty_per_mass=descent.penalty_per_mass,
            dropout=descent.dropout,
            seed=descent.seed,
            threads=descent.threads,
        )

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        loss, gradient = self.gradient(batch, self.position.step)
        self.update(gradient)
        return loss

    def measure(self, rows: Samples, every: int = 1) -> tuple[float, Array]:
        return self.gradient.loop.measure(rows, every)
