r"""Gradient descent on rows that are spread over a Dask cluster: synchronous, data-parallel.

Each worker keeps its parts of the rows and computes the gradient of those in the batch; the
gradients are added in a fixed order, and one flat vector travels each way:

.. math:: g = \sum_p \frac{n_p}{n} g_p, \qquad \theta \leftarrow \text{update}(\theta, g)

So the bits do not depend on the number of workers, and the run equals that of one machine on the
same rows and order up to rounding. PartSource: synchronous SGD as in Chen et al. 2016
(arXiv:1604.00981), section 2, without backup workers.
"""

import os
from typing import Any, Unpack

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.distributed.client import current_client
from fallline.distributed.cluster_rows import ClusterRows
from fallline.distributed.steps import ClusterSteps
from fallline.errors import ClusterError, ParameterError
from fallline.training.history import History
from fallline.training.position import Position
from fallline.training.run import Run
from fallline.training.settings import Settings, TrainOptions, check_pair
from fallline.training.steps import StepSetup

__all__ = ["refuse", "train"]


def train(
    network: Network,
    X: Any,
    y: Any = None,
    *,
    client: Any = None,
    sample_weight: Any = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    **options: Unpack[TrainOptions],
) -> History:
    """Train ``network`` in place on rows that are spread over a cluster; returns the history.

    Parameters
    ----------
    X, y : Dask arrays in chunks of the same rows; or a Dask DataFrame, and a Series or the name of
        a column; or, without ``y``, a list of parts: pairs (X, y) or triples (X, y, weight) of
        arrays, of futures or of delayed ones, or functions that give such where they are called.
    client : a Dask ``distributed.Client``; by default the current one.
    sample_weight : as y.
    validation : (X, y), measured in this process.
    options : optimizer, epochs, batch_size, seed, l2, l1, dropout, keep, stop, callbacks,
        record_every, checkpoint and engine, as in :func:`fallline.train`. ``batch_size`` is drawn
        over all parts, by default all rows; ``engine`` is what the workers compute with.
        ``threads`` is refused.

    The stopping and the warnings are those of :func:`fallline.train`. A step
    costs the cluster some milliseconds beside the work, so batches should be large
    (docs/scaling.md). If a worker dies, its parts are made again elsewhere and the step is
    repeated, with the same bits. If the scheduler dies, ClusterError is raised; with ``checkpoint``
    the same call continues from the last epoch that was stored.

    Raises ParameterError, ShapeError, DataError or ClusterError.
    """
    settings = Settings.checked(network, options, validated=validation is not None)
    refuse(settings.threads)
    held_out = None if validation is None else network.rows(*check_pair(validation))
    rows: Any = ClusterRows(current_client(client), network, X, y, sample_weight)
    rows.use_engine(settings.engine)
    rows.use_dropout(settings.dropout, settings.seed)
    settings = settings._replace(
        batch_size=settings.batch_size or len(rows),
        rows={"parts": len(rows.parts)},  # they determine the last bits
    )

    def make_steps(position: Position) -> ClusterSteps:
        size, penalty = settings.batch_size_for(len(rows)), settings.penalty
        return ClusterSteps(StepSetup(network, rows, settings.optimizer, position, size, penalty))

    try:
        return Run(network, settings, make_steps, held_out).whole()
    except ClusterError as error:
        path = getattr(settings.checkpoint, "path", "")
        if not os.path.exists(path):
            raise
        raise ClusterError(f"{error}; {os.fspath(path)} keeps an epoch to go on from") from error


def refuse(threads: int | None) -> None:
    """Raise ParameterError for options that a cluster does not support."""
    if threads is not None:
        raise ParameterError(
            "the workers of a cluster set their own threads: dask worker --nthreads N; "
            "leave threads out"
        )
