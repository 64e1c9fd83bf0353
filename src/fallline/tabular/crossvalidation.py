"""Cross-validation of a network on a table: every row is predicted by a network that never saw it.

In each fold the encoding, the network and the linear model are made from the other folds alone;
a part of those is held out to choose the best epoch. The standard error of a mean is that of its
folds, s / sqrt(folds); folds share training rows, so it is slightly too small.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from fallline.arrays import Array
from fallline.core.splits import folds, holdout, holdout_size, time_folds
from fallline.data.reading import as_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import find_classes, guess_task, strata
from fallline.engine import predict_proba
from fallline.errors import ParameterError, TableError
from fallline.limits import check_choice, check_integer, check_number
from fallline.tabular.baselines import fit_linear
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions, refuse_interval, with_defaults
from fallline.tabular.pace import Pace
from fallline.tabular.preparation import (
    SPLITS,
    Prepared,
    Split,
    column_types,
    encode,
    kept_types,
    ordered_classes,
    with_target,
)
from fallline.tabular.recipes import RecipeStart, recipes
from fallline.tabular.scoring import network_scores
from fallline.tabular.train import train_prepared

__all__ = ["CrossValidation", "Fold", "cross_validate"]


@dataclass(frozen=True)
class Fold:
    """One fold of one repeat, both from 1: its scores, and the predictions of its ``rows``."""

    repeat: int
    number: int
    rows: Array
    scores: dict[str, dict[str, float]]
    predictions: dict[str, Array]


@dataclass
class CrossValidation:
    """The completed folds; ``complete`` is False if Ctrl-C ended the work."""

    task: str
    target: str
    table: Table
    set_aside: int
    n_folds: int
    repeats: int
    groups: str | None
    done: list[Fold] = field(default_factory=list)
    complete: bool = True

    def summary(self) -> dict[str, dict[str, tuple[float, float]]]:
        """{model: {score: (mean, standard error)}} over the folds."""
        models = list(self.done[0].scores) if self.done else []
        return {model: self.of_model(model) for model in models}

    def of_model(self, model: str) -> dict[str, tuple[float, float]]:
        found: dict[str, list[float]] = {}
        for fold in self.done:
            for score, value in fold.scores[model].items():
                found.setdefault(score, []).append(value)
        return {score: mean_and_error(np.array(values)) for score, values in found.items()}

    def difference(self, score: str, other: str = "linear") -> tuple[float, float] | None:
        """Network minus linear model, or "trivial" guess, fold by fold: mean and standard error."""
        pairs = [
            (fold.scores["network"][score], fold.scores[other][score])
            for fold in self.done
            if score in fold.scores.get(other, {})
        ]
        if not pairs:
            return None
        return mean_and_error(np.array([network - rival for network, rival in pairs]))

    def columns(self) -> dict[str, Any]:
        """The out-of-fold predictions: the line of each row, its fold, target and prediction."""
        at = np.concatenate([fold.rows for fold in self.done])
        columns: dict[str, Any] = {
            self.table.unit: self.table.lines[at],
            "repeat": np.concatenate([np.full(len(f.rows), f.repeat) for f in self.done]),
            "fold": np.concatenate([np.full(len(f.rows), f.number) for f in self.done]),
            "actual": self.table.frame[self.target][at],
        }
        for name in dict.fromkeys(name for fold in self.done for name in fold.predictions):
            parts = [f.predictions.get(name, np.zeros(len(f.rows))) for f in self.done]
            columns[name] = np.concatenate(parts)
        return columns


def mean_and_error(values: Array) -> tuple[float, float]:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return float(values.mean()), error


def cross_validate(
    table: Any,
    target: str,
    *,
    n_folds: int = 5,
    repeats: int = 1,
    groups: str | None = None,
    **options: Unpack[TableOptions],
) -> CrossValidation:
    """Train and score one network per fold.

    ``n_folds`` is the number of folds, and ``repeats`` how often they are drawn. Classes are spread
    evenly over the folds. ``groups`` is a column whose equal cells stay together; it is not a
    feature. With ``split`` "time" the rows are in order of time, and each fold is predicted from
    those before it. The options are those of :func:`fallline.train_table`; ``validation`` is a
    share of each fold's training rows. Raises TableError or ParameterError.
    """
    given = with_defaults(options)
    refuse_interval(given, "in a cross-validation")
    check_integer("folds", n_folds)
    check_integer("repeats", repeats)
    validation = check_number("validation", given["validation"])
    chosen, on_run = recipes(given), given["on_run"]
    table = resolved(as_table(table), kept_types(options), target=target, task=given["task"])
    usable, set_aside = with_target(table, target)
    everything = np.arange(len(usable))
    task = given["task"] or guess_task(usable, target, everything)
    classes = strata(usable, target, everything, task)
    all_classes = None if classes is None else find_classes(usable, target, task)
    all_classes = ordered_classes(usable, target, task, given["positive"]) or all_classes
    in_time = check_choice("split", given["split"], SPLITS) == "time"
    if in_time and (groups is not None or repeats > 1):
        raise ParameterError("--split time has one order of the rows: leave --groups and --repeats")
    group_of = None if groups is None else group_numbers(usable, groups)
    check_enough(usable, n_folds, group_of)
    ignored = [*given["ignore"], *([groups] if groups is not None else [])]
    types = column_types(given["types"], ignored, given["weights"])
    result = CrossValidation(task, target, usable, set_aside, n_folds, repeats, groups)
    generator = np.random.default_rng(check_integer("seed", given["seed"]))
    drawn = splits(len(usable), result, validation, classes, group_of, generator, in_time=in_time)
    pace, recipe, n_runs = Pace(), chosen[0], repeats * n_folds
    for at, (repeat, number, split) in enumerate(drawn, start=1):
        data = encode(
            [usable],
            target,
            split,
            task=task,
            types=types,
            weights=given["weights"],
            class_weight=given["class_weight"],
            classes=all_classes,
            dtype=recipe.dtype,
            bins=recipe.bins,
        )
        left = pace.of(recipe) * (n_runs - at + 1) if pace.known else None
        start = RecipeStart(at, n_runs, recipe, seconds_left=left)
        shown = None if on_run is None else on_run(start)
        began = time.perf_counter()
        model = train_prepared(data, chosen, {**given, "on_run": lambda start, to=shown: to})
        pace.add(recipe, time.perf_counter() - began)
        if model.history.stopped == "interrupted":
            result.complete = False
            break
        result.done.append(scored(model, data, repeat, number, baseline=given["baseline"]))
    return result


def splits(
    n_rows: int,
    of: CrossValidation,
    validation: float,
    classes: Array | None,
    groups: Array | None,
    generator: np.random.Generator,
    *,
    in_time: bool,
) -> Iterator[tuple[int, int, Split]]:
    """Each repeat and fold, both from 1, with its training, validation and test rows."""
    for repeat in range(1, of.repeats + 1):
        if in_time:
            fold_of = time_folds(n_rows, of.n_folds)
        else:
            fold_of = folds(n_rows, of.n_folds, generator, classes, groups)
        for number in range(of.n_folds):
            if in_time:
                yield repeat, number + 1, time_split(fold_of, number, validation)
            else:
                test = fold_of == number
                split = split_for(test, validation, classes, groups, generator)
                yield repeat, number + 1, split


def group_numbers(table: Table, column: str) -> Array:
    table.require([column])
    texts = table.texts(column).fill_null("")
    numbers: Array = np.unique(texts.to_numpy(), return_inverse=True)[1]
    return numbers


def check_enough(table: Table, n_folds: int, groups: Array | None) -> None:
    n, noun = len(table), "rows"
    if groups is not None:
        n, noun = int(groups.max()) + 1, "groups"
    if n < 2 * n_folds:
        raise ParameterError(
            f"{table.source}: {n} {noun} are too few for {n_folds} folds; use --folds "
            f"{max(n // 2, 2)} or fewer"
            if n >= 4
            else f"{table.source}: {n} {noun} are too few to cross-validate"
        )


def split_for(
    test: Array,
    validation: float,
    classes: Array | None,
    groups: Array | None,
    generator: np.random.Generator,
) -> Split:
    """The test rows of a fold, and the others in two parts, with groups kept together."""
    rest = np.flatnonzero(~test)
    if groups is None:
        train, held_out = holdout(
            len(rest), validation, generator, None if classes is None else classes[rest]
        )
    else:
        parts = max(round(1 / validation), 2)
        inner = folds(len(rest), parts, generator, groups=groups[rest])
        train, held_out = np.flatnonzero(inner != 0), np.flatnonzero(inner == 0)
    if len(train) < 2 or len(held_out) < 1:
        raise TableError("a fold has too few rows to train on; use more rows or fewer folds")
    return Split(rest[train], rest[held_out], np.flatnonzero(test))


def time_split(fold_of: Array, number: int, validation: float) -> Split:
    """A fold in order of time: the rows before it train, the last of those validate."""
    before = np.flatnonzero(fold_of < number)
    n_out = holdout_size(len(before), validation)
    if len(before) - n_out < 2 or n_out < 1:
        raise TableError("a fold has too few rows to train on; use more rows or fewer folds")
    cut = len(before) - n_out
    return Split(before[:cut], before[cut:], np.flatnonzero(fold_of == number))


def scored(model: TableModel, data: Prepared, repeat: int, number: int, *, baseline: bool) -> Fold:
    X, y, _ = data.part(data.test)
    scores = {"network": model.scores(X, y)}
    linear = fit_linear(data.linear_encoding, *data.linear_part(data.train)) if baseline else None
    if linear is not None:
        X_test = data.linear_X[data.test]
        scores["linear"] = network_scores(linear, data.linear_encoding, X_test, y)
    scores["trivial"] = model.trivial_scores(y)
    predictions = model.decode(predict_proba(model.network, X)).columns()
    return Fold(repeat, number, data.test, scores, predictions)
