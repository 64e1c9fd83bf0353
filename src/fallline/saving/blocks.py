"""Weights that are blocks along a diagonal, as an ensemble's are, without the zeros between them.

The members of an ensemble are one network (:mod:`fallline.tabular.ensemble`): of sixteen members,
fifteen sixteenths of the weights of a layer are zeros.
"""

from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.engine.blocks import blocks_along_diagonal, cut_blocks
from fallline.errors import ModelFileError
from fallline.limits import is_count

__all__ = ["packed", "unpacked"]

MAX_BLOCKS = 64  # so a file makes at most 64 times as many weights as it has
Sizes = list[list[int]]


def packed(W: Array) -> tuple[Array, Sizes] | None:
    """The numbers of the blocks of W (n_in, n_out), row by row and block after block, and the
    blocks' numbers of rows and of columns; None where that is more than half of W.

    >>> import numpy as np
    >>> packed(np.array([[1, 2, 0], [3, 4, 0], [0, 0, 5]]))
    (array([1, 2, 3, 4, 5]), [[2, 1], [2, 1]])
    """
    blocks = blocks_along_diagonal(W)
    if not 1 < len(blocks) <= MAX_BLOCKS or 2 * sum(n * m for _, n, _, m in blocks) > W.size + 1:
        return None
    numbers = np.concatenate([block.ravel() for block in cut_blocks(W, blocks)])
    sizes = [[n for _, n, _, _ in blocks], [m for _, _, _, m in blocks]]
    same = unpacked(numbers, sizes, W.shape).tobytes() == W.tobytes()  # a zero may be negative
    return (numbers, sizes) if same else None


def unpacked(numbers: Array, sizes: Any, shape: tuple[int, int]) -> Array:
    """W again. Raises ModelFileError where numbers, sizes and shape do not fit together."""
    if not are_sizes(sizes, shape):
        raise ModelFileError(f"its blocks {sizes!r:.60} do not make weights of shape {shape}")
    rows, columns = sizes
    ends = list(accumulate((n * m for n, m in zip(rows, columns, strict=True)), initial=0))
    if numbers.shape != (ends[-1],):
        raise ModelFileError(f"its blocks have {numbers.shape} numbers, but need {ends[-1]}")
    W = np.zeros(shape, numbers.dtype)
    at_row = at_column = 0
    for n, m, (begin, end) in zip(rows, columns, pairwise(ends), strict=True):
        block = numbers[begin:end].reshape(n, m)
        W[at_row : at_row + n, at_column : at_column + m] = block
        at_row, at_column = at_row + n, at_column + m
    return W


def are_sizes(sizes: Any, shape: tuple[int, int]) -> bool:
    """Whether they are numbers of rows and of columns, of equally many blocks, that add up."""
    if not (isinstance(sizes, list) and len(sizes) == 2 and all(map(are_counts, sizes))):
        return False
    return len(sizes[0]) == len(sizes[1]) and tuple(map(sum, sizes)) == shape


def are_counts(values: Any) -> bool:
    return isinstance(values, list) and len(values) <= MAX_BLOCKS and all(map(is_count, values))
