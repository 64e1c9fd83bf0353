"""Conformal intervals and sets: quantiles, coverage, what a model file keeps, and temperature."""

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import fallline as fl
from fallline.arrays import Array
from fallline.data import reading
from fallline.data.cells import Reading
from fallline.data.table import Table
from fallline.errors import ModelFileError, ParameterError
from fallline.report import report_html
from fallline.tabular import survey as survey_module
from fallline.tabular.conformal import (
    RELATIVE_PENALTIES,
    Conformal,
    conformal_quantile,
    coverage_of_intervals,
    coverage_of_sets,
    fit_scale,
    ridge_by_gcv,
    rows_needed,
)
from fallline.tabular.crossvalidation import cross_validate
from fallline.tabular.ensemble import cooled
from fallline.tabular.evaluation import calibration
from fallline.tabular.intervals import in_words
from fallline.tabular.large import train_large
from fallline.tabular.options import with_defaults
from fallline.tabular.samples import shares_of_rows
from fallline.tabular.survey import Shares


def made(n: int, seed: int = 0) -> Table:
    """Rows whose target's spread grows with b, fourfold over its range."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.uniform(-1, 1, size=n)
    number = 3 * a + np.exp(0.7 * b) * rng.normal(size=n)
    kind = np.digitize(a + 0.8 * rng.normal(size=n), [-1, 1])
    frame = pl.DataFrame(
        {
            "a": a,
            "b": b,
            "town": np.where(b > 0.2, "Ulm", "Bern").tolist(),
            "number": number,
            "label": np.where(kind > 0, "yes", "no").tolist(),
            "kind": [("low", "mid|dle", "high")[k] for k in kind],
            "count": rng.poisson(np.exp(1 + 0.5 * a)).tolist(),
        }
    )
    return Table(frame, "made.csv", np.arange(2, n + 2))


TARGETS = ("number", "label", "kind", "count")


def trained(n: int, target: str, **options: Any) -> fl.TableModel:
    ignore = [name for name in TARGETS if name != target]
    given: Any = {"interval": 0.9, "baseline": False, "epochs": 12, "preset": "quick"} | options
    return fl.train_table(made(n), target, ignore=ignore, **given)


def held(model: fl.TableModel, table: Table) -> Array:
    """Whether each row's target is in its interval or set."""
    found, actual = model.predict(table), table.frame[model.encoding.target]
    if found.members is not None:
        codes = np.array([found.classes.index(label) for label in actual])
        inside: Array = found.members[np.arange(len(codes)), codes]
        return inside
    assert found.lower is not None
    assert found.upper is not None
    y = actual.to_numpy()
    return (found.lower <= y) & (y <= found.upper)


# ---- the quantile


@pytest.mark.parametrize("n", [9, 10, 19, 100, 999])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_quantile_is_the_kth_smallest(n: int, level: float) -> None:
    scores = np.random.default_rng(n).exponential(size=n)
    k = math.ceil(Fraction(str(level)) * (n + 1))  # without rounding
    assert conformal_quantile(scores, level) == np.sort(scores)[k - 1]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999])
def test_the_fewest_rows_are_just_enough(level: float) -> None:
    n = rows_needed(level)
    assert n == round(level / (1 - level))
    scores = np.arange(float(n))
    assert conformal_quantile(scores, level) == n - 1
    with pytest.raises(ParameterError, match="rows to calibrate on"):
        conformal_quantile(scores[1:], level)


def test_the_coverage_of_the_quantile_has_its_known_distribution() -> None:
    """Over calibration sets the coverage is Beta(k, n + 1 - k) distributed (Vovk 2012)."""
    rng, n, level = np.random.default_rng(0), 99, 0.9
    coverage = [conformal_quantile(rng.uniform(size=n), level) for _ in range(2000)]
    assert stats.kstest(coverage, stats.beta(90, 10).cdf).pvalue > 0.01


def test_intervals_and_sets_are_those_of_crepes() -> None:
    """Runs where crepes is installed; the closed forms here hold without it."""
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(1)
    residual, sigma = rng.normal(size=250), rng.uniform(0.5, 2.0, size=250)
    output, width = rng.normal(size=40), rng.uniform(0.5, 2.0, size=40)
    q = conformal_quantile(np.abs(residual) / sigma, 0.9)
    theirs, sets = crepes.ConformalRegressor(), crepes.ConformalClassifier()
    theirs.fit(residuals=residual, sigmas=sigma)
    ends = theirs.predict_int(y_hat=output, sigmas=width, confidence=0.9)
    assert ends[:, 0] == pytest.approx(output - q * width, rel=1e-12)
    assert ends[:, 1] == pytest.approx(output + q * width, rel=1e-12)
    scores, new = rng.uniform(size=250), rng.dirichlet(np.ones(4), size=60)
    ours = Conformal(0.9, "split", 250, conformal_quantile(scores, 0.9)).sets(new)
    sets.fit(alphas=scores)
    plain = sets.predict_set(alphas=1.0 - new, confidence=0.9, smoothing=False).astype(bool)
    plain[np.arange(60), new.argmax(axis=1)] = True
    assert (ours == plain).all()


def test_quantiles_are_those_of_mapie() -> None:
    """Runs where mapie is installed."""
    regression = pytest.importorskip("mapie.regression")
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 2))
    y = X[:, 0] + rng.normal(size=400)
    line = LinearRegression().fit(X[:150], y[:150])
    theirs = regression.SplitConformalRegressor(line, confidence_level=0.9, prefit=True)
    theirs.conformalize(X[150:350], y[150:350])
    _, ends = theirs.predict_interval(X[350:])
    q = conformal_quantile(np.abs(y[150:350] - line.predict(X[150:350])), 0.9)
    assert ends[:, 0, 0] == pytest.approx(line.predict(X[350:]) - q, rel=1e-9)
    assert ends[:, 1, 0] == pytest.approx(line.predict(X[350:]) + q, rel=1e-9)


# ---- sigma


def test_the_ridge_is_that_of_scikit_learn_with_the_penalty_of_least_gcv() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(3)
    A = rng.normal(size=(60, 5))
    t = A @ np.array([1.0, 0.5, 0.0, 0.0, -1.0]) + rng.normal(size=60)
    A, t = A - A.mean(axis=0), t - t.mean()
    values, found = [], []
    for relative in RELATIVE_PENALTIES[:-1]:
        ridge = Ridge(alpha=relative * 60, fit_intercept=False).fit(A, t)
        hat = A @ np.linalg.solve(A.T @ A + relative * 60 * np.eye(5), A.T)
        rss = np.square(t - A @ ridge.coef_).sum()
        values.append(60 * rss / (59 - np.trace(hat)) ** 2)
        found.append(ridge.coef_)
    assert ridge_by_gcv(A, t) == pytest.approx(found[int(np.argmin(values))], rel=1e-9)


def test_noise_of_one_size_has_a_sigma_of_one_size() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 20))
    sigma = fit_scale(X, X[:, 0], rng.normal(size=500))(X, X[:, 0])
    assert sigma.max() / sigma.min() < 1.6


def test_sigma_stays_in_the_range_of_its_own_rows() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(500, 1))
    scale = fit_scale(X, X[:, 0], np.exp(X[:, 0]) * rng.normal(size=500))
    far = np.array([[1e6], [-1e6]])
    assert scale(far, far[:, 0]) == pytest.approx([np.exp(scale.high), np.exp(scale.low)])


@pytest.mark.parametrize("size", [0.0, 1e-12])
def test_residuals_of_nothing_give_a_finite_sigma(size: float) -> None:
    X = np.random.default_rng(6).normal(size=(120, 2))
    assert np.isfinite(fit_scale(X, X[:, 0], np.full(120, size))(X, X[:, 0])).all()


# ---- models


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("n", "method"), [(400, "out of fold"), (3000, "split")])
def test_a_model_holds_the_truth_as_often_as_asked(target: str, n: int, method: str) -> None:
    model = trained(n, target, preset="standard" if n < 1000 else "quick", hidden=(8,))
    kept = model.facts["interval"]
    assert kept["method"] == method
    new = made(4000, seed=9)
    share = held(model, new).mean()
    # five standard deviations of the count of both rows, and what sets of whole classes add
    off = 5 * np.sqrt(0.09 / kept["rows"] + 0.09 / len(new))
    slack = 0.0 if target == "number" else 0.06
    assert 0.9 - off < share < 0.9 + off + slack


def test_intervals_follow_the_spread_of_the_rows() -> None:
    model, new = trained(3000, "number"), made(4000, seed=9)
    inside, b = held(model, new), new.frame["b"].to_numpy()
    found = model.predict(new)
    assert found.lower is not None
    assert found.upper is not None
    width = found.upper - found.lower
    assert width[b > 0.5].mean() > 1.7 * width[b < -0.5].mean()
    for part in (b < -0.5, b > 0.5):
        assert 0.82 < inside[part].mean() < 0.98
    assert model.conformal is not None
    assert model.data is not None
    rows = model.data.calibration
    actual, expected = made(3000).frame["number"].to_numpy()[rows], model.predict(made(3000))
    q = conformal_quantile(np.abs(actual - expected.values[rows]), 0.9)  # of one width for all
    off = np.abs(new.frame["number"].to_numpy() - found.values) <= q
    assert off[b < -0.5].mean() > 0.97
    assert off[b > 0.5].mean() < 0.82


def test_calibration_rows_take_no_part_in_training() -> None:
    model = trained(3000, "number", test=0.2)
    data, facts = model.data, model.facts
    assert data is not None
    parts = [data.train, data.validation, data.calibration, data.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(3000))
    assert facts["calibration_rows"] == len(data.calibration) == 720
    assert facts["interval"]["rows"] == 720
    assert facts["rows"] == 3000
    rows = data.X[data.calibration], data.y[data.calibration]
    assert model.seen is not None
    assert model.seen.share_seen(*rows) < 0.05


def test_without_an_interval_nothing_changes() -> None:
    plain = trained(1600, "number", interval=None)
    assert "interval" not in plain.facts
    assert "calibration_rows" not in plain.facts
    assert list(plain.predict(made(5)).columns()) == ["prediction"]
    assert "coverage" not in plain.evaluate(made(50))


@pytest.mark.parametrize("target", ["number", "kind", "count"])
def test_a_table_in_blocks_keeps_rows_apart(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_ROWS", 700)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 40_000)
    path = tmp_path / "made.csv"
    made(9000).frame.write_csv(path)
    ignore = [name for name in TARGETS if name != target]
    model = train_large(
        path, target, ignore=ignore, interval=0.9, test=0.1, preset="quick", epochs=12, hidden=(8,)
    )
    facts = model.facts
    assert facts["calibration_rows"] == facts["interval"]["rows"] == 2_000
    parts = ("training_rows", "validation_rows", "calibration_rows", "test_rows")
    assert sum(facts[name] for name in parts) == facts["rows"] == 9_000
    assert facts["interval"]["method"] == "split"
    assert ("scale" in facts["interval"]) == (target != "kind")
    new = made(4_000, seed=9)
    assert abs(held(model, new).mean() - 0.9) < 5 * np.sqrt(0.09 / 2_000 + 0.09 / len(new))
    model.save(tmp_path / "m.safetensors")
    assert fl.verify(tmp_path / "m.safetensors", path).same


def test_rows_of_blocks_that_calibrate_never_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_ROWS", 700)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 40_000)
    monkeypatch.setattr(survey_module, "CALIBRATION_ROWS", 300)
    made(4000).frame.write_csv(tmp_path / "made.csv")
    shares = shares_of_rows(with_defaults({"interval": 0.9, "test": 0.1}))
    assert shares == Shares(0.15, 0.1, pytest.approx(0.225))
    blocks = survey_module.survey(tmp_path / "made.csv", Reading(), "number", shares, seed=0)
    samples = {name: set(part.lines.tolist()) for name, part in blocks.samples.items() if part}
    assert len(samples["calibration"]) == 300
    assert len(set.union(*samples.values())) == sum(map(len, samples.values()))
    trained = {line for i in range(len(blocks.readers)) for line in blocks.rows(i).lines.tolist()}
    apart = samples["calibration"] | samples["validation"] | samples["test"]
    assert not trained & apart
    assert len(trained | apart) == 4_000
    assert samples["train"] <= trained


def test_blocks_refuse_what_memory_refuses(tmp_path: Path) -> None:
    made(600).frame.write_csv(tmp_path / "made.csv")
    for options, message in (
        ({"interval": 0.999}, "needs 999 rows to calibrate on, and there are 1"),
        ({"by_class": True}, "give their level"),
        ({"by_class": True, "interval": 0.9}, "'number' has numbers"),
        ({"interval": 2}, "interval must be"),
    ):
        with pytest.raises(ParameterError, match=message):
            train_large(tmp_path / "made.csv", "number", **options)


def test_an_ensemble_is_the_same_with_and_without_an_interval() -> None:
    with_, without = (trained(200, "number", preset="standard", interval=i) for i in (0.9, None))
    assert (with_.network.parameters == without.network.parameters).all()


@pytest.mark.parametrize("target", ["number", "kind"])
def test_a_file_keeps_the_intervals(target: str, tmp_path: Path) -> None:
    model = trained(1800, target)
    model.save(tmp_path / "m.safetensors")
    again = fl.TableModel.load(tmp_path / "m.safetensors")
    new = made(50, seed=2)
    one, other = model.predict(new).columns(), again.predict(new).columns()
    assert list(one) == list(other)
    for name in one:
        assert (one[name] == other[name]).all()
    expected = ["prediction", "lower", "upper"]
    if target == "kind":
        shares = [f"probability of {label}" for label in ("high", "low", "mid|dle")]
        expected = ["prediction", *shares, "set"]
        texts = set(one["set"].tolist())
        assert "mid\\|dle" in texts
        assert "low" in texts
        assert any(text.count("|") - text.count("\\|") == 1 for text in texts)
    assert list(model.predict(new).to_frame().columns) == expected


def test_ends_of_counts_are_not_below_zero() -> None:
    found = trained(1800, "count").predict(made(500, seed=3))
    assert found.lower is not None
    assert (found.lower >= 0).all()
    assert (found.lower == 0).any()


@pytest.mark.parametrize("change", [
    {"level": 1.5}, {"level": "0.9"}, {"quantile": -1.0}, {"quantile": None}, {"method": "magic"},
    {"rows": 1.5}, {"extra": 1}, {"scale": None}, {"scale": {}}, {"scale.weights": [1.0]},
    {"scale.hinges": []}, {"scale.low": 800.0}, {"scale.bias": "x"}, {"scale.knots": ["a"]},
])  # fmt: skip
def test_a_hostile_file_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    model = trained(1800, "number", epochs=1)
    kept = json.loads(json.dumps(model.facts["interval"]))
    for name, value in change.items():
        where, _, last = name.rpartition(".")
        (kept[where] if where else kept)[last] = value
    model.facts["interval"] = kept
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="interval"):
        fl.TableModel.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, float("nan"), "0.9", True])
def test_a_level_that_is_none_is_refused(level: Any) -> None:
    with pytest.raises(ParameterError, match="interval must be"):
        trained(200, "number", interval=level)


def test_too_few_rows_are_refused_before_training() -> None:
    with pytest.raises(ParameterError, match="needs 9,999 rows to calibrate on, and there are 900"):
        trained(3000, "number", interval=0.9999)


def test_a_cross_validation_refuses_intervals() -> None:
    with pytest.raises(ParameterError, match="not in a cross-validation"):
        cross_validate(made(100), "number", interval=0.9)


@pytest.mark.parametrize("validation", [0, "time"])
def test_other_ways_of_holding_out_calibrate_as_well(validation: Any) -> None:
    how = {"split": "time"} if validation == "time" else {"validation": validation}
    model = trained(1000, "number", **how)
    assert model.facts["interval"]["rows"] == 300
    assert 0.8 < held(model, made(2000, seed=9)).mean() < 0.97


def test_evaluate_counts_by_part() -> None:
    model = trained(1800, "number")
    found = model.evaluate(made(500, seed=9))["coverage"]
    inside = held(model, made(500, seed=9))
    assert found["coverage"] == pytest.approx(inside.mean())
    assert [part["rows"] for part in found["parts"]] == [100] * 5
    mean = np.mean([part["coverage"] for part in found["parts"]])
    assert mean == pytest.approx(found["coverage"])
    assert json.loads(json.dumps(found)) == found


def test_counts_of_sets_by_hand() -> None:
    members = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=bool)
    shares = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]])
    found = coverage_of_sets(np.array([0, 1, 0]), members, shares)
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["sizes"] == [2, 1, 0]
    assert found["parts"][0] == {"rows": 2, "coverage": 0.5, "mean_size": 1.0}
    assert found["parts"][2] == {"rows": 0, "coverage": None, "mean_size": None}


def test_few_rows_have_few_parts() -> None:
    found = coverage_of_intervals(np.ones(2), np.zeros(2), np.full(2, 2.0), np.ones(2))
    assert len(found["parts"]) == 2
    assert found["mean_width"] == 2.0


def test_a_line_tells_what_the_intervals_are() -> None:
    model = trained(1800, "number")
    assert in_words(model.facts, model.encoding) == (
        "intervals that contain the true value for 0.9 of new rows, calibrated on 540 rows kept "
        "apart, their width by the row"
    )


# ---- temperature


def test_a_network_that_is_too_sure_is_cooled() -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(2000, 1))
    y = (rng.uniform(size=2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
    network = fl.Network([1, 1], loss="binary_cross_entropy", seed=0)
    network.parameters = np.array([1.8, 0.0])
    temperature = cooled(network, X, y)
    assert temperature == pytest.approx(1.8, rel=0.1)
    assert network.layers[0].W[0, 0] == pytest.approx(1.8 / temperature)


def test_a_gain_within_chance_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    kept = 0
    for _ in range(100):
        X = rng.normal(size=(200, 1))
        y = (rng.uniform(size=200) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
        network = fl.Network([1, 1], loss="binary_cross_entropy", seed=0)
        network.parameters = np.array([1.0, 0.0])
        kept += cooled(network, X, y) == 1.0
    assert kept >= 88  # 95 expected


def test_the_report_tells_how_sure_and_what_the_temperature_did(tmp_path: Path) -> None:
    for target, heading in (("number", "in the interval"), ("kind", "in the set")):
        model = trained(1800, target)
        assert model.data is not None
        part = model.scored[-1]
        model.facts["temperature"] = 2.0
        page = report_html(model, model.data, "")
        assert heading in page
        assert "540 to calibrate" in page or "539 to calibrate" in page
        assert ("undivided it was" in page) == (target == "kind")
    y, before = model.data.y[part.rows], model.network.logits(model.data.X[part.rows]) * 2.0
    powers = np.exp(before - before.max(axis=1, keepdims=True))
    error = calibration(model.encoding, y, powers / powers.sum(axis=1, keepdims=True))["error"]
    assert f"undivided it was {error:.3f}" in page


def test_numbers_have_no_temperature() -> None:
    network = fl.Network([1, 1], loss="squared_error", seed=0)
    assert cooled(network, np.ones((3, 1)), np.ones(3)) == 1.0


# ---- by class


def rare(n: int, seed: int) -> Table:
    """A class of one row in eight, which a network rarely predicts."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    y = rng.random(n) < 0.12 + 0.1 * np.tanh(a)
    labels = np.where(y, "ill", "well").tolist()
    frame = pl.DataFrame({"a": a, "b": rng.normal(size=n), "y": labels})
    return Table(frame, "rare.csv", np.arange(2, n + 2))


def test_by_class_holds_within_the_rare_class() -> None:
    """Over 5 models; without it the sets leave the rare class out."""
    share: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(5):
        new = rare(3_000, 100 + seed)
        for by_class, found in share.items():
            model = fl.train_table(
                rare(2_400, seed), "y", interval=0.9, by_class=by_class, preset="quick",
                epochs=6, baseline=False, seed=seed,
            )  # fmt: skip
            parts = model.evaluate(new)["coverage"]["parts"]
            found.append(parts[model.encoding.classes.index("ill")]["coverage"])
    assert np.mean(share[True]) == pytest.approx(0.9, abs=0.04)
    assert np.mean(share[False]) < 0.7


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_by_class_is_kept_and_told(preset: str, tmp_path: Path) -> None:
    model = trained(600, "kind", by_class=True, preset=preset)
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = fl.TableModel.load(path)
    assert loaded.conformal == model.conformal
    assert loaded.conformal is not None
    assert len(loaded.conformal.by_class or ()) == 3
    assert "each class apart" in in_words(loaded.facts, loaded.encoding)
    members = loaded.predict(made(50, 3)).members
    assert members is not None
    assert (members == model.predict(made(50, 3)).members).all()
    assert fl.verify(path, made(600)).same


def test_a_class_of_few_rows_is_in_every_set() -> None:
    table = made(600)
    few = np.where(np.arange(600) < 20, "odd", table.frame["kind"].to_numpy())
    table = Table(table.frame.with_columns(kind=pl.Series(few)), "t.csv", table.lines)
    ignore = [name for name in TARGETS if name != "kind"]
    model = fl.train_table(table, "kind", ignore=ignore, interval=0.9, by_class=True,
                           preset="quick", epochs=4)  # fmt: skip
    assert any(note.startswith("every set has the class 'odd' (") for note in model.notes)
    members = model.predict(table).members
    assert members is not None
    assert members[:, model.encoding.classes.index("odd")].all()


def test_by_class_is_refused_where_it_has_no_meaning() -> None:
    with pytest.raises(ParameterError, match="give their level"):
        trained(200, "kind", interval=None, by_class=True)
    with pytest.raises(ParameterError, match="'number' has numbers"):
        trained(200, "number", by_class=True)
    with pytest.raises(ParameterError, match="by_class must be True or False"):
        trained(200, "kind", by_class=1)


@pytest.mark.parametrize("value", [[0.1], [0.1, 0.2, 1.5], [0.1, 0.2, "x"], "abc", None, {}])
def test_hostile_quantiles_by_class_are_refused(value: Any, tmp_path: Path) -> None:
    model = trained(300, "kind", by_class=True)
    model.facts["interval"]["by_class"] = value
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="its fact 'interval'"):
        fl.TableModel.load(tmp_path / "m.safetensors")
