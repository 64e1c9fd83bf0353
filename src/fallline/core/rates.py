"""A learning rate: a number, or a schedule, which gives it for each step.

:mod:`fallline.core.schedules` has the schedules; a run at one rate needs none of them.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fallline.errors import ParameterError
from fallline.limits import check_number

__all__ = ["KNOWN", "SPANNING", "Constant", "Schedule", "as_schedule"]

# the names of the schedules that :func:`fallline.core.schedules.spanning` lays out over a run
SPANNING = (
    "constant",
    "step",
    "exponential",
    "cosine",
    "inverse_scaling",
    "warm_up",
    "one_cycle",
)


@runtime_checkable
class Schedule(Protocol):
    """Anything that gives a learning rate for a step."""

    def __call__(self, step: int) -> float: ...


@dataclass(frozen=True)
class Constant:
    """rate(t) = learning_rate.

    >>> import fallline as fl
    >>> rate = fl.Constant(0.1)
    >>> [rate(step) for step in (0, 500, 1_000)]
    [0.1, 0.1, 0.1]
    """

    learning_rate: float

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)

    def __call__(self, step: int) -> float:
        return self.learning_rate


KNOWN: set[type] = {Constant}
"""The types of schedules that have checked their own numbers; schedules adds its own."""


def as_schedule(rate: "float | Schedule") -> Schedule:
    """A schedule unchanged; a number as ``Constant``.

    Raises ParameterError for anything else, for a number out of range, and for a custom schedule
    whose first rate is not a number of at least 0.
    """
    if callable(rate):
        return rate if type(rate) in KNOWN else tried(rate)
    if isinstance(rate, str):
        raise ParameterError(
            "learning_rate must be a number or a schedule such as Cosine(0.1, steps=1000), "
            f"not {rate!r}"
        )
    return Constant(check_number("learning_rate", rate))


def tried(schedule: Schedule) -> Schedule:
    """The user's own schedule, checked by its rate at step 0."""
    try:
        first = schedule(0)
        usable = math.isfinite(first) and first >= 0
    except Exception as reason:  # whatever the user's own code raises
        raise ParameterError(f"the schedule {schedule!r} fails at step 0: {reason!r}") from reason
    if not usable:
        raise ParameterError(
            f"the schedule {schedule!r} must give a learning rate of at least 0, "
            f"but at step 0 it gives {first!r}"
        )
    return schedule
