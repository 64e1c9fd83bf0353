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

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> loss, gradient = fl.loss_and_gradient(net, TRAIN_X, TRAIN_Y)
    >>> round(loss, 4), gradient.shape
    (0.84, (11,))
    >>> net.views(gradient)[1].b.round(4)
    array([0.416])
    """
    penalty = check_penalty(l2, l1)
    samples = network.samples(X, y, sample_weight)
    return backprop.loss_and_gradient(network, samples.X, samples.Y, samples.weight, penalty)


def per_sample_gradients(
    network: Network, X: ArrayLike, y: ArrayLike, *, l2: float = 0.0, l1: float = 0.0
) -> Array:
    """The gradient of each sample's own loss, (n_samples, n_parameters).

    Their mean is the gradient. Each includes the whole penalty. Raises as
    :func:`loss_and_gradient`.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> each = fl.per_sample_gradients(net, TRAIN_X, TRAIN_Y)
    >>> each.shape
    (5, 11)
    >>> _, gradient = fl.loss_and_gradient(net, TRAIN_X, TRAIN_Y)
    >>> bool(abs(each.mean(axis=0) - gradient).max() < 1e-12)
    True
    """
    penalty = check_penalty(l2, l1)
    samples = network.samples(X, y)
    return backprop.per_sample_gradients(network, samples.X, samples.Y, penalty)


def by_layer(network: Network, stack: Array) -> list[tuple[Array, Array]]:
    """For each layer, views dW (n_samples, n_in, n_out) and db (n_samples, n_out) of the stack.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> each = fl.per_sample_gradients(net, TRAIN_X, TRAIN_Y)
    >>> [(dW.shape, db.shape) for dW, db in fl.by_layer(net, each)]
    [((5, 3, 2), (5, 2)), ((5, 2, 1), (5, 1))]
    """
    return [(block[:, :-1], block[:, -1]) for block in backprop.by_layer(network, stack)]
