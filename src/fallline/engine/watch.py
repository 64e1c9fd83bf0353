"""Epochs whose losses the engine records by itself, without returning to Python."""

import weakref
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.engine.records import Record

__all__ = ["Watch"]

# Memory is new to a process page by page, which takes 65 us for 20,000 losses. So that of a history
# which is dropped is kept for the next.
KEPT_FROM, KEPT_TO = 2_000, 100_000  # losses
MAX_KEPT = 4
kept: list[Array] = []
NONE = np.empty(0)


def room(count: int) -> Array:
    """An array for so many losses, in memory that was used before if there is such."""
    if not KEPT_FROM <= count <= KEPT_TO:
        return np.empty(count)
    try:
        memory = kept.pop()
    except IndexError:
        memory = np.empty(0)
    if len(memory) < count:
        memory = np.empty(count)
    # by a memoryview: what is cut out of ``losses`` then keeps ``losses``, and not ``memory`` alone
    losses = np.frombuffer(memory.data, count=count)
    weakref.finalize(losses, keep, memory).atexit = False
    return losses


def keep(memory: Array) -> None:
    """Keep memory that nobody looks at any more."""
    if len(kept) < MAX_KEPT:
        kept.append(memory)


class Watch:
    """What to record in a stretch of epochs from ``epoch`` on, and what was recorded.

    ``losses`` are those of the epochs ``recorded``, whose number ``every`` divides; the engine ends
    at one that is not below ``limit``. ``best`` are the parameters before the epoch ``best_epoch``,
    where a loss was below ``lowest``; else None. ``epoch`` moves on to the first that is not done.
    """

    def __init__(self, epoch: int, every: int, limit: float, lowest: float) -> None:
        self.first = self.epoch = epoch
        self.every, self.limit, self.lowest = every, limit, lowest
        self.recorded, self.losses = range(0), NONE
        self.best: Array | None = None
        self.best_epoch, self.steps_per_epoch = -1, 1

    def numbers(self, count: int) -> range:
        """Which of the next ``count`` epochs are recorded."""
        first = -(-self.epoch // self.every) * self.every
        return range(first, self.epoch + count, self.every)

    def last_steps(self, step: int) -> range:
        """The number of the last step of each recorded epoch; the stretch began at ``step``."""
        per_epoch, numbers = self.steps_per_epoch, self.recorded
        first = step + (numbers.start - self.first + 1) * per_epoch - 1
        apart = self.every * per_epoch
        return range(first, first + len(numbers) * apart, apart)

    def into(self, record: Record, count: int) -> None:
        """Request it in the next call, of ``count`` epochs."""
        record.set(
            every=self.every, first_epoch=self.epoch, limit=self.limit,
            recorded=room(len(self.numbers(count)) + 1),
            lowest=np.array([self.lowest, -1.0, 0.0]),
        )  # fmt: skip

    def out_of(self, record: Record, count: int, best: Array) -> int:
        """Read what the call has recorded; returns how many of its epochs were run."""
        recorded: Any = record.arrays["recorded"]
        lowest, best_epoch, n_recorded = record.arrays["lowest"].tolist()  # type: ignore[union-attr]
        self.losses = recorded[: int(n_recorded)]
        self.recorded = self.numbers(count)[: len(self.losses)]
        if lowest < self.lowest:
            self.lowest, self.best_epoch, self.best = lowest, int(best_epoch), best.copy()
        done = self.recorded[-1] + 1 - self.epoch if self.ran_away() else count
        self.epoch += done
        return done

    def ran_away(self) -> bool:
        """Whether the last recorded loss is not below the limit."""
        return len(self.losses) > 0 and not self.losses[-1] < self.limit
