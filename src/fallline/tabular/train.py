"""From a table to a trained network: one for each recipe, the best by validation loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, Optimizer
from fallline.data.table import Table
from fallline.data.targets import QUANTITIES
from fallline.errors import ParameterError
from fallline.limits import check_integer
from fallline.saving.checkpointing import RunCheckpoint, fingerprint
from fallline.tabular.baselines import fit_linear, new_network
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import Prepared, prepare
from fallline.tabular.recipes import Recipe, recipes
from fallline.tabular.scoring import network_scores
from fallline.training.history import History
from fallline.training.run import Progress, train
from fallline.training.stopping import Patience

__all__ = ["Run", "add_scores", "facts_of", "train_prepared", "train_table"]


@dataclass(frozen=True)
class Run:
    """One of the runs that training makes: its number from 1, of how many, and its recipe."""

    number: int
    of: int
    recipe: Recipe


def train_table(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    weights: str | None = None,
    class_weight: str | None = None,
    validation: float | Table = 0.15,
    test: float | Table | None = None,
    preset: str = "standard",
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    optimizer: str | Optimizer | LBFGS | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    l2: float | None = None,
    l1: float | None = None,
    dropout: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    baseline: bool = True,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[Run], Any] | None = None,
    checkpoint: RunCheckpoint | None = None,
) -> TableModel:
    r"""Train a network on a table; the best epoch's parameters, by validation loss, are kept.

    Parameters
    ----------
    table : from :func:`fallline.read_table`; target : the column to predict.
    task : "binary", "classes", "numbers" or "counts"; recognised by default.
    types : {column: "number", "text", "date" or "skip"} against the recognition.
    ignore : columns to leave out.
    weights : a column with each row's weight in the loss. class_weight : "balanced" gives every
        class the same weight in all. Scores count every row once.
    validation, test : shares of the rows, held out class by class, or tables of their own. The
        encoding is fitted on the training rows alone.
    preset : "quick", "standard" or "best" (several networks, the best by validation loss kept);
        what is given besides stands in place of the preset's own.
    optimizer : a name, with learning_rate and schedule, or an optimiser.
    baseline : whether to fit the linear model to compare with.
    on_run : called as each of the preset's runs begins.
    checkpoint : a :class:`fallline.saving.checkpointing.RunCheckpoint`.

    The other parameters are those of :func:`fallline.train`. Raises TableError or ParameterError.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 7 > 3 else 'no'}" for i in range(200)]
    >>> size = Path("days.csv").write_text("\n".join(["cars,weekday,late", *rows]))
    >>> table = fl.read_table("days.csv")
    >>> model = fl.train_table(table, "late", preset="quick", test=0.2)
    >>> model.network.sizes
    (2, 32, 1)
    >>> model.facts["scores"]["test"]["network"]["accuracy"] > 0.9
    True
    """
    given = {
        "hidden": hidden,
        "activation": activation,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "epochs": epochs,
        "batch_size": batch_size,
        "l2": l2,
        "l1": l1,
        "dropout": dropout,
        "patience": patience,
    }
    chosen = recipes(preset, given)
    data = prepare(
        table,
        target,
        task=task,
        types=types,
        ignore=ignore,
        weights=weights,
        class_weight=class_weight,
        validation=validation,
        test=test,
        seed=seed,
    )
    model = train_prepared(
        data,
        chosen,
        seed=seed,
        threads=threads,
        callbacks=callbacks,
        on_run=on_run,
        checkpoint=checkpoint,
    )
    model.notes[:0] = table.notes
    model.facts |= {
        "source": Path(table.source).name,
        "preset": preset,
        "validation": validation if isinstance(validation, float) else "a table",
        "weights": weights,
        "class_weight": class_weight,
    }
    add_scores(model, data, baseline=baseline)
    return model


def train_prepared(
    data: Prepared,
    chosen: Sequence[Recipe],
    *,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[Run], Any] | None = None,
    checkpoint: RunCheckpoint | None = None,
) -> TableModel:
    """Train one network a recipe on prepared rows, and keep the one of the lowest validation loss.

    A run that is interrupted or diverges is the last one. Raises ParameterError.
    """
    if checkpoint is not None:
        checkpoint.data = fingerprint(data.X, data.y, data.weight, data.kept, data.held)
    best: tuple[float, Network, History, Recipe] | None = None
    failures: list[str] = []
    for number, recipe in enumerate(recipe.for_rows(len(data.kept)) for recipe in chosen):
        if on_run is not None:
            on_run(Run(number + 1, len(chosen), recipe))
        network = new_network(data.encoding, recipe.hidden, recipe.activation, seed)
        keeper = None if checkpoint is None else checkpoint.numbered(number)
        several = len(chosen) > 1
        history = train_one(
            network, data, recipe, seed, threads, callbacks, keeper, several=several
        )
        if keeper is not None and keeper.failure is not None:
            failures.append(f"no checkpoint was kept: {keeper.failure}")
        loss = best_loss(history)
        if best is None or loss < best[0]:
            best = loss, network, history, recipe
        if history.stopped in ("interrupted", "diverged"):
            break
    if best is None:
        raise ParameterError("at least one recipe is needed")
    _, network, history, recipe = best
    facts = facts_of(data, recipe, history, len(chosen), seed)
    notes = [*data.encoding.notes, *failures[:1]]
    return TableModel(network, data.encoding, history, facts, notes)


def train_one(
    network: Network,
    data: Prepared,
    recipe: Recipe,
    seed: int,
    threads: int | None,
    callbacks: Sequence[Callable[[Progress], Any]],
    keeper: RunCheckpoint | None,
    *,
    several: bool,
) -> History:
    X, y, weight = data.part(data.kept)
    optimizer = recipe.build(len(X))
    history = train(
        network,
        X,
        y,
        optimizer=optimizer,
        epochs=check_integer("epochs", recipe.epochs),
        batch_size=recipe.batch_size,
        seed=seed,
        l2=recipe.l2 or 0.0,
        l1=recipe.l1,
        dropout=recipe.dropout,
        sample_weight=weight,
        validation=data.part(data.held)[:2],
        stop=Patience(recipe.patience),
        callbacks=callbacks,
        threads=threads,
        checkpoint=None if isinstance(optimizer, LBFGS) else keeper,
    )
    if keeper is not None and (history.stopped == "interrupted" or several):
        keeper.write()
    return history


def best_loss(history: History) -> float:
    losses = [loss for loss in history.validation_loss if np.isfinite(loss)]
    return min(losses, default=float("inf"))


def facts_of(
    data: Prepared, recipe: Recipe, history: History, n_runs: int, seed: int
) -> dict[str, Any]:
    """What the model file keeps about the training."""
    facts: dict[str, Any] = {
        "rows": len(data.kept) + len(data.held) + len(data.tested),
        "training_rows": len(data.kept),
        "validation_rows": len(data.held),
        "test_rows": len(data.tested),
        "set_aside": data.set_aside,
        "hidden": list(recipe.hidden),
        "activation": recipe.activation,
        "optimizer": repr(recipe.build(len(data.kept))),
        "batch_size": recipe.batch_size,
        "l2": recipe.l2,
        "l1": recipe.l1,
        "dropout": recipe.dropout,
        "seed": seed,
        "runs": n_runs,
        "best_validation_loss": best_loss(history) if history.validation_loss else None,
    }
    if data.encoding.task not in QUANTITIES:
        codes = data.y[data.kept].astype(np.intp)
        counts = np.bincount(codes, minlength=len(data.encoding.classes))
        facts["class_shares"] = (counts / counts.sum()).tolist()
    return facts


def add_scores(model: TableModel, data: Prepared, *, baseline: bool) -> None:
    """Score the network, the trivial guess and the linear model on validation and test rows."""
    linear = None
    if baseline and model.history.stopped != "interrupted":
        linear = fit_linear(model.encoding, *data.part(data.kept))
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for name, rows in (("validation", data.held), ("test", data.tested)):
        if len(rows) == 0:
            continue
        X, y, _ = data.part(rows)
        scores[name] = {"network": model.scores(X, y), "trivial": model.trivial_scores(y)}
        if linear is not None:
            scores[name]["linear"] = network_scores(linear, model.encoding, X, y)
    model.facts["scores"] = scores
    model.data, model.linear = data, linear
