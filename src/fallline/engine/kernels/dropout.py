"""The masks of fallline.core.dropout in compiled code: the same hash, a vector at a time."""

from fallline.core.constants import BITS, NEURON, ROUNDS, ROW
from fallline.engine.config import kernel
from fallline.engine.kernels.vectors import at, count_up, lanes, load, number, select, store

LOW = 0xFFFFFFFF
(SHIFT_1, FACTOR_1), (SHIFT_2, FACTOR_2), (SHIFT_3, _) = ROUNDS


@kernel
def shifted(x, bits):
    """x >> bits for 32-bit numbers without a sign."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


@kernel
def drop(A, S, row, n_rows, n_neurons, first_row, keys, layer, rate):
    """A <- A M and S <- S M for ``n_neurons`` rows of A, whose columns are samples."""
    L, scale = lanes(A), number(A, 1.0 / (1.0 - rate))
    threshold = round(rate * (1 << BITS))
    key = at(keys, layer)
    for i in range(0, n_rows, L):
        places = (count_up(A) + (first_row + i)) * ROW
        for j in range(n_neurons):
            x = (places + ((j * NEURON + key) & LOW)) & LOW
            x = ((x ^ shifted(x, SHIFT_1)) * FACTOR_1) & LOW
            x = ((x ^ shifted(x, SHIFT_2)) * FACTOR_2) & LOW
            x = x ^ shifted(x, SHIFT_3)
            a, s = load(A, j * row + i), load(S, j * row + i)
            keep = shifted(x, 32 - BITS) >= threshold
            store(A, j * row + i, select(keep, a * scale, 0.0))
            store(S, j * row + i, select(keep, s * scale, 0.0))
