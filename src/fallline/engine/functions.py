"""The numbers of a network's functions, and which of them compiled code does not have."""

import numpy as np

from fallline.core.losses import Loss
from fallline.core.network import Layer, Network
from fallline.engine.codes import ACTIVATIONS, LOSSES, QUANTILE_UNIT
from fallline.engine.own import NotCompiledError, activation_address, loss_address

__all__ = ["activation_codes", "loss_code", "missing", "needs_compiler"]


def activation_code(layer: Layer, dtype: np.dtype) -> int:
    """The number of a layer's activation. Raises NotCompiledError if it is not compiled."""
    if layer.activation in ACTIVATIONS:
        return ACTIVATIONS.index(layer.activation)
    return activation_address(layer, dtype)


def activation_codes(network: Network) -> list[int]:
    """The numbers of the hidden layers' activations. Raises as ``activation_code``."""
    return [activation_code(layer, network.dtype) for layer in network.layers[:-1]]


def loss_code(loss: Loss, dtype: np.dtype) -> int:
    """The number of a loss. Raises NotCompiledError if it is not compiled."""
    if loss.name in LOSSES:
        return LOSSES.index(loss.name)
    if loss.quantile is not None:
        return -round(loss.quantile / QUANTILE_UNIT)
    return loss_address(loss, dtype)


def needs_compiler(network: Network) -> bool:
    """Whether the network has custom functions."""
    known = all(layer.activation in ACTIVATIONS for layer in network.layers[:-1])
    return not (known and (network.loss.name in LOSSES or network.loss.quantile is not None))


def missing(network: Network) -> list[str]:
    """Why the compiled engine lacks this network's functions; empty if it has them."""
    found = []
    for layer in network.layers[:-1]:
        try:
            activation_code(layer, network.dtype)
        except NotCompiledError as reason:
            found.append(f"the activation {layer.activation!r} ({reason})")
    try:
        loss_code(network.loss, network.dtype)
    except NotCompiledError as reason:
        found.append(f"the loss {network.loss.name!r} ({reason})")
    return list(dict.fromkeys(found))
