r"""Penalties: the cost of the weights, added to the loss; biases cost nothing.

.. math:: l1 \sum |W| + \tfrac{l2}{2} \sum W^2, \qquad
    \text{slope } l1 \, \text{sign}(W) + l2 \, W

Sources: L2: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634; L1: Tibshirani 1996,
doi:10.1111/j.2517-6161.1996.tb02080.x. The step goes along the subgradient with sign(0) = 0, so a
weight that L1 pushes to zero jumps around zero by up to learning_rate times l1.
"""

from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.limits import check_number

__all__ = ["NO_PENALTY", "Penalty", "check_penalty"]


class Penalty(NamedTuple):
    """The penalties l1 and l2, at least 0; true if one of them is above 0."""

    l2: float = 0.0
    l1: float = 0.0

    def __bool__(self) -> bool:
        return self.l2 > 0 or self.l1 > 0

    def value(self, weights: Array) -> Any:
        """The cost of a vector of weights, complex for complex weights; biases must be 0 in it."""
        cost: Any = 0.0
        if self.l2 > 0:
            cost = cost + 0.5 * self.l2 * np.dot(weights, weights)
        if self.l1 > 0:  # |w| in a form that works with the complex step
            cost = cost + self.l1 * np.sum(np.where(weights.real > 0, weights, -weights))
        return cost

    def slope(self, weights: Array) -> Array:
        """d cost / d weights."""
        slope = self.l2 * weights
        return slope + self.l1 * np.sign(weights) if self.l1 > 0 else slope

    def over(self, mass: float) -> "Penalty":
        """Both penalties divided by ``mass``, a batch's number of rows."""
        return Penalty(self.l2 / mass, self.l1 / mass)


NO_PENALTY = Penalty()


def check_penalty(l2: float, l1: float) -> Penalty:
    """The penalty. Raises ParameterError for a penalty below 0."""
    return Penalty(check_number("l2", l2), check_number("l1", l1))
