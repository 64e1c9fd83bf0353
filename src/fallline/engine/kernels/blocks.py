"""Z of a layer whose weights are blocks along a diagonal, as those of an ensemble's network are.

``blocks`` lists for each layer the number of its blocks, then of each block its first input,
number of inputs, first output and number of outputs; outside of them the weights are 0. One block
is a layer like any other.
"""

from fallline.engine.config import inlined_by_numba, kernel
from fallline.engine.kernels.matmul import product
from fallline.engine.kernels.vectors import at, lanes, load, offset, store, whole


@inlined_by_numba
def next_layer(blocks):
    """What stands in ``blocks`` for the layer above."""
    return offset(blocks, 1 + 4 * at(blocks, 0))


@inlined_by_numba
def row_by_blocks(blocks, W, A, Z, wide):
    """Z (wide,) of one sample from A; gives where the weights of the next layer are.

    W is a block after the other, each with its rows padded to whole vectors, and b (wide,): so each
    is read as one piece, not from a page of memory a row.
    """
    L = lanes(Z)
    for number in range(at(blocks, 0)):
        block = offset(blocks, 1 + 4 * number)
        i, m, j, n = at(block, 0), at(block, 1), at(block, 2), at(block, 3)
        row = whole(n, L)
        product(offset(A, i), m, 1, W, row, m, offset(Z, j), wide, 1, n, False)
        W = offset(W, m * row)
    for i in range(0, wide, L):
        store(Z, i, load(Z, i) + load(W, i))
    return offset(W, wide)


@kernel
def multiply_blocks(blocks, W, n_in, n_out, A, row, above, R):
    """Z (n_out, row) of ``R`` samples into ``above``, from A (n_in, row)."""
    L = lanes(A)
    for number in range(at(blocks, 0)):
        block = offset(blocks, 1 + 4 * number)
        i, m, j, n = at(block, 0), at(block, 1), at(block, 2), at(block, 3)
        product(
            offset(W, i * n_out + j), 1, n_out, offset(A, i * row), row, m,
            offset(above, j * row), row, n, R, False,
        )  # fmt: skip
    b = offset(W, n_in * n_out)
    for k in range(n_out):
        for r in range(0, R, L):
            store(above, k * row + r, load(above, k * row + r) + at(b, k))
