"""The data sets of the page, made by NumPy and Fallline: what the page's own have to equal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import fallline.playground
from fallline import lesson
from fallline.arrays import Array
from fallline.core.splits import holdout
from fallline.data.encoding import Encoding
from fallline.data.reading import read_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import guess_task, strata

HERE = Path(fallline.playground.__file__).parent / "data"
FILES = {"iris": ("iris.csv", "species"), "digits": ("digits.csv.gz", "digit")}


@dataclass(frozen=True)
class Data:
    """The part of a setup that says which rows."""

    kind: str = "truth_table"
    n: int = 200
    noise: float = 0.1
    test: float = 0.3
    seed: int = 0
    inputs: tuple[str, ...] = ("x1", "x2")


@dataclass(frozen=True)
class Problem:
    """Rows to train on and to test on, as in page/compute/data.js."""

    task: str
    X: Array
    y: Array
    X_test: Array
    y_test: Array
    features: tuple[str, ...]
    classes: tuple[str, ...] = ()


def make_problem(data: Data) -> Problem:
    """The rows that the page asks for."""
    if data.kind in FILES:
        return kept_table(data)
    if data.kind == "truth_table":
        return truth_table()
    return lifted(MAKERS[data.kind](data, np.random.default_rng(data.seed)), data.inputs)


# ---- what the network is given of a point

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "x1": lambda P: P[:, 0],
    "x2": lambda P: P[:, 1],
    "x1²": lambda P: np.square(P[:, 0]),
    "x2²": lambda P: np.square(P[:, 1]),
    "x1 x2": lambda P: P[:, 0] * P[:, 1],
    "sin πx1": lambda P: np.sin(np.pi * P[:, 0]),
    "sin πx2": lambda P: np.sin(np.pi * P[:, 1]),
}


def lift(points: Array, inputs: Sequence[str]) -> Array:
    """The inputs of points (m, 2), by their names in INPUTS: (m, n_inputs)."""
    return np.column_stack([FUNCTIONS[name](points) for name in inputs])


def lifted(problem: Problem, inputs: tuple[str, ...]) -> Problem:
    """The problem with these inputs in the place of its two features."""
    if inputs == problem.features:
        return problem
    return replace(
        problem,
        X=lift(problem.X, inputs),
        X_test=lift(problem.X_test, inputs),
        features=inputs,
    )


def truth_table() -> Problem:
    return Problem(
        "binary",
        lesson.TRAIN_X,
        lesson.TRAIN_Y,
        lesson.TEST_X,
        lesson.TEST_Y,
        ("first", "middle", "last"),
        ("0", "1"),
    )


# ---- made ones, in two features of about unit size


def logic(operator: Callable[[Any, Any], Any]) -> Callable[..., Problem]:
    """The four rows of a logical operation; with noise, points around the four corners."""

    def make(data: Data, generator: np.random.Generator) -> Problem:
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
        y = operator(corners[:, 0], corners[:, 1]).astype(float)
        if data.noise == 0:
            nothing = np.zeros((0, 2)), np.zeros(0)
            return Problem("binary", corners, y, *nothing, ("x1", "x2"), ("0", "1"))
        chosen = np.arange(data.n) % 4
        X = corners[chosen] + generator.normal(0, data.noise, (data.n, 2))
        return split(data, X, y[chosen])

    return make


def circles(data: Data, generator: np.random.Generator) -> Problem:
    """A disc within a ring."""
    y = (np.arange(data.n) % 2).astype(float)
    radius = np.where(
        y == 1, generator.uniform(0, 0.6, data.n), generator.uniform(1.0, 1.5, data.n)
    )
    angle = generator.uniform(0, 2 * np.pi, data.n)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return split(data, X + generator.normal(0, data.noise, X.shape), y)


def moons(data: Data, generator: np.random.Generator) -> Problem:
    """Two half circles, each reaching into the other."""
    y = (np.arange(data.n) % 2).astype(float)
    angle = generator.uniform(0, np.pi, data.n)
    upper = np.column_stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25])
    lower = np.column_stack([0.5 - np.cos(angle), 0.25 - np.sin(angle)])
    X = np.where(y[:, None] == 0, upper, lower)
    return split(data, X + generator.normal(0, data.noise, X.shape), y)


def spirals(data: Data, generator: np.random.Generator) -> Problem:
    """Two arms of a spiral."""
    y = (np.arange(data.n) % 2).astype(float)
    along = np.sqrt(generator.uniform(0.01, 1, data.n))
    angle = along * 3.5 * np.pi / 2 + np.pi * y
    X = 1.6 * along[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    return split(data, X + generator.normal(0, data.noise / 2, X.shape), y)


def gaussians(data: Data, generator: np.random.Generator) -> Problem:
    """Three round heaps, one for each class."""
    classes = np.arange(data.n) % 3
    angle = np.pi / 2 + classes * 2 * np.pi / 3
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    X = X + generator.normal(0, 0.15 + data.noise, X.shape)
    return split(data, X, classes.astype(float), task="classes")


def plane(data: Data, generator: np.random.Generator) -> Problem:
    """y = (x1 + x2) / 2."""
    X = generator.uniform(-1.5, 1.5, (data.n, 2))
    y = X.mean(axis=1) + generator.normal(0, data.noise, data.n)
    return split(data, X, y, task="numbers")


def bump(data: Data, generator: np.random.Generator) -> Problem:
    """A hill and a hollow, both Gaussian."""
    X = generator.uniform(-1.5, 1.5, (data.n, 2))
    hill, hollow = (np.square(X - centre).sum(axis=1) for centre in (0.7, -0.7))
    y = np.exp(-2 * hill) - np.exp(-2 * hollow) + generator.normal(0, data.noise / 2, data.n)
    return split(data, X, y, task="numbers")


MAKERS: dict[str, Callable[..., Problem]] = {
    "and": logic(np.logical_and),
    "or": logic(np.logical_or),
    "xor": logic(np.logical_xor),
    "circles": circles,
    "moons": moons,
    "spirals": spirals,
    "gaussians": gaussians,
    "plane": plane,
    "bump": bump,
}


def split(data: Data, X: Array, y: Array, task: str = "binary") -> Problem:
    """Hold the test share out, class by class where there are classes."""
    generator = np.random.default_rng(data.seed)
    if data.test > 0:
        kept, held = holdout(len(X), data.test, generator, None if task == "numbers" else y)
    else:
        kept, held = np.arange(len(X)), np.arange(0)
    names = () if task == "numbers" else tuple(str(k) for k in range(max(2, int(y.max()) + 1)))
    return Problem(task, X[kept], y[kept], X[held], y[held], ("x1", "x2"), names)


# ---- tables


def kept_table(data: Data) -> Problem:
    """Irises or digits, from the package's own files, encoded by Fallline."""
    name, target = FILES[data.kind]
    return table_problem(read_table(HERE / name), data, target, task="classes")


def table_problem(table: Table, data: Data, target: str, task: str | None = None) -> Problem:
    """A table's rows, encoded as for training."""
    table = resolved(table, target=target, task=task)
    usable = table.take(np.flatnonzero(~table.missing(target)))
    everything = np.arange(len(usable))
    task = task or guess_task(usable, target, everything)
    kept, held = everything, np.arange(0)
    if data.test > 0:
        groups = strata(usable, target, everything, task)
        kept, held = holdout(len(usable), data.test, np.random.default_rng(data.seed), groups)
    encoding = Encoding.fit(usable, target, rows=kept, task=task)
    X, y = encoding.transform(usable), encoding.encode_target(usable)[0]
    task = "numbers" if encoding.task == "counts" else encoding.task
    names = tuple(encoding.feature_names)
    return Problem(task, X[kept], y[kept], X[held], y[held], names, tuple(encoding.classes))
