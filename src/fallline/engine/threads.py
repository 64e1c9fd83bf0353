"""Threads that work together: how many there may be, and how they start and end together.

Ctrl-C may come at any moment, and a system may refuse a thread. In a compiled run the threads wait
for each other outside Python, so either all of a team start or none does.
"""

import os
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

__all__ = ["free_cores", "run_together", "threads_allowed"]

# Variables by which joblib, Dask, batch systems and users limit other numerical libraries.
LIMITS = ("FALLLINE_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
# Once Polars is imported a signal does not end the wait for a lock, so the wait looks up by itself.
SECONDS_TO_CTRL_C = 0.05
lock = allocate_lock()
at_work: dict[object, int] = {}  # threads of all runs in this process, their own ones included


def threads_allowed() -> int:
    """The cores that this process may use, or fewer if the environment says so."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    limits = [os.environ.get(name, "") for name in LIMITS]
    return max(1, min([cores, *(int(limit) for limit in limits if limit.isdecimal())]))


@contextmanager
def free_cores(wanted: int) -> Iterator[int]:
    """How many of ``wanted`` threads may work: as many as there are cores that no other run uses.

    At least one. So runs that are started side by side, in threads of joblib or Dask, share the
    cores.
    """
    run = object()
    try:
        with lock:
            free = threads_allowed() - sum(at_work.values()) if wanted > 1 else 1
            at_work[run] = max(1, min(wanted, free))
        yield at_work[run]
    finally:
        at_work.pop(run, None)


def run_together(
    works: Sequence[Callable[[], object]],
    give_up: Callable[[], object] = lambda: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> bool:
    """Run each of ``works`` in its own thread, all at the same time, and wait until they have
    ended.

    ``meanwhile`` is this thread's own work; it may be cut short, since none of the others waits for
    it: 200 small networks take 53 ms with it, 58 without, for a new thread's memory is new too.

    False, and nothing was begun, where the system refuses a thread. On Ctrl-C ``give_up`` is
    called, and KeyboardInterrupt raised once the threads have ended; so is an error of a thread.
    The threads are made by the primitives below the module threading, whose Python code Ctrl-C may
    cut short.
    """
    decision: list[bool] = []  # whether to begin: the first word counts
    ended: list[int] = []
    errors: list[BaseException] = []
    gate, last = allocate_lock(), allocate_lock()
    gate.acquire()
    last.acquire()

    def helper(number: int) -> None:
        with suppress(RuntimeError):  # the gate may be opened twice
            gate.acquire()
            gate.release()
        if not decision[0]:
            return
        try:
            works[number]()
        except BaseException as error:
            errors.append(error)
        ended.append(number)
        if len(ended) == len(works):
            with suppress(RuntimeError):
                last.release()

    interrupt: BaseException | None = None
    own = [meanwhile]
    try:
        for number in range(len(works)):
            start_new_thread(helper, (number,))
        decision.append(True)
    except RuntimeError:  # "can't start new thread"
        decision.append(False)
    except BaseException as error:
        decision.append(False)
        interrupt = error
    while True:
        try:
            with suppress(RuntimeError):
                gate.release()
            if interrupt is not None:
                give_up()
            elif decision[0] and own:
                own.pop()()
            while decision[0] and len(ended) < len(works):
                last.acquire(timeout=SECONDS_TO_CTRL_C)
            break
        except BaseException as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
    if errors:
        raise errors[0]
    return decision[0]
