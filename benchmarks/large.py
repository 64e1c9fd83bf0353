"""Training on a table larger than memory: how much memory it takes.

    python benchmarks/large.py [--gib 5] [--folder /tmp] [--write benchmarks/LARGE.md]

Makes a Parquet file of 20 columns of random doubles and a target, of about so many GiB, trains one
epoch on it by `fallline train`, predicts it, and prints the size, the time and the peak memory
(resident, as the system counted it) of both commands.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

ROWS_AT_ONCE = 1_000_000
COLUMNS = 20


def make(path: Path, gib: float) -> int:
    """Write the file in pieces, and join them; returns its rows."""
    n_rows = round(gib * 2**30 / (8 * (COLUMNS + 1)))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for piece, start in enumerate(range(0, n_rows, ROWS_AT_ONCE)):
            rng = np.random.default_rng(piece)
            X = rng.normal(size=(min(ROWS_AT_ONCE, n_rows - start), COLUMNS))
            y = X[:, :5].sum(axis=1) + np.sin(3 * X[:, 5]) + rng.normal(0, 0.1, len(X))
            frame = pl.DataFrame({f"x{i}": X[:, i] for i in range(COLUMNS)} | {"y": y})
            frame.write_parquet(f"{folder}/{piece:05}.parquet")
        pl.scan_parquet(f"{folder}/*.parquet").sink_parquet(path)
    return n_rows


def measured(*command: str) -> tuple[float, float]:
    """Seconds and peak resident memory in MiB of a command, run as a process of its own."""
    code = (
        "import resource, subprocess, sys, time; began = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(time.perf_counter() - began, "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    ).stdout
    seconds, memory = output.split()
    return float(seconds), float(memory)


def main() -> None:
    """Make, train, predict, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gib", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    path = options.folder / "fallline-large.parquet"
    model, predicted = path.with_suffix(".safetensors"), path.with_suffix(".predicted.parquet")
    me = [sys.executable, "-m", "fallline"]
    try:
        n_rows = make(path, options.gib)
        size = os.path.getsize(path) / 2**30
        print(f"{path}: {n_rows:,} rows x {COLUMNS + 1} columns, {size:.2f} GiB", flush=True)
        small = [
            "--large",
            "--hidden",
            "16",
            "--epochs",
            "1",
            "--batch-size",
            "1024",
            "--seed",
            "0",
        ]
        train = measured(*me, "train", str(path), "--target", "y", "-o", str(model), *small)
        print(f"train, 1 epoch: {train[0]:.0f} s, peak {train[1]:.0f} MiB", flush=True)
        predict = measured(*me, "predict", str(model), str(path), "-o", str(predicted))
        print(f"predict: {predict[0]:.0f} s, peak {predict[1]:.0f} MiB", flush=True)
    finally:
        for made in (path, model, predicted):
            made.unlink(missing_ok=True)
    if options.write:
        options.write.write_text(
            f"# A table larger than memory\n\nBy `benchmarks/large.py --gib {options.gib:g}`: "
            f"{n_rows:,} rows x {COLUMNS + 1} columns\nof doubles, {size:.2f} GiB of Parquet.\n\n"
            "| command | seconds | peak resident memory, MiB |\n| --- | --- | --- |\n"
            f"| train, one epoch, 20-16-1 | {train[0]:.0f} | {train[1]:.0f} |\n"
            f"| predict, to Parquet | {predict[0]:.0f} | {predict[1]:.0f} |\n"
        )


if __name__ == "__main__":
    main()
