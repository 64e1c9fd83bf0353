"""Fitting an estimator by a preset of tables: its encoding, its network, its training."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.splits import holdout
from fallline.data.compact import compact_numbers
from fallline.data.encoding import Encoding
from fallline.data.tasks import QUANTITIES
from fallline.engine import predict_proba
from fallline.estimators.encoders import PiecewiseLinear
from fallline.estimators.layers import cut
from fallline.estimators.networks import network_of, start
from fallline.tabular.baselines import start_bins_at_zero
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions, with_defaults
from fallline.tabular.preparation import Prepared
from fallline.tabular.reach import reached, some_of
from fallline.tabular.recipes import Recipe, recipes
from fallline.tabular.soft import Soft
from fallline.tabular.train import train_prepared

__all__ = ["check_parameters", "fit_by_preset", "output"]

# The parameters that a preset leaves to the user; it sets all others.
OPEN = {
    "preset", "random_state", "validation_fraction", "class_weight", "label_smoothing", "loss",
    "quantile", "verbose", "callbacks", "n_jobs", "engine",
}  # fmt: skip
TASKS = {"cross_entropy": "classes", "binary_cross_entropy": "binary", "poisson": "counts"}
SCALED = ("squared_error", "absolute_error", "quantile")  # their values have a unit


def check_parameters(model: Any) -> None:
    """Raise ValueError for a parameter that a preset sets itself."""
    defaults = inspect.signature(type(model).__init__).parameters
    for name, value in model.get_params(deep=False).items():
        default = defaults[name].default
        if name not in OPEN and value is not default and value != default:
            raise ValueError(
                f"{name} is the preset's own to choose: leave it out with preset="
                f"{model.preset!r}, or set preset=None"
            )


@dataclass(frozen=True)
class ArrayRows(Prepared):
    """Rows of numbers with targets of an estimator: y (n,), or (n, n_outputs) for several."""

    loss: str = "squared_error"
    n_outputs: int = 1

    def new_network(self, recipe: Recipe, seed: int) -> Network:
        """A network of the recipe for the estimator's loss."""
        network = Network(
            [self.X.shape[1], *recipe.hidden, self.n_outputs],
            hidden=recipe.activation, loss=self.loss, seed=seed, dtype=recipe.dtype,
        )  # fmt: skip
        start_bins_at_zero(network, self.encoding.starts_at_zero)
        return network


def fit_by_preset(model: Any, X: Any, Y: Array, weight: Array | None, validation: Any) -> None:
    """Fit the estimator to X (n, n_features) and the network's targets Y (n, n_outputs).

    ``validation`` is a pair (X, Y), or None to hold out ``validation_fraction`` of the rows; over
    folds each row is held out once. See :func:`fallline.train_table`, which trains the same.
    """
    if hasattr(X, "tocsr"):
        raise ValueError("a preset needs X as a dense array; leave preset out for a sparse matrix")
    if len(X) < 2:
        raise ValueError(f"a preset holds rows out to go by; n_samples={len(X)} is too few")
    encoder = PiecewiseLinear().set_output(transform="default").fit(np.asarray(X, np.float64))
    if len(encoder.get_feature_names_out()) == 0:
        raise ValueError(
            "every column of X is the same in all rows; there is nothing to learn from"
        )
    seed = int(model._random_state.randint(2**31))
    given = TableOptions(
        preset=model.preset, seed=seed, threads=model._threads(), callbacks=model.callbacks or (),
        validation=model.validation_fraction if validation is None else validation,
    )  # fmt: skip
    options = with_defaults(given)
    shift, scale = unit_of(model, Y)
    reach_out(model, encoder, np.asarray(X, np.float64), (Y - shift) / scale)
    n = len(X)
    if validation is not None:
        X, Y = (np.concatenate(pair) for pair in zip((X, Y), validation, strict=True))
        weight = None if weight is None else np.concatenate([weight, np.ones(len(X) - n)])
    rows = rows_of(model, encoder, X, (Y - shift) / scale, weight)
    train, held = np.arange(n), np.arange(n, len(X))
    if validation is None:
        classes = None if rows.encoding.task in QUANTITIES else rows.y
        train, held = holdout(n, model.validation_fraction, np.random.default_rng(seed), classes)
    data = replace(rows, train=train, validation=held)
    found = train_prepared(data, recipes(options), options)
    last = found.network.layers[-1]
    last.W[:] = last.W * scale
    last.b[:] = last.b * scale + shift
    keep(model, found, encoder)


def reach_out(model: Any, encoder: PiecewiseLinear, X: Array, Y: Array) -> None:
    """Widen the spreads of columns with long tails, as for the columns of a table."""
    if model._core_loss() != "squared_error" or Y.shape[1] != 1:
        return
    kept = [i for i, column in enumerate(encoder.columns_) if column is not None]
    columns = tuple(column for column in encoder.columns_ if column is not None)
    known = X[:, kept]
    rows = some_of(len(X))
    some = known[rows]
    found = reached(
        columns,
        lambda i: known[:, i],
        lambda columns: np.asarray(compact_numbers(columns, some, some.dtype)),
        Y[rows, 0],
    )
    for i, column in zip(kept, found, strict=True):
        encoder.columns_[i] = column


def rows_of(
    model: Any, encoder: PiecewiseLinear, X: Array, Y: Array, weight: Array | None
) -> ArrayRows:
    """Rows X (n, n_features) with the network's targets Y (n, n_outputs), none of them in a part.

    Several outputs that are no shares of one whole count as numbers.
    """
    loss, k, none = model._core_loss(), Y.shape[1], np.empty(0, dtype=np.intp)
    several = k > 1 and loss != "cross_entropy"
    task = "numbers" if several else TASKS.get(loss, "numbers")
    y = Y if several else Y.argmax(axis=1).astype(Y.dtype) if k > 1 else Y[:, 0]
    columns = tuple(column for column in encoder.columns_ if column is not None)
    classes = () if task in QUANTITIES else tuple(map(str, range(max(k, 2))))
    encoding, smooth = Encoding("y", task, columns, classes), model._smoothed(Y)
    return ArrayRows(
        encoding, encode(encoder, X), y, weight, none, none, none, 0, encoding, np.empty((0, 0)),
        soft=None if smooth is Y else Soft(smooth), engine=model.engine, loss=loss, n_outputs=k,
    )  # fmt: skip


def unit_of(model: Any, Y: Array) -> tuple[Array, Array]:
    """The shift and scale of targets for training, (n_outputs,) each."""
    if model._core_loss().split("(")[0] not in SCALED:
        return np.zeros(Y.shape[1]), np.ones(Y.shape[1])
    spread = Y.std(axis=0)
    return Y.mean(axis=0), np.where(spread > 0, spread, 1.0)


def encode(encoder: PiecewiseLinear, X: Array) -> CompactRows:
    return encoder._compact(np.asarray(X, np.float64), np.dtype(np.float32))


def output(model: Any, X: Any) -> Array:
    """The output (n_samples, n_outputs) of the network of a preset."""
    X = X.toarray() if hasattr(X, "toarray") else X
    return predict_proba(network_of(model), encode(model.encoder_, X))


def keep(model: Any, found: TableModel, encoder: PiecewiseLinear) -> None:
    """The fitted attributes."""
    network, history = found.network, found.history
    start(model, network)
    model.encoder_, model._preset_activation = encoder, found.facts["activation"]
    model._network, model.history_ = network, replace(history)
    model.coefs_, model.intercepts_ = cut(network.parameters, network.sizes)
    model.n_iter_ = history.epochs_done
    model.loss_curve_ = list(history.loss)
    model.validation_loss_curve_ = list(history.validation_loss)
    model.loss_ = history.loss[-1] if history.loss else np.nan
    model.best_loss_ = min(history.loss, default=np.nan)
