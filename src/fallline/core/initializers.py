"""Initialisers: the first values of a weight matrix W (n_in, n_out). Biases always start at zero.

Sources: Glorot and Bengio 2010 (AISTATS, section 4.2.1, eq. 16); He et al. 2015
(arXiv:1502.01852, section 2.2, eq. 10).
"""

from collections.abc import Callable

import numpy as np

from fallline.arrays import Array
from fallline.errors import ParameterError
from fallline.limits import check_choice

__all__ = ["INITIALIZERS", "default_for", "get"]

Initializer = Callable[[np.random.Generator, int, int], Array]


def uniform(generator: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Uniform in [-0.5, 0.5)."""
    return generator.uniform(-0.5, 0.5, (n_in, n_out))


def glorot_uniform(generator: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Uniform within +-sqrt(6 / (n_in + n_out)): variance 2 / (n_in + n_out)."""
    bound = np.sqrt(6.0 / (n_in + n_out))
    return generator.uniform(-bound, bound, (n_in, n_out))


def glorot_normal(generator: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Normal with variance 2 / (n_in + n_out)."""
    return generator.normal(0.0, np.sqrt(2.0 / (n_in + n_out)), (n_in, n_out))


def he_uniform(generator: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Uniform within +-sqrt(6 / n_in): variance 2 / n_in."""
    bound = np.sqrt(6.0 / n_in)
    return generator.uniform(-bound, bound, (n_in, n_out))


def he_normal(generator: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Normal with variance 2 / n_in."""
    return generator.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))


INITIALIZERS: dict[str, Initializer] = {
    "uniform": uniform,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
}
"""The initialisers, by name."""

HALF_OPEN = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")


def default_for(activation: str) -> str:
    """He for the activations that are nearly 0 on one side of zero, Glorot for the others."""
    return "he_uniform" if activation in HALF_OPEN else "glorot_uniform"


def get(name: str) -> Initializer:
    """The initialiser with this name. Raises ParameterError for an unknown name, and for zeros."""
    if name == "zeros":
        raise ParameterError(
            "init='zeros' is refused: with equal weights every neuron of a layer computes the same "
            "output and gets the same gradient, so they remain copies of one "
            f"neuron (symmetry). Choose one of {', '.join(INITIALIZERS)}"
        )
    return INITIALIZERS[check_choice("init", name, list(INITIALIZERS))]
