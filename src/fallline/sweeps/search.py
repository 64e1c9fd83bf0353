"""Many networks at once: every combination of settings, every seed, every fold.

Runs of one shape that differ only in seed and learning rate share compiled calls; each has the bits
that :func:`fallline.train` gives with its settings and seed.
"""

import math
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from fallline.arrays import ArrayLike
from fallline.engine import threads_allowed
from fallline.errors import ParameterError
from fallline.limits import check_integer
from fallline.sweeps.halving import rungs
from fallline.sweeps.log import Log, key_of
from fallline.sweeps.result import Sweep
from fallline.sweeps.runs import ProblemOptions, Spreader, SweepData, problem_of, retrain, spread
from fallline.sweeps.settings import MAX_RUNS, combinations, setting_key, too_many, varied_in

__all__ = ["sweep"]


def sweep(
    X: ArrayLike,
    y: ArrayLike,
    settings: Mapping[str, Any],
    *,
    seeds: int | Sequence[int] = 1,
    draws: int | None = None,
    halving: int | None = None,
    log: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    client: Any = None,
    progress: Callable[[int, int], Any] | None = None,
    **options: Unpack[ProblemOptions],
) -> Sweep:
    """Train a network for every combination of ``settings``, seed and fold.

    Parameters
    ----------
    X : (n_samples, n_features); y : (n_samples,) or (n_samples, n_outputs).
    settings : by name, one value or a list of them: hidden (layer sizes), activation, init,
        optimizer (a name), learning_rate, schedule (a name), momentum, batch_size, epochs, l2, l1,
        weight_decay (of adamw), dropout. A single number is one hidden layer. Settings that are
        left out have the values in ``fallline.sweeps.settings.DEFAULTS``.
    seeds : their number (0, 1, ...), or the seeds. A seed draws first weights and batches.
    loss : by default binary_cross_entropy for y of 0 and 1, cross_entropy for other whole numbers
        from 0 to 99, squared_error for the rest.
    validation : the share of rows held out for scoring; ``folds`` instead holds out each of that
        many folds in turn. Both are drawn from ``split_seed``, class by class.
    draws : the number of combinations to draw at random, instead of all of them.
    halving : successive halving, see :mod:`fallline.sweeps.halving`: all settings are trained for
        few epochs, then the best of them, by mean score over seeds and folds, for more epochs, and
        so on up to ``epochs``. ``halving`` is the factor of both steps. Each run starts anew, so it
        has the bits of a separate run of its length, and any worker can take it.
    log : a file to which each run is added when it ends (JSON lines). A sweep with an existing log
        continues where that one ended.
    threads : the maximum number; by default the cores that are free.
    client : a Dask ``distributed.Client``, whose workers share the runs.
    progress : called with the number of finished runs and of all runs.

    Ctrl-C ends the sweep with the runs finished so far. Raises ParameterError for settings that are
    unknown or too many, ShapeError or DataError for bad data.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> result = fl.sweep(TRAIN_X, TRAIN_Y, {"hidden": [2, 4], "epochs": 50}, seeds=3, folds=5)
    >>> len(result.runs), [row["runs"] for row in result.summary()]
    (30, [15, 15])
    """
    began = time.perf_counter()
    chosen = combinations(settings, draws, options.get("split_seed", 0))
    problem = problem_of(X, y, **options)
    numbers = (
        range(check_integer("seeds", seeds, limit="rows")) if isinstance(seeds, int) else seeds
    )
    if len(numbers) == 0:
        raise ParameterError("seeds must name at least one seed")
    n_runs = len(chosen) * problem.n_folds * len(numbers)
    if n_runs > MAX_RUNS:
        raise too_many(n_runs)
    repeats = [(fold, int(seed)) for fold in range(problem.n_folds) for seed in numbers]
    ladder = rungs_for(chosen, halving)
    for setting in chosen:
        problem.network({**setting, "seed": 0})  # refuses what no network allows
    cluster = None if client is None else spreader(client)
    work = Work(
        problem,
        Log(log, "" if log is None else problem.fingerprint()),
        threads or threads_allowed(),
        cluster,
    )
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
    result.best = best_of(result)
    if result.best is not None:
        result.network = retrain(problem, result.best)
    result.seconds = time.perf_counter() - began
    return result


def best_of(result: Sweep) -> dict[str, Any] | None:
    """The run of the highest score; with halving, of those that had the most epochs."""
    done = [run for run in result.runs if run["state"] == "done"]
    last = max((run["epochs"] for run in done), default=0) if result.halving else 0
    return max(
        (run for run in done if run["epochs"] >= last),
        key=lambda run: (run["score"], -run["validation_loss"]),
        default=None,
    )


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


def best_settings(
    chosen: list[dict[str, Any]], runs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The settings by their mean score in these runs, the best first; unchanged without runs.

    A setting that diverged throughout comes last.
    """
    scores: dict[Hashable, list[float]] = {}
    for run in runs:
        if run["state"] == "done":
            scores.setdefault(setting_key(run), []).append(run["score"])

    def mean_score(setting: Mapping[str, Any]) -> float:
        found = scores.get(setting_key(setting))
        return -math.inf if found is None else math.fsum(found) / len(found)

    return sorted(chosen, key=mean_score, reverse=True) if runs else chosen


@dataclass
class Work:
    """What the runs need: the data, the log, and the threads or a cluster."""

    problem: "SweepData"
    log: "Log"
    threads: int
    cluster: "Spreader | None"
    places: dict[Hashable, int] = field(default_factory=dict)

    def done(self, runs: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """The runs with their results, first those in the log, then others as they end."""
        keys = [key_of(run) for run in runs]
        for key in keys:
            self.places[key] = len(self.places)
        kept = [self.log.done[key] for key in keys if key in self.log.done]
        if kept:
            yield kept
        todo = [run for key, run in zip(keys, runs, strict=True) if key not in self.log.done]
        for results in spread(self.problem, todo, self.threads, self.cluster):
            self.log.add(results)
            yield results

    def place(self, run: Mapping[str, Any]) -> int:
        """The run's place among all, in the order of settings, folds and seeds."""
        return self.places[key_of(run)]


def spreader(client: Any) -> "Spreader":
    """The class that distributes runs over a cluster; loaded only if there is one."""
    from fallline.sweeps.on_cluster import Spreading

    return Spreading(client)


# ---- running them


# ---- the log
