"""Fitted estimators are exported as they predict: on rows of numbers."""

import json
import shutil
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fallline as fl
from fallline.exporting.describe import describe

ENDINGS = [".py", ".json", ".c", ".mjs", ".sql", ".onnx"]
NEEDS = {".c": "cc", ".mjs": "node"}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    X[:, 1] = 7.0  # the same in all rows: a preset leaves it out
    X[:, 2] = rng.choice([0.0, 0.0, 1.0, rng.normal()], 200)
    y = X[:, 0] + X[:, 2] ** 2
    sort = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
    several = np.stack([y > 0, X[:, 0] > 0, X[:, 3] > 1], axis=1).astype(int)
    frame = pd.DataFrame(X, columns=["a", "b'\"", "class", "x0"])
    short = {"max_iter": 60, "solver": "lbfgs", "random_state": 0}
    return {
        "binary": fl.MLPClassifier(5, activation="logistic", **short).fit(X, y > 0),
        "classes": fl.MLPClassifier((5, 4), **short).fit(frame, sort),
        "labels": fl.MLPClassifier(5, **short).fit(X, several),
        "float32": fl.MLPRegressor(hidden_layer_sizes=5, **short).fit(X.astype(np.float32), y),
        "two numbers": fl.MLPRegressor(hidden_layer_sizes=5, **short).fit(
            X, np.stack([y, -y], axis=1)
        ),
        "preset": fl.MLPClassifier(preset="quick", random_state=0).fit(X, sort),
        "preset number": fl.MLPRegressor(preset="quick", random_state=0).fit(frame, y * 100),
    }


NAMES = ["binary", "classes", "labels", "float32", "two numbers", "preset", "preset number"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_estimator_is_proven(
    ending: str, name: str, fitted: dict[str, Any], tmp_path: Path
) -> None:
    if ending in NEEDS and shutil.which(NEEDS[ending]) is None:
        pytest.skip(f"there is no {NEEDS[ending]}")
    made = fl.export(fitted[name], tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.difference is not None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_module_predicts_as_the_estimator(
    name: str, fitted: dict[str, Any], tmp_path: Path
) -> None:
    model = fitted[name]
    fl.export(model, tmp_path / "m.py")
    module = run_path(str(tmp_path / "m.py"))
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 4)).astype(np.float32)
    given = X
    if hasattr(model, "feature_names_in_"):
        given = pd.DataFrame(X, columns=list(model.feature_names_in_))
    expected, found = model.predict(given), module["predict"](X.tolist())
    if isinstance(model, fl.MLPClassifier):
        assert found == expected.tolist()
        shares = [list(row.values()) for row in module["probabilities"](X.tolist())]
        np.testing.assert_allclose(shares, model.predict_proba(given), rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="each row must be 4 finite numbers"):
        module["predict"]([[1.0, 2.0]])
    with pytest.raises(ValueError, match="finite numbers|number is missing"):
        module["predict"]([[1.0, 2.0, 3.0, float("nan")]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_json_has_the_columns_of_a_preset(fitted: dict[str, Any], tmp_path: Path) -> None:
    fl.export(fitted["preset"], tmp_path / "m.json")
    encoding = json.loads((tmp_path / "m.json").read_text())["encoding"]
    assert encoding["classes"] == ["high", "low", "mid"]
    assert [column["kind"] for column in encoding["columns"]] == ["number", "skip"] + ["number"] * 2
    assert "binned" in encoding["columns"][0]


def test_only_what_is_fitted(tmp_path: Path) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        fl.export(fl.MLPClassifier(), tmp_path / "m.py")


def test_an_estimators_columns_are_called_by_its_names(fitted: dict[str, Any]) -> None:
    assert [c.name for c in describe(fitted["classes"]).columns] == ["a", "b'\"", "class", "x0"]
    assert [c.name for c in describe(fitted["binary"]).columns] == ["x0", "x1", "x2", "x3"]
