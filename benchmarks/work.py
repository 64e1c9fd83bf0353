"""A piece of training that Fallline and its peers are timed on, and how Fallline does it."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import fallline as fl


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


def candidates(work: Work, threads: int) -> dict[str, Callable[[], float]]:
    """Fallline and every peer that is installed."""
    from peers import by_jax, by_sklearn, by_torch

    found = {"Fallline, compiled": by_fallline(work, threads)}
    found["Fallline, NumPy reference"] = by_fallline(work, threads, engine="numpy")
    for name, make in (
        ("JAX, whole run in one jit", by_jax),
        ("PyTorch", by_torch),
        ("PyTorch, torch.compile", lambda *a: by_torch(*a, compiled=True)),
        ("scikit-learn", by_sklearn),
    ):
        try:
            found[name] = make(work, threads)
        except ImportError:
            print(f"({name} is not installed: left out)")
    return found
