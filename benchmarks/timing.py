"""Fair timing: all candidates in turn, round after round, and the medians of what they took."""

import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

REST = 0.25  # seconds
LEAST = 0.05  # seconds


def alternate(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate; every round runs each once, after two runs to warm up.

    One that is done in less than LEAST is run several times a round, and their mean counts. Between
    two candidates it waits: the threads of OpenMP and the like spin on for a fifth of a second.
    """
    repeats: dict[str, int] = {}
    for name, run in candidates.items():
        run()
        repeats[name] = max(1, int(LEAST / seconds_of(run, 1)))
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            time.sleep(REST)
            seconds[name].append(seconds_of(run, repeats[name]))
    return {name: statistics.median(times) for name, times in seconds.items()}


def seconds_of(run: Callable[[], object], times: int) -> float:
    """Mean seconds of so many runs."""
    began = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - began) / times


def as_table(medians: dict[str, float], ours: str) -> str:
    """A Markdown table: milliseconds, and how many times as long as ours."""
    lines = ["| candidate | median ms | times ours |", "|---|---|---|"]
    lines += [
        f"| {name} | {1000 * seconds:.1f} | {seconds / medians[ours]:.2f} |"
        for name, seconds in medians.items()
    ]
    return "\n".join(lines)


def machine() -> str:
    """Processor, Python and the versions of what was measured, on one line each."""
    lines = [f"- {processor()}", f"- Python {platform.python_version()} on {platform.system()}"]
    for package in ("fallline", "numpy", "scipy", "numba", "scikit-learn", "jax", "torch"):
        try:
            lines.append(f"- {package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"- {package}: not installed, left out")
    return "\n".join(lines)


def processor() -> str:
    """The processor's model name, where Linux tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
