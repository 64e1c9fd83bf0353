"""The gradient of every sample, side by side."""

from typing import TYPE_CHECKING

import numpy as np

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.plots.landscape import parameter_names
from fallline.plots.style import axes_or_new, two_sided
from fallline.training.gradients import per_sample_gradients

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gradient_heat_map"]

MAX_NAMED = 40  # parameters whose names fit under the map
MAX_WRITTEN = 120  # entries whose numbers are written


def gradient_heat_map(
    network: Network, X: ArrayLike, y: ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Rows are samples and columns parameters; the last row is the mean, which is the gradient.

    Orange lowers a parameter (a gradient above 0), blue raises it; maps of at most 120 entries show
    the numbers. Vertical lines separate the layers. Raises ShapeError or DataError for bad input.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> ax = fl.plots.gradient_heat_map(net, TRAIN_X, TRAIN_Y)
    >>> ax.images[0].get_array().shape  # 5 rows and their mean, 11 parameters
    (6, 11)
    """
    each = per_sample_gradients(network, X, y)
    rows = np.vstack([each, each.mean(axis=0)])
    n_rows, n_columns = rows.shape
    size = (min(11.0, 2.2 + 0.48 * n_columns), min(8.0, 1.5 + 0.36 * n_rows))
    ax = axes_or_new(ax, size)
    limit = float(np.abs(rows).max()) or 1.0
    drawn = ax.imshow(rows, cmap=two_sided(), vmin=-limit, vmax=limit, aspect="auto")
    ax.figure.colorbar(drawn, ax=ax, label="dLoss/dparameter")
    ax.axhline(n_rows - 1.5, color="black", linewidth=1.5)
    edge = -0.5
    for layer in network.layers[:-1]:
        edge += layer.block.size
        ax.axvline(edge, color="black", linewidth=1)
    if n_columns <= MAX_NAMED:
        ax.set_xticks(range(n_columns), parameter_names(network), rotation=90, fontsize="small")
    else:
        ax.set_xlabel("parameter")
    step = max(1, n_rows // 20)
    shown = [*range(0, n_rows - 1, step), n_rows - 1]
    ax.set_yticks(shown, [*(f"row {i}" for i in shown[:-1]), "mean"], fontsize="small")
    if rows.size <= MAX_WRITTEN:
        for (i, j), value in np.ndenumerate(rows):
            colour = "white" if abs(value) > 0.7 * limit else "black"
            text = f"{value:.2g}"
            ax.text(j, i, text, ha="center", va="center", fontsize="x-small", color=colour)
    return ax
