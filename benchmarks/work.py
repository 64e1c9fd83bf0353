"""A piece of training that Fallline and its peers are timed on, and how Fallline does it."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from timing import LIMITS

import fallline as fl

OURS = "Fallline"


@dataclass(frozen=True)
class Work:
    """One network, its data and how it is trained; targets are 0 or 1, or class numbers."""

    X: np.ndarray
    y: np.ndarray
    sizes: tuple[int, ...]
    hidden: str
    loss: str
    optimizer: str  # "adam", or "sgd" with momentum
    learning_rate: float
    batch_size: int
    epochs: int
    momentum: float = 0.0

    def orders(self) -> np.ndarray:
        """The same permutations for everybody, (epochs, n_rows), as fl.train draws them."""
        generator = np.random.default_rng(0)
        if self.batch_size >= len(self.X):
            return np.tile(np.arange(len(self.X)), (1, 1))
        return np.stack([generator.permutation(len(self.X)) for _ in range(self.epochs)])


def by_fallline(work: Work, **more: str) -> Callable[[], float]:
    """A run by ``fl.train``, as a user calls it; it returns the last loss recorded."""
    optimizer = (
        fl.Adam(work.learning_rate)
        if work.optimizer == "adam"
        else fl.GradientDescent(work.learning_rate, momentum=work.momentum)
    )

    def run() -> float:
        net = fl.Network(work.sizes, hidden=work.hidden, loss=work.loss, seed=0, dtype=work.X.dtype)
        history = fl.train(
            net,
            work.X,
            work.y,
            optimizer=optimizer,
            epochs=work.epochs,
            batch_size=work.batch_size,
            record_every=max(1, work.epochs - 1),
            **more,
        )
        return history.loss[-1]

    return run


def pin(threads: int) -> None:
    """Hold this process, and the libraries it will load, to so many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in LIMITS:
        os.environ[name] = str(threads)
