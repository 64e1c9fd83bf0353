"""A time limit without a preset: the better preset if the time allows it, else what there is."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.tabular import recipes
from fallline.tabular import train as training


def table(n: int = 90) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=n), rng.normal(size=n)
    return pl.DataFrame({"a": a, "b": b, "kind": np.where(a * b > 0, "same", "other")})


QUICKLY: Any = {"epochs": 3, "seed": 2, "baseline": False, "threads": 1}


def test_best_is_trained_where_the_time_allows_and_repeated_by_verify() -> None:
    found = fl.train_table(table(), "kind", seconds=3600, **QUICKLY)
    best = fl.train_table(table(), "kind", preset="best", **QUICKLY)
    assert found.facts["preset"] == found.facts["record"]["options"]["preset"] == "best"
    assert found.network.sizes == best.network.sizes
    assert np.array_equal(found.network.parameters, best.network.parameters)
    assert fl.verify(found, table()).same


def test_a_preset_that_is_given_stays() -> None:
    found = fl.train_table(table(), "kind", preset="standard", seconds=3600, **QUICKLY)
    assert found.facts["preset"] == "standard"
    assert fl.train_table(table(), "kind", preset=None, **QUICKLY).facts["preset"] == "standard"


def test_standard_is_kept_where_best_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SLOWER", 1e12)
    found = fl.train_table(table(), "kind", seconds=3600, **QUICKLY)
    standard = fl.train_table(table(), "kind", preset="standard", **QUICKLY)
    assert found.facts["preset"] == "standard"
    assert np.array_equal(found.network.parameters, standard.network.parameters)


def test_ctrl_c_while_best_is_trained_keeps_standard() -> None:
    began: list[int] = []

    def interrupt(progress: fl.Progress) -> None:
        if began.count(1) == 2 and progress.epoch == 1:
            raise KeyboardInterrupt

    with pytest.warns(fl.InterruptedWarning):
        found = fl.train_table(
            table(),
            "kind",
            seconds=3600,
            callbacks=[interrupt],
            on_run=lambda start: began.append(start.number),
            **QUICKLY,
        )
    assert found.history.stopped == "interrupted"
    assert "standard" in found.history.message
    standard = fl.train_table(table(), "kind", preset="standard", **QUICKLY)
    assert np.array_equal(found.network.parameters, standard.network.parameters)


def test_rows_that_are_set_apart_for_intervals_leave_standard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipes, "MANY_ROWS", 50)  # one network from here on
    monkeypatch.setattr(recipes, "SMALL_ROWS", 40)
    starts: list[int] = []
    found = fl.train_table(
        table(900),
        "kind",
        seconds=3600,
        interval=0.8,
        on_run=lambda start: starts.append(start.of),
        **QUICKLY,
    )
    assert found.facts["calibration_rows"] > 0
    assert found.facts["preset"] == "standard"
    assert starts == [3, 3, 3]  # the recipes of "standard", and none of "best"
