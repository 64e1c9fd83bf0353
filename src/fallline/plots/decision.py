"""A network's output over the plane of two inputs."""

from typing import TYPE_CHECKING

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.errors import ParameterError
from fallline.limits import check_integer
from fallline.plots.style import COLOURS, MARKERS, axes_or_new, cycled, two_sided

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["decision_surface"]

MARGIN = 0.12  # of the data's width, on each side


def decision_surface(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    features: tuple[int, int] = (0, 1),
    at: ArrayLike | None = None,
    resolution: int = 200,
    ax: "Axes | None" = None,
) -> "Axes":
    """The network's output over the plane of two inputs, and the rows X, y in it.

    ``features`` are the columns that span the plane; the other inputs stay at ``at``
    (n_features,), by default the means of X. A single probability is shaded from 0 to 1 with its
    line of 0.5; with several classes the most probable one is shown, paler where it is less
    certain; numbers have contour lines. Each class has its own marker. Raises ParameterError,
    ShapeError or DataError for bad input.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=200)
    >>> ax = fl.plots.decision_surface(net, TRAIN_X, TRAIN_Y, features=(0, 2))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('input 0', 'input 2')
    """
    samples = network.samples(X, y)
    X, Y = samples.X, samples.Y
    i, j = features
    n = network.sizes[0]
    if not (0 <= i < n and 0 <= j < n and i != j):
        raise ParameterError(f"features must be two different columns from 0 to {n - 1}")
    check_integer("resolution", resolution, limit="rows")
    middle = X.mean(axis=0) if at is None else np.asarray(at, dtype=float)
    ax = axes_or_new(ax, (5.2, 4.2))
    across, up = (spread(X[:, k], resolution) for k in (i, j))
    grid = np.tile(middle, (resolution * resolution, 1))
    grid[:, i], grid[:, j] = (side.ravel() for side in np.meshgrid(across, up))
    output = network.predict_proba(grid).reshape(resolution, resolution, -1)
    if network.loss.task == "numbers":
        shade_numbers(ax, across, up, output[:, :, 0])
        ax.scatter(X[:, i], X[:, j], s=14, c="black", edgecolors="white", linewidths=0.5)
    elif network.loss.task == "binary":
        shade_probability(ax, across, up, output[:, :, 0])
        classes(ax, X[:, i], X[:, j], (Y[:, 0] >= 0.5).astype(int), [COLOURS[0], COLOURS[1]])
    else:
        shade_classes(ax, across, up, output)
        colours = [cycled(COLOURS, k) for k in range(Y.shape[1])]
        classes(ax, X[:, i], X[:, j], Y.argmax(axis=1), colours)
    ax.set(xlabel=f"input {i}", ylabel=f"input {j}")
    return ax


def spread(values: Array, resolution: int) -> Array:
    """Equal steps over the values and a margin."""
    low, high = float(values.min()), float(values.max())
    edge = MARGIN * (high - low) or 1.0
    return np.linspace(low - edge, high + edge, resolution)


def shade_probability(ax: "Axes", across: Array, up: Array, P: Array) -> None:
    drawn = ax.pcolormesh(across, up, P, vmin=0, vmax=1, cmap=two_sided(), alpha=0.5)
    drawn.set_rasterized(True)
    ax.figure.colorbar(drawn, ax=ax, label="predicted probability of 1")
    levels = [level for level in (0.1, 0.5, 0.9) if P.min() < level < P.max()]
    if levels:
        widths = [2.0 if level == 0.5 else 0.7 for level in levels]
        lines = ax.contour(across, up, P, levels=levels, colors="black", linewidths=widths)
        ax.clabel(lines, fontsize="x-small")


def shade_numbers(ax: "Axes", across: Array, up: Array, values: Array) -> None:
    drawn = ax.pcolormesh(across, up, values, cmap="cividis")
    drawn.set_rasterized(True)
    ax.figure.colorbar(drawn, ax=ax, label="predicted")
    if np.ptp(values) > 0:
        lines = ax.contour(across, up, values, levels=8, colors="white", linewidths=0.7)
        ax.clabel(lines, fontsize="x-small")


def shade_classes(ax: "Axes", across: Array, up: Array, P: Array) -> None:
    from matplotlib.colors import to_rgb

    best = P.argmax(axis=2)
    colours = np.array([to_rgb(cycled(COLOURS, k)) for k in range(P.shape[2])])
    sure = P.max(axis=2, keepdims=True)
    picture = 1.0 - 0.6 * sure * (1.0 - colours[best])
    extent = (across[0], across[-1], up[0], up[-1])
    ax.imshow(picture, origin="lower", extent=extent, aspect="auto")
    borders = np.arange(P.shape[2] - 1) + 0.5
    ax.contour(across, up, best, levels=borders, colors="black", linewidths=1.0)


def classes(ax: "Axes", x: Array, y: Array, numbers: Array, colours: list[str]) -> None:
    for k in np.unique(numbers):
        rows = numbers == k
        ax.scatter(
            x[rows],
            y[rows],
            s=28,
            marker=cycled(MARKERS, int(k)),
            color=colours[int(k)],
            edgecolors="black",
            linewidths=0.7,
            label=f"{int(k)}",
            zorder=3,
        )
    ax.legend(title="target", loc="best", fontsize="small", framealpha=0.9)
