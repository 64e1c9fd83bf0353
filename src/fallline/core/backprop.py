r"""Backpropagation, the readable reference against which every faster routine is tested.

For one batch X (n, n_features), Y (n, k) and shares w_i of its samples (summing to 1; 1/n without
sample weights), the loss is

.. math:: L = \sum_i w_i \, \ell(z_i, y_i) + P(W)

with the penalty P of :mod:`fallline.core.penalties`, and its gradient follows from the chain rule,
from the last layer to the first:

.. math::
    \delta_L &= w \odot \partial\ell/\partial Z_L \\
    dW_l &= A_{l-1}^T \delta_l + P'(W_l), \qquad db_l = \sum_i \delta_{l,i} \\
    \delta_{l-1} &= (\delta_l W_l^T) \odot f'(Z_{l-1})

A layer's activation has an additional column of ones, and W stands over b in the flat vector, so
one product gives Z and one product gives dW over db. :class:`LayerPass` holds these numbers for one
layer; :meth:`Backprop.backward` is the chain rule above, line for line.

Source: Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0; in this notation Nielsen,
Neural Networks and Deep Learning (2015), chapter 2.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Layer, Network
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.samples import AnySamples

__all__ = [
    "Backprop",
    "LayerPass",
    "loss_and_gradient",
    "loss_at",
    "measured",
    "per_sample_gradients",
]


class LayerPass:
    """One layer in a forward and backward pass, for a batch of n rows.

    ``A_prev`` (n, n_in) enters the layer; ``Z`` (n, n_out) is its pre-activation, ``A`` its
    activation, ``slope`` f'(Z), ``delta`` dL/dZ. ``A_prev_1`` is [A_prev 1], ``W_b`` is W over b
    and ``gradient`` dL/dW over dL/db, (n_in + 1, n_out). ``W_b`` and ``gradient`` are views of the
    network's parameters and of the flat gradient.
    """

    __slots__ = (
        "A",
        "A_prev",
        "A_prev_1",
        "A_prev_1_T",
        "W_T",
        "W_b",
        "Z",
        "delta",
        "gradient",
        "slope",
        "slope_of",
        "value",
    )

    def __init__(self, layer: Layer, gradient: Array, n_rows: int) -> None:
        n_in, n_out = layer.W.shape
        self.W_b, self.W_T, self.gradient = layer.block, layer.W.T, gradient
        self.value = layer.value
        self.slope_of: Any = layer.slope  # the output layer has none: the loss's delta includes it
        self.A_prev_1: Array = np.ones((n_rows, n_in + 1), layer.W.dtype)
        self.A_prev, self.A_prev_1_T = self.A_prev_1[:, :-1], self.A_prev_1.T
        # A is contiguous and is copied beside the next layer's column of ones: on rows that are not
        # contiguous the elementwise functions take 2 to 3 times as long
        self.Z, self.A, self.slope, self.delta = np.empty((4, n_rows, n_out), layer.W.dtype)

    def forward(self) -> None:
        """Z = [A_prev 1] @ [W; b] and A = f(Z)."""
        np.dot(self.A_prev_1, self.W_b, out=self.Z)
        self.value(self.Z, out=self.A)

    def drop_out(self, mask: Array) -> None:
        """A = f(Z) * mask and its slope f'(Z) * mask, computed from A before the mask."""
        self.slope_of(self.Z, self.A, out=self.slope)
        self.slope *= mask
        self.A *= mask


class Backprop:
    """Forward and backward pass of one network for batches of ``n_rows``, in separate buffers.

    After :meth:`backward`, ``layers`` hold the numbers of the pass and ``gradient`` is the flat
    gradient. With the common activations a step allocates no array of the size of the batch.
    """

    def __init__(self, network: Network, n_rows: int, penalty: Penalty = NO_PENALTY) -> None:
        self.network = network
        self.penalty = penalty
        self.gradient: Array = np.zeros_like(network.parameters)
        self.is_weight = network.is_weight
        self.shares: Array = np.full((n_rows, 1), 1.0 / n_rows, network.dtype)
        self.layers = [
            LayerPass(layer, gradient.block, n_rows)
            for layer, gradient in zip(network.layers, network.views(self.gradient), strict=True)
        ]
        self.output = self.layers[-1]
        self._upwards = list(pairwise(self.layers))
        self._downwards = self._upwards[::-1]
        self._dropped_out = False

    def load(self, X: Array, weight: Array | None = None) -> None:
        """Set the rows of a batch, and their sample weights if there are any."""
        self.layers[0].A_prev[:] = X
        if weight is not None:
            total = weight.sum()
            self.shares[:, 0] = weight / total if total > 0 else 0.0

    def forward(self, masks: list[Array] | None = None) -> None:
        """Z and A of every layer, from the first to the last; ``masks`` are dropout's."""
        self._dropped_out = masks is not None
        for l, (layer, above) in enumerate(self._upwards):
            layer.forward()
            if masks is not None:
                layer.drop_out(masks[l])
            above.A_prev[:] = layer.A
        self.output.forward()

    def backward(self, Y: Array) -> None:
        """delta and gradient of every layer, from the last to the first, by the chain rule."""
        output = self.output
        self.network.loss.delta(output.A, Y, out=output.delta)  # dloss/dZ of each row
        output.delta *= self.shares  # dL/dZ, with L the weighted mean
        np.dot(output.A_prev_1_T, output.delta, out=output.gradient)
        for layer, above in self._downwards:
            if not self._dropped_out:
                layer.slope_of(layer.Z, layer.A, out=layer.slope)  # dA/dZ = f'(Z)
            np.dot(above.delta, above.W_T, out=layer.delta)  # dL/dA = dL/dZ_above @ W_above.T
            layer.delta *= layer.slope  # dL/dZ = dL/dA * dA/dZ
            np.dot(layer.A_prev_1_T, layer.delta, out=layer.gradient)  # dL/dW = A_prev.T @ dL/dZ
        if self.penalty:
            self.gradient += self.penalty.slope(self.is_weight * self.network.parameters)

    def loss(self, Y: Array) -> float:
        """The loss of the batch after :meth:`forward`, summed in float64."""
        return mean_loss(self.network, self.output.Z, Y, self.shares[:, 0], self.penalty)


def mean_loss(
    network: Network,
    Z: Array,
    Y: Array,
    shares: Array,
    penalty: Penalty = NO_PENALTY,
    theta: Array | None = None,
) -> float:
    """sum_i w_i loss(z_i, y_i), plus the penalty on the weights."""
    wide = np.promote_types(Z.dtype, np.float64)
    values = network.loss.value(Z, Y).astype(wide, copy=False)
    total = np.dot(shares.astype(wide, copy=False), values)
    if penalty:
        theta = network.parameters if theta is None else theta
        total = total + penalty.value(network.is_weight * theta)
    return total if np.iscomplexobj(total) else float(total)


def shares_of(n_rows: int, weight: Array | None) -> Array:
    """Each sample's share of the mean, summing to 1."""
    return np.full(n_rows, 1.0 / n_rows) if weight is None else weight / weight.sum()


def measured(network: Network, rows: AnySamples, every: int = 1) -> tuple[float, Array]:
    """The loss of every ``every``-th sample, without the penalty, and the logits."""
    weight = None if rows.weight is None else rows.weight[::every]
    logits, Y = network.logits(rows.X[::every]), rows.Y[::every]
    return mean_loss(network, logits, Y, shares_of(len(Y), weight)), logits


def loss_at(
    network: Network,
    X: Array,
    Y: Array,
    weight: Array | None = None,
    penalty: Penalty = NO_PENALTY,
    theta: Array | None = None,
) -> float:
    """The loss of checked samples at the parameters ``theta`` (default: the network's own).

    It uses ``Network.forward``, not the buffers above. A complex ``theta`` gives a complex loss,
    for the complex-step derivative.
    """
    Z = network.forward(X, theta).Z[-1]
    return mean_loss(network, Z, Y, shares_of(len(X), weight), penalty, theta)


def loss_and_gradient(
    network: Network,
    X: Array,
    Y: Array,
    weight: Array | None = None,
    penalty: Penalty = NO_PENALTY,
    masks: list[Array] | None = None,
) -> tuple[float, Array]:
    """The loss of checked samples and its gradient (n_parameters,); ``masks`` are dropout's."""
    step = Backprop(network, len(X), penalty)
    step.load(X, weight)
    step.forward(masks)
    loss = step.loss(Y)
    step.backward(Y)
    return loss, step.gradient


def per_sample_gradients(
    network: Network, X: Array, Y: Array, penalty: Penalty = NO_PENALTY
) -> Array:
    """The gradient of each sample's own loss, (n_samples, n_parameters).

    Their mean (weighted by the sample weights) is the gradient; each includes the whole penalty.
    ``network.views(row)`` gives one of them by layer, :func:`by_layer` gives all of them.
    """
    step = own_losses(network, X, Y)
    stack = np.empty((len(X), network.n_parameters), network.dtype)
    for layer, block in zip(step.layers, by_layer(network, stack), strict=True):
        np.einsum("ni,no->nio", layer.A_prev_1, layer.delta, out=block)
    if penalty:
        stack += penalty.slope(step.is_weight * network.parameters)
    return stack


def own_losses(network: Network, X: Array, Y: Array) -> Backprop:
    """A pass whose deltas are those of each row's own loss, without the penalty."""
    step = Backprop(network, len(X))
    step.shares[:] = 1.0
    step.load(X)
    step.forward()
    step.backward(Y)
    return step


def by_layer(network: Network, stack: Array) -> Iterator[Array]:
    """Each layer's part of stacked flat vectors (n, n_parameters), as views (n, n_in + 1, n_out).

    ``block[:, :-1]`` is the dW of the samples, ``block[:, -1]`` their db.
    """
    offset = 0
    for layer in network.layers:
        part = stack[:, offset : offset + layer.block.size]
        yield part.reshape(len(stack), *layer.block.shape)
        offset += layer.block.size
