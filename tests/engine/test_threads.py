"""How many threads the engine may use."""

import os

import pytest

from fallline.engine import threads as module
from fallline.engine.threads import helpers, threads_allowed


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
    with helpers(3) as (pool, first):
        assert pool is not None
        assert first == 3
        with helpers(3) as (none, second):  # as from another thread of joblib or Dask
            assert none is None
            assert second == 0
    with helpers(1) as (_, count), helpers(3) as (_, rest):
        assert (count, rest) == (1, 1)
    assert module.at_work == 0


def test_an_error_gives_the_cores_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "threads_allowed", lambda: 4)
    with pytest.raises(ZeroDivisionError), helpers(2):
        raise ZeroDivisionError
    assert module.at_work == 0
