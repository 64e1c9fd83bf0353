"""Prediction of single rows in compiled code: one row's numbers never leave the first cache."""

from fallline.core.constants import MAX_EXPONENT
from fallline.engine.codes import EXP_OUTPUT, SIGMOID_OUTPUT, SOFTMAX_OUTPUT
from fallline.engine.config import inlined_by_numba
from fallline.engine.kernels.activations import activate
from fallline.engine.kernels.blocks import next_layer, row_by_blocks
from fallline.engine.kernels.exponential import exp, minimum, sigmoid
from fallline.engine.kernels.lookup import first_of_row, make_tables
from fallline.engine.kernels.matmul import product
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import at, lanes, load, offset, put, store, whole


def predict(call):
    """The output of each row, in its own terms; gives 1 where every input is finite, else 0.

    With ``make_tables`` it makes the tables of the first layer, of which ``weights`` are, instead.
    """
    L, n_layers, sizes = lanes(call.weights), call.n_layers, call.sizes
    k, looked_up, in_blocks = at(sizes, n_layers), is_given(call.lookups), is_given(call.blocks)
    if call.make_tables:
        make_tables(call, call.weights, whole(at(sizes, 1), L))
        return 1
    finite, n_inputs = True, call.n_numbers if looked_up else at(sizes, 0)
    for row in range(call.n_rows):
        A, Z, W = call.workspace, offset(call.workspace, call.width), call.weights
        S, blocks = offset(Z, call.width), call.blocks  # slopes, which nobody asks for
        for i in range(n_inputs):
            x = at(call.X, row * n_inputs + i)
            finite = finite and x - x == 0
            put(A, i, x)
        for l in range(n_layers):
            n_in, n_out = at(sizes, l), at(sizes, l + 1)
            wide = whole(n_out, L)
            if l == 0 and looked_up:
                first_of_row(call, row, A, Z, wide)
            elif in_blocks and at(blocks, 0) > 1:
                W = row_by_blocks(blocks, W, A, Z, wide)
            else:
                put(A, n_in, 1.0)
                product(A, n_in, 1, W, wide, n_in + 1, Z, wide, 1, wide, False)
                W = offset(W, (n_in + 1) * wide)
            if in_blocks:
                blocks = next_layer(blocks)
            if l < n_layers - 1:
                activate(at(call.codes, l), Z, S, False, wide)
            A, Z = Z, A
        give_output(call.output, A, k)
        for i in range(k):
            put(call.out, row * k + i, at(A, i))
    return 1 if finite else 0


@inlined_by_numba
def give_output(output, A, k):
    """A (k,) <- the logits A in the loss's own terms."""
    L = lanes(A)
    if output == SIGMOID_OUTPUT:
        for i in range(0, k, L):
            store(A, i, sigmoid(load(A, i)))
    elif output == SOFTMAX_OUTPUT:
        highest = at(A, 0)
        for i in range(1, k):
            highest = max(highest, at(A, i))
        total = 0.0
        for i in range(0, k, L):
            store(A, i, exp(load(A, i) - highest))
        for i in range(k):
            total += at(A, i)
        for i in range(k):
            put(A, i, at(A, i) / total)
    elif output == EXP_OUTPUT:
        for i in range(0, k, L):
            store(A, i, exp(minimum(load(A, i), MAX_EXPONENT)))
