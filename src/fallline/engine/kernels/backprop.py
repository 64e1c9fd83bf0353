"""Forward and backward pass of a block of samples; engine.layout describes the workspace."""

import numpy as np

from fallline.engine.config import inlined_by_numba
from fallline.engine.kernels.activations import activate, needs_z, times_slope
from fallline.engine.kernels.blocks import multiply_blocks, next_layer
from fallline.engine.kernels.dropout import drop
from fallline.engine.kernels.lookup import add_gradient, first_layer
from fallline.engine.kernels.losses import delta_and_loss
from fallline.engine.kernels.matmul import dots, multiply, outer, product, transposed_copy
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import at, fetch, gather_transposed, lanes, offset, put, whole
from fallline.engine.layout import (
    ABOVE,
    BELOW,
    CODE,
    DELTA,
    LAYER_LENGTH,
    LAYERS_BEGIN,
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
    TRANSPOSED,
)


@inlined_by_numba
def layer(plan, l):
    """The plan of layer l."""
    return offset(plan, LAYERS_BEGIN + l * LAYER_LENGTH)


@inlined_by_numba
def take_inputs(X, order, n, workspace, plan):
    """[A 1] of the input: the first ``n`` samples of ``order``, transposed to one row per feature.

    Whole squares are transposed in registers; the last features and samples go number by number.
    """
    L, row, n_features = lanes(workspace), at(plan, ROW), at(plan, N_INPUTS)
    A = offset(workspace, at(layer(plan, 0), BELOW))
    squares = n - n % L if n_features >= L else 0
    main = n_features - n_features % L
    for i in range(0, squares, L):
        for k in range(0, main, L):
            gather_transposed(
                offset(X, k), n_features, offset(order, i), 1, offset(A, k * row + i), row
            )
    for k in range(main, n_features):
        for i in range(squares):
            put(A, k * row + i, at(X, at(order, i) * n_features + k))
    for i in range(squares, n):
        for k in range(n_features):
            put(A, k * row + i, at(X, at(order, i) * n_features + k))


@inlined_by_numba
def take_targets(Y, order, n, workspace, plan):
    """Y of the block, one row per output."""
    row, k_outputs, T = at(plan, ROW), at(plan, N_OUTPUTS), offset(workspace, at(plan, TARGETS))
    for k in range(k_outputs):
        for i in range(n):
            put(T, k * row + i, at(Y, at(order, i) * k_outputs + k))
    for i in range(n, whole(n, lanes(workspace))):
        for k in range(k_outputs):
            put(T, k * row + i, 0.0)


@inlined_by_numba
def fetch_rows(call, order, n, plan):
    """Have the samples that are taken later brought into the cache: of wide ones the beginning."""
    L, n_features = lanes(call.X), at(plan, N_INPUTS)
    for i in range(n):
        x = at(order, i) * n_features
        for k in range(0, min(n_features, 4 * L), L):
            fetch(call.X, x + k)


@inlined_by_numba
def take_shares(weight, weighted, order, n, mass, workspace, plan):
    """Each sample's share of the batch's mean, whose weights sum up to ``mass``."""
    shares = offset(workspace, at(plan, SHARES))
    for i in range(n):
        if not weighted:
            put(shares, i, 1.0 / mass)
        else:
            put(shares, i, at(weight, at(order, i)) / mass if mass > 0 else 0.0)
    for i in range(n, whole(n, lanes(workspace))):
        put(shares, i, 0.0)


@inlined_by_numba
def forward(call, theta, order, n, workspace, plan, learn, rate, keys, first_row):
    """A of every layer, and the logits; with dropout at ``rate`` where it is to learn."""
    ONE, NO = np.int64(1), np.bool_(False)
    row, R, n_layers = at(plan, ROW), whole(n, lanes(workspace)), at(plan, N_LAYERS)
    blocks = call.blocks
    for l in range(n_layers):
        now = layer(plan, l)
        n_in, n_out = at(now, N_IN), at(now, N_OUT)
        A, above = offset(workspace, at(now, BELOW)), offset(workspace, at(now, ABOVE))
        W = offset(theta, at(now, START))
        if l == 0 and is_given(call.lookups):
            first_layer(call, order, n, R, above, plan)
        elif is_given(call.blocks) and at(blocks, 0) > 1:
            multiply_blocks(blocks, W, n_in, n_out, A, row, above, R)
        else:
            multiply(W, ONE, n_out, A, row, n_in + 1, above, row, n_out, R, NO)
        if l < n_layers - 1:
            code, S = at(now, CODE), offset(workspace, at(now, SLOPES))
            keep_slope = learn and (rate > 0 or needs_z(code))
            if row == R:
                activate(code, above, S, keep_slope, n_out * row)
            else:
                for k in range(0, n_out * row, row):
                    activate(code, offset(above, k), offset(S, k), keep_slope, R)
            if learn and rate > 0:
                drop(above, S, row, R, n_out, first_row, keys, l, rate)
        if is_given(call.blocks):
            blocks = next_layer(blocks)


@inlined_by_numba
def backward(call, theta, order, n, workspace, plan, G, add, rate):
    """dW over db of every layer into G, from the delta of the last one."""
    ONE, NO = np.int64(1), np.bool_(False)
    L, row = lanes(workspace), at(plan, ROW)
    R, transposed = whole(n, L), offset(workspace, at(plan, TRANSPOSED))
    for l in range(at(plan, N_LAYERS) - 1, -1, -1):
        now = layer(plan, l)
        n_in, n_out = at(now, N_IN), at(now, N_OUT)
        A, D = offset(workspace, at(now, BELOW)), offset(workspace, at(now, DELTA))
        g = offset(G, at(now, START))
        if 2 * n_out < L:
            dots(A, D, row, R, g, n_in + 1, n_out, add)
        else:
            wide = whole(n_out, L)
            transposed_copy(D, wide, R, row, transposed, wide)
            if l == 0 and is_given(call.lookups):
                add_gradient(call, order, n, transposed, plan)
            else:
                product(A, row, ONE, transposed, wide, n, g, n_out, n_in + 1, n_out, add)
        if l > 0:
            W, before = offset(theta, at(now, START)), layer(plan, l - 1)
            below, S = offset(workspace, at(before, DELTA)), offset(workspace, at(before, SLOPES))
            if n_out == 1:
                outer(W, D, below, row, n_in, R)
            else:
                multiply(W, n_out, ONE, D, row, n_out, below, row, n_in, R, NO)
            code = at(before, CODE)
            kept = rate > 0 or needs_z(code)
            if row == R:
                times_slope(code, A, S, kept, below, n_in * row)
            else:
                for k in range(0, n_in * row, row):
                    times_slope(code, offset(A, k), offset(S, k), kept, offset(below, k), R)


@inlined_by_numba
def give_logits(out, first_row, n, workspace, plan):
    """The logits of the block, to the rows of ``out`` from ``first_row`` on."""
    row, k_outputs = at(plan, ROW), at(plan, N_OUTPUTS)
    Z = offset(workspace, at(layer(plan, at(plan, N_LAYERS) - 1), ABOVE))
    for i in range(n):
        for k in range(k_outputs):
            put(out, (first_row + i) * k_outputs + k, at(Z, k * row + i))


@inlined_by_numba
def loss_and_gradient(
    call, theta, order, n, workspace, plan, G, add, want_loss, learn, rate, keys, first_row
):
    """The gradient of the block in the workspace, into G; returns its part of the loss.

    ``order`` are its samples. Where they are looked up, that of the first layer is with the tables.
    Unless it is to ``learn``, the loss is all.
    """
    forward(call, theta, order, n, workspace, plan, learn, rate, keys, first_row)
    last = layer(plan, at(plan, N_LAYERS) - 1)
    lost = delta_and_loss(
        at(plan, LOSS),
        offset(workspace, at(last, ABOVE)),
        offset(workspace, at(plan, TARGETS)),
        offset(workspace, at(plan, SHARES)),
        offset(workspace, at(last, DELTA)),
        at(plan, N_OUTPUTS),
        at(plan, ROW),
        whole(n, lanes(workspace)),
        want_loss,
    )
    if learn:
        backward(call, theta, order, n, workspace, plan, G, add, rate)
    return lost
