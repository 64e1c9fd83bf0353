"""Connections to a Dask cluster.

A client is found or made here, and the versions of the workers are checked.
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


PATIENCE, PAUSE = 20, 0.5  # how often workers that do not answer are asked, and seconds in between


def connect(address: str, seconds: float = 10.0, security: Any = None) -> Any:
    """A client of the scheduler at ``address``, such as "tcp://10.0.0.1:8786" or "tls://...".

    ``security`` : a ``distributed.Security`` with the certificates for TLS; by default those that
    Dask's own configuration names. Raises ClusterError if nothing answers within ``seconds``.
    """
    distributed = load_dask()
    try:
        # A client that finds something other than a scheduler never finishes closing.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, greet(address, seconds, security)).result()
        return distributed.Client(address, timeout=seconds, set_as_default=False, security=security)
    except (OSError, TimeoutError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):  # it reads the first bytes as the length of a message
            reason = "what answers there speaks another protocol"
        hint = "is it running, and is the address right? (dask scheduler prints it)"
        if address.startswith("tls:"):
            hint += "; with TLS, Dask needs its certificates (docs/how-to/dask.md)"
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
    """A client of a cluster of ``n_workers`` processes on this machine, which ends with the block.

    It listens on the loopback address only, and has no dashboard. Each process imports the running
    script again, so in a script the call belongs under ``if __name__ == "__main__":``. Raises
    ClusterError if the processes do not start.
    """
    distributed = load_dask()
    try:
        cluster = distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            processes=True,
            host="127.0.0.1",
            # its HTTP server uses any free port; several clusters would compete for the default,
            # 8787
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
    """The given client, or the current one. Raises ClusterError if there is none."""
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
    """Dask's distributed, or an error that says how to install it."""
    try:
        import distributed
    except ImportError as error:
        raise ClusterError("a cluster needs Dask: pip install 'fallline[dask]'") from error
    return distributed


def version_there() -> str | None:
    """The version of Fallline on a worker."""
    try:
        import fallline
    except ImportError:
        return None
    return fallline.__version__


def versions(client: Any) -> dict[str, Any]:
    """The answer of each worker, version or error, without workers that have just died.

    The scheduler notices a death a moment later, so if none answers they are asked again.
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
    """Raise ClusterError unless every worker has this version of Fallline."""
    found = versions(client)
    if not found:
        raise ClusterError(
            "the cluster has no worker that answers; start some with: dask worker ADDRESS"
        )
    for worker, version in found.items():
        if isinstance(version, Exception):  # without the package, the function cannot be unpickled
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
