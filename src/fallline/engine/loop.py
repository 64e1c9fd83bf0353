"""The engine's Python side: the arrays of one run, and the call of the compiled driver."""

import time
from collections.abc import Callable
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.dropout import keys_of
from fallline.core.network import Network
from fallline.core.optimizers import Adam, AdamW, GradientDescent, RMSProp
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.rates import Constant
from fallline.core.samples import AnySamples, CompactSamples
from fallline.engine.codes import OPTIMIZERS
from fallline.engine.functions import missing, needs_compiler
from fallline.engine.layout import BLOCK, MAX_PARTS, ROW, Layout, aligned, padded, part_length
from fallline.engine.library import Function, function, shared, usable
from fallline.engine.lookups import inputs, lookup_space, parameters_of_step, served
from fallline.engine.records import TRAIN, Record
from fallline.engine.threads import free_cores, run_together
from fallline.engine.watch import Watch

__all__ = ["Loop", "computes", "obstacles", "ready", "serves"]

SECONDS_PER_CALL = 0.1  # Ctrl-C is heard between calls
BYTES_OF_FLOPS_PER_SECOND = 4e11  # 100 GFLOP/s in float32, 50 in float64, on a core of 2022
MIN_SECONDS_OF_STEP = 10e-6  # seconds of a step; two barriers take about one millionth
TRY_AGAIN = 16  # calls
EARLY_TRIALS = (2, 5)  # calls after which a slower team is tried again
SECONDS_PER_TRIAL = 0.004
STEPS_PER_TRIAL = 16  # at least: starting a team takes as long as the first step or two
# At most: its start is a quarter of it then. On a busy machine each step may wait a millisecond for
# a thread that does not run, so that 90 steps, 4 ms of 100,000 x 20, took 80.
STEPS_OF_FIRST_TRIAL = 32
MAX_DRAWN = 4_000_000  # rows of orders drawn ahead for one call, 32 MB
MIN_SECONDS_OF_CALL = (
    2e-3  # seconds of a call; starting a thread takes about a tenth of a millisecond
)
SEGMENT = 1024  # theta is cut into at most 8 segments of at least this many numbers


def obstacles(network: Network) -> list[str]:
    """Why the engine cannot compute this network; empty where it can."""
    if not usable():
        return ["code for this processor (there is no library, and Numba is not installed)"]
    return missing(network)


def computes(network: Network) -> bool:
    """Whether the engine has this network's functions."""
    return not obstacles(network)


def ready(network: Network) -> bool:
    """Whether a first call need not wait, because code for this network was made ahead of time."""
    return shared() is not None and not needs_compiler(network)


def serves(network: Network, optimizer: Any) -> bool:
    """Whether the engine takes the steps of this optimiser too, with this network's functions."""
    return computes(network) and type(optimizer) in (GradientDescent, RMSProp, Adam, AdamW)


class Loop:
    """One run in the compiled engine: same batches, same order as the reference, same numbers.

    ``state`` is the optimiser's state by name, updated in place; ``epoch`` and ``epochs`` mean what
    they mean in :class:`fallline.training.steps.Steps`. ``threads`` is the maximum number of
    threads; the bits do not depend on it. One that never ``learns`` only measures.
    """

    def __init__(
        self,
        network: Network,
        rows: AnySamples,
        optimizer: Any,
        state: dict[str, Array],
        batch_size: int,
        penalty: Penalty = NO_PENALTY,
        *,
        penalty_per_mass: bool = False,
        dropout: float = 0.0,
        seed: int = 0,
        threads: int = 1,
        learns: bool = True,
    ) -> None:
        rows = served(network, rows)
        self.network, self.rows, self.optimizer = network, rows, optimizer
        self.full = batch_size >= len(rows)
        self.batch_size = min(batch_size, len(rows))
        self.penalty, self.penalty_per_mass = penalty, penalty_per_mass
        self.dropout, self.seed = float(dropout), seed
        code, hyperparameters, names = settings_of(optimizer)
        self.states = [state[name] for name in names if name]
        self.everything = np.arange(len(rows))
        self.pace: dict[int, float] = {}  # seconds a step, by size of the team
        self.calls, self.team_now = 0, 1
        self.threads = min(threads, MAX_PARTS)
        self._lay_out()
        if learns:
            self._lay_out_steps([bool(name) for name in names])
        self.record.set(
            batch_size=self.batch_size, one_block=self.one_block, optimizer=code,
            hyperparameters=hyperparameters, l2=penalty.l2, l1=penalty.l1,
            penalty_per_mass=penalty_per_mass, learn=True, dropout=self.dropout,
            n_hidden=len(network.hidden),
        )  # fmt: skip

    def _lay_out(self) -> None:
        """A padded copy of theta, each thread's workspace, and the record."""
        network, dtype = self.network, self.network.dtype
        length = part_length(self.batch_size)
        self.layout = Layout(network, min(length, BLOCK))
        self.one_block = self.full and len(self.rows) <= self.layout.samples
        self.n_threads = min(self.threads, -(-self.batch_size // length))
        self.seconds_of_step = self.seconds_of_products(self.batch_size)
        if self.seconds_of_step < MIN_SECONDS_OF_STEP:
            self.n_threads = 1
        self.workspaces: list[Array] = []
        self.spaces: list[Array | None] = []
        self.make_room(1)
        size = padded(network.n_parameters, dtype)
        segment = max(SEGMENT, -(-size // (8 * SEGMENT)) * SEGMENT)
        self.theta, self.barrier = aligned(size, dtype), np.zeros(1, np.int64)
        self.results = np.zeros(3)
        self.record = Record(
            TRAIN, dtype, theta=self.theta, size=size, segment=segment, losses=np.zeros(MAX_PARTS),
            costs=np.zeros(-(-size // segment)), plan=self.layout.plan, n_runs=1,
            barrier=self.barrier, results=self.results, thread=0, workspace=self.workspaces[0],
            every=0,
        )  # fmt: skip

    def _lay_out_steps(self, kept: list[bool]) -> None:
        """Padded copies of the state, the gradient, and the places of the best parameters."""
        network, dtype = self.network, self.network.dtype
        size = len(self.theta)
        self.best, is_weight, first, second = (aligned(size, dtype) for _ in range(4))
        is_weight[: network.n_parameters] = network.is_weight
        self.kept = [twin for twin, keep in zip((first, second), kept, strict=True) if keep]
        self.gradient = aligned(size * (MAX_PARTS if self.n_threads > 1 else 2), dtype)
        self.record.set(
            gradient=self.gradient, first=first, second=second, is_weight=is_weight,
            before=aligned(size, dtype), best=self.best,
        )  # fmt: skip

    def make_room(self, n_threads: int) -> None:
        """A workspace for each thread of a team, made when it first takes part."""
        for _ in range(len(self.workspaces), n_threads):
            self.workspaces.append(self.layout.workspace())
            space = None
            if isinstance(self.rows, CompactSamples):
                samples, network = int(self.layout.plan[ROW]), self.network
                space = lookup_space(self.rows.X.map, network.sizes[1], samples, network.dtype)
            self.spaces.append(space)

    def seconds_of_products(self, n_rows: int) -> float:
        """Roughly how long one thread takes for the matrix products of one step."""
        flops = 6.0 * parameters_of_step(self.network, self.rows) * n_rows
        return flops * self.network.dtype.itemsize / BYTES_OF_FLOPS_PER_SECOND

    def epoch(self, order: Array | None, step: int, *, want_loss: bool) -> tuple[float, int]:
        """One pass over the rows in ``order`` (None: as they are); the loss and the steps taken."""
        # As int64, since the loop would be compiled again for any other type.
        order = self.everything if order is None else np.asarray(order, np.int64)
        total, mass, taken, begin = 0.0, 0.0, 0, 0
        while begin < len(order):
            rows = self.piece(-(-(len(order) - begin) // self.batch_size)) * self.batch_size
            piece, before = order[begin : begin + rows], (total, mass)
            total, mass, done = self.call(piece, step + taken, 1, want_loss, before)
            taken += done
            if not np.isfinite(total):
                return total, taken
            begin += rows
        return (total / mass if mass > 0 else 0.0), taken

    def epochs(
        self, count: int, step: int, draw: Callable[[int], Array] | None = None
    ) -> tuple[float, int]:
        """``count`` passes without records, in orders that ``draw`` joins; the steps taken.

        Without ``draw`` the batch is full. At a batch whose loss is not finite it ends early; that
        loss, else 0, comes before the steps.
        """
        taken = done = 0
        while done < count:
            total, now, steps = self.stretch(count - done, step + taken, draw)
            taken, done = taken + steps, done + now
            if not np.isfinite(total):
                return total, taken
        return 0.0, taken

    def stretch(
        self,
        count: int,
        step: int,
        draw: Callable[[int], Array] | None = None,
        watch: Watch | None = None,
    ) -> tuple[float, int, int]:
        """Like ``epochs``, but it returns often enough for Ctrl-C; the epochs before the steps.

        The losses that ``watch`` needs are recorded, and may end the stretch.
        """
        per_epoch = self.steps_per_epoch
        now = max(1, self.piece(count * per_epoch) // per_epoch)
        if draw is None:
            order = self.everything
        else:
            now = max(1, min(now, MAX_DRAWN // len(self.rows)))
            order = draw(now)
        total, _, steps = self.call(order, step, now, draw is not None, watch=watch)
        return total, -(-steps // per_epoch), steps

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def seconds_of_epoch(self) -> float:
        """Roughly how long an epoch takes: measured, or at first estimated by its products."""
        seconds = min(self.pace.values(), default=self.seconds_of_step)
        return self.steps_per_epoch * seconds

    def piece(self, steps: int) -> int:
        """How many of these steps to take before returning to Python, for Ctrl-C."""
        if not self.pace:
            return min(steps, max(4, min(20, int(SECONDS_PER_TRIAL / self.seconds_of_step))))
        trial, first = self.choose_team(steps), self.n_threads not in self.pace
        if trial and first:
            steps = min(steps, STEPS_OF_FIRST_TRIAL)
        seconds = SECONDS_PER_TRIAL if trial else SECONDS_PER_CALL
        minimum = STEPS_PER_TRIAL if trial and self.team_now > 1 else 1
        return min(steps, max(minimum, int(seconds / min(self.pace.values()))))

    def choose_team(self, steps: int) -> bool:
        """One thread or all, whichever was faster recently; returns whether this call is a trial.

        A team is slower if other programs use the cores too, because its threads then wait for each
        other. The bits are the same, so the choice may change from call to call; the slower one is
        tried again from time to time.
        """
        self.team_now = 1
        if self.n_threads == 1 or steps * self.pace[1] < MIN_SECONDS_OF_CALL:
            return False
        if self.n_threads not in self.pace:
            self.team_now = self.n_threads
            return True
        self.calls += 1
        quicker, slower = sorted(self.pace, key=self.pace.__getitem__)
        early = quicker == 1 and self.calls in EARLY_TRIALS
        again = early or self.calls % TRY_AGAIN == 0
        self.team_now = slower if again else quicker
        return again

    def call(
        self,
        order: Array,
        step: int,
        epochs: int,
        want_loss: bool,
        before: tuple[float, float] = (0.0, 0.0),
        watch: Watch | None = None,
    ) -> tuple[float, float, int]:
        """Whole steps over ``order``: the sum of the losses, their mass, and the steps taken.

        ``before``: sum and mass of the same epoch's earlier calls. So where an epoch is cut into
        calls, which is a matter of time, does not change the last bits of its loss.
        """
        began = time.perf_counter()
        n = self.network.n_parameters
        self.theta[:n] = self.network.parameters
        for twin, values in zip(self.kept, self.states, strict=True):
            twin[:n] = values
        n_rows = min(len(order), len(self.rows))
        steps = epochs * -(-n_rows // self.batch_size)
        n_threads, rates = self.team_now, rates_of(self.optimizer, step, steps)
        self.record.set(
            n_rows=n_rows, epochs=epochs, want_loss=want_loss, sum_before=before[0],
            mass_before=before[1], rates=rates, n_rates=len(rates), step=step,
            keys=self.keys(step, steps), every=0,
        )  # fmt: skip
        if watch is not None:
            watch.into(self.record, epochs)
        total, mass, done = self.together(self.record, n_threads, self.rows, order)
        self.network.parameters[:] = self.theta[:n]
        for twin, values in zip(self.kept, self.states, strict=True):
            values[:] = twin[:n]
        self.pace[n_threads] = (time.perf_counter() - began) / done
        if watch is not None:
            watch.out_of(self.record, -(-done // self.steps_per_epoch), self.best[:n])
        return total, mass, done

    def measure(self, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
        """The loss of every such sample at the network's parameters, and their logits."""
        rows = self.alike(rows)
        order = np.arange(0, len(rows), every)
        self.theta[: self.network.n_parameters] = self.network.parameters
        logits = np.empty((len(order), self.network.sizes[-1]), self.network.dtype)
        worth = self.seconds_of_products(len(order)) > MIN_SECONDS_OF_CALL
        record = self.measuring
        record.set(n_rows=len(order), batch_size=len(order), logits=logits)
        total, mass, _ = self.together(record, self.threads if worth else 1, rows, order)
        return total / mass if mass > 0 else 0.0, logits

    def alike(self, rows: AnySamples) -> AnySamples:
        """Other rows, compact if the run's rows are: there is no workspace for another map."""
        if not isinstance(self.rows, CompactSamples) or not isinstance(rows, CompactSamples):
            return rows.dense
        return rows if rows.X.map == self.rows.X.map else rows.dense

    @cached_property
    def measuring(self) -> Record:
        """The record of a call that measures."""
        return self.record.copy(
            epochs=1, one_block=False, want_loss=True, sum_before=0.0, mass_before=0.0,
            rates=np.zeros(1), n_rates=1, l2=0.0, l1=0.0, learn=False, dropout=0.0, every=0,
        )  # fmt: skip

    @cached_property
    def run(self) -> Function:
        """The compiled loop."""
        return function("train", self.network.dtype)

    def call_record(self, record: Record) -> None:
        """One thread's part of a call; the record lives at least as long."""
        self.run(record.address)

    def together(
        self, record: Record, n_threads: int, rows: AnySamples, orders: Array
    ) -> tuple[float, float, int]:
        """The call of a record by up to ``threads`` threads: sum of losses, mass, and steps."""
        record.set(
            **inputs(rows), Y=rows.Y, weight=rows.weight, orders=orders, n_order=len(orders),
            lookup_space=self.spaces[0],
        )  # fmt: skip
        self.barrier[0] = 0
        with free_cores(n_threads) as count:
            self.make_room(count)
            record.set(n_threads=count)
            team = [
                record.copy(
                    thread=thread,
                    workspace=self.workspaces[thread],
                    lookup_space=self.spaces[thread],
                )
                for thread in range(count if count > 1 else 0)
            ]
            if not (team and run_together([partial(self.call_record, each) for each in team])):
                record.set(n_threads=1)
                self.run(record.address)
        total, mass, done = self.results.tolist()
        return total, mass, int(done)

    def drop(self, rate: float, seed: int) -> None:
        """From now on use dropout with this ``rate``, by masks from ``seed``."""
        self.dropout, self.seed = rate, seed
        self.record.set(dropout=rate)

    def keys(self, step: int, steps: int) -> Array | None:
        """The keys from which dropout's masks are drawn, for every step of a call."""
        if self.dropout == 0.0:
            return None
        return keys_of(self.seed, step, steps, len(self.network.hidden))


@lru_cache(256)
def constant_rate(rate: float) -> Array:
    """One rate for all steps; the same array each time, whose address a record knows already."""
    return np.array([rate])


def rates_of(optimizer: Any, step: int, steps: int) -> Array:
    """The learning rates of ``steps`` steps from ``step`` on; one for all if it is constant."""
    rate = optimizer.rate
    if steps == 1 or isinstance(rate, Constant):
        return constant_rate(rate(step))
    return np.array([rate(step + i) for i in range(steps)])


def settings_of(optimizer: Any) -> tuple[int, Array, tuple[str, str]]:
    """The optimiser's number, its hyperparameters, and its two state vectors' names or ""."""
    if isinstance(optimizer, GradientDescent):
        plain = optimizer.momentum == 0
        name = "descent" if plain else "nesterov" if optimizer.nesterov else "momentum"
        hyperparameters, names = [optimizer.momentum], ("" if plain else "velocity", "")
    elif isinstance(optimizer, RMSProp):
        name = "rmsprop"
        hyperparameters, names = [optimizer.decay, optimizer.epsilon], ("", "mean_square")
    else:
        decay = optimizer.weight_decay if isinstance(optimizer, AdamW) else 0.0
        name = "adamw" if isinstance(optimizer, AdamW) else "adam"
        hat = float(optimizer.epsilon_hat)
        hyperparameters = [optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, decay, hat]
        names = ("mean", "mean_square")
    return OPTIMIZERS.index(name), np.array((hyperparameters + [0.0] * 5)[:5]), names
