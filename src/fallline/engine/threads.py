"""Threads that help: how many there may be, and no more of them than there are free cores."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["helpers", "threads_allowed"]

# What other numerical libraries are held to by joblib, Dask, batch systems and users.
LIMITS = ("FALLLINE_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
lock = threading.Lock()
at_work = 0  # threads of all runs in this process, their own ones included


def threads_allowed() -> int:
    """The cores that this process may use, or fewer where the environment says so."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    limits = [os.environ.get(name, "") for name in LIMITS]
    return max(1, min([cores, *(int(limit) for limit in limits if limit.isdecimal())]))


@contextmanager
def helpers(wanted: int) -> Iterator[tuple["ThreadPoolExecutor | None", int]]:
    """Up to ``wanted`` threads, as many as there are cores that no other run is using.

    So runs that are started side by side, in threads of joblib or Dask, share the cores.
    """
    global at_work  # noqa: PLW0603
    with lock:
        count = max(0, min(wanted, threads_allowed() - at_work - 1)) if wanted > 0 else 0
        at_work += count + 1
    try:
        if count == 0:
            yield None, 0
        else:
            from concurrent.futures import ThreadPoolExecutor  # 8 ms, with logging

            with ThreadPoolExecutor(count) as pool:
                yield pool, count
    finally:
        with lock:
            at_work -= count + 1
