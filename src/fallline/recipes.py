"""What a network on a table is like and how it is trained: the settings, and three presets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.optimizers import LBFGS, OPTIMIZERS, Optimizer
from fallline.schedules import (
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    Schedule,
    StepDecay,
    WarmUp,
)
from fallline.training import DEFAULT_BATCH, FULL_BATCH_BELOW

__all__ = ["PRESETS", "SCHEDULE_NAMES", "Recipe", "recipes"]

SCHEDULE_NAMES = (
    "constant",
    "step",
    "exponential",
    "cosine",
    "inverse_scaling",
    "warm_up",
    "one_cycle",
)


@dataclass(frozen=True)
class Recipe:
    """The settings of one network and its training.

    ``optimizer`` is a name or an optimiser; a name is given ``learning_rate`` by ``schedule``.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str | Optimizer | LBFGS = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    epochs: int = 100
    batch_size: int | None = None
    l2: float = 0.0
    patience: int = 20

    def build(self, n_rows: int) -> Any:
        """The optimiser for a run over ``n_rows``. Raises ParameterError for an unknown name."""
        if not isinstance(self.optimizer, str):
            return self.optimizer
        name = check_choice("optimizer", self.optimizer, list(OPTIMIZERS))
        if name == "lbfgs":
            return LBFGS()
        batch = self.batch_size or (n_rows if n_rows < FULL_BATCH_BELOW else DEFAULT_BATCH)
        steps = max(self.epochs * math.ceil(n_rows / batch), 1)
        return OPTIMIZERS[name](self.rate(steps))

    def rate(self, steps: int) -> float | Schedule:
        """The learning rate over ``steps`` steps, as ``schedule`` says."""
        rate = self.learning_rate
        schedules: dict[str, Any] = {
            "constant": lambda: rate,
            "step": lambda: StepDecay(rate, every=math.ceil(steps / 4)),
            "exponential": lambda: Exponential(rate, every=math.ceil(steps / 8)),
            "cosine": lambda: Cosine(rate, steps=steps),
            "inverse_scaling": lambda: InverseScaling(rate),
            "warm_up": lambda: WarmUp(rate, warm_up_steps=math.ceil(steps / 20)),
            "one_cycle": lambda: OneCycle(rate, steps=steps),
        }
        made: float | Schedule = schedules[
            check_choice("schedule", self.schedule, SCHEDULE_NAMES)
        ]()
        return made


PRESETS: dict[str, tuple[Recipe, ...]] = {
    "quick": (Recipe(hidden=(32,), learning_rate=0.005, epochs=30, patience=5),),
    "standard": (Recipe(),),
    "best": tuple(
        Recipe(hidden=hidden, epochs=300, patience=40, l2=l2, schedule="cosine")
        for hidden in ((64, 64), (128, 128))
        for l2 in (1e-5, 1e-3, 1e-2)
    ),
}
"""One recipe, or several of which the best by validation loss is kept."""


def recipes(preset: str, given: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """The recipes of a preset, each with what was given (not None) in place of its own.

    Recipes that become the same are taken once. Raises ParameterError for an unknown preset.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if "hidden" in chosen:
        chosen["hidden"] = tuple(chosen["hidden"])
    if not isinstance(chosen.get("optimizer", ""), str) and {"learning_rate", "schedule"} & set(
        chosen
    ):
        raise ParameterError(
            "learning_rate and schedule belong to an optimizer given by name; "
            "set them in the optimiser itself"
        )
    base = PRESETS[check_choice("preset", preset, list(PRESETS))]
    return tuple(dict.fromkeys(replace(recipe, **chosen) for recipe in base))
