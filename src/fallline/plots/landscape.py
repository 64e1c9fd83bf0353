"""The loss over a plane of parameters, and the path of a training run on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.backprop import loss_at
from fallline.core.network import Network
from fallline.core.samples import Samples
from fallline.errors import ParameterError, ShapeError
from fallline.limits import check_integer
from fallline.plots.style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PathRecorder", "loss_landscape"]

LEVELS = 14


class PathRecorder:
    """A callback for ``fl.train`` that stores the parameters of each recorded epoch.

    >>> import fallline as fl
    >>> from fallline import plots
    >>> net = fl.Network([2, 2, 1], hidden="tanh", loss="binary_cross_entropy", seed=0)
    >>> path = plots.PathRecorder(net)  # the first point is where the network is now
    >>> history = fl.train(net, [[0, 1], [1, 0]], [0, 1], epochs=5, callbacks=[path])
    >>> path.parameters.shape
    (6, 9)
    """

    def __init__(self, network: Network) -> None:
        self._points = [network.parameters.copy()]

    def __call__(self, progress: Any) -> None:
        self._points.append(progress.network.parameters.copy())

    @property
    def parameters(self) -> Array:
        """The points of the path, (n_points, n_parameters)."""
        return np.array(self._points)


@dataclass(frozen=True)
class Plane:
    """A plane in the space of parameters: ``origin`` and two directions, (n_parameters,)."""

    origin: Array
    across: Array
    up: Array
    labels: tuple[str, str]
    unit: Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", np.linalg.pinv(np.stack([self.across, self.up], axis=1)))

    def point(self, u: float, v: float) -> Array:
        return self.origin + u * self.across + v * self.up

    def coordinates(self, path: Array) -> Array:
        """The coordinates on the plane of a path's points, (n_points, 2)."""
        return (path - self.origin) @ self.unit.T


def loss_landscape(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    path: "PathRecorder | ArrayLike | None" = None,
    directions: tuple[int, int] | Sequence[ArrayLike] | None = None,
    span: float | None = None,
    resolution: int = 60,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """The loss on X, y over a plane of parameters through the network's own, and a path in it.

    Parameters
    ----------
    path : points, (n_points, n_parameters), or a :class:`PathRecorder`. It is projected onto the
        plane, so the loss under it is that of the plane, exact if the path lies in the plane.
    directions : two parameters by their number in the flat vector, or two vectors
        (n_parameters,). By default the two main directions of the path; without a path, two random
        ones, each neuron's part scaled to the norm of its weights.
    span : half the width of the plane; by default what the path needs, or 1.
    resolution : points on each side. seed : of the random directions.

    Sources: the scaled directions and the path's main ones, Li et al. 2018 (arXiv:1712.09913,
    sections 4 and 7). Raises ParameterError, ShapeError or DataError for bad input.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> path = fl.plots.PathRecorder(net)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=50, callbacks=[path])
    >>> ax = fl.plots.loss_landscape(net, TRAIN_X, TRAIN_Y, path=path, resolution=20)
    """
    samples = network.samples(X, y)
    check_integer("resolution", resolution, limit="rows")
    points = as_points(network, path)
    plane = plane_for(network, points, directions, seed)
    walked = None if points is None else plane.coordinates(points)
    ax = axes_or_new(ax, (5.4, 4.4))
    sides = sides_for(walked, span, resolution)
    draw_losses(ax, network, samples, plane, sides)
    if walked is not None:
        draw_path(ax, walked)
    ax.set(xlabel=plane.labels[0], ylabel=plane.labels[1])
    return ax


def as_points(network: Network, path: "PathRecorder | ArrayLike | None") -> Array | None:
    if path is None:
        return None
    points = np.asarray(path.parameters if isinstance(path, PathRecorder) else path, dtype=float)
    if points.ndim != 2 or points.shape[1] != network.n_parameters:
        raise ShapeError(
            f"path must have shape (n_points, {network.n_parameters}), one point of parameters a "
            f"line; it has {points.shape}"
        )
    return points


def plane_for(network: Network, points: Array | None, directions: Any, seed: int) -> Plane:
    origin = network.parameters.astype(float)
    if directions is not None:
        return given_plane(network, origin, directions)
    if points is not None and len(points) > 2 and np.ptp(points, axis=0).any():
        _, sizes, axes = np.linalg.svd(points - points[-1], full_matrices=False)
        share = sizes**2 / np.sum(sizes**2)
        labels = tuple(f"direction {i + 1}, {share[i]:.1%} of the path" for i in (0, 1))
        return Plane(points[-1], axes[0], axes[1], (labels[0], labels[1]))
    generator = np.random.default_rng(seed)
    across, up = (scaled(network, generator.normal(size=origin.size)) for _ in (0, 1))
    return Plane(origin, across, up, ("a random direction", "another"))


def given_plane(network: Network, origin: Array, directions: Any) -> Plane:
    if len(directions) != 2:
        raise ParameterError(f"directions must be two, not {len(directions)}")
    if all(isinstance(d, int | np.integer) for d in directions):
        names = parameter_names(network)
        if not all(0 <= d < len(names) for d in directions):
            raise ParameterError(f"directions must be from 0 to {len(names) - 1}: {directions}")
        i, j = directions
        moved = origin.copy()
        moved[[i, j]] = 0.0  # so that the axes show the parameters' own values
        eye = np.eye(len(names))
        return Plane(moved, eye[i], eye[j], (names[i], names[j]))
    across, up = (np.asarray(d, dtype=float) for d in directions)
    if across.shape != origin.shape or up.shape != origin.shape:
        raise ShapeError(f"directions must be vectors of {origin.size} numbers")
    return Plane(origin, across, up, ("along the first direction", "along the second"))


def parameter_names(network: Network) -> list[str]:
    """W1[0, 0], ..., b1[0], ... in the layout of the flat vector."""
    names = []
    for layer in network.layers:
        n_in, n_out = layer.W.shape
        names += [f"W{layer.number}[{i}, {j}]" for i in range(n_in) for j in range(n_out)]
        names += [f"b{layer.number}[{j}]" for j in range(n_out)]
    return names


def scaled(network: Network, direction: Array) -> Array:
    """Each neuron's part of a direction, scaled to the norm of its weights and bias."""
    for part, layer in zip(network.views(direction), network.layers, strict=True):
        norm = np.linalg.norm(layer.block, axis=0)
        part.block[:] *= norm / np.linalg.norm(part.block, axis=0)
    return direction


def sides_for(walked: Array | None, span: float | None, resolution: int) -> tuple[Array, Array]:
    """The coordinates of the grid: a square that contains the path, or +-span."""
    middle = np.zeros(2)
    half = 1.0
    if walked is not None:
        low, high = walked.min(axis=0), walked.max(axis=0)
        middle, half = (low + high) / 2, 0.62 * float((high - low).max()) or 1.0
    half = half if span is None else span
    u, v = (np.linspace(m - half, m + half, resolution) for m in middle)
    return u, v


def draw_losses(
    ax: "Axes", network: Network, samples: Samples, plane: Plane, sides: tuple[Array, Array]
) -> None:
    """The loss on a logarithmic scale, shaded, with lines of equal loss."""
    from matplotlib.colors import LogNorm

    u, v = sides
    with np.errstate(over="ignore"):
        losses = np.array(
            [
                [loss_at(network, samples.X, samples.Y, theta=plane.point(a, b)) for a in u]
                for b in v
            ]
        )
    tiny = float(np.finfo(float).tiny)
    losses = np.maximum(losses, tiny)
    drawn = ax.pcolormesh(u, v, losses, cmap="cividis", norm=LogNorm(losses.min(), losses.max()))
    drawn.set_rasterized(True)
    if losses.max() > losses.min():
        levels = np.geomspace(losses.min(), losses.max(), LEVELS)[1:-1]
        lines = ax.contour(u, v, losses, levels=levels, colors="white", linewidths=0.6)
        ax.clabel(lines, fontsize="x-small", fmt="%.2g")
    ax.figure.colorbar(drawn, ax=ax, label="loss")


def draw_path(ax: "Axes", walked: Array) -> None:
    from matplotlib.patheffects import Normal, Stroke

    outline = [Stroke(linewidth=3.2, foreground="black"), Normal()]
    ax.plot(*walked.T, color="white", linewidth=1.6, path_effects=outline)
    ax.plot(*walked[0], "o", color="white", markeredgecolor="black", markersize=8, label="start")
    ax.plot(*walked[-1], "*", color="white", markeredgecolor="black", markersize=13, label="end")
    ax.legend(loc="best", fontsize="small", facecolor="lightgrey", framealpha=0.9)
