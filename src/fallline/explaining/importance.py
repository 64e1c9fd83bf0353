r"""Permutation importance: how much worse the loss gets when a column is shuffled over the rows.

.. math:: I_c = \frac{1}{n} \sum_i \left( \frac{1}{R} \sum_r \ell(f(x_i^{(c, r)}), y_i)
    - \ell(f(x_i), y_i) \right)

where row i has the column c of another row in shuffle r. The rows are resampled for the interval of
the mean over i. One column is changed alone, which correlated columns never do.

Sources: Breiman 2001 (doi:10.1023/A:1010933404324); Fisher, Rudin and Dominici 2019
(arXiv:1801.01489).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.columns import Column
from fallline.explaining.features import FirstLayer, places, sample
from fallline.tabular.evaluation import LEVEL, resamples

__all__ = ["Importance", "importances"]

REPEATS = 5


@dataclass(frozen=True)
class Importance:
    """How much the mean loss rises when the column is shuffled, with its 95 % interval."""

    column: str
    rise: float
    interval: tuple[float, float]


def importances(
    network: Network, columns: Sequence[Column], X: Array, y: Array, seed: int = 0
) -> list[Importance]:
    """Every column's importance on rows X (n, n_features) with targets y, the greatest first.

    If there are more than 2,000 rows, 2,000 are drawn by ``seed``, which also draws the shuffles.
    """
    rows = sample(len(X), seed)
    X, y = X[rows], y[rows]
    Y = network.samples(X, y).Y
    whole = FirstLayer(network, columns, X)
    generator = np.random.default_rng(seed)

    def losses(Z: Array) -> Array:
        return network.loss.value(whole.logits(Z), Y).astype(np.float64)

    base = losses(whole.Z)
    rises = np.zeros((len(X), len(whole.parts)))
    for i, part in enumerate(whole.parts):
        for _ in range(REPEATS):
            shuffled = part[generator.permutation(len(X))]
            rises[:, i] += (losses(whole.Z - part + shuffled) - base) / REPEATS
    draws = resamples(len(X), np.random.default_rng(seed))
    means = np.concatenate([W @ rises / len(X) for W in draws])
    low, high = np.percentile(means, LEVEL, axis=0)
    found = [
        Importance(column.name, float(rises[:, i].mean()), (float(low[i]), float(high[i])))
        for i, (column, _) in enumerate(places(columns))
    ]
    return sorted(found, key=lambda item: -item.rise)
