"""Fallline beside every peer that is installed, on the same work."""

import os
from collections.abc import Callable
from functools import partial

from peers import by_jax, by_sklearn, by_torch
from timing import apart, as_table, serve
from work import OURS, Work, by_fallline

MAKERS: dict[str, Callable[[Work, int], Callable[[], float]]] = {
    OURS: lambda work, threads: by_fallline(work),
    "Fallline, NumPy reference": lambda work, threads: by_fallline(work, engine="numpy"),
    "JAX, whole run in one jit": by_jax,
    "PyTorch": by_torch,
    "torch.compile": partial(by_torch, compiled=True),
    "scikit-learn": by_sklearn,
}


def compare(
    title: str,
    make: Callable[[], Work],
    rounds: int,
    *,
    more: dict[str, Callable[[], float]] | None = None,
    leave_out: tuple[str, ...] = (),
    max_threads: int = 2,
) -> None:
    """Time all on one thread, then on two, each in a process of its own; print Markdown."""
    candidates: dict[str, Callable[[int], Callable[[], float]]] = {
        name: lambda threads, maker=maker: maker(make(), threads)
        for name, maker in MAKERS.items()
        if name not in leave_out
    }
    candidates |= {name: lambda threads, run=run: run for name, run in (more or {}).items()}
    serve(candidates)
    for threads in range(1, min(max_threads, os.cpu_count() or 1) + 1):
        print(f"### {title}, {threads} thread{'s' * (threads > 1)}\n")
        print(as_table(apart(candidates, rounds, threads), OURS) + "\n", flush=True)
