"""`fallline trace` and `fallline check`: the numbers of one update, and its gradient check."""

import json as json_
from typing import Any

import numpy as np

from fallline import lesson
from fallline.cli.colour import say
from fallline.cli.groups import ReadingOptions, RowColumns
from fallline.cli.options import layer_sizes
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.errors import FalllineError, ParameterError
from fallline.explaining.gradcheck import check_gradients
from fallline.explaining.row_tracing import trace_row
from fallline.explaining.tracing import trace
from fallline.limits import check_integer
from fallline.text import figure
from fallline.text import table as text_table

__all__ = ["run_check", "run_trace"]


def run_trace(
    path: str | None,
    target: str | None,
    *,
    reading: ReadingOptions,
    rows: int,
    model: str | None,
    row: int | None,
    hidden: str,
    activation: str,
    learning_rate: float,
    seed: int,
    columns: RowColumns,
    json: bool,
) -> None:
    """Print one update of a new network on the first rows, or a forward pass through a model."""
    if model is not None:
        run_row(model, path, reading, 1 if row is None else row, json=json)
        return
    if row is not None:
        raise ParameterError(
            "--row shows a row's way through a trained network: add --model MODEL.safetensors"
        )
    network, X, y, weight = problem(path, target, reading, rows, hidden, activation, seed, columns)
    result = trace(network, X, y, GradientDescent(learning_rate), sample_weight=weight)
    print(json_.dumps(result.as_dict()) if json else result)


def run_row(
    model_path: str, path: str | None, reading: ReadingOptions, row: int, *, json: bool
) -> None:
    """Print the forward pass of one of the table's rows, counted from 1, through the model."""
    from fallline.data.table import show
    from fallline.tabular.model import TableModel

    if path is None:
        raise ParameterError("with --model, a TABLE is needed: the one that holds the row")
    model = TableModel.load(model_path)
    table = model.encoding.read(reading.table(path, before=model.reading))
    check_integer("row", row, limit="every")
    if row > len(table):
        raise ParameterError(f"--row {row}: {path} has {len(table):,} rows")
    one = table.take([row - 1])
    X = model.encoding.transform(one, model.network.dtype)
    result = trace_row(model.network, X[0], model.encoding.feature_names)
    columns = model.decode(result.output[None, :]).columns()
    prediction = {name: plain(values[0]) for name, values in columns.items()}
    cells = {name: one.cell(0, name) for name in one.columns}
    if json:
        print(json_.dumps({"row": cells, **result.as_dict(), "prediction": prediction}))
        return
    shown = [(name, "missing" if value is None else show(value)) for name, value in cells.items()]
    place = one.place(0, one.columns[0]).rsplit(", ", 1)[0]
    print(f"ROW {row}  {place}\n{text_table(('column', 'value'), shown)}\n\n{result}\n")
    print(
        f"PREDICTION  of {model.encoding.target}\n"
        + "\n".join(
            f"{name}: {figure(value) if isinstance(value, float) else value}"
            for name, value in prediction.items()
        )
    )


def plain(value: Any) -> Any:
    """A NumPy number as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def run_check(
    path: str | None,
    target: str | None,
    *,
    reading: ReadingOptions,
    rows: int,
    hidden: str,
    activation: str,
    as_published: bool,
    method: str,
    seed: int,
    columns: RowColumns,
    quiet: bool,
    json: bool,
) -> None:
    """Print the gradient check; a failed one ends with exit code 1."""
    network, X, y, weight = problem(path, target, reading, rows, hidden, activation, seed, columns)
    if as_published and set(network.activations) != {"sigmoid"}:
        raise ParameterError(
            "--as-published checks the notebook's update, which needs sigmoid in every layer and "
            "a binary target"
        )
    if as_published and weight is not None:
        raise ParameterError("--as-published does not support weights; leave out --weights")
    gradient = lesson.published_gradient if as_published else None
    result = check_gradients(network, X, y, sample_weight=weight, gradient=gradient, method=method)
    if json or not (quiet and result.passed):
        say(json_.dumps(result.as_dict()) if json else result)
    if not result.passed:
        wrong = sorted({part.layer for part in result.parts if not part.passed})
        layers = " and ".join(str(layer) for layer in wrong)
        raise FalllineError(f"the gradient is wrong in layer {layers}")


def problem(
    path: str | None,
    target: str | None,
    reading: ReadingOptions,
    rows: int,
    hidden: str,
    activation: str,
    seed: int,
    columns: RowColumns,
) -> tuple[Network, Any, Any, Any]:
    """A new network and the first rows of the table, encoded, with their weights or None.

    Without a table, the truth table. ``columns``: the options --types, --ignore and --weights.
    """
    check_integer("rows", rows)
    sizes = layer_sizes(hidden)
    if path is None:
        network = Network(
            [3, *sizes, 1],
            hidden=activation,
            loss="binary_cross_entropy",
            init="uniform",
            seed=seed,
        )
        return network, lesson.TRAIN_X[:rows], lesson.TRAIN_Y[:rows], None
    if target is None:
        raise ParameterError("with a TABLE, --target COLUMN is needed: the column to predict")
    from fallline.tabular.baselines import new_network
    from fallline.tabular.preparation import prepare

    data = prepare(
        reading.table(path),
        target,
        **columns.options(),
    )
    network = new_network(data.encoding, sizes, activation, seed)
    first = slice(rows)
    weight = None if data.weight is None else data.weight[first]
    return network, data.X[first], data.y[first], weight
