"""Rows for trying an exported model: generated from the values that its columns allow.

A cell is a number, a text, or None if it is missing; a date is the days since 1970, to the
millisecond.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from fallline.exporting.description import (
    Clipped,
    Column,
    Description,
    Equal,
    Ramp,
    Scaled,
    is_text,
)

__all__ = ["Cell", "Rows", "iso", "made_up"]

Cell = float | str | None
DAY_MS = 86_400_000
FIRST_DAY, LAST_DAY = -250_000.0, 250_000.0  # within the years 1285 and 2654
GAPS, EXTREMES, PLACES = 0.08, 0.08, 0.25  # shares of a column's cells
EPOCH = datetime.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Rows:
    """Rows of cells in the order of the columns."""

    columns: tuple[Column, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def __len__(self) -> int:
        return len(self.cells)

    def as_sequences(self) -> list[list[Any]]:
        """Each row as a list, dates as texts."""
        return [
            [shown(column, cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.cells
        ]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Each row as {column: cell}, dates as texts."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.as_sequences()]


def shown(column: Column, cell: Cell) -> Cell:
    return iso(cell) if column.kind == "date" and isinstance(cell, float) else cell


def iso(days: float) -> str:
    """Days since 1970 as 2021-03-15 17:30:00.000."""
    moment = EPOCH + datetime.timedelta(milliseconds=round(days * DAY_MS))
    return moment.isoformat(" ", "milliseconds")


def made_up(model: Description, n_rows: int, seed: int = 0) -> Rows:
    """Rows with everything that a column may contain.

    That is: values within the range and far outside, ends of bins, recurring values, all
    categories, unknown texts, missing cells.
    """
    generator = np.random.default_rng(seed)
    columns = [MAKERS[column.kind](column, n_rows, generator) for column in model.columns]
    return Rows(model.columns, tuple(zip(*columns, strict=True)))


def numbers(column: Column, n: int, generator: np.random.Generator) -> list[Cell]:
    low, high = usual(column)
    width = high - low
    values = low + width * generator.random(n)
    places = [*places_of(column), low, high, 0.0]
    at = generator.random(n) < PLACES
    values[at] = generator.choice(places, n)[at]
    far = generator.random(n) < EXTREMES
    values[far] = generator.choice(extremes(column, low, width), n)[far]
    cells: list[Cell] = values.tolist()
    return cells if column.needed else with_gaps(cells, generator)


def usual(column: Column) -> tuple[float, float]:
    """The training rows' range, or one derived from the features."""
    if column.low is not None and column.high is not None:
        return column.low, column.high
    for feature in column.features:
        if isinstance(feature, Scaled | Clipped):
            return feature.shift - 2.0 * feature.scale, feature.shift + 2.0 * feature.scale
    return -1.0, 1.0


def places_of(column: Column) -> list[float]:
    """The numbers at which the features change."""
    return [
        *(feature.value for feature in column.features if isinstance(feature, Equal)),
        *chain.from_iterable(
            (feature.low, feature.high) for feature in column.features if isinstance(feature, Ramp)
        ),
    ]


def extremes(column: Column, low: float, width: float) -> list[float]:
    far = [low - 10.0 * width, low + 11.0 * width, low - 1e4 * width, low + 1e4 * width]
    if any(isinstance(feature, Clipped) for feature in column.features):
        far += [-1e300, 1e300]
    return far


def dates(column: Column, n: int, generator: np.random.Generator) -> list[Cell]:
    low, high = (end / 86_400.0 for end in usual(column))
    days = low + (high - low) * generator.random(n)
    far = generator.random(n) < EXTREMES
    days[far] = generator.choice([FIRST_DAY, LAST_DAY, low, high, 0.0], n)[far]
    whole = generator.random(n) < 0.5
    days[whole] = np.floor(days[whole])
    days = np.round(np.clip(days, FIRST_DAY, LAST_DAY) * DAY_MS) / DAY_MS
    return with_gaps(days.tolist(), generator)


def texts(column: Column, n: int, generator: np.random.Generator) -> list[Cell]:
    known = [name + "123" * column.by_letter for name in column.categories if is_text(name)]
    others = ["no such category", "'; DROP TABLE", "\u00e9\u2028\\"]
    cells: list[Cell] = list(
        generator.choice(np.array([*known * 4, *others], dtype=object), n).tolist()
    )
    marks = [mark for mark in column.missing if generator.random() < 0.5]
    for i in np.flatnonzero(generator.random(n) < GAPS / 2).tolist():
        cells[i] = marks[i % len(marks)] if marks else None
    return with_gaps(cells, generator)


def with_gaps(cells: Sequence[Cell], generator: np.random.Generator) -> list[Cell]:
    gaps = generator.random(len(cells)) < GAPS
    return [None if gap else cell for cell, gap in zip(cells, gaps, strict=True)]


MAKERS: dict[str, Callable[[Column, int, np.random.Generator], list[Cell]]] = {
    "number": numbers,
    "date": dates,
    "text": texts,
}
