r"""A worker's state in a training: its parts, buffers, and the actors below it.

The gradients of the parts are added along a fixed binary tree over the parts' numbers, which halves
them again and again. An actor adds the branches that it has completely, and passes the rest on; so
the bits do not depend on which worker has which part.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import loss_and_gradient
from fallline.core.dropout import NO_DROPOUT, Dropout
from fallline.core.samples import AnySamples, CompactSamples
from fallline.distributed.parts import Architecture, Part
from fallline.engine.layout import part_length
from fallline.engine.lookups import served

__all__ = ["Losses", "Nodes", "Place", "WorkerActor", "add"]

Node = tuple[int, int]
"""A node of the tree: the parts from the first number up to, but not with, the second."""

Nodes = dict[Node, Array]
"""Sums of gradients over the parts of a node."""

Place = tuple[str, str]
"""A actor's worker, and the name by which that knows it."""

Losses = dict[int, tuple[float, float]]
"""By part: the mass of its rows in the batch, and the sum of their losses."""


Compute = Callable[[AnySamples, Array | None, Dropout, int], tuple[float, Array]]
"""Mean loss and gradient of some rows of a part (None: all), with the dropout of a step."""


@cache
def families(n_parts: int) -> dict[Node, tuple[Node, Node]]:
    """The tree that halves the parts again and again: each node's sibling and parent."""
    family: dict[Node, tuple[Node, Node]] = {}
    nodes = [(0, n_parts)]
    for low, high in nodes:
        if high - low > 1:
            middle = (low + high + 1) // 2
            left, right = (low, middle), (middle, high)
            family[left], family[right] = (right, (low, high)), (left, (low, high))
            nodes += [left, right]
    return family


def add(nodes: Nodes, node: Node, vector: Array, n_parts: int) -> None:
    """Put a node's sum among the others; two siblings become their parent's sum, up to the root."""
    family = families(n_parts)
    while node in family and family[node][0] in nodes:
        sibling, node = family[node]
        other = nodes.pop(sibling)
        out = next((each for each in (vector, other) if each.flags.writeable), None)
        vector = np.add(vector, other, out=out)
    nodes[node] = vector


class WorkerActor:
    """The parts of one worker; a Dask actor, so that a step is one message there and one back."""

    def __init__(
        self,
        architecture: Architecture,
        compiled: bool,
        n_parts: int,
        parts: Mapping[int, Part],
        dropout: Dropout = NO_DROPOUT,
    ) -> None:
        self.network = architecture.network()
        self.n_parts, self.dropout = n_parts, dropout
        self.parts = {
            number: served(self.network, part.samples) if compiled else part.samples
            for number, part in parts.items()
        }
        self.below: list[tuple[Place, frozenset[int]]] = []
        self.busy = 0.0
        self.compute: Compute = self.by_reference
        if compiled:
            self.compute = Compiled(self.network, self.parts)

    def address(self) -> str:
        """That of the worker it is on."""
        from distributed import get_worker

        return str(get_worker().address)

    def connect(self, below: Sequence[tuple[Place, frozenset[int]]]) -> None:
        """Set the actors below, each with the parts of it and of those below it."""
        self.below = list(below)

    async def gradient(
        self, theta: Array, rows: Mapping[int, Array] | None, step: int | None = None
    ) -> tuple[Losses, Nodes]:
        """Losses and sums of gradients at ``theta``, of this actor and those below it.

        ``rows`` are the row numbers of the batch within each part, or None for all rows; dropout's
        masks are drawn for ``step``, None for no dropout. Raises OSError if an actor below is gone.
        """
        answers = [
            asyncio.ensure_future(
                ask(place, theta, rows if rows is None else {p: rows[p] for p in parts}, step)
            )
            for place, parts in self.below
        ]
        loop = asyncio.get_running_loop()
        losses, nodes = await loop.run_in_executor(None, self.own, theta, rows, step)
        for more_losses, more in await asyncio.gather(*answers):
            losses |= more_losses
            for node, vector in more.items():
                add(nodes, node, vector, self.n_parts)
        return losses, nodes

    def own(
        self, theta: Array, rows: Mapping[int, Array] | None, step: int | None
    ) -> tuple[Losses, Nodes]:
        """Those of the parts here. Each part draws its own masks, wherever it is."""
        began = time.perf_counter()
        self.network.parameters = theta
        losses: Losses = {}
        nodes: Nodes = {}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for number, samples in self.parts.items():
                chosen = None if rows is None else rows[number]
                total = samples.mass_of(chosen)
                loss, gradient = 0.0, np.zeros_like(theta)
                if total > 0:
                    masks = NO_DROPOUT
                    if step is not None:
                        masks = self.dropout._replace(seed=self.dropout.seed + number)
                    loss, gradient = self.compute(samples, chosen, masks, step or 0)
                losses[number] = total, total * loss
                np.multiply(gradient, total, out=gradient)
                add(nodes, (number, number + 1), gradient, self.n_parts)
        self.busy += time.perf_counter() - began
        return losses, nodes

    def seconds_computing(self) -> float:
        """How long it has computed gradients so far."""
        return self.busy

    def by_reference(
        self, samples: AnySamples, rows: Array | None, dropout: Dropout, step: int
    ) -> tuple[float, Array]:
        """Mean loss and gradient by the readable reference."""
        dense = samples.dense
        X, Y, weight = dense.X, dense.Y, dense.weight
        if rows is not None:
            X, Y = X[rows], Y[rows]
            weight = None if weight is None else weight[rows]
        masks = dropout.masks(self.network.sizes[1:-1], len(X), step)
        return loss_and_gradient(self.network, X, Y, weight, masks=masks)


async def ask(
    place: Place, theta: Array, rows: Mapping[int, Array] | None, step: int | None
) -> Any:
    """The answer of the actor on another worker.

    Like Dask's own Actor, except that Dask's would wait for a dead worker to return.
    """
    from distributed import get_worker, protocol

    wire: Any = protocol
    address, key = place
    sent = [wire.to_serialize(theta), wire.to_serialize(rows), step]
    worker = get_worker().rpc(address)
    answer = await worker.actor_execute(function="gradient", actor=key, args=sent, kwargs={})
    if answer["status"] != "OK":
        raise answer["exception"]
    return answer["result"]


class Compiled:
    """Mean loss and gradient by the compiled engine, in buffers that all parts share.

    How the engine cuts a part into blocks depends on its number of rows; parts that are cut alike
    share buffers. So a part's bits do not depend on the other parts.
    """

    def __init__(self, network: Any, parts: Mapping[int, AnySamples]) -> None:
        from distributed import get_worker

        from fallline.engine import Gradient

        threads = get_worker().state.nthreads
        self.gradients: dict[tuple[int, bool], Gradient] = {}
        self.every_row = np.arange(max(map(len, parts.values()), default=0))
        for samples in sorted(parts.values(), key=len):  # the largest holds the others
            if len(samples) > 0:
                self.gradients[self.kind(samples)] = Gradient(network, samples, threads=threads)

    def kind(self, samples: AnySamples) -> tuple[int, bool]:
        """Parts of one kind are cut into blocks alike."""
        from fallline.engine.layout import BLOCK

        return min(part_length(len(samples)), BLOCK), isinstance(samples, CompactSamples)

    def __call__(
        self, samples: AnySamples, rows: Array | None, dropout: Dropout, step: int
    ) -> tuple[float, Array]:
        gradient = self.gradients[self.kind(samples)]
        gradient.loop.rows = samples
        gradient.loop.drop(dropout.rate, dropout.seed)
        return gradient(self.every_row[: len(samples)] if rows is None else rows, step)
