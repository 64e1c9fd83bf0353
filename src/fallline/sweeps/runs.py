"""The data of a sweep, and its runs: trained together where they share a shape, then scored."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core import metrics
from fallline.core.backprop import measured
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, by_name
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.core.splits import folds as fold_numbers
from fallline.core.splits import holdout
from fallline.engine import Course, serves, train_many
from fallline.errors import ParameterError
from fallline.limits import check_integer, check_number
from fallline.sweeps.settings import DEFAULTS, as_key
from fallline.training.choice import default_batch_size

__all__ = ["ProblemOptions", "Spreader", "SweepData", "problem_of", "retrain", "run_jobs", "spread"]


@dataclass(frozen=True, eq=False)
class SweepData:
    """The data of a sweep and what its networks have in common."""

    X: Array
    y: Array
    loss: str
    n_outputs: int
    dtype: str
    fold: (
        Array  # (n_rows,): the fold that holds each row out; -1 for rows that are always trained on
    )

    def parts(self, fold: int) -> tuple[Array, Array]:
        """Row numbers to train on, and held out."""
        return np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)

    @property
    def n_folds(self) -> int:
        """How many parts are held out, one after another."""
        return int(self.fold.max()) + 1

    def network(self, run: Mapping[str, Any]) -> Network:
        """The network of a run, with its first parameters."""
        return Network(
            [self.X.shape[1], *run["hidden"], self.n_outputs],
            hidden=run["activation"],
            loss=self.loss,
            init=run["init"],
            seed=run["seed"],
            dtype=self.dtype,
        )

    def fingerprint(self) -> str:
        """A hash of the data and its split, which shows whether a log belongs to it."""
        digest = hashlib.sha256()
        for part in (self.X, self.y, self.fold):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(f"{self.loss} {self.n_outputs} {self.dtype}".encode())
        return digest.hexdigest()[:16]


class ProblemOptions(TypedDict, total=False):
    """The options for the data of a sweep; :func:`fallline.sweep` says what each means."""

    loss: str | None
    validation: float
    folds: int | None
    split_seed: int
    dtype: str


def problem_of(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | None = None,
    validation: float = 0.2,
    folds: int | None = None,
    split_seed: int = 0,
    dtype: str = "float64",
) -> SweepData:
    """The data, checked, with the fold of each row."""
    targets = np.asarray(y)
    name = loss or loss_for(targets)
    classes = name == "cross_entropy" and targets.ndim == 1
    n_outputs = int(targets.max()) + 1 if classes else 1 if targets.ndim == 1 else targets.shape[1]
    sizes = [np.shape(X)[1] if np.ndim(X) == 2 else 1, max(n_outputs, 1)]
    samples = Network(sizes, loss=name, dtype=dtype).samples(X, targets)
    generator = np.random.default_rng(check_integer("split_seed", split_seed, limit="seed"))
    strata = targets if classes or (name == "binary_cross_entropy" and targets.ndim == 1) else None
    fold = np.full(len(samples), -1)
    if folds is None:
        share = check_number("validation", validation)
        fold[holdout(len(samples), share, generator, strata)[1]] = 0
    else:
        k = check_integer("folds", folds, limit="rows")
        if not 2 <= k <= len(samples):
            raise ParameterError(f"folds must be from 2 to the {len(samples)} rows, not {k}")
        fold = fold_numbers(len(samples), k, generator, strata)
    return SweepData(samples.X, targets, name, sizes[1], dtype, fold)


def loss_for(y: Array) -> str:
    """The loss that the targets ask for."""
    whole = y.ndim == 1 and y.size > 0 and y.dtype.kind in "biuf" and bool(np.all(y == np.round(y)))
    if whole and bool(np.all((y == 0) | (y == 1))):
        return "binary_cross_entropy"
    if whole and y.min() >= 0 and y.max() < 100 and y.dtype.kind in "iu":
        return "cross_entropy"
    return "squared_error"


RUNS_AT_ONCE = 32  # then progress is reported, the log written, Ctrl-C noticed


Spreader = Callable[[SweepData, list[list[dict[str, Any]]]], Iterator[list[dict[str, Any]]]]


def spread(
    problem: SweepData, runs: list[dict[str, Any]], threads: int, cluster: Spreader | None
) -> Iterator[list[dict[str, Any]]]:
    """The results of all runs, group by group, from this process or from a cluster."""
    groups = list(grouped(runs))
    if cluster is not None:
        yield from cluster(problem, groups)
        return
    for group in groups:
        for i in range(0, len(group), pieces := RUNS_AT_ONCE * threads):
            yield run_jobs(problem, group[i : i + pieces], threads)


SHARED = (*(name for name in DEFAULTS if name != "learning_rate"), "fold")


def grouped(runs: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Groups of runs that differ only in seed and learning rate."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(tuple(as_key(run[name]) for name in SHARED), []).append(run)
    yield from groups.values()


def run_jobs(problem: SweepData, runs: list[dict[str, Any]], threads: int) -> list[dict[str, Any]]:
    """Train and score runs that differ only in seed and learning rate."""
    began = time.perf_counter()
    train_rows, test_rows = problem.parts(runs[0]["fold"])
    first = problem.network(runs[0])
    rows = first.samples(problem.X[train_rows], problem.y[train_rows])
    held_out = first.samples(problem.X[test_rows], problem.y[test_rows])
    networks = [first.drawn_anew(run["seed"]) for run in runs]
    losses = train_group(networks, rows, runs, threads)
    seconds = (time.perf_counter() - began) / len(runs)
    return [
        result_of(run, network, held_out, loss, seconds)
        for run, network, loss in zip(runs, networks, losses, strict=True)
    ]


def optimizer_of(run: Mapping[str, Any], steps: int) -> Any:
    """The optimiser of a run of ``steps`` steps."""
    name = run["optimizer"]
    own = {"gradient_descent": "momentum", "adamw": "weight_decay"}.get(name)
    more = {} if own is None else {own: run[own]}
    return by_name(name, run["learning_rate"], run["schedule"], steps, **more)


def train_group(
    networks: list[Network], rows: Samples, runs: list[dict[str, Any]], threads: int
) -> list[float]:
    """Train the networks in place; the training loss of each one's last epoch."""
    first = runs[0]
    batch = first["batch_size"] or default_batch_size(len(rows))
    steps = first["epochs"] * math.ceil(len(rows) / batch)
    optimizers = [optimizer_of(run, steps) for run in runs]
    if serves(networks[0], optimizers[0]):
        course = Course(batch, first["epochs"], Penalty(first["l2"], first["l1"]), first["dropout"])
        return train_many(networks, rows, optimizers, [r["seed"] for r in runs], course, threads)
    return [alone(*each, rows) for each in zip(networks, optimizers, runs, strict=True)]


def alone(network: Network, optimizer: Any, run: Mapping[str, Any], rows: Samples) -> float:
    """One run by ``fallline.train``, for settings that the engine does not support."""
    import warnings

    from fallline.training.run import train

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = train(
            network,
            rows.X,
            rows.Y,
            optimizer=optimizer,
            epochs=run["epochs"],
            batch_size=None if isinstance(optimizer, LBFGS) else run["batch_size"],
            seed=run["seed"],
            l2=run["l2"],
            l1=run["l1"],
            dropout=run["dropout"],
        )
    if history.stopped == "diverged":
        return math.nan
    return history.loss[-1] if history.loss else math.nan


def result_of(
    run: dict[str, Any], network: Network, held_out: Samples, loss: float, seconds: float
) -> dict[str, Any]:
    """A run with its results."""
    with np.errstate(all="ignore"):
        finite = run["epochs"] == 0 or math.isfinite(loss)
        finite = finite and bool(np.isfinite(network.parameters).all())
        validation_loss, logits = measured(network, held_out) if finite else (math.nan, None)
        finite = finite and math.isfinite(validation_loss)
        points = None
        if finite:
            points = metrics.score(network.loss.task, held_out.Y, network.loss.output(logits))
    return {
        **run,
        "loss": loss if math.isfinite(loss) else None,
        "validation_loss": validation_loss if finite else None,
        "score": points,
        "seconds": seconds,
        "state": "done" if finite else "diverged",
    }


def retrain(problem: SweepData, run: dict[str, Any]) -> Network:
    """The network of a run, trained again on the same rows, with the same bits."""
    network = problem.network(run)
    train_rows, _ = problem.parts(run["fold"])
    rows = network.samples(problem.X[train_rows], problem.y[train_rows])
    train_group([network], rows, [run], 1)
    return network
