"""The loss around the present parameters in two directions, with the path walked so far.

The directions are the two along which the path spreads most (its principal components, after Li et
al. 2018, arXiv:1712.09913, section 7); where the path is too short for that, random ones.
"""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import loss_at
from fallline.playground.descent import Descent
from fallline.playground.frames import clean

__all__ = ["landscape"]

SIZE = 33  # odd, so that the present point lies on the grid
MAX_ROWS = 300


def landscape(descent: Descent) -> dict[str, Any]:
    """The loss on a grid (size, size), the path's coordinates, and how far the grid reaches.

    The first line of the grid is its top. Only the first rows are used where there are many.
    """
    theta = descent.network.parameters
    way = np.array(descent.track.theta) - theta
    axes, spread = directions(way, descent.setup.network.seed)
    path = way @ axes.T
    reach = 1.15 * np.abs(path).max(axis=0)
    smallest = 0.25 * max(1.0, float(np.linalg.norm(theta)))
    reach = np.maximum(reach, max(smallest, 0.2 * float(reach.max())))
    X, Y = descent.rows.X[:MAX_ROWS], descent.rows.Y[:MAX_ROWS]
    a = np.linspace(-reach[0], reach[0], SIZE)
    b = np.linspace(reach[1], -reach[1], SIZE)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = [
            [
                loss_at(
                    descent.network,
                    X,
                    Y,
                    None,
                    descent.penalty,
                    theta + i * axes[0] + j * axes[1],
                )
                for i in a
            ]
            for j in b
        ]
    cleaned: dict[str, Any] = clean(
        {
            "size": SIZE,
            "loss": np.array(losses, dtype=float),
            "path": path,
            "epoch": descent.track.epoch,
            "reach": reach,
            "spread": spread,
            "rows": len(X),
        }
    )
    return cleaned


def directions(way: Array, seed: int) -> tuple[Array, list[float] | None]:
    """Two orthogonal unit vectors, (2, n_parameters), and their shares of the path's spread.

    The shares are those of the squared distances from the path's end; None for random vectors.
    """
    generator = np.random.default_rng(seed)
    axes: list[Array] = []
    shares: list[float] | None = None
    if len(way) > 2 and np.isfinite(way).all():
        _, spread, components = np.linalg.svd(way, full_matrices=False)
        axes = [c for c, s in zip(components, spread, strict=True) if s > 1e-12][:2]
        if axes:
            squares = np.square(spread) / np.square(spread).sum()
            shares = [float(share) for share in [*squares, 0.0][:2]]
    while len(axes) < 2:
        axis: Array = generator.standard_normal((int(way.shape[1]),))
        for other in axes:
            axis = axis - float(axis @ other) * other
        length = float(np.linalg.norm(axis))
        axes.append(axis / length if length > 1e-12 else axis)
    return np.array(axes), shares
