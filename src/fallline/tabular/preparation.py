"""From a table to arrays: which rows train, validate and test, their encoding and weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.splits import holdout
from fallline.data.encoding import Encoding
from fallline.data.table import Table, show
from fallline.data.targets import QUANTITIES, column_numbers, guess_task, rows_with_target, strata
from fallline.errors import DataError, TableError
from fallline.limits import check_choice, check_integer, check_number

__all__ = [
    "CLASS_WEIGHTS",
    "Prepared",
    "Split",
    "balanced_weights",
    "column_types",
    "column_weights",
    "encode",
    "prepare",
    "with_target",
]

CLASS_WEIGHTS = ("balanced",)


@dataclass(frozen=True)
class Prepared:
    """A table's usable rows, encoded: X (n, n_features), y (n,), ``weight`` (n,) or None.

    ``kept``, ``held`` and ``tested`` are the positions of the rows to train on, to validate and
    to test; ``tested`` may be empty. ``set_aside`` counts the rows whose target is missing.
    """

    encoding: Encoding
    X: Array
    y: Array
    weight: Array | None
    kept: Array
    held: Array
    tested: Array
    set_aside: int

    def part(self, rows: Array) -> tuple[Array, Array, Array | None]:
        """X, y and the weight of these rows."""
        return self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows]


def prepare(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    weights: str | None = None,
    class_weight: str | None = None,
    validation: float | Table = 0.15,
    test: float | Table | None = None,
    seed: int = 0,
    dtype: Any = "float64",
) -> Prepared:
    """Split the rows that have a target, fit the encoding on the training part, and encode all.

    ``validation`` and ``test`` are shares of the rows, drawn class by class where there are
    classes, or tables of their own; the other parameters are those of
    :func:`fallline.train_table`. Raises TableError for a table that cannot be used,
    ParameterError for a value out of range.
    """
    types = column_types(types, ignore, weights)
    usable, set_aside = with_target(table, target)
    everything = np.arange(len(usable))
    task = task or guess_task(usable, target, everything)
    generator = np.random.default_rng(check_integer("seed", seed))
    classes = strata(usable, target, everything, task)
    rest, tested = hold_out("test", test, everything, classes, generator)
    kept, held = hold_out("validation", validation, rest, classes, generator)
    no_validation = len(held) < 1 and not isinstance(validation, Table)
    if len(kept) < 2 or no_validation:
        raise TableError(
            f"{table.source}: {len(usable)} rows with a value in {target!r} are too few to train "
            "on and to hold some out"
        )
    extra = [with_target(t, target)[0] for t in (validation, test) if isinstance(t, Table)]
    ends = np.cumsum([len(part) for part in (usable, *extra)])
    if isinstance(validation, Table):
        held = np.arange(ends[0], ends[1])
    if isinstance(test, Table):
        tested = np.arange(ends[-2], ends[-1])
    split = Split(kept, held, tested)
    return encode(
        [usable, *extra],
        target,
        split,
        task=task,
        types=types,
        weights=weights,
        class_weight=class_weight,
        set_aside=set_aside,
        dtype=dtype,
    )


@dataclass(frozen=True)
class Split:
    """Positions of the rows to train on, to validate and to test."""

    kept: Array
    held: Array
    tested: Array


def encode(
    tables: Sequence[Table],
    target: str,
    split: Split,
    *,
    task: str,
    types: Mapping[str, str],
    weights: str | None = None,
    class_weight: str | None = None,
    set_aside: int = 0,
    dtype: Any = "float64",
) -> Prepared:
    """Fit the encoding on the rows kept of the first table, and encode all tables, stacked.

    Every row has a target. Raises as ``prepare`` does.
    """
    encoding = Encoding.fit(tables[0], target, rows=split.kept, task=task, types=types)
    X = [encoding.transform(table, np.dtype(dtype)) for table in tables]
    y = np.concatenate([encoding.encode_target(table)[0] for table in tables])
    weight = row_weights(tables, encoding, y, split.kept, weights, class_weight)
    stacked = X[0] if len(X) == 1 else np.concatenate(X)
    return Prepared(encoding, stacked, y, weight, split.kept, split.held, split.tested, set_aside)


def column_types(
    types: Mapping[str, str] | None, ignore: Sequence[str], weights: str | None
) -> dict[str, str]:
    """The kinds set by hand; columns that are ignored, and the one of weights, are skipped."""
    skipped = [*ignore, *([weights] if weights is not None else [])]
    return dict(types or {}) | dict.fromkeys(skipped, "skip")


def with_target(table: Table, target: str) -> tuple[Table, int]:
    rows, set_aside = rows_with_target(table, target)
    return (table.take(rows) if set_aside else table), set_aside


def hold_out(
    name: str,
    part: float | Table | None,
    rows: Array,
    classes: Array | None,
    generator: np.random.Generator,
) -> tuple[Array, Array]:
    """Those of ``rows`` that stay, and those held out where ``part`` is a share."""
    if part is None or isinstance(part, Table):
        return rows, rows[:0]
    check_number(name, part)
    strata = None if classes is None else classes[rows]
    kept, held = holdout(len(rows), part, generator, strata)
    return rows[kept], rows[held]


def row_weights(
    tables: Sequence[Table],
    encoding: Encoding,
    y: Array,
    kept: Array,
    weights: str | None,
    class_weight: str | None,
) -> Array | None:
    """The weight (n,) of each row in the loss: its own, times that of its class; None for 1.

    "balanced" gives class c the weight n / (k n_c), so that the k classes weigh the same.
    Raises TableError for a weight that is missing, no number or negative, DataError where class
    weights are asked for without classes.
    """
    own = None
    if weights is not None:
        own = np.concatenate([column_weights(table, weights) for table in tables])
    if class_weight is None:
        return own
    codes = y.astype(np.intp)
    by_class = balanced_weights(encoding, codes[kept], class_weight)[codes]
    return by_class if own is None else own * by_class


def balanced_weights(encoding: Encoding, codes: Array, class_weight: str) -> Array:
    """The weight (n_classes,) of each class, from the class numbers of the training rows."""
    check_choice("class_weight", class_weight, CLASS_WEIGHTS)
    if encoding.task in QUANTITIES:
        raise DataError(f"class_weight needs classes, but {encoding.target!r} has numbers")
    counts = np.bincount(codes, minlength=len(encoding.classes))
    weights: Array = len(codes) / (len(counts) * np.maximum(counts, 1))
    return weights


def column_weights(table: Table, name: str) -> Array:
    table.require([name])
    values = column_numbers(table, name)
    bad = np.isnan(values) | (values < 0)
    if bad.any():
        row = int(np.argmax(bad))
        cell = table.cell(row, name)
        what = "is missing" if cell is None else f"is {show(cell)}"
        raise TableError(
            f"{table.place(row, name)}: the weight {what}; weights are numbers from 0 on"
        )
    return values
