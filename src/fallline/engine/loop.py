"""The engine's Python side: the arrays of one run, and the call of the compiled driver."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from fallline.arrays import Array
from fallline.engine.codes import ACTIVATIONS, LOSSES, OPTIMIZERS
from fallline.engine.config import drop_stale
from fallline.network import Network
from fallline.optimizers import Adam, AdamW, GradientDescent, RMSProp
from fallline.samples import Samples
from fallline.schedules import Constant

__all__ = ["Loop", "serves"]

SECONDS_PER_CALL = 0.1  # Ctrl-C is heard between calls


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
    they mean in :class:`fallline.steps.Steps`.
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
    ) -> None:
        self.network, self.rows, self.optimizer = network, rows, optimizer
        self.full = batch_size >= len(rows)
        self.batch_size = min(batch_size, len(rows))
        self.l2, self.l2_per_mass = float(l2), l2_per_mass
        self.code, knobs, names = settings_of(optimizer)
        self.knobs = np.array(knobs, dtype=np.float64)
        spare = np.zeros(0, network.dtype)
        self.first, self.second = (state[name] if name else spare for name in names)
        self.is_weight = network.is_weight
        self.gradient = np.zeros_like(network.parameters)
        self.everything = np.arange(len(rows))
        self.seconds_per_step = 0.0
        self._lay_out()

    def _lay_out(self) -> None:
        """Offsets of layers in theta, and room for one batch's Z, A and delta."""
        network, n, dtype = self.network, self.batch_size, self.network.dtype
        sizes = np.array(network.sizes)
        blocks = (sizes[:-1] + 1) * sizes[1:]
        self.sizes = sizes
        self.starts = np.concatenate([[0], np.cumsum(blocks)[:-1]])
        self.codes = np.array([*map(ACTIVATIONS.index, network.hidden), 0])
        room = (n * sizes[1:] + 7) // 8 * 8  # each layer's part is padded to whole vectors
        self.width = np.concatenate([[0], np.cumsum(room)[:-1]])
        rows_room = 0 if self.full else n
        self.X_room = np.empty((rows_room, sizes[0]), dtype)
        self.Y_room = np.empty((rows_room, sizes[-1]), dtype)
        self.shares = np.empty(n, dtype)
        self.rooms = [np.zeros(int(room.sum()), dtype) for _ in range(3)]
        weight = self.rows.weight
        self.weight = np.zeros(0, dtype) if weight is None else weight

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
        with one_blas_thread():
            loss, mass, done = driver()(
                self.network.parameters, self.gradient, self.first, self.second, self.is_weight,
                self.sizes, self.starts, self.codes, LOSSES.index(self.network.loss.name),
                self.rows.X, self.rows.Y, self.weight, order,
                self.batch_size, epochs, not self.full, want_loss,
                self.code, self.rates(step, epochs, len(order)), step, self.knobs,
                self.l2, self.l2_per_mass,
                self.X_room, self.Y_room, self.shares, *self.rooms, self.width,
            )  # fmt: skip
        self.seconds_per_step = (time.perf_counter() - began) / done
        return float(loss), float(mass), int(done)

    def rates(self, step: int, epochs: int, n_rows: int) -> Array:
        """The learning rate of every step of a call; one for all where it is constant."""
        rate = self.optimizer.rate
        if isinstance(rate, Constant):
            return np.array([rate(step)])
        steps = epochs * -(-n_rows // self.batch_size)
        return np.array([rate(step + i) for i in range(steps)])


@cache
def driver() -> Callable[..., tuple[float, float, int]]:
    """The compiled loop, imported at first use."""
    drop_stale()
    from fallline.engine.driver import steps

    return steps


@cache
def blas() -> ThreadpoolController:
    """The BLAS libraries of this process, looked up once."""
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: with more, the bits of some products depend on their number."""
    driver()  # loads the BLAS that the kernels call
    limit: AbstractContextManager[Any] = blas().limit(limits=1, user_api="blas")
    return limit


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
