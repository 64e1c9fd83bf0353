"""Many networks at once: every combination of settings, every seed, every fold.

Runs of one shape that differ in seed and learning rate only share compiled calls; each gives the
bits that :func:`fallline.train` gives with its settings and seed.
"""

import hashlib
import itertools
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fallline import __version__
from fallline.arrays import Array, ArrayLike
from fallline.engine import Course, serves, threads_allowed, train_many
from fallline.errors import ParameterError
from fallline.halving import rungs
from fallline.limits import check_choice, check_integer, check_number
from fallline.network import Network
from fallline.optimizers import LBFGS, OPTIMIZERS
from fallline.penalties import Penalty
from fallline.samples import Samples
from fallline.schedules import SPANS, spanning
from fallline.splits import folds as fold_numbers
from fallline.splits import holdout
from fallline.steps import measured
from fallline.training import batch_size_for_rows, score, train

__all__ = ["DEFAULTS", "Sweep", "run_jobs", "sweep"]

MOST_RUNS = 1_000_000
DEFAULTS: dict[str, Any] = {
    "hidden": (16,),
    "activation": "relu",
    "init": None,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "schedule": "constant",
    "momentum": 0.0,
    "batch_size": None,
    "epochs": 100,
    "l2": 0.0,
    "l1": 0.0,
    "weight_decay": 0.01,
    "dropout": 0.0,
}
"""What can be swept, and the value of what is not."""


@dataclass(frozen=True)
class Problem:
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
        """A hash of the data and of how it is split, by which a log is known to belong to it."""
        digest = hashlib.sha256()
        for part in (self.X, self.y, self.fold):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(f"{self.loss} {self.n_outputs} {self.dtype}".encode())
        return digest.hexdigest()[:16]


@dataclass
class Sweep:
    """The results: ``runs``, one dict a run, in order; ``best`` and its network.

    A run has its settings, ``seed``, ``fold``, ``loss`` (training, the last epoch's),
    ``validation_loss``, ``score`` (accuracy, or R2 for numbers, on the rows held out), ``seconds``
    and ``state``: "done" or "diverged".
    """

    runs: list[dict[str, Any]]
    varied: tuple[str, ...]
    best: dict[str, Any] | None = None
    network: Network | None = None
    seconds: float = 0.0
    interrupted: bool = False
    halving: int | None = None
    problem: Problem | None = field(default=None, repr=False)

    def summary(self) -> list[dict[str, Any]]:
        """One dict a setting, best mean score first (with halving, those of the last rung).

        It separates the setting from the noise of seeds and folds: the mean score, its standard
        error (the deviation over the square root of the number of runs), the least and the
        greatest, and the share of runs that ended without diverging. ``mean_score`` is None where
        none did.
        """
        rows = []
        for values, group in self._by_setting():
            scores = np.array([run["score"] for run in group if run["state"] == "done"])
            losses = np.array([run["validation_loss"] for run in group if run["state"] == "done"])
            n = len(scores)
            rows.append(
                dict(zip(self.varied, values, strict=True))
                | {
                    "mean_score": float(scores.mean()) if n else None,
                    "standard_error": float(scores.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
                    "least": float(scores.min()) if n else None,
                    "greatest": float(scores.max()) if n else None,
                    "median_validation_loss": float(np.median(losses)) if n else None,
                    "runs": len(group),
                    "share_done": n / len(group),
                }
            )
        if self.halving is not None:  # the last rung first
            return sorted(rows, key=lambda row: (row["epochs"], standing(row)), reverse=True)
        return sorted(rows, key=standing, reverse=True)

    def _by_setting(self) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for run in self.runs:
            groups.setdefault(tuple(as_key(run[name]) for name in self.varied), []).append(run)
        yield from groups.items()

    @property
    def frame(self) -> Any:
        """The runs as a Polars DataFrame."""
        import polars

        rows = [{name: as_cell(value) for name, value in run.items()} for run in self.runs]
        return polars.DataFrame(rows, infer_schema_length=None)


def standing(row: Mapping[str, Any]) -> float:
    return -math.inf if row["mean_score"] is None else float(row["mean_score"])


def as_key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else value


def sweep(
    X: ArrayLike,
    y: ArrayLike,
    settings: Mapping[str, Any],
    *,
    seeds: int | Sequence[int] = 1,
    loss: str | None = None,
    validation: float = 0.2,
    folds: int | None = None,
    draws: int | None = None,
    halving: int | None = None,
    split_seed: int = 0,
    dtype: str = "float64",
    log: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    client: Any = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Sweep:
    """Train a network for every combination of ``settings``, seed and fold.

    Parameters
    ----------
    X : (n_samples, n_features); y : (n_samples,) or (n_samples, n_outputs).
    settings : by name, one value or a list of them: hidden (layer sizes), activation, init,
        optimizer (a name), learning_rate, schedule (a name), momentum, batch_size, epochs, l2, l1,
        weight_decay (of adamw), dropout. A layer size alone is one hidden layer. What is not given
        has the value in ``fallline.sweeps.DEFAULTS``.
    seeds : their number (0, 1, ...), or the seeds. A seed draws first weights and batches.
    loss : by default binary_cross_entropy for y of 0 and 1, cross_entropy for other whole numbers
        from 0 to 99, squared_error for the rest.
    validation : the share of rows held out to score by; ``folds`` instead holds out each of so
        many folds in turn. Both are drawn from ``split_seed``, class by class.
    draws : so many combinations drawn at random, instead of all of them.
    halving : successive halving, see :mod:`fallline.halving`: all settings are trained for few
        epochs, then one in so many, by mean score over seeds and folds, for so many times the
        epochs, and so on up to ``epochs``. Each run begins anew, so its bits are those of a run
        that is as long by itself, and any worker can take it.
    log : a file to which each run is added as it ends (JSON lines). A sweep with an existing log
        goes on where that one ended.
    threads : the most to use; by default the cores that are free.
    client : a Dask ``distributed.Client``: the runs are spread over its workers.
    progress : called with the number of runs done and of all.

    Ctrl-C ends it with the runs done so far. Raises ParameterError for settings that are unknown or
    too many, ShapeError or DataError for bad data.

    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> result = sweep(TRAIN_X, TRAIN_Y, {"hidden": [2, 4], "epochs": 50}, seeds=3, folds=5)
    >>> len(result.runs), [row["runs"] for row in result.summary()]
    (30, [15, 15])
    """
    began = time.perf_counter()
    chosen = combinations(settings, draws, split_seed)
    problem = problem_of(X, y, loss, validation, folds, split_seed, dtype)
    numbers = (
        range(check_integer("seeds", seeds, limit="rows")) if isinstance(seeds, int) else seeds
    )
    repeats = [(fold, int(seed)) for fold in range(folds or 1) for seed in numbers]
    if not repeats:
        raise ParameterError("seeds must name at least one seed")
    if len(chosen) * len(repeats) > MOST_RUNS:
        raise too_many(len(chosen) * len(repeats))
    ladder = rungs_for(chosen, halving)
    for setting in chosen:
        problem.network({**setting, "seed": 0})  # refuses what no network can have
    cluster = None if client is None else spreader(client)
    work = Work(problem, Log(log, problem.fingerprint()), threads or threads_allowed(), cluster)
    n_runs = sum(count for count, _ in ladder) * len(repeats)
    result = Sweep([], varied_in(chosen, ladder), halving=halving, problem=problem)
    try:
        for count, epochs in ladder:
            chosen = best_settings(chosen, result.runs)[:count]
            if epochs is not None:
                chosen = [{**setting, "epochs": epochs} for setting in chosen]
            runs = [{**s, "seed": seed, "fold": fold} for s in chosen for fold, seed in repeats]
            for found in work.done(runs):
                result.runs += found
                if progress is not None:
                    progress(len(result.runs), n_runs)
    except KeyboardInterrupt:
        result.interrupted = True
    result.runs.sort(key=work.place)
    done = [run for run in result.runs if run["state"] == "done"]
    if done:
        last = max(run["epochs"] for run in done) if halving else 0
        result.best = max(
            (run for run in done if run["epochs"] >= last),
            key=lambda run: (run["score"], -run["validation_loss"]),
        )
        result.network = retrain(problem, result.best)
    result.seconds = time.perf_counter() - began
    return result


def rungs_for(
    chosen: Sequence[Mapping[str, Any]], factor: int | None
) -> list[tuple[int, int | None]]:
    """How many settings are trained for how many epochs (None: their own), rung by rung."""
    if factor is None:
        return [(len(chosen), None)]
    epochs = {setting["epochs"] for setting in chosen}
    if len(epochs) > 1:
        raise ParameterError(
            "halving sets the epochs itself: give one number, that of the last rung"
        )
    return list(rungs(len(chosen), epochs.pop(), factor))


def varied_in(
    chosen: Sequence[Mapping[str, Any]], ladder: Sequence[tuple[int, int | None]]
) -> tuple[str, ...]:
    """The settings in which runs differ."""
    several = {"epochs"} if len(ladder) > 1 else set()
    return tuple(
        name
        for name in DEFAULTS
        if name in several or len({as_key(setting[name]) for setting in chosen}) > 1
    )


def best_settings(
    chosen: list[dict[str, Any]], runs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The settings by their mean score in these runs, the best first; as they are without runs.

    A setting that diverged throughout comes last.
    """
    scores: dict[str, list[float]] = {}
    for run in runs:
        if run["state"] == "done":
            scores.setdefault(setting_key(run), []).append(run["score"])

    def mean_score(setting: Mapping[str, Any]) -> float:
        found = scores.get(setting_key(setting))
        return -math.inf if found is None else math.fsum(found) / len(found)

    return sorted(chosen, key=mean_score, reverse=True) if runs else chosen


def setting_key(run: Mapping[str, Any]) -> str:
    """What tells a setting from the others."""
    return json.dumps([run[name] for name in DEFAULTS])


@dataclass
class Work:
    """What runs are done with: the data, the log, the threads, or a cluster in their place."""

    problem: "Problem"
    log: "Log"
    threads: int
    cluster: "Spreader | None"
    places: dict[str, int] = field(default_factory=dict)

    def done(self, runs: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """The runs with their results, first those in the log, then some as they end."""
        for run in runs:
            self.places[key_of(run)] = len(self.places)
        kept = [self.log.done[key_of(run)] for run in runs if key_of(run) in self.log.done]
        if kept:
            yield kept
        todo = [run for run in runs if key_of(run) not in self.log.done]
        for results in spread(self.problem, todo, self.threads, self.cluster):
            self.log.add(results)
            yield results

    def place(self, run: Mapping[str, Any]) -> int:
        """The run's place among all, in the order of settings, folds and seeds."""
        return self.places[key_of(run)]


def spreader(client: Any) -> "Spreader":
    """What spreads runs over a cluster; loaded where one is wanted."""
    from importlib import import_module

    made: Spreader = import_module("fallline.cluster").Spreading(client)
    return made


def too_many(n_runs: int) -> ParameterError:
    return ParameterError(
        f"these settings, seeds and folds make {n_runs:,} runs, more than {MOST_RUNS:,}; "
        "give fewer values, or draws=1000 to try some at random"
    )


def combinations(settings: Mapping[str, Any], draws: int | None, seed: int) -> list[dict[str, Any]]:
    """All combinations, or ``draws`` of them at random. Raises ParameterError."""
    if not settings:
        raise ParameterError(f"settings names nothing to sweep; there are {', '.join(DEFAULTS)}")
    lists = {}
    for name, values in settings.items():
        check_choice("a setting", name, list(DEFAULTS))
        lists[name] = [checked(name, value) for value in as_list(name, values)]
        if not lists[name]:
            raise ParameterError(f"settings[{name!r}] is an empty list: give at least one value")
    count = math.prod(len(values) for values in lists.values())
    if draws is not None:
        count = min(count, check_integer("draws", draws, limit="rows"))
    if count > MOST_RUNS:
        raise too_many(count)
    if draws is None:
        chosen: Any = itertools.product(*lists.values())
    else:
        chosen = at_random(list(lists.values()), count, np.random.default_rng(seed))
    return [{**DEFAULTS, **dict(zip(lists, values, strict=True))} for values in chosen]


def at_random(lists: list[list[Any]], count: int, generator: np.random.Generator) -> list[Any]:
    """``count`` different combinations, without listing all of them."""
    sizes = [len(values) for values in lists]
    total = math.prod(sizes)
    seen: dict[tuple[int, ...], None] = {}
    while len(seen) < count:
        index = int(generator.integers(total)) if total < 2**62 else None
        picks = (
            np.unravel_index(index, sizes)
            if index is not None
            else tuple(int(generator.integers(size)) for size in sizes)
        )
        seen[tuple(int(i) for i in picks)] = None
    return [[values[i] for values, i in zip(lists, picks, strict=True)] for picks in seen]


def as_list(name: str, values: Any) -> list[Any]:
    """One value as a list of it. A tuple of layer sizes is one value."""
    if name == "hidden" and isinstance(values, tuple):
        return [values]
    return list(values) if isinstance(values, list | tuple | range | np.ndarray) else [values]


def checked(name: str, value: Any) -> Any:
    """A value that its parameter allows."""
    if name == "hidden":
        sizes = (value,) if isinstance(value, int | np.integer) else tuple(value)
        return tuple(check_integer("hidden", size, limit="layer size") for size in sizes)
    if name in ("batch_size", "epochs"):
        return value if value is None else check_integer(name, value)
    if name == "optimizer":
        return check_choice(name, value, list(OPTIMIZERS))
    if name == "schedule":
        return check_choice(name, value, tuple(SPANS))
    if name in ("activation", "init"):
        return value
    return check_number(name, value)


def problem_of(
    X: ArrayLike,
    y: ArrayLike,
    loss: str | None,
    validation: float,
    folds: int | None,
    seed: int,
    dtype: str,
) -> Problem:
    """The data, checked, with the fold of each row."""
    targets = np.asarray(y)
    name = loss or loss_for(targets)
    classes = name == "cross_entropy" and targets.ndim == 1
    n_outputs = int(targets.max()) + 1 if classes else 1 if targets.ndim == 1 else targets.shape[1]
    sizes = [np.shape(X)[1] if np.ndim(X) == 2 else 1, max(n_outputs, 1)]
    samples = Network(sizes, loss=name, dtype=dtype).samples(X, targets)
    generator = np.random.default_rng(check_integer("split_seed", seed, limit="seed"))
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
    return Problem(samples.X, targets, name, sizes[1], dtype, fold)


def loss_for(y: Array) -> str:
    """The loss that the targets ask for."""
    whole = y.ndim == 1 and y.size > 0 and y.dtype.kind in "biuf" and bool(np.all(y == np.round(y)))
    if whole and set(np.unique(y)) <= {0, 1}:
        return "binary_cross_entropy"
    if whole and y.min() >= 0 and y.max() < 100 and y.dtype.kind in "iu":
        return "cross_entropy"
    return "squared_error"


# ---- running them

RUNS_AT_ONCE = 32  # then progress is told, the log written, Ctrl-C heard
Spreader = Callable[[Problem, list[list[dict[str, Any]]]], Iterator[list[dict[str, Any]]]]


def spread(
    problem: Problem, runs: list[dict[str, Any]], threads: int, cluster: Spreader | None
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
    """Runs that differ in seed and learning rate only, together."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(tuple(as_key(run[name]) for name in SHARED), []).append(run)
    yield from groups.values()


def run_jobs(problem: Problem, runs: list[dict[str, Any]], threads: int) -> list[dict[str, Any]]:
    """Train and score runs that differ in seed and learning rate only."""
    began = time.perf_counter()
    kept, held = problem.parts(runs[0]["fold"])
    networks = [problem.network(run) for run in runs]
    rows = networks[0].samples(problem.X[kept], problem.y[kept])
    held_out = networks[0].samples(problem.X[held], problem.y[held])
    losses = train_group(networks, rows, runs, threads)
    seconds = (time.perf_counter() - began) / len(runs)
    return [
        result_of(run, network, held_out, loss, seconds)
        for run, network, loss in zip(runs, networks, losses, strict=True)
    ]


def optimizer_of(run: Mapping[str, Any], steps: int) -> Any:
    """The optimiser of a run of so many steps."""
    kind = OPTIMIZERS[run["optimizer"]]
    if kind is LBFGS:
        return LBFGS()
    own = {"gradient_descent": "momentum", "adamw": "weight_decay"}.get(run["optimizer"])
    more = {} if own is None else {own: run[own]}
    return kind(spanning(run["schedule"], run["learning_rate"], max(steps, 1)), **more)


def train_group(
    networks: list[Network], rows: Samples, runs: list[dict[str, Any]], threads: int
) -> list[float]:
    """Train the networks in place; the training loss of each one's last epoch."""
    first = runs[0]
    batch = first["batch_size"] or batch_size_for_rows(len(rows))
    steps = first["epochs"] * math.ceil(len(rows) / batch)
    optimizers = [optimizer_of(run, steps) for run in runs]
    if serves(networks[0], optimizers[0]):
        course = Course(batch, first["epochs"], Penalty(first["l2"], first["l1"]), first["dropout"])
        return train_many(networks, rows, optimizers, [r["seed"] for r in runs], course, threads)
    return [alone(*each, rows) for each in zip(networks, optimizers, runs, strict=True)]


def alone(network: Network, optimizer: Any, run: Mapping[str, Any], rows: Samples) -> float:
    """One run by ``fallline.train``, for what the engine does not serve."""
    import warnings

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
        points = score(network, network.loss.output(logits), held_out.Y) if finite else None
    return {
        **run,
        "loss": loss if math.isfinite(loss) else None,
        "validation_loss": validation_loss if finite else None,
        "score": points,
        "seconds": seconds,
        "state": "done" if finite else "diverged",
    }


def retrain(problem: Problem, run: dict[str, Any]) -> Network:
    """The network of a run once more, on the same rows: the same bits."""
    network = problem.network(run)
    kept, _ = problem.parts(run["fold"])
    rows = network.samples(problem.X[kept], problem.y[kept])
    train_group([network], rows, [run], 1)
    return network


# ---- the log

KEYS = (*DEFAULTS, "seed", "fold")


def key_of(run: Mapping[str, Any]) -> str:
    """What tells a run from the others."""
    return json.dumps([run[name] for name in KEYS])


class Log:
    """Finished runs, one a line, kept as they come; the first line says whose they are."""

    def __init__(self, path: str | os.PathLike[str] | None, fingerprint: str) -> None:
        self.path = None if path is None else Path(path)
        self.done: dict[str, dict[str, Any]] = {}
        if self.path is None:
            return
        if self.path.exists() and self.path.stat().st_size > 0:
            self.read(fingerprint)
        else:
            self.append([{"fallline_sweep": __version__, "data": fingerprint}])

    def read(self, fingerprint: str) -> None:
        """Take over what an earlier sweep has done; a line that was cut off counts for nothing."""
        path = self.path or Path()
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = [parsed(line) for line in text.splitlines()]
        head = lines[0] or {}
        if "fallline_sweep" not in head:
            raise ParameterError(f"{self.path} is not the log of a sweep; choose another file")
        if head.get("data") != fingerprint:
            raise ParameterError(
                f"{self.path} is the log of a sweep on other data, or split otherwise; "
                "choose another file, or remove it"
            )
        for run in lines[1:]:
            if run is not None and all(name in run for name in (*KEYS, "state")):
                self.done[key_of(run)] = {**run, "hidden": tuple(run["hidden"])}
        if not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def add(self, runs: list[dict[str, Any]]) -> None:
        """Keep the runs that have ended."""
        if self.path is not None:
            self.append(runs)

    def append(self, lines: list[dict[str, Any]]) -> None:
        """Add lines, and have them on the disk before going on."""
        with (self.path or Path()).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())


def parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
