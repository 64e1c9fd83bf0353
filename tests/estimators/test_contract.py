"""scikit-learn's own checks of an estimator, and those it does not generate for networks."""

import subprocess
import sys
import warnings
from collections import Counter

import pytest
from sklearn.utils import estimator_checks

from fallline import MLPClassifier, MLPRegressor

SKIPPED = {  # what scikit-learn skips for its own two classes
    "MLPClassifier": {
        "check_array_api_input",
        "check_classifiers_multilabel_output_format_decision_function",
    },
    "MLPRegressor": {"check_array_api_input"},
}
PASSED = {"MLPClassifier": 65, "MLPRegressor": 59}  # with 1.9.1, of its own classes


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_check_estimator(estimator) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(estimator(), on_fail="raise", on_skip=None)
    count = Counter(result["status"] for result in results)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= SKIPPED[estimator.__name__]
    assert set(count) <= {"passed", "skipped"}
    assert count["passed"] >= PASSED[estimator.__name__]


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        (MLPClassifier, "check_param_validation"),
        (MLPClassifier, "check_dataframe_column_names_consistency"),
        (MLPClassifier, "check_class_weight_classifiers"),
        (MLPClassifier, "check_classifier_multioutput"),
        (MLPRegressor, "check_param_validation"),
        (MLPRegressor, "check_dataframe_column_names_consistency"),
        (MLPRegressor, "check_regressor_multioutput"),
    ],
)
def test_checks_that_are_not_generated(estimator, check: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, check)(estimator.__name__, estimator())


def test_without_scikit_learn_the_error_says_what_to_install() -> None:
    code = """
import importlib.metadata as m
real = m.version
def version(name):
    if name == "scikit-learn":
        raise m.PackageNotFoundError(name)
    return real(name)
m.version = version
import fallline
from fallline import *
try:
    fallline.MLPClassifier
except ImportError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "it is not installed" in result.stdout
    assert "pip install 'fallline[sklearn]'" in result.stdout
