"""Fallline's estimators against scikit-learn's: fit, predict of one row, of 100,000 rows."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets, neural_network
from timing import alternate

import fallline as fl

FITS = (  # name, data, parameters; epochs are few, so that a round stays short
    ("iris, 4-100-3, adam, 200 epochs", "iris", {}),
    ("iris, 4-100-3, lbfgs", "iris", {"solver": "lbfgs"}),
    ("digits, 64-100-10, adam, 20 epochs", "digits", {"max_iter": 20}),
    ("digits, 64-100-10, sgd, 20 epochs", "digits", {"solver": "sgd", "max_iter": 20}),
    ("digits, 64-100-10, lbfgs, 30 iterations", "digits", {"solver": "lbfgs", "max_iter": 30}),
    (
        "50,000 x 20, 20-64-64-1, adam, 3 epochs",
        "large",
        {"hidden_layer_sizes": (64, 64), "max_iter": 3},
    ),
    (
        "50,000 x 20, 20-64-64-1, adam, batches of 32, 1 epoch",
        "large",
        {"hidden_layer_sizes": (64, 64), "max_iter": 1, "batch_size": 32},
    ),
    (
        "50,000 x 20, 20-64-64-1, lbfgs, 5 iterations",
        "large",
        {"hidden_layer_sizes": (64, 64), "max_iter": 5, "solver": "lbfgs"},
    ),
)
NAMES = ("scikit-learn", "Fallline, auto", "Fallline, compiled")


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y by name."""
    if name == "large":
        return datasets.make_classification(50_000, 20, n_informative=10, random_state=0)
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X / X.max(), y


def fits(rounds: int) -> list[str]:
    """One line for each fit: milliseconds, and how many times as fast as scikit-learn."""
    lines = [f"| fit | {' ms | '.join(NAMES)} ms | auto | compiled |", "|---|---|---|---|---|---|"]
    for title, name, given in FITS:
        X, y = data(name)
        settings = {"random_state": 0, "n_iter_no_change": 10**6, **given}
        candidates = {
            NAMES[0]: fit_of(neural_network.MLPClassifier(**settings), X, y),
            NAMES[1]: fit_of(fl.MLPClassifier(**settings), X, y),
            NAMES[2]: fit_of(fl.MLPClassifier(**settings, engine="compiled"), X, y),
        }
        lines.append(line(title, [1000 * t for t in alternate(candidates, rounds).values()]))
    return lines


def fit_of(model: Any, X: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    """A fit, to be timed."""
    return lambda: model.fit(X, y)


def line(title: str, values: list[float]) -> str:
    """Times, and the first over each of the others."""
    ratios = [f"{values[0] / value:.1f}x" for value in values[1:]]
    cells = [title, *(f"{value:.1f}" for value in values), *ratios]
    return f"| {' | '.join(cells)} |"


def predictions(rounds: int) -> list[str]:
    """One row in microseconds (the mean of 500 calls), 100,000 rows in milliseconds."""
    X, y = data("large")
    settings = {"hidden_layer_sizes": (64, 64), "max_iter": 1, "random_state": 0}
    models = [
        package.MLPClassifier(**settings).fit(X[:2000], y[:2000])
        for package in (neural_network, fl)
    ]
    row, rows = X[:1].copy(), np.tile(X, (2, 1))
    lines = ["| 20-64-64-1 | scikit-learn | Fallline | |", "|---|---|---|---|"]
    for method in ("predict_proba", "predict"):
        calls = [repeated(getattr(model, method), row) for model in models]
        times = alternate(dict(zip(("theirs", "ours"), calls, strict=True)), rounds)
        lines.append(line(f"{method}, 1 row, us", [1e6 * t / 500 for t in times.values()]))
        calls = [once(getattr(model, method), rows) for model in models]
        times = alternate(dict(zip(("theirs", "ours"), calls, strict=True)), rounds)
        lines.append(line(f"{method}, 100,000 rows, ms", [1e3 * t for t in times.values()]))
    return lines


def repeated(method: Callable[[Any], Any], row: np.ndarray) -> Callable[[], object]:
    """500 predictions, to be timed."""
    return lambda: [method(row) for _ in range(500)]


def once(method: Callable[[Any], Any], rows: np.ndarray) -> Callable[[], object]:
    """One prediction, to be timed."""
    return lambda: method(rows)


def run(rounds: int = 5) -> str:
    """Time all; the result as Markdown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_lines, predict_lines = fits(rounds), predictions(rounds)
    title = "### Estimators against scikit-learn's\n"
    return "\n".join([title, *fit_lines, "", *predict_lines])


if __name__ == "__main__":
    print(run())
