"""One epoch in scikit-learn's order of rows, by the reference or the compiled engine.

scikit-learn's loss of an epoch is the mean of its batches' losses, each counted by its rows (the
core counts them by their weights), and the squared error of several outputs is averaged over them
while the gradient is that of their sum. If either matters, each batch is a separate call, so that
its loss can be taken apart.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.estimators.rows import SparseRows, SparseSteps
from fallline.training.steps import CompiledSteps, ReferenceSteps, StepSetup

__all__ = ["Epochs", "Order", "OrderedSetup"]


@dataclass
class Order:
    """The order of the rows, shuffled before each epoch by scikit-learn's generator."""

    rows: Array
    generator: np.random.RandomState | None

    def advance(self) -> None:
        """The next epoch's order, a shuffle of the previous one; none without a generator."""
        if self.generator is not None:
            places = np.arange(len(self.rows))
            self.generator.shuffle(places)
            self.rows = self.rows[places]


@dataclass(frozen=True)
class OrderedSetup(StepSetup):
    """What steps need if the order of the rows comes from outside."""

    source: Order = field(default_factory=lambda: Order(np.arange(0), None))

    def order(self) -> Array:
        return self.source.rows

    def orders(self, count: int) -> Array:
        return np.tile(self.source.rows, count)


class Epochs:
    """The epochs of a fit; ``loss_scale`` multiplies the data's part of the reported loss."""

    def __init__(self, setup: OrderedSetup, *, compiled: bool, loss_scale: float) -> None:
        self.setup = setup
        reference = SparseSteps if isinstance(setup.rows.X, SparseRows) else ReferenceSteps
        self.steps: Any = CompiledSteps(setup) if compiled else reference(setup)
        self.loss_scale = loss_scale
        self.is_weight = setup.network.is_weight

    def epoch(self) -> float:
        """One pass over the rows; the loss, each batch's before its update."""
        self.setup.source.advance()
        weighted = self.setup.rows.weight is not None
        if self.loss_scale == 1.0 and (self.setup.full or not weighted):
            return float(self.steps.epoch(want_loss=True))
        return self.batch_by_batch()

    def batch_by_batch(self) -> float:
        """The mean over the batches' rows; a batch without weight does not count."""
        total, rows = 0.0, 0
        for batch in self.setup.batches():
            mass = self.setup.rows.mass_of(batch)
            penalty = 0.0 if self.loss_scale == 1.0 or mass == 0 else self.penalty(mass)
            loss = self.batch_loss(batch)
            if not np.isfinite(loss):
                return float(loss)
            if mass > 0:
                total += len(batch) * (self.loss_scale * (loss - penalty) + penalty)
                rows += len(batch)
        return total / max(rows, 1)

    def penalty(self, mass: float) -> float:
        """The penalty of the weights in a batch's loss."""
        W = self.setup.network.parameters * self.is_weight
        return float(self.setup.penalty.over(mass).value(W))

    def batch_loss(self, batch: Array) -> float:
        """One step on a batch; its loss before the step."""
        if self.setup.full:
            return float(self.steps.epoch(want_loss=True))
        if isinstance(self.steps, ReferenceSteps):
            return self.steps.step(batch, want_loss=True)
        position = self.setup.position
        loss, taken = self.steps.loop.epoch(batch, position.step, want_loss=True)
        position.step += taken
        return float(loss)
