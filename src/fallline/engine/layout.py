"""Where everything lies in a thread's workspace: one flat array, used by every block.

Activations lie feature by feature: ``[A 1]`` of a layer is (n_in + 1, row), its last row ones, so
that W over b is one matrix. ``row`` is the number of samples of a block, padded to whole vectors.

The kernels read it from one vector of whole numbers: the fields of HEAD, then those of LAYER for
each layer.
"""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.engine.config import VECTOR_BYTES
from fallline.engine.functions import activation_codes, loss_code
from fallline.engine.records import address_of

__all__ = ["BLOCK", "Layout", "aligned", "lanes", "padded", "part_length", "write_plan"]

BLOCK = 128  # samples that pass through the layers at once, so that their numbers stay in the cache
MAX_PARTS, MIN_ROWS = 8, 64  # a batch is cut into at most 8 parts of at least 64 rows

HEAD = N_LAYERS, LOSS, ROW, N_INPUTS, N_OUTPUTS, TARGETS, SHARES, TRANSPOSED = range(8)
LAYER = N_IN, N_OUT, START, CODE, BELOW, ABOVE, SLOPES, DELTA = range(8)
LAYERS_BEGIN, LAYER_LENGTH = len(HEAD), len(LAYER)


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


def write_plan(
    plan: Any, sizes: Any, codes: Any, n_layers: Any, loss: Any, samples: Any, L: Any
) -> Any:
    """Divide a workspace for a network and blocks of up to ``samples``; how long it has to be.

    ``sizes`` are those of the layers, inputs first, ``codes`` the numbers of the hidden activations
    and ``L`` the numbers of a vector. It is Python here and compiled code in the library.
    """
    row, end, widest = (samples + L - 1) // L * L, 0, 0
    plan[N_LAYERS], plan[LOSS], plan[ROW] = n_layers, loss, row
    plan[N_INPUTS], plan[N_OUTPUTS] = sizes[0], sizes[n_layers]
    for l in range(n_layers + 1):  # [A 1] of each layer
        if l < n_layers:
            plan[LAYERS_BEGIN + l * LAYER_LENGTH + BELOW] = end
        if l > 0:
            plan[LAYERS_BEGIN + (l - 1) * LAYER_LENGTH + ABOVE] = end
            widest = max(widest, (sizes[l] + L - 1) // L * L)
        end += (sizes[l] + 1) * row
    plan[TARGETS], plan[SHARES] = end, end + sizes[n_layers] * row
    plan[TRANSPOSED] = plan[SHARES] + row
    end = plan[TRANSPOSED] + widest * row
    start = 0
    for l in range(n_layers):
        now, n_in, n_out = LAYERS_BEGIN + l * LAYER_LENGTH, sizes[l], sizes[l + 1]
        plan[now + N_IN], plan[now + N_OUT], plan[now + START] = n_in, n_out, start
        plan[now + CODE] = codes[l] if l < n_layers - 1 else 0
        plan[now + SLOPES], plan[now + DELTA] = end, end + n_out * row
        end += n_out * row + (n_out + L - 1) // L * L * row
        start += (n_in + 1) * n_out
    return end


class Layout:
    """The workspace of a network and blocks of up to ``samples``; kernels read ``plan``."""

    def __init__(self, network: Network, samples: int) -> None:
        self.dtype, self.samples = network.dtype, samples
        n_layers, loss = len(network.sizes) - 1, loss_code(network.loss, self.dtype)
        self.plan = np.zeros(LAYERS_BEGIN + n_layers * LAYER_LENGTH, np.int64)
        self.end = int(
            write_plan(
                self.plan, network.sizes, activation_codes(network), n_layers, loss, samples,
                lanes(self.dtype),
            )
        )  # fmt: skip

    def workspace(self) -> Array:
        """A workspace, with the rows of ones in it."""
        workspace, row = aligned(self.end, self.dtype), int(self.plan[ROW])
        for layer in self.plan[LAYERS_BEGIN:].reshape(-1, LAYER_LENGTH):
            ones = layer[BELOW] + layer[N_IN] * row
            workspace[ones : ones + row] = 1.0
        return workspace
