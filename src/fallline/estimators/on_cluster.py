"""Fitting and predicting on a Dask collection: the estimator's own epochs, the cluster's gradients.

The order of the rows, the weights drawn, the count of epochs without improvement and the fitted
attributes are those of a fit in memory, so the two agree up to rounding.
"""

from copy import copy
from functools import partial
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.estimators.callbacks import Watchers
from fallline.estimators.fitting import held_out, loss_scale_of, rows_per_batch
from fallline.estimators.layers import cut, hidden_sizes, pack_order
from fallline.estimators.lbfgs import Objective, minimise
from fallline.estimators.networks import complete_records, new_network, start
from fallline.estimators.solver import Solver, is_stochastic
from fallline.estimators.steps import Order, OrderedDescent
from fallline.estimators.stochastic import Descending
from fallline.training.position import Position
from fallline.training.steps import ReferenceSteps

__all__ = ["fit_collection", "is_collection", "mapped"]


def is_collection(X: Any) -> bool:
    """Whether X is a Dask array or DataFrame."""
    return hasattr(X, "__dask_graph__")


def fit_collection(
    model: Any, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, incremental: bool
) -> None:
    """Fit the model on the cluster of the current client. Raises ValueError for what it lacks."""
    refuse(model, validation_data, incremental=incremental)
    from fallline.distributed.client import current_client
    from fallline.distributed.rows import ClusterRows

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
        wide = Network(network.sizes, hidden=network.hidden, loss=network.loss.name)
        wide.parameters = network.parameters
    rows = ClusterRows(client, wide, X, y, sample_weight, encode=encode)
    rows.use_engine(model.engine)
    watchers = Watchers(model, wide, X, y, sample_weight)
    if is_stochastic(model):
        descend(model, network, rows, watchers, validation_data)
    else:
        minimise(model, ClusterObjective(wide, rows, model.alpha), loss_scale_of(model, network),
                 watchers)  # fmt: skip
        network.parameters = wide.parameters
    if not np.isfinite(network.parameters).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            "values and need to be preprocessed."
        )
    model._functions = (model.activation, model.out_activation_, model._layer_functions())
    watchers.end()


def refuse(model: Any, validation_data: Any, *, incremental: bool) -> None:
    """Raise ValueError for what a fit on a collection does not do."""
    if incremental:
        raise ValueError("partial_fit takes rows in memory; use fit for a Dask collection")
    if model.warm_start and hasattr(model, "coefs_"):
        raise ValueError("warm_start takes rows in memory, not a Dask collection")
    if model.dropout > 0:
        raise ValueError("dropout does not go with a Dask collection; use alpha")
    if model.early_stopping and validation_data is None:
        raise ValueError("early_stopping on a Dask collection needs validation_data=(X, y)")


def encoder(model: Any, client: Any, y: Any) -> Any:
    """Note the classes, and return what makes targets and weights of y, for the workers."""
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
    model._label_binarizer = LabelBinarizer().fit(classes)
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
    """The labels of a chunk, and how often each is there."""
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
    held = None if validation_data is None else held_out(model, validation_data, network)
    model._optimizer = Solver(model, network)
    generator = model._random_state if model.shuffle else None
    descent = OrderedDescent(
        network=network,
        rows=rows,
        optimizer=model._optimizer.optimizer,
        position=Position(step=model._optimizer.t, state=model._optimizer.state),
        batch_size=rows_per_batch(model, len(rows)),
        penalty=Penalty(float(model.alpha)),
        penalty_per_mass=True,
        source=Order(np.arange(len(rows)), generator),
    )
    epochs: Any = ClusterEpochs(descent, loss_scale_of(model, network))
    Descending(model, network, epochs, held, watchers).run(incremental=False)


class ClusterEpochs:
    """The epochs of a fit, as :class:`fallline.estimators.steps.Epochs`, on a cluster."""

    def __init__(self, descent: OrderedDescent, loss_scale: float) -> None:
        self.descent, self.loss_scale = descent, loss_scale
        self.rows: Any = descent.rows
        self.steps = ReferenceSteps(descent)  # to measure and to update

    def epoch(self) -> float:
        """One pass over the rows; the mean over the batches' rows, each before its update."""
        self.rows.look_around()
        self.descent.source.advance()
        if self.descent.full:
            return self.step(None)[0]
        total, count = 0.0, 0
        for batch in self.steps.batches():
            loss, mass = self.step(batch)
            if not np.isfinite(loss):
                return loss
            if mass > 0:
                total, count = total + len(batch) * loss, count + len(batch)
        return total / max(count, 1)

    def step(self, batch: Array | None) -> tuple[float, float]:
        """One update; the loss as it is reported, and the batch's mass."""
        network = self.descent.network
        loss, gradient, mass = self.rows.gradient(batch)
        penalty = self.descent.penalty.over(mass if mass > 0 else 1.0)
        W = network.parameters * network.is_weight
        loss = self.loss_scale * loss + float(penalty.value(W))
        self.steps.update((gradient + penalty.slope(W)).astype(network.dtype, copy=False))
        return loss, mass


class ClusterObjective(Objective):
    """Loss and gradient of all rows on a cluster, for L-BFGS."""

    def __init__(self, network: Network, rows: Any, alpha: float) -> None:
        self.network, self.rows = network, rows
        self.cluster: Any = rows
        self.penalty = Penalty(float(alpha) / rows.mass)
        self.evaluate = self.by_cluster
        self.order = pack_order(network.sizes)

    def by_cluster(self) -> tuple[float, Array]:
        """The penalised loss and its gradient."""
        loss, gradient, _ = self.cluster.gradient(None)
        W = self.network.parameters * self.network.is_weight
        return loss + float(self.penalty.value(W)), gradient + self.penalty.slope(W)


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
