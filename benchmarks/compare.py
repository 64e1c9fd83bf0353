"""Fallline beside every peer that is installed, on the same work."""

from collections.abc import Callable
from functools import partial

from peers import by_jax, by_sklearn, by_torch
from timing import alternate, as_table
from work import OURS, Work, by_fallline, threads_here


def candidates(
    work: Work, threads: int, leave_out: tuple[str, ...] = ()
) -> dict[str, Callable[[], float]]:
    """Fallline and every peer that is installed."""
    found = {OURS: by_fallline(work, threads)}
    found["Fallline, NumPy reference"] = by_fallline(work, threads, engine="numpy")
    for name, make in (
        ("JAX, whole run in one jit", by_jax),
        ("PyTorch", by_torch),
        ("torch.compile", partial(by_torch, compiled=True)),
        ("scikit-learn", by_sklearn),
    ):
        if name in leave_out:
            continue
        try:
            found[name] = make(work, threads)
        except ImportError:
            print(f"({name} is not installed: left out)\n")
    return found


def compare(
    title: str,
    make: Callable[[], Work],
    rounds: int,
    *,
    more: dict[str, Callable[[], float]] | None = None,
    leave_out: tuple[str, ...] = (),
    max_threads: int = 2,
) -> None:
    """Time all on one thread, then, in a fresh process, on two; print Markdown."""
    threads = threads_here(max_threads)
    if threads is None:
        return
    medians = alternate(candidates(make(), threads, leave_out) | (more or {}), rounds)
    print(f"### {title}, {threads} thread{'s' * (threads > 1)}\n")
    print(as_table(medians, OURS) + "\n")
