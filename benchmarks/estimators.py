"""Fallline's estimators against scikit-learn's: fit, predict of one row, of 100,000 rows."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets, neural_network
from timing import apart, serve

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
PREDICTIONS = (  # name, method, rows, seconds of the unit
    ("predict_proba, 1 row, us", "predict_proba", 1, 500e-6),
    ("predict_proba, 100,000 rows, ms", "predict_proba", 100_000, 1e-3),
    ("predict, 1 row, us", "predict", 1, 500e-6),
    ("predict, 100,000 rows, ms", "predict", 100_000, 1e-3),
)
PACKAGES = {"scikit-learn": neural_network, "Fallline": fl}


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y by name."""
    if name == "large":
        return datasets.make_classification(50_000, 20, n_informative=10, random_state=0)
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X / X.max(), y


def fit_of(package: Any, name: str, given: dict[str, Any]) -> Callable[[], object]:
    """A fit, to be timed."""
    X, y = data(name)
    model = package.MLPClassifier(**{"random_state": 0, "n_iter_no_change": 10**6, **given})
    return lambda: model.fit(X, y)


def prediction_of(package: Any, method: str, n_rows: int) -> Callable[[], object]:
    """500 predictions of a row, or one of many rows, to be timed."""
    X, y = data("large")
    settings = {"hidden_layer_sizes": (64, 64), "max_iter": 1, "random_state": 0}
    model = package.MLPClassifier(**settings).fit(X[:2000], y[:2000])
    call, rows = getattr(model, method), np.resize(X, (n_rows, X.shape[1]))
    return lambda: [call(rows) for _ in range(500 if n_rows == 1 else 1)]


def candidates() -> dict[str, Callable[[int], Callable[[], object]]]:
    """Every work by both packages, as "work: package"."""
    made = {
        f"{title}: {package}": lambda threads, m=module, n=name, g=given: fit_of(m, n, g)
        for title, name, given in FITS
        for package, module in PACKAGES.items()
    }
    return made | {
        f"{title}: {package}": lambda threads, m=module, c=call, n=n_rows: prediction_of(m, c, n)
        for title, call, n_rows, _ in PREDICTIONS
        for package, module in PACKAGES.items()
    }


def line(title: str, rounds: int, threads: int, unit: float) -> str:
    """The times of both, and how many times as fast Fallline is."""
    medians = apart([f"{title}: {package}" for package in PACKAGES], rounds, threads)
    theirs, ours = (seconds / unit for seconds in medians.values())
    return f"| {title} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.1f}x |"


def main(rounds: int = 7) -> None:
    """Time all on all cores, each in a process of its own; print Markdown."""
    warnings.simplefilter("ignore")
    serve(candidates())
    threads = os.cpu_count() or 1
    heads = f"| {' | '.join(PACKAGES)} | |\n|---|---|---|---|"
    print(f"### Estimators against scikit-learn's, {threads} threads\n\n| fit, ms {heads}")
    for title, _, _ in FITS:
        print(line(title, rounds, threads, 1e-3), flush=True)
    print(f"\n| 20-64-64-1 {heads}")
    for title, _, _, unit in PREDICTIONS:
        print(line(title, rounds, threads, unit), flush=True)


if __name__ == "__main__":
    main()
