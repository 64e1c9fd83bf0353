"""The linear baseline: logistic, softmax, ridge or Poisson regression, on the same data.

It is a network without a hidden layer: for numbers the minimum has a closed form (ridge), else
Newton's method or L-BFGS finds it. The penalty is l2 = 1 / n_rows on the mean loss, the usual
default: a weight of 1 against the sum of the losses.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.blas import one_blas_thread
from fallline.core.backprop import loss_and_gradient
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.data.encoding import Encoding
from fallline.engine import Gradient, computes
from fallline.tabular.newton import SLOPES, minimise_by_newton
from fallline.training import lbfgs

__all__ = ["LINEAR_NAMES", "LOSS_FOR", "fit_linear", "new_network", "start_bins_at_zero"]

LOSS_FOR = {
    "binary": "binary_cross_entropy",
    "classes": "cross_entropy",
    "numbers": "squared_error",
    "counts": "poisson",
}
LINEAR_NAMES = {
    "binary": "logistic regression",
    "classes": "softmax regression",
    "numbers": "ridge regression",
    "counts": "Poisson regression",
}
ITERATIONS = 300
TOLERANCE = 1e-5
MAX_INPUTS_OF_NEWTON = 600  # a step costs n_rows n_inputs^2; 8 fits of adult, 213: 25 s became 5
MAX_NUMBERS = 20_000_000  # a larger X is sampled: the coefficients hardly change


def new_network(
    encoding: Encoding,
    hidden: tuple[int, ...],
    activation: str = "relu",
    seed: int = 0,
    dtype: Any = "float64",
) -> Network:
    """A network with the inputs, outputs and loss that the encoding asks for."""
    n_outputs = len(encoding.classes) if encoding.task == "classes" else 1
    network = Network(
        [encoding.n_features, *hidden, n_outputs],
        hidden=activation,
        loss=LOSS_FOR[encoding.task],
        seed=seed,
        dtype=dtype,
    )
    start_bins_at_zero(network, encoding.starts_at_zero)
    return network


def start_bins_at_zero(network: Network, bins: Array) -> None:
    """Let the first weights of the inputs that are bins (n_inputs,) be zero.

    Those of the other inputs are scaled up, to the variance that they would have if they were the
    only ones: so a network begins as one without bins.
    """
    if bins.any() and not bins.all():
        W = network.layers[0].W
        W[bins] = 0.0
        W[~bins] *= np.sqrt(len(bins) / (~bins).sum())


def fit_linear(
    encoding: Encoding, X: Array, y: Array, weight: Array | None, seed: int = 0
) -> Network | None:
    """The linear model of these encoded rows, as a network without a hidden layer.

    None where Ctrl-C ended the search for it.
    """
    limit = max(MAX_NUMBERS // X.shape[1], 1000)
    if len(X) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(len(X), limit, replace=False))
        X, y, weight = X[rows], y[rows], None if weight is None else weight[rows]
    network = new_network(encoding, (), seed=seed)
    if encoding.task == "numbers":
        network.parameters = ridge(X, y, weight)
        return network
    found = minimise(network, X, y, weight)
    if found is None:
        return None
    network.parameters = found
    return network


def minimise(network: Network, X: Array, y: Array, weight: Array | None) -> Array | None:
    """The parameters of minimum loss, from zero; None where Ctrl-C ended the search.

    By Newton's method where there is one output and few inputs, else by L-BFGS.
    """
    rows, l2 = network.samples(X, y, weight), 1.0 / len(X)
    try:
        with np.errstate(over="ignore", invalid="ignore"), one_blas_thread():
            if network.loss.name in SLOPES and X.shape[1] <= MAX_INPUTS_OF_NEWTON:
                return minimise_by_newton(network, rows, l2, TOLERANCE)
            result = lbfgs.minimize(
                objective(network, rows, l2),
                np.zeros(network.n_parameters),
                max_iterations=ITERATIONS,
                gradient_tolerance=TOLERANCE,
                loss_tolerance=1e-10,
            )
    except KeyboardInterrupt:
        return None
    return result.theta


def objective(network: Network, rows: Samples, l2: float) -> Callable[[Array], tuple[float, Array]]:
    """The loss and its gradient at theta, by the engine where it has the network's functions."""
    penalty = Penalty(l2)
    compiled = Gradient(network, rows, penalty=penalty) if computes(network) else None

    def at(theta: Array) -> tuple[float, Array]:
        network.parameters = theta
        if compiled is not None:
            return compiled()
        return loss_and_gradient(network, rows.X, rows.Y, rows.weight, penalty)

    return at


def ridge(X: Array, y: Array, weight: Array | None) -> Array:
    """w and b that minimise sum_i s_i (x_i w + b - y_i)^2 + |w|^2, with weights s of mean 1."""
    s = np.ones(len(X)) if weight is None else weight / weight.mean()
    A = np.hstack([X, np.ones((len(X), 1))])
    H = A.T @ (A * s[:, None])
    H[np.arange(X.shape[1]), np.arange(X.shape[1])] += 1.0
    solution: Array = np.linalg.lstsq(H, A.T @ (s * y.reshape(-1)), rcond=None)[0]
    return solution
