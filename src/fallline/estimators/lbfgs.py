"""The L-BFGS solver, on the loss and gradient of all rows.

It works in float64 whatever the dtype of X; the weights are cast back at the end. The loss it
minimises belongs to the gradient also for several outputs, where scikit-learn averages only the
loss; what it reports is averaged as there.
"""

import time
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.errors import warn
from fallline.estimators.callbacks import Watchers
from fallline.estimators.layers import pack_order
from fallline.estimators.rows import SparseRows, SparseSteps
from fallline.training import lbfgs
from fallline.training.lbfgs import Minimum
from fallline.training.position import Position
from fallline.training.steps import CompiledGradients, ReferenceSteps, Steps, StepSetup

__all__ = ["Objective", "minimise", "objective_in_memory", "setup_of_all"]


class Objective:
    """Loss and gradient of all rows at theta (n_parameters,)."""

    def __init__(self, steps: Steps, network: Network, penalty: Penalty) -> None:
        self.network, self.penalty = network, penalty
        self.evaluate, self.is_weight = steps.loss_and_gradient, network.is_weight

    def __call__(self, theta: Array) -> tuple[float, Array]:
        self.network.parameters[:] = theta
        return self.evaluate()

    def at_packed(self, packed: Array) -> tuple[float, Array]:
        """The same in scikit-learn's order: all W, then all b."""
        order, theta = pack_order(self.network.sizes), np.empty(len(packed))
        theta[order] = packed
        loss, gradient = self(theta)
        return loss, gradient[order]

    def reported(self, loss: float, scale: float) -> float:
        """The loss with its data part times ``scale``, at the network's parameters."""
        penalty = self.penalty.value(self.network.parameters * self.is_weight)
        return float(scale * (loss - penalty) + penalty)


def setup_of_all(network: Network, rows: Any, penalty: Penalty, threads: int = 1) -> StepSetup:
    """What gradients of all rows are computed with."""
    return StepSetup(network, rows, LBFGS(), Position(), len(rows), penalty, threads=threads)


def objective_in_memory(
    network: Network, rows: Samples, alpha: float, *, compiled: bool = False, threads: int = 1
) -> Objective:
    """The objective on rows in memory, by the engine or the reference."""
    penalty = Penalty(alpha / rows.mass_of())
    setup = setup_of_all(network, rows, penalty, threads)
    reference = SparseSteps if isinstance(rows.X, SparseRows) else ReferenceSteps
    steps = CompiledGradients(setup) if compiled else reference(setup)
    return Objective(steps, network, penalty)


def minimise(model: Any, objective: Objective, loss_scale: float, watchers: Watchers) -> None:
    """Run L-BFGS; the fitted attributes of ``model`` are written, its weights are not."""
    history, began = model.history_, time.perf_counter()
    history.stopped, history.message = "converged", "L-BFGS has converged"

    def after_iteration(theta: Array, value: float) -> bool:
        objective.network.parameters[:] = theta
        loss = objective.reported(value, loss_scale)
        history.record(len(history.epoch), loss)
        history.seconds += time.perf_counter() - began
        model.loss_curve_.append(loss)
        model.n_iter_ += 1
        if model.verbose:
            print(f"Iteration {model.n_iter_}, loss = {loss:.8f}")
        if watchers.after_epoch():
            return True
        if model.n_iter_ < model.max_iter:
            watchers.before_epoch()
        return False

    model.n_iter_ = 0
    watchers.before_epoch()
    given = model.optimizer
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = lbfgs.minimize(
            objective,
            objective.network.parameters,
            max_iterations=model.max_iter,
            max_evaluations=model.max_fun,
            gradient_tolerance=model.tol if given is None else given.tolerance,
            memory=10 if given is None else given.memory,
            after_iteration=after_iteration,
            compiled=model.engine != "numpy",
        )
    objective.network.parameters[:] = result.theta
    model.n_iter_ = min(result.iterations, model.max_iter)
    model.loss_ = objective.reported(result.loss, loss_scale)
    history.epochs_done = len(history.epoch)
    if not result.converged and history.stopped != "callback":
        history.stopped, history.message = "epochs", result.message
        warn(why(result, model), ConvergenceWarning)


def why(result: Minimum, model: Any) -> str:
    lines = [
        f"lbfgs failed to converge after {model.n_iter_} iteration(s) (status={result.status}):",
        result.message,
    ]
    if model.n_iter_ == model.max_iter:
        lines.append(f"Increase max_iter ({model.max_iter}) to go on.")
    lines.append("Scaling the columns of X may help, for example with StandardScaler.")
    return "\n".join(lines)
