"""The data sets: made ones, drawn points, and tables, as rows to train on and rows to test on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fallline import lesson
from fallline.arrays import Array
from fallline.core.splits import holdout
from fallline.data.encoding import Encoding
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import guess_task, strata
from fallline.errors import ParameterError, TableError
from fallline.playground.limits import MAX_OUTPUTS, MAX_TABLE_NUMBERS
from fallline.playground.setup import DataSetup

__all__ = ["Problem", "lift", "make_problem", "table_problem"]

HERE = Path(__file__).parent / "data"  # its README.md names the sources
LOGIC = ("and", "or", "xor")
FILES = {"iris": ("iris.csv", "species"), "digits": ("digits.csv.gz", "digit")}


@dataclass(frozen=True)
class Problem:
    """Rows to train on and to test on: X (n, n_features), y (n,); ``X_test`` may have no rows.

    ``task`` is "binary", "classes" or "numbers"; y holds class numbers or numbers. ``features``
    and ``classes`` are names; ``encoding`` is that of a table, else None. Where X and
    X_test are the functions ``inputs`` of points, ``plane`` has these, (n, 2) and (n_test, 2).
    """

    task: str
    X: Array
    y: Array
    X_test: Array
    y_test: Array
    features: tuple[str, ...]
    classes: tuple[str, ...] = ()
    target: str = "y"
    encoding: Encoding | None = None
    plane: tuple[Array, Array] | None = None
    inputs: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 for numbers."""
        return max(len(self.classes), 2) if self.task != "numbers" else 0


def make_problem(data: DataSetup, table: Table | None, given: Problem | None) -> Problem:
    """The rows that the page asks for.

    ``table`` is the session's uploaded table, ``given`` what :func:`fallline.play` was called
    with. Raises ParameterError or TableError where the rows cannot be had.
    """
    if data.kind == "given":
        if given is None:
            raise ParameterError("no rows were given to fallline.play; choose another data set")
        return given
    if data.kind == "table":
        if table is None:
            raise ParameterError("no table is here yet: drop a CSV file on the page, or paste one")
        return table_problem(table, data)
    if data.kind in FILES:
        return kept_table(data)
    if data.kind == "drawn":
        return lifted(drawn(data), data.inputs)
    if data.kind == "truth_table":
        return retargeted(truth_table(), data.targets)
    made = MAKERS[data.kind](data, np.random.default_rng(data.seed))
    listed = data.kind in LOGIC and data.noise == 0  # four rows, each with a target of its own
    return lifted(retargeted(made, data.targets if listed else ()), data.inputs)


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
        plane=(problem.X, problem.X_test),
        inputs=inputs,
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
        target="first AND last",
    )


def retargeted(problem: Problem, targets: Sequence[int]) -> Problem:
    """The problem with these targets, of the training rows and then of the test rows."""
    if not targets:
        return problem
    n = len(problem.y)
    if len(targets) != n + len(problem.y_test):
        raise ParameterError(
            f"data.targets must be {n + len(problem.y_test)} zeros and ones, one for each row"
        )
    y = np.array(targets, dtype=float)
    return replace(problem, y=y[:n], y_test=y[n:])


# ---- made ones, in two features of about unit size


def logic(operator: Callable[[Any, Any], Any]) -> Callable[..., Problem]:
    """The four rows of a logical operation; with noise, points around the four corners."""

    def make(data: DataSetup, generator: np.random.Generator) -> Problem:
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
        y = operator(corners[:, 0], corners[:, 1]).astype(float)
        if data.noise == 0:
            nothing = np.zeros((0, 2)), np.zeros(0)
            return Problem("binary", corners, y, *nothing, ("x1", "x2"), ("0", "1"))
        chosen = np.arange(data.n) % 4
        X = corners[chosen] + generator.normal(0, data.noise, (data.n, 2))
        return split(data, X, y[chosen])

    return make


def circles(data: DataSetup, generator: np.random.Generator) -> Problem:
    """A disc within a ring."""
    y = (np.arange(data.n) % 2).astype(float)
    radius = np.where(
        y == 1, generator.uniform(0, 0.6, data.n), generator.uniform(1.0, 1.5, data.n)
    )
    angle = generator.uniform(0, 2 * np.pi, data.n)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return split(data, X + generator.normal(0, data.noise, X.shape), y)


def moons(data: DataSetup, generator: np.random.Generator) -> Problem:
    """Two half circles, each reaching into the other."""
    y = (np.arange(data.n) % 2).astype(float)
    angle = generator.uniform(0, np.pi, data.n)
    upper = np.column_stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25])
    lower = np.column_stack([0.5 - np.cos(angle), 0.25 - np.sin(angle)])
    X = np.where(y[:, None] == 0, upper, lower)
    return split(data, X + generator.normal(0, data.noise, X.shape), y)


def spirals(data: DataSetup, generator: np.random.Generator) -> Problem:
    """Two arms of a spiral."""
    y = (np.arange(data.n) % 2).astype(float)
    along = np.sqrt(generator.uniform(0.01, 1, data.n))
    angle = along * 3.5 * np.pi / 2 + np.pi * y
    X = 1.6 * along[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    return split(data, X + generator.normal(0, data.noise / 2, X.shape), y)


def gaussians(data: DataSetup, generator: np.random.Generator) -> Problem:
    """Three round heaps, one for each class."""
    classes = np.arange(data.n) % 3
    angle = np.pi / 2 + classes * 2 * np.pi / 3
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    X = X + generator.normal(0, 0.15 + data.noise, X.shape)
    return split(data, X, classes.astype(float), task="classes")


def plane(data: DataSetup, generator: np.random.Generator) -> Problem:
    """y = (x1 + x2) / 2."""
    X = generator.uniform(-1.5, 1.5, (data.n, 2))
    y = X.mean(axis=1) + generator.normal(0, data.noise, data.n)
    return split(data, X, y, task="numbers")


def bump(data: DataSetup, generator: np.random.Generator) -> Problem:
    """A hill and a hollow, both Gaussian."""
    X = generator.uniform(-1.5, 1.5, (data.n, 2))
    hill, hollow = (np.square(X - centre).sum(axis=1) for centre in (0.7, -0.7))
    y = np.exp(-2 * hill) - np.exp(-2 * hollow) + generator.normal(0, data.noise / 2, data.n)
    return split(data, X, y, task="numbers")


def drawn(data: DataSetup) -> Problem:
    """The points that were drawn on the page."""
    if len(data.points) < 2:
        raise ParameterError("draw at least two points first")
    points = np.array(data.points)
    classes = points[:, 2]
    if ((classes < 0) | (classes > 5) | (classes != np.floor(classes))).any():
        raise ParameterError("the class of a drawn point must be a whole number from 0 to 5")
    task = "classes" if classes.max() > 1 else "binary"
    return split(data, points[:, :2], classes, task=task)


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


def split(data: DataSetup, X: Array, y: Array, task: str = "binary") -> Problem:
    """Hold the test share out, class by class where there are classes."""
    generator = np.random.default_rng(data.seed)
    if data.test > 0:
        kept, held = holdout(len(X), data.test, generator, None if task == "numbers" else y)
    else:
        kept, held = np.arange(len(X)), np.arange(0)
    names = () if task == "numbers" else tuple(str(k) for k in range(max(2, int(y.max()) + 1)))
    return Problem(task, X[kept], y[kept], X[held], y[held], ("x1", "x2"), names)


# ---- tables


def kept_table(data: DataSetup) -> Problem:
    """Irises or digits, from the package's own files."""
    from fallline.data.reading import read_table

    name, target = FILES[data.kind]
    return table_problem(read_table(HERE / name), data, target, task="classes")


def table_problem(
    table: Table, data: DataSetup, target: str = "", task: str | None = None
) -> Problem:
    """A table's rows, encoded as for training; the target is the last column unless named."""
    target = target or data.target or table.columns[-1]
    table.require([target])
    table = resolved(table, target=target, task=task)
    usable = table.take(np.flatnonzero(~table.missing(target)))
    everything = np.arange(len(usable))
    if len(usable) < 2:
        raise TableError(f"{table.source}: fewer than 2 rows have a value in {target!r}")
    task = task or guess_task(usable, target, everything)
    kept, held = everything, np.arange(0)
    if data.test > 0:
        groups = strata(usable, target, everything, task)
        kept, held = holdout(len(usable), data.test, np.random.default_rng(data.seed), groups)
    encoding = Encoding.fit(usable, target, rows=kept, task=task)
    if len(encoding.classes) > MAX_OUTPUTS:
        raise TableError(
            f"{table.source}: {target!r} has {len(encoding.classes)} classes; the playground "
            f"takes up to {MAX_OUTPUTS}. Choose another target"
        )
    if len(usable) * encoding.n_features > MAX_TABLE_NUMBERS:
        raise TableError(
            f"{table.source}: {len(usable):,} rows of {encoding.n_features:,} features are more "
            f"than the playground holds ({MAX_TABLE_NUMBERS:,} numbers); use `fallline train`"
        )
    X, y = encoding.transform(usable), encoding.encode_target(usable)[0]
    return Problem(
        "numbers" if encoding.task == "counts" else encoding.task,
        X[kept],
        y[kept],
        X[held],
        y[held],
        tuple(encoding.feature_names),
        tuple(str(name) for name in encoding.classes),
        target=target,
        encoding=encoding,
    )
