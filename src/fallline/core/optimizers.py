r"""Optimisers: an initial state and an update of the flat parameter vector theta, nothing else.

Conventions
-----------
* ``init(theta)`` gives the state: named arrays shaped like theta (none for plain descent).
* ``update(theta, gradient, state, step, is_weight)`` moves theta in place by one step, counted
  from 0. The gradient is overwritten with the change that was added to theta.
* ``learning_rate`` is a number or a schedule (see :mod:`fallline.core.schedules`); eta below is its
  value at the step. ``is_weight`` is 1 for weights and 0 for biases, shaped like theta.

L-BFGS chooses its own steps along a line, so it does not have this form: ``LBFGS`` only holds its
settings, and :func:`fallline.train` passes the whole run to SciPy.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from fallline.arrays import Array
from fallline.core.rates import Constant, Schedule, as_schedule
from fallline.dataclass import dataclass
from fallline.errors import ParameterError
from fallline.limits import check_choice, check_flag, check_integer, check_number

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Optimizer",
    "RMSProp",
    "by_name",
    "init_state",
    "rate_at",
]

State = dict[str, Array]


@runtime_checkable
class Optimizer(Protocol):
    """What the training loop requires of an optimiser."""

    @property
    def learning_rate(self) -> float | Schedule: ...

    if TYPE_CHECKING:  # at run time init_state accepts the old name, start, as well

        def init(self, theta: Array) -> State: ...

    def update(
        self, theta: Array, gradient: Array, state: State, step: int, is_weight: Array
    ) -> None: ...


@dataclass(frozen=True)
class _Stepper:
    """A learning rate, checked once, callable by step."""

    learning_rate: float | Schedule = 0.1
    rate: Schedule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", as_schedule(self.learning_rate))

    def init(self, theta: Array) -> State:
        return {}


@dataclass(frozen=True)
class GradientDescent(_Stepper):
    r"""Gradient descent, optionally with momentum.

    Plain (momentum 0): theta <- theta - eta g. With momentum mu:

    .. math:: v \leftarrow \mu v - \eta g, \qquad \theta \leftarrow \theta + v

    and with Nesterov's look-ahead theta <- theta + mu v - eta g (v already updated).

    Parameters: ``learning_rate`` above 0 or a schedule; ``momentum`` in [0, 1); ``nesterov``.
    State: ``velocity`` v where momentum > 0.
    Raises ParameterError for a value out of range.
    Source: Sutskever et al. 2013 (ICML, section 2, eqs. 1-4); the form with v already updated is
    the one PyTorch and scikit-learn use. They differ in the rate: PyTorch keeps v free of eta, so
    the two agree only while the rate is constant.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> descent = fl.GradientDescent(learning_rate=1.6, momentum=0.5)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=200)
    >>> round(history.loss[0], 3), round(history.loss[-1], 3)
    (0.84, 0.01)
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("momentum", self.momentum)
        check_flag("nesterov", self.nesterov)

    def init(self, theta: Array) -> State:
        return {"velocity": np.zeros_like(theta)} if self.momentum > 0 else {}

    def update(
        self, theta: Array, gradient: Array, state: State, step: int, is_weight: Array
    ) -> None:
        change = np.multiply(gradient, -self.rate(step), out=gradient)
        if self.momentum > 0:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += change
            if self.nesterov:
                change += self.momentum * velocity
            else:
                change[:] = velocity
        theta += change


@dataclass(frozen=True)
class RMSProp(_Stepper):
    r"""RMSProp: each parameter's step is divided by the running root mean square of its gradient.

    .. math:: s \leftarrow \rho s + (1 - \rho) g^2, \qquad
              \theta \leftarrow \theta - \eta\, g / (\sqrt{s} + \epsilon)

    Parameters: ``learning_rate`` above 0 or a schedule; ``decay`` rho in [0, 1); ``epsilon``
    above 0. State: ``mean_square`` s. Raises ParameterError for a value out of range.
    Source: Tieleman and Hinton 2012, lecture 6.5, slide 29.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.RMSProp(0.01), epochs=200)
    >>> round(history.loss[0], 3), round(history.loss[-1], 3)
    (0.84, 0.309)
    """

    learning_rate: float | Schedule = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("decay", self.decay)
        check_number("epsilon", self.epsilon)

    def init(self, theta: Array) -> State:
        return {"mean_square": np.zeros_like(theta)}

    def update(
        self, theta: Array, gradient: Array, state: State, step: int, is_weight: Array
    ) -> None:
        running_mean(state["mean_square"], np.square(gradient), self.decay)
        change = np.multiply(gradient, -self.rate(step), out=gradient)
        change /= np.sqrt(state["mean_square"]) + self.epsilon
        theta += change


@dataclass(frozen=True)
class Adam(_Stepper):
    r"""Adam: running means of the gradient and its square, corrected for their start at zero.

    With t = step + 1:

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g, \qquad \hat m = m / (1 - \beta_1^t) \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad \hat v = v / (1 - \beta_2^t) \\
        \theta &\leftarrow \theta - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)

    Parameters: ``learning_rate`` above 0 or a schedule; ``beta_1`` and ``beta_2`` in [0, 1);
    ``epsilon`` above 0; with ``epsilon_hat`` it is added to the uncorrected root instead, as
    scikit-learn does. State: ``mean`` m and ``mean_square`` v.
    Raises ParameterError for a value out of range.
    Source: Kingma and Ba 2015 (arXiv:1412.6980, algorithm 1; ``epsilon_hat`` from the remark at
    the end of section 2).

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.Adam(0.01), epochs=200)
    >>> round(history.loss[0], 3), round(history.loss[-1], 3)
    (0.84, 0.435)
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta_1", self.beta_1)
        check_number("beta_2", self.beta_2)
        check_number("epsilon", self.epsilon)
        check_flag("epsilon_hat", self.epsilon_hat)

    def init(self, theta: Array) -> State:
        return {"mean": np.zeros_like(theta), "mean_square": np.zeros_like(theta)}

    def update(
        self, theta: Array, gradient: Array, state: State, step: int, is_weight: Array
    ) -> None:
        running_mean(state["mean"], gradient, self.beta_1)
        running_mean(state["mean_square"], np.square(gradient), self.beta_2)
        t = step + 1
        root = np.sqrt(state["mean_square"])
        correction = 1.0 / np.sqrt(1.0 - self.beta_2**t)
        root *= correction
        root += self.epsilon * correction if self.epsilon_hat else self.epsilon
        change = np.divide(state["mean"], root, out=gradient)
        change *= -self.rate(step) / (1.0 - self.beta_1**t)
        theta += change


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: theta <- theta - eta (Adam's step + lambda theta).

    The decay acts on weights, not on biases, as L2 does here; PyTorch decays both.

    Parameters: as :class:`Adam`, and ``weight_decay`` lambda, at least 0.
    Source: Loshchilov and Hutter 2019 (arXiv:1711.05101, algorithm 2).

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> adamw = fl.AdamW(fl.Cosine(0.1, steps=200), weight_decay=0.01)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=adamw, epochs=200)
    >>> round(history.loss[0], 3), round(history.loss[-1], 3)
    (0.84, 0.06)
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("weight_decay", self.weight_decay)

    def update(
        self, theta: Array, gradient: Array, state: State, step: int, is_weight: Array
    ) -> None:
        decay = theta * is_weight
        decay *= -self.rate(step) * self.weight_decay
        super().update(theta, gradient, state, step, is_weight)
        theta += decay
        gradient += decay


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS: full batch, one iteration an epoch, no learning rate.

    Parameters: ``memory``, the number of past steps kept, at least 1; ``tolerance``, training
    stops when no component of the gradient is larger. Raises ParameterError for a value out of
    range. Source: Liu and Nocedal 1989, doi:10.1007/BF01589116.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.LBFGS(), epochs=10, l2=0.01)
    >>> round(history.loss[0], 3), round(history.loss[-1], 3)
    (0.552, 0.348)
    """

    memory: int = 10
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        check_integer("memory", self.memory)
        check_number("tolerance", self.tolerance)


def init_state(optimizer: Any, theta: Array) -> State:
    """The optimiser's state before its first step, by ``init`` or its former name ``start``.

    Raises ParameterError if it has neither.
    """
    init = getattr(optimizer, "init", None) or getattr(optimizer, "start", None)
    if not callable(init):
        raise ParameterError(
            "an optimiser needs a method init(theta), which gives its state as named arrays "
            f"(none: {{}}); {optimizer!r} has none"
        )
    state: State = init(theta)
    return state


def rate_at(optimizer: Optimizer, step: int) -> float:
    """The learning rate of a step."""
    if isinstance(optimizer, _Stepper):  # its rate is checked already
        return float(optimizer.rate(step))
    return float(as_schedule(optimizer.learning_rate)(step))


def rates_at(optimizer: Optimizer, steps: Sequence[int]) -> Array:
    """The learning rates of these steps; a constant schedule is called once."""
    if isinstance(getattr(optimizer, "rate", None), Constant):
        rate = np.array(rate_at(optimizer, 0), float)
        return np.ndarray(len(steps), float, rate, strides=(0,))  # as np.broadcast_to, in a tenth
    return np.array([rate_at(optimizer, step) for step in steps])


def running_mean(mean: Array, new: Array, decay: float) -> None:
    """mean <- decay * mean + (1 - decay) * new, in place."""
    mean *= decay
    mean += (1.0 - decay) * new


OPTIMIZERS: dict[str, type] = {
    "gradient_descent": GradientDescent,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
    "lbfgs": LBFGS,
}
"""The optimisers, by name."""


def by_name(
    name: str, learning_rate: float, schedule: str, steps: int, **hyperparameters: float
) -> Any:
    """The optimiser with this name; a schedule over ``steps`` steps sets its learning rate.

    ``schedule`` is a name of :data:`fallline.schedules.SPANS`; ``hyperparameters`` are those of the
    optimiser. "lbfgs" has neither rate nor schedule. Raises ParameterError for an unknown name or a
    value out of range.

    >>> import fallline as fl
    >>> fl.optimizers.by_name("gradient_descent", 0.1, "constant", 1_000, momentum=0.9)
    GradientDescent(learning_rate=0.1, momentum=0.9, nesterov=False)
    >>> fl.optimizers.by_name("adam", 0.1, "cosine", 1_000).learning_rate
    Cosine(learning_rate=0.1, steps=1000, final=0.0)
    """
    kind = OPTIMIZERS[check_choice("optimizer", name, list(OPTIMIZERS))]
    if kind is LBFGS:
        return LBFGS(**hyperparameters)  # type: ignore[arg-type]
    if schedule == "constant":
        return kind(learning_rate, **hyperparameters)
    from fallline.core.schedules import spanning

    return kind(spanning(schedule, learning_rate, max(steps, 1)), **hyperparameters)
