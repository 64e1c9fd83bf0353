"""Matrix products of one layer: plain loops where they are small, BLAS where they are large.

A call of BLAS costs about as much as a few hundred multiplications, so small products are written
out; the loops run along the last index, which the compiler turns into vector code.
"""

import numpy as np

from fallline.engine.config import kernel

SMALL = 4096  # multiplications


@kernel
def affine(A, W, b, Z):
    """Z = A @ W + b. A (n, n_in), W (n_in, n_out), b (n_out,), Z (n, n_out)."""
    n, n_in = A.shape
    n_out = W.shape[1]
    if n * n_in * n_out > SMALL:
        np.dot(A, W, Z)
        for i in range(n):
            row = Z[i]
            for j in range(n_out):
                row[j] += b[j]
        return
    for i in range(n):
        row, a = Z[i], A[i]
        for j in range(n_out):
            row[j] = b[j]
        for k in range(n_in):
            a_k, w = a[k], W[k]
            for j in range(n_out):
                row[j] += a_k * w[j]


@kernel
def weight_gradient(A, delta, dW, db):
    """dW = A^T @ delta, db = the sum of delta's rows."""
    n, n_in = A.shape
    n_out = delta.shape[1]
    db[:] = 0
    for i in range(n):
        d = delta[i]
        for j in range(n_out):
            db[j] += d[j]
    if n * n_in * n_out > SMALL:
        np.dot(A.T, delta, dW)
        return
    for k in range(n_in):
        dW[k, :] = 0
    for i in range(n):
        a, d = A[i], delta[i]
        for k in range(n_in):
            a_k, w = a[k], dW[k]
            for j in range(n_out):
                w[j] += a_k * d[j]


@kernel
def back_through(delta, W, below):
    """below = delta @ W^T."""
    n, n_out = delta.shape
    n_in = W.shape[0]
    if n * n_in * n_out > SMALL:
        np.dot(delta, W.T, below)
        return
    for i in range(n):
        d, row = delta[i], below[i]
        for k in range(n_in):
            w = W[k]
            total = d[0] * w[0]
            for j in range(1, n_out):
                total += d[j] * w[j]
            row[k] = total
