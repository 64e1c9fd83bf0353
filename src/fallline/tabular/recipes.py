"""What a network on a table is like and how it is trained: the settings, and three presets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from fallline.core.optimizers import LBFGS, Optimizer, by_name
from fallline.core.schedules import SPANS, Plateau, WarmUp
from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.training.stopping import Patience, StopRule

__all__ = [
    "PRESETS",
    "TABLE_SCHEDULES",
    "Recipe",
    "RecipeStart",
    "folds_for",
    "for_size",
    "recipes",
]

MIN_BATCH, MAX_BATCH = 32, 256
BATCHES_OF_ROWS = 32
LEARNING_RATE = 4e-3  # for batches of 256
BLIND_EPOCHS = 20
MIN_L2, MAX_L2 = 1e-4, 1e-2
PLATEAU = "plateau"
TABLE_SCHEDULES = (*SPANS, PLATEAU)
"""The schedules for training on a table, where there are validation rows to go by."""


@dataclass(frozen=True)
class Recipe:
    """The settings of one network and its training; the defaults are those of "standard".

    ``optimizer`` is a name or an optimiser; a name is given ``learning_rate`` by ``schedule``, and
    ``weight_decay`` and ``beta_2`` where it is "adamw". With the schedule "plateau" the rate climbs
    for ``warm_up_epochs``, and falls to ``factor`` of itself after ``patience`` epochs without a
    better validation loss; with another schedule training stops there. ``bins`` are the most bins
    of a column of numbers (:mod:`fallline.data.binning`); 0 for none.

    What is None follows from the number of rows n and the other settings (``for_rows``):
    ``batch_size`` is the power of two next to n / 32, within 32 and 256; ``learning_rate``
    0.004 sqrt(batch_size / 256), at most 0.004; ``dropout`` 0.15; ``patience`` 4, or 20 without a
    plateau; ``l2`` 0 beside weight decay, else 5 / n within [1e-4, 1e-2], about the penalty that
    the linear model has. They were chosen on the tables of docs/results.md.
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

    def for_rows(self, n_rows: int) -> "Recipe":
        """The same with the settings that are None as ``n_rows`` training rows ask for."""
        batch = self.batch_size
        if batch is None and not self.by_lbfgs:
            batch = 2 ** round(math.log2(max(n_rows / BATCHES_OF_ROWS, 1)))
            batch = min(max(batch, MIN_BATCH), MAX_BATCH)
        rate = LEARNING_RATE * math.sqrt(min(batch or MAX_BATCH, MAX_BATCH) / MAX_BATCH)
        rate = float(f"{rate:.3g}")
        l2 = 0.0 if self.optimizer == "adamw" else min(max(5.0 / n_rows, MIN_L2), MAX_L2)
        return replace(
            self,
            batch_size=batch,
            learning_rate=rate if self.learning_rate is None else self.learning_rate,
            l2=l2 if self.l2 is None else self.l2,
            dropout=(0.0 if self.by_lbfgs else 0.15) if self.dropout is None else self.dropout,
            patience=(4 if self.falls else 20) if self.patience is None else self.patience,
        )

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
        """The optimiser for a run over ``n_rows``. Raises ParameterError for an unknown name."""
        if not isinstance(self.optimizer, str):
            return self.optimizer
        recipe = self.for_rows(n_rows)
        rate: Any = recipe.learning_rate
        steps = math.ceil(n_rows / (recipe.batch_size or n_rows))
        more = {"beta_2": self.beta_2, "weight_decay": self.weight_decay}
        more = more if self.optimizer == "adamw" else {}
        if not self.falls:
            return by_name(self.optimizer, rate, self.schedule, self.epochs * steps, **more)
        optimizer = by_name(self.optimizer, rate, "constant", 1, **more)
        climb = WarmUp(rate, self.warm_up_epochs * steps)
        plateau = Plateau(climb, patience=recipe.patience or 1, factor=self.factor)
        return replace(optimizer, learning_rate=plateau)

    def without_validation(self) -> "Recipe":
        """The recipe where no rows are held out: no plateau can be seen, so epochs are fixed."""
        return replace(self, schedule="cosine", epochs=BLIND_EPOCHS) if self.falls else self

    def stops(self, metric: str = "validation_loss") -> tuple[StopRule, ...]:
        """When to stop before the last epoch, by ``metric``; a plateau knows by itself."""
        return () if self.falls or self.patience is None else (Patience(self.patience, metric),)


@dataclass(frozen=True)
class RecipeStart:
    """One of the runs that training makes: its number from 1, of how many, and its recipe.

    ``at_once`` runs go side by side, and ``seconds_before`` had passed since the first one began.
    """

    number: int
    of: int
    recipe: Recipe
    at_once: int = 1
    seconds_before: float = 0.0


PRESETS: dict[str, tuple[Recipe, ...]] = {
    "quick": (Recipe(hidden=(64,), patience=2, factor=0.2, epochs=60),),
    "standard": (Recipe(),),
    "best": (Recipe(),),
}
"""One recipe, or several of which each trains a network for every fold (``folds_for``)."""

SMALL_ROWS, SMALL_HIDDEN = 1_500, (64, 64)
MANY_ROWS = 30_000  # from here on "standard" is one network: four would take 9 s and more
SMALL_FOLDS, STANDARD_FOLDS, BEST_FOLDS = 8, 4, 8


def folds_for(preset: str, n_rows: int) -> int:
    """Over how many folds of so many rows a preset trains; with 1 a part of them is held out.

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


def for_size(
    chosen: Sequence[Recipe], options: Mapping[str, Any], n_rows: int
) -> tuple[tuple[Recipe, ...], int]:
    """The recipes of a preset, and over how many folds, for so many rows that do not test.

    In a small table "standard" is a network of two layers of 64 for each of 8 folds, which costs a
    second at most, and "best" takes both sizes. Sizes that were given stay.
    """
    preset, n_folds = options["preset"], folds_for(options["preset"], n_rows)
    if n_rows > SMALL_ROWS or preset == "quick":
        return tuple(chosen), n_folds
    small = [replace(r, hidden=SMALL_HIDDEN) if options["hidden"] is None else r for r in chosen]
    both = [*small, *chosen] if preset == "best" else small
    return tuple(dict.fromkeys(both)), n_folds


def recipes(options: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """The recipes of the preset, each with what was given (not None) in place of its own.

    ``options`` are a :class:`fallline.tabular.options.TableOptions`. Recipes that become the same
    are taken once. Raises ParameterError for an unknown preset.
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
