"""Sweeps on a Dask cluster: same results, dead workers, addresses where nobody answers."""

import contextlib
import itertools
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

import fallline as fl
from fallline.core import activations
from fallline.errors import ClusterError, ParameterError, ShapeError
from fallline.sweeps.search import sweep

dask = pytest.importorskip("distributed", reason="Dask is not installed")
from fallline.distributed import train  # noqa: E402
from fallline.distributed.client import connect, local_client  # noqa: E402
from fallline.distributed.cluster_rows import ClusterRows  # noqa: E402
from fallline.distributed.worker import add  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of its many threads and ports

SETTINGS = {"hidden": [2, 5], "learning_rate": [0.01, 0.1], "epochs": 5, "optimizer": "adam"}


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(60, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def four_workers():
    with local_client(4) as client:
        yield client


@pytest.fixture
def cluster(four_workers):
    """The cluster with four workers again: one that a test killed is started anew.

    Dask's nanny does so at once, unless the worker died while it started.
    """
    for _ in range(30):
        with contextlib.suppress(TimeoutError):
            four_workers.wait_for_workers(4, timeout=3)
            return four_workers
        four_workers.cluster.scale(4)
    pytest.fail("the killed worker did not come back")


def kill_a_worker(client) -> None:
    _, pid = client.run(os.getpid).popitem()
    os.kill(pid, signal.SIGKILL)


def without_seconds(runs):
    return [{**run, "seconds": 0} for run in runs]


def test_a_path_is_no_checkpoint(problem) -> None:
    """Said before any cluster is asked, as by ``fallline.train``."""
    net = fl.Network([3, 2, 1], loss="binary_cross_entropy", seed=0)
    for way in (fl.train, train):
        with pytest.raises(ParameterError, match=r"Checkpoint\('run.safetensors', every=10\)"):
            way(net, *problem, checkpoint="run.safetensors")


def test_a_cluster_gives_what_one_machine_gives(cluster, problem, tmp_path) -> None:
    here = sweep(*problem, SETTINGS, seeds=20)
    log = tmp_path / "sweep.jsonl"
    there = sweep(*problem, SETTINGS, seeds=20, client=cluster, log=log)
    assert without_seconds(there.runs) == without_seconds(here.runs)
    assert there.network.parameters.tobytes() == here.network.parameters.tobytes()
    assert len(log.read_text().splitlines()) == 1 + 80


def test_halving_on_a_cluster(cluster, problem) -> None:
    settings = {**SETTINGS, "epochs": 20}
    here = sweep(*problem, settings, seeds=5, halving=2)
    there = sweep(*problem, settings, seeds=5, halving=2, client=cluster)
    assert without_seconds(there.runs) == without_seconds(here.runs)
    assert len(there.runs) == 5 * (4 + 2 + 1)


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


def test_something_else_answers_at_the_address() -> None:
    class Web(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.request.recv(1000)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        began = time.monotonic()
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
            connect(address, seconds=3.0)
        assert time.monotonic() - began < 10.0
        server.shutdown()


def test_nobody_at_the_address() -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        connect("tcp://127.0.0.1:9", seconds=2)
    assert time.monotonic() - began < 30


def test_workers_of_another_version(cluster, problem, monkeypatch) -> None:
    monkeypatch.setattr("fallline.distributed.client.__version__", "9.9")
    with pytest.raises(ClusterError, match=r"has Fallline 0.1.0, this is 9.9"):
        sweep(*problem, SETTINGS, client=cluster)


# ---- training on rows that are spread over the workers


def parts_of(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> list[tuple]:
    cuts = [0, 13, 14, 40, 50, len(X)]
    columns = [X, y] if weight is None else [X, y, weight]
    return [tuple(each[a:b] for each in columns) for a, b in itertools.pairwise(cuts)]


def network() -> fl.Network:
    return fl.Network([3, 5, 1], hidden="tanh", loss="binary_cross_entropy", seed=1)


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "weighted", "engine"),
    [
        (fl.Adam(0.01), 16, False, "compiled"),
        (fl.Adam(0.01), 16, True, "numpy"),
        (fl.GradientDescent(0.1, momentum=0.9), None, True, "compiled"),
        (fl.LBFGS(), None, False, "compiled"),
    ],
    ids=["mini-batches", "the reference", "full batch", "L-BFGS"],
)
def test_the_same_with_any_number_of_workers_and_as_on_one_machine(
    cluster, problem, rng, monkeypatch, optimizer, batch_size, weighted, engine
) -> None:
    X, y = problem
    weight = rng.integers(0, 3, len(X)) * 1.0 if weighted else None
    settings = {"optimizer": optimizer, "epochs": 3, "batch_size": batch_size, "l2": 0.01}
    every, found = ClusterRows.workers, {}
    for n, fan_out in ((1, 4), (2, 4), (4, 4), (4, 1), (3, 2)):
        monkeypatch.setattr(ClusterRows, "workers", lambda self, n=n: every(self)[:n])
        monkeypatch.setattr("fallline.distributed.cluster_rows.FAN_OUT", fan_out)
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


@pytest.mark.parametrize("n_parts", [1, 2, 5, 12, 13])
def test_sums_do_not_depend_on_who_adds(rng, n_parts) -> None:
    vectors = rng.normal(size=(n_parts, 3))
    found = set()
    for _ in range(20):
        actors = [{} for _ in range(rng.integers(1, n_parts + 1))]
        for number in rng.permutation(n_parts):
            nodes = actors[rng.integers(len(actors))]
            add(nodes, (number, number + 1), vectors[number].copy(), n_parts)
        whole = {}
        for nodes in actors:
            for node, vector in nodes.items():
                add(whole, node, vector, n_parts)
        assert list(whole) == [(0, n_parts)]
        np.testing.assert_allclose(whole[0, n_parts], vectors.sum(axis=0), rtol=1e-12)
        found.add(whole[0, n_parts].tobytes())
    assert len(found) == 1


def test_half_of_the_parts_is_one_vector(rng) -> None:
    nodes = {}
    for number in range(6, 12):
        add(nodes, (number, number + 1), rng.normal(size=3), 12)
    assert list(nodes) == [(6, 12)]


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


@pytest.mark.parametrize(
    ("kind", "fan_out"),
    [("arrays", 4), ("functions", 1)],
    ids=["arrays, side by side", "functions, in a row"],
)
def test_a_worker_dies_while_training(cluster, problem, monkeypatch, kind, fan_out) -> None:
    monkeypatch.setattr("fallline.distributed.cluster_rows.FAN_OUT", fan_out)
    parts = parts_of(*problem)
    if kind == "functions":
        parts = [partial(tuple, part) for part in parts]
    nets = [fl.Network([3, 4, 1], loss="binary_cross_entropy", seed=2) for _ in range(2)]
    train(nets[0], parts, client=cluster, epochs=12)
    killed = []

    def kill_one(progress: fl.Progress) -> None:
        if not killed:
            killed.append(True)
            kill_a_worker(cluster)

    train(nets[1], parts, client=cluster, epochs=12, callbacks=[kill_one])
    assert len(killed) == 1
    assert nets[1].parameters.tobytes() == nets[0].parameters.tobytes()


def test_a_new_worker_is_taken_in(cluster, problem, monkeypatch) -> None:
    monkeypatch.setattr("fallline.distributed.cluster_rows.LOOK_AROUND", 0.0)
    every, seen = ClusterRows.workers, []
    monkeypatch.setattr(ClusterRows, "workers", lambda self: every(self)[: 1 + len(seen) // 3])
    rows = []
    place = ClusterRows.place
    monkeypatch.setattr(ClusterRows, "place", lambda self: rows.append(place(self)) or rows[-1])
    nets = [network() for _ in range(2)]
    train(nets[0], parts_of(*problem), client=cluster, epochs=8, callbacks=[seen.append])
    assert len(rows[0]) == 1
    assert len(rows[-1]) > 1
    train(nets[1], parts_of(*problem), client=cluster, epochs=8)
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


def test_dask_frames(cluster, problem) -> None:
    pandas = pytest.importorskip("pandas")
    frames = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    X, y = problem
    weight = np.arange(len(X)) % 3
    table = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(y=y, w=weight)
    there = frames.from_pandas(table, npartitions=3)
    nets = [network() for _ in range(3)]
    cuts = np.cumsum([0, *there.map_partitions(len).compute()])
    parts = [(X[a:b], y[a:b], weight[a:b]) for a, b in itertools.pairwise(cuts)]
    train(nets[0], parts, client=cluster, epochs=3)
    train(nets[1], there, "y", sample_weight="w", client=cluster, epochs=3)
    features = there[["a", "b", "c"]]
    train(nets[2], features, there["y"], sample_weight=there["w"], client=cluster, epochs=3)
    for net in nets[1:]:
        assert net.parameters.tobytes() == nets[0].parameters.tobytes()
    with pytest.raises(ParameterError, match="no column 'z'; there are a, b, c, y, w"):
        train(nets[0], there, "z", client=cluster)


def test_parts_with_different_columns(cluster, problem) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = problem
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    renamed = frame.rename(columns={"c": "d"})
    with pytest.raises(
        ShapeError, match=r"part 1 .* has the columns a, b, d, the first one a, b, c"
    ):
        train(network(), [(frame, y), (renamed, y)], client=cluster, epochs=1)
    frames = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    delayed = pytest.importorskip("dask").delayed
    parts = [delayed(each.assign(y=y)) for each in (frame, renamed)]
    there = frames.from_delayed(parts, meta=frame.assign(y=y), verify_meta=False)
    with pytest.raises(
        ShapeError, match=r"part 1 .* has the columns a, b, d, the first one a, b, c"
    ):
        train(network(), there, "y", client=cluster, epochs=1)


def test_functions_that_give_their_part_where_it_is_kept(cluster, problem) -> None:
    X, y = problem
    nets = [network() for _ in range(2)]
    train(nets[0], parts_of(X, y), client=cluster, epochs=3)
    train(nets[1], [partial(tuple, part) for part in parts_of(X, y)], client=cluster, epochs=3)
    assert nets[1].parameters.tobytes() == nets[0].parameters.tobytes()


def test_an_activation_that_the_workers_do_not_know(cluster, problem) -> None:
    fl.register_activation("of_my_own", lambda Z: 2 * Z, lambda Z, A: 2.0 + 0 * Z)
    try:
        net = fl.Network([3, 2, 1], hidden="of_my_own", loss="binary_cross_entropy")
        with pytest.raises(ParameterError, match="have to be registered on the workers too"):
            train(net, parts_of(*problem), client=cluster, epochs=1)
    finally:
        del activations.ACTIVATIONS["of_my_own"]


def test_a_part_that_cannot_be_made(cluster) -> None:
    def broken():
        raise ZeroDivisionError("no rows today")

    with pytest.raises(ClusterError, match="ZeroDivisionError: no rows today"):
        train(network(), [broken], client=cluster, epochs=1)


def test_validation_chooses_the_best_epoch(cluster, problem) -> None:
    X, y = problem
    nets = [network() for _ in range(2)]
    settings = {
        "optimizer": fl.Adam(0.3),
        "epochs": 60,
        "validation": (X[:20], y[:20]),
        "stop": fl.Patience(5),
    }
    here = fl.train(nets[0], X[20:], y[20:], batch_size=40, engine="numpy", **settings)
    there = train(nets[1], [(X[20:45], y[20:45]), (X[45:], y[45:])], client=cluster, **settings)
    assert there.best_epoch == here.best_epoch < there.epochs_done == here.epochs_done < 60
    np.testing.assert_allclose(there.validation_loss, here.validation_loss, rtol=1e-9)
    np.testing.assert_allclose(nets[1].parameters, nets[0].parameters, rtol=1e-9, atol=1e-12)


def test_a_cluster_of_ours_listens_on_the_loopback_only(cluster) -> None:
    info = cluster.scheduler_info(n_workers=-1)
    assert info["address"].startswith("tcp://127.0.0.1:")
    assert len(info["workers"]) == 4
    for address, worker in info["workers"].items():
        assert address.startswith("tcp://127.0.0.1:")
        assert worker["nanny"].startswith("tcp://127.0.0.1:")


# ---- scheduler and workers that were started apart, over TCP or TLS


class Processes:
    """A scheduler and workers, as from `dask scheduler` and `dask worker`."""

    def __init__(self, protocol: str = "tcp", options: tuple[str, ...] = ()) -> None:
        self.options = ("--protocol", protocol, "--no-dashboard", *options)
        self.started: list[subprocess.Popen] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"{protocol}://127.0.0.1:{port}"
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", str(port))

    def add_workers(self, n: int) -> None:
        for _ in range(n):
            self.start(
                "worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny"
            )

    def start(self, what: str, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.started[::-1]:
            process.kill()
            process.wait()


def test_clusters_side_by_side_do_not_contend_for_a_port(cluster) -> None:
    with local_client(1) as other:  # warnings are errors
        assert other.submit(abs, -3).result() == 3


def test_the_death_of_the_scheduler_leaves_a_checkpoint(cluster, problem, tmp_path) -> None:
    X, y = problem
    nets = [network() for _ in range(2)]
    train(nets[0], parts_of(X, y), client=cluster, epochs=8, batch_size=20)
    settings = {
        "epochs": 8,
        "batch_size": 20,
        "checkpoint": fl.Checkpoint(tmp_path / "run.safetensors"),
    }

    def kill_the_scheduler(progress: fl.Progress) -> None:
        if progress.epoch == 4:
            apart.scheduler.kill()

    with Processes() as apart:
        apart.add_workers(2)
        with connect(apart.address, seconds=30) as client:
            client.wait_for_workers(2, timeout=60)
            with pytest.raises(ClusterError, match=r"scheduler .* gone .*run.safetensors"):
                train(
                    nets[1], parts_of(X, y), client=client, callbacks=[kill_the_scheduler],
                    **settings,
                )  # fmt: skip
            assert sweep(*problem, SETTINGS).runs  # without the cluster, all else goes on
    fresh = network()
    history = train(fresh, parts_of(X, y), client=cluster, **settings)
    assert history.epochs_done == 8
    assert fresh.parameters.tobytes() == nets[0].parameters.tobytes()


def test_started_apart_over_tls(problem, tmp_path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    own = authority.issue_cert("127.0.0.1", "localhost")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    ca, certificate, key = (
        str(tmp_path / name) for name in ("authority.pem", "certificate.pem", "key.pem")
    )
    security = dask.Security(
        tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
    )
    options = ("--tls-ca-file", ca, "--tls-cert", certificate, "--tls-key", key)
    with Processes("tls", options) as apart:
        apart.add_workers(2)
        with connect(apart.address, seconds=30, security=security) as client:
            client.wait_for_workers(2, timeout=60)
            assert all(address.startswith("tls://") for address in client.nthreads())
            found = sweep(*problem, SETTINGS, seeds=10, client=client)
            net = network()
            train(net, parts_of(*problem), client=client, epochs=3, batch_size=20)
        with pytest.raises(ClusterError, match="Dask needs its certificates"):
            connect(apart.address, seconds=5)
        stranger = trustme.CA().issue_cert("127.0.0.1")
        stranger.private_key_and_cert_chain_pem.write_to_path(tmp_path / "stranger.pem")
        other = dask.Security(
            tls_ca_file=ca, tls_client_cert=str(tmp_path / "stranger.pem"), require_encryption=True
        )
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            connect(apart.address, seconds=2, security=other)
    assert without_seconds(found.runs) == without_seconds(sweep(*problem, SETTINGS, seeds=10).runs)
    here = network()
    fl.train(here, *problem, epochs=3, batch_size=20, engine="numpy")
    np.testing.assert_allclose(net.parameters, here.parameters, rtol=1e-9, atol=1e-12)
