"""The losses in compiled code, by the formulas of fallline.core.losses: one vector holds one output
of several rows, and a row's outputs lie ``row`` numbers apart.
"""

from fallline.core.constants import MAX_EXPONENT
from fallline.engine.codes import (
    ABSOLUTE_ERROR,
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    HUBER,
    MIN_ADDRESS,
    POISSON,
    QUANTILE_UNIT,
)
from fallline.engine.config import inlined_by_llvm, kernel
from fallline.engine.kernels.calls import call_loss
from fallline.engine.kernels.exponential import (
    exp,
    exp_bounded,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
)
from fallline.engine.kernels.vectors import (
    absolute,
    fill,
    fma,
    lanes,
    load,
    select,
    store,
    wide_total,
)


@inlined_by_llvm
def delta_and_loss(code, Z, Y, shares, D, k, row, count, want_loss):
    """D = dLoss/dZ of ``k`` outputs and ``count`` rows; returns the loss, added up in float64.

    ``shares`` are the rows' shares of the mean, 0 for rows that only fill a vector.
    """
    total = 0.0
    if code >= MIN_ADDRESS:
        return call_loss(code, Z, Y, shares, D, k, row, count)
    for r in range(0, count, lanes(Z)):
        share = load(shares, r)
        if code == CROSS_ENTROPY:
            lost = cross_entropy(Z, Y, D, k, row, r, share, want_loss)
        else:
            lost = fill(Z, 0.0)
            for i in range(r, r + k * row, row):
                z, y = load(Z, i), load(Y, i)
                store(D, i, delta(code, z, y) * share)
                if want_loss:
                    lost = lost + loss(code, z, y)
        if want_loss:
            total += wide_total(lost * share)
    return total


@inlined_by_llvm
def delta(code, z, y):
    """dloss/dz."""
    if code == BINARY_CROSS_ENTROPY:
        return sigmoid(z) - y
    if code == POISSON:
        return exp(minimum(z, MAX_EXPONENT)) - y
    e = z - y
    if code < 0:
        q = -code * QUANTILE_UNIT
        return select(e > 0.0, e * 0.0 + (1.0 - q), select(e < 0.0, e * 0.0 - q, e))
    if code == ABSOLUTE_ERROR:
        return select(e > 0.0, e * 0.0 + 1.0, select(e < 0.0, e * 0.0 - 1.0, e))
    if code == HUBER:
        return maximum(minimum(e, 1.0), -1.0)
    return e


@inlined_by_llvm
def loss(code, z, y):
    """The loss of one output."""
    if code == BINARY_CROSS_ENTROPY:
        return fma(-y, z, maximum(z, 0.0)) + log1p(exp_bounded(-absolute(z)))
    if code == POISSON:
        y_log_y = select(y > 0.0, y * log(maximum(y, 1e-30)), 0.0)
        return (exp(minimum(z, MAX_EXPONENT)) - y * z) + (y_log_y - y)
    e = z - y
    if code < 0:
        q = -code * QUANTILE_UNIT
        return select(e > 0.0, e * (1.0 - q), -(e * q))
    if code == ABSOLUTE_ERROR:
        return absolute(e)
    if code == HUBER:
        return select(absolute(e) > 1.0, absolute(e) - 0.5, e * e * 0.5)
    return e * e * 0.5


@kernel
def cross_entropy(Z, Y, D, k, row, r, share, want_loss):
    """Softmax and its loss for the rows r, r + 1, ...: D = (softmax(Z) - Y) share."""
    highest = load(Z, r)
    for i in range(r + row, r + k * row, row):
        z = load(Z, i)
        highest = select(z > highest, z, highest)
    powers = fill(Z, 0.0)
    for i in range(r, r + k * row, row):
        e = exp_bounded(load(Z, i) - highest)
        powers = powers + e
        store(D, i, e)
    lost = fill(Z, 0.0)
    if want_loss:
        rest = log(powers)
        for i in range(r, r + k * row, row):
            lost = fma(load(Y, i), rest - (load(Z, i) - highest), lost)
    inverse = 1.0 / powers
    for i in range(r, r + k * row, row):
        store(D, i, fma(load(D, i), inverse, -load(Y, i)) * share)
    return lost
