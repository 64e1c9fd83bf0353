"""Where everything lies in a thread's workspace: one flat array, used by every block.

Activations lie feature by feature: ``[A 1]`` of a layer is (n_in + 1, row), its last row ones, so
that W over b is one matrix. ``row`` is the number of samples of a block, padded to whole vectors.

The kernels read it from one vector of whole numbers: the fields of HEAD, then those of LAYER for
each layer.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.engine.config import VECTOR_BYTES
from fallline.engine.functions import activation_codes, loss_code
from fallline.engine.records import address_of

__all__ = ["BLOCK", "Layout", "aligned", "lanes", "padded", "part_length"]

BLOCK = 128  # samples that pass through the layers at once, so that their numbers stay in the cache
MAX_PARTS, MIN_ROWS = 8, 64  # a batch is cut into at most 8 parts of at least 64 rows

HEAD = N_LAYERS, LOSS, ROW, N_INPUTS, N_OUTPUTS, TARGETS, SHARES, TRANSPOSED = range(8)
LAYER = N_IN, N_OUT, START, CODE, BELOW, ABOVE, SLOPES, DELTA = range(8)


def lanes(dtype: Any) -> int:
    """How many numbers a vector holds."""
    return VECTOR_BYTES // int(np.dtype(dtype).itemsize)


def padded(count: int, dtype: Any) -> int:
    """The next whole number of vectors."""
    return -(-count // lanes(dtype)) * lanes(dtype)


def aligned(count: int, dtype: Any) -> Array:
    """Zeros that begin where a vector may be read in one go."""
    dtype = np.dtype(dtype)
    memory = np.zeros(count * dtype.itemsize + VECTOR_BYTES, np.uint8)
    start = -address_of(memory) % VECTOR_BYTES
    return memory[start : start + count * dtype.itemsize].view(dtype)


def part_length(n: int) -> int:
    """Rows in a part of a batch of n rows: whole MIN_ROWS, at most MAX_PARTS parts."""
    length = (n + MAX_PARTS - 1) // MAX_PARTS
    return (length + MIN_ROWS - 1) // MIN_ROWS * MIN_ROWS


class Layout:
    """The workspace of a network and blocks of up to ``samples``; kernels read ``plan``."""

    def __init__(self, network: Network, samples: int) -> None:
        self.dtype, self.samples = network.dtype, samples
        self.end = 0
        sizes = network.sizes
        row = padded(samples, self.dtype)
        wide = [padded(size, self.dtype) for size in sizes]
        A = [self.take((size + 1) * row) for size in sizes]
        self.ones = [
            slice(place + size * row, place + (size + 1) * row)
            for place, size in zip(A[:-1], sizes[:-1], strict=True)
        ]
        head = [len(sizes) - 1, loss_code(network.loss, self.dtype), row, sizes[0], sizes[-1]]
        head += [self.take(sizes[-1] * row), self.take(row)]
        head.append(self.take(max(wide[1:]) * row))
        codes = [*activation_codes(network), 0]
        plan, start = head, 0
        for l, (n_in, n_out) in enumerate(pairwise(sizes)):
            S, D = self.take(n_out * row), self.take(wide[l + 1] * row)
            plan += [n_in, n_out, start, codes[l], A[l], A[l + 1], S, D]
            start += (n_in + 1) * n_out
        self.plan = np.array(plan, np.int64)

    def take(self, count: int) -> int:
        """The place of ``count`` numbers more."""
        self.end += count
        return self.end - count

    def workspace(self) -> Array:
        """A workspace, with the rows of ones in it."""
        workspace = aligned(self.end, self.dtype)
        for row in self.ones:
            workspace[row] = 1.0
        return workspace
