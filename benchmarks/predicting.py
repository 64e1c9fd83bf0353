"""`fallline predict` on a Parquet file of 20 columns, against reading it and the bare products.

The command is timed whole on two files; the difference is what a million rows more cost, without
the start. To reach: 60 % of the speed of reading plus the products. A network without bins is held
against its products; the default one, whose columns have bins, is timed beside it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import polars as pl
from timing import alternate

import fallline as fl

MILLION, ROUNDS, ROWS_AT_ONCE = 1_000_000, 3, 2048
NAMES = [f"x{i}" for i in range(20)]


def make(folder: Path) -> None:
    """Files of one and three million rows, and two networks trained on some."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(MILLION, len(NAMES)))
    frame = pl.DataFrame(dict(zip(NAMES, X.T, strict=True)))
    frame.write_parquet(folder / "one.parquet")
    pl.concat([frame] * 3).write_parquet(folder / "three.parquet")
    some = frame.head(20_000).with_columns(y=pl.col("x0") * pl.col("x1"))
    some.write_parquet(folder / "some.parquet")
    train = ("train", "some.parquet", "--target", "y", "--epochs", "3", "-q")
    command(*train, "--bins", "0", "--hidden", "64,64", "-o", "plain", at=folder)
    command(*train, "-o", "default", at=folder)


def command(*words: str, at: Path) -> None:
    """Run fallline."""
    subprocess.run([sys.executable, "-m", "fallline", *words], cwd=at, check=True)


def predict(model: str, table: str, folder: Path) -> None:
    """To a Parquet file."""
    command("predict", model, table, "-o", "p.parquet", "-q", at=folder)


def bare(folder: Path) -> None:
    """Read, and multiply, block by block."""
    weights = [layer.W for layer in fl.load(folder / "plain").layers]
    X = pl.read_parquet(folder / "one.parquet").to_numpy(order="c").astype(weights[0].dtype)
    for begin in range(0, len(X), ROWS_AT_ONCE):
        A = X[begin : begin + ROWS_AT_ONCE]
        for W in weights:
            A = A @ W


def main() -> None:
    """Time all in turn and print the result as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        runs: dict[str, Callable[[], None]] = {
            "products": lambda: bare(folder),
            "one": lambda: predict("plain", "one.parquet", folder),
            "three": lambda: predict("plain", "three.parquet", folder),
            "default, one": lambda: predict("default", "one.parquet", folder),
            "default, three": lambda: predict("default", "three.parquet", folder),
        }
        products, one, three, default_one, default_three = alternate(runs, ROUNDS).values()
        sizes = "-".join(map(str, fl.load(folder / "default").sizes))
    more, default_more = (three - one) / 2, (default_three - default_one) / 2
    print("### fallline predict, Parquet to Parquet, 20 columns, 20-64-64-1, float32\n")
    print("| work | seconds |\n|---|---|")
    print(f"| reading 1,000,000 rows and the bare products, one thread | {products:.2f} |")
    print(f"| fallline predict, 1,000,000 rows, with its start | {one:.2f} |")
    print(f"| each 1,000,000 rows more | {more:.2f} |")
    print(f"| the same by the default network, {sizes} | {default_more:.2f} |")
    print(f"\nIts speed is {products / more:.0%} of that of reading and the products.\n")


if __name__ == "__main__":
    main()
