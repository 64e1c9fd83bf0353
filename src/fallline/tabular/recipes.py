"""The settings of a network on a table and its training, and three presets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from fallline.core.optimizers import LBFGS, Optimizer, by_name
from fallline.core.schedules import SPANS, Plateau, WarmUp
from fallline.data.tasks import QUANTITIES
from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.training.settings import StopRule
from fallline.training.stopping import Patience

__all__ = [
    "PRESETS",
    "TABLE_SCHEDULES",
    "VARIED",
    "Plan",
    "Recipe",
    "RecipeStart",
    "TableSize",
    "best_of",
    "folds_for",
    "plan",
    "recipes",
]

Change = Mapping[str, Any]
"""Settings of a recipe by name, which replace those that it has."""

Choice = TypeVar("Choice")

MIN_BATCH, MAX_BATCH = 32, 256
BATCHES_OF_ROWS = 32
LEARNING_RATE = 5e-3  # for batches of 32 rows and more
BLIND_EPOCHS = 20
DROPOUT = 0.15
MIN_L2, MAX_L2 = 1e-4, 1e-2
PLATEAU = "plateau"
TABLE_SCHEDULES = (*SPANS, PLATEAU)
"""The schedules for training on a table, where there are validation rows to go by."""


@dataclass(frozen=True)
class Recipe:
    """The settings of one network and its training; the defaults are those of "standard".

    ``optimizer`` is a name or an optimiser; a name is combined with ``learning_rate`` and
    ``schedule``, and "adamw" with ``weight_decay`` and ``beta_2``. With the schedule "plateau" the
    rate rises for ``warm_up_epochs``, and is multiplied by ``factor`` after ``patience`` epochs
    without a better validation loss; with another schedule training stops then. ``bins`` is the
    maximum number of bins of a column of numbers (:mod:`fallline.data.binning`); 0 for none.
    ``keep`` is that of :func:`fallline.train`: by what the best epoch is chosen.

    What is None follows from the number of rows n and the other settings (``for_rows``):
    ``batch_size`` is the power of two next to n / 32, within 32 and 256; ``learning_rate`` 0.005,
    less for batches under 32 rows; ``dropout`` 0.15; ``patience`` 8 for numbers and 6 for classes,
    4 from 10,000 rows on, or 20 without a plateau; ``l2`` 0 beside weight decay, else 5 / n within
    [1e-4, 1e-2], about the penalty that the linear model has. Classes of up to 1,500 rows are
    overfitted sooner: their ``learning_rate`` is 0.005 sqrt(batch_size / 256) and their
    ``patience`` 4. All were chosen on some of the tables of docs/results.md.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "silu"
    optimizer: str | Optimizer | LBFGS = "adamw"
    learning_rate: float | None = None
    schedule: str = PLATEAU
    epochs: int = 200
    batch_size: int | None = None
    l2: float | None = None
    l1: float = 0.0
    dropout: float | None = None
    patience: int | None = None
    bins: int | None = None
    weight_decay: float = 0.3
    beta_2: float = 0.95
    factor: float = 0.3
    warm_up_epochs: int = 2
    keep: str = "best"

    def for_rows(self, n_rows: int, task: str) -> "Recipe":
        """The same with the settings that are None as ``n_rows`` training rows ask for."""
        batch = self.batch_size
        if batch is None and not self.by_lbfgs:
            batch = 2 ** round(math.log2(max(n_rows / BATCHES_OF_ROWS, 1)))
            batch = min(max(batch, MIN_BATCH), MAX_BATCH)
        calm = n_rows <= SMALL_ROWS and task not in QUANTITIES
        full = MAX_BATCH if calm else MIN_BATCH
        rate = float(f"{LEARNING_RATE * math.sqrt(min(batch or full, full) / full):.3g}")
        l2 = 0.0 if self.optimizer == "adamw" else min(max(5.0 / n_rows, MIN_L2), MAX_L2)
        return replace(
            self,
            batch_size=batch,
            learning_rate=rate if self.learning_rate is None else self.learning_rate,
            l2=l2 if self.l2 is None else self.l2,
            dropout=(0.0 if self.by_lbfgs else DROPOUT) if self.dropout is None else self.dropout,
            patience=self.usual_patience(n_rows, task) if self.patience is None else self.patience,
        )

    def usual_patience(self, n_rows: int, task: str) -> int:
        """Epochs without a better validation loss: an epoch of fewer rows has fewer steps."""
        if not self.falls:
            return 20
        if n_rows > MEDIUM_ROWS:
            return 4
        if task in QUANTITIES:
            return 8
        return 4 if n_rows <= SMALL_ROWS else 6

    @property
    def by_lbfgs(self) -> bool:
        """Whether its optimiser takes all rows at once."""
        return self.optimizer == "lbfgs" or isinstance(self.optimizer, LBFGS)

    @property
    def falls(self) -> bool:
        """Whether its learning rate falls at plateaus of the validation loss."""
        named = isinstance(self.optimizer, str) and not self.by_lbfgs
        return named and self.schedule == PLATEAU

    @property
    def dtype(self) -> str:
        """That of the network: float32, but L-BFGS needs more digits."""
        return "float64" if self.by_lbfgs else "float32"

    def build(self, n_rows: int) -> Any:
        """The optimiser of a recipe ``for_rows``. Raises ParameterError for an unknown name."""
        if not isinstance(self.optimizer, str):
            return self.optimizer
        rate: Any = self.learning_rate
        steps = math.ceil(n_rows / (self.batch_size or n_rows))
        more = {"beta_2": self.beta_2, "weight_decay": self.weight_decay}
        more = more if self.optimizer == "adamw" else {}
        if not self.falls:
            return by_name(self.optimizer, rate, self.schedule, self.epochs * steps, **more)
        optimizer = by_name(self.optimizer, rate, "constant", 1, **more)
        climb = WarmUp(rate, self.warm_up_epochs * steps)
        plateau = Plateau(climb, patience=self.patience or 1, factor=self.factor)
        return replace(optimizer, learning_rate=plateau)

    @property
    def label(self) -> str:
        """What it is called beside others."""
        sizes = "-".join(str(size) for size in self.hidden)
        more = [f"l1 {self.l1:g}"] if self.l1 else []
        more += [f"dropout {self.dropout:g}"] if self.dropout not in (None, DROPOUT) else []
        more += ["refined"] if self.keep == "refined" else []
        return ", ".join([f"{self.activation} {sizes}", *more])

    def without_validation(self) -> "Recipe":
        """The recipe if no rows are held out: plateaus cannot be detected, so epochs are fixed."""
        return replace(self, schedule="cosine", epochs=BLIND_EPOCHS) if self.falls else self

    def stops(self, metric: str = "validation_loss") -> tuple[StopRule, ...]:
        """The rule for stopping before the last epoch, by ``metric``; a plateau needs none."""
        return () if self.falls or self.patience is None else (Patience(self.patience, metric),)


@dataclass(frozen=True)
class RecipeStart:
    """One of the runs that training makes: its number from 1, of how many, and its recipe.

    ``at_once`` runs go side by side, and ``seconds_before`` had passed since the first one began.
    From here on all runs are likely to take ``seconds_left``; None if that cannot be told yet.
    """

    number: int
    of: int
    recipe: Recipe
    at_once: int = 1
    seconds_before: float = 0.0
    seconds_left: float | None = None


PRESETS: dict[str, tuple[Recipe, ...]] = {
    "quick": (Recipe(hidden=(64,), patience=2, factor=0.2, epochs=60),),
    "standard": (Recipe(),),
    "best": (Recipe(),),
}
"""The preset's own recipe; :func:`plan` says over how many folds, and beside which others."""

SMALL_ROWS, SMALL_HIDDEN = 1_500, (64, 64)
ENOUGH_ROWS = 500  # for comparing recipes of a small table
MEDIUM_ROWS = 10_000
MANY_ROWS = 30_000  # from here on "standard" is one network: four would take 9 s and more
MOST_INPUTS = 1_000
CLEARLY = 0.99  # of the first recipe's loss, on one fold
VARIED = 0.995  # the same on more folds
NEAR = 1.02
"""Times the lowest loss on the first fold: "best" compares the recipes below it on more folds, as
its folds have an eighth of the rows only. Out of fold that has 0.4 % less error on ten tables of
classes (by two folds none), on test rows 0.1 % on 21 tables, in 5 % more time."""
SMALL_FOLDS, STANDARD_FOLDS, BEST_FOLDS = 8, 4, 8
SMALL_DRAWS = 3
FEW_FOLDS, MORE_FOLDS = 2, 4  # on which variants are compared
RIVALS: tuple[Change, ...] = ({"activation": "relu"}, {"activation": "relu", "l1": 2e-4})
"""What recipes that are compared with the preset's own have in place of its settings.

Relu is better than silu where targets jump at thresholds (wine, hpc_data: 2 to 6 %) and worse where
they are smooth (letter, 15 %); l1 where most columns say nothing (mlc_churn, 15 %).
"""
REFINED: Change = {"keep": "refined"}
UNREFINED: Change = {"keep": "best"}
"""Networks of classes that are trained beyond their lowest validation loss, until that after the
best temperature rises too, are better together where rows recur (wine 5 to 8 %, hpc_data 1 to 6 %),
and a little worse elsewhere (cells 1.5 %, credit_data 0.2 %)."""
CALM: Change = {"dropout": 0.05}
DEEPER: Change = {"hidden": (256, 256, 256), "dropout": 0.25}
"""16 % better on letter and 10 % on mlc_churn than 128-128, at five times the cost."""
MUCH = 0.96
"""Of the loss of 128-128: where it was up to 4.5 % better on folds (of 11 other tables), it was up
to 2 % better (ames) and up to 1 % worse (magic) on test rows."""
MANY_CLASSES = 16
FOR_MANY_CLASSES: Change = {"hidden": (256, 256), "patience": 3}
"""11 % better on letter (26 classes), at one and a half times the cost."""


@dataclass(frozen=True)
class Plan:
    """The recipes for a table, over how many folds, and on how many of these they are compared.

    All recipes train on the first ``compared_on`` folds. Where they are ``mixed`` these are all
    folds, and the networks of one activation are members, weighed by the out-of-fold loss. Else
    those that are near the best one train on the first ``near_on`` folds too. Then the best one
    (:func:`best_of`) and its ``variants`` train on the first ``variants_on`` folds, and
    the best of these on the rest; or what is ``deeper``, if it is much better than that on the
    first two folds, and on the first ``variants_on``. What is kept is trained ``draws`` times on
    every fold, each from other first weights.
    """

    recipes: tuple[Recipe, ...]
    n_folds: int = 1
    compared_on: int = 1
    variants: tuple[Change, ...] = ()
    variants_on: int = 1
    near_on: int = 1
    deeper: Change | None = None
    mixed: bool = False
    draws: int = 1

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one recipe to choose from."""
        return len(self.recipes) > 1 or bool(self.variants) or self.deeper is not None

    @property
    def n_runs(self) -> int:
        """How many networks are trained, if no recipe is near the best one, and what is deeper is
        not much better.
        """
        more = len(self.variants) * self.variants_on
        more += FEW_FOLDS if self.deeper is not None else 0
        more += (self.draws - 1) * self.n_folds * (len(self.recipes) if self.mixed else 1)
        return self.compared_on * len(self.recipes) + self.n_folds - self.compared_on + more

    def finalists(self, best: Recipe) -> tuple[Recipe, ...]:
        """The best recipe and its variants."""
        return (best, *(replace(best, **change) for change in self.variants))


def folds_for(preset: str, n_rows: int) -> int:
    """The number of folds of a preset for this number of rows; with 1 a part is held out.

    >>> [folds_for("standard", n_rows) for n_rows in (1_000, 10_000, 100_000)]
    [8, 4, 1]
    """
    if preset == "quick":
        return 1
    if n_rows <= SMALL_ROWS:
        return SMALL_FOLDS
    if preset == "best":
        return BEST_FOLDS
    return STANDARD_FOLDS if n_rows <= MANY_ROWS else 1


@dataclass(frozen=True)
class TableSize:
    """What a plan depends on: the rows that do not test, the network's inputs, the task, and the
    number of classes, if there are classes.
    """

    n_rows: int
    n_inputs: int = 1
    task: str = "classes"
    n_classes: int = 2


def plan(chosen: Sequence[Recipe], options: Mapping[str, Any], size: TableSize) -> Plan:
    """What a preset trains on a table of this size.

    In a small table the networks have two layers of 64, of which eight cost a second at most.
    There "best" takes layers of 128 as well for numbers, and three draws of 64 for classes (0 to
    4 % better on six tables than with 128). Of 500 rows with numbers to predict and more, two
    activations are compared and two rates of dropout are mixed (concrete 6 %, Sacramento and
    car_prices 1 %);
    elsewhere the differences are less than chance. Above that "best" lets the rate fall later and
    less at a time. Above 10,000 rows only "best" compares, and "standard" has two layers of 256 for
    16 classes and more. Recipes are not compared that have over 1,000 inputs: one fold then says
    little of the mean of all (on mnist_5k it takes relu with l1, which is 10 % worse). What was
    given stays.
    """
    n_rows, preset = size.n_rows, options["preset"]
    n_folds, numbers = folds_for(preset, n_rows), size.task in QUANTITIES
    if preset == "quick":
        return Plan(tuple(chosen), n_folds)
    if preset == "standard" and n_rows > MEDIUM_ROWS:
        wider = FOR_MANY_CLASSES if size.n_classes >= MANY_CLASSES else {}
        return Plan(tuple(changed(each, wider, options) for each in chosen), n_folds)
    if n_rows <= SMALL_ROWS:
        return small_plan(chosen, options, size)
    if preset == "best":
        chosen = [changed(each, {"patience": 8, "factor": 0.5}, options) for each in chosen]
    if size.n_inputs > MOST_INPUTS:
        return Plan(tuple(chosen), n_folds)
    variants: list[Change] = []
    if n_rows <= MEDIUM_ROWS and not numbers:
        chosen = [changed(each, REFINED, options) for each in chosen]
        variants.append(UNREFINED)
    if preset == "best" and n_rows <= MEDIUM_ROWS and numbers:
        variants.append(CALM)
    open_ = [each for each in variants if is_open(each, options)]
    deeper = DEEPER if preset == "best" and is_open(DEEPER, options) else None
    more = preset == "best" and n_rows <= MEDIUM_ROWS
    on, near_on = (MORE_FOLDS, MORE_FOLDS) if more else (FEW_FOLDS, 1)
    found = with_rivals(chosen, options, RIVALS)
    return Plan(found, n_folds, 1, tuple(open_), on, near_on, deeper)


def is_open(change: Change, options: Mapping[str, Any]) -> bool:
    """Whether no setting of a change was given."""
    return all(options.get(name) is None for name in change)


def small_plan(chosen: Sequence[Recipe], options: Mapping[str, Any], size: TableSize) -> Plan:
    """All recipes on all folds."""
    found = [changed(each, {"hidden": SMALL_HIDDEN}, options) for each in chosen]
    best, numbers = options["preset"] == "best", size.task in QUANTITIES
    compares = numbers and size.n_rows >= ENOUGH_ROWS
    if best and numbers:
        found = list(chosen) if compares else [*found, *chosen]
    if compares:
        found += [changed(each, CALM, options) for each in found]
        found += [changed(each, RIVALS[0], options) for each in found]
    draws = SMALL_DRAWS if best and not numbers else 1
    return Plan(tuple(dict.fromkeys(found)), SMALL_FOLDS, SMALL_FOLDS, mixed=True, draws=draws)


def best_of(losses: Mapping[Choice, float], clearly: float = CLEARLY) -> Choice:
    """What has the lowest loss; the first one unless another's is below ``clearly`` times it.

    Less is chance: with a margin of none, adult's ``best`` took l1 and lost 0.6 %.
    """
    first = next(iter(losses))
    lowest = min(losses, key=lambda each: losses[each])
    return lowest if losses[lowest] < clearly * losses[first] else first


def with_rivals(
    chosen: Sequence[Recipe], options: Mapping[str, Any], rivals: Sequence[Change]
) -> tuple[Recipe, ...]:
    """The recipes, and each of them as a rival would have it in what was not given."""
    found = list(chosen)
    for rival in rivals:
        found += [changed(recipe, rival, options) for recipe in chosen]
    return tuple(dict.fromkeys(found))


def changed(recipe: Recipe, change: Mapping[str, Any], options: Mapping[str, Any]) -> Recipe:
    """The recipe with another setting where none was given."""
    open_ = {name: value for name, value in change.items() if options.get(name) is None}
    return replace(recipe, **open_)


def recipes(options: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """The recipes of the preset, each with the options given (not None).

    ``options`` are a :class:`fallline.tabular.options.TableOptions`. Recipes that become equal are
    used once. Raises ParameterError for an unknown preset.
    """
    names = [field.name for field in fields(Recipe)]
    given = {name: options[name] for name in names if options.get(name) is not None}
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    named = isinstance(given.get("optimizer", ""), str)
    if not named and {"learning_rate", "schedule"} & set(given):
        raise ParameterError(
            "learning_rate and schedule belong to an optimizer given by name; "
            "set them in the optimiser itself"
        )
    if "schedule" in given:
        check_choice("schedule", given["schedule"], TABLE_SCHEDULES)
    base = PRESETS[check_choice("preset", options["preset"], list(PRESETS))]
    return tuple(dict.fromkeys(replace(recipe, **given) for recipe in base))
