"""Steps on gradients that a cluster computes; the optimiser's update happens in this process."""

from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import measured
from fallline.distributed.cluster_rows import ClusterRows
from fallline.training.steps import ReferenceSteps, StepSetup

__all__ = ["ClusterSteps"]


class ClusterSteps(ReferenceSteps):
    """``setup.rows`` are :class:`ClusterRows`; ``loss_scale`` times the data's part is reported."""

    def __init__(self, setup: StepSetup, loss_scale: float = 1.0) -> None:
        super().__init__(setup)
        rows: Any = setup.rows
        self.cluster: ClusterRows = rows
        self.loss_scale, self.mass_of_last = loss_scale, 0.0

    def epoch(self, *, want_loss: bool) -> float:
        self.cluster.look_around()
        return super().epoch(want_loss=want_loss)

    def mass(self, batch: Array | None) -> float:
        return max(self.mass_of_last, np.finfo(float).tiny)

    def gradient_of(self, batch: Array | None, step: int | None = None) -> tuple[float, Array]:
        """The penalised mean loss of these rows (None: all), and its gradient.

        With the dropout of ``step``, if there is any.
        """
        setup, network = self.setup, self.setup.network
        loss, gradient, self.mass_of_last = self.cluster.gradient(batch, step)
        penalty = setup.penalty
        if setup.penalty_per_mass:
            penalty = penalty.over(self.mass_of_last or 1.0)
        W = network.parameters * network.is_weight
        loss = self.loss_scale * loss + float(penalty.value(W))
        return loss, gradient + penalty.slope(W)

    def loss_and_gradient(self) -> tuple[float, Array]:
        return self.gradient_of(None)

    def step(self, batch: Array | None, *, want_loss: bool) -> float:
        loss, gradient = self.gradient_of(batch, self.position.step)
        self.update(gradient.astype(self.setup.network.dtype, copy=False))
        return loss

    def measure(self, rows: Any, every: int = 1) -> tuple[float, Array]:
        return measured(self.setup.network, rows, every)

    def first_loss(self) -> float:
        return self.cluster.gradient(None)[0]
