"""The table of parameter limits. Every message about a value out of range comes from it."""

import math
import numbers
import sys
from typing import Any, NamedTuple

from fallline.errors import ParameterError

__all__ = ["LIMITS", "Limit", "check_choice", "check_flag", "check_integer", "check_number"]


class Limit(NamedTuple):
    """An interval of allowed numbers.

    ``low`` and ``high`` are the ends; an end is allowed itself unless marked open.
    ``integer`` asks for a whole number.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    integer: bool = False

    def allows(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and math.isfinite(value)

    def __str__(self) -> str:
        noun = "a whole number" if self.integer else "a number"
        low = f"above {self.low:g}" if self.low_open else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.high_open else f"at most {self.high:g}"
        ends = [text for text, end in ((low, self.low), (high, self.high)) if math.isfinite(end)]
        return " ".join([noun, " and ".join(ends)]).strip()


POSITIVE = Limit(low=0, low_open=True)
NOT_NEGATIVE = Limit(low=0)
SHARE = Limit(low=0, high=1, high_open=True)
COUNT = Limit(low=1, integer=True)

LIMITS: dict[str, Limit] = {
    "learning_rate": POSITIVE,
    "momentum": SHARE,
    "quantile": Limit(low=0, high=1, low_open=True, high_open=True),
    "beta_1": SHARE,
    "beta_2": SHARE,
    "decay": SHARE,
    "epsilon": POSITIVE,
    "weight_decay": NOT_NEGATIVE,
    "l1": NOT_NEGATIVE,
    "l2": NOT_NEGATIVE,
    "dropout": SHARE,
    "threads": COUNT,
    "epochs": Limit(low=0, integer=True),
    "batch_size": COUNT,
    "record_every": COUNT,
    "every": COUNT,
    "steps": COUNT,
    "warm_up_steps": COUNT,
    "drop": Limit(low=0, high=1, low_open=True),
    "factor": Limit(low=0, high=1, low_open=True, high_open=True),
    "until": Limit(low=0, high=1, low_open=True),
    "bins": Limit(low=0, integer=True),
    "power": NOT_NEGATIVE,
    "final": NOT_NEGATIVE,
    "share": Limit(low=0, high=1, low_open=True, high_open=True),
    "start_divisor": Limit(low=1),
    "end_divisor": Limit(low=1),
    "memory": COUNT,
    "tolerance": NOT_NEGATIVE,
    "patience": COUNT,
    "min_delta": NOT_NEGATIVE,
    "seconds": POSITIVE,
    "before": NOT_NEGATIVE,
    "interval": Limit(low=0, high=1, low_open=True, high_open=True),
    "target": Limit(),
    "scale": POSITIVE,
    "seed": Limit(low=0, integer=True),
    "layer size": COUNT,
    "height": COUNT,
    "soft_share": Limit(low=0, high=1, low_open=True),
    "validation": Limit(low=0, high=1, low_open=True, high_open=True),
    "calibration": Limit(low=0, high=1, low_open=True, high_open=True),
    "test": Limit(low=0, high=1, low_open=True, high_open=True),
    "folds": Limit(low=2, integer=True),
    "repeats": COUNT,
    "checkpoint_every": COUNT,
    "max_parameters": COUNT,
    "rows": COUNT,
    "skip_lines": Limit(low=0, integer=True),
    "limit": POSITIVE,
}


def check_number(name: str, value: Any, *, limit: str | None = None) -> float:
    """``value`` as a float, if the limit named ``limit`` (default: ``name``) allows it.

    Raises ParameterError otherwise.
    """
    bound = LIMITS[limit or name]
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not bound.allows(float(value))
    ):
        raise ParameterError(f"{name} must be {bound}, not {value!r}")
    return float(value)


def check_integer(name: str, value: Any, *, limit: str | None = None) -> int:
    """``value`` as an int, if the limit named ``limit`` (default: ``name``) allows it.

    Raises ParameterError otherwise.
    """
    bound = LIMITS[limit or name]
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not bound.allows(int(value)):
        raise ParameterError(f"{name} must be {bound}, not {value!r}")
    return int(value)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number of at least 0, small enough to be a count."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_number(value: Any) -> bool:
    """Whether a value is a finite number of one of Python's built-in types."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def check_flag(name: str, value: Any) -> bool:
    """``value`` as a bool. Raises ParameterError for anything but True and False."""
    if value is not True and value is not False:
        raise ParameterError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_choice(name: str, value: Any, choices: list[str] | tuple[str, ...]) -> str:
    """``value``, if it is one of ``choices``.

    Raises ParameterError, with the nearest allowed name, otherwise.
    """
    if isinstance(value, str) and value in choices:
        return value
    from difflib import get_close_matches

    near = get_close_matches(str(value), choices, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ParameterError(f"{name} must be one of {', '.join(choices)}; not {value!r}{hint}")
