"""The engine's vectors and tiles against NumPy."""

import numpy as np
import pytest
from numba import njit

from fallline.engine.kernels.matmul import dots, product, transposed_copy
from fallline.engine.kernels.vectors import (
    absolute,
    address,
    as_float,
    as_integer,
    fill,
    load,
    select,
    square_root,
    store,
    total,
    wide_total,
)

DTYPES = ["float64", "float32"]
LANES = {"float64": 8, "float32": 16}


@njit
def every_operation(x, y, out):
    p, q, to = address(x), address(y), address(out)
    a, b = load(p, 0), load(q, 0)
    n = len(x)
    store(to, 0, a + b * 2.0)
    store(to, n, (1.0 - a) / b)
    store(to, 2 * n, select(a > b, a, 0.5))
    store(to, 3 * n, -square_root(absolute(a)))
    store(to, 4 * n, as_float(as_integer(a)))
    store(to, 5 * n, fill(p, 3.0))
    store(to, 6 * n, select(a <= 0.0, b, a))
    return total(a), wide_total(b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_operations(dtype: str, rng: np.random.Generator) -> None:
    n = LANES[dtype]
    x, y = rng.normal(size=(2, n)).astype(dtype)
    out = np.empty((7, n), dtype)
    sums = every_operation(x, y, out.ravel())
    expected = [
        x + 2 * y,
        (1 - x) / y,
        np.where(x > y, x, 0.5),
        -np.sqrt(abs(x)),
        x,
        np.full(n, 3.0),
        np.where(x <= 0, y, x),
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-6 if dtype == "float32" else 1e-15)
    np.testing.assert_allclose(sums, (x.sum(), y.sum(dtype="float64")), rtol=1e-5)


@njit
def run_product(W, w_row, w_step, B, b_step, K, C, c_row, M, N, add):
    product(address(W), w_row, w_step, address(B), b_step, K, address(C), c_row, M, N, add)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_every_shape(dtype: str, rng: np.random.Generator) -> None:
    n, close = LANES[dtype], {"rtol": 1e-4, "atol": 1e-4}
    for M in (1, 2, 3, 4, 7, 8, 9, 21):
        for N in (1, 5, n, 2 * n + 3, 8 * n, 8 * n + 1):
            for K in (1, 3, 17):
                wide = -(-N // n) * n
                W, B = rng.normal(size=(M, K)).astype(dtype), rng.normal(size=(K, wide))
                B = B.astype(dtype)
                C = np.full(M * N + 3, 7, dtype)
                run_product(W.ravel(), K, 1, B.ravel(), wide, K, C, N, M, N, False)
                np.testing.assert_allclose(C[:-3].reshape(M, N), W @ B[:, :N], **close)
                transposed = np.ascontiguousarray(W.T).ravel()
                run_product(transposed, 1, M, B.ravel(), wide, K, C, N, M, N, True)
                np.testing.assert_allclose(C[:-3].reshape(M, N), 2 * W @ B[:, :N], **close)
                np.testing.assert_array_equal(C[-3:], 7)


@njit
def run_dots(A, D, row, R, C, M, N, add):
    dots(address(A), address(D), row, R, address(C), M, N, add)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dots(dtype: str, rng: np.random.Generator) -> None:
    n = LANES[dtype]
    for M in (1, 5, 13):
        for N in (1, 3):
            A, D = rng.normal(size=(M, 3 * n)), rng.normal(size=(N, 3 * n))
            A, D, C = A.astype(dtype), D.astype(dtype), np.ones((M, N), dtype)
            run_dots(A.ravel(), D.ravel(), 3 * n, 2 * n, C.ravel(), M, N, True)
            expected = 1 + A[:, : 2 * n] @ D[:, : 2 * n].T
            np.testing.assert_allclose(C, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposed_copy(dtype: str, rng: np.random.Generator) -> None:
    n = LANES[dtype]

    @njit
    def run(S, rows, columns, T):
        transposed_copy(address(S), rows, columns, columns, address(T), rows)

    S = rng.normal(size=(2 * n, 3 * n)).astype(dtype)
    T = np.empty((3 * n, 2 * n), dtype)
    run(S.ravel(), 2 * n, 3 * n, T.ravel())
    np.testing.assert_array_equal(T, S.T)
