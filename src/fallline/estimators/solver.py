"""The optimiser of a fit with its state and learning rate, known to programs as ``_optimizer``."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, Adam, AdamW, GradientDescent, init_state, rate_at
from fallline.estimators.layers import cut

__all__ = ["Solver", "is_stochastic", "make_optimizer"]


@dataclass
class EpochRate:
    """A learning rate that is constant for an epoch and may then change."""

    learning_rate: float

    def __call__(self, step: int) -> float:
        return self.learning_rate


def is_stochastic(model: Any) -> bool:
    """Whether the estimator takes gradient steps, so that partial_fit makes sense."""
    if model.optimizer is not None:
        return not isinstance(model.optimizer, LBFGS)
    return bool(model.solver != "lbfgs")


def make_optimizer(model: Any) -> Any:
    """The core's optimiser for the estimator's parameters.

    Raises ValueError if two parameters contradict each other.
    """
    rate = model.schedule or EpochRate(float(model.learning_rate_init))
    if model.optimizer is not None:
        if model.weight_decay > 0:
            raise ValueError(
                "weight_decay goes with solver='adam'; give it to the optimizer, as in "
                "optimizer=AdamW(weight_decay=...)"
            )
        given = model.optimizer
        return given if model.schedule is None else replace(given, learning_rate=rate)
    if model.solver == "sgd":
        if model.weight_decay > 0:
            raise ValueError("weight_decay needs solver='adam'; with 'sgd' use alpha")
        return descent(rate, float(model.momentum), bool(model.nesterovs_momentum))
    settings: dict[str, Any] = {
        "learning_rate": rate,
        "beta_1": float(model.beta_1),
        "beta_2": float(model.beta_2),
        "epsilon": float(model.epsilon),
        "epsilon_hat": True,
    }
    if model.weight_decay > 0:
        return AdamW(**settings, weight_decay=float(model.weight_decay))
    return Adam(**settings)


def descent(rate: Any, momentum: float, nesterov: bool) -> GradientDescent:
    """Gradient descent; scikit-learn allows a momentum of exactly 1, the core does not."""
    optimizer = GradientDescent(rate, momentum=min(momentum, 0.5), nesterov=nesterov)
    object.__setattr__(optimizer, "momentum", momentum)
    return optimizer


class Solver:
    """An optimiser, its state in the layout of theta, and the steps it has taken.

    ``learning_rate`` and ``learning_rate_init`` may be set between two calls of ``partial_fit``.
    ``ms``, ``vs`` and ``velocities`` show the state by layer, all W and then all b, as views.
    """

    def __init__(self, model: Any, network: Network) -> None:
        self.optimizer = make_optimizer(model)
        self.sizes = network.sizes
        self.state: dict[str, Array] = init_state(self.optimizer, network.parameters)
        self.t = 0
        self.lr_schedule = model.learning_rate if model.solver == "sgd" else "constant"
        self.power_t = float(model.power_t)
        self._learning_rate_init = float(model.learning_rate_init)

    @property
    def rate(self) -> Any:
        """The rate that may be set, or the schedule that was given."""
        return self.optimizer.learning_rate

    @property
    def learning_rate(self) -> float:
        """The learning rate; for Adam that of the last step, its bias correction included."""
        rate = rate_at(self.optimizer, max(self.t - 1, 0))
        if isinstance(self.optimizer, Adam) and self.t > 0:
            root = np.sqrt(1.0 - self.optimizer.beta_2**self.t)
            return float(rate * root / (1.0 - self.optimizer.beta_1**self.t))
        return rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if not isinstance(self.rate, EpochRate):
            raise ValueError("this learning rate follows a schedule, so it cannot be set")
        self.rate.learning_rate = float(value)

    @property
    def learning_rate_init(self) -> float:
        """The rate that training started from."""
        return self._learning_rate_init

    @learning_rate_init.setter
    def learning_rate_init(self, value: float) -> None:
        self._learning_rate_init = float(value)
        if isinstance(self.optimizer, Adam):
            self.learning_rate = value

    def after_epoch(self, rows_seen: int) -> None:
        """Inverse scaling: rate = learning_rate_init / (rows_seen + 1)^power_t."""
        if self.lr_schedule == "invscaling" and isinstance(self.rate, EpochRate):
            self.learning_rate = self.learning_rate_init / (rows_seen + 1) ** self.power_t

    def slow_down(self) -> bool:
        """Divide an adaptive rate by 5; False if it is not adaptive, or already at most 1e-6."""
        if self.lr_schedule != "adaptive" or not isinstance(self.rate, EpochRate):
            return False
        if self.learning_rate <= 1e-6:
            return False
        self.learning_rate /= 5.0
        return True

    def by_layer(self, name: str) -> list[Array]:
        weights, biases = cut(self.state[name], self.sizes)
        return weights + biases

    @property
    def ms(self) -> list[Array]:
        """Adam's running means."""
        return self.by_layer("mean")

    @property
    def vs(self) -> list[Array]:
        """Adam's running means of squares."""
        return self.by_layer("mean_square")

    @property
    def velocities(self) -> list[Array]:
        """The velocities of gradient descent with momentum."""
        return self.by_layer("velocity")
