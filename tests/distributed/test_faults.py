"""A cluster whose parts fail (`make test-long`): the same bits, or one clear sentence in time.

Workers live in network namespaces, so that cables can be cut; this needs Linux and root.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="cables are cut between network namespaces: that needs Linux, root and ip",
    ),
]
HOST, PORT, EPOCHS = "10.77.0.1", 18786, 60
ADDRESS = f"tcp://{HOST}:{PORT}"
SECONDS = 180.0  # in which a run has to end, in the one way or the other

RUN = """
import sys, time
import numpy as np
import fallline as fl
from fallline.distributed import client, train
rng = np.random.default_rng(0)
parts = [(rng.normal(size=(400, 5)), rng.integers(0, 2, 400).astype(float)) for _ in range(4)]
net = fl.Network([5, 8, 1], hidden="tanh", loss="binary_cross_entropy", seed=0)

def tell(progress):
    print("epoch", progress.epoch, flush=True)
    time.sleep(0.1)

try:
    history = train(
        net, parts, client=client.connect(sys.argv[1]), epochs=int(sys.argv[3]), batch_size=200,
        optimizer=fl.Adam(0.01), callbacks=[tell], seed=3, checkpoint=fl.Checkpoint(sys.argv[2]),
    )
    print("done", net.parameters.tobytes().hex(), flush=True)
except fl.FalllineError as error:
    print("error", type(error).__name__, " ".join(str(error).split()), flush=True)
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=20)


class Cluster:
    """A scheduler here, and two workers in namespaces of their own on one bridge."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ended = folder, False
        ip("link", "add", "fl-bridge", "type", "bridge")
        ip("addr", "add", f"{HOST}/24", "dev", "fl-bridge")
        ip("link", "set", "fl-bridge", "up")
        for n in (1, 2):
            ip("netns", "add", f"fl-{n}")
            ip("link", "add", f"fl-out{n}", "type", "veth", "peer", "name", f"fl-in{n}")
            ip("link", "set", f"fl-in{n}", "netns", f"fl-{n}")
            ip("link", "set", f"fl-out{n}", "master", "fl-bridge", "up")
            inside = ("netns", "exec", f"fl-{n}", "ip")
            ip(*inside, "addr", "add", f"10.77.0.{n + 1}/24", "dev", f"fl-in{n}")
            ip(*inside, "link", "set", f"fl-in{n}", "up")
            ip(*inside, "link", "set", "lo", "up")
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker(n) for n in (1, 2)]

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self.start(
            *("dask_scheduler", "--host", HOST, "--port", str(PORT), "--no-dashboard")
        )

    def start_worker(self, n: int, folder: Path | None = None) -> subprocess.Popen[bytes]:
        place = folder or self.folder / f"worker-{n}"
        return self.start(
            *("dask_worker", ADDRESS, "--nthreads", "1", "--no-nanny", "--no-dashboard"),
            *("--local-directory", str(place), "--host", f"10.77.0.{n + 1}"),
            before=("ip", "netns", "exec", f"fl-{n}"),
        )

    def start(self, module: str, *words: str, before: tuple[str, ...] = ()) -> Any:
        command = [*before, sys.executable, "-m", f"distributed.cli.{module}", *words]
        log = (self.folder / f"{module}-{time.monotonic_ns()}.log").open("wb")
        with log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def cable(self, n: int, state: str) -> None:
        """ "down" or "up": the cable of worker n."""
        ip("link", "set", f"fl-out{n}", state)

    def end(self) -> None:
        """Once is enough."""
        if self.ended:
            return
        self.ended = True
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        for n in (1, 2):
            subprocess.run(["ip", "netns", "del", f"fl-{n}"], check=False)
            subprocess.run(["ip", "link", "del", f"fl-out{n}"], check=False, stderr=-3)
        subprocess.run(["ip", "link", "del", "fl-bridge"], check=False)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    try:
        yield found
    finally:
        found.end()


class Run:
    """A training in a process of its own."""

    def __init__(self, folder: Path, checkpoint: str = "run.safetensors", epochs: int = EPOCHS):
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, ADDRESS, str(folder / checkpoint), str(epochs)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def until_epoch(self, epoch: int) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.split()[:2] == ["epoch", str(epoch)]:
                return
        raise AssertionError(f"the run ended before epoch {epoch}")

    def result(self) -> tuple[str, str]:
        """("done", the parameters) or ("error", the sentence), in time."""
        try:
            printed, _ = self.process.communicate(timeout=SECONDS - (time.monotonic() - self.began))
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"no end in {SECONDS:g} s") from None
        assert printed.strip(), "it died without a word"
        kind, _, text = printed.strip().splitlines()[-1].partition(" ")
        assert kind in ("done", "error"), printed[-300:]
        return kind, text


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The parameters of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    cluster = Cluster(folder)
    try:
        kind, found = Run(folder).result()
    finally:
        cluster.end()
    assert kind == "done", found
    return found


def cut_one(cluster: Cluster) -> None:
    cluster.cable(1, "down")
    time.sleep(10)
    cluster.cable(1, "up")


def cut_both(cluster: Cluster) -> None:
    for state in ("down", "up"):
        for n in (1, 2):
            cluster.cable(n, state)
        time.sleep(10 if state == "down" else 0)


def cut_for_good(cluster: Cluster) -> None:
    cluster.cable(2, "down")


def stop_for_half_a_minute(cluster: Cluster) -> None:
    cluster.workers[0].send_signal(signal.SIGSTOP)
    time.sleep(30)
    cluster.workers[0].send_signal(signal.SIGCONT)


def kill_one(cluster: Cluster) -> None:
    cluster.workers[1].kill()


def kill_both_and_start_one(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.kill()
    time.sleep(3)
    cluster.workers.append(cluster.start_worker(1))


def kill_the_scheduler(cluster: Cluster) -> None:
    cluster.scheduler.kill()


def restart_the_scheduler(cluster: Cluster) -> None:
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    time.sleep(1)
    cluster.scheduler = cluster.start_scheduler()


@pytest.mark.parametrize(
    "fault",
    [
        *(cut_one, cut_both, cut_for_good, stop_for_half_a_minute, kill_one),
        *(kill_both_and_start_one, kill_the_scheduler, restart_the_scheduler),
    ],
)
def test_the_same_bits_or_one_sentence(
    fault: Callable[[Cluster], None], cluster: Cluster, expected: str, tmp_path: Path
) -> None:
    run = Run(tmp_path)
    run.until_epoch(10)
    fault(cluster)
    kind, found = run.result()
    print(fault.__name__, kind, found[:200])
    if kind == "done":
        assert found == expected
        return
    assert found.startswith("ClusterError"), found
    cluster.end()
    again = Cluster(tmp_path)  # a cluster that works: the checkpoint goes on to the same bits
    try:
        assert Run(tmp_path).result() == ("done", expected)
    finally:
        again.end()


def test_a_worker_whose_disk_is_full(cluster: Cluster, expected: str, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], check=True)
    try:
        cluster.workers[0].kill()
        cluster.workers.append(cluster.start_worker(1, full / "scratch"))
        with (full / "filler").open("wb") as file, contextlib.suppress(OSError):
            file.write(b"0" * 10**6)
        assert Run(tmp_path).result() == ("done", expected)
    finally:
        cluster.end()
        subprocess.run(["umount", str(full)], check=False)
