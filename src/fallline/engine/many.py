"""Many small networks of one shape, trained in a few compiled calls: no Python between epochs.

Networks of few parameters are interleaved, one in each SIMD lane (kernels.interleaved); others one
after the other through the usual loop. Either way each ends with the bits of ``fallline.train``.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.core.dropout import keys_of
from fallline.core.network import Network
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.rates import Constant
from fallline.core.samples import Samples
from fallline.engine import library
from fallline.engine.functions import activation_codes, loss_code
from fallline.engine.layout import MAX_PARTS, MIN_ROWS, aligned, lanes, padded
from fallline.engine.library import function, loaded
from fallline.engine.loop import MAX_DRAWN, Loop, rates_of, settings_of
from fallline.engine.orders import permutations
from fallline.engine.records import INTERLEAVE, Record
from fallline.engine.threads import free_cores, run_together

__all__ = ["Course", "train_many"]

JOBS_PER_THREAD = 4  # so that threads that finish early find more
MAX_INTERLEAVED = (
    1024  # parameters; with more, the products of one network fill the vectors well enough
)
MAX_OPERATIONS = 1e10  # operations, half a second; compiling takes ten


class Course(NamedTuple):
    """What a group of runs has in common; the optimisers may differ only in their rate."""

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
    mean over its batches, each before its update), which is not finite if the run ended early.
    """
    constant = all(isinstance(optimizer.rate, Constant) for optimizer in optimizers)
    kind: type[Job] | type[Interleaved] = Job
    if constant and goes_interleaved(networks, rows, course):
        kind = Interleaved
    size = kind.networks_at_once(len(networks), rows, course, threads)
    jobs = [slice(i, i + size) for i in range(0, len(networks), size)]

    def work(job: slice) -> list[float]:
        return kind(networks[job], rows, optimizers[job], seeds[job], course).run()

    function(kind.kernel, rows.X.dtype)  # made once, before the threads ask for it
    return [loss for losses in shared_out(work, jobs, threads) for loss in losses]


def shared_out(
    work: Callable[[slice], list[float]], jobs: list[slice], threads: int
) -> list[list[float]]:
    """``work`` of every job, by as many threads as there are free cores."""
    left = deque(enumerate(jobs))
    results: list[list[float]] = [[] for _ in jobs]

    def share() -> None:
        while left:
            try:
                number, job = left.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                results[number] = work(job)
            except BaseException:  # the others end with their current jobs
                left.clear()
                raise

    with free_cores(min(threads, len(jobs))) as count:
        helped = count > 1 and run_together([share] * (count - 1), left.clear, meanwhile=share)
        if not helped:
            share()
    return results


def goes_interleaved(networks: Sequence[Network], rows: Samples, course: Course) -> bool:
    """Whether the networks are interleaved: if that is possible, and pays by measurement."""
    first = networks[0]
    return (
        first.n_parameters <= MAX_INTERLEAVED
        and (2 * len(networks) >= lanes(first.dtype) or spares_loading(first, rows, course))
        and min(course.batch_size, len(rows)) <= MAX_PARTS * MIN_ROWS
        and rows.weight is None
        and course.dropout == 0.0
        and rows.X.size <= MAX_DRAWN
    )


def spares_loading(network: Network, rows: Samples, course: Course) -> bool:
    """Whether idle lanes cost less than loading or compiling the usual loop.

    So a sweep that trains its best network again does not wait for that.
    """
    flops = 6.0 * network.n_parameters * len(rows) * course.epochs * lanes(network.dtype)
    jit = library.shared() is None
    return jit and loaded("interleave") and not loaded("train") and flops < MAX_OPERATIONS


class Job:
    """One call's networks, one after the other in common arrays."""

    kernel = "train"

    @staticmethod
    def networks_at_once(count: int, rows: Samples, course: Course, threads: int) -> int:
        """Networks in a job: the orders must fit in memory, and each thread needs jobs."""
        orders = 1 if course.batch_size >= len(rows) else course.epochs
        maximum = max(1, MAX_DRAWN // max(1, orders * len(rows)))
        return min(maximum, max(1, -(-count // (threads * JOBS_PER_THREAD))))

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
        state = optimizers[0].init(first.parameters)
        self.loop = Loop(first, rows, optimizers[0], state, course.batch_size, course.penalty)
        size, n = len(self.loop.theta), len(networks)
        self.thetas, firsts, seconds = (
            aligned(n * size, first.dtype).reshape(n, size) for _ in range(3)
        )
        self.loop.record.set(
            theta=self.thetas, first=firsts, second=seconds, n_runs=n, dropout=course.dropout
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
        rates = np.concatenate([rates_of(each, step, steps) for each in self.optimizers])
        orders, keys, results = self.orders(epochs), self.keys(step, steps), np.zeros((n, 3))
        loop.record.set(
            thread=0, n_threads=1, barrier=np.zeros(1, np.int64), X=rows.X, Y=rows.Y,
            weight=rows.weight, orders=orders, n_order=len(orders) // n, n_rows=len(rows),
            epochs=epochs, want_loss=want_loss, rates=rates, n_rates=len(rates) // n, step=step,
            keys=keys, n_keys=0 if keys is None else len(keys) // n, workspace=loop.workspaces[0],
            results=results,
        )  # fmt: skip
        loop.run(loop.record.address)
        return results

    def orders(self, epochs: int) -> Array:
        """Each network's order of the rows in each epoch, as fallline.train draws it."""
        n_rows = len(self.rows)
        if self.loop.full:
            return np.tile(np.arange(n_rows), len(self.networks))
        generators = [np.random.default_rng(seed) for seed in self.seeds]
        return permutations(generators, n_rows, epochs)

    def keys(self, step: int, steps: int) -> Array | None:
        """The keys from which dropout's masks are drawn, for every network and step."""
        if self.course.dropout == 0.0:
            return None
        layers = len(self.loop.network.hidden)
        return np.concatenate([keys_of(seed, step, steps, layers).ravel() for seed in self.seeds])


class Interleaved:
    """One call's networks, one in each lane; lanes that are left over repeat the last network."""

    kernel = "interleave"

    @staticmethod
    def networks_at_once(count: int, rows: Samples, course: Course, threads: int) -> int:
        """A vector's lanes."""
        return lanes(rows.X.dtype)

    def __init__(
        self,
        networks: Sequence[Network],
        rows: Samples,
        optimizers: Sequence[Any],
        seeds: Sequence[int],
        course: Course,
    ) -> None:
        self.networks, self.rows, self.course = networks, rows, course
        first = networks[0]
        self.lanes = lanes(first.dtype)
        self.batch_size = min(course.batch_size, len(rows))
        self.full = self.batch_size == len(rows)
        self.lane_of = [min(lane, len(networks) - 1) for lane in range(self.lanes)]
        self.generators = [np.random.default_rng(seeds[i]) for i in self.lane_of]
        rates = np.array([float(optimizers[i].rate(0)) for i in self.lane_of])
        self._lay_out(first)
        code, hyperparameters, _ = settings_of(optimizers[0])
        self.record.set(
            optimizer=code, hyperparameters=hyperparameters, rates=rates, l2=course.penalty.l2,
            l1=course.penalty.l1, n_rows=len(rows), batch_size=self.batch_size,
        )  # fmt: skip

    def _lay_out(self, first: Network) -> None:
        n, L, dtype = first.n_parameters, self.lanes, first.dtype
        self.theta, state_1, state_2, is_weight = (aligned(n * L, dtype) for _ in range(4))
        by_lane = [self.networks[i].parameters for i in self.lane_of]
        self.theta.reshape(n, L)[:] = np.stack(by_lane, axis=1)
        is_weight.reshape(n, L)[:] = first.is_weight[:, None]
        X, Y = self.rows.X, self.rows.Y
        columns = X.shape[1] + Y.shape[1]
        wide = padded(columns, dtype)
        XY = np.zeros((len(X), wide), dtype)
        XY[:, :columns] = np.hstack([X, Y])
        shares = np.zeros(self.batch_size + 1, dtype)
        shares[1:] = 1.0 / np.arange(1, self.batch_size + 1)
        plan, length = plan_interleaved(first)
        self.record = Record(
            INTERLEAVE, dtype, theta=self.theta, gradient=aligned(2 * n * L, dtype), first=state_1,
            second=state_2, is_weight=is_weight, size=n * L, workspace=aligned(length, dtype),
            plan=plan, n_layers=len(first.layers), loss=loss_code(first.loss, dtype), XY=XY,
            n_columns=wide, shares=shares, losses=np.zeros((6 + 3 * L) * L),
        )  # fmt: skip

    def run(self) -> list[float]:
        """Train them; the losses of their last epochs."""
        epochs = self.course.epochs
        if epochs == 0:
            return [float("nan")] * len(self.networks)
        at_once = max(1, MAX_DRAWN // (self.lanes * len(self.rows)))
        results = np.zeros((2, self.lanes))
        done = 0
        while done < epochs:  # the loss of all rows is wanted of the last epoch only
            left = epochs - done
            now = min(at_once, left - 1 if self.full and left > 1 else left)
            self.call(now, done, results, want_loss=not self.full or left == now)
            done += now
        n = self.networks[0].n_parameters
        for lane, network in enumerate(self.networks):
            network.parameters = self.theta.reshape(n, self.lanes)[:, lane]
        means = np.where(results[1] > 0, np.nan, results[0] / len(self.rows))
        losses: list[float] = means[: len(self.networks)].tolist()
        return losses

    def call(self, epochs: int, done: int, results: Array, *, want_loss: bool) -> None:
        """``epochs`` more of all networks, after ``done`` of them."""
        n_rows, orders = len(self.rows), None
        if not self.full:
            orders = permutations(self.generators, n_rows, epochs)
        per_epoch = -(-n_rows // self.batch_size)
        self.record.set(orders=orders, n_order=epochs * n_rows, epochs=epochs, want_loss=want_loss,
                        step=done * per_epoch, results=results)  # fmt: skip
        function("interleave", self.theta.dtype)(self.record.address)


def plan_interleaved(network: Network) -> tuple[Array, int]:
    """The layout of the workspace of kernels.interleaved, and its length."""
    L, dtype, sizes = lanes(network.dtype), network.dtype, network.sizes
    codes = [*activation_codes(network), 0]
    end = 0

    def take(vectors: int) -> int:
        nonlocal end
        end += vectors * L
        return end - vectors * L

    A = [take(L * size) for size in (padded(sizes[0] + sizes[-1], dtype), *sizes[1:])]
    plan, start = [], 0
    for l, (n_in, n_out) in enumerate(pairwise(sizes)):
        S, D = take(L * n_out), take(L * n_out)
        P = take(L * (n_in + 1) * n_out) if 2 * n_out < L else 0
        plan += [n_in, n_out, codes[l], start * L, A[l], A[l + 1], S, D, P]
        start += (n_in + 1) * n_out
    return np.array(plan, np.int64), end
