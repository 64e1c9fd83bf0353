"""The L-BFGS solver: SciPy's, on the loss and gradient of all rows in scikit-learn's packed order.

It works in float64 whatever the dtype of X; the weights are cast back at the end. The loss it
minimises belongs to the gradient also for several outputs, where scikit-learn averages only the
loss; what it reports is averaged as there.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from fallline.arrays import Array
from fallline.core.backprop import Backprop
from fallline.core.network import Network
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.estimators.callbacks import Watchers
from fallline.estimators.layers import pack_order
from fallline.estimators.rows import SparseRows
from fallline.estimators.sparse import SparsePass

__all__ = ["Objective", "minimise"]


class Objective:
    """Loss and gradient of all rows at a packed vector (all W, then all b)."""

    def __init__(
        self,
        network: Network,
        rows: Samples,
        alpha: float,
        *,
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        self.network, self.rows = network, rows
        mass = len(rows) if rows.weight is None else float(rows.weight.sum())
        self.penalty = Penalty(alpha / mass)
        self.evaluate = self.by_engine(threads) if compiled else by_reference(self)
        self.order = pack_order(network.sizes)

    def by_engine(self, threads: int) -> Callable[[], tuple[float, Array]]:
        from fallline.engine import Gradient

        return Gradient(self.network, self.rows, penalty=self.penalty, threads=threads)

    def packed(self) -> Array:
        return self.network.parameters[self.order]

    def move(self, packed: Array) -> None:
        self.network.parameters[self.order] = packed

    def __call__(self, packed: Array) -> tuple[float, Array]:
        self.move(packed)
        loss, gradient = self.evaluate()
        return loss, gradient[self.order]

    def reported(self, loss: float, scale: float) -> float:
        """The loss with its data part times ``scale``, at the network's parameters."""
        penalty = self.penalty.value(self.network.parameters * self.network.is_weight)
        return float(scale * (loss - penalty) + penalty)


def by_reference(objective: Objective) -> Callable[[], tuple[float, Array]]:
    """Loss and gradient where the network stands, by :class:`fallline.core.backprop.Backprop`."""
    rows = objective.rows
    kind = SparsePass if isinstance(rows.X, SparseRows) else Backprop
    step = kind(objective.network, len(rows), objective.penalty)
    step.load(rows.X, rows.weight)

    def evaluate() -> tuple[float, Array]:
        step.forward()
        loss = step.loss(rows.Y)
        step.backward(rows.Y)
        return loss, step.gradient

    return evaluate


def minimise(model: Any, objective: Objective, loss_scale: float, watchers: Watchers) -> None:
    """Run L-BFGS; the fitted attributes of ``model`` are written, its weights are not."""
    history, began = model.history_, time.perf_counter()
    history.stopped, history.message = "converged", "L-BFGS has converged"

    def after_iteration(intermediate_result: Any) -> None:
        objective.move(intermediate_result.x)
        loss = objective.reported(float(intermediate_result.fun), loss_scale)
        history.record(len(history.epoch), loss)
        history.seconds += time.perf_counter() - began
        model.loss_curve_.append(loss)
        model.n_iter_ += 1
        if model.verbose:
            print(f"Iteration {model.n_iter_}, loss = {loss:.8f}")
        if watchers.after_epoch():
            raise StopIteration
        if model.n_iter_ < model.max_iter:
            watchers.before_epoch()

    model.n_iter_ = 0
    watchers.before_epoch()
    given = model.optimizer
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = minimize(
            objective,
            objective.packed(),
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options={
                "maxfun": model.max_fun,
                "maxiter": model.max_iter,
                "gtol": model.tol if given is None else given.tolerance,
                "maxcor": 10 if given is None else given.memory,
            },
        )
    objective.move(result.x)
    model.n_iter_ = min(result.nit, model.max_iter)
    model.loss_ = objective.reported(float(result.fun), loss_scale)
    history.epochs_done = len(history.epoch)
    if result.status != 0 and history.stopped != "callback":
        history.stopped, history.message = "epochs", str(result.message)
        warnings.warn(why(result, model), ConvergenceWarning, stacklevel=7)


def why(result: Any, model: Any) -> str:
    lines = [
        f"lbfgs failed to converge after {model.n_iter_} iteration(s) (status={result.status}):",
        str(result.message),
    ]
    if model.n_iter_ == model.max_iter:
        lines.append(f"Increase max_iter ({model.max_iter}) to go on.")
    lines.append("Scaling the columns of X may help, for example with StandardScaler.")
    return "\n".join(lines)
