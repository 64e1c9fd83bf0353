"""From a table to a trained network: prepared rows, runs by the preset's recipes, scores."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from fallline.core.compact import means
from fallline.data.contents import contents_of
from fallline.data.reading import as_table
from fallline.data.table import Table
from fallline.engine import logits
from fallline.saving.checkpointing import fingerprint
from fallline.tabular.ensemble import cooled, tempered_loss
from fallline.tabular.fingerprints import Fingerprints
from fallline.tabular.held_out import add_scores
from fallline.tabular.intervals import (
    add_interval,
    asked_level,
    calibration_share,
    check_by_class,
    check_enough,
)
from fallline.tabular.model import TableModel
from fallline.tabular.one_run import fit_in_memory, train_recipe
from fallline.tabular.options import TableOptions, preparation_options, with_defaults
from fallline.tabular.over_folds import endings, over_folds, train_folds
from fallline.tabular.preparation import Prepared, prepare
from fallline.tabular.recipes import Plan, Recipe, RecipeStart, TableSize, best_of, recipes
from fallline.tabular.record import record_of
from fallline.tabular.survey import Blocks

__all__ = ["complete", "cool", "train_in_time", "train_prepared", "train_table"]

SLOWER = 3.0  # what a run of "best" takes to one of "standard": 1.0 to 3.7 on 12 tables


def train_table(table: Any, target: str, **options: Unpack[TableOptions]) -> TableModel:
    r"""Train a network on a table; the best epoch's parameters, by validation loss, are kept.

    Parameters
    ----------
    table : from :func:`fallline.read_table`, a DataFrame of pandas or Polars, an Arrow table, or
        the path of a file. target : the column to predict.
    task : "binary", "classes", "numbers" or "counts"; recognised by default.
    types : {column: "number", "text", "date" or "skip"}, which overrides the recognition.
    ignore : columns to leave out.
    soft : labels of another model to learn from instead of the table's own: a table (or frame, or
        path) with as many rows, a column for each class (with the name of the class, or
        "probability of" it), or one of numbers (:mod:`fallline.tabular.soft`). soft_columns :
        {column: class} for columns of the table itself. soft_share : their weight, with the rest
        for the table's own labels; 1 for the other model alone. Scores always compare with the
        table's own labels.
    weights : a column with each row's weight in the loss. class_weight : "balanced" gives every
        class the same weight in all. Scores count every row equally.
    validation, test : shares of the rows, held out class by class, or tables (or frames);
        validation 0 trains on all rows, to the last epoch. split : "random", or "time" to hold out
        the last rows. positive : which of two classes AUC and calibration refer to. The encoding is
        fitted on the training rows alone.
    preset : "quick" (one network), "standard" or "best" (networks over folds, merged into one).
        These options replace the preset's own: hidden, activation, optimizer, learning_rate,
        schedule, epochs, batch_size, l2, l1, dropout patience and bins.
    seconds : the time limit of training; None for none. Without a preset "standard" is trained in
        it, and "best" as well if the time will do for that.
    optimizer : a name, with learning_rate and schedule, or an optimiser.
    interval : the level of conformal intervals, or of sets of classes: with 0.9 they contain the
        true value of nine new rows in ten (:mod:`fallline.tabular.intervals`). by_class : the level
        holds within each class, not only over all rows.
    baseline : whether to fit a linear model for comparison.
    on_run : called as each of the preset's runs begins; what it returns, if that is a function, is
        called with the :class:`fallline.Progress` of this run after each of its epochs. Networks
        over folds are trained side by side by ``threads``, each call in the thread of its run.
    seed, threads, callbacks : as in :func:`fallline.train`. With callbacks the runs follow each
        other.
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
    if given["seconds"] is not None and options.get("preset") is None:
        model, given = train_in_time(data, chosen, given)
    else:
        model = train_prepared(data, chosen, given)
    add_interval(model, data, level, by_class=given["by_class"])
    complete(model, data, given, source=Path(table.source).name, reading=table.reading)
    model.facts["record"] = record_of(given, "memory", contents_of(table), model.ended)
    return model


def apart(
    chosen: Sequence[Recipe], options: TableOptions, level: float | None
) -> Callable[[int], float]:
    """The share of a number of rows to keep for calibration: none without intervals or over folds.

    The function raises ParameterError where the rows are too few for the level.
    """
    if level is None:
        return lambda n_rows: 0.0

    def share_of(n_rows: int) -> float:
        folded = over_folds(chosen, options, TableSize(n_rows)).n_folds > 1
        share = 0.0 if folded else calibration_share(n_rows)
        check_enough(level, n_rows if folded else round(share * n_rows))
        return share

    return share_of


def train_in_time(
    data: Prepared, chosen: Sequence[Recipe], options: TableOptions
) -> tuple[TableModel, TableOptions]:
    """The model of "best" if the time limit allows it after that of "standard", else this one; and
    the options with its preset.

    The networks of "standard" say how long those of "best" will take. What is cut short is dropped.
    """
    began = time.perf_counter()
    model = train_prepared(data, chosen, options)
    if not ended_itself(model) or len(data.calibration):  # rows apart mean that there are no folds
        return model, options
    took = time.perf_counter() - began
    left = (options["seconds"] or 0.0) - took
    best: TableOptions = {**options, "preset": "best", "seconds": left, "checkpoint": None}
    known, richer = planned_for(data, chosen, options), planned_for(data, chosen, best)
    if richer == known or took * SLOWER * richer.n_runs / known.n_runs > left:
        return model, options
    better = train_prepared(data, recipes(best), best)
    if ended_itself(better) and better.facts.get("folds") == richer.n_folds:
        return better, {**options, "preset": "best"}
    if better.history.stopped == "interrupted":
        model.history.stopped = "interrupted"
        model.history.message = "interrupted; the networks of the preset 'standard' are kept"
    return model, options


def ended_itself(model: TableModel) -> bool:
    """Whether all runs of a model came to their own end."""
    return all(
        each["stopped"] == "itself" for each in model.ended
    ) and model.history.stopped not in ("interrupted", "diverged")


def planned_for(data: Prepared, chosen: Sequence[Recipe], options: TableOptions) -> Plan:
    """What is trained on prepared rows."""
    n_rows, encoding = len(data.train) + len(data.validation), data.encoding
    size = TableSize(n_rows, data.X.shape[1], encoding.task, len(encoding.classes))
    return over_folds(chosen, options, size)


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
    planned = planned_for(data, chosen, options)
    if len(data.calibration) == 0 and planned.n_folds > 1:
        return train_folds(data, planned, options)
    fit, n_rows = fit_in_memory(data), len(data.train)
    done: list[TableModel] = []
    losses: dict[Recipe, float] = {}
    sized = [recipe.for_rows(n_rows, data.encoding.task) for recipe in planned.recipes]
    for number, recipe in enumerate(sized, start=1):
        start = RecipeStart(number, len(sized), recipe)
        model = train_recipe(data, start, options, n_rows, fit)
        done.append(model)
        if len(sized) > 1:  # there are validation rows, see over_folds
            network, (X, y, _) = model.network, data.part(data.validation)
            losses[recipe] = tempered_loss(network, logits(network, X), network.rows(X, y))
        if model.history.stopped in ("interrupted", "diverged"):
            break
    best = done[sized.index(best_of(losses))] if losses else done[0]
    best.ended = endings(done)
    cool(best, data)
    return best


def cool(model: TableModel, data: Prepared) -> None:
    """Divide a single network's logits by a temperature, if that improves its validation rows.

    They count once each, as in the validation loss that chose the epoch. A run that ended early is
    left unchanged.
    """
    if len(data.validation) == 0 or model.history.stopped in ("interrupted", "diverged"):
        return
    temperature = cooled(model.network, *data.part(data.validation)[:2])
    if temperature != 1.0:
        model.facts["temperature"] = temperature


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
