"""Schedules: the learning rate as a function of the step, counted from 0.

A schedule is called with the step and gives the rate. A plain number can replace a schedule
anywhere; it means ``Constant``. Sources: cosine, Loshchilov and Hutter 2017 (arXiv:1608.03983, eq.
5, without restarts); one cycle, Smith and Topin 2018 (arXiv:1708.07120, section 2).
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import field

from fallline.core.rates import KNOWN, SPANNING, Constant, Schedule, as_schedule
from fallline.dataclass import dataclass
from fallline.limits import check_choice, check_integer, check_number

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "OneCycle",
    "Plateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "as_schedule",
    "spanning",
]


@dataclass(frozen=True)
class StepDecay:
    """rate(t) = learning_rate * drop^floor(t / every).

    >>> import fallline as fl
    >>> rate = fl.StepDecay(0.1, every=500)
    >>> [rate(step) for step in (0, 499, 500, 1_000)]
    [0.1, 0.1, 0.05, 0.025]
    """

    learning_rate: float
    every: int
    drop: float = 0.5

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_integer("every", self.every)
        check_number("drop", self.drop)

    def __call__(self, step: int) -> float:
        return float(self.learning_rate * self.drop ** (step // self.every))


@dataclass(frozen=True)
class Exponential:
    """rate(t) = learning_rate * drop^(t / every).

    >>> import fallline as fl
    >>> rate = fl.Exponential(0.1, every=500)
    >>> [round(rate(step), 4) for step in (0, 250, 500, 1_000)]
    [0.1, 0.0707, 0.05, 0.025]
    """

    learning_rate: float
    every: int
    drop: float = 0.5

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_integer("every", self.every)
        check_number("drop", self.drop)

    def __call__(self, step: int) -> float:
        return float(self.learning_rate * self.drop ** (step / self.every))


@dataclass(frozen=True)
class Cosine:
    """rate(t) = final + (learning_rate - final) (1 + cos(pi t / steps)) / 2; later final.

    >>> import fallline as fl
    >>> rate = fl.Cosine(0.1, steps=1_000)
    >>> [round(rate(step), 4) for step in (0, 250, 500, 1_000)]
    [0.1, 0.0854, 0.05, 0.0]
    """

    learning_rate: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_integer("steps", self.steps)
        check_number("final", self.final)

    def __call__(self, step: int) -> float:
        done = min(step / self.steps, 1.0)
        return self.final + (self.learning_rate - self.final) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class InverseScaling:
    """rate(t) = learning_rate / (t + 1)^power.

    >>> import fallline as fl
    >>> rate = fl.InverseScaling(0.1)
    >>> [round(rate(step), 4) for step in (0, 3, 99)]
    [0.1, 0.05, 0.01]
    """

    learning_rate: float
    power: float = 0.5

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_number("power", self.power)

    def __call__(self, step: int) -> float:
        return float(self.learning_rate / (step + 1) ** self.power)


@dataclass(frozen=True)
class WarmUp:
    """A linear rise to another schedule: rate(t) = after(0) (t + 1) / warm_up_steps at first.

    From ``warm_up_steps`` on it is ``after``, which then counts its own steps from 0.

    >>> import fallline as fl
    >>> rate = fl.WarmUp(fl.Cosine(0.1, steps=1_000), warm_up_steps=10)
    >>> [round(rate(step), 4) for step in (0, 4, 9, 510)]
    [0.01, 0.05, 0.1, 0.05]
    """

    after: "float | Schedule"
    warm_up_steps: int

    def __post_init__(self) -> None:
        as_schedule(self.after)
        check_integer("warm_up_steps", self.warm_up_steps)

    def __call__(self, step: int) -> float:
        after = as_schedule(self.after)
        if step < self.warm_up_steps:
            return after(0) * (step + 1) / self.warm_up_steps
        return after(step - self.warm_up_steps)


@dataclass(frozen=True)
class OneCycle:
    """A rise from learning_rate / start_divisor to learning_rate, then a fall to / end_divisor.

    The rise takes ``share`` of ``steps``; both follow half a cosine.

    >>> import fallline as fl
    >>> rate = fl.OneCycle(0.1, steps=1_000)
    >>> [round(rate(step), 5) for step in (0, 300, 650, 1_000)]
    [0.004, 0.1, 0.05, 1e-05]
    """

    learning_rate: float
    steps: int
    share: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_integer("steps", self.steps)
        check_number("share", self.share)
        check_number("start_divisor", self.start_divisor)
        check_number("end_divisor", self.end_divisor)

    def __call__(self, step: int) -> float:
        done = min(step / self.steps, 1.0)
        top = self.learning_rate
        if done < self.share:
            return half_cosine(top / self.start_divisor, top, done / self.share)
        return half_cosine(top, top / self.end_divisor, (done - self.share) / (1.0 - self.share))


def half_cosine(start: float, end: float, done: float) -> float:
    """From ``start`` to ``end`` along half a cosine, ``done`` in [0, 1]."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Plateau:
    """The rate of another schedule, times ``factor`` after each plateau of the validation loss.

    After ``patience`` recorded epochs without a lower validation loss the run returns to the best
    parameters so far and continues at ``factor`` times the rate. It stops instead if that would be
    less than ``until`` times the initial rate:

        rate(t) * factor^k, after k falls

    ``rate`` is a number or a schedule. A run copies the schedule and records its falls in
    ``falls``, as pairs of the first step at the lower rate and the number of records before it;
    outside a run there are none. Training without validation rows refuses this schedule.

    Raises ParameterError for a value out of range.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> adam = fl.Adam(fl.Plateau(0.1, patience=3))
    >>> test = ([[1, 1, 1], [0, 1, 1]], [1, 0])
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=adam, epochs=2_000, validation=test)
    >>> [round(rate, 4) for rate in sorted(set(history.learning_rate), reverse=True)]
    [0.1, 0.03, 0.009]
    """

    rate: "float | Schedule"
    patience: int = 4
    factor: float = 0.3
    until: float = 0.05
    falls: list[tuple[int, int]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        as_schedule(self.rate)
        check_integer("patience", self.patience)
        check_number("factor", self.factor)
        check_number("until", self.until)

    def __call__(self, step: int) -> float:
        fallen = bisect_right(self.falls, step, key=first_step) if self.falls else 0
        return as_schedule(self.rate)(step) * self.factor**fallen

    @property
    def max_falls(self) -> int:
        """How often the rate may fall: while factor^k is at least ``until``."""
        return math.floor(math.log(self.until) / math.log(self.factor) + 1e-9)


def first_step(fall: tuple[int, int]) -> int:
    return fall[0]


SCHEDULES: dict[str, type] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": Exponential,
    "cosine": Cosine,
    "inverse_scaling": InverseScaling,
    "warm_up": WarmUp,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
"""The schedules, by name."""

KNOWN.update(SCHEDULES.values())


SPANS: dict[str, Callable[[float, int], "float | Schedule"]] = {
    "constant": lambda rate, steps: rate,
    "step": lambda rate, steps: StepDecay(rate, every=math.ceil(steps / 4)),
    "exponential": lambda rate, steps: Exponential(rate, every=math.ceil(steps / 8)),
    "cosine": lambda rate, steps: Cosine(rate, steps=steps),
    "inverse_scaling": lambda rate, steps: InverseScaling(rate),
    "warm_up": lambda rate, steps: WarmUp(rate, warm_up_steps=math.ceil(steps / 20)),
    "one_cycle": lambda rate, steps: OneCycle(rate, steps=steps),
}
"""Schedules by name, laid out over a run's learning rate and number of steps."""


def spanning(name: str, rate: float, steps: int) -> "float | Schedule":
    """The schedule with this name over ``steps`` steps; ``rate`` itself for "constant".

    Raises ParameterError for an unknown name.

    >>> import fallline as fl
    >>> fl.schedules.spanning("exponential", 0.1, 1_000)
    Exponential(learning_rate=0.1, every=125, drop=0.5)
    """
    return SPANS[check_choice("schedule", name, SPANNING)](rate, steps)
