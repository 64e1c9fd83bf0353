"""Rows on a cluster as seen by the process that trains: gradients of batches."""

import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.dropout import NO_DROPOUT, Dropout
from fallline.core.network import Network
from fallline.distributed.client import check_versions
from fallline.distributed.parts import (
    Architecture,
    Encoder,
    PartSource,
    check_columns,
    prepare_part,
    sources_of,
)
from fallline.distributed.worker import Losses, Nodes, Place, WorkerActor, add
from fallline.engine.loop import computes
from fallline.errors import ClusterError, DataError, FalllineError, ParameterError, ShapeError

__all__ = ["ClusterRows"]

TRIES = 5  # of a step whose worker died
FAN_OUT = 4  # actors that one process sends to; these send theta on to the others
LOOK_AROUND = 5.0  # seconds between two looks for workers that are new
# Errors of a call whose worker is gone: no connection, no result, no such actor.
LOST = (OSError, CancelledError, RuntimeError, KeyError)
Member = tuple[Any, Place, frozenset[int]]  # an actor, its address, its parts
PATIENCE = 60.0  # seconds without any worker


class ClusterRows:
    """The parts on the cluster, and gradients over them.

    If a worker dies, its parts are made again on the remaining workers, and the step is repeated.
    New workers are added between two epochs.
    """

    def __init__(
        self,
        client: Any,
        network: Network,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        encode: Encoder | None = None,
    ) -> None:
        check_versions(client)
        self.client, self.network = client, network
        self.architecture = Architecture.of(network)
        self.sources = [
            replace(source, encode=encode) for source in sources_of(client, X, y, sample_weight)
        ]
        if not self.sources:
            raise ShapeError("there are no parts, so no rows to train on")
        self.compiled, self.dropout = False, NO_DROPOUT
        self.places: list[str | None] = [None] * len(self.sources)
        self.parts: list[Any] = [None] * len(self.sources)
        self.actors: list[Any] = []
        self.roots: list[tuple[Any, frozenset[int]]] = []
        self.n_workers, self.looked_at = 0, time.monotonic()
        self.direct = reachable(client, self.workers())
        facts = self.with_retries(self.facts)
        check_columns([columns for _, _, columns in facts])
        lengths = np.array([n for n, _, _ in facts])
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        if len(self) == 0:
            raise ShapeError("the parts have no rows to train on")
        self.mass = math.fsum(mass for _, mass, _ in facts)
        if self.mass == 0:
            raise DataError("sample_weight is 0 in every row; at least one must be above 0")

    def __len__(self) -> int:
        return int(self.ends[-1])

    def use_engine(self, engine: str) -> None:
        """The engine of the workers: "numpy", "compiled", or "auto" for the best available.

        "auto" does not depend on the length of the run, unlike on one machine, so that an extended
        run keeps its bits. Raises ParameterError if the compiled engine is asked for and does not
        serve.
        """
        serves = computes(self.network)
        if engine == "compiled" and not serves:
            raise ParameterError(
                "engine='compiled' does not have this network's functions; use 'auto' or 'numpy'"
            )
        self.compiled = serves if engine == "auto" else engine == "compiled"

    def use_dropout(self, rate: float, seed: int) -> None:
        """Use dropout with this ``rate`` in the following steps."""
        self.dropout = Dropout(rate, seed)

    def facts(self) -> list[tuple[int, float, tuple[str, ...] | None]]:
        """What each part is like."""
        self.place()
        tasks = [self.client.submit(facts_of, part, pure=False) for part in self.parts]
        return list(self.client.gather(tasks))

    # ---- a step

    def gradient(self, batch: Array | None, step: int | None = None) -> tuple[float, Array, float]:
        """The mean loss over the rows of ``batch`` (None: all), its gradient, and their mass.

        With the dropout of ``step``, if there is any.
        """
        rows = None if batch is None else self.by_part(batch)
        theta = np.array(self.network.parameters)
        losses, nodes = self.with_retries(lambda: self.ask(theta, rows, step))
        (gradient,) = nodes.values()
        mass = math.fsum(mass for mass, _ in losses.values())
        loss = math.fsum(loss for _, loss in losses.values())
        return (loss / mass, gradient / mass, mass) if mass > 0 else (0.0, 0.0 * gradient, 0.0)

    def by_part(self, batch: Array) -> dict[int, Array]:
        """Each part's row numbers among those of the batch, in the batch's order."""
        part = np.searchsorted(self.ends, batch, side="right")
        order = np.argsort(part, kind="stable")
        local = (batch - self.starts[part])[order].astype(np.int32)
        cuts = np.searchsorted(part[order], np.arange(len(self.ends) + 1))
        return {p: local[low:high] for p, (low, high) in enumerate(pairwise(cuts))}

    def ask(
        self, theta: Array, rows: Mapping[int, Array] | None, step: int | None
    ) -> tuple[Losses, Nodes]:
        """Losses by part, and the one sum of the gradients, from the actors."""
        if not self.roots:
            self.settle()
        with self.as_current():
            answers = [
                actor.gradient(theta, rows if rows is None else {p: rows[p] for p in parts}, step)
                for actor, parts in self.roots
            ]
            losses: Losses = {}
            nodes: Nodes = {}
            for answer in answers:
                more_losses, more = answer.result()
                losses |= more_losses
                for node, vector in more.items():
                    add(nodes, node, vector, len(self.parts))
        return losses, nodes

    def with_retries(self, work: Any) -> Any:
        """The result of some work on the cluster, which is set up again if a worker died.

        Raises the error about the rows, or ClusterError.
        """
        for attempt in range(TRIES):
            try:
                return work()
            except FalllineError:
                raise
            except Exception as error:
                self.roots, self.actors = [], []
                if self.client.status != "running":
                    raise ClusterError(
                        f"the scheduler is gone ({error or type(error).__name__})"
                    ) from error
                if attempt == TRIES - 1 or not isinstance(error, LOST):
                    raise ClusterError(
                        f"the cluster did not finish its work: {type(error).__name__}: {error}"
                    ) from error
                time.sleep(0.1 * 3**attempt)
        raise AssertionError

    def seconds_computing(self) -> list[float]:
        """How long each worker has computed gradients since the actors were made."""
        with self.as_current():
            actors = self.client.gather(self.actors)
            return [actor.seconds_computing().result() for actor in actors]

    # ---- which worker has what

    def look_around(self) -> None:
        """Add new workers, if they can be used."""
        if time.monotonic() - self.looked_at < LOOK_AROUND:
            return
        self.looked_at = time.monotonic()
        if self.n_workers < len(self.parts) and len(self.workers()) > self.n_workers:
            self.roots, self.actors = [], []

    def workers(self) -> list[str]:
        """The addresses of the workers. Raises ClusterError if there is none for a minute."""
        end = time.monotonic() + PATIENCE
        while not (found := sorted(self.client.nthreads())):
            if time.monotonic() > end:
                raise ClusterError(
                    f"the cluster has had no workers for {PATIENCE:g} s; "
                    "start some with: dask worker ADDRESS"
                )
            time.sleep(0.2)
        return found

    def place(self) -> dict[str, list[int]]:
        """The assignment of parts to workers, neighbours together; missing parts are made.

        Dask repeats what it can make by itself, and moves what is on another worker.
        """
        workers = self.workers()
        used = workers[: len(self.sources)]
        cuts = np.linspace(0, len(self.sources), len(used) + 1).round().astype(int)
        shares = {
            worker: list(range(*ends)) for worker, ends in zip(used, pairwise(cuts), strict=True)
        }
        for worker, numbers in shares.items():
            for number in numbers:
                source, place = self.sources[number], self.places[number]
                if place is None or (source.local and place not in workers):
                    self.parts[number] = self.made_at(worker, number, source)
                    self.places[number] = worker
        self.n_workers = len(used)
        return shares

    def made_at(self, worker: str, number: int, source: PartSource) -> Any:
        """A future of a part.

        Unless its rows come from this process, Dask can repeat it by itself.
        """
        rows = source.rows
        if source.local:
            rows = self.client.scatter([rows], workers=[worker], direct=self.direct, hash=False)[0]
        bare = replace(source, rows=None)
        return self.client.submit(
            prepare_part, self.architecture, number, bare, rows,
            workers=[worker], allow_other_workers=True, pure=False,
        )  # fmt: skip

    def settle(self) -> None:
        """Make the actors, and tell each which ones are below it."""
        shares = self.place()
        futures = [
            self.client.submit(
                WorkerActor, self.architecture, self.compiled, len(self.parts),
                {number: self.parts[number] for number in numbers}, self.dropout,
                actor=True, workers=[worker], allow_other_workers=True, pure=False,
            )
            for worker, numbers in shares.items()
        ]  # fmt: skip
        with self.as_current():
            actors = self.client.gather(futures)
            places = [(actor.address().result(), actor.key) for actor in actors]
            members = list(zip(actors, places, map(frozenset, shares.values()), strict=True))
            self.roots = [(actor, parts) for actor, _, parts in self.connected(members)]
        self.actors = futures

    def connected(self, members: list[Member]) -> list[Member]:
        """The first of each ``FAN_OUT`` groups of neighbours; the others are put below it."""
        heads = []
        for group in groups_of(members, FAN_OUT):
            (actor, place, own), below = group[0], self.connected(group[1:])
            actor.connect([(place, parts) for _, place, parts in below]).result()
            heads.append((actor, place, own.union(*(parts for _, _, parts in below))))
        return heads

    @contextmanager
    def as_current(self) -> Iterator[None]:
        """Actors belong to the client, and are called without the scheduler if possible."""
        before, self.client.direct_to_workers = self.client.direct_to_workers, self.direct
        try:
            with self.client.as_current():
                yield
        finally:
            self.client.direct_to_workers = before


def groups_of(members: list[Any], max_groups: int) -> list[list[Any]]:
    """Up to ``max_groups`` groups of neighbours, of about the same size."""
    cuts = np.linspace(0, len(members), min(max_groups, len(members)) + 1).round().astype(int)
    return [members[low:high] for low, high in pairwise(cuts)]


def facts_of(part: Any) -> Any:
    return part.facts()


def reachable(client: Any, workers: list[str], seconds: float = 2.0) -> bool:
    """Whether this process can reach a worker directly, without the scheduler."""
    import asyncio

    async def identity() -> None:
        await asyncio.wait_for(client.rpc(workers[0]).identity(), seconds)

    try:
        client.sync(identity)
    except Exception:
        return False
    return True
