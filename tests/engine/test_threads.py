"""How many threads the engine may use, and that they start and end as one."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.engine import loop
from fallline.engine import threads as module
from fallline.engine.threads import free_cores, run_together, threads_allowed


@pytest.mark.parametrize("name", module.LIMITS)
def test_the_environment_sets_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in module.LIMITS:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert threads_allowed() == 6
    monkeypatch.setenv(name, "3")
    assert threads_allowed() == 3
    monkeypatch.setenv(name, "100")
    assert threads_allowed() == 6
    monkeypatch.setenv(name, "many")
    assert threads_allowed() == 6


def test_runs_side_by_side_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "threads_allowed", lambda: 4)
    with free_cores(4) as first, free_cores(4) as second:  # as from threads of joblib or Dask
        assert (first, second) == (4, 1)
    with free_cores(2) as first, free_cores(4) as rest, free_cores(1) as alone:
        assert (first, rest, alone) == (2, 2, 1)
    assert module.at_work == {}


def test_an_error_gives_the_cores_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "threads_allowed", lambda: 4)
    with pytest.raises(ZeroDivisionError), free_cores(3):
        raise ZeroDivisionError
    assert module.at_work == {}


def test_all_are_there_at_the_same_time() -> None:
    meeting = threading.Barrier(5, timeout=20)
    found: list[int] = []

    def work(number: int) -> None:
        meeting.wait()
        found.append(number)

    assert run_together([lambda number=number: work(number) for number in range(5)])
    assert sorted(found) == list(range(5))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_of_the_own_work_lets_the_others_end(error: type[BaseException]) -> None:
    done: list[str] = []
    given_up = threading.Event()

    def work() -> None:
        assert given_up.wait(20)
        done.append("other")

    def fail() -> None:
        raise error

    with pytest.raises(error):
        run_together([work, work], given_up.set, meanwhile=fail)
    assert done == ["other", "other"]


def test_an_error_of_a_thread_is_raised_after_the_others_have_ended() -> None:
    done: list[str] = []
    with pytest.raises(ZeroDivisionError):
        run_together([lambda: 1 / 0, lambda: done.append("other")])
    assert done == ["other"]


def test_where_a_thread_is_refused_none_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    start, begun = module.start_new_thread, []

    def refuse(function, arguments) -> int:
        if arguments == (2,):
            raise RuntimeError("can't start new thread")
        return start(function, arguments)

    monkeypatch.setattr(module, "start_new_thread", refuse)
    assert not run_together([lambda: begun.append(1)] * 4)
    assert begun == []


def test_training_goes_on_alone_where_a_thread_is_refused(monkeypatch) -> None:
    X = np.random.default_rng(0).normal(size=(4000, 20))

    def trained() -> bytes:
        net = fl.Network([20, 64, 64, 1], loss="squared_error", seed=0)
        fl.train(net, X, X[:, 0], epochs=8, batch_size=2000, engine="compiled", threads=2)
        return net.parameters.tobytes()

    def refuse(function, arguments) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("fallline.engine.threads.threads_allowed", lambda: 2)
    usual = trained()
    monkeypatch.setattr(module, "start_new_thread", refuse)
    assert trained() == usual


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_while_a_team_starts(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start, begun, given_up = module.start_new_thread, [], []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background

    def interrupted(function, arguments) -> int:
        if arguments == (1,) and moment == "before":
            signal.raise_signal(signal.SIGINT)
        result = start(function, arguments)
        if arguments == (1,):
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(module, "start_new_thread", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_together([lambda: begun.append(1)] * 2, give_up=lambda: given_up.append(1))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (begun, given_up) == ([], [1])


def test_many_threads_take_no_more_than_there_are_parts() -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    net = fl.Network([3, 4, 1], loss="squared_error", seed=0)
    fl.train(net, X, X[:, 0], epochs=5, engine="compiled", threads=100_000_000)
    assert np.isfinite(net.parameters).all()


INTERRUPTED = """
import random, signal, sys, warnings
import numpy as np
import fallline as fl
from fallline.engine import threads
warnings.simplefilter("ignore")
threads.threads_allowed = lambda: 2
count, draw = int(sys.argv[1]), random.Random(int(sys.argv[2]))
X = np.random.default_rng(0).normal(size=(1500, 20))

def trained(epochs):
    net = fl.Network([20, 64, 64, 1], loss="squared_error", seed=0)
    history = fl.train(net, X, X[:, 0], epochs=epochs, batch_size=1500, engine="compiled",
                       threads=2)
    return net, history

usual = {}
for epochs in range(1, 60):
    usual[trained(epochs)[0].parameters.tobytes()] = epochs
whole = trained(40)[0].parameters.tobytes()

def alarm(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, alarm)
found = 0
for number in range(count):
    # dense around the starts and the ends of teams, which come every few milliseconds
    seconds = draw.choice((0.0005, 0.002, 0.01)) * draw.random() + 1e-5
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            net, history = trained(59)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        found += history.stopped == "interrupted"
        if history.epochs_done:
            assert net.parameters.tobytes() in usual, history.epochs_done
    except KeyboardInterrupt:  # before the run or after it; a timer goes off once
        found += 1
assert not threads.at_work, threads.at_work
print(found > count / 3, trained(40)[0].parameters.tobytes() == whole)
"""


def interrupted(count: int, seed: int, seconds: float) -> list[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", INTERRUPTED, str(count), str(seed)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert out.returncode == 0, out.stderr
    return out.stdout.split()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_interrupts_at_random_moments_hang_nothing() -> None:
    assert interrupted(200, 0, 120) == ["True", "True"]


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
@pytest.mark.parametrize("seed", range(10))
def test_100_000_interrupts_hang_nothing(seed: int) -> None:
    assert interrupted(10_000, seed, 1200) == ["True", "True"]


def test_ctrl_c_is_heard_beside_polars(ctrl_c: None) -> None:
    """Polars has a signal restart the wait for a lock, instead of ending it."""
    import polars  # noqa: F401

    given_up: list[bool] = []

    def work() -> None:
        for turn in range(500):
            time.sleep(0.01)
            if turn == 3:
                os.kill(os.getpid(), signal.SIGINT)
            if given_up:
                return

    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run_together([work], lambda: given_up.append(True))
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_the_first_trial_of_a_team_is_short(times: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine each of its steps may wait for a thread that does not run."""
    monkeypatch.setattr(module, "threads_allowed", lambda: 2)
    rows, calls = np.random.default_rng(0).normal(size=(100_000, 20)), []
    call = loop.Loop.call

    def noted(self: loop.Loop, *given: Any, **more: Any) -> Any:
        sums = call(self, *given, **more)
        calls.append((self.team_now, sums[2]))
        self.pace[self.team_now] = 45e-6 * (times if self.team_now == 2 else 1.0)
        return sums

    monkeypatch.setattr(loop.Loop, "call", noted)
    net = fl.Network([20, 64, 64, 1], loss="squared_error", seed=0)
    fl.train(net, rows, rows[:, 0], epochs=1, batch_size=128, threads=2, engine="compiled")
    (alone, _), first, *rest = calls
    assert alone == 1
    assert first == (2, loop.STEPS_OF_FIRST_TRIAL)
    assert {team for team, _ in rest} == {2 if times < 1 else 1}
    assert sum(steps for _, steps in calls) == 782
