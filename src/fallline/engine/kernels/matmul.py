"""Matrix products in registers: blocks of the result are summed up whole and written once.

A block of m rows and v vectors takes m v registers; each round of its inner loop reads v vectors
and m single numbers and does m v fused multiplications and additions. With AVX-512, 8 rows by 2
vectors reach 114 GFLOP/s in float32 on a core whose limit is about 118, where OpenBLAS reaches 98,
and without a call: so the same code serves a 3-2-1 network.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fallline.engine.config import inlined_by_llvm, inlined_by_numba, intrinsic, kernel
from fallline.engine.kernels.vectors import (
    as_vector,
    at,
    fetch_at,
    fma,
    fused,
    lanes,
    load,
    load_at,
    offset,
    store,
    store_at,
    sum_of_lanes,
    transpose,
    vector_of,
)
from fallline.engine.processor import vector_registers

__all__ = ["dots", "multiply", "outer", "product", "transposed_copy"]

INT64 = ir.IntType(64)
# rows and vectors of the blocks, by how many vectors of 64 bytes the registers hold: blocks that do
# not fit are spilled to memory in each round (100,000 x 20 on AVX2: 43 ms an epoch instead of 64)
STRIPS, DOTS = {
    32: (((8, 2), (4, 4), (2, 4), (1, 4)), 8),
    8: (((6, 1), (4, 1), (2, 2), (1, 4)), 4),
    4: (((2, 1), (1, 2)), 2),
}[vector_registers()]
# rounds that W is fetched ahead: where it is transposed, each is in another line of the cache, and
# that may be in another core's (784-256-128-10: 8 % less time)
AHEAD = 24


def block(m: int, v: int) -> Any:
    """A function for m rows and v vectors of C (+)= W B; see ``product`` for the arguments.

    Of a single vector only the first ``count`` numbers belong to C.
    """

    def typed(
        typing_context: Any,
        W: Any, w_row: Any, w_step: Any, B: Any, b_step: Any, K: Any, C: Any, c_row: Any,
        count: Any, add: Any,
    ) -> Any:  # fmt: skip
        kind = vector_of(C.dtype)
        integer = types.intp

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            W, w_row, w_step, B, b_step, K, C, c_row, count, add = args
            zero = ir.Constant(kind.llvm, None)
            sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(v)] for _ in range(m)]
            for row in sums:
                for place in row:
                    builder.store(zero, place)
            with cgutils.for_range(builder, K) as loop:
                b = builder.gep(B, [builder.mul(loop.index, b_step)])
                vectors = [
                    load_at(builder, kind, builder.gep(b, [INT64(j * kind.lanes)]))
                    for j in range(v)
                ]
                if m >= 4:
                    ahead = builder.mul(builder.add(loop.index, INT64(AHEAD)), w_step)
                    fetch_at(builder, builder.gep(W, [ahead]))
                for i in range(m):
                    where = builder.add(
                        builder.mul(loop.index, w_step), builder.mul(w_row, INT64(i))
                    )
                    number = builder.load(builder.gep(W, [where]))
                    factor = as_vector(context, builder, number, kind.dtype, kind)
                    for j in range(v):
                        grown = fused(builder, factor, vectors[j], builder.load(sums[i][j]))
                        builder.store(grown, sums[i][j])
            places = [
                builder.gep(C, [builder.add(builder.mul(c_row, INT64(i)), INT64(j * kind.lanes))])
                for i in range(m)
                for j in range(v)
            ]
            values = [builder.load(place) for row in sums for place in row]
            with builder.if_else(add) as (then, otherwise):
                for branch, adds in ((then, True), (otherwise, False)):
                    with branch:
                        for place, value in zip(places, values, strict=True):
                            write(builder, kind, place, value, adds, count if v == 1 else None)
            return context.get_dummy_value()

        arguments = (
            W, integer, integer, B, integer, integer, C, integer, integer, types.boolean
        )  # fmt: skip
        return types.void(*arguments), code

    return intrinsic(typed)


def write(builder: Any, kind: Any, place: Any, value: Any, adds: bool, count: Any) -> None:
    """Write a vector of sums, or its first ``count`` numbers, or add them to what is there."""

    def whole() -> None:
        old = [load_at(builder, kind, place)] if adds else []
        store_at(builder, kind, place, builder.fadd(old[0], value) if adds else value)

    if count is None:
        whole()
        return
    full = builder.icmp_signed(">=", count, INT64(kind.lanes))
    with builder.if_else(full) as (then, otherwise):
        with then:
            whole()
        with otherwise:
            spare = cgutils.alloca_once(builder, kind.llvm)
            builder.store(value, spare)
            numbers = builder.bitcast(spare, place.type)
            with cgutils.for_range(builder, count) as loop:
                number = builder.load(builder.gep(numbers, [loop.index]))
                target = builder.gep(place, [loop.index])
                builder.store(
                    builder.fadd(builder.load(target), number) if adds else number, target
                )


block_1_1 = block(1, 1)


def strip(m: int, v: int) -> Any:
    """A function for ``m`` rows of ``product``, or as many times ``m`` as ``rows`` says.

    It goes in blocks of ``v`` vectors, and of one vector at the end.
    """
    wide, narrow = block(m, v), block(m, 1)

    @inlined_by_numba
    def rows_by_m(W, w_row, w_step, B, b_step, K, C, c_row, rows, N, add):
        L = lanes(C)
        n = 0
        while n + v * L <= N:
            b = offset(B, n)
            for i in range(0, rows, m):
                wide(offset(W, i * w_row), w_row, w_step, b, b_step, K,
                     offset(C, i * c_row + n), c_row, L, add)  # fmt: skip
            n += v * L
        while n < N:
            b = offset(B, n)
            for i in range(0, rows, m):
                narrow(offset(W, i * w_row), w_row, w_step, b, b_step, K,
                       offset(C, i * c_row + n), c_row, N - n, add)  # fmt: skip
            n += L

    return rows_by_m


def rows_of(strips: tuple[tuple[int, int], ...]) -> Any:
    """A function for all rows of ``product``: as many as fit the first strip, then the others."""
    (m, v), *others = strips
    first = strip(m, v)
    if not others:
        return first
    rest = rows_of(tuple(others))

    @inlined_by_numba
    def rows_by_strips(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add):
        done = M - M % m
        if done > 0:
            first(W, w_row, w_step, B, b_step, K, C, c_row, done, N, add)
        if done < M:
            rest(offset(W, done * w_row), w_row, w_step, B, b_step, K, offset(C, done * c_row),
                 c_row, M - done, N, add)  # fmt: skip

    return rows_by_strips


rows_by_strips = rows_of(STRIPS)


@kernel
def product(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add):
    """C[m, n] (+)= sum over k of W[m w_row + k w_step] B[k b_step + n], for m < M, n < N.

    Addresses of numbers, distances in numbers; ``add`` adds to C instead of writing over it. The
    sum runs over k in order. B is read in whole vectors, so its rows have to be that long.
    """
    rows_by_strips(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add)


@inlined_by_numba
def multiply(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add):
    """``product``, without its call for up to three vectors (3-2-1: 2.5 ms instead of 4)."""
    if M < 4 and lanes(C) >= N:
        for m in range(M):
            block_1_1(offset(W, m * w_row), w_row, w_step, B, b_step, K,
                      offset(C, m * c_row), c_row, N, add)  # fmt: skip
    else:
        product(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add)


@inlined_by_llvm
def outer(W, D, C, c_row, M, R):
    """C[m, r] = W[m] D[r], for m < M and r < R: ``product`` where the sum has a single term."""
    for m in range(M):
        for r in range(0, R, lanes(C)):
            store(C, m * c_row + r, fma(load(D, r), at(W, m), 0.0))


def dots_of(m: int) -> Any:
    """A function for m rows of A and one of D; see ``dots`` for the arguments."""

    def typed(
        typing_context: Any, A: Any, row: Any, D: Any, R: Any, C: Any, c_row: Any, add: Any
    ) -> Any:
        kind = vector_of(C.dtype)
        integer = types.intp

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            A, row, D, R, C, c_row, add = args
            zero = ir.Constant(kind.llvm, None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in range(m)]
            for place in sums:
                builder.store(zero, place)
            vectors = builder.sdiv(R, INT64(kind.lanes))
            with cgutils.for_range(builder, vectors) as loop:
                r = builder.mul(loop.index, INT64(kind.lanes))
                d = load_at(builder, kind, builder.gep(D, [r]))
                for i in range(m):
                    where = builder.add(builder.mul(row, INT64(i)), r)
                    a = load_at(builder, kind, builder.gep(A, [where]))
                    builder.store(fused(builder, a, d, builder.load(sums[i])), sums[i])
            for i in range(m):
                place = builder.gep(C, [builder.mul(c_row, INT64(i))])
                result = sum_of_lanes(builder, builder.load(sums[i]), kind.lanes)
                old = builder.select(add, builder.load(place), ir.Constant(result.type, 0.0))
                builder.store(builder.fadd(old, result), place)
            return context.get_dummy_value()

        return types.void(A, integer, D, integer, C, integer, types.boolean), code

    return intrinsic(typed)


dots_many, dots_1 = dots_of(DOTS), dots_of(1)


@inlined_by_llvm
def dots(A, D, row, R, C, M, N, add):
    """C[m, n] (+)= sum over r < R of A[m row + r] D[n row + r], R a multiple of a vector's length.

    For few rows in D: whole vectors are multiplied, and their lanes added up at the end.
    """
    for n in range(N):
        d = offset(D, n * row)
        m = 0
        if M <= 4 and lanes(A) == R:
            for m in range(M):
                dots_1(offset(A, m * row), row, d, R, offset(C, m * N + n), N, add)
            continue
        while m + DOTS <= M:
            dots_many(offset(A, m * row), row, d, R, offset(C, m * N + n), N, add)
            m += DOTS
        while m < M:
            dots_1(offset(A, m * row), row, d, R, offset(C, m * N + n), N, add)
            m += 1


@kernel
def transposed_copy(source, rows, columns, row, target, target_row):
    """target[j, i] = source[i, j], for whole vectors of rows and of columns."""
    L = lanes(source)
    for i in range(0, rows, L):
        for j in range(0, columns, L):
            transpose(
                offset(source, i * row + j), row, offset(target, j * target_row + i), target_row
            )
