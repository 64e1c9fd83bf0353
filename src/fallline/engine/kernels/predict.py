"""Prediction of single rows in compiled code: one row's numbers never leave the first cache."""

import math

from fallline.core.activations import MAX_EXPONENT
from fallline.engine.codes import EXP_OUTPUT, SIGMOID_OUTPUT, SOFTMAX_OUTPUT
from fallline.engine.config import entry
from fallline.engine.kernels.activations import activate
from fallline.engine.kernels.exponential import sigmoid
from fallline.engine.kernels.matmul import product
from fallline.engine.kernels.vectors import address, at, lanes, load, offset, put, store


@entry
def predict_rows(weights, sizes, codes, output, rows, rooms, out):
    """The output of each row of ``rows``, in its own terms; False where a number is not finite.

    ``weights`` holds W over b of each layer, its columns padded to whole vectors; ``rooms`` two
    layers' activations and slopes; ``codes`` are numbers of engine.codes, ``output`` one of
    its outputs.
    """
    L = lanes(address(weights))
    n_layers, part = len(sizes) - 1, len(rooms) // 3
    k = sizes[n_layers]
    finite = True
    for row in range(len(rows)):
        A, Z, W = address(rooms), offset(address(rooms), part), address(weights)
        S = offset(Z, part)  # slopes, which nobody asks for
        for i in range(sizes[0]):
            x = rows[row, i]
            finite = finite and x - x == 0
            put(A, i, x)
        for l in range(n_layers):
            n_in, n_out = sizes[l], sizes[l + 1]
            wide = (n_out + L - 1) // L * L
            put(A, n_in, 1.0)
            product(A, n_in, 1, W, wide, n_in + 1, Z, wide, 1, wide, False)
            if l < n_layers - 1:
                activate(codes[l], Z, S, False, wide)
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
            for i in range(k):
                power = math.exp(at(A, i) - highest)
                put(A, i, power)
                total += power
            for i in range(k):
                put(A, i, at(A, i) / total)
        elif output == EXP_OUTPUT:
            for i in range(k):
                put(A, i, math.exp(min(at(A, i), MAX_EXPONENT)))
        for i in range(k):
            out[row, i] = at(A, i)
    return finite
