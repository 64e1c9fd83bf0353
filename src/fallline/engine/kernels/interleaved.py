"""Many small networks at once, one in each lane of a vector: no lane is ever idle.

A network of ten neurons fills no vector, whichever way its numbers lie. Here vector p holds
parameter p of as many networks as a vector has lanes, and all of them take the same step, each on
its own rows. Every sum has the terms and the order that kernels.backprop gives it, so each network
ends with the bits that training it alone gives.

Numbers lie as [row][neuron][lane]; a chunk of rows, as many as there are lanes, passes through the
layers together.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from fallline.engine.codes import CROSS_ENTROPY
from fallline.engine.config import inlined_by_numba, intrinsic, kernel
from fallline.engine.kernels.activations import activate, needs_z, times_slope
from fallline.engine.kernels.losses import cross_entropy, delta, loss
from fallline.engine.kernels.optimizers import add_part, update
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import (
    at,
    fill,
    fma,
    fused,
    gather_transposed,
    lanes,
    load,
    load_at,
    load_wide,
    offset,
    put,
    select,
    store,
    store_at,
    store_wide,
    vector_of,
)
from fallline.engine.layout import MIN_ROWS
from fallline.engine.processor import vector_registers

INT64 = ir.IntType(64)
N_IN, N_OUT, CODE, START, BELOW, ABOVE, SLOPES, DELTA, PARTIAL, FIELDS = range(10)  # of a layer


@inlined_by_numba
def take_rows(XY, wide, orders, n_orders, first_row, m, row, A):
    """[x y] of ``m`` rows of every lane's own order, ``row`` vectors each.

    XY has ``wide`` columns, whole vectors; what is beyond ``row`` the next row is written over.
    """
    L = lanes(A)
    for q in range(m):
        rows = offset(orders, first_row + q)
        for i in range(0, wide, L):
            gather_transposed(offset(XY, i), wide, rows, n_orders, offset(A, (q * row + i) * L), L)


@inlined_by_numba
def same_rows(XY, wide, first_row, m, row, A):
    """[x y] of ``m`` rows that all lanes share."""
    L = lanes(A)
    for q in range(m):
        for i in range(row):
            store(A, (q * row + i) * L, at(XY, (first_row + q) * wide + i))


def block(m: int, v: int, *, ones: bool = False) -> Any:
    """A function for m by v vectors of C (+)= sum over k of A[i, k] B[k, j], in the order of k.

    ``bias`` adds B[K, j] at the end. With ``ones`` A is 1 everywhere, and not read. Distances count
    numbers, from one vector to the next: of A and C by row, of A and B by k, of B and C by column.
    """

    def typed(
        typing_context: Any,
        A: Any, a_row: Any, a_step: Any, B: Any, b_step: Any, b_column: Any, K: Any,
        C: Any, c_row: Any, c_column: Any, add: Any, bias: Any,
    ) -> Any:  # fmt: skip
        kind = vector_of(C.dtype)

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            A, a_row, a_step, B, b_step, b_column, K, C, c_row, c_column, add, bias = args

            def at_row(p: Any, step: Any, k: Any, distance: Any, i: int) -> Any:
                where = builder.add(builder.mul(step, k), builder.mul(distance, INT64(i)))
                return builder.gep(p, [where])

            zero = ir.Constant(kind.llvm, None)
            places = [[at_row(C, c_row, INT64(i), c_column, j) for j in range(v)] for i in range(m)]
            sums = [[cgutils.alloca_once(builder, kind.llvm) for _ in range(v)] for _ in range(m)]
            for i in range(m):
                for j in range(v):
                    old = load_at(builder, kind, places[i][j])
                    builder.store(builder.select(add, old, zero), sums[i][j])

            def grow(k: Any, term: Any) -> None:
                vectors = [
                    load_at(builder, kind, at_row(B, b_step, k, b_column, j)) for j in range(v)
                ]
                for i in range(m):
                    factor = term(i)
                    for j in range(v):
                        value, so_far = vectors[j], builder.load(sums[i][j])
                        if factor is None:
                            grown = builder.fadd(so_far, value)
                        else:
                            grown = fused(builder, factor, value, so_far)
                        builder.store(grown, sums[i][j])

            with cgutils.for_range(builder, K) as loop:
                k = loop.index
                grow(
                    k,
                    lambda i: (
                        None if ones else load_at(builder, kind, at_row(A, a_step, k, a_row, i))
                    ),
                )
            with builder.if_then(bias):
                grow(K, lambda i: None)
            for i in range(m):
                for j in range(v):
                    store_at(builder, kind, places[i][j], builder.load(sums[i][j]))
            return context.get_dummy_value()

        n = types.intp
        return types.void(A, n, n, B, n, n, n, C, n, n, types.boolean, types.boolean), code

    return intrinsic(typed)


# rows and columns of the blocks of ``sums`` and of ``outer``, by how many vectors registers hold
(ROWS, COLUMNS), (INPUTS, OUTPUTS) = {
    32: ((4, 2), (2, 4)),
    8: ((2, 2), (2, 2)),
    4: ((2, 1), (2, 1)),
}[vector_registers()]
sums_many, sums_column, block_1_1 = block(ROWS, COLUMNS), block(ROWS, 1), block(1, 1)
outer_many, outer_row = block(INPUTS, OUTPUTS), block(1, OUTPUTS)
ones_many, ones_1 = block(1, OUTPUTS, ones=True), block(1, 1, ones=True)


@kernel
def sums(W, step_in, step_out, n_in, n_out, bias, A, a_step, Z, m):
    """Z[r, o] = sum over i of A[r, i] W[i step_in + o step_out], plus W[n_in step_in + o step_out].

    In the order of i, for ``m`` rows; the last term with a ``bias`` only. Steps count
    vectors: ``a_step`` from one row of A to the next.
    """
    L, NO = lanes(A), np.bool_(False)
    a_row, z_row, w_step, w_column = a_step * L, n_out * L, step_in * L, step_out * L
    r = 0
    while r + ROWS <= m:
        a, z = offset(A, r * a_row), offset(Z, r * z_row)
        o = 0
        while o + COLUMNS <= n_out:
            sums_many(a, a_row, L, offset(W, o * w_column), w_step, w_column, n_in,
                      offset(z, o * L), z_row, L, NO, bias)  # fmt: skip
            o += COLUMNS
        while o < n_out:
            sums_column(a, a_row, L, offset(W, o * w_column), w_step, w_column, n_in,
                      offset(z, o * L), z_row, L, NO, bias)  # fmt: skip
            o += 1
        r += ROWS
    while r < m:
        for o in range(n_out):
            block_1_1(offset(A, r * a_row), a_row, L, offset(W, o * w_column), w_step, w_column,
                      n_in, offset(Z, r * z_row + o * L), z_row, L, NO, bias)  # fmt: skip
        r += 1


@kernel
def outer(A, a_step, D, n_in, n_out, m, G, add):
    """G[i, o] (+)= sum over r < m of A[r, i] D[r, o], in the order of r; A[r, n_in] is 1."""
    L, NO = lanes(A), np.bool_(False)
    a_row, d_row = a_step * L, n_out * L
    o = 0
    while o + OUTPUTS <= n_out:
        d, g, i = offset(D, o * L), offset(G, o * L), 0
        while i + INPUTS <= n_in:
            outer_many(offset(A, i * L), L, a_row, d, d_row, L, m, offset(g, i * d_row), d_row, L,
                      add, NO)  # fmt: skip
            i += INPUTS
        if i < n_in:
            outer_row(offset(A, i * L), L, a_row, d, d_row, L, m, offset(g, i * d_row), d_row, L,
                      add, NO)  # fmt: skip
        ones_many(A, L, a_row, d, d_row, L, m, offset(g, n_in * d_row), d_row, L, add, NO)
        o += OUTPUTS
    while o < n_out:
        d, g = offset(D, o * L), offset(G, o * L)
        for i in range(n_in):
            block_1_1(offset(A, i * L), L, a_row, d, d_row, L, m, offset(g, i * d_row), d_row, L,
                      add, NO)  # fmt: skip
        ones_1(A, L, a_row, d, d_row, L, m, offset(g, n_in * d_row), d_row, L, add, NO)
        o += 1


@kernel
def outer_by_row(A, a_step, D, n_in, n_out, m, P, add):
    """P[i, o, r] (+)= A[r, i] D[r, o]: the terms of each row apart, as in kernels.matmul.dots."""
    L = lanes(A)
    for r in range(m):
        a, d = offset(A, r * a_step * L), offset(D, r * n_out * L)
        for i in range(n_in + 1):
            for o in range(n_out):
                place = ((i * n_out + o) * L + r) * L
                e = load(d, o * L)
                term = load(a, i * L) * e if i < n_in else e
                if add:
                    old = load(P, place)
                    term = fma(load(a, i * L), e, old) if i < n_in else old + e
                store(P, place, term)


@kernel
def sum_of_rows(P, count, m, G):
    """G[j] = the sum of P[j, r] over all lanes' places r, by halves; those from m on are 0."""
    L = lanes(G)
    zero = fill(G, 0.0)
    for j in range(count):
        p, half = offset(P, j * L * L), L // 2
        while half >= 1:
            for r in range(min(half, m)):
                other = load(p, (r + half) * L) if r + half < m else zero
                store(p, r * L, load(p, r * L) + other)
            half //= 2
        store(G, j * L, load(p, 0))


@inlined_by_numba
def losses_and_deltas(code, Z, T, t_step, D, k, m, share, want_loss, lost):
    """D = dLoss/dZ of ``m`` rows, whose targets lie ``t_step`` vectors apart.

    Each lane's loss is added to the numbers at ``lost`` (float64); there is workspace behind them.
    """
    L = lanes(Z)
    for r in range(m):
        z, y, d = offset(Z, r * k * L), offset(T, r * t_step * L), offset(D, r * k * L)
        if code == CROSS_ENTROPY:
            row = cross_entropy(z, y, d, k, L, 0, share, want_loss)
        else:
            row = fill(Z, 0.0)
            for o in range(0, k * L, L):
                store(d, o, delta(code, load(z, o), load(y, o)) * share)
                if want_loss:
                    row = row + loss(code, load(z, o), load(y, o))
        if want_loss:
            store_wide(offset(lost, (1 + r) * L), row * share)
    if want_loss:
        total_by_halves(offset(lost, L), m, Z)
        for lane in range(L):
            put(lost, lane, at(lost, lane) + at(lost, L + lane))


@kernel
def total_by_halves(p, m, Z):
    """Add up ``m`` vectors of float64, up to as many as Z has lanes, onto the first."""
    L = lanes(Z)
    half = L // 2
    while half >= 1:
        for r in range(min(half, m)):
            if r + half < m:
                sum_ = load_wide(offset(p, r * L), Z) + load_wide(offset(p, (r + half) * L), Z)
                store_wide(offset(p, r * L), sum_)
        half //= 2


@kernel
def penalise(theta, G, is_weight, size, l2, l1, lost, want_loss):
    """G <- G plus the penalty's slope; each lane's penalty is added to ``lost``.

    In the order of kernels.optimizers.sum_of_parts, which adds up a vector of parameters at once.
    """
    L, half = lanes(G), 0.5 * l2
    cost, squares, sizes = offset(lost, L), offset(lost, 2 * L), offset(lost, (2 + L) * L)
    for lane in range(L):
        put(cost, lane, 0.0)
    for begin in range(0, size, L * L):
        m = min(L, (size - begin) // L)
        for r in range(m):
            i = begin + r * L
            w = load(theta, i) * load(is_weight, i)
            sign = select(w > 0.0, w * 0.0 + 1.0, select(w < 0.0, w * 0.0 - 1.0, w))
            store(G, i, load(G, i) + (w * l2 + sign * l1))
            if want_loss:
                store_wide(offset(squares, r * L), w * w)
                store_wide(offset(sizes, r * L), w * sign)
        if want_loss:
            total_by_halves(squares, m, G)
            total_by_halves(sizes, m, G)
            for lane in range(L):
                more = half * at(squares, lane) + l1 * at(sizes, lane)
                put(cost, lane, at(cost, lane) + more)
    if want_loss:
        for lane in range(L):
            put(lost, lane, at(lost, lane) + at(cost, lane))


@inlined_by_numba
def gradient(call, G, first_row, n, share, lost, fresh):
    """The gradient of ``n`` rows, up to a part; ``fresh`` rows are not in the workspace yet."""
    theta, workspace, plan, n_layers = call.theta, call.workspace, call.plan, call.n_layers
    L, want_loss = lanes(theta), call.want_loss != 0
    last = offset(plan, (n_layers - 1) * FIELDS)
    k = at(last, N_OUT)
    A0, row = offset(workspace, at(plan, BELOW)), at(plan, N_IN) + k
    T = offset(A0, at(plan, N_IN) * L)
    for begin in range(0, n, L):
        m = min(L, n - begin)
        if fresh:
            if is_given(call.orders):
                take_rows(call.XY, call.n_columns, call.orders, call.n_order, first_row + begin, m,
                          row, A0)  # fmt: skip
            else:
                same_rows(call.XY, call.n_columns, first_row + begin, m, row, A0)
        for l in range(n_layers):
            now = offset(plan, l * FIELDS)
            n_in, n_out = at(now, N_IN), at(now, N_OUT)
            above = offset(workspace, at(now, ABOVE))
            sums(offset(theta, at(now, START)), n_out, 1, n_in, n_out, True,
                 offset(workspace, at(now, BELOW)), row if l == 0 else n_in, above, m)  # fmt: skip
            if l < n_layers - 1:
                activate(at(now, CODE), above, offset(workspace, at(now, SLOPES)),
                         needs_z(at(now, CODE)), m * n_out * L)  # fmt: skip
        losses_and_deltas(call.loss, offset(workspace, at(last, ABOVE)), T, row,
                          offset(workspace, at(last, DELTA)), k, m, share, want_loss,
                          lost)  # fmt: skip
        for l in range(n_layers - 1, -1, -1):
            now = offset(plan, l * FIELDS)
            n_in, n_out = at(now, N_IN), at(now, N_OUT)
            A, D = offset(workspace, at(now, BELOW)), offset(workspace, at(now, DELTA))
            if 2 * n_out < L:
                P = offset(workspace, at(now, PARTIAL))
                outer_by_row(A, row if l == 0 else n_in, D, n_in, n_out, m, P, begin > 0)
            else:
                outer(A, row if l == 0 else n_in, D, n_in, n_out, m, offset(G, at(now, START)),
                      begin > 0)  # fmt: skip
            if l > 0:
                before = offset(plan, (l - 1) * FIELDS)
                below = offset(workspace, at(before, DELTA))
                sums(
                    offset(theta, at(now, START)), 1, n_out, n_out, n_in, False, D, n_out, below, m
                )
                kept = needs_z(at(before, CODE))
                times_slope(at(before, CODE), A, offset(workspace, at(before, SLOPES)), kept, below,
                            m * n_in * L)  # fmt: skip
    for l in range(n_layers):
        now = offset(plan, l * FIELDS)
        n_in, n_out = at(now, N_IN), at(now, N_OUT)
        if 2 * n_out < L:
            sum_of_rows(offset(workspace, at(now, PARTIAL)), (n_in + 1) * n_out, min(n, L),
                        offset(G, at(now, START)))  # fmt: skip


def interleave(call):
    """Passes over the rows with a network in each lane; losses go to ``results``."""
    theta, G, size, lost, out = call.theta, call.gradient, call.size, call.losses, call.results
    n_rows, batch_size, want_loss = call.n_rows, call.batch_size, call.want_loss != 0
    L = lanes(theta)
    lost_part = offset(lost, (3 + 2 * L) * L)
    shared, penalised = not is_given(call.orders), call.l2 > 0 or call.l1 > 0
    resident = shared and n_rows <= L
    rate = load_wide(call.rates, theta)
    done = 0
    for epoch in range(call.epochs):
        for lane in range(L):
            put(out, lane, 0.0)
        for begin in range(0, n_rows, batch_size):
            n = min(batch_size, n_rows - begin)
            share = fill(theta, at(call.shares, n))
            for lane in range(L):
                put(lost, lane, 0.0)
            for part in range(0, n, MIN_ROWS):
                g = G if part == 0 else offset(G, size)
                for lane in range(L):
                    put(lost_part, lane, 0.0)
                first_row = begin + part if shared else epoch * n_rows + begin + part
                gradient(call, g, first_row, min(MIN_ROWS, n - part), share, lost_part,
                         not resident or epoch == 0)  # fmt: skip
                if part > 0:
                    add_part(G, g, size)
                for lane in range(L):
                    put(lost, lane, at(lost, lane) + at(lost_part, lane))
            if penalised:
                penalise(theta, G, call.is_weight, size, call.l2, call.l1, lost, want_loss)
            done += 1
            update(call.optimizer, theta, G, call.first, call.second, call.is_weight, 0, size, rate,
                   call.step + done, call.hyperparameters)  # fmt: skip
            if want_loss:
                for lane in range(L):
                    now = at(lost, lane)
                    put(out, lane, at(out, lane) + n * now)
                    if now - now != 0.0:  # infinite or NaN
                        put(out, L + lane, 1.0)
    return 0
