"""How large the gradient is in each layer."""

from typing import TYPE_CHECKING

import numpy as np

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.plots.style import BLUE, ORANGE, axes_or_new, open_frame
from fallline.training.gradients import loss_and_gradient

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gradient_flow"]


def gradient_flow(
    network: Network, X: ArrayLike, y: ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """The sizes of the entries of dLoss/dW on X, y, layer by layer, on a logarithmic scale.

    A thin line spans a layer's middle 90 %, a thick one the middle half, a dot marks the median; a
    triangle marks the median of the biases. A median that falls from the last layer to the first
    is a vanishing gradient. A layer whose gradient is 0 everywhere has no mark. Raises ShapeError
    or DataError for bad input.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> ax = fl.plots.gradient_flow(net, TRAIN_X, TRAIN_Y)
    >>> ax.get_ylabel()
    '|dLoss/dW|'
    """
    _, gradient = loss_and_gradient(network, X, y)
    layers = network.views(gradient)
    ax = axes_or_new(ax)
    ax.set_yscale("log")
    numbers = [layer.number for layer in layers]
    for layer in layers:
        sizes = np.abs(layer.W[layer.W != 0])
        if sizes.size:
            low, lower, median, upper, high = np.quantile(sizes, [0.05, 0.25, 0.5, 0.75, 0.95])
            ax.plot([layer.number] * 2, [low, high], color=BLUE, linewidth=1)
            ax.plot([layer.number] * 2, [lower, upper], color=BLUE, linewidth=6, alpha=0.6)
            ax.plot(layer.number, median, "o", color=BLUE, markeredgecolor="white", markersize=9)
        biases = np.abs(layer.b[layer.b != 0])
        if biases.size:
            ax.plot(layer.number + 0.15, np.median(biases), "^", color=ORANGE, markersize=8)
    ax.plot([], [], "o", color=BLUE, label="weights: median, half, 90 %")
    ax.plot([], [], "^", color=ORANGE, label="biases: median")
    labels = [f"{n}\n{layer.activation}" for n, layer in zip(numbers, layers, strict=True)]
    ax.set_xticks(numbers, labels)
    ax.set(xlim=(0.5, len(layers) + 0.5), xlabel="layer", ylabel="|dLoss/dW|")
    ax.legend(frameon=False, fontsize="small")
    open_frame(ax)
    return ax
