"""The compiled functions by name: each takes the address of a record (engine.records)."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from fallline.engine.config import compiled, drop_stale

__all__ = ["Function", "function", "loaded"]

Function = Callable[[int], int]

made: dict[tuple[Any, ...], Function] = {}


def function(name: str, dtype: Any, *shape: Any) -> Function:
    """The function of that name for one dtype; ``descend`` is made for a shape as well.

    It gives 0; ``predict`` gives 1 where every number of X is finite.
    """
    key = name, np.dtype(dtype).name, *shape
    if key not in made:
        made[key] = by_numba(*key)
    return made[key]


def loaded(name: str) -> bool:
    """Whether a function of that name was asked for before."""
    return any(key[0] == name for key in made)


def by_numba(name: str, dtype: str, *shape: Any) -> Function:
    """Compiled by Numba, or read from its cache on disk."""
    drop_stale()
    import numba

    from fallline.engine.kernels.entries import ENTRIES
    from fallline.engine.kernels.records import Call

    code = compiled(ENTRIES[name], Call(name, numba.from_dtype(np.dtype(dtype)), *shape))
    run: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address)
    run.code = code  # which lives as long
    result: Function = run
    return result
