"""The network of a fit: a new one, or the fitted one with the current ``coefs_``."""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.estimators.layers import draw, hidden_names
from fallline.estimators.solver import is_stochastic
from fallline.training.history import History

__all__ = ["complete_records", "network_of", "network_to_go_on", "new_network", "start"]


def new_network(model: Any, sizes: list[int], dtype: Any) -> Network:
    """A network with weights drawn from the estimator's generator."""
    names = hidden_names(model._activation, len(sizes) - 2)
    network = Network(sizes, hidden=names, loss=model._core_loss(), dtype=dtype)
    draw(network, model._random_state)
    return network


def network_to_go_on(model: Any, sizes: list[int]) -> Network:
    """The network of the last fit, with the current ``coefs_`` and ``intercepts_``."""
    network = network_of(model)
    if list(network.sizes) != sizes:
        old, new = ("-".join(map(str, s)) for s in (network.sizes, sizes))
        raise ValueError(
            f"the fitted network is {old}, so it cannot be fitted further as {new}; "
            "keep hidden_layer_sizes and the number of outputs, or set warm_start=False"
        )
    return network


def network_of(model: Any) -> Network:
    """The fitted network, filled again if a program has replaced weights."""
    network: Network | None = getattr(model, "_network", None)
    if network is None or not holds(model, network):
        sizes = [len(model.coefs_[0]), *(W.shape[1] for W in model.coefs_)]
        names = hidden_names(model._activation, len(sizes) - 2)
        dtype = model.coefs_[0].dtype
        network = Network(sizes, hidden=names, loss=model._core_loss(), dtype=dtype)
        for layer, W, b in zip(network.layers, model.coefs_, model.intercepts_, strict=True):
            layer.W[:], layer.b[:] = W, b
    return network


def holds(model: Any, network: Network) -> bool:
    """Whether ``coefs_`` and ``intercepts_`` are still the views of this network."""
    names = hidden_names(model._activation, len(network.hidden))
    if tuple(names) != network.hidden or network.loss.name != model._core_loss():
        return False
    shared = zip(network.layers, model.coefs_, model.intercepts_, strict=False)
    return len(model.coefs_) == len(network.layers) and all(
        same_memory(layer.W, W) and same_memory(layer.b, b) for layer, W, b in shared
    )


def start(model: Any, network: Network) -> None:
    """The fitted attributes before the first epoch."""
    model.n_iter_, model.t_ = 0, 0
    model.n_layers_ = len(network.sizes)
    name = network.loss.output_name
    model.out_activation_ = "logistic" if name == "sigmoid" else name
    model.history_ = History()
    model.kept_weights_ = []
    model.loss_curve_ = []
    model.validation_loss_curve_ = []
    model.__dict__.pop("_best_theta", None)
    if is_stochastic(model):
        model._no_improvement_count = 0
        stops = model.early_stopping
        model.validation_scores_ = [] if stops else None
        model.best_validation_score_ = -np.inf if stops else None
        model.best_loss_ = None if stops else np.inf


def complete_records(model: Any) -> None:
    """Default records, for a program that set the weights without a fit."""
    first = {
        "n_iter_": 0,
        "t_": 0,
        "history_": History(),
        "kept_weights_": [],
        "loss_curve_": [],
        "validation_loss_curve_": [],
        "validation_scores_": None,
        "_no_improvement_count": 0,
    }
    for name, value in first.items():
        if not hasattr(model, name) and (is_stochastic(model) or "validation" not in name):
            setattr(model, name, value)
    if is_stochastic(model) and model.early_stopping:
        if getattr(model, "best_validation_score_", None) is None:
            model.best_validation_score_ = -np.inf
    elif is_stochastic(model) and getattr(model, "best_loss_", None) is None:
        model.best_loss_ = np.inf


def same_memory(a: Array, b: Any) -> bool:
    """Whether two arrays are views of the same memory."""
    return (
        isinstance(b, np.ndarray)
        and a.shape == b.shape
        and a.dtype == b.dtype
        and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    )
