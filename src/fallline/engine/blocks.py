"""Where the weights of a network are not zero: the blocks of an ensemble's layers."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network

__all__ = ["Block", "blocks_along_diagonal", "blocks_of", "cut_blocks"]

Block = tuple[int, int, int, int]
"""First row, rows, first column, columns."""


def blocks_of(network: Network) -> Array | None:
    """The blocks of all layers, as kernels.blocks reads them; None if each is one."""
    found = [blocks_along_diagonal(layer.W) for layer in network.layers[1:]]
    if all(len(blocks) == 1 for blocks in found):
        return None
    first = [(0, network.sizes[0], 0, network.sizes[1])]
    numbers: list[int] = []
    for blocks in [first, *found]:
        numbers += [len(blocks), *(number for block in blocks for number in block)]
    return np.array(numbers, dtype=np.int64)


def blocks_along_diagonal(W: Array) -> list[Block]:
    """First row, rows, first column, columns of the blocks outside of which W (n, m) is 0.

    They follow each other along the diagonal; W itself is one where there are no others.

    >>> import numpy as np
    >>> blocks_along_diagonal(np.array([[1, 2, 0], [3, 4, 0], [0, 0, 5]]))
    [(0, 2, 0, 2), (2, 1, 2, 1)]
    """
    n, m = W.shape
    used = W != 0
    some = used.any(axis=1)
    low = np.where(some, used.argmax(axis=1), m)
    high = np.where(some, m - used[:, ::-1].argmax(axis=1), 0)
    reached = np.maximum.accumulate(high)  # columns up to here belong to the rows so far
    ahead = np.minimum.accumulate(low[::-1])[::-1]  # columns from here on to the rows that follow
    before, after = reached[:-1], ahead[1:]
    cuts = (np.flatnonzero((before > 0) & (before <= after) & (after < m)) + 1).tolist()
    rows = [0, *cuts, n]
    columns = [0, *(int(reached[i - 1]) for i in cuts), m]
    return [
        (a, b - a, c, d - c)
        for (a, b), (c, d) in zip(pairwise(rows), pairwise(columns), strict=True)
    ]


def cut_blocks(W: Array, blocks: Iterable[Block]) -> list[Array]:
    """The blocks of W, as views."""
    return [W[i : i + n, j : j + m] for i, n, j, m in blocks]
