"""Sweeps on a Dask cluster: the workers share the runs; the data is sent once.

A group of runs that differ only in seed and learning rate is cut into pieces of about a second;
each is one task. If a worker dies, its pieces run elsewhere.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from typing import Any

from fallline.distributed.client import check_versions, load_dask
from fallline.errors import ClusterError
from fallline.sweeps.runs import SweepData, run_jobs

__all__ = ["Spreading"]

TRIES = 5  # of pieces that were lost with their data


PIECE = 16  # runs


class Spreading:
    """Distributes runs over a client's workers; the data is sent once, and again if lost."""

    def __init__(self, client: Any) -> None:
        self.distributed = load_dask()
        check_versions(client)
        self.client, self.data = client, None

    def __call__(
        self, problem: SweepData, groups: list[list[dict[str, Any]]]
    ) -> Iterator[list[dict[str, Any]]]:
        """The results of all runs, piece by piece as they end. Raises ClusterError."""
        left = [group[i : i + PIECE] for group in groups for i in range(0, len(group), PIECE)]
        for _ in range(TRIES):
            left = yield from self.all_once(problem, left)
            if not left:
                return
            self.data = None
        raise ClusterError(
            f"{len(left)} pieces of the sweep were lost {TRIES} times with the workers; with a "
            "log the same sweep continues from here"
        )

    def all_once(
        self, problem: SweepData, pieces: list[list[dict[str, Any]]]
    ) -> Generator[list[dict[str, Any]], None, list[list[dict[str, Any]]]]:
        """Run the pieces; returns those that were lost with the data they need."""
        if self.data is None:  # under a new name: Dask may still be deleting an old one
            self.data = self.client.scatter(problem, broadcast=True, hash=False)
        futures = {
            self.client.submit(run_jobs, self.data, piece, 1, pure=False): piece for piece in pieces
        }
        lost = []
        try:
            for future in self.distributed.as_completed(futures, loop=self.client.loop):
                try:
                    yield future.result()
                except CancelledError as error:
                    if self.client.status != "running":
                        raise ClusterError(
                            "the scheduler is gone; with a log the same sweep continues from here"
                        ) from error
                    lost.append(futures[future])
                except Exception as error:
                    raise ClusterError(
                        f"a piece of the sweep failed on the cluster: {error}"
                    ) from error
        finally:
            self.client.cancel(list(futures))
        return lost
