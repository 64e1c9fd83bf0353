"""Networks over folds, each trained on all folds but one, in parallel, and merged into one model.

``recipes.plan`` gives the number of folds and the recipes that are compared on them. Several
threads take one run after another, because two cores can share whole runs but not batches of 32 to
256 rows. The thread that trains a network has no effect on the bits.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
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
from fallline.tabular.baselines import LOSS_FOR
from fallline.tabular.ensemble import (
    Mixture,
    linear_member,
    loss_of,
    merged,
    tempered_loss,
)
from fallline.tabular.model import Folds, TableModel
from fallline.tabular.one_run import fit_in_memory, train_recipe
from fallline.tabular.options import TableOptions
from fallline.tabular.pace import Pace
from fallline.tabular.preparation import Prepared
from fallline.tabular.recipes import (
    FEW_FOLDS,
    MUCH,
    NEAR,
    VARIED,
    Plan,
    Recipe,
    RecipeStart,
    TableSize,
    best_of,
    plan,
)
from fallline.training.settings import Progress

__all__ = ["endings", "over_folds", "train_folds"]

MIN_ROWS_FOR_FOLDS = 64
Key = tuple[int, Recipe, int]
"""The fold of a run, its recipe, and its draw."""
CUT_SHORT = ("interrupted", "diverged")
LINEAR_CAN_BE = ({"silu"}, {"relu"})
"""The activations of the hidden layers beside which a linear model can be a member."""


def over_folds(chosen: Sequence[Recipe], options: TableOptions, size: TableSize) -> Plan:
    """The plan for training on a table of this size.

    There are no folds if the rows held out are given (a table, the last rows, none), if there are
    fewer than 64 rows, or with L-BFGS.
    """
    share = options["validation"]
    drawn = isinstance(share, float) and share > 0 and options["split"] == "random"
    named = isinstance(options["optimizer"], str | None) and options["optimizer"] != "lbfgs"
    found = plan(chosen, options, size)
    if drawn and named and size.n_rows >= MIN_ROWS_FOR_FOLDS:
        return found
    return Plan(found.recipes if named and share else tuple(chosen))


def train_folds(data: Prepared, planned: Plan, options: TableOptions) -> TableModel:
    """Train the networks of all folds, and make one network of them.

    Ctrl-C ends it with the folds that are done, and so does a time limit that the next run would
    exceed. Where callbacks are given the runs follow each other, so that these see one at a time.
    """
    rows = np.sort(np.concatenate([data.train, data.validation]))
    generator = np.random.default_rng(options["seed"])
    classes = None if data.encoding.task in QUANTITIES else data.y[rows].astype(np.intp)
    fold_of = folds(len(rows), planned.n_folds, generator, classes)
    parts = [
        replace(data, train=rows[kept], validation=rows[out]) for kept, out in each_fold(fold_of)
    ]
    runs = FoldRuns(parts, planned, options)
    runs.train()
    done, ended = runs.done(), runs.ended()
    if not done:
        return runs.first()
    model = ensemble_of(data, done, rows, fold_of)
    model.ended = endings(ended.values())
    model.history.seconds = sum(each.history.seconds for each in ended.values())
    model.facts["runs"] = len(model.ended)
    if len(planned.recipes) > 1:
        model.facts["compared"] = {r.label: loss for r, loss in runs.compared.items()}
    if runs.near:
        model.facts["near"] = {r.label: loss for r, loss in runs.near.items()}
    if len(runs.finals) > 1:
        model.facts["variants"] = {r.label: loss for r, loss in runs.finals.items()}
    if runs.deeper:
        model.facts["deeper"] = {r.label: loss for r, loss in runs.deeper.items()}
    if runs.cut is not None:
        model.history.stopped, model.history.message = runs.cut
    return model


@dataclass(frozen=True)
class Job:
    """A run: its number from 1, the fold that it leaves out, its recipe, and the number from 0 of
    its draw of first weights and batches.
    """

    number: int
    fold: int
    recipe: Recipe
    draw: int = 0

    @property
    def key(self) -> Key:
        """What tells it from other runs."""
        return self.fold, self.recipe, self.draw


@dataclass(frozen=True)
class FoldDone:
    """What the rows outside one fold have trained: a model a recipe, and linear models beside.

    ``networks`` are those of each kind: the draws of a recipe, or a linear model alone; ``outputs``
    are the mean logits of each kind for the rows of the fold.
    """

    models: list[TableModel]
    networks: list[list[Network]]
    outputs: list[Array]


class FoldRuns:
    """The runs of all folds, which one or more threads take in order."""

    def __init__(self, parts: Sequence[Prepared], planned: Plan, options: TableOptions) -> None:
        self.parts, self.plan = parts, planned
        given = options["threads"]
        threads = threads_allowed() if given is None else check_integer("threads", given)
        with free_cores(1 if options["callbacks"] else min(threads, planned.n_folds)) as count:
            self.n_threads = count
        self.options: TableOptions = {**options, "threads": threads // self.n_threads}
        self.waiting: deque[Job] = deque()
        self.jobs: list[Job] = []
        self.found: dict[Job, TableModel] = {}
        self.outputs: dict[Key, Array] = {}  # logits of the rows of the fold
        self.losses: dict[Key, float] = {}  # of these, after the temperature
        self.compared: dict[Recipe, float] = {}  # the mean loss of each over the folds compared on
        self.near: dict[Recipe, float] = {}  # the same of those near the best one, on more folds
        self.finals: dict[Recipe, float] = {}  # the same of the best one's variants
        self.deeper: dict[Recipe, float] = {}  # the same of what was kept and of what is deeper
        self.kept = planned.recipes
        self.n_extra = 0  # runs of recipes that are near the best one
        self.draws = 1  # of each recipe that is kept, on all folds
        self.pace = Pace()
        self.cut: tuple[str, str] | None = None  # how it was cut short, and the message
        self.over = self.interrupted = False
        self.lock, self.began = threading.Lock(), time.perf_counter()

    def train(self) -> None:
        """All runs, or the first ones where an interrupt, a divergence or the time ends it."""
        planned, n_folds = self.plan, len(self.parts)
        try:
            # Without a choice all at once, so that no thread waits for the first fold.
            first = planned.compared_on if planned.has_choice else n_folds
            self.compared = self.compare(planned.recipes, first)
            if self.compared and not planned.mixed:
                self.kept = (self.best_recipe(),)
                finalists = planned.finalists(*self.kept)
                self.finals = self.compare(finalists, planned.variants_on)
                if len(self.finals) == len(finalists):
                    self.kept = (best_of(self.finals, VARIED),)
                self.try_deeper(*self.kept)
                self.compare(self.kept, n_folds)
            self.draw_again()
        except KeyboardInterrupt:
            self.cut = self.cut or ("interrupted", "interrupted; the folds that were done are kept")

    def best_recipe(self) -> Recipe:
        """The best of those compared, after more folds where others are near it."""
        lowest, n_folds = min(self.compared.values()), self.plan.near_on
        near = [recipe for recipe, loss in self.compared.items() if loss <= NEAR * lowest]
        if len(near) == 1 or n_folds == 1:
            return best_of(self.compared)
        self.n_extra = (len(near) - 1) * (n_folds - 1)
        losses = self.compare(near, n_folds)
        if len(losses) < len(near):
            self.forget_waiting()
            return best_of(self.compared)
        self.near = losses
        return best_of(losses, VARIED)

    def try_deeper(self, best: Recipe) -> None:
        """Keep the deeper network of the plan where it is much better: first on few folds."""
        if self.plan.deeper is None:
            return
        deeper = replace(best, **self.plan.deeper)
        for n_folds in (FEW_FOLDS, self.plan.variants_on):
            losses = self.compare((best, deeper), n_folds)
            if len(losses) < 2:
                self.forget_waiting()
                return
            self.deeper = losses
            if best_of(losses, MUCH) == best:
                return
        self.kept = (deeper,)

    def forget_waiting(self) -> None:
        """Leave out the runs for which there is no time, since there may be for shorter ones."""
        self.jobs = [job for job in self.jobs if job not in self.waiting]
        self.waiting.clear()

    def compare(self, recipes: Sequence[Recipe], n_folds: int) -> dict[Recipe, float]:
        """Train each recipe on the first folds; the mean loss of each that has come to the end."""
        self.train_on(recipes, n_folds)
        done = {job.key for job in self.ended()}
        keys = {recipe: [(fold, recipe, 0) for fold in range(n_folds)] for recipe in recipes}
        return {
            recipe: float(np.mean([self.losses[key] for key in of_it]))
            for recipe, of_it in keys.items()
            if done.issuperset(of_it)
        }

    def train_on(self, recipes: Sequence[Recipe], n_folds: int, draw: int = 0) -> None:
        """Train each recipe on the first folds, where it has not been."""
        keys = [(fold, recipe, draw) for fold in range(n_folds) for recipe in recipes]
        known = {job.key for job in self.jobs}
        new = [key for key in keys if key not in known]
        if not self.over:
            self.together([Job(len(self.jobs) + at, *key) for at, key in enumerate(new, start=1)])

    def draw_again(self) -> None:
        """The other draws of the plan; one that has not come to its end on all folds is dropped."""
        while not self.over and self.draws < self.plan.draws:
            before = len(self.jobs)
            self.train_on(self.kept, len(self.parts), self.draws)
            if not all(came_to_its_end(self.found.get(job)) for job in self.jobs[before:]):
                del self.jobs[before:]
                return
            self.draws += 1

    def together(self, jobs: Sequence[Job]) -> None:
        """The runs by one or more threads."""
        self.jobs += jobs
        self.waiting.extend(jobs)
        n_threads = min(self.n_threads, len(jobs))
        if n_threads <= 1 or not run_together([self.work] * n_threads, self.give_up):
            self.work()

    def give_up(self) -> None:
        """End the runs of all threads, each after its epoch."""
        self.over = self.interrupted = True

    def work(self) -> None:
        """Take one run after the other."""
        while (job := self.take()) is not None:
            began = time.perf_counter()
            model = self.run(job)
            self.measure(job, model.network)
            self.found[job] = model
            self.pace.add(job.recipe, time.perf_counter() - began)
            if model.history.stopped in CUT_SHORT:
                self.cut, self.over = (model.history.stopped, model.history.message), True

    def measure(self, job: Job, network: Network) -> None:
        """Predict the rows of the fold, which are compared by and mixed by."""
        X, y, _ = self.parts[job.fold].part(self.parts[job.fold].validation)
        Z = logits(network, X)
        self.outputs[job.key] = Z
        self.losses[job.key] = tempered_loss(network, Z, network.rows(X, y))

    def take(self) -> Job | None:
        """The next run; None where there is none, or no time for it."""
        with self.lock:
            if self.over or not self.waiting or self.late():
                return None
            return self.waiting.popleft()

    def late(self) -> bool:
        """Whether the next run would exceed the time limit, at the pace of those done."""
        limit = self.options["seconds"]
        if limit is None or self.waiting[0].number == 1:
            return False
        return self.taken() + self.pace.of(self.waiting[0].recipe) > limit

    def taken(self) -> float:
        """Seconds since the first run began."""
        return time.perf_counter() - self.began

    @property
    def n_runs(self) -> int:
        """How many runs there will be, as far as is known."""
        return max(self.plan.n_runs + self.n_extra, len(self.jobs))

    def left(self) -> float | None:
        """Seconds that the runs that are not done are likely to take; None before one is done.

        Those of which the recipe is not chosen yet count as the last one that was begun.
        """
        if not self.pace.known:
            return None
        found = set(self.found)
        recipes = [job.recipe for job in self.jobs if job not in found]
        recipes += [self.jobs[-1].recipe] * (self.n_runs - len(self.jobs))
        return sum(map(self.pace.of, recipes)) / self.n_threads

    def run(self, job: Job) -> TableModel:
        """A network by one recipe, on the rows outside a fold."""
        part, n_rows = self.parts[job.fold], len(self.parts[job.fold].train)
        options: TableOptions = {
            **self.options,
            "seed": self.options["seed"] + job.fold + job.draw * len(self.parts),
            "callbacks": [*self.options["callbacks"], self.after_epoch],
            "on_run": self.on_run,
        }
        recipe = job.recipe.for_rows(n_rows, part.encoding.task)
        start = RecipeStart(
            job.number, self.n_runs, recipe, self.n_threads, self.taken(), self.left()
        )
        return train_recipe(part, start, options, n_rows, fit_in_memory(part))

    def after_epoch(self, progress: Progress) -> None:
        """Only the main thread gets Ctrl-C."""
        if self.interrupted:
            raise KeyboardInterrupt

    def on_run(self, start: RecipeStart) -> Any:
        """Report that a run starts, one at a time."""
        told = self.options["on_run"]
        if told is None:
            return None
        with self.lock:
            return told(start)

    def ended(self) -> dict[Job, TableModel]:
        """The runs in their order, up to the first one that did not come to its end."""
        done = takewhile(lambda job: came_to_its_end(self.found.get(job)), self.jobs)
        return {job: self.found[job] for job in done}

    def done(self) -> list[FoldDone]:
        """The folds on which all recipes that are kept have come to their end."""
        models = {job.key: model for job, model in self.ended().items()}
        on_first = [recipe for recipe in self.kept if (0, recipe, 0) in models]
        done: list[FoldDone] = []
        for fold, part in enumerate(self.parts):
            keys = [[(fold, recipe, draw) for draw in range(self.draws)] for recipe in on_first]
            if not keys or any(key not in models for of_it in keys for key in of_it):
                break
            networks = [[models[key].network for key in of_it] for of_it in keys]
            alike = {net.hidden: net for net, *_ in networks}  # one of each kind
            linear = [net for like in alike.values() for net in linear_networks(part, like)]
            X = part.part(part.validation)[0]
            outputs = [mean_of([self.outputs[key] for key in of_it]) for of_it in keys]
            outputs += [logits(network, X) for network in linear]
            networks += [[network] for network in linear]
            done.append(FoldDone([models[first] for first, *_ in keys], networks, outputs))
        return done

    def first(self) -> TableModel:
        """What there is where no fold is done: the first network.

        Raises KeyboardInterrupt where there is none.
        """
        model = self.found.get(self.jobs[0])
        if model is None or self.cut is None:
            raise KeyboardInterrupt
        model.ended = endings([model])
        model.history.stopped, model.history.message = self.cut
        return model


def mean_of(draws: Sequence[Array]) -> Array:
    """The mean of the logits of several draws."""
    return draws[0] if len(draws) == 1 else np.mean(draws, axis=0)


def came_to_its_end(model: TableModel | None) -> bool:
    return model is not None and model.history.stopped not in CUT_SHORT


def endings(models: Iterable[TableModel]) -> list[dict[str, Any]]:
    """How the runs of several models ended, in order."""
    return [ended for model in models for ended in model.ended]


def linear_networks(part: Prepared, like: Network) -> list[Network]:
    """The linear model of the rows outside a fold, where it can be a network of that kind."""
    single = part.y.ndim == 1 and like.loss.name == LOSS_FOR[part.encoding.task]
    if set(like.hidden) not in LINEAR_CAN_BE or not single:
        return []
    return [linear_member(part.encoding, like, *part.lesson(part.train))]


def ensemble_of(
    data: Prepared, done: Sequence[FoldDone], rows: Array, fold_of: Array
) -> TableModel:
    """One model of all members of the best activations, by the out-of-fold predictions."""
    first, n_kinds = done[0].models[0].network, len(done[0].networks)
    covered = fold_of < len(done)
    X, y, weight = data.part(rows[covered])
    outputs = np.empty((n_kinds, len(X), first.sizes[-1]), first.dtype)
    for fold, members in enumerate(done):
        held = fold_of[covered] == fold
        outputs[:, held] = members.outputs
    samples = first.rows(X, y, weight)
    kinds_of: dict[tuple[str, ...], list[int]] = {}
    for kind, (network, *_) in enumerate(done[0].networks):
        kinds_of.setdefault(network.hidden, []).append(kind)
    mixtures = [
        Mixture.of(first, np.array(kinds), outputs[kinds], samples) for kinds in kinds_of.values()
    ]
    losses = {i: loss_of(first, each.logits, samples) for i, each in enumerate(mixtures)}
    best = mixtures[best_of(losses)]
    by_kind = best.weights / best.temperatures / len(done)
    used = [
        (network, share / len(each.networks[kind]))
        for each in done
        for kind, share in zip(best.kinds, by_kind, strict=True)
        for network in each.networks[kind]
        if share > 0
    ]
    model = done[0].models[int(best.kinds[0])]
    model.network = merged([net for net, _ in used], [share for _, share in used], best.temperature)
    number = np.full(len(data.X), -1)
    number[rows[covered]] = fold_of[covered]
    output = np.full((len(data.X), first.sizes[-1]), np.nan)
    output[rows[covered]] = first.loss.output(best.logits)
    model.folds = Folds(number, output)
    model.facts |= {
        "members": len(used),
        "folds": len(done),
        "member_weights": [float(weight) for weight in best.weights],
        "temperature": best.temperature * float(best.temperatures[best.first]),
        "training_rows": len(rows),
        "validation_rows": 0,
        "out_of_fold_rows": int(covered.sum()),
    }
    return model
