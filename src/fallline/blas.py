"""BLAS on one thread: while L-BFGS or an estimator's reference runs, or many rows are predicted."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

__all__ = ["one_blas_thread"]


@cache
def blas() -> Any:
    """NumPy's and SciPy's BLAS, looked up once."""
    import scipy.linalg  # noqa: F401  loads SciPy's
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Limit BLAS to one thread, because the thread pools of NumPy and SciPy wait for each other.

    With more threads L-BFGS takes three times as long on two cores (digits, 64-100-10), and the
    bits would depend on the number of cores.
    """
    limit: AbstractContextManager[Any] = blas().limit(limits=1, user_api="blas")
    return limit
