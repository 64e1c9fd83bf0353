"""Networks over folds: each trained on all folds but one, side by side, and made one model.

The folds are as many runs as ``recipes.folds_for`` says, and up to as many threads take one after
the other, each run in a thread of its own: batches of 32 to 256 rows are too few for two cores to
share, whole runs are not. Which thread trains a fold changes no bit.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.splits import each_fold, folds
from fallline.data.targets import QUANTITIES
from fallline.engine import free_cores, logits, run_together, threads_allowed
from fallline.limits import check_integer
from fallline.tabular.ensemble import best_temperature, choose_weights, linear_member, merged
from fallline.tabular.model import Folds, TableModel
from fallline.tabular.one_run import fit_in_memory, train_recipe
from fallline.tabular.options import TableOptions
from fallline.tabular.preparation import Prepared
from fallline.tabular.recipes import Recipe, RecipeStart, for_size
from fallline.training.settings import Progress

__all__ = ["endings", "over_folds", "train_folds"]

MIN_ROWS_FOR_FOLDS = 64
CUT_SHORT = ("interrupted", "diverged")
LINEAR_CAN_BE = ("silu", "silu")
"""The hidden layers beside which a linear model can be a member."""


def over_folds(
    chosen: Sequence[Recipe], options: TableOptions, n_rows: int
) -> tuple[tuple[Recipe, ...], int]:
    """The recipes, and over how many folds of the ``n_rows`` that do not test; 1 for none.

    There are none where rows are held out for a reason of their own (a table, the last ones,
    none), nor where they are fewer than 64, nor by L-BFGS.
    """
    share = options["validation"]
    drawn = isinstance(share, float) and share > 0 and options["split"] == "random"
    named = isinstance(options["optimizer"], str | None) and options["optimizer"] != "lbfgs"
    if drawn and named and n_rows >= MIN_ROWS_FOR_FOLDS:
        return for_size(chosen, options, n_rows)
    return tuple(chosen), 1


def train_folds(
    data: Prepared, chosen: Sequence[Recipe], options: TableOptions, n_folds: int
) -> TableModel:
    """Train a network a recipe for every fold, and make one network of all of them.

    Ctrl-C ends it with the folds that are done, and so does a time limit that the next fold would
    exceed. Where callbacks are given the runs follow each other, so that these see one at a time.
    """
    rows = np.sort(np.concatenate([data.train, data.validation]))
    generator = np.random.default_rng(options["seed"])
    classes = None if data.encoding.task in QUANTITIES else data.y[rows].astype(np.intp)
    fold_of = folds(len(rows), n_folds, generator, classes)
    parts = [
        replace(data, train=rows[kept], validation=rows[out]) for kept, out in each_fold(fold_of)
    ]
    runs = FoldRuns(parts, chosen, options)
    done = runs.train()
    if not done:
        return runs.first()
    model = ensemble_of(data, done, rows, fold_of)
    if runs.cut is not None:
        model.history.stopped, model.history.message = runs.cut
    return model


@dataclass(frozen=True)
class FoldDone:
    """What is trained on the rows outside one fold: a model a recipe, and all networks."""

    models: list[TableModel]
    networks: list[Network]


class FoldRuns:
    """The runs of all folds, which one or several threads take in their order."""

    def __init__(
        self, parts: Sequence[Prepared], chosen: Sequence[Recipe], options: TableOptions
    ) -> None:
        self.parts, self.chosen = parts, chosen
        given = options["threads"]
        threads = threads_allowed() if given is None else check_integer("threads", given)
        with free_cores(1 if options["callbacks"] else min(threads, len(parts))) as count:
            self.n_threads = count
        self.options: TableOptions = {**options, "threads": threads // self.n_threads}
        self.found: list[FoldDone | list[TableModel] | None] = [None] * len(parts)
        self.seconds: list[float] = []  # of the folds that are done
        self.cut: tuple[str, str] | None = None  # how it was cut short, and the message
        self.next, self.over, self.interrupted = 0, False, False
        self.lock, self.began = threading.Lock(), time.perf_counter()

    def train(self) -> list[FoldDone]:
        """All folds, or the first ones where an interrupt, a divergence or the time ends it."""
        try:
            if self.n_threads == 1 or not run_together([self.work] * self.n_threads, self.give_up):
                self.work()
        except KeyboardInterrupt:
            self.cut = self.cut or ("interrupted", "interrupted; the folds that were done are kept")
        return list(takewhile(lambda found: isinstance(found, FoldDone), self.found))  # type: ignore[arg-type]

    def give_up(self) -> None:
        """End the runs of all threads, each after its epoch."""
        self.over = self.interrupted = True

    def work(self) -> None:
        """Take one fold after the other."""
        while (fold := self.take()) is not None:
            began = time.perf_counter()
            models = self.train_each(fold)
            self.found[fold] = models
            history = models[-1].history
            if history.stopped in CUT_SHORT:
                self.cut, self.over = (history.stopped, history.message), True
            else:
                self.found[fold] = FoldDone(models, self.networks(fold, models))
                self.seconds.append(time.perf_counter() - began)

    def take(self) -> int | None:
        """The next fold; None where there is none, or no time for it."""
        with self.lock:
            if self.over or self.next == len(self.parts) or self.late():
                return None
            self.next += 1
            return self.next - 1

    def late(self) -> bool:
        """Whether the next fold would exceed the time limit, if it takes as long as those done."""
        limit = self.options["seconds"]
        if limit is None or self.next == 0:
            return False
        usual = sum(self.seconds) / max(len(self.seconds), 1)
        return self.taken() + usual > limit

    def taken(self) -> float:
        """Seconds since the first run began."""
        return time.perf_counter() - self.began

    def train_each(self, fold: int) -> list[TableModel]:
        """A network a recipe, on the rows outside a fold."""
        part, n_recipes = self.parts[fold], len(self.chosen)
        fit = fit_in_memory(part)
        options: TableOptions = {
            **self.options,
            "seed": self.options["seed"] + fold,
            "callbacks": [*self.options["callbacks"], self.after_epoch],
            "on_run": self.on_run,
        }
        done: list[TableModel] = []
        for number, recipe in enumerate(self.chosen, start=fold * n_recipes + 1):
            start = RecipeStart(
                number,
                len(self.parts) * n_recipes,
                recipe.for_rows(len(part.train)),
                self.n_threads,
                self.taken(),
            )
            done.append(train_recipe(part, start, options, len(part.train), fit))
            if done[-1].history.stopped in CUT_SHORT:
                break
        return done

    def after_epoch(self, progress: Progress) -> None:
        """A thread that is not the main one gets no Ctrl-C by itself."""
        if self.interrupted:
            raise KeyboardInterrupt

    def on_run(self, start: RecipeStart) -> Any:
        """Tell that a run begins, one at a time."""
        told = self.options["on_run"]
        if told is None:
            return None
        with self.lock:
            return told(start)

    def networks(self, fold: int, models: Sequence[TableModel]) -> list[Network]:
        """The networks of a fold, with the linear model where it can be one."""
        part, networks = self.parts[fold], [model.network for model in models]
        if networks[0].hidden == LINEAR_CAN_BE:
            networks.append(linear_member(part.encoding, networks[0], *part.lesson(part.train)))
        return networks

    def first(self) -> TableModel:
        """What there is of the first fold, where none is done: its last network.

        Raises KeyboardInterrupt where there is nothing.
        """
        models = self.found[0]
        if not isinstance(models, list) or self.cut is None:
            raise KeyboardInterrupt
        model = models[-1]
        model.ended = endings(models)
        model.history.stopped, model.history.message = self.cut
        return model


def endings(models: Sequence[TableModel]) -> list[dict[str, Any]]:
    """How the runs of several models ended, in order."""
    return [ended for model in models for ended in model.ended]


def ensemble_of(
    data: Prepared,
    done: Sequence[FoldDone],
    rows: Array,
    fold_of: Array,
) -> TableModel:
    """One model of all members, by the out-of-fold predictions of ``rows``."""
    kinds, models = [fold.networks for fold in done], [m for fold in done for m in fold.models]
    first = models[0]
    covered = fold_of < len(kinds)
    X, y, weight = data.part(rows[covered])
    outputs = [np.empty((len(X), first.network.sizes[-1]), first.network.dtype) for _ in kinds[0]]
    for fold, networks in enumerate(kinds):
        held = fold_of[covered] == fold
        for out, network in zip(outputs, networks, strict=True):
            out[held] = logits(network, X[held])
    samples = first.network.rows(X, y, weight)
    weights = choose_weights(first.network, outputs, samples)
    mean = np.tensordot(weights.astype(first.network.dtype), np.array(outputs), axes=1)
    temperature = best_temperature(first.network, mean, samples)
    shares = [(net, w / len(kinds)) for nets in kinds for net, w in zip(nets, weights, strict=True)]
    used = [(net, share) for net, share in shares if share > 0]
    model = first
    model.history.seconds = sum(each.history.seconds for each in models)
    model.ended = endings(models)
    model.network = merged([net for net, _ in used], [share for _, share in used], temperature)
    number = np.full(len(data.X), -1)
    number[rows[covered]] = fold_of[covered]
    output = np.full((len(data.X), mean.shape[1]), np.nan)
    output[rows[covered]] = first.network.loss.output(mean / temperature)
    model.folds = Folds(number, output)
    model.facts |= {
        "members": len(used),
        "folds": len(kinds),
        "member_weights": [float(weight) for weight in weights],
        "temperature": temperature,
        "training_rows": len(rows),
        "validation_rows": 0,
        "out_of_fold_rows": int(covered.sum()),
        "runs": len(models),
    }
    return model
