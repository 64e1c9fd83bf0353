"""Start-up: commands and first calls, each run in a fresh process.

"whole process" is the time from its start to its end, imports included; "the call" is what one call
takes in such a process, its libraries imported.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from timing import in_turn, seconds_of

HOUSING = Path(__file__).resolve().parents[1] / "examples" / "housing.csv"
FALLLINE = ["-m", "fallline"]

TRUTH_TABLE = """
import fallline as fl
from fallline.lesson import TRAIN_X as X, TRAIN_Y as y
def call():
    net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    fl.train(net, X, y, optimizer=fl.GradientDescent(learning_rate=1.6), epochs=20_000)
"""
SWEEP = """
import numpy as np
import fallline as fl
X = np.random.default_rng(0).normal(size=(1250, 8)).astype("float32")
y = (X[:, 0] * X[:, 1] > 0).astype("float32")
grid = {"hidden": [16], "learning_rate": [0.1], "epochs": [20], "batch_size": [32]}
def call():
    fl.sweep(X, y, grid | {"momentum": [0.9], "optimizer": ["gradient_descent"]}, seeds=200)
"""
FIT = """
import warnings
from sklearn.datasets import load_iris
from {package} import MLPClassifier
warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
def call():
    MLPClassifier(random_state=0).fit(X, y)
"""
OURS, THEIRS = FIT.format(package="fallline"), FIT.format(package="sklearn.neural_network")
ONCE = "\ncall()"
FIRST = "\nimport time\nbegan = time.perf_counter()\ncall()\nprint(time.perf_counter() - began)"

WHOLE = {
    "python, nothing imported": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import fallline": ["-c", "import fallline"],
    "fallline --help": [*FALLLINE, "--help"],
    "fallline demo": [*FALLLINE, "demo"],
    "fallline train housing.csv": [
        *(*FALLLINE, "train", str(HOUSING), "--target", "median_house_value"),
        *("-o", "housing.safetensors"),
    ],
    "truth table, 20,000 epochs by plain fl.train": ["-c", TRUTH_TABLE + ONCE],
    "sweep of 200 networks 8-16-1, 20 epochs": ["-c", SWEEP + ONCE],
    "MLPClassifier, import and first fit on iris": ["-c", OURS + ONCE],
    "the same by scikit-learn": ["-c", THEIRS + ONCE],
    "import of scikit-learn's base classes alone": ["-c", "import sklearn.base"],
}
CALLS = {
    "truth table, first call": TRUTH_TABLE + FIRST,
    "truth table, second call": TRUTH_TABLE + ONCE + FIRST,
    "sweep of 200 networks 8-16-1, 20 epochs, first call": SWEEP + FIRST,
    "the same, second call": SWEEP + ONCE + FIRST,
    "MLPClassifier, first fit on iris": OURS + FIRST,
    "the same by scikit-learn": THEIRS + FIRST,
}


def whole(arguments: list[str], folder: Path) -> Callable[[], float]:
    """The seconds of a process."""

    def run() -> object:
        command = [sys.executable, *arguments]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=folder)

    return lambda: seconds_of(run, 1)


def call_in(code: str) -> Callable[[], float]:
    """The seconds of a call, as the process that makes it says."""

    def run() -> float:
        command = [sys.executable, "-c", code]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    return run


def table(heading: str, medians: dict[str, float]) -> list[str]:
    """A Markdown table of milliseconds."""
    rows = [f"| {name} | {1000 * seconds:.1f} |" for name, seconds in medians.items()]
    return ["", f"| {heading} | median ms |", "|---|---|", *rows]


def run(rounds: int = 7) -> str:
    """Time each, after one round to warm the disk; the result as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        processes = {name_: whole(words, Path(name)) for name_, words in WHOLE.items()}
        calls = {name_: call_in(code) for name_, code in CALLS.items()}
        for first in (*processes.values(), *calls.values()):
            first()
        of_processes, of_calls = in_turn(processes, rounds), in_turn(calls, rounds)
    lines = table("whole process", of_processes) + table("the call, in a fresh process", of_calls)
    return "\n".join(["### Start-up", *lines])


if __name__ == "__main__":
    print(run())
