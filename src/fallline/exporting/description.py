"""What a model computes, in parts so small that a page of code writes them in another language.

A :class:`Description` is a row's columns, each with the features made of it; the layers of the
network; and what its output means. Every format but JSON is written from it alone.

A number or a date is one number x, a date the seconds since 1970; every feature of it but
``Absent`` is 0 if it is missing. So are those of a :class:`Direction` if one of its two numbers is.
A text is a code: the position of its category, then one code
for all other texts and one for a missing cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS
from fallline.engine.blocks import Block, blocks_along_diagonal, cut_blocks
from fallline.errors import ParameterError

__all__ = [
    "Absent",
    "Clipped",
    "Column",
    "Dense",
    "Description",
    "Direction",
    "Equal",
    "Feature",
    "Interval",
    "Naming",
    "OneOf",
    "Output",
    "Ramp",
    "Scaled",
    "Sets",
    "Sign",
    "Wave",
    "in_tables",
    "is_text",
]

Label = str | int | float | bool


# ---- features of a number x


@dataclass(frozen=True)
class Scaled:
    """(x - shift) / scale."""

    shift: float
    scale: float


@dataclass(frozen=True)
class Clipped:
    """z / sqrt(1 + (z / 3)^2) of z = (x - shift) / scale, held within -1e150 and 1e150."""

    shift: float
    scale: float


@dataclass(frozen=True)
class Equal:
    """1 where x is this value, else 0."""

    value: float


@dataclass(frozen=True)
class Ramp:
    """(x - low) / (high - low), held within 0 and 1, less ``center``."""

    low: float
    high: float
    center: float


@dataclass(frozen=True)
class Wave:
    """The sine or cosine of x times ``turn``."""

    function: Literal["sin", "cos"]
    turn: float


@dataclass(frozen=True)
class Absent:
    """1 where x is missing, else 0."""


# ---- features of a text's code


@dataclass(frozen=True)
class OneOf:
    """1 where the code is one of these, else 0."""

    codes: tuple[int, ...]


@dataclass(frozen=True)
class Sign:
    """-1 for the code 0, 1 for the code 1, else 0."""


# ---- features of two numbers


@dataclass(frozen=True)
class Direction:
    """Features of ``weights[0]`` x + ``weights[1]`` y, of two columns one after the other.

    x and y are (number - shift) / scale of the ``Clipped`` that is the first feature of each, held
    within -1e150 and 1e150.
    """

    weights: tuple[float, float]
    features: tuple["Feature", ...]


Feature = Scaled | Clipped | Equal | Ramp | Wave | Absent | OneOf | Sign


# ---- columns, layers, output


@dataclass(frozen=True)
class Column:
    """One value of a row: what it may be, and the features made of it.

    ``missing`` are the texts, and ``missing_numbers`` the numbers, that mean a missing cell;
    ``needed`` says that none may be missing. ``categories`` are those of texts, or with
    ``by_letter`` those of first letters. A text that equals none of them is compared in lower case
    with ``words``, and as a number with ``numbers``, which give its category. ``form`` is how the
    training rows' dates were written; ``low`` and ``high`` are the training rows' range, where it
    is known. The features of the ``directions`` of this column and the one before come last.
    """

    name: str
    kind: Literal["number", "date", "text"]
    features: tuple[Feature, ...]
    missing: tuple[str, ...] = ()
    missing_numbers: tuple[float, ...] = ()
    needed: bool = False
    categories: tuple[str, ...] = ()
    by_letter: bool = False
    words: tuple[tuple[str, int], ...] = ()
    numbers: tuple[tuple[float, int], ...] = ()
    form: str = ""
    low: float | None = None
    high: float | None = None
    directions: tuple[Direction, ...] = ()

    @property
    def scaling(self) -> Clipped:
        """How a number of a place is scaled, without the clipping: its first feature."""
        first = self.features[0]
        if not isinstance(first, Clipped):
            raise TypeError(f"the column {self.name!r} is not part of a place")
        return first

    @property
    def other(self) -> int:
        """The code of a text that is not a category."""
        return len(self.categories)

    @property
    def absent(self) -> int:
        """The code of a missing text."""
        return len(self.categories) + 1


@dataclass(frozen=True)
class Dense:
    """A layer: activation(A @ W + b); W (n_in, n_out) and b (n_out,) have the network's dtype."""

    W: Array
    b: Array
    activation: str

    @cached_property
    def blocks(self) -> list[Block]:
        """Those outside of which W is 0: of the members of an ensemble, or one."""
        return blocks_along_diagonal(self.W)


@dataclass(frozen=True)
class Interval:
    """The interval of a number: from f - ``quantile`` sigma to f + ``quantile`` sigma, both times
    the target's scale plus its mean, the lower end at least ``lowest``.

    f is the network's output, held to ``ends``. log sigma = ``bias`` + x . ``weights`` +
    ``hinges[0]`` f + the sum of ``hinges[i + 1]`` max(0, f - ``knots[i]``), held to ``low`` and
    ``high``. x are the network's inputs; without ``weights`` they do not count.
    """

    level: float
    quantile: float
    bias: float
    weights: tuple[float, ...]
    knots: tuple[float, ...]
    hinges: tuple[float, ...]
    low: float
    high: float
    ends: tuple[float, float] | None = None
    lowest: float | None = None


@dataclass(frozen=True)
class Sets:
    """The classes in a row's set: those whose probability is 1 - their ``quantiles`` at least, and
    the likeliest."""

    level: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Output:
    """What the last layer's output means.

    ``task``: "binary" (the probability of the second of two ``labels``), "classes" (one of each),
    "labels" (each output says whether it is so), or "numbers": output * ``scale`` + ``mean``, held
    to ``ends``. ``half_is_yes``: an output of exactly 0.5 is the second label, or a yes. How sure
    that is, a number's ``interval`` or the ``sets`` of classes say, where the model has them.
    """

    task: Literal["binary", "classes", "labels", "numbers"]
    labels: tuple[Label, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    ends: tuple[float, float] | None = None
    half_is_yes: bool = False
    target: str | None = None
    interval: Interval | None = None
    sets: Sets | None = None

    @property
    def has_classes(self) -> bool:
        return self.task in ("binary", "classes")


@dataclass(frozen=True)
class Description:
    """A whole model.

    ``positional``: a row is a sequence of numbers, not of named columns. ``model`` is what is
    described, and ``training`` are its settings, if they are known.
    """

    columns: tuple[Column, ...]
    layers: tuple[Dense, ...]
    output: Output
    positional: bool
    dtype: np.dtype
    model: Any = field(repr=False, compare=False)
    training: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def n_results(self) -> int:
        """The numbers that are predicted for a row: a probability of each class, or each output."""
        return 2 if self.output.task == "binary" else len(self.layers[-1].b)

    @property
    def is_plain(self) -> bool:
        """Whether the numbers of a row enter the network as they are."""
        return self.positional and all(c.features == (Scaled(0.0, 1.0),) for c in self.columns)

    def facts(self) -> dict[str, Any]:
        """Everything but the weights, as JSON data, for programs that interpret it."""
        output = self.output
        return {
            "sizes": [len(self.layers[0].W), *(len(layer.b) for layer in self.layers)],
            "blocks": [list(map(list, layer.blocks)) for layer in self.layers],
            "activations": [layer.activation for layer in self.layers],
            "target": output.target,
            "task": output.task,
            "labels": list(output.labels),
            "half_is_yes": output.half_is_yes,
            "mean": output.mean,
            "scale": output.scale,
            "ends": None if output.ends is None else list(output.ends),
            "interval": None if output.interval is None else as_data(output.interval),
            "sets": None if output.sets is None else as_data(output.sets),
            "positional": self.positional,
            "plain": self.is_plain,
            "missing": {column.kind: list(column.missing) for column in self.columns},
            "columns": [] if self.is_plain else [facts_of(column) for column in self.columns],
        }

    def theta(self, dtype: str) -> Array:
        """The blocks of W, and b, layer by layer, in one vector."""
        parts: list[Array] = []
        for layer in self.layers:
            parts += [block.ravel() for block in cut_blocks(layer.W, layer.blocks)] + [layer.b]
        return np.concatenate(parts).astype(dtype)

    def require(self, functions: Mapping[str, Any], form: str) -> None:
        """Raise ParameterError for an activation that ``functions``, by name, has not."""
        for layer in self.layers:
            if layer.activation not in functions:
                own = [name for name in functions if name in ACTIVATIONS]
                raise ParameterError(
                    f"the activation {layer.activation!r} is one of your own, which {form} cannot "
                    f"hold; export .json, or use {', '.join(own)}"
                )


def facts_of(column: Column) -> dict[str, Any]:
    """A column as JSON data: a feature is its name in small letters, then its terms."""
    return {
        "name": column.name,
        "kind": column.kind,
        "needed": column.needed,
        "missing_numbers": list(column.missing_numbers),
        "categories": list(column.categories),
        "by_letter": column.by_letter,
        "words": as_list(column.words),
        "numbers": as_list(column.numbers),
        "form": column.form,
        "features": features_facts(column.features),
        "directions": [
            {"weights": list(each.weights), "features": features_facts(each.features)}
            for each in column.directions
        ],
    }


def features_facts(features: Sequence[Feature]) -> list[Any]:
    return [
        [type(feature).__name__.lower(), *map(as_list, astuple(feature))] for feature in features
    ]


def as_data(part: Interval | Sets) -> dict[str, Any]:
    return {name: as_list(value) for name, value in vars(part).items()}


def as_list(term: Any) -> Any:
    return [as_list(part) for part in term] if isinstance(term, tuple) else term


@dataclass(frozen=True)
class Naming:
    """The name of an exported model: the file's name without its ending; and for SQL the table."""

    stem: str
    table: str = "data"


# ---- texts


def is_text(text: str) -> bool:
    """Whether it can be in a table, or in UTF-8 at all: it has no unpaired surrogates."""
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def in_tables(categories: Sequence[str]) -> list[str]:
    """The categories; those that no table can contain are replaced."""
    return [text if is_text(text) else f"category {k}" for k, text in enumerate(categories)]
