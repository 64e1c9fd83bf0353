"""Estimators made from networks of the core."""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.estimators.labels import binarizer_of
from fallline.estimators.layers import cut

__all__ = ["classifier_from_network", "regressor_from_network"]


def fitted(model: Any, network: Network) -> Any:
    """The fitted attributes from a network; the estimator uses a copy of it."""
    name = network.loss.output_name
    model.n_features_in_, model.n_outputs_ = network.sizes[0], network.sizes[-1]
    model.n_layers_ = len(network.sizes)
    model.out_activation_ = "logistic" if name == "sigmoid" else name
    model.coefs_, model.intercepts_ = cut(network.parameters.copy(), network.sizes)
    model.n_iter_, model.t_ = 0, 0
    return model


def architecture(network: Network) -> dict[str, Any]:
    names = ["logistic" if name == "sigmoid" else name for name in network.hidden]
    one = names[0] if len(set(names)) == 1 else names or "relu"
    return {"hidden_layer_sizes": network.sizes[1:-1], "activation": one}


def classifier_from_network(cls: type, network: Network, classes: Any) -> Any:
    """See ``MLPClassifier.from_network``."""
    if network.loss.task not in ("binary", "classes"):
        raise ValueError(
            f"a classifier needs a cross-entropy loss, and this network has {network.loss.name!r}; "
            "use MLPRegressor.from_network"
        )
    model = cls(**architecture(network))
    n_outputs = network.sizes[-1]
    n_classes = 2 if n_outputs == 1 else n_outputs
    names = np.arange(n_classes) if classes is None else np.asarray(classes)
    if names.shape != (n_classes,) or len(np.unique(names)) != n_classes:
        raise ValueError(f"classes must be {n_classes} different labels, not {classes!r}")
    if network.loss.task == "binary" and n_outputs > 1:
        model._label_binarizer = binarizer_of(np.eye(n_outputs, dtype=int))
    else:
        model._label_binarizer = binarizer_of(names)
        check_sorted(names, model._label_binarizer.classes_)
    model.classes_ = model._label_binarizer.classes_
    return fitted(model, network)


def check_sorted(names: Array, in_order: Array) -> None:
    if list(names) != list(in_order):
        raise ValueError(
            f"scikit-learn holds classes in sorted order, {list(in_order)}; order the network's "
            f"outputs in the same way, not as {list(names)}"
        )


def regressor_from_network(cls: type, network: Network) -> Any:
    """See ``MLPRegressor.from_network``."""
    name, _, quantile = network.loss.name.partition("(")
    if network.loss.task != "numbers":
        raise ValueError(
            f"a regressor needs a loss for numbers, and this network has {network.loss.name!r}; "
            "use MLPClassifier.from_network"
        )
    extra = {"quantile": float(quantile[:-1])} if quantile else {}
    return fitted(cls(loss=name, **architecture(network), **extra), network)
