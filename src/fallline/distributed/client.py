"""Sweeps on a Dask cluster: runs are spread over the workers, the data is sent once.

A group of runs that differ in seed and learning rate only is cut into pieces of about a second;
each is one task. A worker that dies loses the pieces it was at, which run elsewhere.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from fallline import __version__
from fallline.errors import ClusterError

__all__ = ["check_versions", "connect", "current_client", "load_dask", "local_client"]


PATIENCE, PAUSE = 20, 0.5  # how often workers that do not answer are asked, and seconds between


def connect(address: str, seconds: float = 10.0, security: Any = None) -> Any:
    """A client of the scheduler at ``address``, such as "tcp://10.0.0.1:8786" or "tls://...".

    ``security`` : a ``distributed.Security`` with the certificates for TLS; by default those that
    Dask's own configuration names. Raises ClusterError where nobody answers within ``seconds``.
    """
    distributed = load_dask()
    try:
        # A client that finds something else than a scheduler is never done with closing.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, greet(address, seconds, security)).result()
        return distributed.Client(address, timeout=seconds, set_as_default=False, security=security)
    except (OSError, TimeoutError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):  # it takes the first bytes for the length of a message
            reason = "what answers there speaks another protocol"
        hint = "is it running, and is the address right? (dask scheduler prints it)"
        if address.startswith("tls:"):
            hint += "; with TLS, Dask needs to be told its certificates (docs/how-to/dask.md)"
        raise ClusterError(
            f"no Dask scheduler answers at {address} within {seconds:g} s ({reason}); {hint}"
        ) from error


async def greet(address: str, seconds: float, security: Any) -> None:
    """Connect, shake hands as Dask's processes do, and hang up."""
    distributed = load_dask()
    security = security or distributed.Security()
    connection = await distributed.comm.connect(
        address, timeout=seconds, **security.get_connection_args("client")
    )
    await connection.close()


@contextmanager
def local_client(n_workers: int, threads_per_worker: int = 1) -> Iterator[Any]:
    """A client of a cluster of so many processes on this machine, which ends with the block.

    It listens on the loopback address only, and has no dashboard. Each process reads the script
    that is run anew, so there the call belongs under ``if __name__ == "__main__":``. Raises
    ClusterError where the processes do not start.
    """
    distributed = load_dask()
    try:
        cluster = distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            processes=True,
            host="127.0.0.1",
            # its HTTP server takes any free port; by default 8787, for which several would contend
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        raise ClusterError(
            f"the worker processes did not start ({error}); in a script, put what uses them under "
            'if __name__ == "__main__":'
        ) from error
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


def current_client(client: Any = None) -> Any:
    """The client given, or the one that is current. Raises ClusterError where there is none."""
    if client is not None:
        return client
    distributed = load_dask()
    try:
        return distributed.get_client()
    except ValueError as error:
        raise ClusterError(
            "there is no Dask client: make one in this program, client = "
            "distributed.Client(ADDRESS), before the call (functions of fallline.distributed take "
            "it as client= too)"
        ) from error


def load_dask() -> Any:
    """Dask's distributed, or a word on how to get it."""
    try:
        import distributed
    except ImportError as error:
        raise ClusterError("a cluster needs Dask: pip install 'fallline[dask]'") from error
    return distributed


def version_there() -> str | None:
    """What version of Fallline a worker has."""
    try:
        import fallline
    except ImportError:
        return None
    return fallline.__version__


def versions(client: Any) -> dict[str, Any]:
    """What each worker answers, version or error; one that died just now is left out.

    The scheduler knows of a death a moment later, so where none answers they are asked again.
    """
    for _ in range(PATIENCE):
        found: dict[str, Any] = client.run(version_there, on_error="return")
        alive = {
            worker: answer
            for worker, answer in found.items()
            if not isinstance(answer, OSError | TimeoutError)
        }
        if alive or not found:
            return alive
        time.sleep(PAUSE)
    return {}


def check_versions(client: Any) -> None:
    """Every worker has this version of Fallline. Raises ClusterError."""
    found = versions(client)
    if not found:
        raise ClusterError(
            "the cluster has no worker that answers; start some with: dask worker ADDRESS"
        )
    for worker, version in found.items():
        if isinstance(version, Exception):  # without the package, the function cannot be read
            raise ClusterError(
                f"worker {worker} cannot run Fallline ({version}); install "
                f"fallline=={__version__} on each"
            ) from version
        if version != __version__:
            has = "no Fallline" if version is None else f"Fallline {version}"
            raise ClusterError(
                f"worker {worker} has {has}, this is {__version__}; "
                "install the same version on every worker"
            )
