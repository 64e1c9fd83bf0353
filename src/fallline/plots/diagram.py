"""A network as a diagram of circles and lines, with its weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.errors import ParameterError
from fallline.plots.style import BLUE, GREY, ORANGE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["network_diagram"]

MAX_NEURONS = 10  # of a wider layer the middle neurons are left out
MAX_VALUES = 20  # connections of a layer whose numbers are written
RADIUS = 0.24
APART = 2.0  # between layers; the neurons of a layer are 0.75 apart
THICKEST = 4.5  # points


def network_diagram(
    network: Network,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    values: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """The neurons as circles, the weights as lines: blue above 0, orange and dashed below.

    A larger weight has a thicker line. With ``values`` the weights are written on their lines and
    the biases in their circles, in layers of at most 20 connections. If a layer has more than 10
    neurons, the first and last five are drawn. ``inputs`` and ``outputs`` name the columns. Raises
    ParameterError if there is another number of names.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> ax = fl.plots.network_diagram(net, inputs=["first", "middle", "last"])
    >>> len(ax.lines)  # one for each weight
    8
    """
    widest = max(min(size, MAX_NEURONS + 1) for size in network.sizes)
    size = (2.3 * len(network.sizes), max(2.2, 0.75 * widest + 0.7))
    ax = axes_or_new(ax, size)
    places = [positions(l, size) for l, size in enumerate(network.sizes)]
    largest = max(float(np.abs(layer.W).max()) for layer in network.layers) or 1.0
    for l, layer in enumerate(network.layers):
        few = values and layer.W.size <= MAX_VALUES
        connect(ax, places[l], places[l + 1], layer.W, largest, values=few)
    for l, column in enumerate(places):
        few = values and l > 0 and network.layers[l - 1].W.size <= MAX_VALUES
        biases = network.layers[l - 1].b if few else None
        neurons(ax, column, network.sizes[l], biases)
    titles = ["inputs", *(f"layer {x.number}: {x.activation}" for x in network.layers)]
    top = max(y for column in places for _, y in column.values()) + 0.45
    for l, title in enumerate(titles):
        ax.text(APART * l, top, title.replace("_", " "), ha="center", va="bottom", fontsize="small")
    names(ax, places[0], network.sizes[0], inputs, "inputs", side=-1)
    names(ax, places[-1], network.sizes[-1], outputs, "outputs", side=1)
    ax.set_aspect("equal", adjustable="datalim")
    ax.autoscale_view()
    ax.margins(0.1, 0.04)
    ax.axis("off")
    return ax


def positions(l: int, size: int) -> dict[int, tuple[float, float]]:
    """The positions of the drawn neurons of a layer, by number, from the top down."""
    if size <= MAX_NEURONS:
        drawn = list(range(size))
    else:
        half = MAX_NEURONS // 2
        drawn = [*range(half), *range(size - half, size)]
    slots = len(drawn) if size <= MAX_NEURONS else len(drawn) + 1  # one for the dots
    heights = [(slots - 1) / 2 - i for i in range(slots)]
    if size > MAX_NEURONS:
        del heights[MAX_NEURONS // 2]
    return {number: (APART * l, 0.75 * y) for number, y in zip(drawn, heights, strict=True)}


def connect(
    ax: "Axes",
    left: dict[int, tuple[float, float]],
    right: dict[int, tuple[float, float]],
    W: Array,
    largest: float,
    *,
    values: bool,
) -> None:
    for i, (x0, y0) in left.items():
        for k, (j, (x1, y1)) in enumerate(right.items()):
            w = float(W[i, j])
            ax.plot(
                [x0, x1],
                [y0, y1],
                color=BLUE if w >= 0 else ORANGE,
                linestyle="-" if w >= 0 else (0, (3, 1.5)),
                linewidth=0.4 + (THICKEST - 0.4) * abs(w) / largest,
                alpha=0.9,
                zorder=1,
            )
            if values:
                t = 0.24 + 0.5 * (k + 0.5) / len(right)  # apart where lines cross
                ax.text(
                    x0 + t * (x1 - x0),
                    y0 + t * (y1 - y0),
                    f"{w:.2f}",
                    ha="center",
                    va="center",
                    fontsize="x-small",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.9},
                    zorder=2,
                )


def neurons(
    ax: "Axes", column: dict[int, tuple[float, float]], size: int, biases: Array | None
) -> None:
    from matplotlib.patches import Circle

    for number, (x, y) in column.items():
        ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=GREY, zorder=3))
        if biases is not None:
            text = f"{float(biases[number]):.2f}"
            ax.text(x, y, text, ha="center", va="center", fontsize="x-small", zorder=4)
    if size > MAX_NEURONS:
        x = next(iter(column.values()))[0]
        ax.text(x, 0.0, f"⋮ {size} ⋮", ha="center", va="center", fontsize="small", zorder=4)


def names(
    ax: "Axes",
    column: dict[int, tuple[float, float]],
    size: int,
    given: Sequence[str] | None,
    what: str,
    *,
    side: int,
) -> None:
    """The columns' names, left of the inputs or right of the outputs."""
    if given is None:
        return
    if len(given) != size:
        raise ParameterError(f"{what} has {len(given)} names, but the network has {size} {what}")
    for number, (x, y) in column.items():
        ax.annotate(
            str(given[number]),
            (x + side * RADIUS, y),
            xytext=(side * 4, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="center",
            fontsize="small",
        )
