"""Holding rows out: a seeded random part, class by class where there are classes."""

import numpy as np

from fallline.arrays import Array

__all__ = ["holdout"]


def holdout(
    n_rows: int, share: float, generator: np.random.Generator, strata: Array | None = None
) -> tuple[Array, Array]:
    """Row numbers of the two parts, (kept, held out), each in ascending order.

    ``share`` of the rows is held out, rounded, and at least one row stays on each side where there
    are two. With ``strata`` (n_rows,) class numbers, the share is taken of each class; a class
    with a single row is kept.
    """
    if strata is None:
        order = generator.permutation(n_rows)
        held = order[: held_count(n_rows, share)]
    else:
        parts = []
        for stratum in np.unique(strata):
            rows = generator.permutation(np.flatnonzero(strata == stratum))
            parts.append(rows[: held_count(len(rows), share)])
        held = np.concatenate(parts)
    mask = np.zeros(n_rows, dtype=bool)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def held_count(n_rows: int, share: float) -> int:
    return 0 if n_rows < 2 else min(max(round(share * n_rows), 1), n_rows - 1)
