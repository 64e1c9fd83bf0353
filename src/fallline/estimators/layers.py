"""Conversion between scikit-learn's lists ``coefs_`` and ``intercepts_`` and the flat vector."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS, Activation
from fallline.core.network import Network

__all__ = ["SCIKIT_NAMES", "cut", "draw", "hidden_names", "hidden_sizes", "pack_order"]

SCIKIT_NAMES = ("identity", "logistic", "tanh", "relu")  # what scikit-learn can express


def hidden_sizes(value: Any) -> list[int]:
    """``hidden_layer_sizes`` as a list. Raises ValueError for a size that is not above 0."""
    sizes = list(value) if hasattr(value, "__iter__") else [value]
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def hidden_names(activation: Any, n_hidden: int) -> list[str]:
    """The core's name of each hidden layer's activation; one serves all layers.

    A custom :class:`fallline.core.activations.Activation` is registered under its name. Raises
    ValueError for an unknown name, or if a list has another length.
    """
    one = isinstance(activation, str | Activation)
    given = [activation] * n_hidden if one else list(activation)
    if len(given) != n_hidden:
        raise ValueError(
            f"activation names {len(given)} activations, but hidden_layer_sizes has {n_hidden} "
            "layers; give one name, or one for each hidden layer"
        )
    return [core_name(item) for item in given]


def core_name(item: Any) -> str:
    if isinstance(item, Activation):
        if ACTIVATIONS.setdefault(item.name, item) != item:
            raise ValueError(
                f"there is another activation named {item.name!r}; choose a name of your own"
            )
        return item.name
    if item == "logistic":
        return "sigmoid"
    if item not in ACTIVATIONS:
        names = ", ".join(["logistic", *ACTIVATIONS])
        raise ValueError(f"activation must be one of {names}; got {item!r}")
    return str(item)


def draw(network: Network, generator: np.random.RandomState) -> None:
    """Weights and biases uniform within +-sqrt(6 / (fan_in + fan_out)), sqrt(2 / ...) for logistic.

    Glorot and Bengio 2010, section 4.2.1. Layer by layer, W before b; the output layer uses the
    activation of the layer before it.
    """
    names = network.hidden + network.hidden[-1:]
    for l, layer in enumerate(network.layers):
        factor = 2.0 if names and names[l] == "sigmoid" else 6.0
        bound = np.sqrt(factor / sum(layer.W.shape))
        layer.W[:] = generator.uniform(-bound, bound, layer.W.shape)
        layer.b[:] = generator.uniform(-bound, bound, layer.b.shape)


def cut(vector: Array, sizes: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """Views of a vector in the layout of theta: the W of every layer, and the b of every layer."""
    weights, biases, start = [], [], 0
    for n_in, n_out in pairwise(sizes):
        end = start + n_in * n_out
        weights.append(vector[start:end].reshape(n_in, n_out))
        biases.append(vector[end : end + n_out])
        start = end + n_out
    return weights, biases


def pack_order(sizes: Sequence[int]) -> Array:
    """The position in theta of each number of scikit-learn's packed vector (all W, then all b)."""
    places = np.arange(sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes)))
    weights, biases = cut(places, sizes)
    return np.concatenate([part.ravel() for part in weights + biases])
