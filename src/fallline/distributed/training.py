r"""Gradient descent on rows that are spread over a Dask cluster: synchronous, data-parallel.

Each worker keeps its parts of the rows and computes the gradient of those in the batch; the
gradients are added in a fixed order, and one flat vector travels each way:

.. math:: g = \sum_p \frac{n_p}{n} g_p, \qquad \theta \leftarrow \text{update}(\theta, g)

So the bits do not depend on the number of workers, and the run equals that of one machine on the
same rows and order up to rounding. Source: synchronous SGD as in Chen et al. 2016
(arXiv:1604.00981), section 2, without backup workers.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, Adam, Optimizer
from fallline.core.penalties import check_penalty
from fallline.distributed.client import current_client
from fallline.distributed.rows import ClusterRows
from fallline.errors import ClusterError, ParameterError
from fallline.limits import check_choice, check_integer
from fallline.training.history import History
from fallline.training.run import (
    ENGINES,
    KEEP,
    Checkpointer,
    Progress,
    Run,
    Settings,
    check_optimizer,
    check_pair,
)
from fallline.training.steps import Descent, ReferenceSteps, measured
from fallline.training.stopping import StopRule

__all__ = ["train"]


def train(
    network: Network,
    X: Any,
    y: Any = None,
    *,
    client: Any = None,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: int = 0,
    l2: float = 0.0,
    l1: float = 0.0,
    sample_weight: Any = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    keep: str | None = None,
    stop: StopRule | Sequence[StopRule] = (),
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    record_every: int = 1,
    checkpoint: Checkpointer | None = None,
    engine: str = "auto",
) -> History:
    """Train ``network`` in place on rows that are spread over a cluster; returns the history.

    Parameters
    ----------
    X, y : Dask arrays in chunks of the same rows; or a Dask DataFrame, and a Series or the name of
        a column; or, without ``y``, a list of parts: pairs (X, y) or triples (X, y, weight) of
        arrays, of futures or of delayed ones, or functions that give such where they are called.
    client : a Dask ``distributed.Client``; by default the one that is current.
    batch_size : rows per step, drawn over all parts; by default all of them.
    sample_weight : as y.
    validation : (X, y), measured in this process.
    engine : what the workers compute with: "numpy" for the reference, "compiled", or "auto".

    The other parameters, the stopping and the warnings are those of :func:`fallline.train`. A step
    costs the cluster some milliseconds beside the work, so batches should be large
    (docs/scaling.md). The parts of a worker that dies are made anew elsewhere and the step is
    repeated: the same bits. Where the scheduler dies, ClusterError is raised; with ``checkpoint``
    the same call goes on from the last epoch kept.

    Raises ParameterError, ShapeError, DataError or ClusterError.
    """
    chosen = Adam() if optimizer is None else optimizer
    check_optimizer(chosen)
    if keep == "best" and validation is None:
        raise ParameterError("keep='best' needs validation=(X, y) to tell which epoch is best")
    given: dict[str, Any] = {
        "optimizer": chosen,
        "epochs": check_integer("epochs", epochs),
        "seed": check_integer("seed", seed),
        "penalty": check_penalty(l2, l1),
        "keep": check_choice("keep", keep or ("last" if validation is None else "best"), KEEP),
        "record_every": check_integer("record_every", record_every),
        "stop": tuple(stop) if isinstance(stop, Sequence) else (stop,),
        "callbacks": tuple(callbacks),
        "dropout": 0.0,
        "engine": check_choice("engine", engine, ENGINES),
        "threads": None,
    }
    if batch_size is not None:
        check_integer("batch_size", batch_size)
    held_out = None if validation is None else network.samples(*check_pair(validation))
    rows: Any = ClusterRows(current_client(client), network, X, y, sample_weight)
    settings = ClusterSettings(**given, batch_size=batch_size or len(rows), n_parts=len(rows.parts))
    rows.use_engine(engine)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            return ClusterRun(network, rows, held_out, settings, checkpoint).whole()
        except ClusterError as error:
            path = getattr(checkpoint, "path", "")
            if not os.path.exists(path):
                raise
            raise ClusterError(
                f"{error}; {os.fspath(path)} keeps an epoch to go on from"
            ) from error


@dataclass(frozen=True)
class ClusterSettings(Settings):
    """The settings of a run on a cluster; the parts decide over the last bits."""

    n_parts: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As on one machine, and the number of parts."""
        return super().as_dict() | {"parts": self.n_parts}


class ClusterRun(Run):
    """A run whose gradients come from the cluster."""

    rows: Any

    def steps(self) -> "ClusterSteps":
        return ClusterSteps(
            Descent(
                self.network,
                self.rows,
                self.settings.optimizer,
                self.position,
                self.batch_size,
                self.settings.penalty,
            )
        )

    def gradient(self) -> Callable[[], tuple[float, Array]]:
        steps = self.steps()
        return lambda: steps.loss_and_gradient(None)


class ClusterSteps(ReferenceSteps):
    """Steps on the cluster's gradients, by the optimiser's own update here."""

    mass_of_last = 0.0

    @property
    def cluster(self) -> ClusterRows:
        """The rows, on the cluster."""
        rows: Any = self.descent.rows
        return rows  # type: ignore[no-any-return]

    def epoch(self, *, want_loss: bool) -> float:
        self.cluster.look_around()
        return super().epoch(want_loss=want_loss)

    def mass(self, batch: Array | None) -> float:
        return max(self.mass_of_last, np.finfo(float).tiny)

    def loss_and_gradient(self, batch: Array | None) -> tuple[float, Array]:
        """The penalised mean loss of these rows (None: all), and its gradient."""
        network, penalty = self.descent.network, self.descent.penalty
        loss, gradient, self.mass_of_last = self.cluster.gradient(batch)
        W = network.parameters * network.is_weight
        return loss + float(penalty.value(W)), gradient + penalty.slope(W)

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        loss, gradient = self.loss_and_gradient(batch)
        self.update(gradient.astype(self.descent.network.dtype, copy=False))
        return loss

    def measure(self, rows: Any, every: int = 1) -> tuple[float, Array]:
        if rows is not self.cluster:
            return measured(self.descent.network, rows, every)
        return self.cluster.gradient(None)[0], np.zeros((0, 0))
