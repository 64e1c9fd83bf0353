"""The options of training on a table, once: for one table, in blocks, on a cluster, for each fold.

Functions take them as ``**options: Unpack[TableOptions]``; :func:`fallline.train_table` says what
each means.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from fallline.core.optimizers import LBFGS, Optimizer
from fallline.data.table import Table
from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular.recipes import RecipeStart
from fallline.training.settings import Progress

__all__ = [
    "PreparationOptions",
    "TableOptions",
    "preparation_options",
    "refuse_interval",
    "with_defaults",
]


class PreparationOptions(TypedDict, total=False):
    """How the table's columns and rows are read."""

    task: str | None
    types: Mapping[str, str] | None
    ignore: Sequence[str]
    weights: str | None
    class_weight: str | None
    validation: float | Table
    test: float | Table | None
    split: str
    positive: str | None
    soft: Table | None
    soft_columns: Mapping[str, str] | None
    soft_share: float


class RecipeOptions(TypedDict, total=False):
    """The preset, and options that replace its settings."""

    preset: str | None
    hidden: Sequence[int] | None
    activation: str | None
    optimizer: str | Optimizer | LBFGS | None
    learning_rate: float | None
    schedule: str | None
    epochs: int | None
    batch_size: int | None
    l2: float | None
    l1: float | None
    dropout: float | None
    patience: int | None
    bins: int | None
    seconds: float | None


class TableOptions(PreparationOptions, RecipeOptions, total=False):
    """All of them."""

    seed: int
    threads: int | None
    baseline: bool
    interval: float | None
    by_class: bool
    callbacks: Sequence[Callable[[Progress], Any]]
    on_run: Callable[[RecipeStart], Any] | None
    checkpoint: RunCheckpoint | None


DEFAULTS: TableOptions = {
    "task": None,
    "types": None,
    "ignore": (),
    "weights": None,
    "class_weight": None,
    "validation": 0.15,
    "test": None,
    "split": "random",
    "positive": None,
    "soft": None,
    "soft_columns": None,
    "soft_share": 0.5,
    "preset": "standard",
    "hidden": None,
    "activation": None,
    "optimizer": None,
    "learning_rate": None,
    "schedule": None,
    "epochs": None,
    "batch_size": None,
    "l2": None,
    "l1": None,
    "dropout": None,
    "patience": None,
    "bins": None,
    "seconds": None,
    "seed": 0,
    "threads": None,
    "baseline": True,
    "interval": None,
    "by_class": False,
    "callbacks": (),
    "on_run": None,
    "checkpoint": None,
}


def with_defaults(options: PreparationOptions) -> TableOptions:
    """Every option, given or not. Raises ParameterError for an unknown name."""
    for name in options:
        check_choice("an option", name, list(DEFAULTS))
    given: Any = {name: of_python(value) for name, value in options.items()}
    if given.get("preset") is None:
        given["preset"] = DEFAULTS["preset"]
    return DEFAULTS | given  # type: ignore[no-any-return]


def of_python(value: Any) -> Any:
    """NumPy's numbers as Python's, which a model file can store."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return type(value)(of_python(each) for each in value)
    return value


def refuse_interval(options: TableOptions, where: str) -> None:
    """Raise ParameterError if an interval is requested that ``where`` cannot give."""
    if options["interval"] is not None or options["by_class"]:
        raise ParameterError(f"interval and by_class belong to one training: not {where}")


def preparation_options(options: TableOptions) -> PreparationOptions:
    """The options about reading columns and rows."""
    return PreparationOptions(
        task=options["task"],
        types=options["types"],
        ignore=options["ignore"],
        weights=options["weights"],
        class_weight=options["class_weight"],
        validation=options["validation"],
        test=options["test"],
        split=options["split"],
        positive=options["positive"],
        soft=options["soft"],
        soft_columns=options["soft_columns"],
        soft_share=options["soft_share"],
    )
