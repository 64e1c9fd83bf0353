"""One row's forward pass through a network: the terms of every neuron's sum, and the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.core.samples import check_X
from fallline.errors import ShapeError
from fallline.text import figure, table

__all__ = ["RowLayer", "RowTrace", "trace_row"]

MAX_LINES = 12
MAX_TERMS_WIDTH = 28  # characters, so that a line stays within 80


@dataclass(frozen=True)
class RowLayer:
    """One layer: ``terms`` (n_in, n_out) are A_prev[i] W[i, j], and Z = their sum over i + b.

    ``A_prev`` (n_in,); ``b``, ``Z``, ``A`` (n_out,).
    """

    layer: int
    activation: str
    A_prev: Array
    terms: Array
    b: Array
    Z: Array
    A: Array


@dataclass(frozen=True)
class RowTrace:
    """One row's forward pass through a network; printable, and plain data by ``as_dict``.

    ``inputs`` (n_features,) with their ``names``; ``output`` (n_outputs,) in its own terms.

    >>> import fallline as fl
    >>> net = fl.Network([2, 1], loss="binary_cross_entropy")
    >>> net.parameters = [2.0, -1.0, 0.5]
    >>> traced = fl.trace_row(net, [1.0, 3.0])
    >>> traced.layers[0].terms[:, 0], traced.output.round(4)
    (array([ 2., -3.]), array([0.3775]))
    """

    names: tuple[str, ...]
    inputs: Array
    layers: tuple[RowLayer, ...]
    output: Array

    def as_dict(self) -> dict[str, Any]:
        """Numbers, strings and nested lists only, for JSON."""
        layers = [
            {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(layer).items()}
            for layer in self.layers
        ]
        return {
            "names": list(self.names),
            "inputs": self.inputs.tolist(),
            "layers": layers,
            "output": self.output.tolist(),
        }

    def __str__(self) -> str:
        parts = [self._inputs()]
        names: Sequence[str] = self.names
        for layer in self.layers:
            parts.append(layer_text(layer, names))
            names = [f"a{j + 1}" for j in range(len(layer.A))]
        return "\n\n".join(parts)

    def _inputs(self) -> str:
        there = [i for i, x in enumerate(self.inputs) if x != 0]
        rows = [(self.names[i], figure(float(self.inputs[i]))) for i in there[: 2 * MAX_LINES]]
        text = f"INPUT  {len(self.inputs)} numbers\n{table(('input', 'value'), rows)}"
        more = len(there) - len(rows)
        text += f"\n... and {more} more that are not 0" if more else ""
        zeros = len(self.inputs) - len(there)
        return text + (f"\nthe other {zeros} are 0" if zeros else "")


def layer_text(layer: RowLayer, names: Sequence[str]) -> str:
    """The neurons of a layer; of many, the most active."""
    chosen = sorted(np.argsort(-np.abs(layer.A), kind="stable")[:MAX_LINES])
    rows = []
    for j in chosen:
        terms = layer.terms[:, j]
        numbers = (layer.A[j], layer.Z[j], layer.b[j])
        rows.append((j + 1, *map(signed, numbers), largest_terms(terms, names)))
    n = layer.layer
    head = f"LAYER {n}  a = {layer.activation}(z), z = b + terms, the largest first"
    left_out = len(layer.A) - len(rows)
    more = f"\n... and {left_out} neurons less active" if left_out else ""
    return f"{head}\n{table(('neuron', 'a', 'z', 'b', 'terms'), rows)}{more}"


def largest_terms(terms: Array, names: Sequence[str]) -> str:
    """As many terms of a sum as fit, the largest first, and the sum of the rest."""
    order = [i for i in np.argsort(-np.abs(terms), kind="stable") if terms[i] != 0]
    text, rest = "", float(terms.sum())
    for place, i in enumerate(order):
        more = f"{names[i]} {signed(terms[i])}"
        if text and len(text) + len(more) > MAX_TERMS_WIDTH:
            return f"{text}, {len(order) - place} others {signed(rest)}"
        text, rest = f"{text}, {more}" if text else more, rest - float(terms[i])
    return text or "none"


def signed(value: float) -> str:
    """Four significant digits, with the sign."""
    return f"{value + 0.0:+.4g}"


def trace_row(network: Network, x: ArrayLike, names: Sequence[str] | None = None) -> RowTrace:
    """One row's forward pass through the network: every term of every neuron's sum, layer by layer.

    ``x`` (n_features,); ``names`` are those of the inputs, by default x1, x2, .... Raises
    ShapeError if there is not one per input, DataError for a number that is not finite.

    >>> import fallline as fl
    >>> net = fl.Network([2, 1], loss="binary_cross_entropy")
    >>> net.parameters = [2.0, -1.0, 0.5]
    >>> print(fl.trace_row(net, [1.0, 3.0]))
    INPUT  2 numbers
    input  value
    -----  -----
    x1         1
    x2         3
    <BLANKLINE>
    LAYER 1  a = sigmoid(z), z = b + terms, the largest first
    neuron        a     z     b  terms
    ------  -------  ----  ----  ------------
         1  +0.3775  -0.5  +0.5  x2 -3, x1 +2
    """
    row = check_X(np.atleast_2d(np.asarray(x)), network.sizes[0], network.dtype)
    if len(row) != 1:
        raise ShapeError(f"trace_row takes one row, not {len(row)}")
    named = tuple(names or (f"x{i + 1}" for i in range(network.sizes[0])))
    if len(named) != network.sizes[0]:
        raise ShapeError(f"names has {len(named)} names for {network.sizes[0]} inputs")
    forward = network.forward(row)
    layers = tuple(
        RowLayer(
            layer=layer.number,
            activation=layer.activation,
            A_prev=forward.A[l][0],
            terms=forward.A[l][0][:, None] * layer.W,
            b=layer.b.copy(),
            Z=forward.Z[l][0],
            A=forward.A[l + 1][0],
        )
        for l, layer in enumerate(network.layers)
    )
    return RowTrace(named, row[0], layers, forward.A[-1][0])
