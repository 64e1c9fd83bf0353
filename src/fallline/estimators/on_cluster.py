"""Fitting and predicting on a Dask collection: the estimator's epochs with gradients from the
cluster.

The order of the rows, the weights drawn, the count of epochs without improvement and the fitted
attributes are those of a fit in memory, so the two agree up to rounding.
"""

from copy import copy
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.estimators.callbacks import Watchers
from fallline.estimators.fitting import loss_scale_of, rows_per_batch, validation_rows
from fallline.estimators.labels import binarizer_of
from fallline.estimators.layers import cut, hidden_sizes
from fallline.estimators.lbfgs import Objective, minimise, setup_of_all
from fallline.estimators.networks import complete_records, new_network, start
from fallline.estimators.solver import Solver, is_stochastic
from fallline.estimators.steps import Order, OrderedSetup
from fallline.estimators.stochastic import StochasticFit
from fallline.training.position import Position

__all__ = ["fit_collection", "is_collection", "mapped"]


def is_collection(X: Any) -> bool:
    """Whether X is a Dask array or DataFrame."""
    return hasattr(X, "__dask_graph__")


def fit_collection(
    model: Any, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, incremental: bool
) -> None:
    """Fit the model on the current client's cluster. Raises ValueError for unsupported settings."""
    refuse(model, validation_data, incremental=incremental)
    from fallline.distributed.client import current_client
    from fallline.distributed.cluster_rows import ClusterRows
    from fallline.distributed.steps import ClusterSteps

    client = current_client()
    model.n_features_in_ = X.shape[1]
    model.__dict__.pop("feature_names_in_", None)
    if hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns):
        model.feature_names_in_ = np.asarray(X.columns, dtype=object)
    encode = encoder(model, client, y)
    model._random_state = check_random_state(model.random_state)
    single = not hasattr(X, "columns") and X.dtype == np.float32
    sizes = [X.shape[1], *hidden_sizes(model.hidden_layer_sizes), model.n_outputs_]
    network = new_network(model, sizes, np.float32 if single else np.float64)
    start(model, network)
    complete_records(model)
    model._network = network
    model.coefs_, model.intercepts_ = cut(network.parameters, network.sizes)
    wide = network
    if single and not is_stochastic(model):
        wide = network.copy("float64")
    rows = ClusterRows(client, wide, X, y, sample_weight, encode=encode)
    rows.use_engine(model.engine)
    watchers = Watchers(model, wide, X, y, sample_weight)
    if is_stochastic(model):
        descend(model, network, rows, watchers, validation_data)
    else:
        penalty = Penalty(float(model.alpha) / rows.mass)
        steps = ClusterSteps(setup_of_all(wide, rows, penalty))
        objective = Objective(steps, wide, penalty)
        minimise(model, objective, loss_scale_of(model, network), watchers)
        network.parameters = wide.parameters
    if not np.isfinite(network.parameters).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            "values and need to be preprocessed."
        )
    model._functions = (model._activation, model.out_activation_, model._layer_functions())
    watchers.end()


def refuse(model: Any, validation_data: Any, *, incremental: bool) -> None:
    """Raise ValueError for settings that a fit on a collection does not support."""
    if incremental:
        raise ValueError("partial_fit takes rows in memory; use fit for a Dask collection")
    if model.warm_start and hasattr(model, "coefs_"):
        raise ValueError("warm_start takes rows in memory, not a Dask collection")
    if model.preset is not None:
        raise ValueError("preset does not go with a Dask collection; use fallline train --cluster")
    if model.dropout > 0:
        raise ValueError("dropout does not go with a Dask collection; use alpha")
    if model.early_stopping and validation_data is None:
        raise ValueError("early_stopping on a Dask collection needs validation_data=(X, y)")


def encoder(model: Any, client: Any, y: Any) -> Any:
    """Set the classes; returns the function that makes targets and weights of y on the workers."""
    if not hasattr(model, "class_weight"):  # numbers
        model.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return None
    if y.ndim != 1 and y.shape[1] != 1:
        raise ValueError("several labels a row do not go with a Dask collection")
    chunks = client.compute(np.asarray(y.to_delayed(), dtype=object).ravel().tolist())
    found = client.gather([client.submit(counted, chunk, pure=False) for chunk in chunks])
    counts: dict[Any, int] = {}
    for labels, numbers in found:
        for label, number in zip(labels, numbers, strict=True):
            counts[label] = counts.get(label, 0) + int(number)
    classes = np.array(sorted(counts))
    if len(classes) < 2:
        raise ValueError(f"y has one class only, {classes.tolist()}; at least two are needed")
    model._label_binarizer = binarizer_of(classes)
    model.classes_ = model._label_binarizer.classes_
    model.n_outputs_ = len(classes) if len(classes) > 2 else 1
    light = copy(model)
    for name in ("callbacks", "_network", "_skl_callbacks"):
        light.__dict__.pop(name, None)
    if isinstance(model.class_weight, str):
        mean = sum(counts.values()) / len(classes)
        light.class_weight = {label: mean / counts[label] for label in classes.tolist()}
    return partial(targets_and_weights, light)


def counted(y: Any) -> tuple[list[Any], list[int]]:
    """The labels of a chunk, and how often each occurs."""
    labels, numbers = np.unique(np.asarray(y), return_counts=True)
    return labels.tolist(), numbers.tolist()


def targets_and_weights(model: Any, y: Any, weight: Any) -> tuple[Array, Any]:
    """A chunk's targets and weights, as a fit in memory makes them."""
    labels = np.asarray(y).ravel()
    targets = model._smoothed(np.asarray(model._targets(labels), np.float64))
    given = None if weight is None else np.asarray(weight)
    return targets, model._step_weight(labels, given, False)


def descend(
    model: Any, network: Network, rows: Any, watchers: Watchers, validation_data: Any
) -> None:
    from fallline.distributed.steps import ClusterSteps

    validation = (
        None if validation_data is None else validation_rows(model, validation_data, network)
    )
    model._optimizer = Solver(model, network)
    generator = model._random_state if model.shuffle else None
    setup = OrderedSetup(
        network=network,
        rows=rows,
        optimizer=model._optimizer.optimizer,
        position=Position(step=model._optimizer.t, state=model._optimizer.state),
        batch_size=rows_per_batch(model, len(rows)),
        penalty=Penalty(float(model.alpha)),
        penalty_per_mass=True,
        source=Order(np.arange(len(rows)), generator),
    )
    loss_scale = loss_scale_of(model, network)
    epochs: Any = ClusterEpochs(ClusterSteps(setup, loss_scale), setup, loss_scale)
    StochasticFit(model, network, epochs, validation, watchers).run(incremental=False)


class ClusterEpochs:
    """The epochs of a fit, as :class:`fallline.estimators.steps.Epochs`, on a cluster."""

    def __init__(self, steps: Any, setup: OrderedSetup, loss_scale: float) -> None:
        self.steps, self.setup, self.loss_scale = steps, setup, loss_scale

    def epoch(self) -> float:
        """One pass over the rows; the mean over the batches' rows, each before its update."""
        self.steps.cluster.look_around()
        self.setup.source.advance()
        if self.setup.full:
            return float(self.steps.step(None, want_loss=True))
        total, count = 0.0, 0
        for batch in self.setup.batches():
            loss = float(self.steps.step(batch, want_loss=True))
            if not np.isfinite(loss):
                return loss
            if self.steps.mass_of_last > 0:
                total, count = total + len(batch) * loss, count + len(batch)
        return total / max(count, 1)


def mapped(model: Any, method: str, X: Any) -> Any:
    """A method of the model over the rows of a collection, lazily."""
    from fallline.distributed import predicting

    nameless = copy(model)  # chunks have no column names
    for name in ("feature_names_in_", "callbacks", "_network", "_optimizer"):
        nameless.__dict__.pop(name, None)
    return predicting.mapped(partial(call, nameless, method), X, model.n_features_in_)


def call(model: Any, method: str, X: Array) -> Array:
    """The method of the model, of a chunk."""
    result: Array = getattr(model, method)(X)
    return result
