"""What is explained: a network, and rows of a table or of an array."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.core.samples import check_X
from fallline.data.columns import Column, NumberColumn, cell_columns
from fallline.data.reading import as_table
from fallline.data.table import Table
from fallline.errors import DataError, ParameterError, ShapeError, TableError
from fallline.explaining.features import sample
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import with_target
from fallline.text import figure

__all__ = ["Subject", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """A network with the rows to explain and those for comparison, encoded in float64.

    ``X`` (n, n_features) are the rows at the positions ``rows`` (n,) of the table, ``cells`` their
    texts, (n, n_columns). ``sample_X`` (m, n_features) is a sample of the table, whose targets are
    ``sample_y`` (m,) where it has any. ``task`` is "binary", "classes", "numbers" or "counts", or
    "labels" for several binary outputs; ``mean`` and ``scale`` convert numbers to the target's
    unit. ``baseline`` (n_features,) is where the explanation starts, and ``baseline_name`` says
    which it is.
    """

    network: Network
    columns: tuple[Column, ...]
    task: str
    target: str
    classes: tuple[str, ...]
    mean: float
    scale: float
    X: Array
    rows: Array
    cells: tuple[tuple[str, ...], ...]
    sample_X: Array
    sample_y: Array | None
    baseline: Array
    baseline_name: str


def subject_of(model: Any, table: Any, rows: Any, baseline: Any, seed: int) -> Subject:
    """The subject, from anything that :func:`fallline.explain` takes."""
    if isinstance(model, TableModel):
        return of_table(model, table, rows, baseline, seed)
    if isinstance(model, Network):
        return of_network(model, table, rows, baseline, seed)
    if hasattr(model, "to_network"):
        return of_estimator(model, table, rows, baseline, seed)
    raise ParameterError(
        "explain takes a table's model, a fitted estimator or a network, not "
        f"{type(model).__name__}"
    )


def check_rows(rows: Any, n_rows: int) -> Array:
    """The positions given, or all. Raises ParameterError for one that does not exist."""
    if rows is None:
        return np.arange(n_rows)
    chosen = np.atleast_1d(np.asarray(rows))
    if chosen.ndim > 1 or chosen.dtype.kind not in "iu" or chosen.size == 0:
        raise ParameterError(f"rows must list positions of rows, counted from 0, not {rows!r}")
    wrong = chosen[(chosen < 0) | (chosen >= n_rows)]
    if wrong.size:
        raise ParameterError(f"rows has {wrong[0]}, but the table has rows 0 to {n_rows - 1}")
    return chosen


# ---- a table's model


def of_table(model: TableModel, given: Any, rows: Any, baseline: Any, seed: int) -> Subject:
    encoding = model.encoding
    table = encoding.read(as_table(given, model.reading))
    if len(table) == 0:
        raise TableError(f"{table.source}: there are no rows to explain")
    chosen = check_rows(rows, len(table))
    part = table.take(chosen)
    columns = tuple(column for column in encoding.columns if column.features)
    X = encoding.transform(part, np.float64)
    sampled = table.take(sample(len(table), seed))
    sample_y = None
    if encoding.target in table.columns and not sampled.missing(encoding.target).all():
        sampled, _ = with_target(sampled, encoding.target)
        sample_y, _ = encoding.encode_target(sampled)
    sample_X = encoding.transform(sampled, np.float64)
    start, name = table_baseline(model, baseline, sample_X)
    cells = tuple(
        tuple(cells_text(part, i, column) for column in columns) for i in range(len(part))
    )
    return Subject(
        model.network,
        columns,
        encoding.task,
        encoding.target,
        encoding.classes,
        encoding.target_mean,
        encoding.target_scale,
        X,
        chosen,
        cells,
        sample_X,
        sample_y,
        start,
        name,
    )


def cells_text(table: Table, row: int, column: Column) -> str:
    """The cell of a column, or the two of a place."""
    cells = [table.cell(row, each.name) for each in cell_columns([column])]
    return ", ".join("missing" if cell is None else cell for cell in cells)


def table_baseline(model: TableModel, given: Any, sample_X: Array) -> tuple[Array, str]:
    """The means of the features over the rows given, or over the training rows."""
    if given is not None:
        table = given if isinstance(given, Table) else as_table(given, model.reading)
        if len(table) == 0:
            raise TableError(f"{table.source}: there are no rows to start from")
        return model.encoding.transform(table, np.float64).mean(axis=0), of_rows(len(table))
    if model.means is not None:
        return model.means, "the means of the training rows"
    return mean_of(sample_X)


def mean_of(sample_X: Array) -> tuple[Array, str]:
    """The mean of the rows of the table itself. Raises ParameterError for a single one."""
    if len(sample_X) < 2:
        raise ParameterError(
            "one row alone has no mean to be explained against: give the whole table and the row "
            "by rows=, or rows to start from by baseline="
        )
    return sample_X.mean(axis=0), "the means of the table's rows"


def of_rows(n: int) -> str:
    return "the row given" if n == 1 else f"the means of the {n:,} rows given"


# ---- arrays


def of_network(network: Network, X: Any, rows: Any, baseline: Any, seed: int) -> Subject:
    names = [f"x{i}" for i in range(network.sizes[0])]
    task = network.loss.task
    if task == "binary" and network.sizes[-1] > 1:
        task = "labels"
    elif network.loss.output_name == "exp":
        task = "counts"
    classes = {"binary": ("0", "1"), "classes": tuple(map(str, range(network.sizes[-1])))}
    X = check_X(X, network.sizes[0], np.dtype("float64"))
    start = None if baseline is None else check_X(baseline, network.sizes[0], X.dtype)
    return of_arrays(
        network, plain_columns(names), task, classes.get(task, ()), X, X, rows, start, seed
    )


def of_estimator(model: Any, given: Any, rows: Any, baseline: Any, seed: int) -> Subject:
    """The subject of a fitted ``MLPClassifier`` or ``MLPRegressor``, by their public attributes."""
    network: Network = model.to_network()
    names = getattr(model, "feature_names_in_", None)
    X = numbers_of(given, names, model.n_features_in_)
    start = None if baseline is None else numbers_of(baseline, names, model.n_features_in_)
    encoder = getattr(model, "encoder_", None)
    names = [f"x{i}" for i in range(model.n_features_in_)] if names is None else map(str, names)
    columns = plain_columns(list(names))
    encoded = X
    if encoder is not None:
        encoded = np.asarray(encoder.transform(X), dtype=np.float64)
        start = None if start is None else np.asarray(encoder.transform(start), dtype=np.float64)
        kept = [i for i, column in enumerate(encoder.columns_) if column is not None]
        columns = tuple(replace(encoder.columns_[i], name=columns[i].name) for i in kept)
        X = X[:, kept]
    labels = tuple(str(label) for label in getattr(model, "classes_", ()))
    several = network.loss.task == "binary" and network.sizes[-1] > 1
    task = "labels" if several else network.loss.task
    if network.loss.output_name == "exp":
        task = "counts"
    return of_arrays(network, columns, task, labels, X, encoded, rows, start, seed)


def plain_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Numbers that enter the network unchanged."""
    return tuple(NumberColumn(name, 0.0, 1.0, has_missing=False) for name in names)


def numbers_of(given: Any, names: Any, n_features: int) -> Array:
    """X (n, n_features) in float64; a frame's columns by their names, in the estimator's order."""
    if hasattr(given, "toarray"):  # a sparse matrix
        given = given.toarray()
    if names is not None and hasattr(given, "columns"):
        lacking = [name for name in names if name not in list(given.columns)]
        if lacking:
            raise DataError(
                f"the table has no column {lacking[0]!r}, which the model was fitted on"
            )
        given = given[list(names)]
    try:
        X = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise DataError(f"X cannot be read as numbers ({reason})") from None
    if X.ndim != 2 or X.shape[1] != n_features:
        raise ShapeError(
            f"X must have shape (n_samples, {n_features}), one column per input of the model; "
            f"it has shape {X.shape}"
        )
    return X


def of_arrays(
    network: Network,
    columns: tuple[Column, ...],
    task: str,
    classes: tuple[str, ...],
    X: Array,
    encoded: Array,
    rows: Any,
    start: ArrayLike | None,
    seed: int,
) -> Subject:
    """The subject of numbers X (n, n_columns), which enter the network as ``encoded``."""
    if len(X) == 0:
        raise DataError("X has no rows to explain")
    chosen = check_rows(rows, len(X))
    check_X(encoded, network.sizes[0], encoded.dtype)
    sample_X = encoded[sample(len(X), seed)]
    if start is None:
        baseline, name = mean_of(sample_X)
    else:
        start = check_X(start, network.sizes[0], encoded.dtype)
        baseline, name = start.mean(axis=0), of_rows(len(start))
    cells = tuple(tuple(figure(float(x)) for x in row) for row in X[chosen])
    target = "the output"
    return Subject(
        network, columns, task, target, classes, 0.0, 1.0, encoded[chosen], chosen, cells,
        sample_X, None, baseline, name,
    )  # fmt: skip
