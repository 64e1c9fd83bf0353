"""BLAS on one thread while a network is fitted, or predicts many rows."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


@cache
def blas() -> ThreadpoolController:
    """The BLAS libraries of this process, looked up once; scikit-learn has loaded them all."""
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: NumPy's and SciPy's pools of threads wait for each other.

    On two cores L-BFGS takes three times as long with them (digits, 64-100-10). It also keeps the
    bits the same whatever the number of cores.
    """
    limit: AbstractContextManager[Any] = blas().limit(limits=1, user_api="blas")
    return limit
