"""Many small networks of one shape, trained in a few compiled calls: no Python between epochs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.dropout import keys_of
from fallline.engine.layout import aligned
from fallline.engine.loop import MOST_DRAWN, PARTS, Loop, driver
from fallline.engine.orders import permutations
from fallline.network import Network
from fallline.penalties import NO_PENALTY, Penalty
from fallline.samples import Samples

__all__ = ["Course", "train_many"]

JOBS_PER_THREAD = 4  # so that threads which are done early find more


@dataclass(frozen=True)
class Course:
    """What a group of runs has in common; the optimisers may differ in their constant rate only."""

    batch_size: int
    epochs: int
    penalty: Penalty = NO_PENALTY
    dropout: float = 0.0


def train_many(
    networks: Sequence[Network],
    rows: Samples,
    optimizers: Sequence[Any],
    seeds: Sequence[int],
    course: Course,
    threads: int,
) -> list[float]:
    """Train each network in place as ``fallline.train`` would with its optimiser and seed.

    All have the architecture of the first. Returns the training loss of each one's last epoch (the
    mean over its batches, each before its update), which is not finite where the run broke off.
    """
    orders = 1 if course.batch_size >= len(rows) else course.epochs
    most = max(1, MOST_DRAWN // max(1, orders * len(rows)))
    size = min(most, max(1, -(-len(networks) // (threads * JOBS_PER_THREAD))))
    jobs = [slice(i, i + size) for i in range(0, len(networks), size)]

    def work(job: slice) -> list[float]:
        return Job(networks[job], rows, optimizers[job], seeds[job], course).run()

    if threads == 1 or len(jobs) == 1:
        return [loss for job in jobs for loss in work(job)]
    driver()  # loaded once, before the threads ask for it
    with ThreadPoolExecutor(threads) as pool:
        return [loss for losses in pool.map(work, jobs) for loss in losses]


class Job:
    """One call's networks, side by side in common arrays."""

    def __init__(
        self,
        networks: Sequence[Network],
        rows: Samples,
        optimizers: Sequence[Any],
        seeds: Sequence[int],
        course: Course,
    ) -> None:
        self.networks, self.rows, self.seeds, self.course = networks, rows, seeds, course
        self.optimizers = optimizers
        first = networks[0]
        state = optimizers[0].start(first.parameters)
        self.loop = Loop(first, rows, optimizers[0], state, course.batch_size, course.penalty)
        size, n = len(self.loop.theta), len(networks)
        self.thetas, self.firsts, self.seconds = (
            aligned(n * size, first.dtype).reshape(n, size) for _ in range(3)
        )
        for theta, network in zip(self.thetas, networks, strict=True):
            theta[: network.n_parameters] = network.parameters

    def run(self) -> list[float]:
        """Train them; the losses of their last epochs."""
        epochs = self.course.epochs
        if epochs == 0:
            return [float("nan")] * len(self.networks)
        if self.loop.full and epochs > 1:  # the loss is wanted of the last epoch only
            self.call(epochs - 1, 0, want_loss=False)
            totals = self.call(1, epochs - 1, want_loss=True)
        else:
            totals = self.call(epochs, 0, want_loss=True)
        for theta, network in zip(self.thetas, self.networks, strict=True):
            network.parameters = theta[: network.n_parameters]
        with np.errstate(invalid="ignore", divide="ignore"):
            means: list[float] = (totals[:, 0] / totals[:, 1]).tolist()
        return means

    def call(self, epochs: int, step: int, *, want_loss: bool) -> Array:
        """``epochs`` of all networks from ``step`` on; (n_networks, 3) sums, masses and steps."""
        loop, rows, n = self.loop, self.rows, len(self.networks)
        steps = epochs * -(-len(rows) // loop.batch_size)
        rates = np.array([optimizer.rate(0) for optimizer in self.optimizers])
        results = np.zeros((n, 3))
        driver()(
            0, 1, np.zeros(1, np.int64),
            self.thetas.ravel(), loop.gradient, self.firsts.ravel(), self.seconds.ravel(),
            loop.is_weight, loop.segment, *PARTS, loop.losses, loop.costs,
            rows.X, rows.Y, loop.weights_of(rows), self.orders(epochs), len(rows),
            loop.batch_size, epochs, loop.one_block, want_loss, 0.0, 0.0,
            loop.code, rates, step, loop.knobs, *loop.strengths, False,
            True, self.course.dropout, self.keys(step, steps), len(loop.network.hidden),
            loop.nothing, loop.rooms[0], loop.layout.plan, n, results.ravel(),
        )  # fmt: skip
        return results

    def orders(self, epochs: int) -> Array:
        """Each network's order of the rows in each epoch, as fallline.train draws it."""
        n_rows = len(self.rows)
        if self.loop.full:
            return np.tile(np.arange(n_rows), len(self.networks))
        generators = [np.random.default_rng(seed) for seed in self.seeds]
        return permutations(generators, n_rows, epochs)

    def keys(self, step: int, steps: int) -> Array:
        """What dropout's masks are drawn from, for every network and step."""
        if self.course.dropout == 0.0:
            return np.zeros(0, np.int64)
        layers = len(self.loop.network.hidden)
        return np.concatenate([keys_of(seed, step, steps, layers).ravel() for seed in self.seeds])
