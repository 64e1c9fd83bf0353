"""Loss and gradient of given rows, for callers that take the steps themselves: L-BFGS, a cluster, a
custom optimiser.
"""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.samples import AnySamples
from fallline.engine.lookups import inputs
from fallline.engine.loop import MIN_SECONDS_OF_CALL, Loop

__all__ = ["Gradient"]


class Gradient:
    """The mean loss of rows and its gradient at the network's parameters, by the compiled loop.

    A call is one step of length 0. The buffers are made once, so that it costs little more than its
    products; the bits do not depend on ``threads``. ``settings`` are those of
    :class:`fallline.engine.Loop`: penalty, penalty_per_mass, dropout and its seed, threads.
    """

    def __init__(self, network: Network, rows: AnySamples, **settings: Any) -> None:
        stay = GradientDescent(lambda step: 0.0)
        self.n = network.n_parameters
        self.loop = Loop(network, rows, stay, {}, len(rows), **settings)
        short = self.loop.seconds_of_products(len(rows)) < MIN_SECONDS_OF_CALL
        self.alone = (short or self.loop.n_threads == 1) and self.loop.dropout == 0
        self.results = np.zeros(3)
        self.record = self.loop.record.copy(
            n_threads=1, n_rows=len(rows), epochs=1, want_loss=True, sum_before=0.0,
            mass_before=0.0, rates=np.zeros(1), n_rates=1, step=0,
            **inputs(self.loop.rows), lookup_space=self.loop.spaces[0], Y=rows.Y,
            weight=rows.weight, orders=self.loop.everything, n_order=len(rows),
            results=self.results,
        )  # fmt: skip

    def __call__(self, batch: Array | None = None, step: int = 0) -> tuple[float, Array]:
        """Of the rows numbered in ``batch``, or of all; the gradient (n_parameters,) is a copy.

        Dropout's masks are drawn for ``step``.
        """
        if batch is not None and len(batch) == 0:
            return 0.0, np.zeros(self.n, self.loop.theta.dtype)
        if batch is None and self.alone:
            loss = self.of_all_rows()
        else:
            loss, _ = self.loop.epoch(batch, step, want_loss=True)
        return loss, self.loop.gradient[: self.n].copy()

    def of_all_rows(self) -> float:
        """The loss of all rows by the same call each time: L-BFGS on a small table waits for it."""
        self.loop.theta[: self.n] = self.loop.network.parameters
        self.loop.run(self.record.address)
        total, mass, _ = self.results.tolist()
        return float(total / mass) if mass > 0 else 0.0
