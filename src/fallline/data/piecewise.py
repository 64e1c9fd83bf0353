"""The piecewise-linear encoding of a number, and the scaling beside it: the mathematics.

Bins of a number x have the edges e_0 < e_1 < ... < e_k. Component j says how far x has come
through bin j:

    c_j(x) = clip((x - e_j) / (e_(j+1) - e_j), 0, 1)

so that a linear layer on the components can form any continuous function with a bend at each edge.
Source: Gorishniy, Rubachev and Babenko 2022 (arXiv:2203.05556, section 3.2), with quantile bins.
"""

import numpy as np
from numpy.typing import NDArray

from fallline.arrays import Array

__all__ = [
    "FARTHEST",
    "MAX_LEVELS",
    "bin_edges",
    "components",
    "places",
    "recurring_levels",
    "robust_moments",
    "smooth_clip",
    "smooth_unclip",
]

Floats = NDArray[np.float64]

BOUND = 3.0  # a scaled number is kept within -3 to 3
FARTHEST = 1e150  # whose square is still a number
ROWS_AT_ONCE = 16_384
BINS_EATEN = 2.0  # a value that fills more bins than this is a recurring value
MAIN_SHARE = 0.4  # of the rows: a more frequent value gets a separate input
MIN_LEVEL_ROWS, MAX_LEVELS = 10, 120


def robust_moments(values: Floats) -> tuple[float, float]:
    """Median and interquartile range of (n,) values; the standard deviation where that is 0.

    >>> import numpy as np
    >>> robust_moments(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    (3.0, 2.0)
    """
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    spread = float(high - low)
    return float(middle), spread if spread > 0.0 else float(values.std())


def smooth_clip(x: Array) -> Array:
    """z = x / sqrt(1 + (x / 3)^2) of numbers within -1e150 to 1e150: nearly x around 0, and always
    between -3 and 3.

    Source: Holzmueller, Grinsztajn and Steinwart 2024 (arXiv:2407.04491, section 3).

    >>> import numpy as np
    >>> smooth_clip(np.array([0.1, 3.0, 1e150])).round(3).tolist()
    [0.1, 2.121, 3.0]
    """
    clipped: Array = x / np.hypot(1.0, x / BOUND)
    return clipped


def smooth_unclip(clipped: Array) -> Array:
    """The inverse of ``smooth_clip``, for values inside -3 to 3."""
    scaled: Array = clipped / np.sqrt(1.0 - np.square(clipped / BOUND))
    return scaled


def bin_edges(values: Floats, bins: int) -> Floats:
    """The edges (at most bins + 1,) of bins for (n,) values, of which at least two differ.

    They are quantiles, equal ones merged. If a value recurs so often that it would fill more than
    two bins, they are quantiles of the different values, each weighted by the root of its number of
    rows, so that one value does not take the bins of all others.

    >>> import numpy as np
    >>> bin_edges(np.arange(101.0), 4).tolist()
    [0.0, 25.0, 50.0, 75.0, 100.0]
    >>> bin_edges(np.array([0.0] * 90 + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 4).tolist()
    [0.0, 1.0, 6.0, 10.0]
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= bins + 1:
        return distinct
    if counts.max() * bins <= BINS_EATEN * len(values):
        return np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)))
    reached = np.cumsum(np.sqrt(counts))
    at = np.searchsorted(reached, np.linspace(0.0, reached[-1], bins + 1) * (1 - 1e-12))
    edges: Floats = distinct[np.unique(np.append(at, len(distinct) - 1))]
    return edges


def recurring_levels(values: Floats, most: int = MAX_LEVELS) -> Floats:
    """The values that get a separate input each, in order; none unless one has over 40 % of the
    rows.

    They are those that occur 10 times or more, the ``most`` commonest.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if counts.max() <= MAIN_SHARE * len(values):
        return distinct[:0]
    common = np.argsort(-counts, kind="stable")[:most]
    return np.sort(distinct[common[counts[common] >= MIN_LEVEL_ROWS]])


def components(values: Array, edges: Floats, out: Array) -> None:
    """Write c_j of (n,) values into ``out`` (n, n_edges - 1)."""
    widths = np.diff(edges)
    for start in range(0, len(values), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        with np.errstate(over="ignore"):  # for a number far outside
            part = np.subtract.outer(values[rows], edges[:-1])
            part /= widths
        out[rows] = np.clip(part, 0.0, 1.0, out=part)


def places(values: Array, edges: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The bin (n,) of each value and how far the value lies in it, from 0 to 1.

    Component j of ``components`` is 1 below that bin, this fraction in it, and 0 above.

    >>> import numpy as np
    >>> bin, fraction = places(np.array([-5.0, 1.5, 3.0, 99.0]), np.array([0.0, 1.0, 3.0]))
    >>> bin.tolist(), fraction.tolist()
    ([0, 1, 1, 1], [0.0, 0.25, 1.0, 1.0])
    """
    last = len(edges) - 2
    bin = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, last)
    with np.errstate(over="ignore"):  # for a number far outside
        fraction = (values - edges[bin]) / np.diff(edges)[bin]
    return bin.astype(np.int64), np.clip(fraction, 0.0, 1.0)
