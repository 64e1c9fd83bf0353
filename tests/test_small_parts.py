"""Metrics, splits, text and limits."""

import numpy as np
import pytest

from fallline import text
from fallline.core import metrics
from fallline.core.splits import holdout
from fallline.errors import ParameterError
from fallline.limits import LIMITS, check_choice, check_integer, check_number


def test_r2_and_errors() -> None:
    y, p = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    assert metrics.r2(y, y) == 1.0
    assert metrics.r2(y, np.full(3, 2.0)) == 0.0
    assert metrics.r2(y, p) == -1.0
    assert metrics.r2(np.ones(3), np.ones(3)) == 1.0
    assert metrics.r2(np.ones(3), p) == 0.0
    assert metrics.root_mean_squared_error(y, p) == pytest.approx(np.sqrt(4 / 3))
    assert metrics.mean_absolute_error(y, p) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.array([1, 0, 1]), np.array([1, 1, 1])) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.eye(2), np.array([[1, 0], [0, 0]])) == 0.5


def test_roc_auc_equals_counting_pairs(rng: np.random.Generator) -> None:
    y, score = rng.integers(0, 2, 60), rng.integers(0, 8, 60)
    pairs = [(p, n) for p in score[y == 1] for n in score[y == 0]]
    counted = np.mean([1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs])
    assert metrics.roc_auc(y, score) == pytest.approx(counted, rel=1e-12)
    assert metrics.roc_auc(np.ones(3), np.arange(3.0)) is None


def test_holdout_takes_its_share_of_each_class() -> None:
    strata = np.array([0] * 80 + [1] * 20 + [2])
    kept, held = holdout(101, 0.15, np.random.default_rng(0), strata)
    assert sorted([*kept, *held]) == list(range(101))
    assert [int((strata[held] == k).sum()) for k in range(3)] == [12, 3, 0]
    kept, held = holdout(2, 0.01, np.random.default_rng(0))
    assert (len(kept), len(held)) == (1, 1)


def test_holdout_repeats_with_the_seed() -> None:
    parts = [holdout(50, 0.2, np.random.default_rng(seed))[1].tolist() for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


def test_tables_and_matrices_align() -> None:
    lines = text.table(("name", "value"), [("a", "1.5"), ("long", "10")]).split("\n")
    assert lines == ["name  value", "----  -----", "a       1.5", "long     10"]
    assert text.matrix(np.array([[1.0, -0.0]])) == "[ 1.000000  0.000000 ]"
    assert "... 80 rows more ..." in text.matrix(np.zeros((92, 2)))
    assert text.matrix(np.zeros((1, 20))).count("0.000000") == 8


@pytest.mark.parametrize("name", [n for n, limit in LIMITS.items() if not limit.integer])
def test_no_number_lets_through_nonsense(name: str) -> None:
    for value in (float("nan"), float("inf"), "1", None, True, 1j):
        with pytest.raises(ParameterError, match=f"{name} must be a number"):
            check_number(name, value)


def test_messages_come_from_the_table() -> None:
    with pytest.raises(ParameterError, match=r"^momentum must be a number at least 0 and below 1,"):
        check_number("momentum", 1)
    with pytest.raises(ParameterError, match=r"^epochs must be a whole number at least 0, not 1.5"):
        check_integer("epochs", 1.5)
    with pytest.raises(ParameterError, match="did you mean 'adam'"):
        check_choice("optimizer", "Adam", ("adam", "sgd"))
    assert check_integer("epochs", np.int64(3)) == 3
