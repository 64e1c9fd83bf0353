"""The first layer for rows that are kept compactly: rows of tables are added up.

:mod:`fallline.core.compact` has the equations. The tables T follow from the weights of the first
layer, so they are made anew before each step (``make_tables``); the gradient with respect to them
is collected row by row of the samples (``add_gradient``), and brought back to the weights by the
chain rule (``to_weights``): of bins with centers m

    dW_j = dT_(j+1) + ... + dT_k - m_j (dT_0 + ... + dT_k)

A sample costs two rows of a table a column, however many bins that has (magic04, 490 features of
10 columns, 128-128: see benchmarks/RESULTS.md). Numbers that are no lookups go through a matrix
product, with a last column of ones for the bias. The layer has whole vectors of outputs.

``call.lookup_space`` holds, in rows of ``n_out`` numbers: the tables, the weights of the numbers,
the bias; the gradient of all these; Z of a block, sample by sample; and the numbers of a block. A
prediction of single rows (``first_of_row``) needs the first three, and makes them once.
"""

from fallline.engine.config import inlined_by_numba, kernel
from fallline.engine.kernels.matmul import product, transposed_copy
from fallline.engine.kernels.vectors import (
    at,
    fill,
    fma,
    lanes,
    load,
    number,
    offset,
    put,
    store,
)
from fallline.engine.layout import LAYERS_BEGIN, N_OUT, ROW

GROUP = 4  # vectors of a sample's sums that stay in registers


@inlined_by_numba
def n_rows_of(call):
    """Rows of the tables, the numbers' weights and the bias."""
    return call.n_table_rows + call.n_numbers + 1


@inlined_by_numba
def sums_of(call, plan):
    """Z of a block, a sample after the other."""
    return offset(call.lookup_space, 2 * n_rows_of(call) * at(plan, LAYERS_BEGIN + N_OUT))


@inlined_by_numba
def numbers_of(call, plan):
    """The numbers of a block, and a 1, a sample after the other."""
    return offset(sums_of(call, plan), at(plan, ROW) * at(plan, LAYERS_BEGIN + N_OUT))


@kernel
def make_tables(call, W, n_out):
    """The tables that follow from W over b (n_inputs + 1, n_out)."""
    T, L = call.lookup_space, lanes(W)
    for c in range(call.n_lookups):
        first, count = at(call.columns, 3 * c), at(call.columns, 3 * c + 1)
        w, t = offset(W, first * n_out), offset(T, at(call.columns, 3 * c + 2) * n_out)
        if c >= call.n_fractions:
            copy(w, t, count * n_out)
            clear(offset(t, count * n_out), n_out)
            continue
        for i in range(0, n_out, L):
            total = fill(W, 0.0)
            for j in range(count):
                total = fma(load(w, j * n_out + i), number(W, -at(call.centers, first + j)), total)
            store(t, i, total)
            for j in range(count):
                total = total + load(w, j * n_out + i)
                store(t, (j + 1) * n_out + i, total)
        clear(offset(t, (count + 1) * n_out), 2 * n_out)
    for k in range(call.n_numbers + 1):
        w = offset(W, at(call.number_features, k) * n_out)
        copy(w, offset(T, (call.n_table_rows + k) * n_out), n_out)


@kernel
def copy(source, target, count):
    """target <- source, whole vectors."""
    for i in range(0, count, lanes(source)):
        store(target, i, load(source, i))


@kernel
def clear(target, count):
    """target <- 0, whole vectors."""
    for i in range(0, count, lanes(target)):
        store(target, i, fill(target, 0.0))


@inlined_by_numba
def take_numbers(call, order, n, plan):
    """The numbers of the first ``n`` samples of ``order``, each with a 1 behind them."""
    k = call.n_numbers
    numbers = numbers_of(call, plan)
    for i in range(n):
        x, target = offset(call.X, at(order, i) * k), offset(numbers, i * (k + 1))
        for j in range(k):
            put(target, j, at(x, j))
        put(target, k, 1.0)


@kernel
def add_row(call, sample, z, n_out):
    """z <- the sum of the rows of the tables that a sample looks up."""
    T, n_lookups, n_fractions = call.lookup_space, call.n_lookups, call.n_fractions
    rows = offset(call.lookups, sample * n_lookups)
    fractions = offset(call.fractions, sample * n_fractions)
    L = lanes(z)
    v = 0
    while v + GROUP * L <= n_out:
        a = fill(T, 0.0)
        b, c, d = a, a, a
        for j in range(n_fractions):
            t, f = offset(T, at(rows, j) * n_out + v), at(fractions, j)
            g, u = number(T, 1.0 - f), offset(t, n_out)
            a = fma(load(u, 0), f, fma(load(t, 0), g, a))
            b = fma(load(u, L), f, fma(load(t, L), g, b))
            c = fma(load(u, 2 * L), f, fma(load(t, 2 * L), g, c))
            d = fma(load(u, 3 * L), f, fma(load(t, 3 * L), g, d))
        for j in range(n_fractions, n_lookups):
            t = offset(T, at(rows, j) * n_out + v)
            a, b = a + load(t, 0), b + load(t, L)
            c, d = c + load(t, 2 * L), d + load(t, 3 * L)
        store(z, v, a)
        store(z, v + L, b)
        store(z, v + 2 * L, c)
        store(z, v + 3 * L, d)
        v += GROUP * L
    while v < n_out:
        a = fill(T, 0.0)
        for j in range(n_fractions):
            t, f = offset(T, at(rows, j) * n_out + v), at(fractions, j)
            a = fma(load(t, n_out), f, fma(load(t, 0), number(T, 1.0 - f), a))
        for j in range(n_fractions, n_lookups):
            a = a + load(T, at(rows, j) * n_out + v)
        store(z, v, a)
        v += L


@inlined_by_numba
def first_layer(call, order, n, R, above, plan):
    """Z of the first layer (n_out, row) into ``above``, for ``R`` samples of which ``n`` count."""
    n_out, k = at(plan, LAYERS_BEGIN + N_OUT), call.n_numbers + 1
    Z, weights = sums_of(call, plan), offset(call.lookup_space, call.n_table_rows * n_out)
    for i in range(n):
        add_row(call, at(order, i), offset(Z, i * n_out), n_out)
    product(numbers_of(call, plan), k, 1, weights, n_out, k, Z, n_out, n, n_out, True)
    transposed_copy(Z, R, n_out, n_out, above, at(plan, ROW))


@inlined_by_numba
def first_of_row(call, row, A, Z, n_out):
    """Z (n_out,) of the first layer of one row, whose numbers are A: as ``first_layer`` adds up."""
    k = call.n_numbers
    put(A, k, 1.0)
    add_row(call, row, Z, n_out)
    weights = offset(call.lookup_space, call.n_table_rows * n_out)
    product(A, k + 1, 1, weights, n_out, k + 1, Z, n_out, 1, n_out, True)


@kernel
def scatter(call, order, n, D, G, n_out):
    """Add each sample's delta D[i] to the rows of G that it looked up."""
    n_lookups, n_fractions, L = call.n_lookups, call.n_fractions, lanes(D)
    for i in range(n):
        sample = at(order, i)
        rows = offset(call.lookups, sample * n_lookups)
        fractions = offset(call.fractions, sample * n_fractions)
        d = offset(D, i * n_out)
        for j in range(n_fractions):
            t, f = offset(G, at(rows, j) * n_out), at(fractions, j)
            u, g = offset(t, n_out), number(G, 1.0 - f)
            for v in range(0, n_out, L):
                delta = load(d, v)
                store(t, v, fma(delta, g, load(t, v)))
                store(u, v, fma(delta, f, load(u, v)))
        for j in range(n_fractions, n_lookups):
            t = offset(G, at(rows, j) * n_out)
            for v in range(0, n_out, L):
                store(t, v, load(t, v) + load(d, v))


@inlined_by_numba
def add_gradient(call, order, n, D, plan):
    """The part of a block's samples in the gradient of the tables; D (n, n_out) is their delta."""
    n_out, k = at(plan, LAYERS_BEGIN + N_OUT), call.n_numbers + 1
    G = offset(call.lookup_space, n_rows_of(call) * n_out)
    scatter(call, order, n, D, G, n_out)
    numbers = numbers_of(call, plan)
    product(numbers, 1, k, D, n_out, n, offset(G, call.n_table_rows * n_out), n_out, k, n_out, True)


@inlined_by_numba
def clear_gradient(call, plan):
    """The gradient of the tables <- 0."""
    length = n_rows_of(call) * at(plan, LAYERS_BEGIN + N_OUT)
    clear(offset(call.lookup_space, length), length)


@kernel
def write(target, i, x, add):
    """target[i] (+)= x."""
    store(target, i, x + load(target, i) if add else x)


@kernel
def to_weights(call, dW, add):
    """dW (+)= the gradient of W over b, from that of the tables."""
    plan = call.plan
    L, n_out = lanes(dW), at(plan, LAYERS_BEGIN + N_OUT)
    G = offset(call.lookup_space, n_rows_of(call) * n_out)
    for c in range(call.n_lookups):
        first, count = at(call.columns, 3 * c), at(call.columns, 3 * c + 1)
        w, t = offset(dW, first * n_out), offset(G, at(call.columns, 3 * c + 2) * n_out)
        for i in range(0, n_out, L):
            if c >= call.n_fractions:
                for j in range(count):
                    write(w, j * n_out + i, load(t, j * n_out + i), add)
                continue
            total = load(t, i)
            for j in range(1, count + 1):
                total = total + load(t, j * n_out + i)
            above = fill(dW, 0.0)
            for j in range(count - 1, -1, -1):
                above = above + load(t, (j + 1) * n_out + i)
                center = number(dW, -at(call.centers, first + j))
                write(w, j * n_out + i, fma(total, center, above), add)
    for k in range(call.n_numbers + 1):
        feature = at(call.number_features, k)
        w, t = offset(dW, feature * n_out), offset(G, (call.n_table_rows + k) * n_out)
        for i in range(0, n_out, L):
            write(w, i, load(t, i), add)
