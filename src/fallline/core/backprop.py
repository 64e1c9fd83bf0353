r"""Backpropagation, the readable reference: what every faster routine is held against.

For one batch X (n, n_features), Y (n, k) and shares w_i of its samples (summing to 1; 1/n without
sample weights), the loss is

.. math:: L = \sum_i w_i \, \ell(z_i, y_i) + P(W)

with the penalty P of :mod:`fallline.core.penalties`, and its gradient follows from the chain rule,
from the last layer to the first:

.. math::
    \delta_L &= w \odot \partial\ell/\partial Z_L \\
    dW_l &= A_{l-1}^T \delta_l + P'(W_l), \qquad db_l = \sum_i \delta_{l,i} \\
    \delta_{l-1} &= (\delta_l W_l^T) \odot f'(Z_{l-1})

A layer's activation carries one more column of ones, and W stands over b in the flat vector, so
one product gives Z and one product gives dW over db.

Source: Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0; in this notation Nielsen,
Neural Networks and Deep Learning (2015), chapter 2.
"""

from collections.abc import Iterator

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.penalties import NO_PENALTY, Penalty

__all__ = ["Backprop", "loss_and_gradient", "loss_at", "per_sample_gradients"]


class Backprop:
    """Forward and backward pass of one network for batches of ``n_rows``, in buffers of its own.

    After :meth:`gradient_at`, ``Z[l]``, ``A[l]`` and ``delta[l]`` hold the numbers of the pass
    (``A[0]`` is X) and ``gradient`` the flat gradient. A step allocates nothing of the size of
    the batch for the commoner activations.
    """

    def __init__(self, network: Network, n_rows: int, penalty: Penalty = NO_PENALTY) -> None:
        self.network = network
        self.penalty = penalty
        self.gradient: Array = np.zeros_like(network.parameters)
        self.is_weight = network.is_weight
        self.shares: Array = np.full((n_rows, 1), 1.0 / n_rows, network.dtype)
        widths = network.sizes[1:]
        self.Z = [self._empty(size) for size in widths]
        self.delta = [self._empty(size) for size in widths]
        self.A: list[Array] = [self._empty(size) for size in network.sizes]
        self.A_and_1 = [np.ones((n_rows, size + 1), network.dtype) for size in network.sizes[:-1]]
        self._slopes = [self._empty(size) for size in widths]
        self._masks: list[Array] | None = None
        self._bind()

    def _bind(self) -> None:
        """One tuple of views per layer, made once, so that the loops below look nothing up."""
        layers, blocks = self.network.layers, [v.block for v in self.network.views(self.gradient)]
        room = [A_and_1[:, :-1] for A_and_1 in self.A_and_1]
        self._X = room[0]
        # A lies beside [A 1], not only in it: on rows that are not contiguous the elementwise
        # functions take 2 to 3 times as long (3-2-1 network: 180 ms instead of 225)
        self._hidden = [
            (self.A_and_1[l], layer.block, self.Z[l], layer.value, self.A[l + 1], room[l + 1])
            for l, layer in enumerate(layers[:-1])
        ]
        self._output = (self.A_and_1[-1], layers[-1].block, self.Z[-1], layers[-1].value)
        self._last = (self.A_and_1[-1].T, self.delta[-1], blocks[-1])
        self._backward = [
            (
                layers[l].W.T,
                self.delta[l],
                self.delta[l - 1],
                layers[l - 1].slope_of(),
                self.Z[l - 1],
                self.A[l],
                self._slopes[l - 1],
                self.A_and_1[l - 1].T,
                blocks[l - 1],
            )
            for l in range(len(layers) - 1, 0, -1)
        ]

    def _empty(self, size: int) -> Array:
        return np.empty((len(self.shares), size), self.network.dtype)

    def load(self, X: Array, weight: Array | None = None) -> None:
        """Take the rows of a batch, and their sample weights where there are any."""
        self.A[0] = X
        self._X[:] = X
        if weight is not None:
            total = weight.sum()
            self.shares[:, 0] = weight / total if total > 0 else 0.0

    def forward(self, masks: list[Array] | None = None) -> None:
        """Z = [A 1] @ [W; b] and A = f(Z), layer by layer; with ``masks``, A = f(Z) * mask."""
        self._masks = masks
        for l, (A_and_1, block, Z, value, A, room) in enumerate(self._hidden):
            np.dot(A_and_1, block, out=Z)
            room[:] = value(Z, out=A)
            if masks is not None:
                slope_of = self.network.layers[l].slope_of()
                np.multiply(slope_of(Z, A, out=self._slopes[l]), masks[l], out=self._slopes[l])
                room[:] = np.multiply(A, masks[l], out=A)
        A_and_1, block, Z, value = self._output
        np.dot(A_and_1, block, out=Z)
        value(Z, out=self.A[-1])

    def backward(self, Y: Array) -> None:
        """delta of every layer, and dW over db, from the last layer to the first."""
        A_and_1_T, delta, gradient = self._last
        self.network.loss.delta(self.A[-1], Y, out=delta)
        np.multiply(delta, self.shares, out=delta)
        np.dot(A_and_1_T, delta, out=gradient)
        for W_T, delta, below, slope_of, Z, A, slope, A_and_1_T, gradient in self._backward:
            np.dot(delta, W_T, out=below)
            np.multiply(below, slope if self._masks else slope_of(Z, A, out=slope), out=below)
            np.dot(A_and_1_T, below, out=gradient)
        if self.penalty:
            self.gradient += self.penalty.slope(self.is_weight * self.network.parameters)

    def loss(self, Y: Array) -> float:
        """The loss of the batch after :meth:`forward`, added up in float64."""
        return mean_loss(self.network, self.Z[-1], Y, self.shares[:, 0], self.penalty)


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
    total = np.dot(shares.astype(wide), network.loss.value(Z, Y).astype(wide))
    if penalty:
        theta = network.parameters if theta is None else theta
        total = total + penalty.value(network.is_weight * theta)
    return total if np.iscomplexobj(total) else float(total)


def shares_of(n_rows: int, weight: Array | None) -> Array:
    """Each sample's share of the mean, summing to 1."""
    return np.full(n_rows, 1.0 / n_rows) if weight is None else weight / weight.sum()


def loss_at(
    network: Network,
    X: Array,
    Y: Array,
    weight: Array | None = None,
    penalty: Penalty = NO_PENALTY,
    theta: Array | None = None,
) -> float:
    """The loss of checked samples at the parameters ``theta`` (default: the network's own).

    It goes by ``Network.forward``, not by the buffers above; a complex ``theta`` gives a complex
    loss, for the complex-step derivative.
    """
    Z = network.forward(X, theta).Z[-1]
    return mean_loss(network, Z, Y, shares_of(len(X), weight), penalty, theta)


def loss_and_gradient(
    network: Network,
    X: Array,
    Y: Array,
    weight: Array | None = None,
    penalty: Penalty = NO_PENALTY,
) -> tuple[float, Array]:
    """The loss of checked samples and its gradient (n_parameters,)."""
    step = Backprop(network, len(X), penalty)
    step.load(X, weight)
    step.forward()
    loss = step.loss(Y)
    step.backward(Y)
    return loss, step.gradient


def per_sample_gradients(
    network: Network, X: Array, Y: Array, penalty: Penalty = NO_PENALTY
) -> Array:
    """The gradient of each sample's own loss, (n_samples, n_parameters).

    Their mean (weighted by the sample weights) is the gradient; each holds the whole penalty.
    ``network.views(row)`` shows one of them by layer, :func:`by_layer` all of them.
    """
    step = Backprop(network, len(X), penalty)
    step.shares[:] = 1.0
    step.load(X)
    step.forward()
    step.backward(Y)
    stack = np.empty((len(X), network.n_parameters), network.dtype)
    for A_and_1, delta, block in zip(
        step.A_and_1, step.delta, by_layer(network, stack), strict=True
    ):
        np.einsum("ni,no->nio", A_and_1, delta, out=block)
    if penalty:
        stack += penalty.slope(step.is_weight * network.parameters)
    return stack


def by_layer(network: Network, stack: Array) -> Iterator[Array]:
    """Each layer's part of stacked flat vectors (n, n_parameters), as views (n, n_in + 1, n_out).

    ``block[:, :-1]`` are the dW of the samples, ``block[:, -1]`` their db.
    """
    offset = 0
    for layer in network.layers:
        part = stack[:, offset : offset + layer.block.size]
        yield part.reshape(len(stack), *layer.block.shape)
        offset += layer.block.size
