"""Sweeps: many networks at once, to the bits of fl.train; logs; bad settings."""

import json

import numpy as np
import pytest

import fallline as fl
from fallline.cli.plots import heat_map, strip
from fallline.core.schedules import Cosine
from fallline.errors import DataError, ParameterError
from fallline.report.sweep import write_sweep_report
from fallline.sweeps.halving import rungs
from fallline.sweeps.result import Sweep
from fallline.sweeps.search import sweep


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(90, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


SETTINGS = {"hidden": [4, (3, 2)], "learning_rate": [0.01, 0.1], "epochs": 12, "batch_size": 16}


def test_each_run_has_the_bits_of_train(problem) -> None:
    X, y = problem
    result = sweep(X, y, SETTINGS, seeds=[3, 5], dtype="float32")
    assert len(result.runs) == 8
    assert result.varied == ("hidden", "learning_rate")
    fold = result.problem.fold
    for run in result.runs:
        net = fl.Network(
            [3, *run["hidden"], 1],
            hidden="relu",
            loss="binary_cross_entropy",
            seed=run["seed"],
            dtype="float32",
        )
        history = fl.train(
            net,
            X[fold != 0],
            y[fold != 0],
            optimizer=fl.Adam(run["learning_rate"]),
            epochs=12,
            batch_size=16,
            seed=run["seed"],
            engine="compiled",
        )
        assert run["loss"] == history.loss[-1]
        held = fold == 0
        assert run["score"] == np.mean(net.predict(X[held]) == y[held])
        if run is result.best:
            assert net.parameters.tobytes() == result.network.parameters.tobytes()


@pytest.mark.parametrize("batch", [16, None])
def test_schedules_span_the_run(problem, batch) -> None:
    X, y = problem
    given = {"hidden": 4, "epochs": 10, "schedule": ["cosine", "constant"], "batch_size": batch}
    result = sweep(X, y, given, seeds=9)
    kept = result.problem.fold != 0
    steps = 10 * (int(np.ceil(kept.sum() / 16)) if batch else 1)
    for run in (result.runs[0], result.runs[-1]):
        net = fl.Network([3, 4, 1], loss="binary_cross_entropy", seed=run["seed"])
        rate = Cosine(0.01, steps=steps) if run["schedule"] == "cosine" else 0.01
        history = fl.train(
            net, X[kept], y[kept], optimizer=fl.Adam(rate), epochs=10, batch_size=batch,
            seed=run["seed"], engine="compiled",
        )  # fmt: skip
        assert run["loss"] == history.loss[-1]
    assert {run["schedule"] for run in (result.runs[0], result.runs[-1])} == {"cosine", "constant"}


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": ["rmsprop", "adamw", "gradient_descent"], "momentum": [0.0, 0.9]},
        {"optimizer": "adamw", "weight_decay": [0.1, 0.5], "l1": [0.0, 0.03]},
        {"dropout": [0.2, 0.4], "activation": ["tanh", "gelu"], "l2": 0.01},
        {"batch_size": [1000, 7], "epochs": [1, 5, 0]},
    ],
    ids=["optimisers", "decay", "dropout", "batches"],
)
def test_other_settings_too(settings, problem) -> None:
    X, y = problem
    given = {"hidden": 3, "epochs": 4, **settings}
    result = sweep(X, y.astype(float) + 0.5, given, seeds=2, folds=3)
    run = result.runs[-1]
    assert run["fold"] == 2
    kept = result.problem.fold != 2
    net = fl.Network([3, 3, 1], hidden=run["activation"], loss="squared_error", seed=run["seed"])
    kinds = {"adam": fl.Adam, "adamw": fl.AdamW, "rmsprop": fl.RMSProp}
    more = {"weight_decay": run["weight_decay"]} if run["optimizer"] == "adamw" else {}
    optimizer = (
        fl.GradientDescent(0.01, momentum=run["momentum"])
        if run["optimizer"] == "gradient_descent"
        else kinds[run["optimizer"]](0.01, **more)
    )
    fl.train(
        net,
        X[kept],
        y[kept] + 0.5,
        optimizer=optimizer,
        epochs=run["epochs"],
        batch_size=run["batch_size"],
        seed=run["seed"],
        l2=run["l2"],
        l1=run["l1"],
        dropout=run["dropout"],
        engine="compiled",
    )
    expected = fl.train(net.copy(), X[~kept], y[~kept] + 0.5, epochs=1, batch_size=1000).loss[0]
    assert run["validation_loss"] == pytest.approx(expected, rel=1e-9)


def test_lbfgs_and_classes(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    result = sweep(X, y, {"hidden": 3, "optimizer": ["lbfgs", "adam"], "epochs": 5}, folds=2)
    assert [run["state"] for run in result.runs] == ["done"] * 4
    assert result.network.loss.name == "cross_entropy"


def test_summary_separates_setting_from_seed(problem) -> None:
    result = sweep(*problem, {"hidden": [2, 8], "epochs": 60, "learning_rate": 0.05}, seeds=5)
    summary = result.summary()
    assert [row["runs"] for row in summary] == [5, 5]
    assert summary[0]["mean_score"] >= summary[1]["mean_score"]
    scores = [run["score"] for run in result.runs if run["hidden"] == summary[0]["hidden"]]
    assert summary[0]["mean_score"] == pytest.approx(np.mean(scores))
    assert summary[0]["standard_error"] == pytest.approx(np.std(scores, ddof=1) / np.sqrt(5))
    frame = result.frame
    assert frame.height == 10
    assert frame["hidden"].to_list()[0] == "2"


def test_threads_change_nothing(problem) -> None:
    one, two = (sweep(*problem, SETTINGS, seeds=6, threads=n) for n in (1, 2))
    for a, b in zip(one.runs, two.runs, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}


def test_a_run_that_diverges_is_recorded_as_such(problem) -> None:
    X, y = problem
    settings = {
        "hidden": 4,
        "activation": "identity",
        "optimizer": "gradient_descent",
        "learning_rate": [0.01, 1e6],
        "epochs": 30,
    }
    result = sweep(X, y * 1.5, settings, loss="squared_error")
    assert [run["state"] for run in result.runs] == ["done", "diverged"]
    assert result.runs[1]["score"] is None
    assert result.best is result.runs[0]
    assert [row["share_done"] for row in result.summary()] == [1.0, 0.0]


def test_a_sweep_goes_on_where_its_log_ends(problem, tmp_path) -> None:
    log = tmp_path / "sweep.jsonl"
    whole = sweep(*problem, SETTINGS, seeds=3, log=log)
    lines = log.read_text().splitlines()
    assert len(lines) == 1 + 12
    log.write_text("\n".join(lines[:6]) + "\n" + lines[6][:20])  # killed while writing
    calls = []
    again = sweep(*problem, SETTINGS, seeds=3, log=log, progress=lambda *n: calls.append(n))
    assert calls[0][0] == 5  # what the log has
    assert calls[-1] == (12, 12)
    for a, b in zip(whole.runs, again.runs, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    assert sweep(*problem, SETTINGS, seeds=3, log=log).runs == again.runs
    assert all(json.loads(line) for line in log.read_text().splitlines() if line[-1:] == "}")


def test_a_log_of_other_data_is_refused(problem, tmp_path) -> None:
    X, y = problem
    log = tmp_path / "sweep.jsonl"
    sweep(X, y, {"epochs": [1, 2]}, log=log)
    with pytest.raises(ParameterError, match="other data"):
        sweep(X + 1, y, {"epochs": [1, 2]}, log=log)
    log.write_text("something else\n")
    with pytest.raises(ParameterError, match="not the log of a sweep"):
        sweep(X, y, {"epochs": [1, 2]}, log=log)


def test_ctrl_c_keeps_what_is_done(problem) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    result = sweep(*problem, SETTINGS, seeds=3, progress=stop)
    assert result.interrupted
    assert 0 < len(result.runs) < 12


@pytest.mark.parametrize(
    ("settings", "more", "message"),
    [
        ({}, {}, "names nothing to sweep"),
        ({"hiden": [1]}, {}, "did you mean 'hidden'"),
        ({"hidden": []}, {}, "empty list"),
        ({"hidden": [0]}, {}, "hidden must be a whole number at least 1"),
        ({"activation": ["rellu"]}, {}, "relu"),
        ({"optimizer": "adamm"}, {}, "did you mean 'adam'"),
        ({"learning_rate": [-1.0]}, {}, "learning_rate must be a number above 0"),
        ({"epochs": range(2000), "l2": list(np.linspace(0, 1, 1000))}, {}, "2,000,000"),
        ({"epochs": range(100)}, {"seeds": 100_000}, "10,000,000 runs"),
        ({"epochs": [1]}, {"folds": 1}, "folds must be from 2 to the 90 rows"),
        ({"epochs": [1]}, {"seeds": []}, "at least one seed"),
    ],
)
def test_bad_settings(settings, more, message: str, problem) -> None:
    with pytest.raises(ParameterError, match=message):
        sweep(*problem, settings, **more)


def test_random_draws(problem) -> None:
    settings = {"hidden": [1, 2, 3], "learning_rate": [0.01, 0.1], "epochs": [1, 2]}
    result = sweep(*problem, settings, draws=5)
    assert (
        len({json.dumps([r["hidden"], r["learning_rate"], r["epochs"]]) for r in result.runs}) == 5
    )
    again = sweep(*problem, settings, draws=5)
    assert [r["hidden"] for r in again.runs] == [r["hidden"] for r in result.runs]


def test_bad_data(problem) -> None:
    X, y = problem
    X[4, 1] = np.nan
    with pytest.raises(DataError, match="row 4, column 1"):
        sweep(X, y, {"epochs": [1]})


# ---- successive halving


@pytest.mark.parametrize(
    ("n_settings", "epochs", "factor", "expected"),
    [
        (9, 81, 3, [(9, 9), (3, 27), (1, 81)]),
        (8, 10, 2, [(8, 2), (4, 3), (2, 5), (1, 10)]),
        (100, 4, 2, [(100, 1), (50, 2), (25, 4)]),
        (1, 7, 3, [(1, 7)]),
        (5, 1, 4, [(5, 1)]),
    ],
)
def test_rungs(n_settings, epochs, factor, expected) -> None:
    assert rungs(n_settings, epochs, factor) == expected


HALVED = {"hidden": [2, 3, 4], "learning_rate": [0.001, 0.01, 0.1], "epochs": 18}


def test_halving_keeps_the_best_settings(problem) -> None:
    calls = []
    result = sweep(
        *problem, HALVED, seeds=2, folds=2, halving=3, progress=lambda *n: calls.append(n)
    )
    assert calls[-1] == (4 * (9 + 3 + 1),) * 2
    assert [row["runs"] for row in result.summary()] == [4] * 13
    by_rung = {}
    for run in result.runs:
        by_rung.setdefault(run["epochs"], []).append(run)
    assert {epochs: len(runs) for epochs, runs in by_rung.items()} == {2: 36, 6: 12, 18: 4}
    first = sweep(*problem, {**HALVED, "epochs": 2}, seeds=2, folds=2)
    for a, b in zip(by_rung[2], first.runs, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    best_three = {(row["hidden"], row["learning_rate"]) for row in first.summary()[:3]}
    assert {(run["hidden"], run["learning_rate"]) for run in by_rung[6]} == best_three
    assert result.best["epochs"] == 18
    assert result.summary()[0]["epochs"] == 18


def test_halved_runs_have_the_bits_of_train(problem) -> None:
    X, y = problem
    result = sweep(X, y, HALVED, halving=3)
    run = result.best
    held = result.problem.fold == 0
    net = fl.Network([3, *run["hidden"], 1], loss="binary_cross_entropy", seed=0, hidden="relu")
    fl.train(
        net, X[~held], y[~held], optimizer=fl.Adam(run["learning_rate"]), epochs=18, seed=0,
        engine="compiled",
    )  # fmt: skip
    assert net.parameters.tobytes() == result.network.parameters.tobytes()


def test_a_halved_sweep_goes_on_where_its_log_ends(problem, tmp_path) -> None:
    log = tmp_path / "sweep.jsonl"
    whole = sweep(*problem, HALVED, seeds=2, halving=3, log=log)
    lines = log.read_text().splitlines()
    assert len(lines) == 1 + 26
    for n in (10, 20, 25):
        log.write_text("\n".join(lines[:n]) + "\n")
        again = sweep(*problem, HALVED, seeds=2, halving=3, log=log)
        assert without_seconds(again.runs) == without_seconds(whole.runs)


def test_a_setting_that_diverges_is_not_kept(problem) -> None:
    X, y = problem
    settings = {
        "hidden": 4, "activation": "identity", "optimizer": "gradient_descent",
        "learning_rate": [1e8, 1e7, 0.01, 1e6], "epochs": 30,
    }  # fmt: skip
    result = sweep(X, y * 1.5, settings, loss="squared_error", halving=2)
    assert result.best["learning_rate"] == 0.01
    assert result.best["epochs"] == 30


def test_halving_that_makes_no_sense(problem) -> None:
    with pytest.raises(ParameterError, match="halving must be at least 2"):
        sweep(*problem, HALVED, halving=1)
    with pytest.raises(ParameterError, match="halving sets the epochs itself"):
        sweep(*problem, {**HALVED, "epochs": [1, 2]}, halving=2)


def without_seconds(runs: list[dict]) -> list[dict]:
    return [{**run, "seconds": 0} for run in runs]


# ---- shown


def test_report(problem, tmp_path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    settings = {"hidden": [2, (4, 3)], "learning_rate": [0.01, 0.1], "l2": [0.0, 0.1], "epochs": 3}
    result = sweep(*problem, settings, seeds=3)
    write_sweep_report(result, tmp_path / "sweep.html", title="a < b", command="fallline sweep")
    page = (tmp_path / "sweep.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<h1>a &lt; b</h1>" in page
    assert "24 networks of 8 settings" in page
    assert page.count("<svg") == 3 + 1  # each two of three settings, and the strips
    assert "hidden 4,3, learning_rate 0.01, l2 0.1" in page
    assert "http" not in page.replace("http://www.w3.org/", "").replace("http-equiv", "")
    best = result.summary()[0]["mean_score"]
    assert f'<td class="n best">{best:.4f}</td>' in page


def test_report_of_halving_shows_each_setting_once(problem, tmp_path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    result = sweep(*problem, HALVED, seeds=2, halving=3)
    write_sweep_report(result, tmp_path / "sweep.html")
    page = (tmp_path / "sweep.html").read_text()
    assert "26 networks of 9 settings" in page
    assert page.count("<tr>") == 1 + 9
    with pytest.raises(ParameterError, match="no runs"):
        write_sweep_report(Sweep([], ()), tmp_path / "empty.html")


def test_strips() -> None:
    assert strip([0.0, 1.0, 1.0], 0.0, 1.0) == " •" + 18 * "·" + "|" + 9 * "·" + "●"
    assert strip([-1.0, 0.5], 0.0, 1.0)[0] == "<"
    assert strip([], 0.0, 1.0) == ""
    assert strip([0.3, 0.3], 0.3, 0.3) == "|"


def test_heat_map_in_the_terminal() -> None:
    rows = [
        {"hidden": (2,), "l2": 0.1, "mean_score": 0.5},
        {"hidden": (2,), "l2": 0.0, "mean_score": 0.9},
        {"hidden": (8,), "l2": 0.0, "mean_score": None},
    ]
    lines = heat_map(rows, "l2", "hidden", str).splitlines()
    assert lines[0].split() == ["hidden", "\\", "l2", "0.0", "0.1"]
    assert lines[2].split() == ["(2,)", "0.9000", "██", "0.5000"]
    assert lines[3].split() == ["(8,)", "diverged"]
