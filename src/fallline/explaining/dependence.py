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
    PlaceColumn,
    TextColumn,
)
from fallline.data.coordinates import is_north
from fallline.explaining.features import FirstLayer, places, sample

__all__ = ["Dependence", "partial_dependence"]

GRID = 30
MAX_CATEGORIES = 12
MAX_CURVES = 40
MAX_PLACES, ROWS_OF_PLACES = 300, 100


@dataclass(frozen=True)
class Dependence:
    """Mean predictions (m, n_outputs) at the values of a column; ``labels`` for categories.

    ``curves`` (n_curves, m, n_outputs) are those of single rows, at most 40 of them. A place has no
    curves; its ``values`` (m, 2) are the coordinates that ``axes`` names, east and north.
    """

    column: str
    values: Array
    labels: tuple[str, ...]
    predicted: Array
    curves: Array
    axes: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """What a drawing of it shows."""
        each = "each of the rows' places" if self.axes else "each value"
        told = f"The mean prediction when {self.column} is set to {each} and the rest stays."
        return f"{told} The faint lines are single rows." if len(self.curves) else told


def partial_dependence(
    network: Network, columns: Sequence[Column], X: Array, name: str, seed: int = 0
) -> Dependence | None:
    """The mean prediction over the rows at the 5 % to 95 % quantiles of a number, or each category.

    If there are more than 2,000 rows, 2,000 are drawn by ``seed``. Of a place, at the places of 300
    rows at most, over 100 rows. None for a date with cycles, and for a column without features.
    """
    X = X[sample(len(X), seed)]
    named = {column.name: (i, column, p) for i, (column, p) in enumerate(places(columns))}
    if name not in named:
        return None
    number, column, place = named[name]
    labels: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    most_curves = MAX_CURVES
    if isinstance(column, PlaceColumn):
        blocks, values, axes = places_in(column, X[:, place], seed)
        X, most_curves = X[sample(len(X), seed, ROWS_OF_PLACES)], 0
    else:
        blocks, values, labels = settings_of(column, X[:, place])
    if len(blocks) < 2:
        return None
    whole = FirstLayer(network, columns, X)
    rest = whole.Z - whole.parts[number]
    moved = blocks.astype(X.dtype) @ network.layers[0].W[place]
    output = [network.loss.output(whole.logits(rest + part)) for part in moved]
    shown = sample(len(X), seed, most_curves)
    curves = np.stack([each[shown] for each in output], axis=1)
    predicted = np.array([o.mean(axis=0) for o in output])
    return Dependence(name, values, labels, predicted, curves, axes)


def places_in(column: PlaceColumn, X: Array, seed: int) -> tuple[Array, Array, tuple[str, ...]]:
    """The features (m, n_features) of the places of some rows, their coordinates (m, 2), and which
    column each of the two is."""
    middle = len(column.first.features)
    parts = [(column.first, X[:, :middle]), (column.second, X[:, middle:])]
    known = np.ones(len(X), dtype=bool)
    for part, features in parts:
        if part.has_missing:
            known &= features[:, len(part.features) - 1] == 0
    shown = np.flatnonzero(known)
    shown = shown[sample(len(shown), seed, MAX_PLACES)]
    by_axis = sorted(parts, key=lambda part: is_north(part[0].name))
    values = np.column_stack([part.values(F[shown]) for part, F in by_axis])
    return X[shown], values, tuple(part.name for part, _ in by_axis)


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
