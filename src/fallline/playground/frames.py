"""Frames: what the page draws, as one binary message.

A message is a 4-byte little-endian length, so many bytes of JSON, zeros up to a multiple of 8, and
the arrays: theta and the gradient (float64, n_parameters each), then the maps (uint8, size * size
for each neuron shown, layer after layer), scaled to the ranges that the JSON gives.
"""

import json
import math
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS
from fallline.data.columns import NumberColumn
from fallline.playground.descent import Descent
from fallline.playground.problems import Problem, lift

__all__ = ["frame", "packed", "problem_facts"]

MAP_SIZE = 48
NEURONS_SHOWN = 12  # in each layer
ROWS_SHOWN = 40  # with their predictions
POINTS_SHOWN = 600
GRADIENT_WORK = 20_000_000  # rows times parameters; beyond it no live gradient


def clean(value: Any) -> Any:
    """Plain data without NaN and infinity, which JSON has not: null instead."""
    if isinstance(value, np.ndarray):
        return clean(value.tolist())
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def packed(facts: dict[str, Any], *arrays: Array) -> bytes:
    """JSON and arrays as one message."""
    text = json.dumps(facts, allow_nan=False).encode()
    room = -(4 + len(text)) % 8
    head = len(text).to_bytes(4, "little") + text + b"\0" * room
    return head + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def frame(descent: Descent, *, parameter: int | None, row: int, playing: bool) -> bytes:
    """Where a descent stands: numbers, curves, the row and parameter looked at, and the maps."""
    network, track = descent.network, descent.track
    live = len(descent.rows) * network.n_parameters <= GRADIENT_WORK
    gradient = descent.gradient() if live else np.zeros(0)
    maps, ranges = neuron_maps(descent)
    facts = {
        "type": "frame",
        "epoch": descent.epoch,
        "at": 0 if descent.cursor is None else descent.cursor[1],
        "step": descent.position.step,
        "playing": playing,
        "message": descent.message,
        "rate": descent.rate,
        "can_go_back": bool(descent.kept),
        "loss": [track.train[-1], track.test[-1]],
        "score": [track.train_score[-1], track.test_score[-1]],
        "curve": {k: v for k, v in track.lists().items() if k != "theta"},
        "row": row_facts(descent, row),
        "outputs": outputs(descent),
        "look": None if parameter is None else [float(t[parameter]) for t in track.theta],
        "n_parameters": network.n_parameters,
        "has_gradient": live,
        "map_size": MAP_SIZE if maps.size else 0,
        "ranges": ranges,
    }
    return packed(clean(facts), network.parameters, gradient, maps)


def row_facts(descent: Descent, row: int) -> dict[str, Any]:
    """Z and A of every neuron for one training row."""
    row = min(row, len(descent.rows) - 1)
    X = descent.rows.X[row : row + 1]
    passed = descent.network.forward(X)
    return {
        "index": row,
        "x": X[0],
        "y": descent.rows.Y[row],
        "Z": [Z[0][:64] for Z in passed.Z],
        "A": [A[0][:64] for A in passed.A[1:]],
    }


def outputs(descent: Descent) -> dict[str, Any]:
    """The network's output for the first rows of each part."""
    parts = {"train": descent.rows, "test": descent.test}
    return {
        name: [] if rows is None else descent.network.forward(rows.X[:ROWS_SHOWN]).A[-1]
        for name, rows in parts.items()
    }


def plane(problem: Problem) -> tuple[Array, Array]:
    """The points of the picture, training and test: the rows, or what their inputs are made of."""
    return (problem.X, problem.X_test) if problem.plane is None else problem.plane


def view_of(descent: Descent) -> tuple[int, int]:
    """The two features that the page looks at; 0 and 1 where it asks for others."""
    n = plane(descent.problem)[0].shape[1]
    first, second = descent.setup.data.view
    return (first, second) if max(first, second) < n and first != second else (0, min(1, n - 1))


def view_ranges(descent: Descent) -> list[tuple[float, float]]:
    """The intervals that the view spans: those of the data, and a margin."""
    ranges = []
    for feature in view_of(descent):
        column = np.concatenate([points[:, feature] for points in plane(descent.problem)])
        low, high = float(column.min()), float(column.max())
        margin = 0.15 * (high - low) or 1.0
        ranges.append((low - margin, high + margin))
    return ranges


def neuron_maps(descent: Descent) -> tuple[Array, list[tuple[float, float]]]:
    """Every shown neuron's output over the view, (neurons, size, size) uint8, and their ranges.

    The features that are not shown stay at their mean over the training rows.
    """
    first, second = view_of(descent)
    (x_low, x_high), (y_low, y_high) = view_ranges(descent)
    problem = descent.problem
    grid = np.tile(plane(problem)[0].mean(axis=0), (MAP_SIZE * MAP_SIZE, 1))
    x = np.linspace(x_low, x_high, MAP_SIZE)
    y = np.linspace(y_high, y_low, MAP_SIZE)  # the first line of a picture is its top
    grid[:, first] = np.tile(x, MAP_SIZE)
    if second != first:
        grid[:, second] = np.repeat(y, MAP_SIZE)
    with np.errstate(over="ignore", invalid="ignore"):
        X = grid if problem.plane is None else lift(grid, problem.inputs)
        layers = descent.network.forward(X).A[1:]
    shown = np.concatenate([A[:, :NEURONS_SHOWN] for A in layers], axis=1).T
    low, high = shown.min(axis=1, keepdims=True), shown.max(axis=1, keepdims=True)
    if problem.task != "numbers":
        n_outputs = min(layers[-1].shape[1], NEURONS_SHOWN)
        low[-n_outputs:], high[-n_outputs:] = 0.0, 1.0
    scaled = np.clip((shown - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    ranges = [(float(a), float(b)) for a, b in zip(low[:, 0], high[:, 0], strict=True)]
    return np.round(scaled * 255).astype(np.uint8), ranges


def problem_facts(descent: Descent) -> dict[str, Any]:
    """What stays the same while a network trains: rows, names, sizes."""
    problem, network = descent.problem, descent.network
    view = view_of(descent)
    shown = plane(problem)
    facts = {
        "task": problem.task,
        "target": problem.target,
        "features": problem.features,
        "classes": problem.classes,
        "sizes": network.sizes,
        "activations": network.activations,
        "known_activations": list(ACTIVATIONS),
        "loss": network.loss.name,
        "n_parameters": network.n_parameters,
        "n_train": len(problem.X),
        "n_test": len(problem.X_test),
        "batch_size": descent.batch_size,
        "view": view,
        "view_ranges": view_ranges(descent),
        "axes": ("x1", "x2") if problem.plane is not None else problem.features,
        "points": {
            "train": points(shown[0], problem.y, view),
            "test": points(shown[1], problem.y_test, view),
        },
        "rows": {
            "train": rows(problem.X, problem.y),
            "test": rows(problem.X_test, problem.y_test),
        },
        "scales": scales(problem),
        "notes": [] if problem.encoding is None else problem.encoding.notes,
    }
    cleaned: dict[str, Any] = clean(facts)
    return cleaned


def scales(problem: Problem) -> list[tuple[float, float]]:
    """For each feature the mean and scale by which x * scale + mean is its column's own number."""
    plain = [(0.0, 1.0)] * len(problem.features)
    if problem.encoding is None:
        return plain
    numbers = {
        column.name: (column.mean, column.scale)
        for column in problem.encoding.columns
        if isinstance(column, NumberColumn)
    }
    return [numbers.get(name, (0.0, 1.0)) for name in problem.features]


def points(X: Array, y: Array, view: tuple[int, int]) -> Array:
    """The points of a scatter plot, (m, 3): the two features of the view, and the target."""
    return np.column_stack([X[:POINTS_SHOWN][:, list(view)], y[:POINTS_SHOWN]])


def rows(X: Array, y: Array) -> list[Any]:
    """The first rows, with at most 12 features, and their target last."""
    shown: list[Any] = np.column_stack([X[:ROWS_SHOWN, :12], y[:ROWS_SHOWN]]).tolist()
    return shown
