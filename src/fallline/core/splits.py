"""Splits of the rows: a seeded random holdout or folds, optionally stratified by class."""

from collections.abc import Iterator

import numpy as np

from fallline.arrays import Array

__all__ = ["each_fold", "folds", "holdout", "holdout_size", "time_folds"]


def holdout(
    n_rows: int, share: float, generator: "np.random.Generator", strata: Array | None = None
) -> tuple[Array, Array]:
    """Row numbers of the two parts, (train, holdout), each in ascending order.

    The holdout has ``share`` of the rows, rounded; with two rows or more, each part gets at least
    one. With ``strata`` (n_rows,) class numbers, each class is divided by this share; the only row
    of a class goes to the training part.
    """
    if strata is None:
        order = generator.permutation(n_rows)
        chosen = order[: holdout_size(n_rows, share)]
    else:
        parts = []
        for stratum in sorted(set(strata.tolist())):  # np.unique would import numpy.ma: 7 ms
            rows = generator.permutation(np.flatnonzero(strata == stratum))
            parts.append(rows[: holdout_size(len(rows), share)])
        chosen = np.concatenate(parts)
    mask = np.zeros(n_rows, dtype=bool)
    mask[chosen] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def holdout_size(n_rows: int, share: float) -> int:
    """The rounded share, leaving at least one row on each side."""
    return 0 if n_rows < 2 else min(max(round(share * n_rows), 1), n_rows - 1)


def folds(
    n_rows: int,
    k: int,
    generator: "np.random.Generator",
    strata: Array | None = None,
    groups: Array | None = None,
) -> Array:
    """The fold (n_rows,), 0 to k - 1, of each row; the folds' sizes are as even as possible.

    With ``strata`` (n_rows,) class numbers, each class is spread evenly. With ``groups`` (n_rows,)
    group numbers, rows of one group share a fold: the largest groups are placed first, each in the
    smallest fold so far (strata are then ignored).
    """
    if groups is not None:
        return group_folds(groups, k, generator)
    order = generator.permutation(n_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(n_rows, dtype=np.int64)
    fold[order] = np.arange(n_rows) % k
    return fold


def each_fold(fold_of: Array) -> Iterator[tuple[Array, Array]]:
    """For each fold, the numbers of the rows outside it and those in it."""
    for fold in range(int(fold_of.max()) + 1):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def group_folds(groups: Array, k: int, generator: "np.random.Generator") -> Array:
    names, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = generator.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(k, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.int64)
    for group in order:
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    return fold_of[inverse]


def time_folds(n_rows: int, k: int) -> Array:
    """The fold (n_rows,) of each row in order of time: -1 for the first part, then 0 to k - 1.

    The parts are as even as possible. Fold j is predicted by the network trained on all rows before
    it.
    """
    parts = np.array_split(np.arange(n_rows), k + 1)
    return np.repeat(np.arange(-1, k), [len(part) for part in parts])
