"""What a network on a table is like and how it is trained: the settings, and three presets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from fallline.core.optimizers import LBFGS, Optimizer, by_name
from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.training.choice import DEFAULT_BATCH

__all__ = ["PRESETS", "Recipe", "RecipeStart", "recipes"]

SMALL_TABLE, SMALL_BATCH = 2_000, 32
MIN_L2, MAX_L2 = 1e-4, 1e-2


@dataclass(frozen=True)
class Recipe:
    """The settings of one network and its training.

    ``optimizer`` is a name or an optimiser; a name is given ``learning_rate`` by ``schedule``.
    Where ``batch_size`` or ``l2`` is None it follows from the number of rows n: batches of 32
    below 2,000 rows, so that a small table gets enough steps, else 128; l2 = 5 / n within
    [1e-4, 1e-2], about the penalty that the linear model has. Both were chosen on the tables of
    docs/results.md.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str | Optimizer | LBFGS = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    epochs: int = 100
    batch_size: int | None = None
    l2: float | None = None
    l1: float = 0.0
    dropout: float = 0.0
    patience: int = 20

    def for_rows(self, n_rows: int) -> "Recipe":
        """The same with the batch size and the l2 that ``n_rows`` training rows ask for."""
        batch, l2 = self.batch_size, self.l2
        if batch is None and not self.by_lbfgs:
            batch = SMALL_BATCH if n_rows < SMALL_TABLE else DEFAULT_BATCH
        if l2 is None:
            l2 = min(max(5.0 / n_rows, MIN_L2), MAX_L2)
        return replace(self, batch_size=batch, l2=l2)

    @property
    def by_lbfgs(self) -> bool:
        """Whether its optimiser takes all rows at once."""
        return self.optimizer == "lbfgs" or isinstance(self.optimizer, LBFGS)

    def build(self, n_rows: int) -> Any:
        """The optimiser for a run over ``n_rows``. Raises ParameterError for an unknown name."""
        if not isinstance(self.optimizer, str):
            return self.optimizer
        batch = self.batch_size or DEFAULT_BATCH
        steps = self.epochs * math.ceil(n_rows / batch)
        return by_name(self.optimizer, self.learning_rate, self.schedule, steps)


@dataclass(frozen=True)
class RecipeStart:
    """One of the runs that training makes: its number from 1, of how many, and its recipe."""

    number: int
    of: int
    recipe: Recipe


PRESETS: dict[str, tuple[Recipe, ...]] = {
    "quick": (Recipe(hidden=(32,), learning_rate=0.005, epochs=30, patience=5),),
    "standard": (Recipe(),),
    "best": tuple(
        Recipe(
            hidden=hidden,
            epochs=200,
            patience=40,
            l2=l2,
            learning_rate=0.003,
            schedule="one_cycle",
        )
        for hidden in ((64, 64), (128, 128))
        for l2 in (1e-4, 1e-3, 1e-2)
    ),
}
"""One recipe, or several of which the best by validation loss is kept."""


def recipes(options: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """The recipes of the preset, each with what was given (not None) in place of its own.

    ``options`` are a :class:`fallline.tabular.options.TableOptions`. Recipes that become the same
    are taken once. Raises ParameterError for an unknown preset.
    """
    names = [field.name for field in fields(Recipe)]
    given = {name: options[name] for name in names if options[name] is not None}
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    named = isinstance(given.get("optimizer", ""), str)
    if not named and {"learning_rate", "schedule"} & set(given):
        raise ParameterError(
            "learning_rate and schedule belong to an optimizer given by name; "
            "set them in the optimiser itself"
        )
    base = PRESETS[check_choice("preset", options["preset"], list(PRESETS))]
    return tuple(dict.fromkeys(replace(recipe, **given) for recipe in base))
