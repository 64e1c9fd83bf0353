"""Intervals, curves and tables of errors, each against a slow, obvious count."""

import numpy as np
import pytest

from fallline.data.columns import NumberColumn
from fallline.data.encoding import Encoding
from fallline.tabular import evaluation
from fallline.tabular.evaluation import (
    calibration,
    confusion,
    intervals,
    lead,
    residuals,
    roc_curve,
    weighted_scores,
)
from fallline.tabular.scoring import output_scores, trivial_scores

COLUMN = (NumberColumn("x", 0.0, 1.0, False),)
BINARY = Encoding("y", "binary", COLUMN, ("no", "yes"))
CLASSES = Encoding("y", "classes", COLUMN, ("a", "b", "c"))
NUMBERS = Encoding("y", "numbers", COLUMN, (), 10.0, 2.0)
COUNTS = Encoding("y", "counts", COLUMN, (), 0.0, 3.0)


def example(encoding: Encoding, rng, n: int = 60):
    """Targets and outputs, with ties among the outputs."""
    if encoding.task == "binary":
        output = np.round(rng.random((n, 1)), 1)
        return (rng.random(n) < output[:, 0]).astype(float), output
    if encoding.task == "classes":
        output = rng.dirichlet([1, 1, 1], n)
        return rng.integers(0, 3, n).astype(float), output
    if encoding.task == "counts":
        return rng.poisson(3, n) / 3.0, rng.random((n, 1)) + 0.5
    return rng.normal(size=n), rng.normal(size=(n, 1))


ALL = pytest.mark.parametrize(
    "encoding", [BINARY, CLASSES, NUMBERS, COUNTS], ids=lambda encoding: encoding.task
)


@ALL
def test_weights_are_repeated_rows(encoding: Encoding, rng) -> None:
    y, output = example(encoding, rng)
    scorers = weighted_scores(encoding, y, output)
    times = rng.integers(0, 4, (2, len(y)))
    scores = {name: scorer(times.astype(float)) for name, scorer in scorers.items()}
    for i in range(2):
        rows = np.repeat(np.arange(len(y)), times[i])
        expected = output_scores(encoding, y[rows], output[rows])
        assert set(expected) == set(scores)
        for name, value in expected.items():
            assert scores[name][i] == pytest.approx(value, rel=1e-9), name


@ALL
def test_intervals_hold_the_score(encoding: Encoding, rng) -> None:
    y, output = example(encoding, rng, 300)
    found = intervals(encoding, y, output)
    for name, value in output_scores(encoding, y, output).items():
        low, high = found[name]
        assert low < value < high
        assert intervals(encoding, y, output)[name] == (low, high)  # seeded


def test_an_interval_of_a_mean_is_as_theory_has_it(rng) -> None:
    y = (rng.random(2000) < 0.8).astype(float)
    low, high = intervals(BINARY, y, np.full((2000, 1), 0.9))["accuracy"]
    width = 2 * 1.96 * np.sqrt(0.8 * 0.2 / 2000)
    assert high - low == pytest.approx(width, rel=0.15)


def test_confusion(rng) -> None:
    y, output = example(CLASSES, rng)
    counts = confusion(CLASSES, y, output)
    for i in range(3):
        for j in range(3):
            assert counts[i, j] == sum((y == i) & (output.argmax(axis=1) == j))


def test_the_area_under_the_curve_is_the_score(rng) -> None:
    y, output = example(BINARY, rng, 150)
    false, true = roc_curve(y, output[:, 0])
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    area = np.trapezoid(true, false)
    assert area == pytest.approx(output_scores(BINARY, y, output)["roc_auc"])


def test_calibration(rng) -> None:
    p = rng.random((50_000, 1))
    y = (rng.random(50_000) < p[:, 0]).astype(float)
    good = calibration(BINARY, y, p)
    assert sum(good["rows"]) == 50_000
    assert good["error"] < 0.02
    assert calibration(BINARY, y, p**3)["error"] > 0.1
    assert calibration(CLASSES, *example(CLASSES, rng))["rows"] == [6] * 10
    few = calibration(BINARY, y[:3], p[:3])
    assert few["rows"] == [1, 1, 1]


def test_residuals(rng) -> None:
    y, output = example(NUMBERS, rng)
    error = 2.0 * (y - output[:, 0])
    found = residuals(NUMBERS, y, output)
    assert found["mean"] == pytest.approx(error.mean())
    assert found["worst_row"] == np.abs(error).argmax()
    assert found["quantiles"]["50 %"] == pytest.approx(np.median(error))


def test_trivial_scores() -> None:
    y = np.array([0.0, 0.0, 0.0, 1.0])
    scores = trivial_scores(BINARY, np.array([0.75, 0.25]), y)
    assert scores["accuracy"] == 0.75
    assert scores["log_loss"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert trivial_scores(NUMBERS, None, np.array([1.0, -1.0]))["rmse"] == 2.0
    assert trivial_scores(COUNTS, None, np.array([1.0, 1.0]))["deviance"] == 0.0


@ALL
def test_the_lead_of_many_rows_is_that_of_resampling_them(
    encoding: Encoding, rng, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, output = example(encoding, rng, n=evaluation.MANY_ROWS + 1)
    k = max(len(encoding.classes), 1)
    shares = None if encoding.task in ("numbers", "counts") else np.full(k, 1 / k)
    found = lead(encoding, y, output, shares)
    monkeypatch.setattr(evaluation, "MANY_ROWS", 10**9)
    drawn = lead(encoding, y, output, shares)
    width = drawn[1] - drawn[0]
    assert width > 0
    assert found == pytest.approx(drawn, abs=width / 10)
