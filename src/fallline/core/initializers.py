"""Initialisers: the first values of a weight matrix W (n_in, n_out). Biases always start at zero.

Sources: Glorot and Bengio 2010 (AISTATS, section 4.2.1, eq. 16); He et al. 2015
(arXiv:1502.01852, section 2.2, eq. 10).
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.arrays import Array
from fallline.core.draws import Uniform, uniform_draws
from fallline.errors import ParameterError
from fallline.limits import check_choice

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["INITIALIZERS", "default_for", "generator_for", "get"]

Initializer = Callable[[Any, int, int], Array]  # the first is a generator


def uniform(generator: "Generator | Uniform", n_in: int, n_out: int) -> Array:
    """Uniform in [-0.5, 0.5)."""
    return within(0.5, generator, n_in, n_out)


def glorot_uniform(generator: "Generator | Uniform", n_in: int, n_out: int) -> Array:
    """Uniform within +-sqrt(6 / (n_in + n_out)): variance 2 / (n_in + n_out)."""
    return within(math.sqrt(6.0 / (n_in + n_out)), generator, n_in, n_out)


def glorot_normal(generator: "Generator", n_in: int, n_out: int) -> Array:
    """Normal with variance 2 / (n_in + n_out)."""
    return generator.normal(0.0, math.sqrt(2.0 / (n_in + n_out)), (n_in, n_out))


def he_uniform(generator: "Generator | Uniform", n_in: int, n_out: int) -> Array:
    """Uniform within +-sqrt(6 / n_in): variance 2 / n_in."""
    return within(math.sqrt(6.0 / n_in), generator, n_in, n_out)


def he_normal(generator: "Generator", n_in: int, n_out: int) -> Array:
    """Normal with variance 2 / n_in."""
    return generator.normal(0.0, math.sqrt(2.0 / n_in), (n_in, n_out))


def within(bound: float, generator: "Generator | Uniform", n_in: int, n_out: int) -> Array:
    """Uniform in [-bound, bound): as ``Generator.uniform``, but rounded alike on every processor.

    That fuses its product and its sum on some.
    """
    W: Array = generator.random((n_in, n_out))
    W *= 2.0 * bound
    W -= bound
    return W


INITIALIZERS: dict[str, Initializer] = {
    "uniform": uniform,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
}
"""The initialisers, by name."""

UNIFORM = {"uniform", "glorot_uniform", "he_uniform"}
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


def generator_for(names: Sequence[str], seed: int, count: int) -> "Generator | Uniform":
    """The generator from which the initialisers of these names draw ``count`` weights."""
    return uniform_draws(seed, count) if UNIFORM.issuperset(names) else np.random.default_rng(seed)
