"""Sweeps on a Dask cluster: same results, dead workers, addresses where nobody answers."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fallline.errors import ClusterError
from fallline.sweeps import sweep

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
from fallline.distributed import connect  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of its many threads and ports

SETTINGS = {"hidden": [2, 5], "learning_rate": [0.01, 0.1], "epochs": 5, "optimizer": "adam"}


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(60, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def without_seconds(runs):
    return [{**run, "seconds": 0} for run in runs]


def test_a_cluster_gives_what_one_machine_gives(cluster, problem, tmp_path) -> None:
    here = sweep(*problem, SETTINGS, seeds=20)
    log = tmp_path / "sweep.jsonl"
    there = sweep(*problem, SETTINGS, seeds=20, client=cluster, log=log)
    assert without_seconds(there.runs) == without_seconds(here.runs)
    assert there.network.parameters.tobytes() == here.network.parameters.tobytes()
    assert len(log.read_text().splitlines()) == 1 + 80


def test_a_dead_worker_loses_its_own_runs_only(cluster, problem) -> None:
    settings = {**SETTINGS, "epochs": 4000}
    expected = sweep(*problem, settings, seeds=20)
    killed = []

    def kill_one(done: int, of: int) -> None:
        if not killed:
            info = cluster.scheduler_info()["workers"]
            killed.append(cluster.run(os.getpid, workers=[next(iter(info))]).popitem()[1])
            os.kill(killed[0], signal.SIGKILL)

    found = sweep(*problem, settings, seeds=20, client=cluster, progress=kill_one)
    assert len(killed) == 1
    assert without_seconds(found.runs) == without_seconds(expected.runs)


def test_nobody_at_the_address() -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        connect("tcp://127.0.0.1:9", seconds=2)
    assert time.monotonic() - began < 30


def test_workers_of_another_version(cluster, problem, monkeypatch) -> None:
    monkeypatch.setattr("fallline.distributed.__version__", "9.9")
    with pytest.raises(ClusterError, match=r"has Fallline 0.1.0, this is 9.9"):
        sweep(*problem, SETTINGS, client=cluster)


@pytest.mark.long
def test_scheduler_and_workers_started_apart(problem) -> None:
    python = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*python, "--host", "127.0.0.1", "--port", "18786", "--no-dashboard"]
    )
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "tcp://127.0.0.1:18786"]
    workers = [subprocess.Popen([*worker, "--nthreads", "1", "--no-dashboard"]) for _ in range(2)]
    try:
        with connect("tcp://127.0.0.1:18786", seconds=30) as client:
            client.wait_for_workers(2)
            found = sweep(*problem, SETTINGS, seeds=10, client=client)
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait()
    assert without_seconds(found.runs) == without_seconds(sweep(*problem, SETTINGS, seeds=10).runs)
