"""Sweeps on a Dask cluster: same results, dead workers, addresses where nobody answers."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fallline as fl
from fallline.errors import ClusterError, ParameterError, ShapeError
from fallline.sweeps import sweep

dask = pytest.importorskip("distributed", reason="Dask is not installed")
from fallline.cluster import connect  # noqa: E402
from fallline.distributed import train  # noqa: E402
from fallline.distributed.rows import ClusterRows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of its many threads and ports

SETTINGS = {"hidden": [2, 5], "learning_rate": [0.01, 0.1], "epochs": 5, "optimizer": "adam"}


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(60, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def four_workers():
    with (
        dask.LocalCluster(
            n_workers=4,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        dask.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def cluster(four_workers):
    four_workers.wait_for_workers(4)  # one that a test killed is started anew
    return four_workers


def kill_a_worker(client) -> None:
    _, pid = client.run(os.getpid).popitem()
    os.kill(pid, signal.SIGKILL)


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
            killed.append(True)
            kill_a_worker(cluster)

    found = sweep(*problem, settings, seeds=20, client=cluster, progress=kill_one)
    assert len(killed) == 1
    assert without_seconds(found.runs) == without_seconds(expected.runs)


def test_nobody_at_the_address() -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        connect("tcp://127.0.0.1:9", seconds=2)
    assert time.monotonic() - began < 30


def test_workers_of_another_version(cluster, problem, monkeypatch) -> None:
    monkeypatch.setattr("fallline.cluster.__version__", "9.9")
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


# ---- training on rows that are spread over the workers


def parts_of(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> list[tuple]:
    cuts = [0, 13, 14, 40, 50, len(X)]
    columns = [X, y] if weight is None else [X, y, weight]
    return [tuple(each[a:b] for each in columns) for a, b in itertools.pairwise(cuts)]


def network() -> fl.Network:
    return fl.Network([3, 5, 1], hidden="tanh", loss="binary_cross_entropy", seed=1)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("optimizer", "batch_size", "weighted"),
    [
        (fl.Adam(0.01), 16, False),
        (fl.Adam(0.01), 7, True),
        (fl.GradientDescent(0.1, momentum=0.9), None, True),
        (fl.LBFGS(), None, False),
    ],
    ids=["mini-batches", "weights", "full batch", "L-BFGS"],
)
def test_the_same_with_any_number_of_workers_and_as_on_one_machine(
    cluster, problem, rng, monkeypatch, optimizer, batch_size, weighted, engine
) -> None:
    X, y = problem
    weight = rng.integers(0, 3, len(X)) * 1.0 if weighted else None
    settings = {"optimizer": optimizer, "epochs": 6, "batch_size": batch_size, "l2": 0.01}
    every, found = ClusterRows.workers, {}
    for n, fan_out in ((1, 4), (2, 4), (4, 4), (4, 2), (4, 1), (3, 2)):
        monkeypatch.setattr(ClusterRows, "workers", lambda self, n=n: every(self)[:n])
        monkeypatch.setattr("fallline.distributed.rows.FAN_OUT", fan_out)
        net = network()
        history = train(net, parts_of(X, y, weight), client=cluster, engine=engine, **settings)
        found[n, fan_out] = net.parameters.tobytes(), tuple(history.loss)
    assert len(set(found.values())) == 1
    alone = network()
    settings["batch_size"] = batch_size or len(X)
    here = fl.train(alone, X, y, engine="numpy", sample_weight=weight, **settings)
    error = np.linalg.norm(net.parameters - alone.parameters) / np.linalg.norm(alone.parameters)
    assert error < 1e-12
    np.testing.assert_allclose(history.loss, here.loss, rtol=1e-12)


def test_a_checkpoint_goes_on_to_the_same_bits(cluster, problem, tmp_path) -> None:
    X, y = problem
    nets = [fl.Network([3, 4, 1], loss="binary_cross_entropy", seed=2) for _ in range(3)]
    common = {"client": cluster, "batch_size": 20, "seed": 4}
    train(nets[0], parts_of(X, y), epochs=6, **common)
    checkpoint = fl.Checkpoint(tmp_path / "run.safetensors", every=2)
    stop = lambda progress: progress.history.epochs_done == 4  # noqa: E731
    train(nets[1], parts_of(X, y), epochs=6, checkpoint=checkpoint, callbacks=[stop], **common)
    train(nets[2], parts_of(X, y), epochs=6, checkpoint=checkpoint, **common)
    assert nets[2].parameters.tobytes() == nets[0].parameters.tobytes()


def test_a_worker_dies_while_training(cluster, problem) -> None:
    X, y = problem
    nets = [fl.Network([3, 4, 1], loss="binary_cross_entropy", seed=2) for _ in range(2)]
    train(nets[0], parts_of(X, y), client=cluster, epochs=12)
    killed = []

    def kill_one(progress: fl.training.Progress) -> None:
        if not killed:
            killed.append(True)
            kill_a_worker(cluster)

    train(nets[1], parts_of(X, y), client=cluster, epochs=12, callbacks=[kill_one])
    assert len(killed) == 1
    assert nets[1].parameters.tobytes() == nets[0].parameters.tobytes()


def test_parts_that_do_not_fit(cluster, problem) -> None:
    X, y = problem
    net = fl.Network([3, 4, 1], loss="binary_cross_entropy")
    with pytest.raises(ShapeError, match="one column per input"):
        train(net, [(X, y), (X[:, :2], y)], client=cluster, epochs=1)
    with pytest.raises(ParameterError, match="list of pairs"):
        train(net, [(X, y, y, y)], client=cluster, epochs=1)
    with pytest.raises(ShapeError, match="no parts"):
        train(net, [], client=cluster, epochs=1)


def test_dask_arrays(cluster, problem) -> None:
    array = pytest.importorskip("dask.array", reason="dask.array is not installed")
    X, y = problem
    nets = [fl.Network([3, 4, 1], loss="binary_cross_entropy", seed=2) for _ in range(2)]
    train(
        nets[0],
        [(X[:25], y[:25]), (X[25:50], y[25:50]), (X[50:], y[50:])],
        client=cluster,
        epochs=5,
    )
    X_there, y_there = array.from_array(X, chunks=(25, 3)), array.from_array(y, chunks=25)
    train(nets[1], X_there, y_there, client=cluster, epochs=5)
    assert nets[1].parameters.tobytes() == nets[0].parameters.tobytes()
    with pytest.raises(ShapeError, match="rechunk"):
        train(nets[1], X_there, y_there.rechunk(20), client=cluster, epochs=5)
    with pytest.raises(ParameterError, match="Dask array"):
        train(nets[1], X, y, client=cluster, epochs=5)
