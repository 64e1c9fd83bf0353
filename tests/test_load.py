"""Load (`make test-long`): hours at full speed shortened to minutes, memory and handles flat."""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="memory and handles are read from /proc"),
]
SECONDS = float(os.environ.get("FALLLINE_SOAK", "60"))
GROWTH = 4_000_000  # bytes, that a loop may take more at its end than after its first tenth


def in_use() -> tuple[int, int, int]:
    """Bytes of memory, open files, threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    return pages * os.sysconf("SC_PAGE_SIZE"), files, threading.active_count()


def repeat(work: Callable[[], object], seconds: float, at_least: int) -> int:
    """Repeat, and hold what is in use at the end against that after a tenth; the repetitions."""
    began, done = time.monotonic(), 0
    before: tuple[int, int, int] | None = None
    while time.monotonic() - began < seconds or done < at_least:
        work()
        done += 1
        if before is None and time.monotonic() - began > seconds / 10 and done >= at_least / 10:
            before = in_use()
    after = in_use()
    assert before is not None
    assert after[0] - before[0] < GROWTH, (before, after, done)
    assert after[1:] == before[1:], (before, after, done)
    return done


def test_predicting_at_full_speed_takes_no_more_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 6))
    columns = {f"x{i}": X[:, i] for i in range(6)} | {"y": np.where(X[:, 0] > 0, "a", "b")}
    model = fl.train_table(pl.DataFrame(columns), "y", preset="quick", epochs=2)
    predictor, row = fl.Predictor(model.network), np.zeros(model.network.sizes[0])

    def rows() -> None:
        for _ in range(10_000):
            predictor.predict_proba(row)

    assert repeat(rows, SECONDS, 20) > 20
    frame = pl.DataFrame(columns).head(500)
    assert repeat(lambda: model.predict(frame).to_frame(), SECONDS, 50) > 50
    path = tmp_path / "t.csv"
    frame.write_csv(path)
    assert repeat(lambda: model.predict(path).columns(), SECONDS, 50) > 50


def test_ten_thousand_runs_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(512, 4))
    y = (X[:, 0] * X[:, 1] > 0).astype(float)

    def run() -> None:
        net = fl.Network([4, 8, 1], hidden="tanh", loss="binary_cross_entropy", seed=0)
        fl.train(net, X, y, epochs=2, batch_size=32, optimizer=fl.Adam(0.01), threads=2)

    assert repeat(run, 0.0, 10_000) == 10_000


def sweep_of(n_seeds: int, table: Path, log: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "fallline", "sweep", str(table), "--target", "y"),
        *("--grid", "hidden=2|3|4|5|6 epochs=1|2|3|4 learning_rate=0.01|0.1|0.3|1|3"),
        *("--seeds", str(n_seeds), "--log", str(log), "--json"),
    ]


def test_a_sweep_of_100_000_networks_killed_ten_times(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 2))
    table = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": (X[:, 0] * X[:, 1]).round(3)})
    table.write_csv(tmp_path / "t.csv")
    log, n_runs = tmp_path / "log.jsonl", 100 * 1_000
    command = sweep_of(1_000, tmp_path / "t.csv", log)
    chance, kills = random.Random(0), 0
    while kills < 10:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(1.0, 4.0))
        if process.poll() is not None:
            break  # it was done before
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3_000)
    assert kills == 10, "the sweep was too quick to be killed ten times"
    found = json.loads(done.stdout)
    runs = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    keys = {json.dumps([run[name] for name in ("hidden", "epochs", "learning_rate", "seed")])
            for run in runs if "seed" in run}  # fmt: skip
    assert len(keys) == n_runs
    whole = subprocess.run(
        sweep_of(1_000, tmp_path / "t.csv", tmp_path / "whole.jsonl"),
        capture_output=True, text=True, check=True, timeout=3_000,
    )  # fmt: skip
    for each in (found, expected := json.loads(whole.stdout)):
        each.pop("seconds")
        each["best"].pop("seconds")
    assert found == expected
