"""Fixtures that several test modules share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS
from fallline.core.initializers import INITIALIZERS
from fallline.core.losses import LOSSES
from fallline.core.network import Network
from tests.forking import Forks, forks

ROOT = Path(__file__).parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261124)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT interrupts, which a shell has its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def registers() -> Iterator[None]:
    """Put the tables of activations, losses and initialisers back, which a test may add to."""
    tables = (ACTIVATIONS, LOSSES, INITIALIZERS)
    before = [dict(table) for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        if table != old:
            table.clear()
            table.update(old)


@pytest.fixture(scope="session")
def forking() -> Iterator[Forks | None]:
    """What runs commands as forks; None where the system has none, or none that are safe."""
    if not sys.platform.startswith("linux"):
        yield None
        return
    with forks() as found:
        yield found


@pytest.fixture
def cli(tmp_path: Path, forking: Forks | None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `fallline` as a user would, in a process and a folder of its own."""

    def run(*args: object, **more: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"} | more
        if forking is not None:
            return forking.run(args, tmp_path, environment)
        return subprocess.run(
            [sys.executable, "-m", "fallline", *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding=environment.get("PYTHONIOENCODING"),
            env=environment,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    return run


def shaken(network: Network, rng: np.random.Generator) -> Network:
    """The network with biases away from zero too."""
    network.parameters = network.parameters + rng.normal(0.0, 0.2, network.n_parameters)
    return network


def targets_for(network: Network, n: int, rng: np.random.Generator) -> Array:
    """Random targets that the network's loss allows, (n, n_outputs)."""
    Y = rng.random((n, network.sizes[-1]))
    return Y / Y.sum(axis=1, keepdims=True) if network.loss.task == "classes" else Y
