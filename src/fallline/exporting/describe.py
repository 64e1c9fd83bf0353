"""The description of a model: of a network, a table's model, or a fitted estimator."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import isfinite, pi
from typing import Any, Literal

import numpy as np

from fallline.core.network import Network
from fallline.data import columns as data
from fallline.data.cells import MISSING
from fallline.data.dates import CYCLES
from fallline.data.spelling import MARKS
from fallline.data.table import parse_numbers
from fallline.data.values import by_value, unambiguous
from fallline.errors import ParameterError
from fallline.exporting.description import (
    Absent,
    Clipped,
    Column,
    Dense,
    Description,
    Direction,
    Equal,
    Feature,
    Interval,
    Label,
    OneOf,
    Output,
    Ramp,
    Scaled,
    Sets,
    Sign,
    Wave,
    in_tables,
)
from fallline.tabular.conformal import Scale
from fallline.tabular.model import TableModel

__all__ = ["describe"]

WAVES: tuple[Literal["sin", "cos"], ...] = ("sin", "cos")


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
    marks = [str(mark) for mark in model.reading.get("missing", [])]
    output = (
        Output(
            "binary" if encoding.task == "binary" else "classes",
            encoding.classes,
            target=encoding.target,
            sets=sets_of(model),
        )
        if encoding.classes
        else Output(
            "numbers",
            mean=encoding.target_mean,
            scale=encoding.target_scale,
            ends=model.ends(),
            target=encoding.target,
            interval=interval_of(model),
        )
    )
    columns = tuple(made for column in encoding.used for made in columns_of(column, marks))
    network = model.network
    return Description(
        columns, layers_of(network), output, False, network.dtype, model, model.facts
    )


def interval_of(model: TableModel) -> Interval | None:
    """What the intervals of a model of numbers are made by; a sigma of 1 where it has no scale."""
    conformal, encoding, ends = model.conformal, model.encoding, model.ends()
    if conformal is None:
        return None
    scale = conformal.scale or Scale(0.0, np.zeros(0), np.zeros(0), np.zeros(1), 0.0, 0.0)
    if ends is not None:
        low, high = ((end - encoding.target_mean) / encoding.target_scale for end in ends)
        ends = low, high
    return Interval(
        conformal.level,
        conformal.quantile,
        scale.bias,
        tuple(scale.weights.tolist()),
        tuple(scale.knots.tolist()),
        tuple(scale.hinges.tolist()),
        scale.low,
        scale.high,
        ends,
        0.0 if encoding.task == "counts" else None,
    )


def sets_of(model: TableModel) -> Sets | None:
    """What the sets of a model of classes are made by."""
    conformal = model.conformal
    if conformal is None:
        return None
    same = (conformal.quantile,) * len(model.encoding.classes)
    return Sets(conformal.level, conformal.by_class or same)


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
    """The description of a fitted ``MLPClassifier`` or ``MLPRegressor``, by public attributes."""
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
    if encoder is not None:  # of a preset, which leaves out columns that are the same in all rows
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
    """Numbers that enter the network unchanged."""
    return tuple(Column(name, "number", (Scaled(0.0, 1.0),), needed=True) for name in names)


# ---- of a column


def columns_of(column: data.UsedColumn, marks: Sequence[str]) -> list[Column]:
    """A column of the encoding as those of the table: a place as two."""
    if not isinstance(column, data.PlaceColumn):
        return [column_of(column, marks)]
    first, second = (column_of(each, marks) for each in (column.first, column.second))
    directions = (Direction(each.weights, number_features(each.bins)) for each in column.directions)
    return [first, replace(second, directions=tuple(directions))]


def column_of(column: data.CellColumn, marks: Sequence[str]) -> Column:
    """A table's column; ``marks`` are texts that its training table was told to read as missing."""
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


def words_of(categories: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The category of a text that is "true" or "false", written differently from all categories."""
    found = by_value(("tRuE", "fAlSe"), in_tables(categories))
    return tuple((text.lower(), code) for text, code in found.items())


def numbers_of(categories: Sequence[str]) -> tuple[tuple[float, int], ...]:
    """The category of a number that is written differently from all categories."""
    known = in_tables(categories)
    return tuple({**by_truth(known), **unambiguous(known)}.items())


def by_truth(categories: Sequence[str]) -> dict[float, int]:
    """1 and 0, if the categories are truth values."""
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
