"""Forward and backward pass of one block of samples, in a room that engine.layout describes."""

import numpy as np

from fallline.engine.config import inlined
from fallline.engine.kernels.activations import activate, needs_z, times_slope
from fallline.engine.kernels.dropout import drop
from fallline.engine.kernels.losses import delta_and_loss
from fallline.engine.kernels.matmul import dots, multiply, product, turn
from fallline.engine.kernels.vectors import at, lanes, offset, put, turn_rows
from fallline.engine.layout import (
    ABOVE,
    BELOW,
    CODE,
    DELTA,
    HEAD,
    LAYER,
    LOSS,
    N_IN,
    N_INPUTS,
    N_LAYERS,
    N_OUT,
    N_OUTPUTS,
    ROW,
    SHARES,
    SLOPES,
    START,
    TARGETS,
    TURNED,
)

LAYERS_BEGIN, LAYER_LENGTH = len(HEAD), len(LAYER)


@inlined
def whole(count, L):
    """The next multiple of L."""
    return (count + L - 1) // L * L


@inlined
def layer(plan, l):
    """The plan of layer l."""
    return offset(plan, LAYERS_BEGIN + l * LAYER_LENGTH)


@inlined
def take_inputs(X, order, n, room, plan):
    """[A 1] of the input: the first ``n`` samples of ``order``, turned to one row per feature.

    Whole squares are turned in registers; the last features and samples go number by number.
    """
    L, row, n_features = lanes(room), at(plan, ROW), at(plan, N_INPUTS)
    A = offset(room, at(layer(plan, 0), BELOW))
    squares = n - n % L if n_features >= L else 0
    main = n_features - n_features % L
    for i in range(0, squares, L):
        for k in range(0, main, L):
            turn_rows(offset(X, k), n_features, offset(order, i), 1, offset(A, k * row + i), row)
    for i in range(n):
        x = offset(X, at(order, i) * n_features)
        for k in range(main if i < squares else 0, n_features):
            put(A, k * row + i, at(x, k))


@inlined
def take_targets(Y, order, n, room, plan):
    """Y of the block, one row per output."""
    row, k_outputs, T = at(plan, ROW), at(plan, N_OUTPUTS), offset(room, at(plan, TARGETS))
    for i in range(n):
        y = offset(Y, at(order, i) * k_outputs)
        for k in range(k_outputs):
            put(T, k * row + i, at(y, k))
    for i in range(n, whole(n, lanes(room))):
        for k in range(k_outputs):
            put(T, k * row + i, 0.0)


@inlined
def take_shares(weight, weighted, order, n, mass, room, plan):
    """Each sample's share of the batch's mean, whose weights sum up to ``mass``."""
    shares = offset(room, at(plan, SHARES))
    for i in range(n):
        if not weighted:
            put(shares, i, 1.0 / mass)
        else:
            put(shares, i, at(weight, at(order, i)) / mass if mass > 0 else 0.0)
    for i in range(n, whole(n, lanes(room))):
        put(shares, i, 0.0)


@inlined
def forward(theta, n, room, plan, learn, rate, keys, first_row):
    """A of every layer, and the logits; with dropout at ``rate`` where it is to learn."""
    ONE, NO = np.int64(1), np.bool_(False)
    row, R, n_layers = at(plan, ROW), whole(n, lanes(room)), at(plan, N_LAYERS)
    for l in range(n_layers):
        now = layer(plan, l)
        n_in, n_out = at(now, N_IN), at(now, N_OUT)
        A, above = offset(room, at(now, BELOW)), offset(room, at(now, ABOVE))
        W = offset(theta, at(now, START))
        multiply(W, ONE, n_out, A, row, n_in + 1, above, row, n_out, R, NO)
        if l < n_layers - 1:
            code, S = at(now, CODE), offset(room, at(now, SLOPES))
            keep_slope = learn and (rate > 0 or needs_z(code))
            if row == R:
                activate(code, above, S, keep_slope, n_out * row)
            else:
                for k in range(0, n_out * row, row):
                    activate(code, offset(above, k), offset(S, k), keep_slope, R)
            if learn and rate > 0:
                drop(above, S, row, R, n_out, first_row, keys, l, rate)


@inlined
def backward(theta, n, room, plan, G, add, rate):
    """dW over db of every layer into G, from the delta of the last one."""
    ONE, NO = np.int64(1), np.bool_(False)
    L, row = lanes(room), at(plan, ROW)
    R, turned = whole(n, L), offset(room, at(plan, TURNED))
    for l in range(at(plan, N_LAYERS) - 1, -1, -1):
        now = layer(plan, l)
        n_in, n_out = at(now, N_IN), at(now, N_OUT)
        A, D = offset(room, at(now, BELOW)), offset(room, at(now, DELTA))
        g = offset(G, at(now, START))
        if 2 * n_out < L:
            dots(A, D, row, R, g, n_in + 1, n_out, add)
        else:
            wide = whole(n_out, L)
            turn(D, wide, R, row, turned, wide)
            product(A, row, ONE, turned, wide, n, g, n_out, n_in + 1, n_out, add)
        if l > 0:
            W, before = offset(theta, at(now, START)), layer(plan, l - 1)
            below, S = offset(room, at(before, DELTA)), offset(room, at(before, SLOPES))
            multiply(W, n_out, ONE, D, row, n_out, below, row, n_in, R, NO)
            code = at(before, CODE)
            kept = rate > 0 or needs_z(code)
            if row == R:
                times_slope(code, A, S, kept, below, n_in * row)
            else:
                for k in range(0, n_in * row, row):
                    times_slope(code, offset(A, k), offset(S, k), kept, offset(below, k), R)


@inlined
def give_logits(out, first_row, n, room, plan):
    """The logits of the block, to the rows of ``out`` from ``first_row`` on."""
    row, k_outputs = at(plan, ROW), at(plan, N_OUTPUTS)
    Z = offset(room, at(layer(plan, at(plan, N_LAYERS) - 1), ABOVE))
    for i in range(n):
        for k in range(k_outputs):
            put(out, (first_row + i) * k_outputs + k, at(Z, k * row + i))


@inlined
def loss_and_gradient(theta, n, room, plan, G, add, want_loss, learn, rate, keys, first_row):
    """The gradient of the block in the room, into G; returns its part of the loss.

    Unless it is to ``learn``, the loss is all.
    """
    forward(theta, n, room, plan, learn, rate, keys, first_row)
    last = layer(plan, at(plan, N_LAYERS) - 1)
    lost = delta_and_loss(
        at(plan, LOSS),
        offset(room, at(last, ABOVE)),
        offset(room, at(plan, TARGETS)),
        offset(room, at(plan, SHARES)),
        offset(room, at(last, DELTA)),
        at(plan, N_OUTPUTS),
        at(plan, ROW),
        whole(n, lanes(room)),
        want_loss,
    )
    if learn:
        backward(theta, n, room, plan, G, add, rate)
    return lost
