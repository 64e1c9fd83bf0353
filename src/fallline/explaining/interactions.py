r"""Interactions by pair: how much the effect of two columns differs from the sum of their effects.

With F_j, F_jk the centred partial dependence on one and on two columns, over the rows i,

.. math:: H_{jk}^2 = \frac{\sum_i \left(F_{jk}(x_{ij}, x_{ik}) - F_j(x_{ij}) - F_k(x_{ik})\right)^2}
    {\sum_i F_{jk}(x_{ij}, x_{ik})^2}

It is 0 if the two effects add up, and larger the less they do. The root of the numerator's mean is
given as well, in the unit of what is explained: if a pair has hardly any effect, H is a ratio of
two small numbers.

Source: Friedman and Popescu 2008 (arXiv:0811.1679), section 8.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.columns import Column
from fallline.explaining.features import FirstLayer, places, sample

__all__ = ["Interaction", "interactions"]

ROWS = 100  # each gets the values of each other: 10,000 predictions per pair
NOTHING = 1e-9  # a smaller effect, relative to the output's spread, is rounding error


@dataclass(frozen=True)
class Interaction:
    """``h`` is Friedman's H, ``size`` the interaction's root mean square in the output's unit."""

    columns: tuple[str, str]
    h: float
    size: float


def interactions(
    network: Network,
    columns: Sequence[Column],
    X: Array,
    names: Sequence[str],
    value: Callable[[Array], Array],
    seed: int = 0,
) -> list[Interaction]:
    """Friedman's H of each pair of the columns ``names``, the largest interaction first.

    ``value`` is what is explained (m,), of logits (m, n_outputs). If there are more than 100 rows,
    100 are drawn by ``seed``.
    """
    X = X[sample(len(X), seed, ROWS)]
    whole = FirstLayer(network, columns, X)
    numbers = {column.name: i for i, (column, _) in enumerate(places(columns))}

    def dependence_on(chosen: Sequence[str]) -> Array:
        """The partial dependence (n,) on the columns, at the values of each row."""
        own: Array = sum(whole.parts[numbers[name]] for name in chosen)  # type: ignore[assignment]
        rest = whole.Z - own
        Z = (own[:, None, :] + rest[None, :, :]).reshape(-1, own.shape[1])
        means = value(whole.logits(Z)).reshape(len(X), len(X)).mean(axis=1)
        centred: Array = means - means.mean()
        return centred

    spread = float(value(whole.logits(whole.Z)).std())
    alone = {name: dependence_on([name]) for name in names}
    found = []
    for one, other in combinations(names, 2):
        both = dependence_on([one, other])
        size = rms(both - alone[one] - alone[other])
        size = size if size > NOTHING * spread else 0.0
        found.append(Interaction((one, other), size / rms(both) if size else 0.0, size))
    return sorted(found, key=lambda pair: -pair.size)


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
