"""What a network makes of its columns: permutation importance and partial dependence.

Importance: how much worse the loss gets when a column's features are shuffled over the rows
(Breiman 2001, doi:10.1023/A:1010933404324; Fisher, Rudin and Dominici 2019, arXiv:1801.01489).
Partial dependence: the mean prediction over the rows, the column set to one value in all of them
(Friedman 2001, doi:10.1214/aos/1013203451). Both move a column alone, which columns that go
together never do.
"""

from collections.abc import Iterator
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
from fallline.data.encoding import Encoding

__all__ = ["Dependence", "Importance", "importances", "partial_dependence"]

REPEATS = 5
MAX_ROWS = 2_000
GRID = 30
MAX_CATEGORIES = 12


@dataclass(frozen=True)
class Importance:
    """By how much the mean loss rises when the column is shuffled: mean and deviation."""

    column: str
    rise: float
    deviation: float


@dataclass(frozen=True)
class Dependence:
    """Mean predictions (m, n_outputs) at the values of a column; ``labels`` for categories."""

    column: str
    values: Array
    labels: tuple[str, ...]
    predicted: Array


def slices(encoding: Encoding) -> Iterator[tuple[Column, slice]]:
    """Each column with its place among the features."""
    start = 0
    for column in encoding.columns:
        stop = start + len(column.features)
        if stop > start:
            yield column, slice(start, stop)
        start = stop


def sample(X: Array, y: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    if len(X) <= MAX_ROWS:
        return X, y
    rows = generator.choice(len(X), MAX_ROWS, replace=False)
    return X[rows], y[rows]


def importances(
    network: Network, encoding: Encoding, X: Array, y: Array, seed: int = 0
) -> list[Importance]:
    """Every column's importance, the greatest first."""
    generator = np.random.default_rng(seed)
    X, y = sample(X, y, generator)
    Y = network.samples(X, y).Y

    def loss_of(X: Array) -> float:
        return float(network.loss.value(network.logits(X), Y).mean())

    base = loss_of(X)
    found = []
    for column, place in slices(encoding):
        rises = []
        for _ in range(REPEATS):
            shuffled = X.copy()
            shuffled[:, place] = X[generator.permutation(len(X)), place]
            rises.append(loss_of(shuffled) - base)
        found.append(Importance(column.name, float(np.mean(rises)), float(np.std(rises))))
    return sorted(found, key=lambda item: -item.rise)


def partial_dependence(
    network: Network, encoding: Encoding, X: Array, name: str, seed: int = 0
) -> Dependence | None:
    """The mean prediction over the rows at 5 % to 95 % of a number's values, or each category.

    None for a date that is more than a time, and for a column without features.
    """
    X, _ = sample(X, np.zeros(len(X)), np.random.default_rng(seed))
    column, place = next(((c, p) for c, p in slices(encoding) if c.name == name), (None, None))
    if column is None or place is None:
        return None
    blocks, values, labels = settings_of(column, X[:, place])
    if len(blocks) < 2:
        return None
    means = []
    for block in blocks:
        moved = X.copy()
        moved[:, place] = block
        means.append(network.predict_proba(moved).mean(axis=0))
    return Dependence(name, values, labels, np.array(means))


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
