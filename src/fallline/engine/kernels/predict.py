"""Prediction of single rows in compiled code: one row's numbers never leave the first cache."""

from fallline.core.constants import MAX_EXPONENT
from fallline.engine.codes import EXP_OUTPUT, SIGMOID_OUTPUT, SOFTMAX_OUTPUT
from fallline.engine.kernels.activations import activate
from fallline.engine.kernels.blocks import next_layer, row_by_blocks
from fallline.engine.kernels.exponential import exp, minimum, sigmoid
from fallline.engine.kernels.matmul import product
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import at, lanes, load, offset, put, store


def predict(call):
    """The output of each row, in its own terms; gives 1 where every input is finite, else 0."""
    L, n_layers, sizes, output = lanes(call.weights), call.n_layers, call.sizes, call.output
    n_inputs, k = at(sizes, 0), at(sizes, n_layers)
    finite, in_blocks = True, is_given(call.blocks)
    for row in range(call.n_rows):
        A, Z, W = call.workspace, offset(call.workspace, call.width), call.weights
        S, blocks = offset(Z, call.width), call.blocks  # slopes, which nobody asks for
        for i in range(n_inputs):
            x = at(call.X, row * n_inputs + i)
            finite = finite and x - x == 0
            put(A, i, x)
        for l in range(n_layers):
            n_in, n_out = at(sizes, l), at(sizes, l + 1)
            wide = (n_out + L - 1) // L * L
            if in_blocks and at(blocks, 0) > 1:
                row_by_blocks(blocks, W, n_in, wide, A, Z)
            else:
                put(A, n_in, 1.0)
                product(A, n_in, 1, W, wide, n_in + 1, Z, wide, 1, wide, False)
            if in_blocks:
                blocks = next_layer(blocks)
            if l < n_layers - 1:
                activate(at(call.codes, l), Z, S, False, wide)
            W = offset(W, (n_in + 1) * wide)
            A, Z = Z, A
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
        for i in range(k):
            put(call.out, row * k + i, at(A, i))
    return 1 if finite else 0
