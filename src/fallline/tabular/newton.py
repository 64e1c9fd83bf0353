"""Newton's method for a linear model of one output: some ten steps where L-BFGS takes hundreds.

A step solves H d = g for the gradient g and the matrix H of second derivatives

    H = sum_i s_i h_i [x_i 1]^T [x_i 1] + l2 I      (not for the bias)

with the share s_i of row i in the mean loss and the slope h_i of its output: a (1 - a) of a
sigmoid, a of exp. It is halved until the loss falls. Source: Nocedal and Wright 2006, "Numerical
Optimization", section 3.3.
"""

from collections.abc import Callable

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import shares_of
from fallline.core.network import Network
from fallline.core.samples import Samples

__all__ = ["SLOPES", "minimise_by_newton"]

SLOPES: dict[str, Callable[[Array], Array]] = {
    "binary_cross_entropy": lambda A: A * (1.0 - A),
    "poisson": lambda A: A,
}
"""dA/dZ at the output A, of the losses whose delta is A - Y."""

MAX_STEPS, MAX_HALVINGS = 60, 30


def minimise_by_newton(network: Network, rows: Samples, l2: float, tolerance: float) -> Array:
    """The parameters (n_inputs + 1,) of minimum mean loss with l2 / 2 |w|^2, from zero.

    It ends where no entry of the gradient exceeds ``tolerance``, or where no step lowers the loss.

    >>> import fallline as fl
    >>> import numpy as np
    >>> net = fl.Network([1, 1], loss="binary_cross_entropy")
    >>> rows = net.samples([[0.0], [1.0], [0.0], [1.0]], [0, 1, 1, 1])
    >>> minimise_by_newton(net, rows, 0.25, 1e-9).round(4).tolist()
    [0.3991, 0.9325]
    """
    X1 = np.hstack([rows.X, np.ones((len(rows), 1))])
    shares, loss = shares_of(len(rows), rows.weight), network.loss
    penalties = np.full(X1.shape[1], l2)
    penalties[-1] = 0.0

    def value_at(theta: Array) -> tuple[float, Array]:
        Z = (X1 @ theta)[:, None]
        penalty = 0.5 * float(penalties @ np.square(theta))
        return float(shares @ loss.value(Z, rows.Y)) + penalty, Z

    theta = np.zeros(X1.shape[1])
    value, Z = value_at(theta)
    for _ in range(MAX_STEPS):
        A = loss.output(Z)
        gradient = X1.T @ (shares * (A - rows.Y)[:, 0]) + penalties * theta
        if np.abs(gradient).max() <= tolerance:
            break
        slopes = shares * SLOPES[loss.name](A)[:, 0]
        H = X1.T @ (X1 * slopes[:, None]) + np.diag(penalties)
        step: Array = np.linalg.lstsq(H, gradient, rcond=None)[0]
        for halvings in range(MAX_HALVINGS):
            lower, Z_there = value_at(theta - step / 2**halvings)
            if lower < value:
                break
        else:
            break
        theta, value, Z = theta - step / 2**halvings, lower, Z_there
    return theta
