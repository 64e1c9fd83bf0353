"""The settings that can be swept, and their combinations."""

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fallline.core.optimizers import OPTIMIZERS
from fallline.core.rates import SPANNING
from fallline.errors import ParameterError
from fallline.limits import check_choice, check_integer, check_number

__all__ = [
    "DEFAULTS",
    "MAX_RUNS",
    "as_cell",
    "as_key",
    "combinations",
    "setting_key",
    "too_many",
    "values_of",
    "varied_in",
]

MAX_RUNS = 1_000_000


DEFAULTS: dict[str, Any] = {
    "hidden": (16,),
    "activation": "relu",
    "init": None,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "schedule": "constant",
    "momentum": 0.0,
    "batch_size": None,
    "epochs": 100,
    "l2": 0.0,
    "l1": 0.0,
    "weight_decay": 0.01,
    "dropout": 0.0,
}
"""What can be swept, and the value of what is not."""


def as_key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else value


def varied_in(
    chosen: Sequence[Mapping[str, Any]], ladder: Sequence[tuple[int, int | None]]
) -> tuple[str, ...]:
    """The settings in which runs differ."""
    several = {"epochs"} if len(ladder) > 1 else set()
    return tuple(
        name
        for name in DEFAULTS
        if name in several or len({as_key(setting[name]) for setting in chosen}) > 1
    )


def setting_key(run: Mapping[str, Any]) -> Hashable:
    """What distinguishes a setting from the others."""
    return values_of(run, DEFAULTS)


def values_of(run: Mapping[str, Any], names: Iterable[str]) -> Hashable:
    """The values of these names, as a key."""
    return tuple([as_key(run[name]) for name in names])


def too_many(n_runs: int) -> ParameterError:
    return ParameterError(
        f"these settings, seeds and folds make {n_runs:,} runs, more than {MAX_RUNS:,}; "
        "give fewer values, or draws=1000 to try some at random"
    )


def combinations(settings: Mapping[str, Any], draws: int | None, seed: int) -> list[dict[str, Any]]:
    """All combinations, or ``draws`` of them at random. Raises ParameterError."""
    if not settings:
        raise ParameterError(f"settings names nothing to sweep; there are {', '.join(DEFAULTS)}")
    lists = {}
    for name, values in settings.items():
        check_choice("a setting", name, list(DEFAULTS))
        lists[name] = [checked(name, value) for value in as_list(name, values)]
        if not lists[name]:
            raise ParameterError(f"settings[{name!r}] is an empty list: give at least one value")
    count = math.prod(len(values) for values in lists.values())
    if draws is not None:
        count = min(count, check_integer("draws", draws, limit="rows"))
    if count > MAX_RUNS:
        raise too_many(count)
    if draws is None:
        chosen: Any = itertools.product(*lists.values())
    else:
        chosen = at_random(list(lists.values()), count, np.random.default_rng(seed))
    return [{**DEFAULTS, **dict(zip(lists, values, strict=True))} for values in chosen]


def at_random(lists: list[list[Any]], count: int, generator: np.random.Generator) -> list[Any]:
    """``count`` different combinations, without listing all of them."""
    sizes = [len(values) for values in lists]
    total = math.prod(sizes)
    seen: dict[tuple[int, ...], None] = {}
    while len(seen) < count:
        index = int(generator.integers(total)) if total < 2**62 else None
        picks = (
            np.unravel_index(index, sizes)
            if index is not None
            else tuple(int(generator.integers(size)) for size in sizes)
        )
        seen[tuple(int(i) for i in picks)] = None
    return [[values[i] for values, i in zip(lists, picks, strict=True)] for picks in seen]


def as_list(name: str, values: Any) -> list[Any]:
    """One value as a list. A tuple of layer sizes is one value."""
    if name == "hidden" and isinstance(values, tuple):
        return [values]
    return list(values) if isinstance(values, list | tuple | range | np.ndarray) else [values]


def checked(name: str, value: Any) -> Any:
    """A value, checked by the limits of its parameter."""
    if name == "hidden":
        sizes = (value,) if isinstance(value, int | np.integer) else tuple(value)
        return tuple(check_integer("hidden", size, limit="layer size") for size in sizes)
    if name in ("batch_size", "epochs"):
        return value if value is None else check_integer(name, value)
    if name == "optimizer":
        return check_choice(name, value, list(OPTIMIZERS))
    if name == "schedule":
        return check_choice(name, value, SPANNING)
    if name in ("activation", "init"):
        return value
    return check_number(name, value)
