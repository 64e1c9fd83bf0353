"""The temperature of classes' logits: one divisor that mends probabilities which are too sure.

The loss of Z / T has one minimum in T, since a log loss is convex in 1 / T. What is left of the
loss there says how well the classes are told apart, whatever the network's confidence: the
refinement of the log loss. Sources: Guo, Pleiss, Sun and Weinberger 2017 (arXiv:1706.04599);
Berta, Holzmüller, Jordan and Bach 2025 (arXiv:2501.19195).
"""

import numpy as np

from fallline.arrays import Array
from fallline.core.losses import Loss

__all__ = ["best_temperature", "has_temperature", "refinement"]

TRIED = 1.0 / np.geomspace(4.0, 0.5, 121)
"""1 / T of the temperatures that are tried, ascending: from 4 to 0.5, each 1.7 % below the last."""


def has_temperature(loss: Loss) -> bool:
    """Whether the outputs are probabilities of classes."""
    return loss.task in ("binary", "classes")


def best_temperature(loss: Loss, Z: Array, Y: Array, shares: Array) -> float:
    """The temperature T in [0.5, 4] of the lowest loss of the logits Z / T.

    Z and Y are (n, n_outputs), ``shares`` (n,) the weights of the rows, with sum 1. The derivative
    by b = 1 / T, sum_i w_i (p(b z_i) - y_i) z_i, rises with b, so halving finds its sign change. 1
    for a loss without a temperature.

    >>> import fallline as fl
    >>> loss = fl.Network([1, 1], loss="binary_cross_entropy").loss
    >>> Z, Y = np.array([[4.0], [4.0], [4.0], [4.0]]), np.array([[1.0], [1.0], [1.0], [0.0]])
    >>> T = best_temperature(loss, Z, Y, np.full(4, 0.25))
    >>> round(T, 1), round(float(loss.output(Z[:1] / T)[0, 0]), 2)
    (3.7, 0.75)
    """
    if not has_temperature(loss):
        return 1.0
    Z = np.asarray(Z, np.float64)

    def rises(inverse: float) -> bool:
        slope = ((loss.output(inverse * Z) - Y) * Z).sum(axis=1)
        return bool(np.dot(shares, slope) > 0)

    low, high = 0, len(TRIED) - 1  # it falls below low and rises from high on
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rises(TRIED[middle]) else (middle + 1, high)
    near = range(max(low - 1, 0), min(low + 1, len(TRIED)))
    best = min((TRIED[i] for i in near), key=lambda b: float(shares @ loss.value(b * Z, Y)))
    return float(1.0 / best)


def refinement(loss: Loss, Z: Array, Y: Array, shares: Array) -> float:
    """The mean loss of the logits Z (n, n_outputs) after their best temperature."""
    T = best_temperature(loss, Z, Y, shares)
    return float(shares @ loss.value(np.asarray(Z, np.float64) / T, Y))
