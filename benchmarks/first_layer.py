"""The first layer of a table's network by lookup, against the same layer as a matrix product.

An epoch of 15,000 rows of 10 columns in 48 bins each, 490-128-128-1 with silu, dropout and AdamW,
batches of 256, float32, one thread; then prediction of these rows by that network, and by eight of
them made one. Dense rows are what any other library would be given.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from timing import alternate

import fallline as fl
from fallline.core.compact import CompactRows
from fallline.data.binning import binned_column
from fallline.data.columns import NumberColumn
from fallline.data.compact import compact_numbers
from fallline.engine import predict_proba
from fallline.tabular.ensemble import merged

ROWS, COLUMNS, BINS, EPOCHS, ROUNDS = 15_000, 10, 48, 4, 7


def made() -> tuple[CompactRows, np.ndarray]:
    """Rows of normal numbers in bins, and targets."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(ROWS, COLUMNS))
    columns = [
        binned_column(NumberColumn(f"x{i}", 0.0, 1.0, False), X[:, i], BINS) for i in range(COLUMNS)
    ]
    return compact_numbers(columns, X, np.dtype("float32")), X[:, 0] * X[:, 1]


def network(n_features: int, seed: int = 0) -> fl.Network:
    """The default network of a table."""
    sizes = [n_features, 128, 128, 1]
    return fl.Network(sizes, hidden="silu", loss="squared_error", seed=seed, dtype="float32")


def main() -> None:
    """Measure and print."""
    rows, y = made()
    X = np.asarray(rows)
    n_features = X.shape[1]
    one = network(n_features)
    eight = merged([network(n_features, seed) for seed in range(8)], [1 / 8] * 8)

    def train(inputs: object) -> None:
        fl.train(
            network(n_features), inputs, y, epochs=EPOCHS, batch_size=256, dropout=0.15,
            optimizer=fl.AdamW(1e-3), record_every=EPOCHS, threads=1,
        )  # fmt: skip

    took = alternate(
        {
            "train, dense": lambda: train(X),
            "train, looked up": lambda: train(rows),
            "predict, dense": lambda: one.predict_proba(X),
            "predict, looked up": lambda: predict_proba(one, rows),
            "predict by 8, dense": lambda: eight.predict_proba(X),
            "predict by 8, looked up": lambda: predict_proba(eight, rows),
        },
        ROUNDS,
    )
    print(f"{ROWS:,} rows, {COLUMNS} columns, {n_features} features, 128-128, float32, 1 thread")
    for name, seconds in took.items():
        training = name.startswith("train")
        figure = seconds / EPOCHS * 1e3 if training else seconds / ROWS * 1e6
        print(f"{name:<24} {figure:6.2f} {'ms an epoch' if training else 's a million rows'}")
    for what in ("train", "predict", "predict by 8"):
        ratio = took[f"{what}, dense"] / took[f"{what}, looked up"]
        print(f"{what}: by lookup {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
