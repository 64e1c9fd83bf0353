"""Steps on a table larger than memory: an epoch visits its blocks in a seeded order.

Inside a block the steps are those of rows in memory, on batches of that block's rows; the
optimiser's state and the generator of the batches carry over from block to block, as if the blocks
were one table.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import measured
from fallline.core.network import Network
from fallline.core.penalties import NO_PENALTY
from fallline.core.samples import AnySamples
from fallline.engine import Watch, computes
from fallline.training.divergence import ran_away
from fallline.training.position import Position
from fallline.training.settings import Settings
from fallline.training.steps import steps_in_memory

__all__ = ["BlockSteps", "RowBlocks"]


class RowBlocks(Protocol):
    """The training rows of a table, block by block; a block may be read again at any time."""

    def __len__(self) -> int:
        """How many blocks there are."""

    def samples(self, number: int) -> AnySamples | None:
        """The rows of a block, checked and encoded; None if it has no training rows."""


class BlockSteps:
    """The steps of :class:`fallline.training.run.Run` on blocks of rows."""

    full = False

    def __init__(
        self, network: Network, blocks: RowBlocks, settings: Settings, position: Position
    ) -> None:
        self.network, self.blocks, self.position = network, blocks, position
        # Together the blocks have many rows, so the engine pays even if each has few.
        auto = settings.engine == "auto" and computes(network)
        self.settings = settings._replace(engine="compiled") if auto else settings

    def order(self, epoch: int) -> list[int]:
        """The order of the blocks in an epoch."""
        generator = np.random.default_rng([self.settings.seed, epoch])
        order: list[int] = generator.permutation(len(self.blocks)).tolist()
        return order

    def visited(self, epoch: int) -> Iterator[AnySamples]:
        """The blocks that have training rows, in the order of an epoch."""
        blocks = (self.blocks.samples(number) for number in self.order(epoch))
        return (rows for rows in blocks if rows is not None)

    def epoch(self, *, want_loss: bool) -> float:
        return self.pass_over(self.position.epoch)

    def epochs(self, count: int) -> float:
        for epoch in range(self.position.epoch, self.position.epoch + count):
            loss = self.pass_over(epoch)
            if not np.isfinite(loss):
                return loss
        return 0.0

    def watched(self, count: int, watch: Watch) -> float:
        return 0.0

    def pass_over(self, epoch: int) -> float:
        """All blocks once; the mean of their losses, weighted by their numbers of rows.

        It ends at a block whose loss has diverged, and returns that loss.
        """
        total, n_rows = 0.0, 0
        for rows in self.visited(epoch):
            steps = steps_in_memory(self.network, rows, self.settings, self.position)
            loss = steps.epoch(want_loss=True)
            if ran_away(loss, self.position.first_loss):
                return loss
            total, n_rows = total + loss * len(rows), n_rows + len(rows)
        return total / max(n_rows, 1)

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        return measured(self.network, rows, every)

    def first_loss(self) -> float:
        """The loss of the first block, as :func:`fallline.train` measures it."""
        rows = next(self.visited(self.position.epoch))
        return steps_in_memory(self.network, rows, self.settings, self.position).first_loss()

    def loss_and_gradient(self) -> tuple[float, Array]:
        penalty, plain = self.settings.penalty, self.settings._replace(penalty=NO_PENALTY)
        W = self.network.parameters * self.network.is_weight
        total, mass, sum_ = 0.0, 0.0, np.zeros(self.network.n_parameters)
        for rows in self.visited(0):
            steps = steps_in_memory(self.network, rows, plain, self.position)
            loss, gradient = steps.loss_and_gradient()
            share = rows.mass_of()
            total, mass, sum_ = total + share * loss, mass + share, sum_ + share * gradient
        return total / mass + float(penalty.value(W)), sum_ / mass + penalty.slope(W)
