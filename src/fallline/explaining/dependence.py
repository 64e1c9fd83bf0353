"""Partial dependence: the mean prediction over the rows, a column set to one value in all of them;
and the curve of each single row (individual conditional expectation, ICE).

Both change one column alone, which correlated columns never do.

Sources: Friedman 2001 (doi:10.1214/aos/1013203451), section 8.2; Goldstein et al. 2015
(arXiv:1309.6392).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.columns import (
    BinnedColumn,
    Column,
    DateColumn,
    NumberColumn,
    PairColumn,
    TextColumn,
)
from fallline.explaining.features import FirstLayer, places, sample

__all__ = ["Dependence", "partial_dependence"]

GRID = 30
MAX_CATEGORIES = 12
MAX_CURVES = 40


@dataclass(frozen=True)
class Dependence:
    """Mean predictions (m, n_outputs) at the values of a column; ``labels`` for categories.

    ``curves`` (n_curves, m, n_outputs) are those of single rows, at most 40 of them.
    """

    column: str
    values: Array
    labels: tuple[str, ...]
    predicted: Array
    curves: Array


def partial_dependence(
    network: Network, columns: Sequence[Column], X: Array, name: str, seed: int = 0
) -> Dependence | None:
    """The mean prediction over the rows at the 5 % to 95 % quantiles of a number, or each category.

    If there are more than 2,000 rows, 2,000 are drawn by ``seed``. None for a date with cycles, a
    place, and a column without features.
    """
    X = X[sample(len(X), seed)]
    named = {column.name: (i, column, p) for i, (column, p) in enumerate(places(columns))}
    if name not in named:
        return None
    number, column, place = named[name]
    blocks, values, labels = settings_of(column, X[:, place])
    if len(blocks) < 2:
        return None
    whole = FirstLayer(network, columns, X)
    rest = whole.Z - whole.parts[number]
    moved = blocks.astype(X.dtype) @ network.layers[0].W[place]
    output = [network.loss.output(whole.logits(rest + part)) for part in moved]
    shown = sample(len(X), seed, MAX_CURVES)
    curves = np.stack([each[shown] for each in output], axis=1)
    return Dependence(name, values, labels, np.array([o.mean(axis=0) for o in output]), curves)


def settings_of(column: Column, X: Array) -> tuple[Array, Array, tuple[str, ...]]:
    """The features (m, n_features) at each value shown, the values, and the labels."""
    if isinstance(column, PairColumn):
        blocks = np.zeros((2, X.shape[1]))
        blocks[:, 0] = -1.0, 1.0
        return blocks, np.arange(2.0), column.categories
    if isinstance(column, BinnedColumn):
        known = column.values(X[X[:, -1] == 0] if column.has_missing else X)
        grid = np.unique(np.quantile(known, np.linspace(0.05, 0.95, GRID)))
        blocks = np.zeros((len(grid), X.shape[1]))
        column.fill_values(grid, blocks)
        return blocks, grid, ()
    if isinstance(column, TextColumn):
        order = np.argsort(-X.mean(axis=0), kind="stable")[:MAX_CATEGORIES]
        blocks = np.eye(X.shape[1])[order]
        labels = tuple(column.features[i].removeprefix(f"{column.name}=") for i in order)
        return blocks, np.arange(len(order), dtype=float), labels
    if isinstance(column, NumberColumn) or (isinstance(column, DateColumn) and not column.cycles):
        known = X[X[:, 1] == 0, 0] if column.has_missing else X[:, 0]
        grid = np.unique(np.quantile(known, np.linspace(0.05, 0.95, GRID)))
        blocks = np.zeros((len(grid), X.shape[1]))
        blocks[:, 0] = grid
        return blocks, grid * column.scale + column.mean, ()
    return np.zeros((0, X.shape[1])), np.zeros(0), ()
