"""Loss and gradient of given rows, where the caller takes the steps: L-BFGS, a cluster, an
optimiser of one's own.
"""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.samples import Samples
from fallline.engine.loop import Loop

__all__ = ["Gradient"]


class Gradient:
    """The mean loss of rows and its gradient at the network's parameters, by the compiled loop.

    It is one step of length 0. The buffers are made once, so that a call costs little more than
    its products; the bits do not depend on ``threads``. ``settings`` are those of
    :class:`fallline.engine.Loop`: penalty, penalty_per_mass, dropout and its seed, threads.
    """

    def __init__(self, network: Network, rows: Samples, **settings: Any) -> None:
        stay = GradientDescent(lambda step: 0.0)
        self.n = network.n_parameters
        self.loop = Loop(network, rows, stay, {}, len(rows), **settings)

    def __call__(self, batch: Array | None = None, step: int = 0) -> tuple[float, Array]:
        """Of the rows numbered in ``batch``, or of all; the gradient (n_parameters,) is a copy.

        ``step`` is what dropout's masks are drawn for.
        """
        if batch is not None and len(batch) == 0:
            return 0.0, np.zeros(self.n, self.loop.theta.dtype)
        loss, _ = self.loop.epoch(batch, step, want_loss=True)
        return loss, self.loop.gradient[: self.n].copy()
