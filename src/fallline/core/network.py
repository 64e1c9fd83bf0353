"""A network: its architecture, its parameters in one flat vector, and what it computes.

Layer l has weights W (n_in, n_out) and biases b (n_out,), its pre-activation is
Z = A_prev @ W + b and its activation A = f(Z). All parameters lie in one contiguous vector theta,
layer after layer, W before b: so W over b is one (n_in + 1, n_out) block of it.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core import activations, initializers, losses
from fallline.core.compact import CompactRows
from fallline.core.samples import (
    AnySamples,
    CompactSamples,
    Samples,
    check_compact,
    check_samples,
    check_X,
    checked_targets,
)
from fallline.errors import ParameterError, ShapeError
from fallline.limits import check_integer

__all__ = ["Forward", "Layer", "Network"]

ROWS_AT_ONCE = 2048  # prediction computes this many rows at a time


class Layer(NamedTuple):
    """Views of one layer's parameters in a flat vector, with its activation.

    ``number`` counts from 1. ``W`` (n_in, n_out), ``b`` (n_out,), ``block`` (n_in + 1, n_out) is
    W over b. ``value`` and ``slope`` are the activation's; the output layer has no slope, since it
    is part of the loss.
    """

    number: int
    W: Array
    b: Array
    block: Array
    activation: str
    value: Callable[..., Array]
    slope: Callable[..., Array] | None

    def slope_of(self) -> Callable[..., Array]:
        """The slope of a hidden layer. Raises ParameterError for the output layer."""
        if self.slope is None:
            raise ParameterError("the output layer's slope is part of the loss")
        return self.slope


class Forward(NamedTuple):
    """One forward pass: ``Z[l]`` and ``A[l]`` (n_samples, n_out) of each layer; X comes first in A.

    So ``A[l]`` enters layer l + 1, whose pre-activation is ``Z[l]``; ``Z[-1]`` are the logits.
    """

    Z: list[Array]
    A: list[Array]


class Network:
    """A multilayer perceptron.

    Parameters
    ----------
    sizes : the number of inputs, of neurons in each hidden layer, and of outputs.
    hidden : the activation of the hidden layers; one name, or one for each of them.
    loss : its name; it sets the activation of the output layer (binary_cross_entropy: sigmoid;
        cross_entropy: softmax; squared_error, absolute_error, huber: identity; poisson: exp).
    init : the initialiser of the weights; by default He for relu and similar, Glorot for the
        others. Biases start at zero.
    seed : of the initialiser.
    dtype : "float64" or "float32".

    Raises ParameterError for a value that is not allowed.

    >>> import fallline as fl
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> net.n_parameters
    11
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden: str | Sequence[str] = "relu",
        loss: str,
        init: str | None = None,
        seed: int = 0,
        dtype: Any = "float64",
    ) -> None:
        self.sizes = check_sizes(sizes)
        self.hidden = check_hidden(hidden, len(self.sizes) - 2)
        self.loss = losses.get(loss)
        if self.loss.task == "classes" and self.sizes[-1] < 2:
            raise ParameterError(
                f"loss {self.loss.name!r} needs one output per class, at least 2; for two "
                "classes and one output use 'binary_cross_entropy'"
            )
        self.init = init
        self.seed = check_integer("seed", seed)
        self.dtype = check_dtype(dtype)
        self.n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.sizes))
        try:
            self._theta: Array = np.zeros(self.n_parameters, self.dtype)
        except (MemoryError, ValueError):  # ValueError: longer than an array can be
            raise ParameterError(
                f"a network {'-'.join(map(str, self.sizes))} has {self.n_parameters:,} parameters, "
                f"{self.n_parameters * self.dtype.itemsize / 1e9:,.0f} GB: more than there is "
                "memory for; give fewer neurons"
            ) from None
        self.layers = self.views(self._theta)
        self.initialize(self.seed)

    @property
    def parameters(self) -> Array:
        """The flat vector theta (n_parameters,). Writing into it changes the network."""
        return self._theta

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        values = np.asarray(values)
        if values.shape != self._theta.shape:
            raise ShapeError(
                f"this network has {self.n_parameters} parameters in one vector, "
                f"but the new values have shape {values.shape}"
            )
        self._theta[:] = values

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer, by name, the output's last."""
        return (*self.hidden, self.loss.output_name)

    @property
    def is_weight(self) -> Array:
        """1 for each weight and 0 for each bias, in the layout of theta."""
        mask = np.zeros_like(self._theta)
        for layer in self.views(mask):
            layer.W[:] = 1.0
        return mask

    def views(self, theta: Array) -> tuple[Layer, ...]:
        """The layers as views of any vector in the layout of theta: parameters, gradient, state."""
        return tuple(self._views(theta))

    def _views(self, theta: Array) -> Iterator[Layer]:
        offset = 0
        for number, name in enumerate(self.activations, start=1):
            n_in, n_out = self.sizes[number - 1], self.sizes[number]
            block = theta[offset : offset + (n_in + 1) * n_out].reshape(n_in + 1, n_out)
            last = number == len(self.activations)
            value = self.loss.output if last else activations.get(name).value
            slope = None if last else activations.get(name).slope
            yield Layer(number, block[:-1], block[-1], block, name, value, slope)
            offset += block.size

    def initialize(self, seed: int) -> None:
        """Draw new weights; biases become zero. One generator draws for the layers in order."""
        names = [self.init or initializers.default_for(each) for each in self.activations]
        generator = initializers.generator_for(
            names, check_integer("seed", seed), self.n_parameters
        )
        for layer, name in zip(self.layers, names, strict=True):
            layer.W[:] = initializers.get(name)(generator, *layer.W.shape)
            layer.b[:] = 0.0

    def forward(self, X: Array, theta: Array | None = None) -> Forward:
        """Z and A of every layer for X (n_samples, n_features), with the parameters ``theta``."""
        layers = self.layers if theta is None else self.views(theta)
        Z: list[Array] = []
        A: list[Array] = [X]
        for layer in layers:
            Z.append(A[-1] @ layer.W + layer.b)
            A.append(layer.value(Z[-1]))
        return Forward(Z, A)

    def logits(self, X: ArrayLike) -> Array:
        """The last Z, (n_samples, n_outputs)."""
        return self._in_pieces(X, lambda pass_: pass_.Z[-1])

    def samples(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Samples:
        """X, y and the weights, checked and shaped for this network.

        Raises ShapeError if the shapes do not fit, DataError if the numbers do not.
        """
        return check_samples(
            X,
            y,
            sample_weight,
            n_features=self.sizes[0],
            n_outputs=self.sizes[-1],
            loss=self.loss,
            dtype=self.dtype,
        )

    def rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> AnySamples:
        """Like ``samples``, but compact rows of a table stay compact."""
        if not isinstance(X, CompactRows):
            return self.samples(X, y, sample_weight)
        X = check_compact(X, self.sizes[0], self.dtype)
        targets = checked_targets(y, len(X), sample_weight, self.sizes[-1], self.loss, self.dtype)
        return CompactSamples(X, *targets)

    def predict_proba(self, X: ArrayLike) -> Array:
        """The output in its own terms, (n_samples, n_outputs).

        Probabilities for the cross-entropies, rates for poisson, numbers for the others. Raises
        ShapeError if X does not have one column per input, DataError for NaN or infinity in X.
        """
        return self._in_pieces(X, lambda pass_: pass_.A[-1])

    def predict(self, X: ArrayLike) -> Array:
        """The class for cross_entropy, 0 or 1 for binary_cross_entropy, else numbers.

        A single output gives (n_samples,), several give (n_samples, n_outputs). Raises as
        ``predict_proba``.
        """
        return self.decide(self.predict_proba(X))

    def decide(self, output: Array) -> Array:
        """What ``predict`` makes of the output (n_samples, n_outputs) of ``predict_proba``."""
        if self.loss.task == "classes":
            classes: Array = output.argmax(axis=1)
            return classes
        if self.loss.task == "binary":
            output = (output >= 0.5).astype(np.intp)
        return output[:, 0] if output.shape[1] == 1 else output

    def _in_pieces(self, X: ArrayLike, part: Callable[[Forward], Array]) -> Array:
        X = check_X(X, self.sizes[0], self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            if len(X) <= ROWS_AT_ONCE:
                return part(self.forward(X))
            result = np.empty((len(X), self.sizes[-1]), self.dtype)
            for start in range(0, len(X), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                result[rows] = part(self.forward(X[rows]))
        return result

    def copy(self, dtype: Any = None) -> "Network":
        """A new network with the same architecture and parameters, optionally in ``dtype``.

        Raises ParameterError for a dtype other than "float64" and "float32".

        >>> import fallline as fl
        >>> net = fl.Network([3, 2, 1], hidden="tanh", loss="squared_error", seed=0)
        >>> small = net.copy(dtype="float32")
        >>> small
        <Network 3-2-1, tanh, identity, squared_error, 11 parameters, float32>
        >>> bool(abs(small.parameters - net.parameters).max() < 1e-7)
        True
        """
        twin = copy(self)
        twin.dtype = self.dtype if dtype is None else check_dtype(dtype)
        twin._theta = self._theta.astype(twin.dtype)
        twin.layers = twin.views(twin._theta)
        return twin

    def drawn_anew(self, seed: int) -> "Network":
        """A new network with the same architecture, and the first weights of this seed."""
        twin = self.copy()
        twin.seed = check_integer("seed", seed)
        twin.initialize(seed)
        return twin

    def of_sizes(self, sizes: Sequence[int]) -> "Network":
        """A network of these sizes with the same functions; its parameters are 0."""
        twin = copy(self)
        twin.sizes = check_sizes(sizes)
        twin.n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(twin.sizes))
        twin._theta = np.zeros(twin.n_parameters, self.dtype)
        twin.layers = twin.views(twin._theta)
        return twin

    def __repr__(self) -> str:
        shape = "-".join(str(size) for size in self.sizes)
        names = ", ".join(self.activations)
        return (
            f"<Network {shape}, {names}, {self.loss.name}, "
            f"{self.n_parameters:,} parameters, {self.dtype}>"
        )


def check_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray) or len(sizes) < 2:
        raise ParameterError(
            "sizes must list the number of inputs, of neurons in each hidden layer and of outputs, "
            f"such as [3, 2, 1], not {sizes!r}"
        )
    return tuple(
        check_integer(f"sizes[{i}]", size, limit="layer size") for i, size in enumerate(sizes)
    )


def check_hidden(hidden: str | Sequence[str], n_hidden: int) -> tuple[str, ...]:
    names = (hidden,) * n_hidden if isinstance(hidden, str) else tuple(hidden)
    if isinstance(hidden, str):
        activations.get(hidden)
    if len(names) != n_hidden:
        raise ParameterError(
            f"hidden names {len(names)} activations, but there are {n_hidden} hidden layers"
        )
    return tuple(activations.get(name).name for name in names)


def check_dtype(dtype: Any) -> np.dtype:
    try:
        result: np.dtype[Any] | None = np.dtype(dtype)
    except TypeError:
        result = None
    if result is None or result.name not in ("float64", "float32"):
        raise ParameterError(f"dtype must be 'float64' or 'float32', not {dtype!r}")
    return result
