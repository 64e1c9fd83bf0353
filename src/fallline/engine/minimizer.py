"""L-BFGS by compiled code, which asks for a loss and its gradient where it wants them."""

import numpy as np

from fallline.arrays import Array
from fallline.engine.layout import aligned, padded
from fallline.engine.library import function, has
from fallline.engine.records import LBFGS, Record

__all__ = ["Minimizer", "minimizes"]

KEPT = 22  # numbers that kernels.lbfgs keeps between two calls, see engine.records
LOSS_0 = 1  # the place of the loss where the last search began, see kernels.line_search


def minimizes() -> bool:
    """Whether there is a library that has L-BFGS; it is not worth compiling by Numba."""
    return has("lbfgs", "float64")


class Minimizer:
    """A minimisation from ``start`` (n_parameters,), in float64; see kernels.lbfgs.

    ``theta`` (n_parameters,) is where the loss is wanted, or the last iterate. ``memory`` pairs are
    kept. It ends where no entry of the gradient exceeds ``gradient_tolerance``, or an iteration
    lowers the loss by at most ``loss_tolerance`` times the larger of the loss and 1.
    """

    def __init__(
        self, start: Array, memory: int, gradient_tolerance: float, loss_tolerance: float
    ) -> None:
        n, size = len(start), padded(len(start), np.float64)
        theta, gradient, *others = (aligned(size, np.float64) for _ in range(5))
        steps, changes = (aligned(memory * size, np.float64) for _ in range(2))
        direction, before, gradient_before = others
        self.theta, self.gradient, self.state = theta[:n], gradient[:n], np.zeros(KEPT)
        self.theta[:] = start
        self.record = Record(
            LBFGS, np.float64, theta=theta, gradient=gradient, size=size, memory=memory,
            gradient_tolerance=gradient_tolerance, loss_tolerance=loss_tolerance, state=self.state,
            direction=direction, start=before, gradient_before=gradient_before, steps=steps,
            changes=changes, rho=np.zeros(memory), alpha=np.zeros(memory),
        )  # fmt: skip
        self.run = function("lbfgs", np.float64)

    def advance(self, loss: float, gradient: Array | None = None) -> int:
        """What is wanted next, see codes.WANTED, after the loss and the gradient at ``theta``."""
        if gradient is not None:
            self.gradient[:] = gradient
        self.record.set(loss=loss)
        return self.run(self.record.address)

    @property
    def loss_before(self) -> float:
        """The loss where the last search began, and where a failed one ended."""
        return float(self.state[LOSS_0])
