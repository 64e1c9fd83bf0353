"""What a playground starts with: a network and arrays, or a table."""

from dataclasses import replace

import numpy as np

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.data.table import Table
from fallline.errors import ParameterError
from fallline.playground.problems import Problem
from fallline.playground.session import Session, Start
from fallline.playground.setup import DataSetup, NetworkSetup, Setup, TrainingSetup, read_setup

__all__ = ["start_from_arrays", "start_from_table"]


def start_from_arrays(network: Network | None, X: ArrayLike | None, y: ArrayLike | None) -> Start:
    """A start with a network on its rows. Raises ParameterError for one without the others."""
    if network is None and X is None and y is None:
        return Start()
    if network is None or X is None or y is None:
        raise ParameterError("give a network, X and y, or none of them")
    network = network.copy(dtype="float64")
    problem = problem_of(network, X, y)
    setup = Setup(
        DataSetup(kind="given"),
        NetworkSetup(network.sizes[1:-1], network.hidden, network.init or "", network.seed),
        TrainingSetup(loss=network.loss.name, learning_rate=0.1, epochs=1_000),
    )
    return checked(Start(setup, problem=problem, network=network))


def problem_of(network: Network, X: ArrayLike, y: ArrayLike) -> Problem:
    rows = network.samples(X, y)
    task, n_outputs = network.loss.task, network.sizes[-1]
    if task != "classes" and n_outputs != 1:
        raise ParameterError(
            f"the playground takes one output, or one per class; this network has {n_outputs}"
        )
    targets = rows.Y.argmax(axis=1).astype(float) if task == "classes" else rows.Y[:, 0]
    n_classes = {"classes": n_outputs, "binary": 2}.get(task, 0)
    n_features = network.sizes[0]
    return Problem(
        task,
        rows.X.astype(float),
        targets.astype(float),
        np.zeros((0, n_features)),
        np.zeros(0),
        tuple(f"x{i + 1}" for i in range(n_features)),
        tuple(str(k) for k in range(n_classes)),
    )


def start_from_table(table: Table, target: str) -> Start:
    """A start with a table, whose column ``target`` is predicted."""
    setup = Setup(
        DataSetup(kind="table", target=target, view=(0, 1)),
        NetworkSetup((8,), ("tanh",), ""),
        TrainingSetup(optimizer="adam", learning_rate=0.01, batch_size=32, epochs=50),
    )
    return checked(Start(setup, table=table))


def checked(start: Start) -> Start:
    """The start, once a session could begin with it; raises what would go wrong there."""
    setup = replace(start.setup)
    read_setup(setup.as_dict())
    Session(start).take(setup)
    return start
