"""Fair timing: all candidates in turn, round after round, and the medians of what they took."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import fallline

REST = 0.25  # seconds
LEAST = 0.05  # seconds
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CANDIDATE = "--candidate"  # a process of a candidate has this, its name and its threads


def alternate(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate; every round runs each once, after two runs to warm up.

    One that is done in less than LEAST is run several times a round, and their mean counts. Between
    two candidates it waits: the threads of OpenMP and the like spin on for a fifth of a second.
    """
    repeats = {name: repeats_of(run) for name, run in candidates.items()}
    return in_turn(
        {name: lambda n=name, r=run: seconds_of(r, repeats[n]) for name, run in candidates.items()},
        rounds,
    )


def in_turn(seconds_taken: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of the seconds that each gives, asked in turn so many times."""
    seconds: dict[str, list[float]] = {name: [] for name in seconds_taken}
    for _ in range(rounds):
        for name, ask in seconds_taken.items():
            time.sleep(REST)
            seconds[name].append(ask())
    return {name: statistics.median(times) for name, times in seconds.items()}


def repeats_of(run: Callable[[], object]) -> int:
    """How many runs take LEAST, after two to warm up."""
    run()
    return max(1, int(LEAST / seconds_of(run, 1)))


def seconds_of(run: Callable[[], object], times: int) -> float:
    """Mean seconds of so many runs."""
    began = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - began) / times


# ---- each candidate in a process of its own


class Apart:
    """The process of one candidate of this script, held to so many cores, which runs when asked."""

    def __init__(self, name: str, threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], CANDIDATE, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict.fromkeys(LIMITS, str(threads)),
        )
        self.serves = self.answer() == "ready"

    def answer(self) -> str:
        """A line that the process says."""
        return self.process.stdout.readline().strip()

    def seconds(self) -> float:
        """The time of a run."""
        print(file=self.process.stdin, flush=True)
        return float(self.answer())

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()


def apart(names: Iterable[str], rounds: int, threads: int) -> dict[str, float]:
    """As :func:`alternate`, each candidate in a process of its own; one not installed is left out.

    The script that calls it has called :func:`serve` before with what makes them.
    """
    processes = {name: Apart(name, threads) for name in names}
    asked = {name: process.seconds for name, process in processes.items() if process.serves}
    for name in processes.keys() - asked:
        print(f"({name} is not installed: left out)\n")
    try:
        return in_turn(asked, rounds)
    finally:
        for process in processes.values():
            process.end()


def serve(candidates: dict[str, Callable[[int], Callable[[], object]]]) -> None:
    """In the process of a candidate: make it, warm it up, time it whenever asked, and exit.

    What makes a candidate is given its number of threads.
    """
    if CANDIDATE not in sys.argv:
        return
    name, threads = sys.argv[-2:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        run = candidates[name](int(threads))
    except ImportError:
        sys.exit()
    repeats = repeats_of(run)
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        print(seconds_of(run, repeats), file=answers, flush=True)
    sys.exit()


# ---- results


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
    lines.append(f"- fallline {fallline.__version__}")
    for package in ("numpy", "scipy", "numba", "scikit-learn", "jax", "torch"):
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
