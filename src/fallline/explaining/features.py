"""The columns of a table among the features of a network, and a sample of the rows."""

from collections.abc import Iterator, Sequence

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.columns import Column

__all__ = ["MAX_ROWS", "FirstLayer", "added_up", "places", "sample"]

MAX_ROWS = 2_000
ROWS_AT_ONCE = 2_048


def places(columns: Sequence[Column]) -> Iterator[tuple[Column, slice]]:
    """Each column with its place among the features, which may be empty."""
    start = 0
    for column in columns:
        stop = start + len(column.features)
        if stop > start:
            yield column, slice(start, stop)
        start = stop


def added_up(features: Array, columns: Sequence[Column]) -> Array:
    """Sums (n, n_columns) over the features (n, n_features) of each column."""
    parts = [features[:, place].sum(axis=1) for _, place in places(columns)]
    return np.stack(parts, axis=1)


def sample(n_rows: int, seed: int, most: int = MAX_ROWS) -> Array:
    """The positions of all rows, or of ``most`` randomly drawn ones, in order."""
    if n_rows <= most:
        return np.arange(n_rows)
    drawn = np.random.default_rng(seed).choice(n_rows, most, replace=False)
    return np.sort(drawn)


class FirstLayer:
    """What each column adds to the first pre-activation of some rows, so that columns can be
    exchanged between rows without a product with all inputs.

    ``Z`` (n, n_first) is the whole; ``parts[i]`` (n, n_first) is the i-th column's.
    """

    def __init__(self, network: Network, columns: Sequence[Column], X: Array) -> None:
        self.network = network
        first = network.layers[0]
        self.parts = [X[:, place] @ first.W[place] for _, place in places(columns)]
        self.Z: Array = X @ first.W + first.b

    def logits(self, Z: Array) -> Array:
        """(m, n_outputs) of first pre-activations Z (m, n_first)."""
        network = self.network
        found = np.empty((len(Z), network.sizes[-1]), Z.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(Z), ROWS_AT_ONCE):
                part = Z[start : start + ROWS_AT_ONCE]
                for before, layer in zip(network.layers, network.layers[1:], strict=False):
                    part = before.value(part) @ layer.W + layer.b
                found[start : start + ROWS_AT_ONCE] = part
        return found
