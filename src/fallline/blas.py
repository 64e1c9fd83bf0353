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
    """Hold BLAS to one thread: NumPy's and SciPy's pools of threads wait for each other.

    On two cores L-BFGS takes three times as long with them (digits, 64-100-10). It also keeps the
    bits the same whatever the number of cores.
    """
    limit: AbstractContextManager[Any] = blas().limit(limits=1, user_api="blas")
    return limit
