"""From a table to a trained network: one for each recipe, the best by validation loss.

:func:`train_recipe` serves rows in memory, blocks of a large table and files on a cluster alike:
what differs is the function that fits the network.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import means
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.core.splits import each_fold, folds
from fallline.data.contents import contents_of
from fallline.data.encoding import Encoding
from fallline.data.reading import as_table
from fallline.data.table import Table
from fallline.data.targets import QUANTITIES
from fallline.engine import logits
from fallline.errors import ParameterError
from fallline.limits import check_integer
from fallline.saving.checkpointing import fingerprint
from fallline.tabular.baselines import new_network
from fallline.tabular.ensemble import (
    best_temperature,
    choose_weights,
    cooled,
    linear_member,
    merged,
)
from fallline.tabular.fingerprints import Fingerprints
from fallline.tabular.held_out import add_scores
from fallline.tabular.intervals import (
    add_interval,
    asked_level,
    calibration_share,
    check_by_class,
    check_enough,
)
from fallline.tabular.model import Folds, TableModel
from fallline.tabular.options import TableOptions, preparation_options, with_defaults
from fallline.tabular.preparation import Prepared, prepare
from fallline.tabular.recipes import Recipe, RecipeStart, for_size, recipes
from fallline.tabular.record import ending, record_of
from fallline.tabular.scoring import class_shares
from fallline.tabular.survey import Blocks
from fallline.training.history import History
from fallline.training.run import train
from fallline.training.settings import Progress, TrainOptions
from fallline.training.stopping import TimeLimit

__all__ = ["complete", "cool", "target_facts", "train_prepared", "train_recipe", "train_table"]

MIN_ROWS_FOR_FOLDS = 64


@dataclass
class Penalties:
    """A callback that keeps the cost of the weights after each recorded epoch.

    The recorded training loss has it, the validation loss has not.
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


Fit = Callable[[Network, TrainOptions], History]


def train_table(table: Any, target: str, **options: Unpack[TableOptions]) -> TableModel:
    r"""Train a network on a table; the best epoch's parameters, by validation loss, are kept.

    Parameters
    ----------
    table : from :func:`fallline.read_table`, a DataFrame of pandas or Polars, an Arrow table, or
        the path of a file. target : the column to predict.
    task : "binary", "classes", "numbers" or "counts"; recognised by default.
    types : {column: "number", "text", "date" or "skip"} against the recognition.
    ignore : columns to leave out.
    soft : labels of another model to learn from instead of the table's own: a table (or frame, or
        path) with as many rows, a column for each class (called as it is, or "probability of" it),
        or one of numbers (:mod:`fallline.tabular.soft`). soft_columns : {column: class} for those
        that stand in a table. soft_share : how much they count, the table's own labels counting the
        rest; 1 for the other model alone. Scores are against the table's own labels all the same.
    weights : a column with each row's weight in the loss. class_weight : "balanced" gives every
        class the same weight in all. Scores count every row once.
    validation, test : shares of the rows, held out class by class, or tables (or frames);
        validation 0 trains on all rows, to the last epoch. split : "random", or "time" to hold out
        the last rows. positive : which of two classes AUC and calibration are of. The
        encoding is fitted on the training rows alone.
    preset : "quick" (one network), "standard" or "best" (networks over folds, made one);
        what else is given stands in place of the preset's own:
        hidden, activation, optimizer, learning_rate, schedule, epochs, batch_size, l2, l1, dropout
        patience and bins.
    seconds : the time limit of training; None for none.
    optimizer : a name, with learning_rate and schedule, or an optimiser.
    interval : the level of conformal intervals, or of sets of classes: 0.9 for those that hold
        the true value of nine new rows in ten (:mod:`fallline.tabular.intervals`). by_class : so
        often within each class, and not over all rows alone.
    baseline : whether to fit the linear model to compare with.
    on_run : called as each of the preset's runs begins.
    seed, threads, callbacks : as in :func:`fallline.train`.
    checkpoint : a :class:`fallline.saving.checkpointing.RunCheckpoint`.

    Raises TableError for a table that cannot be used, ParameterError for a value or a name that
    is not allowed.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 7 > 3 else 'no'}" for i in range(200)]
    >>> size = Path("days.csv").write_text("\n".join(["cars,weekday,late", *rows]))
    >>> table = fl.read_table("days.csv")
    >>> model = fl.train_table(table, "late", preset="quick", test=0.2)
    >>> model.network.sizes
    (16, 64, 1)
    >>> model.facts["scores"]["test"]["network"]["accuracy"] > 0.9
    True
    """
    given = with_defaults(options)
    table = as_table(table)
    for name in ("validation", "test", "soft"):
        if not isinstance(given[name], float | int | None):
            given[name] = as_table(given[name], table.reading)
    chosen = recipes(given)
    level = asked_level(given)
    data = prepare(
        table,
        target,
        seed=given["seed"],
        dtype=chosen[0].dtype,
        bins=chosen[0].bins,
        calibration=apart(chosen, given, level),
        **preparation_options(given),
    )
    check_by_class(given, data.encoding)
    model = train_prepared(data, chosen, given)
    add_interval(model, data, level, by_class=given["by_class"])
    complete(model, data, given, source=Path(table.source).name, reading=table.reading)
    model.facts["record"] = record_of(given, "memory", contents_of(table), model.ended)
    return model


def apart(
    chosen: Sequence[Recipe], options: TableOptions, level: float | None
) -> Callable[[int], float]:
    """The share of so many rows to keep for calibration: none without intervals or over folds.

    The function raises ParameterError where the rows are too few for the level.
    """
    if level is None:
        return lambda n_rows: 0.0

    def share_of(n_rows: int) -> float:
        folded = over_folds(chosen, options, n_rows)[1] > 1
        share = 0.0 if folded else calibration_share(n_rows)
        check_enough(level, n_rows if folded else round(share * n_rows))
        return share

    return share_of


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
    exceed.
    """
    rows = np.sort(np.concatenate([data.train, data.validation]))
    generator = np.random.default_rng(options["seed"])
    classes = None if data.encoding.task in QUANTITIES else data.y[rows].astype(np.intp)
    fold_of = folds(len(rows), n_folds, generator, classes)
    members: list[list[TableModel]] = []
    cut: History | None = None
    kinds: list[list[Network]] = []
    began = time.perf_counter()
    for fold, (kept, out) in enumerate(each_fold(fold_of)):
        taken = time.perf_counter() - began
        limit = options["seconds"]
        if limit is not None and fold > 0 and taken * (fold + 1) / fold > limit:
            break
        part = replace(data, train=rows[kept], validation=rows[out])
        done = train_each(part, chosen, {**options, "seed": options["seed"] + fold}, fold, n_folds)
        if done[-1].history.stopped in ("interrupted", "diverged"):
            if not members:
                done[-1].ended = endings(done)
                return done[-1]
            cut = done[-1].history
            break
        members.append(done)
        networks = [model.network for model in done]
        if takes_linear(networks[0]):
            networks.append(linear_member(data.encoding, networks[0], *part.lesson(part.train)))
        kinds.append(networks)
    model = ensemble_of(data, members, kinds, rows, fold_of)
    if cut is not None:
        model.history.stopped, model.history.message = cut.stopped, cut.message
    return model


def train_each(
    part: Prepared, chosen: Sequence[Recipe], options: TableOptions, fold: int, n_folds: int
) -> list[TableModel]:
    """A network a recipe, on the rows of a fold."""
    X, y, weight = part.lesson(part.train)
    validation = part.part(part.validation)[:2]

    def fit(network: Network, settings: TrainOptions) -> History:
        return train(network, X, y, sample_weight=weight, validation=validation, **settings)

    done: list[TableModel] = []
    for number, recipe in enumerate(chosen, start=fold * len(chosen) + 1):
        start = RecipeStart(number, n_folds * len(chosen), recipe.for_rows(len(X)))
        done.append(train_recipe(part, start, options, len(X), fit))
        if done[-1].history.stopped in ("interrupted", "diverged"):
            break
    return done


def endings(models: Sequence[TableModel]) -> list[dict[str, Any]]:
    """How the runs of several models ended, in order."""
    return [ended for model in models for ended in model.ended]


def takes_linear(network: Network) -> bool:
    """Whether a linear model can be a member beside this network."""
    return network.hidden == ("silu", "silu")


def ensemble_of(
    data: Prepared,
    members: list[list[TableModel]],
    kinds: list[list[Network]],
    rows: Array,
    fold_of: Array,
) -> TableModel:
    """One model of all members, by the out-of-fold predictions of ``rows``."""
    first = members[0][0]
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
    model.history.seconds = sum(each.history.seconds for done in members for each in done)
    model.ended = endings([each for done in members for each in done])
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
        "runs": len(kinds) * len(members[0]),
    }
    return model


def train_prepared(data: Prepared, chosen: Sequence[Recipe], options: TableOptions) -> TableModel:
    """Train one network a recipe on prepared rows, and keep the one of the lowest validation loss;
    or one a recipe and fold, and make one of all.

    ``options`` are complete. A run that is interrupted or diverges is the last one. Raises
    ParameterError.
    """
    if options["checkpoint"] is not None:
        taught = None if data.soft is None else data.soft.targets
        kept = fingerprint(data.X, data.y, data.weight, data.train, data.validation, taught)
        options["checkpoint"].data = kept
    if len(data.calibration) == 0:
        sized, n_folds = over_folds(chosen, options, len(data.train) + len(data.validation))
        if n_folds > 1:
            return train_folds(data, sized, options, n_folds)
    X, y, weight = data.lesson(data.train)
    validation = data.part(data.validation)[:2] if len(data.validation) else None

    def fit(network: Network, settings: TrainOptions) -> History:
        return train(network, X, y, sample_weight=weight, validation=validation, **settings)

    best: TableModel | None = None
    done: list[TableModel] = []
    for number, recipe in enumerate(chosen):
        start = RecipeStart(number + 1, len(chosen), recipe.for_rows(len(X)))
        model = train_recipe(data, start, options, len(X), fit)
        done.append(model)
        if best is None or best_loss(model.history) < best_loss(best.history):
            best = model
        if model.history.stopped in ("interrupted", "diverged"):
            break
    if best is None:
        raise ParameterError("at least one recipe is needed")
    best.ended = endings(done)
    cool(best, data)
    return best


def cool(model: TableModel, data: Prepared) -> None:
    """Divide a single network's logits by a temperature, where its validation rows gain by it.

    They count once each, as in the validation loss that chose the epoch. A run that was cut short
    is left as it is.
    """
    if len(data.validation) == 0 or model.history.stopped in ("interrupted", "diverged"):
        return
    temperature = cooled(model.network, *data.part(data.validation)[:2])
    if temperature != 1.0:
        model.facts["temperature"] = temperature


def train_recipe(
    data: Prepared, start: RecipeStart, options: TableOptions, n_rows: int, fit: Fit
) -> TableModel:
    """One network by one recipe. ``fit`` trains it on ``n_rows`` rows, with the options given."""
    recipe, checkpoint = start.recipe, options["checkpoint"]
    if len(data.validation) == 0:
        recipe = recipe.without_validation()
    network = new_network(
        data.encoding, recipe.hidden, recipe.activation, options["seed"], recipe.dtype
    )
    if options["on_run"] is not None:
        options["on_run"](start)
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
        "stop": (
            *recipe.stops("validation_loss" if len(data.validation) else "loss"),
            *([] if options["seconds"] is None else [TimeLimit(options["seconds"])]),
        ),
        "callbacks": [*options["callbacks"], *([penalties] if penalties.penalty else [])],
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
    ended = [ending(history, options["seconds"])]
    return TableModel(network, data.encoding, history, facts, notes, ended=ended)


def best_loss(history: History) -> float:
    losses = [loss for loss in history.validation_loss or history.loss if np.isfinite(loss)]
    return min(losses, default=float("inf"))


def facts_of(
    data: Prepared, start: RecipeStart, settings: TrainOptions, history: History
) -> dict[str, Any]:
    """What the model file keeps about a run: the rows in memory, and the settings that ran."""
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
    """What a model keeps of the training targets: their range and decimals, or class shares."""
    shares = class_shares(encoding, y)
    if shares is not None:
        return {"class_shares": shares.tolist()}
    targets = encoding.decode_numbers(y)
    return {
        "target_range": [float(targets.min()), float(targets.max())],
        "target_decimals": decimals_of(targets),
    }


def decimals_of(values: Array, most: int = 10) -> int:
    """How many decimals the numbers have, judged by the first 1,000."""
    head = values[:1000]
    near = 1e-9 * max(float(np.abs(head).max(initial=0.0)), 1e-300)
    for decimals in range(most):
        if np.all(np.abs(head - np.round(head, decimals)) <= near):
            return decimals
    return most


def complete(
    model: TableModel,
    data: Prepared,
    options: TableOptions,
    *,
    source: str,
    reading: Mapping[str, Any],
    surveyed: Blocks | None = None,
) -> None:
    """Add the facts about the table, the scores, and a note where no checkpoint could be kept.

    ``reading`` are the options by which the files were read. ``surveyed`` is the whole of the table
    where ``data`` are samples of it.
    """
    validation, checkpoint = options["validation"], options["checkpoint"]
    model.facts |= {
        "source": source,
        "preset": options["preset"],
        "validation": validation if isinstance(validation, float) else "a table",
        "weights": options["weights"],
        "class_weight": options["class_weight"],
        "reading": dict(reading),
    }
    if surveyed is not None:
        parts = ((data.validation, validation), (data.test, options["test"]))
        apart = sum(len(rows) for rows, part in parts if isinstance(part, Table))
        held_out = len(data.validation) + len(data.test) + len(data.calibration) - apart
        model.facts |= {
            "rows": surveyed.n_rows + apart,
            "training_rows": surveyed.n_rows - held_out,
            "encoding_sample": len(data.train),
            "set_aside": surveyed.set_aside,
        }
    trained_on = data.train
    if model.folds is not None:
        trained_on = np.concatenate([data.train, data.validation])
    X = data.X[trained_on]
    model.seen, model.means = Fingerprints.of(X, data.y[trained_on]), means(X)
    if checkpoint is not None and checkpoint.failure is not None:
        model.notes.append(f"no checkpoint was kept: {checkpoint.failure}")
    add_scores(model, data, baseline=options["baseline"])
