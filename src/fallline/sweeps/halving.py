r"""Successive halving: many settings for few epochs, the best of them for more, and so on.

With factor :math:`\eta`, n settings and R epochs at most, rung i of k + 1 trains
:math:`\lfloor n \eta^{-i} \rfloor` settings for :math:`\lceil R \eta^{i - k} \rceil` epochs; k is
the least that leaves one setting, or the most that leaves the first rung an epoch. Source: Jamieson
and Talwalkar 2016 (arXiv:1502.07943), figure 1; Hyperband (Li et al. 2018, arXiv:1603.06560) calls
it a bracket.
"""

import math

from fallline.errors import ParameterError
from fallline.limits import check_integer

__all__ = ["rungs"]


def rungs(n_settings: int, epochs: int, factor: int) -> list[tuple[int, int]]:
    """(settings, epochs) of each rung. Raises ParameterError for a factor below 2.

    >>> rungs(9, 100, 3)
    [(9, 12), (3, 34), (1, 100)]
    """
    if check_integer("halving", factor, limit="rows") < 2:
        raise ParameterError(
            "halving must be at least 2: it is the factor by which the number of settings falls"
        )
    counts = [n_settings]
    while counts[-1] > 1:
        counts.append(max(counts[-1] // factor, 1))
    k = 0
    while k + 1 < len(counts) and factor ** (k + 1) <= epochs:
        k += 1
    return [(counts[i], math.ceil(epochs / factor ** (k - i))) for i in range(k + 1)]
