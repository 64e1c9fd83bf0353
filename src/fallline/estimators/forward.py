"""The forward pass on the current ``coefs_`` and ``intercepts_``."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.blas import one_blas_thread
from fallline.core.activations import OUTPUTS
from fallline.core.activations import get as activation

__all__ = ["ROWS_AT_ONCE", "by_pieces", "is_plain", "one_piece", "values"]

ROWS_AT_ONCE = 2048  # the activations of this many rows stay in the processor's cache


def is_plain(X: Any, dtype: np.dtype, n_features: int) -> bool:
    """Whether X is one array that needs no conversion: right dtype, shape, all finite.

    The sum of squares shows in one product that all are finite; if it overflows, X is checked
    elsewhere.
    """
    return (
        type(X) is np.ndarray
        and X.dtype == dtype
        and X.ndim == 2
        and X.shape[1] == n_features
        and len(X) > 0
        and isfinite(np.vdot(X, X))
    )


def values(hidden: Sequence[str], output: str) -> list[Callable[..., Array]]:
    """The function of every layer; each overwrites its argument."""
    last = softmax if output == "softmax" else OUTPUTS[output]
    return [*(activation(name).value for name in hidden), last]


def softmax(Z: Array, out: Array) -> Array:
    """e^(z_k - max z) / sum, along each row; the core's is more exact and slower."""
    np.subtract(Z, Z.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)
    return out


def one_piece(
    X: Any, coefs: list[Array], intercepts: list[Array], functions: list[Callable[..., Array]]
) -> Array:
    """The last layer's activation (n_samples, n_outputs); X may be sparse."""
    A = X
    for W, b, function in zip(coefs, intercepts, functions, strict=True):
        A = A @ W
        A += b
        function(A, A)
    return A  # type: ignore[no-any-return]


def by_pieces(
    X: Any,
    coefs: list[Array],
    intercepts: list[Array],
    functions: list[Callable[..., Array]],
    threads: int,
) -> Array:
    """The same for many rows, in pieces that ``threads`` share."""

    def piece(start: int) -> Array:
        return one_piece(X[start : start + ROWS_AT_ONCE], coefs, intercepts, functions)

    starts = range(0, X.shape[0], ROWS_AT_ONCE)
    with one_blas_thread():
        if threads == 1:
            return np.concatenate([piece(start) for start in starts])
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(piece, starts)))
