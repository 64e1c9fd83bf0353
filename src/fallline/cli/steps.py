"""`fallline trace` and `fallline check`: one update looked at, and its gradient checked."""

import json as json_
from typing import Any

from fallline import lesson
from fallline.cli.options import layer_sizes, read, types_by_column
from fallline.errors import FalllineError, ParameterError
from fallline.gradcheck import check_gradients
from fallline.limits import check_integer
from fallline.network import Network
from fallline.optimizers import GradientDescent
from fallline.tracing import trace

__all__ = ["run_check", "run_trace"]


def run_trace(
    path: str | None,
    target: str | None,
    *,
    reading: dict[str, Any],
    rows: int,
    hidden: str,
    activation: str,
    learning_rate: float,
    seed: int,
    types: list[str] | None,
    json: bool,
) -> None:
    """Print one update of a new network on the first rows of the table."""
    network, X, y = problem(path, target, reading, rows, hidden, activation, seed, types)
    result = trace(network, X, y, GradientDescent(learning_rate))
    print(json_.dumps(result.as_dict()) if json else result)


def run_check(
    path: str | None,
    target: str | None,
    *,
    reading: dict[str, Any],
    rows: int,
    hidden: str,
    activation: str,
    as_published: bool,
    method: str,
    seed: int,
    types: list[str] | None,
    json: bool,
) -> None:
    """Print the gradient check; a failed one ends with exit code 1."""
    network, X, y = problem(path, target, reading, rows, hidden, activation, seed, types)
    if as_published and set(network.activations) != {"sigmoid"}:
        raise ParameterError(
            "--as-published checks the notebook's update, which needs sigmoid in every layer and "
            "a binary target"
        )
    gradient = lesson.published_gradient if as_published else None
    result = check_gradients(network, X, y, gradient=gradient, method=method)
    print(json_.dumps(result.as_dict()) if json else result)
    if not result.passed:
        wrong = sorted({part.layer for part in result.parts if not part.passed})
        layers = " and ".join(str(layer) for layer in wrong)
        raise FalllineError(f"the gradient is wrong in layer {layers}")


def problem(
    path: str | None,
    target: str | None,
    reading: dict[str, Any],
    rows: int,
    hidden: str,
    activation: str,
    seed: int,
    types: list[str] | None,
) -> tuple[Network, Any, Any]:
    """A new network and the first rows of the table, encoded; without a table, the truth table."""
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
        return network, lesson.TRAIN_X[:rows], lesson.TRAIN_Y[:rows]
    if target is None:
        raise ParameterError("with a TABLE, --target COLUMN is needed: the column to predict")
    from fallline.baselines import new_network
    from fallline.preparation import prepare

    table = read(path, reading)
    data = prepare(table, target, types=types_by_column(types))
    network = new_network(data.encoding, sizes, activation, seed)
    return network, data.X[:rows], data.y[:rows]
