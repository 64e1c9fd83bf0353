"""A piece of training that Fallline and its peers are timed on, and how Fallline does it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import fallline as fl

OURS = "Fallline, compiled"


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


def by_fallline(work: Work, threads: int, engine: str = "compiled") -> Callable[[], float]:
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
            engine=engine,
            threads=threads,
        )
        return history.loss[-1]

    return run


def pin(threads: int) -> None:
    """Hold this process, and the libraries it will load, to so many cores."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        os.sched_setaffinity(0, cores)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def threads_here(max_threads: int) -> int | None:
    """The number of threads that this process is held to, before any library is loaded.

    Without an argument the script is run again, in a process for each number; then None.
    """
    if len(sys.argv) == 1 and max_threads > 1:
        for threads in range(1, max_threads + 1):
            subprocess.run([sys.executable, sys.argv[0], str(threads)], check=True)
        return None
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    pin(threads)
    return threads
