r"""Gradient descent on rows that are spread over a Dask cluster: synchronous, data-parallel.

Each worker keeps its parts of the rows and computes the gradient of those in the batch; the
gradients are added in the order of the parts, and one flat vector travels each way:

.. math:: g = \sum_p \frac{n_p}{n} g_p, \qquad \theta \leftarrow \text{update}(\theta, g)

So the bits do not depend on the number of workers, and the run equals that of one machine on the
same rows and order up to rounding. Source: synchronous SGD as in Chen et al. 2016
(arXiv:1604.00981), section 2, without backup workers.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.backprop import loss_and_gradient
from fallline.cluster import check_versions, load_dask
from fallline.errors import ClusterError, DivergenceWarning, ParameterError, ShapeError
from fallline.history import History
from fallline.limits import check_integer, check_number
from fallline.modelfile import Checkpoint
from fallline.network import Network
from fallline.optimizers import LBFGS, Adam, Optimizer
from fallline.position import Position
from fallline.samples import Samples
from fallline.training import ran_away, runaway_message

__all__ = ["train"]

TRIES = 5  # of a task whose worker died


@dataclass(frozen=True)
class Architecture:
    """What a worker needs to rebuild the network; the parameters travel apart."""

    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    loss: str
    dtype: str

    def network(self, theta: Array | None = None) -> Network:
        """The network, with these parameters."""
        net = Network(self.sizes, hidden=self.hidden, loss=self.loss, dtype=self.dtype)
        if theta is not None:
            net.parameters = theta
        return net


def prepare_part(architecture: Architecture, X: Any, y: Any) -> Samples:
    """A part's rows, checked where they are kept."""
    return architecture.network().samples(np.asarray(X), np.asarray(y))


def rows_of(part: Samples) -> int:
    """How many rows a part has."""
    return len(part)


def part_gradient(
    architecture: Architecture, theta: Array, part: Samples, rows: Array | None
) -> tuple[float, Array]:
    """The sum of the losses of these rows of a part (None: of all), and its gradient."""
    n = len(part) if rows is None else len(rows)
    if n == 0:
        return 0.0, np.zeros_like(theta)
    X, Y = (part.X, part.Y) if rows is None else (part.X[rows], part.Y[rows])
    loss, gradient = loss_and_gradient(architecture.network(theta), X, Y)
    return n * loss, n * gradient


class Rows:
    """The parts on the cluster, and gradients over them."""

    def __init__(self, client: Any, network: Network, parts: Sequence[tuple[Any, Any]]) -> None:
        self.client = client
        self.architecture = Architecture(
            network.sizes, network.hidden, network.loss.name, network.dtype.name
        )
        # As tasks, not scattered: when a worker dies the scheduler knows how to make them anew.
        self.parts = [
            client.submit(prepare_part, self.architecture, X, y, pure=False, retries=TRIES)
            for X, y in parts
        ]
        lengths = self.gather([client.submit(rows_of, part, pure=False) for part in self.parts])
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        self.total = int(self.ends[-1]) if len(lengths) else 0
        if self.total == 0:
            raise ShapeError("the parts hold no rows to train on")

    def gather(self, futures: list[Any]) -> list[Any]:
        """The results, in order. Raises what a part's rows are refused for, or ClusterError."""
        try:
            return list(self.client.gather(futures))
        except (ParameterError, ValueError):
            raise
        except Exception as error:
            raise ClusterError(f"the cluster did not finish its work: {error}") from error

    def gradient(self, theta: Array, batch: Array | None) -> tuple[float, Array]:
        """The mean loss over the rows of ``batch`` (None: all), and its gradient."""
        sent = self.client.scatter(theta, broadcast=False, hash=False)
        futures = [
            self.client.submit(
                part_gradient, self.architecture, sent, part, rows, pure=False, retries=TRIES
            )
            for part, rows in zip(self.parts, self.shares(batch), strict=True)
        ]
        results = self.gather(futures)
        n = self.total if batch is None else len(batch)
        return math.fsum(loss for loss, _ in results) / n, tree_sum([g for _, g in results]) / n

    def shares(self, batch: Array | None) -> list[Array | None]:
        """Each part's row numbers among those of the batch, in the batch's order."""
        if batch is None:
            return [None] * len(self.parts)
        return [
            batch[(batch >= start) & (batch < end)] - start
            for start, end in zip(self.starts, self.ends, strict=True)
        ]


def tree_sum(vectors: list[Array]) -> Array:
    """The sum, neighbours first: ((a + b) + (c + d)) + ..."""
    while len(vectors) > 1:
        pairs = [vectors[i : i + 2] for i in range(0, len(vectors), 2)]
        vectors = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return vectors[0]


def train(
    network: Network,
    parts: Any,
    y: Any = None,
    *,
    client: Any,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: int = 0,
    l2: float = 0.0,
    checkpoint: Checkpoint | None = None,
    callback: Callable[[History], Any] | None = None,
) -> History:
    """Train ``network`` in place on rows that the workers of a Dask cluster keep.

    Parameters
    ----------
    parts : a list of (X, y) pairs of arrays; or a Dask array X (n, n_features) in chunks of whole
        rows, with the Dask array ``y`` in the same chunks.
    client : a ``distributed.Client``.
    optimizer : Adam(0.001) by default; LBFGS takes all rows and one iteration an epoch.
    batch_size : rows per step, drawn from all parts; None takes all rows. The order is that of
        :func:`fallline.train` on the parts one below the other.
    checkpoint : written after every so many epochs; a run with an existing one goes on from it,
        also after the scheduler died.
    callback : called with the history after each epoch; True stops.

    Raises ClusterError where the cluster fails, DataError or ShapeError for a part that does not
    fit. A worker that dies is done without: the scheduler makes its parts anew elsewhere.
    """
    load_dask()
    check_versions(client)
    chosen = Adam() if optimizer is None else optimizer
    rows = Rows(client, network, pairs_of(client, parts, y))
    settings = {
        "optimizer": repr(chosen),
        "epochs": check_integer("epochs", epochs),
        "batch_size": batch_size if batch_size is None else check_integer("batch_size", batch_size),
        "seed": check_integer("seed", seed),
        "l2": check_number("l2", l2),
        "parts": len(rows.parts),
    }
    if isinstance(chosen, LBFGS):
        if checkpoint is not None or batch_size is not None:
            raise ParameterError("LBFGS takes all rows, and no checkpoint; leave both out")
        return by_lbfgs(network, rows, chosen, epochs, l2, callback)
    position = None if checkpoint is None else checkpoint.resume(network, settings)
    if position is None:
        position = Position(
            generator=np.random.default_rng(seed), state=chosen.start(network.parameters)
        )
    run = Descent(network, rows, chosen, position, settings, checkpoint, callback)
    return run.descend()


def pairs_of(client: Any, parts: Any, y: Any) -> list[tuple[Any, Any]]:
    """(X, y) of each part: arrays, or futures of Dask's chunks."""
    if y is None:
        pairs = [tuple(pair) for pair in parts]
        if any(len(pair) != 2 for pair in pairs):
            raise ParameterError("parts must be a list of pairs (X, y)")
        return pairs
    if not hasattr(parts, "to_delayed") or not hasattr(y, "to_delayed"):
        raise ParameterError("with y, both must be Dask arrays; else give a list of pairs (X, y)")
    if len(parts.chunks[1]) != 1 or parts.chunks[0] != y.chunks[0]:
        raise ShapeError(
            f"X has chunks {parts.chunks} and y {y.chunks}: chunks of whole rows, the same in "
            "both, are needed; use X.rechunk({1: -1}) and y.rechunk({0: X.chunks[0]})"
        )
    chunks = [client.compute(each.to_delayed().ravel().tolist()) for each in (parts, y)]
    return list(zip(*chunks, strict=True))


@dataclass
class Descent:
    """Steps whose gradients come from the cluster."""

    network: Network
    rows: Rows
    optimizer: Optimizer
    position: Position
    settings: dict[str, Any]
    checkpoint: Checkpoint | None
    callback: Callable[[History], Any] | None

    def descend(self) -> History:
        """All epochs."""
        position, history = self.position, self.position.history
        while position.epoch < self.settings["epochs"]:
            loss = self.epoch()
            if math.isnan(position.first_loss):
                position.first_loss = loss
            history.record(position.epoch, loss)
            if ran_away(loss, position.first_loss):
                rate = float(self.optimizer.learning_rate) if isinstance(
                    self.optimizer.learning_rate, int | float
                ) else math.nan  # fmt: skip
                history.stopped = "diverged"
                history.message = runaway_message(position.epoch, loss, position.first_loss, rate)
                warnings.warn(history.message, DivergenceWarning, stacklevel=3)
                return history
            position.epoch = history.epochs_done = position.epoch + 1
            history.steps = position.step
            if self.checkpoint is not None and position.epoch % self.checkpoint.every == 0:
                self.checkpoint.save(self.network, position, self.settings)
            if self.callback is not None and self.callback(history) is True:
                history.stopped, history.message = "callback", "a callback asked to stop"
                return history
        return history

    def epoch(self) -> float:
        """One pass; the mean of the batch losses, each before its update."""
        n, size = self.rows.total, self.settings["batch_size"]
        if size is None or size >= n:
            return self.step(None)
        order = self.position.generator.permutation(n)
        batches = [order[i : i + size] for i in range(0, n, size)]
        losses = [self.step(batch) for batch in batches]
        return float(np.average(losses, weights=[len(batch) for batch in batches]))

    def step(self, batch: Array | None) -> float:
        """One update."""
        network, l2 = self.network, self.settings["l2"]
        loss, gradient = penalised(network, *self.rows.gradient(network.parameters, batch), l2)
        self.optimizer.update(
            network.parameters,
            gradient.astype(network.dtype),
            self.position.state,
            self.position.step,
            network.is_weight,
        )
        self.position.step += 1
        return loss


def penalised(network: Network, loss: float, gradient: Array, l2: float) -> tuple[float, Array]:
    """The loss and its gradient with l2 / 2 times the sum of squared weights."""
    W = network.parameters * network.is_weight
    return loss + 0.5 * l2 * float(np.dot(W, W)), gradient + l2 * W


def by_lbfgs(
    network: Network,
    rows: Rows,
    optimizer: LBFGS,
    epochs: int,
    l2: float,
    callback: Callable[[History], Any] | None,
) -> History:
    """L-BFGS by SciPy, whose function is evaluated on the cluster."""
    from scipy.optimize import minimize

    history = History()

    def loss_at(theta: Array) -> tuple[float, Array]:
        network.parameters = theta
        loss, gradient = penalised(network, *rows.gradient(network.parameters, None), l2)
        return loss, gradient.astype(float)

    def after(intermediate_result: Any) -> None:
        history.record(history.epochs_done, float(intermediate_result.fun))
        history.epochs_done = history.steps = history.epochs_done + 1
        if callback is not None and callback(history) is True:
            raise StopIteration

    result = minimize(
        loss_at,
        network.parameters.astype(float),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={"maxiter": epochs, "maxcor": optimizer.memory, "gtol": optimizer.tolerance,
                 "ftol": np.finfo(float).eps},
    )  # fmt: skip
    network.parameters = result.x
    return history
