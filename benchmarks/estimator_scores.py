"""Test scores of Fallline's estimators and scikit-learn's, with the same parameters and seeds.

Each data set is split ten times; both classes are fitted on the same rows with the same seed, for
each solver. Printed are means and standard errors over the seeds, and the mean difference. Tables
that are not part of scikit-learn are read from a folder given as argument; those that are not
there are left out.
"""

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets, neural_network
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fallline as fl

SEEDS = range(10)
ROWS = 3000
SETTINGS = {
    "adam": {"max_iter": 60},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02, "max_iter": 60},
    "lbfgs": {"solver": "lbfgs", "max_iter": 60, "alpha": 0.1},
}


@dataclass(frozen=True)
class Table:
    """A file without or with a header; ``target`` is a column's name, or -1 for the last."""

    file: str
    target: str | int
    header: bool
    classes: bool


TABLES = (
    Table("adult-train.csv", -1, False, True),
    Table("titanic_train.csv", "Survived", True, True),
    Table("magic04.data", "10", True, True),
    Table("letter-recognition.data", "Letter", True, True),
    Table("mnist_5k.csv.gz", -1, False, True),
    Table("winequality-white.csv", -1, False, False),
    Table("auto_imports.csv", -1, False, False),
    Table("california_housing.csv", "median_house_value", True, False),
)
LEFT_OUT = ("Name", "Ticket", "Cabin", "PassengerId")


def of_scikit_learn() -> Iterator[tuple[str, Any, Any, bool]]:
    """Name, X, y and whether y are classes."""
    for name, classes in (
        ("digits", True),
        ("breast_cancer", True),
        ("wine", True),
        ("diabetes", False),
    ):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        yield name, X, y.to_numpy(), classes


def of_folder(folder: Path) -> Iterator[tuple[str, Any, Any, bool]]:
    """The tables of the folder that are there."""
    for table in TABLES:
        path = folder / table.file
        if not path.exists():
            continue
        frame = pd.read_csv(
            path, header=0 if table.header else None, na_values="?", skipinitialspace=True
        )
        target = frame.columns[-1] if table.target == -1 else table.target
        frame = frame.dropna(subset=[target])
        frame = frame.sample(min(ROWS, len(frame)), random_state=0)
        y = frame[target].to_numpy()
        frame = frame.drop(columns=[target, *(c for c in LEFT_OUT if c in frame.columns)])
        frame.columns = frame.columns.astype(str)
        yield path.name.split(".")[0], frame, y, table.classes


def prepared(X: Any, train: Any, test: Any) -> tuple[Any, Any]:
    """Numbers scaled, text one-hot, both fitted to the training rows."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (text, make_column_selector(dtype_exclude="number")),
    )
    return columns.fit_transform(X.iloc[train]), columns.transform(X.iloc[test])


def scores(X: Any, y: Any, classes: bool, settings: dict[str, Any]) -> np.ndarray:
    """Test scores (n_seeds, 2): scikit-learn's and ours."""
    name = "MLPClassifier" if classes else "MLPRegressor"
    result = []
    for seed in SEEDS:
        train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed)
        X_train, X_test = prepared(X, train, test)
        middle, width = (0.0, 1.0) if classes else (y[train].mean(), y[train].std())
        y_train, y_test = y[train], y[test]
        if not classes:
            y_train, y_test = (y_train - middle) / width, (y_test - middle) / width
        pair = [
            getattr(package, name)(random_state=seed, **settings).fit(X_train, y_train)
            for package in (neural_network, fl)
        ]
        result.append([model.score(X_test, y_test) for model in pair])
    return np.array(result)


def row(name: str, solver: str, values: np.ndarray) -> str:
    """One line of the table."""
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    gap = (values[:, 1] - values[:, 0]).mean()
    cells = [f"{m:.4f} ± {e:.4f}" for m, e in zip(mean, error, strict=True)]
    return f"| {name} | {solver} | {cells[0]} | {cells[1]} | {gap:+.5f} |"


def main() -> None:
    """Print the table as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path())
    folder = parser.parse_args().folder
    warnings.simplefilter("ignore")
    print("| data | solver | scikit-learn | Fallline | difference |\n|---|---|---|---|---|")
    for name, X, y, classes in (*of_scikit_learn(), *of_folder(folder)):
        for solver, settings in SETTINGS.items():
            print(row(name, solver, scores(X, y, classes, settings)), flush=True)


if __name__ == "__main__":
    main()
