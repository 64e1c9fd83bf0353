"""The limited-memory BFGS method, without bounds, by SciPy: the only place that calls it.

Source: Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fallline.arrays import Array

__all__ = ["minimize"]


def minimize(
    loss_and_gradient: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    max_iterations: int,
    gradient_tolerance: float,
    max_evaluations: int | None = None,
    loss_tolerance: float | None = None,
    memory: int = 10,
    after_iteration: Callable[[Array, float], bool] | None = None,
) -> Any:
    """Minimise a loss of theta (n_parameters,) from ``start``; returns SciPy's ``OptimizeResult``.

    It ends when no entry of the projected gradient exceeds ``gradient_tolerance``, or when an
    iteration lowers the loss by less than the share ``loss_tolerance``. ``memory`` is the number of
    corrections kept. ``after_iteration`` gets theta and the loss; True ends the search.
    """
    from scipy import optimize

    minimize_by_scipy: Any = optimize.minimize

    at, slope = np.empty(0), np.empty(0)

    def loss_at(theta: Array) -> float:
        nonlocal at, slope
        loss, gradient = loss_and_gradient(theta)
        at, slope = theta.copy(), gradient.astype(float)
        return loss

    def slope_at(theta: Array) -> Array:  # asked for where the loss was; jac=True compares twice
        if not np.array_equal(theta, at):
            loss_at(theta)
        return slope

    def callback(intermediate_result: Any) -> None:
        if after_iteration is not None and after_iteration(
            intermediate_result.x, float(intermediate_result.fun)
        ):
            raise StopIteration

    limits = {"maxfun": max_evaluations, "ftol": loss_tolerance}
    options = {"maxiter": max_iterations, "gtol": gradient_tolerance, "maxcor": memory}
    return minimize_by_scipy(
        loss_at,
        np.asarray(start, float),
        jac=slope_at,
        method="L-BFGS-B",
        callback=callback,
        options=options | {name: value for name, value in limits.items() if value is not None},
    )
