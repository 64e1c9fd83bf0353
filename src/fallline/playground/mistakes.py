"""Wrong gradients on purpose: what the gradient check and the tasks of the page are tried on.

Each is what a person writes who forgets one thing. ``published`` is that of the lesson, with both
its slips; the others fit any network.
"""

from collections.abc import Callable

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import Backprop
from fallline.core.network import Network
from fallline.lesson import with_slips

__all__ = ["GRADIENTS", "spoilt"]


def summed(network: Network, step: Backprop) -> None:
    """Sums over the rows of the batch, not means."""
    step.gradient *= len(step.shares)


def without_slope(network: Network, step: Backprop) -> None:
    """The chain rule without the factor f'(Z) of the hidden layers."""
    downwards = reversed(list(zip(step.layers[:-1], step.layers[1:], strict=True)))
    for layer, above in downwards:
        np.dot(above.delta, above.W_T, out=layer.delta)
        np.dot(layer.A_prev_1_T, layer.delta, out=layer.gradient)


def preactivation_for_activation(network: Network, step: Backprop) -> None:
    """dW of a layer from the Z of the layer before, not from its A."""
    for below, layer in zip(step.layers[:-1], step.layers[1:], strict=True):
        np.dot(below.Z.T, layer.delta, out=layer.gradient[:-1])


def without_biases(network: Network, step: Backprop) -> None:
    """The biases are never trained."""
    for layer in step.layers:
        layer.gradient[-1] = 0.0


def uphill_at_first(network: Network, step: Backprop) -> None:
    """Layer 1 has the opposite sign."""
    np.negative(step.layers[0].gradient, out=step.layers[0].gradient)


def published(network: Network, step: Backprop) -> None:
    """The lesson's, with both its slips."""
    with_slips(network, step)


MISTAKES: dict[str, Callable[[Network, Backprop], None]] = {
    "published": published,
    "sum": summed,
    "no_slope": without_slope,
    "z_for_a": preactivation_for_activation,
    "no_bias": without_biases,
    "sign": uphill_at_first,
}
GRADIENTS = ("right", *MISTAKES)


def spoilt(kind: str, network: Network, X: Array, Y: Array) -> Array:
    """The gradient (n_parameters,) of the mean loss of these rows, with the mistake ``kind``."""
    step = Backprop(network, len(X))
    step.load(X)
    step.forward()
    step.backward(Y)
    MISTAKES[kind](network, step)
    return step.gradient
