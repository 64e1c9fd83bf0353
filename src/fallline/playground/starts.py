"""The start of a page: the truth table, a network on its rows, or a table that was encoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fallline import __version__
from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.core.splits import holdout
from fallline.data.encoding import Encoding
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import guess_task, strata
from fallline.engine.codes import ACTIVATIONS, LOSSES
from fallline.errors import ParameterError, TableError
from fallline.playground.limits import (
    MAX_HIDDEN_LAYERS,
    MAX_NEURONS,
    MAX_OUTPUTS,
    MAX_PARAMETERS,
    MAX_TABLE_NUMBERS,
)

__all__ = ["Start", "start_from_arrays", "start_from_table"]

TEST_SHARE = 0.3  # of a table's rows, as on the page
SEEDS = 2**31  # how many the page has
INITIALIZERS = ("uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal")


@dataclass(frozen=True)
class Start:
    """The start of a page, as plain data.

    ``setup`` are the chosen settings, in the page's own names (page/compute/setup.js has the
    defaults); ``given`` are the facts of the rows put into the page, and ``numbers`` their X, y,
    X_test, y_test and, for a network, its parameters, one after the other.
    """

    setup: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] | None = None
    numbers: Array | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"version": __version__, "setup": self.setup, "given": self.given}


def start_from_arrays(network: Network | None, X: ArrayLike | None, y: ArrayLike | None) -> Start:
    """A start with a network on its rows. Raises ParameterError for one without the others.

    Also for a network that the page does not support: with custom functions, too large, or with
    several outputs that are not classes.
    """
    if network is None and X is None and y is None:
        return Start()
    if network is None or X is None or y is None:
        raise ParameterError("give a network, X and y, or none of them")
    network = network.copy(dtype="float64")
    check_functions(network)
    check_size(network)
    rows = network.samples(X, y)
    classes = network.loss.task == "classes"
    targets = rows.Y.argmax(axis=1).astype(float) if classes else rows.Y[:, 0]
    n_classes = {"classes": network.sizes[-1], "binary": 2}.get(network.loss.task, 0)
    n_features = network.sizes[0]
    given = {
        "task": network.loss.task,
        "features": [f"x{i + 1}" for i in range(n_features)],
        "classes": [str(k) for k in range(n_classes)],
        "target": "y",
        "n_train": len(rows),
        "n_test": 0,
        "n_parameters": network.n_parameters,
    }
    setup = {
        "data": {"kind": "given", "view": [0, 1]},
        "network": {
            "hidden": list(network.sizes[1:-1]),
            "activations": list(network.hidden),
            "init": network.init if network.init in INITIALIZERS else "",
            "seed": network.seed % SEEDS,  # draws the orders of rows; the weights are given
        },
        "training": {"loss": network.loss.name, "learning_rate": 0.1, "epochs": 1_000},
    }
    numbers = [rows.X.ravel(), targets, network.parameters]
    return Start(setup, given, np.concatenate(numbers).astype("<f8"))


def check_functions(network: Network) -> None:
    """Raise ParameterError for functions that the page, which has no Python, does not have."""
    own = [name for name in network.hidden if name not in ACTIVATIONS]
    if network.loss.name not in LOSSES and network.loss.quantile is None:
        own.append(network.loss.name)
    if own:
        raise ParameterError(
            f"the page computes without Python, so it does not have {', '.join(map(repr, own))}: "
            "look at such a network with fl.trace, fl.check_gradients and fl.plots"
        )


def check_size(network: Network) -> None:
    hidden = network.sizes[1:-1]
    if network.loss.task != "classes" and network.sizes[-1] != 1:
        raise ParameterError(
            f"the playground takes one output, or one per class; this network has "
            f"{network.sizes[-1]}"
        )
    if len(hidden) > MAX_HIDDEN_LAYERS or max(hidden, default=0) > MAX_NEURONS:
        raise ParameterError(
            f"the playground takes up to {MAX_HIDDEN_LAYERS} hidden layers of {MAX_NEURONS} "
            f"neurons; this network has {', '.join(map(str, hidden))}"
        )
    if network.n_parameters > MAX_PARAMETERS:
        raise ParameterError(
            f"this network has {network.n_parameters:,} parameters; the playground takes up to "
            f"{MAX_PARAMETERS:,}"
        )


def start_from_table(table: Table, target: str) -> Start:
    """A start with a table, encoded as for training, whose column ``target`` is predicted.

    Raises TableError for a target that cannot be learned, or a table that is too large.
    """
    table.require([target])
    table = resolved(table, target=target, task=None)
    usable = table.take(np.flatnonzero(~table.missing(target)))
    everything = np.arange(len(usable))
    if len(usable) < 2:
        raise TableError(f"{table.source}: fewer than 2 rows have a value in {target!r}")
    task = guess_task(usable, target, everything)
    groups = strata(usable, target, everything, task)
    kept, held = holdout(len(usable), TEST_SHARE, np.random.default_rng(0), groups)
    encoding = Encoding.fit(usable, target, rows=kept, task=task)
    check_table(table, target, encoding, len(usable))
    X, y = encoding.transform(usable), encoding.encode_target(usable)[0]
    given = {
        "task": "numbers" if encoding.task == "counts" else encoding.task,
        "features": encoding.feature_names,
        "classes": [str(name) for name in encoding.classes],
        "target": target,
        "notes": list(encoding.notes),
        "encoding": encoding.to_dict(),
        "n_train": len(kept),
        "n_test": len(held),
        "n_parameters": 0,
    }
    setup = {
        "data": {"kind": "given", "view": [0, 1]},
        "network": {"hidden": [8], "activations": ["tanh"], "init": ""},
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.01,
            "batch_size": 32,
            "epochs": 50,
        },
    }
    numbers = [X[kept].ravel(), y[kept], X[held].ravel(), y[held]]
    return Start(setup, given, np.concatenate(numbers).astype("<f8"))


def check_table(table: Table, target: str, encoding: Encoding, n_rows: int) -> None:
    if len(encoding.classes) > MAX_OUTPUTS:
        raise TableError(
            f"{table.source}: {target!r} has {len(encoding.classes)} classes; the playground "
            f"takes up to {MAX_OUTPUTS}. Choose another target"
        )
    if n_rows * encoding.n_features > MAX_TABLE_NUMBERS:
        raise TableError(
            f"{table.source}: {n_rows:,} rows of {encoding.n_features:,} features are more "
            f"than the playground holds ({MAX_TABLE_NUMBERS:,} numbers); use `fallline train`"
        )
