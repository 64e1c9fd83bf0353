"""The limited-memory BFGS method: by the engine where there is one, else by SciPy, which is the
reference. Only here is either of them called.

Source: Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.engine.codes import EVALUATION, FAILED, FLAT, ITERATION
from fallline.engine.minimizer import Minimizer, minimizes

__all__ = ["Minimum", "minimize"]

LossAndGradient = Callable[[Array], tuple[float, Array]]
AfterIteration = Callable[[Array, float], bool]

# SciPy's words, which programs for scikit-learn know
MESSAGES = {
    "flat": "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL",
    "level": "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH",
    "iterations": "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT",
    "evaluations": "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT",
    "callback": "STOP: CALLBACK REQUESTED HALT",
    "failed": "ABNORMAL: ",
}


@dataclass
class Minimum:
    """Where a minimisation ended: theta (n_parameters,), and the loss there.

    ``status`` is SciPy's: 0 where it converged, 1 at a limit of iterations or evaluations, else 2.
    """

    theta: Array
    loss: float
    iterations: int
    evaluations: int
    status: int
    message: str

    @property
    def converged(self) -> bool:
        return self.status == 0


@dataclass(frozen=True)
class Search:
    """When a minimisation ends, and how many corrections it keeps; see :func:`minimize`."""

    max_iterations: int
    max_evaluations: int
    gradient_tolerance: float
    loss_tolerance: float
    memory: int


def minimize(
    loss_and_gradient: LossAndGradient,
    start: Array,
    *,
    max_iterations: int,
    gradient_tolerance: float,
    max_evaluations: int = 15_000,
    loss_tolerance: float = 1e7 * 2.0**-52,
    memory: int = 10,
    after_iteration: AfterIteration | None = None,
    compiled: bool = True,
) -> Minimum:
    """Minimise a loss of theta (n_parameters,) from ``start``.

    It ends where no entry of the gradient exceeds ``gradient_tolerance``, or where an iteration
    lowers the loss by at most ``loss_tolerance`` times the larger of the loss and 1. ``memory`` is
    the number of corrections kept. ``after_iteration`` is given theta and the loss; True ends the
    search. Without ``compiled`` SciPy minimises, as it does where there is no library.
    """
    by = by_engine if compiled and minimizes() else by_scipy
    search = Search(max_iterations, max_evaluations, gradient_tolerance, loss_tolerance, memory)
    return by(loss_and_gradient, np.asarray(start, float), search, after_iteration or never)


def never(theta: Array, loss: float) -> bool:
    """An ``after_iteration`` that lets the search go on."""
    return False


def by_engine(
    loss_and_gradient: LossAndGradient,
    start: Array,
    search: Search,
    after_iteration: AfterIteration,
) -> Minimum:
    """By :class:`fallline.engine.minimizer.Minimizer`."""
    memory = max(1, min(search.memory, search.max_iterations))
    minimizer = Minimizer(start, memory, search.gradient_tolerance, search.loss_tolerance)
    theta, iterations, evaluations = minimizer.theta, 0, 1
    loss, gradient = loss_and_gradient(theta)
    wanted, ended = minimizer.advance(loss, gradient), ""
    while not ended:
        if wanted == EVALUATION:
            evaluations += 1
            loss, gradient = loss_and_gradient(theta)
            wanted = minimizer.advance(loss, gradient)
        elif wanted == ITERATION:
            iterations += 1
            stop = after_iteration(theta, loss)
            if iterations >= search.max_iterations:
                ended = "iterations"
            elif evaluations > search.max_evaluations:
                ended = "evaluations"
            elif stop:
                ended = "callback"
            else:
                wanted = minimizer.advance(loss)
        elif wanted == FAILED:
            ended, loss = "failed", minimizer.loss_before
        else:
            ended = "flat" if wanted == FLAT else "level"
    limited = evaluations > search.max_evaluations or iterations >= search.max_iterations
    status = 0 if ended in ("flat", "level") else 1 if limited else 2
    return Minimum(theta, float(loss), iterations, evaluations, status, MESSAGES[ended])


def by_scipy(
    loss_and_gradient: LossAndGradient,
    start: Array,
    search: Search,
    after_iteration: AfterIteration,
) -> Minimum:
    """By ``scipy.optimize.minimize``, its L-BFGS-B without bounds."""
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
        if after_iteration(intermediate_result.x, float(intermediate_result.fun)):
            raise StopIteration

    result = minimize_by_scipy(
        loss_at,
        start,
        jac=slope_at,
        method="L-BFGS-B",
        callback=callback,
        options={
            "maxiter": search.max_iterations,
            "maxfun": search.max_evaluations,
            "gtol": search.gradient_tolerance,
            "ftol": search.loss_tolerance,
            "maxcor": search.memory,
        },
    )
    return Minimum(
        result.x, float(result.fun), result.nit, result.nfev, result.status, str(result.message)
    )
