"""Gradients on checked data: the loss with its gradient, and the gradient of every sample."""

from fallline.arrays import Array, ArrayLike
from fallline.core import backprop
from fallline.core.network import Network
from fallline.core.penalties import check_penalty

__all__ = ["by_layer", "loss_and_gradient", "per_sample_gradients"]


def loss_and_gradient(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
) -> tuple[float, Array]:
    """The loss on X, y and its gradient (n_parameters,), in the layout of ``network.parameters``.

    ``network.views(gradient)`` shows it by layer. The parameters are those of
    :func:`fallline.train`. Raises ParameterError, ShapeError or DataError for bad input.
    """
    penalty = check_penalty(l2, l1)
    samples = network.samples(X, y, sample_weight)
    return backprop.loss_and_gradient(network, samples.X, samples.Y, samples.weight, penalty)


def per_sample_gradients(
    network: Network, X: ArrayLike, y: ArrayLike, *, l2: float = 0.0, l1: float = 0.0
) -> Array:
    """The gradient of each sample's own loss, (n_samples, n_parameters).

    Their mean is the gradient. Each holds the whole penalty. Raises as :func:`loss_and_gradient`.
    """
    penalty = check_penalty(l2, l1)
    samples = network.samples(X, y)
    return backprop.per_sample_gradients(network, samples.X, samples.Y, penalty)


def by_layer(network: Network, stack: Array) -> list[tuple[Array, Array]]:
    """For each layer, views dW (n_samples, n_in, n_out) and db (n_samples, n_out) of the stack."""
    return [(block[:, :-1], block[:, -1]) for block in backprop.by_layer(network, stack)]
