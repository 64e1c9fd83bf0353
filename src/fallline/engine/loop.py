"""The engine's Python side: the arrays of one run, and the call of the compiled driver."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.engine.codes import ACTIVATIONS, LOSSES, OPTIMIZERS
from fallline.engine.config import drop_stale
from fallline.engine.layout import BLOCK, Layout, aligned, padded
from fallline.network import Network
from fallline.optimizers import Adam, AdamW, GradientDescent, RMSProp
from fallline.samples import Samples
from fallline.schedules import Constant

__all__ = ["Loop", "serves"]

SECONDS_PER_CALL = 0.1  # Ctrl-C is heard between calls
PARTS = (8, 64)  # a batch is cut into at most 8 parts of at least 64 rows
SEGMENT = 1024  # theta is cut into at most 8 segments of at least this many numbers


def serves(network: Network, optimizer: Any) -> bool:
    """Whether the engine has this network's functions and this optimiser."""
    return (
        all(name in ACTIVATIONS for name in network.hidden)
        and network.loss.name in LOSSES
        and type(optimizer) in (GradientDescent, RMSProp, Adam, AdamW)
    )


class Loop:
    """One run in the compiled engine: same batches, same order as the reference, same numbers.

    ``state`` is the optimiser's state by name, updated in place; ``epoch`` and ``epochs`` mean what
    they mean in :class:`fallline.steps.Steps`. ``threads`` is the most that may work at once; the
    bits do not depend on it.
    """

    def __init__(
        self,
        network: Network,
        rows: Samples,
        optimizer: Any,
        state: dict[str, Array],
        batch_size: int,
        l2: float,
        *,
        l2_per_mass: bool = False,
        threads: int = 1,
    ) -> None:
        self.network, self.rows, self.optimizer = network, rows, optimizer
        self.full = batch_size >= len(rows)
        self.batch_size = min(batch_size, len(rows))
        self.l2, self.l2_per_mass = float(l2), l2_per_mass
        self.code, knobs, names = settings_of(optimizer)
        self.knobs = np.array([*knobs, 0.0, 0.0, 0.0, 0.0, 0.0])
        self.states = [state[name] for name in names if name]
        self.everything = np.arange(len(rows))
        self.seconds_per_step = 0.0
        self.threads = threads
        self._lay_out([bool(name) for name in names])

    def _lay_out(self, kept: list[bool]) -> None:
        """Padded twins of theta, the state and the gradient, and each thread's room."""
        network, dtype = self.network, self.network.dtype
        length = part_length(self.batch_size, *PARTS)
        layout = Layout(network, min(length, BLOCK))
        self.plan, self.one_block = layout.plan, self.full and len(self.rows) <= BLOCK // 2
        self.crew = min(self.threads, -(-self.batch_size // length))
        self.rooms = [layout.room() for _ in range(self.crew)]
        size = padded(network.n_parameters, dtype)
        self.theta, self.is_weight, *self.twins = (aligned(size, dtype) for _ in range(4))
        self.is_weight[: network.n_parameters] = network.is_weight
        self.first, self.second = self.twins
        self.kept = [twin for twin, keep in zip(self.twins, kept, strict=True) if keep]
        self.gradient = aligned(size * (PARTS[0] if self.crew > 1 else 1), dtype)
        self.segment = max(SEGMENT, -(-size // (8 * SEGMENT)) * SEGMENT)
        self.losses, self.squares = np.zeros(PARTS[0]), np.zeros(-(-size // self.segment))
        weight = self.rows.weight
        self.weight = np.zeros(0, dtype) if weight is None else weight
        self.X, self.Y = (np.ascontiguousarray(each) for each in (self.rows.X, self.rows.Y))

    def epoch(self, order: Array | None, step: int, *, want_loss: bool) -> tuple[float, int]:
        """One pass over the rows in ``order`` (None: as they are); the loss and the steps taken."""
        order = self.everything if order is None else order
        total, mass, taken, begin = 0.0, 0.0, 0, 0
        while begin < len(order):
            rows = self.piece(-(-(len(order) - begin) // self.batch_size)) * self.batch_size
            loss, part, done = self.call(order[begin : begin + rows], step + taken, 1, want_loss)
            taken += done
            if want_loss and not np.isfinite(loss):
                return loss, taken
            total, mass, begin = total + part * loss, mass + part, begin + rows
        return (total / mass if want_loss else 0.0), taken

    def epochs(self, count: int, step: int) -> int:
        """``count`` full-batch passes that nobody looks at; returns the steps taken."""
        taken = 0
        while taken < count:
            taken += self.call(self.everything, step + taken, self.piece(count - taken), False)[2]
        return taken

    def piece(self, steps: int) -> int:
        """How many of these steps to take before Python, and Ctrl-C, are heard again."""
        if self.seconds_per_step == 0.0:
            return min(steps, 20)
        return min(steps, max(1, int(SECONDS_PER_CALL / self.seconds_per_step)))

    def call(
        self, order: Array, step: int, epochs: int, want_loss: bool
    ) -> tuple[float, float, int]:
        began = time.perf_counter()
        n = self.network.n_parameters
        self.theta[:n] = self.network.parameters
        for twin, values in zip(self.kept, self.states, strict=True):
            twin[:n] = values
        common = (
            self.theta, self.gradient, self.first, self.second, self.is_weight,
            self.segment, *PARTS, self.losses, self.squares,
            self.X, self.Y, self.weight, order, self.batch_size, epochs, self.one_block, want_loss,
            self.code, self.rates(step, epochs, len(order)), step, self.knobs,
            self.l2, self.l2_per_mass,
        )  # fmt: skip
        loss, mass, done = self.together(common)
        self.network.parameters[:] = self.theta[:n]
        for twin, values in zip(self.kept, self.states, strict=True):
            values[:] = twin[:n]
        self.seconds_per_step = (time.perf_counter() - began) / done
        return float(loss), float(mass), int(done)

    def together(self, common: tuple[Any, ...]) -> tuple[float, float, int]:
        """The compiled loop, by every thread of the crew."""
        run, counter, crew = driver(), np.zeros(1, np.int64), self.crew

        def work(me: int) -> tuple[float, float, int]:
            result: tuple[float, float, int] = run(
                me, crew, counter, *common, self.rooms[me], self.plan
            )
            return result

        if crew == 1:
            return work(0)
        with ThreadPoolExecutor(crew - 1) as pool:
            for me in range(1, crew):
                pool.submit(work, me)
            return work(0)

    def rates(self, step: int, epochs: int, n_rows: int) -> Array:
        """The learning rate of every step of a call; one for all where it is constant."""
        rate = self.optimizer.rate
        if isinstance(rate, Constant):
            return np.array([rate(step)])
        steps = epochs * -(-n_rows // self.batch_size)
        return np.array([rate(step + i) for i in range(steps)])


@cache
def driver() -> Any:
    """The compiled loop, imported at first use."""
    drop_stale()
    from fallline.engine.driver import steps

    return steps


def part_length(n: int, most_parts: int, least_rows: int) -> int:
    """As engine.driver.part_length."""
    length = -(-n // most_parts)
    return -(-length // least_rows) * least_rows


def settings_of(optimizer: Any) -> tuple[int, list[float], tuple[str, str]]:
    """The optimiser's number, its knobs, and the names of its two state vectors ("" for none)."""
    if isinstance(optimizer, GradientDescent):
        plain = optimizer.momentum == 0
        name = "descent" if plain else "nesterov" if optimizer.nesterov else "momentum"
        knobs, names = [optimizer.momentum], ("" if plain else "velocity", "")
    elif isinstance(optimizer, RMSProp):
        name = "rmsprop"
        knobs, names = [optimizer.decay, optimizer.epsilon], ("", "mean_square")
    else:
        decay = optimizer.weight_decay if isinstance(optimizer, AdamW) else 0.0
        name = "adamw" if isinstance(optimizer, AdamW) else "adam"
        hat = float(optimizer.epsilon_hat)
        knobs = [optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, decay, hat]
        names = ("mean", "mean_square")
    return OPTIMIZERS.index(name), knobs, names
