"""One network by one recipe: a run of training on a table, and what a model file stores about it.

:func:`train_recipe` serves rows in memory, blocks of a large table and files on a cluster alike:
what differs is the function that fits the network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.data.encoding import Encoding
from fallline.limits import check_integer
from fallline.tabular.baselines import new_network
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions
from fallline.tabular.preparation import Prepared
from fallline.tabular.recipes import RecipeStart
from fallline.tabular.record import ending
from fallline.tabular.scoring import class_shares
from fallline.training.history import History
from fallline.training.run import train
from fallline.training.settings import Progress, TrainOptions
from fallline.training.stopping import TimeLimit

__all__ = ["Fit", "fit_in_memory", "target_facts", "train_recipe"]

Fit = Callable[[Network, TrainOptions], History]


@dataclass
class Penalties:
    """A callback that stores the penalty of the weights after each recorded epoch.

    The recorded training loss includes it, the validation loss does not.
    """

    penalty: Penalty
    found: dict[int, float] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        l2, l1 = self.penalty.l2, self.penalty.l1
        cost = 0.0
        for layer in progress.network.layers:
            W = layer.W.astype(float)  # summed in a fixed order, unlike by a BLAS
            cost += 0.5 * l2 * float(np.square(W).sum()) + l1 * float(np.abs(W).sum())
        self.found[progress.epoch] = cost

    def by_epoch(self, history: History) -> list[float]:
        """One for each recorded epoch; that of the first known one before it."""
        known, last = [], next(iter(self.found.values()), 0.0)
        for epoch in history.epoch:
            last = self.found.get(epoch, last)
            known.append(last)
        return known


def fit_in_memory(data: Prepared) -> Fit:
    """The function that fits a network to the training and validation rows of ``data``."""
    X, y, weight = data.lesson(data.train)
    validation = data.part(data.validation)[:2] if len(data.validation) else None

    def fit(network: Network, settings: TrainOptions) -> History:
        return train(network, X, y, sample_weight=weight, validation=validation, **settings)

    return fit


def train_recipe(
    data: Prepared, start: RecipeStart, options: TableOptions, n_rows: int, fit: Fit
) -> TableModel:
    """One network by one recipe. ``fit`` trains it on ``n_rows`` rows, with the options given."""
    recipe, checkpoint, limit = start.recipe, options["checkpoint"], options["seconds"]
    if len(data.validation) == 0:
        recipe = recipe.without_validation()
    network = new_network(
        data.encoding, recipe.hidden, recipe.activation, options["seed"], recipe.dtype
    )
    told = None if options["on_run"] is None else options["on_run"](start)
    keeper = None if checkpoint is None else checkpoint.numbered(start.number - 1)
    penalties = Penalties(Penalty(recipe.l2 or 0.0, recipe.l1))
    settings: TrainOptions = {
        "optimizer": recipe.build(n_rows),
        "epochs": check_integer("epochs", recipe.epochs),
        "batch_size": recipe.batch_size,
        "seed": options["seed"],
        "l2": recipe.l2 or 0.0,
        "l1": recipe.l1,
        "dropout": recipe.dropout or 0.0,
        "keep": recipe.keep if len(data.validation) else "last",
        "stop": (
            *recipe.stops("validation_loss" if len(data.validation) else "loss"),
            *([] if limit is None else [TimeLimit(limit, start.seconds_before)]),
        ),
        "callbacks": [
            *options["callbacks"],
            *([told] if callable(told) else []),
            *([penalties] if penalties.penalty else []),
        ],
        "threads": options["threads"],
        "checkpoint": None if recipe.by_lbfgs else keeper,
    }
    history = fit(network, settings)
    if checkpoint is not None and keeper is not None:
        if history.stopped == "interrupted" or start.of > 1:
            keeper.write()
        checkpoint.failure = checkpoint.failure or keeper.failure
    facts = facts_of(data, start, settings, history)
    facts["penalty"] = penalties.by_epoch(history)
    taught = () if data.soft is None else data.soft.notes
    notes = [*data.notes, *data.encoding.notes, *taught]
    ended = [ending(history, limit)]
    return TableModel(network, data.encoding, history, facts, notes, ended=ended)


def best_loss(history: History) -> float:
    losses = [loss for loss in history.validation_loss or history.loss if np.isfinite(loss)]
    return min(losses, default=float("inf"))


def facts_of(
    data: Prepared, start: RecipeStart, settings: TrainOptions, history: History
) -> dict[str, Any]:
    """What the model file stores about a run: the rows in memory, and the settings used."""
    lowest = best_loss(history)
    facts: dict[str, Any] = {
        "rows": sum(map(len, (data.train, data.validation, data.calibration, data.test))),
        "training_rows": len(data.train),
        "validation_rows": len(data.validation),
        "test_rows": len(data.test),
        "set_aside": data.set_aside,
        "hidden": list(start.recipe.hidden),
        "activation": start.recipe.activation,
        "optimizer": repr(settings["optimizer"]),
        "batch_size": settings["batch_size"],
        "l2": settings["l2"],
        "l1": settings["l1"],
        "dropout": settings["dropout"],
        "seed": settings["seed"],
        "runs": start.of,
        "best_validation_loss": lowest if history.validation_loss and lowest < np.inf else None,
    }
    if len(data.calibration):
        facts["calibration_rows"] = len(data.calibration)
    if data.soft is not None:
        facts["soft"] = data.soft.facts
    return facts | target_facts(data.encoding, data.y[data.train])


def target_facts(encoding: Encoding, y: Array) -> dict[str, Any]:
    """What a model stores about the training targets: their range and decimals, or class shares."""
    shares = class_shares(encoding, y)
    if shares is not None:
        return {"class_shares": shares.tolist()}
    targets = encoding.decode_numbers(y)
    return {
        "target_range": [float(targets.min()), float(targets.max())],
        "target_decimals": decimals_of(targets),
    }


def decimals_of(values: Array, most: int = 10) -> int:
    """How many decimals the numbers have, in the first 1,000."""
    head = values[:1000]
    near = 1e-9 * max(float(np.abs(head).max(initial=0.0)), 1e-300)
    for decimals in range(most):
        if np.all(np.abs(head - np.round(head, decimals)) <= near):
            return decimals
    return most
