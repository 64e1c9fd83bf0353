"""The stochastic solvers' fit: epochs, the count of those without improvement, when to stop."""

import time
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.errors import warn
from fallline.estimators.callbacks import Watchers
from fallline.estimators.scoring import ValidationRows
from fallline.estimators.solver import Solver
from fallline.estimators.steps import Epochs
from fallline.training.history import LISTS

__all__ = ["StochasticFit"]


class StochasticFit:
    """A run of epochs over one fit's rows; it writes the fitted attributes of ``model``."""

    def __init__(
        self,
        model: Any,
        network: Network,
        epochs: Epochs,
        validation: ValidationRows | None,
        watchers: Watchers,
    ) -> None:
        self.model, self.network, self.epochs, self.validation = model, network, epochs, validation
        self.solver: Solver = model._optimizer
        self.watchers = watchers
        self.n_rows = len(epochs.setup.rows)
        self.began = time.perf_counter()
        self.best: Array | None = None
        if model.early_stopping:
            self.best = getattr(model, "_best_theta", None)

    def run(self, *, incremental: bool) -> None:
        """All epochs, or one; then the best weights, if early stopping chose some."""
        model = self.model
        model.n_iter_ = 0
        model.history_.stopped, model.history_.message = "epochs", "all epochs done"
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for _ in range(1 if incremental else model.max_iter):
                    if self.epoch():
                        break
                else:
                    if not incremental:
                        self.not_converged()
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
            model.history_.cut(("learning_rate",) if self.validation is None else LISTS)
            model.history_.stopped = "interrupted"
            model.history_.message = "interrupted; the parameters of the last step are kept"
        model.history_.steps = self.solver.t = self.epochs.setup.position.step
        if model.early_stopping and self.best is not None:
            self.network.parameters = self.best

    def epoch(self) -> bool:
        """One epoch with its records; True to stop."""
        model = self.model
        self.watchers.before_epoch()
        loss = self.epochs.epoch()
        self.solver.t = self.epochs.setup.position.step
        model.n_iter_ += 1
        model.t_ += self.n_rows
        self.record(loss)
        self.say(f"Iteration {model.n_iter_}, loss = {loss:.8f}")
        score = self.validate()
        self.count(loss, score)
        self.solver.after_epoch(model.t_)
        return any([self.watchers.after_epoch(), self.ran_away(loss), self.no_progress()])

    def record(self, loss: float) -> None:
        model, history = self.model, self.model.history_
        history.record(len(history.epoch), loss)
        history.learning_rate.append(self.solver.learning_rate)
        history.epochs_done = len(history.epoch)
        history.steps = self.solver.t
        history.seconds += time.perf_counter() - self.began
        self.began = time.perf_counter()
        model.loss_ = loss
        model.loss_curve_.append(loss)

    def validate(self) -> float | None:
        """Measure the validation rows, if there are any; returns their score."""
        if self.validation is None:
            return None
        model = self.model
        loss, score = self.validation.measure(model, self.epochs)
        model.history_.validation_loss.append(loss)
        model.history_.validation_score.append(score)
        model.validation_loss_curve_.append(loss)
        if model.validation_scores_ is None:
            model.validation_scores_ = []
        model.validation_scores_.append(score)
        self.say(f"Validation score: {score:f}")
        return score

    def count(self, loss: float, score: float | None) -> None:
        """Count the epochs without an improvement of more than ``tol``; keep the best."""
        model = self.model
        if model.early_stopping and score is not None:
            worse = score < model.best_validation_score_ + model.tol
            if score > model.best_validation_score_:
                model.best_validation_score_ = score
                self.best = model._best_theta = self.network.parameters.copy()
                model.history_.best_epoch = model.history_.epoch[-1]
        else:
            worse = loss > model.best_loss_ - model.tol
            model.best_loss_ = loss if loss < model.best_loss_ else model.best_loss_
        model._no_improvement_count = model._no_improvement_count + 1 if worse else 0

    def no_progress(self) -> bool:
        """Whether too many epochs brought no improvement; first an adaptive rate is lowered."""
        model = self.model
        if model._no_improvement_count <= model.n_iter_no_change:
            return False
        what = "Validation score" if model.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={model.tol:f} for "
            f"{model.n_iter_no_change} consecutive epochs."
        )
        if self.solver.slow_down():
            self.say(f"{message} Setting learning rate to {self.solver.learning_rate:f}")
            model._no_improvement_count = 0
            return False
        too_small = " Learning rate too small." if self.solver.lr_schedule == "adaptive" else ""
        self.say(f"{message}{too_small} Stopping.")
        model.history_.stopped, model.history_.message = "rule", message
        return True

    def ran_away(self, loss: float) -> bool:
        """Whether the weights are no longer finite, so that no further epoch can help."""
        if np.isfinite(loss) or np.isfinite(self.network.parameters).all():
            return False
        message = f"the loss is not finite after {self.model.n_iter_} epochs: training diverged"
        self.model.history_.stopped, self.model.history_.message = "diverged", message
        if self.model.early_stopping:
            hint = "the best weights are kept; a smaller learning_rate_init or scaled data may help"
            warn(f"{message}; {hint}", ConvergenceWarning)
        return True

    def not_converged(self) -> None:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({self.model.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )

    def say(self, text: str) -> None:
        if self.model.verbose:
            print(text)
