"""What a model computes, in parts so small that a page of code writes them in another language.

A :class:`Description` is a row's columns, each with the features made of it; the layers of the
network; and what its output means. Every format but JSON is written from it alone.

A number or a date is one number x, a date the seconds since 1970; every feature of it but
``Absent`` is 0 where it is missing. A text is a code: the position of its category, then one code
for all other texts and one for a missing cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import pairwise
from math import isfinite, pi
from typing import Any, Literal

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import ACTIVATIONS
from fallline.core.network import Network
from fallline.data import columns as data
from fallline.data.cells import MISSING
from fallline.data.dates import CYCLES
from fallline.data.spelling import MARKS
from fallline.data.table import parse_numbers
from fallline.data.values import by_value, unambiguous
from fallline.errors import ParameterError
from fallline.tabular.model import TableModel

__all__ = [
    "Absent",
    "Clipped",
    "Column",
    "Dense",
    "Description",
    "Equal",
    "Feature",
    "Naming",
    "OneOf",
    "Output",
    "Ramp",
    "Scaled",
    "Sign",
    "Wave",
    "describe",
    "in_tables",
    "is_text",
]

Label = str | int | float | bool
WAVES: tuple[Literal["sin", "cos"], ...] = ("sin", "cos")


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


Feature = Scaled | Clipped | Equal | Ramp | Wave | Absent | OneOf | Sign


# ---- columns, layers, output


@dataclass(frozen=True)
class Column:
    """One value of a row: what it may be, and the features made of it.

    ``missing`` are the texts, and ``missing_numbers`` the numbers, that stand for a missing cell;
    ``needed`` tells that none may be missing. ``categories`` are a text's, whose first letters they
    are with ``by_letter``. A text that is none of them as it is written is compared in small
    letters with ``words``, and as a number with ``numbers``, which say which category it is.
    ``form`` is how the training rows' dates were written; ``low`` and
    ``high`` are the training rows' range, where it is known.
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

    @property
    def other(self) -> int:
        """The code of a text that is no category."""
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


@dataclass(frozen=True)
class Output:
    """What the last layer's output means.

    ``task``: "binary" (the probability of the second of two ``labels``), "classes" (one of each),
    "labels" (each output says whether it is so), or "numbers": output * ``scale`` + ``mean``, held
    to ``ends``. ``half_is_yes``: an output of exactly 0.5 is the second label, or a yes.
    """

    task: Literal["binary", "classes", "labels", "numbers"]
    labels: tuple[Label, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    ends: tuple[float, float] | None = None
    half_is_yes: bool = False
    target: str | None = None

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
        """All but the weights, as JSON data, for programs that are led by it."""
        output = self.output
        return {
            "sizes": [len(self.layers[0].W), *(len(layer.b) for layer in self.layers)],
            "activations": [layer.activation for layer in self.layers],
            "target": output.target,
            "task": output.task,
            "labels": list(output.labels),
            "half_is_yes": output.half_is_yes,
            "mean": output.mean,
            "scale": output.scale,
            "ends": None if output.ends is None else list(output.ends),
            "positional": self.positional,
            "plain": self.is_plain,
            "missing": {column.kind: list(column.missing) for column in self.columns},
            "columns": [] if self.is_plain else [facts_of(column) for column in self.columns],
        }

    def theta(self, dtype: str) -> Array:
        """All parameters, W and b layer by layer, in one vector."""
        parts = [part.ravel() for layer in self.layers for part in (layer.W, layer.b)]
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
        "features": [
            [type(feature).__name__.lower(), *map(as_list, astuple(feature))]
            for feature in column.features
        ],
    }


def as_list(term: Any) -> Any:
    return [as_list(part) for part in term] if isinstance(term, tuple) else term


@dataclass(frozen=True)
class Naming:
    """What an exported model is called: the file's name less its ending, and for SQL the table."""

    stem: str
    table: str = "data"


# ---- of a model


def describe(model: Any) -> Description:
    """The description of a network, a table's model or a fitted estimator.

    Raises ParameterError for anything else.
    """
    if isinstance(model, TableModel):
        return of_table(model)
    if isinstance(model, Network):
        return of_network(model)
    if hasattr(model, "to_network"):
        return of_estimator(model)
    raise ParameterError(
        "export takes a network, a table's model, a fitted estimator or the path of a model file, "
        f"not {type(model).__name__}"
    )


def layers_of(network: Network) -> tuple[Dense, ...]:
    return tuple(Dense(layer.W, layer.b, layer.activation) for layer in network.layers)


def of_table(model: TableModel) -> Description:
    encoding = model.encoding
    used = [c for c in encoding.columns if not isinstance(c, data.SkippedColumn)]
    marks = [str(mark) for mark in model.reading.get("missing", [])]
    output = (
        Output(
            "binary" if encoding.task == "binary" else "classes",
            encoding.classes,
            target=encoding.target,
        )
        if encoding.classes
        else Output(
            "numbers",
            mean=encoding.target_mean,
            scale=encoding.target_scale,
            ends=model.ends(),
            target=encoding.target,
        )
    )
    columns = tuple(column_of(column, marks) for column in used)
    network = model.network
    return Description(
        columns, layers_of(network), output, False, network.dtype, model, model.facts
    )


def of_network(network: Network) -> Description:
    task, n = network.loss.task, network.sizes[-1]
    if task == "numbers":
        output = Output("numbers")
    elif task == "binary" and n > 1:
        output = Output("labels", half_is_yes=True)
    elif task == "binary":
        output = Output("binary", (0, 1), half_is_yes=True)
    else:
        output = Output("classes", tuple(range(n)))
    columns = plain_columns([f"x{i}" for i in range(network.sizes[0])])
    return Description(columns, layers_of(network), output, True, network.dtype, network)


def of_estimator(model: Any) -> Description:
    """Of a fitted ``MLPClassifier`` or ``MLPRegressor``, by what both show to programs."""
    network: Network = model.to_network()
    labels = tuple(plain_label(label) for label in getattr(model, "classes_", ()))
    if not labels:
        output = Output("numbers")
    elif network.loss.task == "binary" and network.sizes[-1] > 1:
        output = Output("labels")
    else:
        output = Output("classes" if network.loss.task == "classes" else "binary", labels)
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = [f"x{i}" for i in range(model.n_features_in_)]
    columns = plain_columns([str(name) for name in names])
    encoder = getattr(model, "encoder_", None)
    if encoder is not None:  # a preset's, which leaves out what is the same in all rows
        parts = [() if c is None else number_features(c) for c in encoder.columns_]
        columns = tuple(
            replace(column, features=features)
            for column, features in zip(columns, parts, strict=True)
        )
    return Description(columns, layers_of(network), output, True, network.dtype, model)


def plain_label(label: Any) -> Label:
    """A class of NumPy's as Python's own."""
    own = label.item() if isinstance(label, np.generic) else label
    return own if isinstance(own, str | int | float | bool) else str(own)


def plain_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Numbers that enter the network as they are."""
    return tuple(Column(name, "number", (Scaled(0.0, 1.0),), needed=True) for name in names)


# ---- of a column


def column_of(
    column: data.NumberColumn | data.TextColumn | data.DateColumn, marks: Sequence[str]
) -> Column:
    """A table's column; ``marks`` are texts that its training table was told to take as gaps."""
    missing = (*MISSING, *marks)
    if isinstance(column, data.TextColumn):
        features = text_features(column)
        return Column(
            column.name,
            "text",
            features,
            missing,
            categories=column.categories,
            by_letter=column.by_letter,
            words=words_of(column.categories),
            numbers=numbers_of(column.categories),
        )
    numbers = tuple(x for x in parse_numbers(marks).tolist() if isfinite(x)) if marks else ()
    missing = (*missing, *sorted(MARKS - set(missing)))
    if isinstance(column, data.DateColumn):
        return Column(
            column.name,
            "date",
            date_features(column),
            missing,
            form=column.form,
            low=column.low,
            high=column.high,
        )
    return Column(
        column.name,
        "number",
        number_features(column),
        missing,
        numbers,
        low=column.low,
        high=column.high,
    )


def is_text(text: str) -> bool:
    """Whether it can stand in a table, or in UTF-8 at all: it has no halves of characters."""
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def in_tables(categories: Sequence[str]) -> list[str]:
    """The categories, those that no table can hold as texts of their own kind."""
    return [text if is_text(text) else f"category {k}" for k, text in enumerate(categories)]


def words_of(categories: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Which category a text is that is "true" or "false" in other letters than any category."""
    found = by_value(("tRuE", "fAlSe"), in_tables(categories))
    return tuple((text.lower(), code) for text, code in found.items())


def numbers_of(categories: Sequence[str]) -> tuple[tuple[float, int], ...]:
    """Which category a number is that is written otherwise than any category."""
    known = in_tables(categories)
    return tuple({**by_truth(known), **unambiguous(known)}.items())


def by_truth(categories: Sequence[str]) -> dict[float, int]:
    """1 and 0, where the categories are truth values."""
    found = by_value(("1.000", "0.000"), categories)
    return {float(text): code for text, code in found.items()}


def number_features(column: data.NumberColumn) -> tuple[Feature, ...]:
    absent: tuple[Feature, ...] = (Absent(),) if column.has_missing else ()
    if not isinstance(column, data.BinnedColumn):
        return (Scaled(column.mean, column.scale), *absent)
    ends = zip(pairwise(column.edges), column.centers, strict=True)
    return (
        Clipped(column.median, column.spread),
        *(Equal(level) for level in column.levels),
        *(Ramp(low, high, center) for (low, high), center in ends),
        *absent,
    )


def date_features(column: data.DateColumn) -> tuple[Feature, ...]:
    turns = [2 * pi / CYCLES[cycle] for cycle in column.cycles]
    return (
        Scaled(column.mean, column.scale),
        *(Wave(wave, turn) for turn in turns for wave in WAVES),
        *((Absent(),) if column.has_missing else ()),
    )


def text_features(column: data.TextColumn) -> tuple[Feature, ...]:
    other = len(column.categories)
    absent = other + 1
    gap: tuple[Feature, ...] = (OneOf((absent,)),) if column.has_missing else ()
    if isinstance(column, data.PairColumn):
        return (Sign(), *gap)
    rest = (other,) if column.has_missing else (other, absent)
    others: tuple[Feature, ...] = (OneOf(rest),) if column.has_other else ()
    return (*(OneOf((code,)) for code in range(other)), *others, *gap)
