"""The setup: all that a page chooses, as checked plain data. It is what the address holds.

A setup has three parts: ``data`` (which rows), ``network`` and ``training``. Every value that the
page sends is checked here, field by field; unknown fields, wrong types, NaN and numbers out of
range are refused with a ParameterError, and nothing changes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fallline.core.activations import ACTIVATIONS
from fallline.core.initializers import INITIALIZERS
from fallline.core.losses import get as get_loss
from fallline.core.optimizers import by_name
from fallline.core.schedules import SPANS
from fallline.errors import ParameterError
from fallline.limits import check_choice
from fallline.playground.limits import (
    MAX_EPOCHS,
    MAX_HIDDEN_LAYERS,
    MAX_NEURONS,
    MAX_POINTS,
)
from fallline.playground.mistakes import GRADIENTS

__all__ = [
    "INPUTS",
    "DataSetup",
    "NetworkSetup",
    "Setup",
    "TrainingSetup",
    "make_optimizer",
    "read_setup",
]

DATA_KINDS = (
    "truth_table",
    "and",
    "or",
    "xor",
    "circles",
    "moons",
    "spirals",
    "gaussians",
    "iris",
    "digits",
    "plane",
    "bump",
    "drawn",
    "table",
    "given",
)
INPUTS = ("x1", "x2", "x1²", "x2²", "x1 x2", "sin πx1", "sin πx2")
OPTIMIZERS = ("gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw")
SCHEDULES = tuple(SPANS)


@dataclass(frozen=True)
class DataSetup:
    """Which rows. ``points`` are drawn ones, (x1, x2, class); ``view`` the two features shown.

    ``inputs`` are what a made or drawn set gives to the network, by their names in INPUTS.
    ``targets``, where there are any, replace those of a truth table or a logical operation.
    """

    kind: str = "truth_table"
    n: int = 200
    noise: float = 0.1
    test: float = 0.3
    seed: int = 0
    points: tuple[tuple[float, float, float], ...] = ()
    target: str = ""
    inputs: tuple[str, ...] = ("x1", "x2")
    view: tuple[int, int] = (0, 2)
    targets: tuple[int, ...] = ()


@dataclass(frozen=True)
class NetworkSetup:
    """The hidden layers, each with its activation; the initialiser and seed.

    ``init`` "" is the usual initialiser, "zeros" sets every weight to 0.
    """

    hidden: tuple[int, ...] = (2,)
    activations: tuple[str, ...] = ("sigmoid",)
    init: str = "uniform"
    seed: int = 0


@dataclass(frozen=True)
class TrainingSetup:
    """How to train; ``batch_size`` 0 is the full batch, ``epochs`` the length of a whole run.

    ``gradient`` is "right", or a wrong one of :mod:`fallline.playground.mistakes`.
    """

    loss: str = "auto"
    optimizer: str = "gradient_descent"
    learning_rate: float = 1.6
    momentum: float = 0.9
    schedule: str = "constant"
    batch_size: int = 0
    l2: float = 0.0
    l1: float = 0.0
    epochs: int = 20_000
    dropout: float = 0.0
    gradient: str = "right"


@dataclass(frozen=True)
class Setup:
    """Data, network and training."""

    data: DataSetup = DataSetup()
    network: NetworkSetup = NetworkSetup()
    training: TrainingSetup = TrainingSetup()

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


# ---- checks of one value

Check = Callable[[str, Any], Any]


def integer(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ParameterError(
                f"{name} must be a whole number from {low:,} to {high:,}, not {value!r:.60}"
            )
        return value

    return check


def number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not math.isfinite(value) or not low <= value <= high:
            raise ParameterError(
                f"{name} must be a number from {low:g} to {high:g}, not {value!r:.60}"
            )
        return float(value)

    return check


def choice(options: Sequence[str]) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise ParameterError(f"{name} must be one of {', '.join(options)}, not {value!r:.60}")
        return check_choice(name, value[:60], list(options))

    return check


def activation(name: str, value: Any) -> str:
    """Asked at each use: a program may register activations of its own."""
    checked: str = choice(list(ACTIVATIONS))(name, value)
    return checked


def loss(name: str, value: Any) -> str:
    if value == "auto":
        return "auto"
    if not isinstance(value, str) or len(value) > 60:
        raise ParameterError(f"{name} must be auto or the name of a loss, not {value!r:.60}")
    return get_loss(value).name


def text(most: int) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise ParameterError(f"{name} must be a text of at most {most} characters")
        return value

    return check


def several(check: Check, low: int, high: int) -> Check:
    def check_all(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not low <= len(value) <= high:
            how_many = str(low) if low == high else f"{low} to {high:,}"
            raise ParameterError(f"{name} must be a list of {how_many} entries")
        return tuple(check(f"{name}[{i}]", item) for i, item in enumerate(value))

    return check_all


def distinct(check: Check) -> Check:
    def check_distinct(name: str, value: Any) -> tuple[Any, ...]:
        items: tuple[Any, ...] = check(name, value)
        if len(set(items)) < len(items):
            raise ParameterError(f"{name} must not name anything twice")
        return items

    return check_distinct


SEED = integer(0, 2**31 - 1)
CHECKS: dict[type, dict[str, Check]] = {
    DataSetup: {
        "kind": choice(DATA_KINDS),
        "n": integer(10, MAX_POINTS),
        "noise": number(0, 1),
        "test": number(0, 0.9),
        "seed": SEED,
        "points": several(several(number(-1e6, 1e6), 3, 3), 0, MAX_POINTS),
        "target": text(200),
        "inputs": distinct(several(choice(INPUTS), 1, len(INPUTS))),
        "view": several(integer(0, 100_000), 2, 2),
        "targets": several(integer(0, 1), 0, 8),
    },
    NetworkSetup: {
        "hidden": several(integer(1, MAX_NEURONS), 0, MAX_HIDDEN_LAYERS),
        "activations": several(activation, 0, MAX_HIDDEN_LAYERS),
        "init": choice(["", *INITIALIZERS, "zeros"]),
        "seed": SEED,
    },
    TrainingSetup: {
        "loss": loss,
        "optimizer": choice(OPTIMIZERS),
        "learning_rate": number(1e-9, 1e6),
        "momentum": number(0, 0.9999),
        "schedule": choice(SCHEDULES),
        "batch_size": integer(0, 1_000_000),
        "l2": number(0, 1e6),
        "l1": number(0, 1e6),
        "epochs": integer(1, MAX_EPOCHS),
        "dropout": number(0, 0.9),
        "gradient": choice(GRADIENTS),
    },
}


def read_setup(given: Any) -> Setup:
    """The setup that a page sent. Raises ParameterError for anything but a whole, right one."""
    parts = {"data": DataSetup, "network": NetworkSetup, "training": TrainingSetup}
    given = mapping("setup", given, parts)
    setup = Setup(**{name: read_part(name, kind, given[name]) for name, kind in parts.items()})
    if len(setup.network.hidden) != len(setup.network.activations):
        raise ParameterError(
            f"network.activations must name one activation for each of the "
            f"{len(setup.network.hidden)} hidden layers, not {len(setup.network.activations)}"
        )
    return setup


def read_part(part: str, kind: type, given: Any) -> Any:
    names = [field.name for field in fields(kind)]
    given = mapping(part, given, names)
    return kind(**{name: CHECKS[kind][name](f"{part}.{name}", given[name]) for name in names})


def mapping(name: str, given: Any, keys: Any) -> Mapping[str, Any]:
    """``given``, if it is an object with just these keys."""
    if not isinstance(given, dict) or set(given) != set(keys):
        raise ParameterError(f"{name} must be an object with the fields {', '.join(keys)}")
    return given


# ---- the optimiser


def make_optimizer(training: TrainingSetup, steps: int) -> Any:
    """The optimiser for a run of ``steps`` steps, which is what a schedule spans."""
    name, more = training.optimizer, dict[str, Any]()
    if name in ("momentum", "nesterov"):
        more = {"momentum": training.momentum, "nesterov": name == "nesterov"}
        name = "gradient_descent"
    return by_name(name, training.learning_rate, training.schedule, steps, **more)
