"""From a table to arrays: which rows train, validate and test, their encoding and weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import CompactRows, Rows
from fallline.core.network import Network
from fallline.core.splits import holdout, holdout_size
from fallline.data.binning import bins_for, with_bins
from fallline.data.compact import compact
from fallline.data.counters import time_column
from fallline.data.encoding import Encoding
from fallline.data.recognition import read_as_before, resolved
from fallline.data.table import Table, show
from fallline.data.targets import (
    QUANTITIES,
    column_numbers,
    find_classes,
    guess_task,
    rows_with_target,
    strata,
)
from fallline.data.values import by_value
from fallline.errors import DataError, ParameterError, TableError
from fallline.limits import check_choice, check_integer, check_number
from fallline.tabular.baselines import new_network
from fallline.tabular.options import PreparationOptions, with_defaults
from fallline.tabular.reach import with_reach
from fallline.tabular.recipes import Recipe
from fallline.tabular.soft import Soft, aligned, own_targets, soft_targets

__all__ = [
    "CLASS_WEIGHTS",
    "SPLITS",
    "Prepared",
    "Split",
    "balanced_weights",
    "column_types",
    "column_weights",
    "encode",
    "kept_types",
    "ordered_classes",
    "prepare",
    "read_alike",
    "rows_of",
    "with_target",
]

CLASS_WEIGHTS = ("balanced",)
SPLITS = ("random", "time")


@dataclass(frozen=True)
class Prepared:
    """A table's usable rows, encoded: X (n, n_features), y (n,), ``weight`` (n,) or None.

    ``train``, ``validation`` and ``test`` are the positions of those rows; ``test`` may be empty.
    ``calibration`` are those that neither train nor choose: intervals are calibrated on them.
    ``soft`` are the labels of a teacher, if there is one. ``set_aside`` counts the rows whose
    target is missing. ``linear_encoding`` and ``linear_X`` are those of the linear model: the
    columns without bins. ``notes`` say how the table was read. ``engine`` is that of training.
    """

    encoding: Encoding
    X: Rows
    y: Array
    weight: Array | None
    train: Array
    validation: Array
    test: Array
    set_aside: int
    linear_encoding: Encoding
    linear_X: Array
    notes: tuple[str, ...] = ()
    calibration: Array = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    soft: Soft | None = None
    engine: str = "auto"

    def new_network(self, recipe: Recipe, seed: int) -> Network:
        """A network of the recipe, with the inputs, outputs and loss for these rows."""
        return new_network(self.encoding, recipe.hidden, recipe.activation, seed, recipe.dtype)

    def lesson(self, rows: Array) -> tuple[Rows, Array, Array | None]:
        """X, the targets of a network for these rows (y, or the soft labels), and their weight."""
        X, y, weight = self.part(rows)
        return X, (y if self.soft is None else self.soft.targets[rows]), weight

    def part(self, rows: Array) -> tuple[Rows, Array, Array | None]:
        """X, y and the weight of these rows."""
        return self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows]

    def linear_part(self, rows: Array) -> tuple[Array, Array, Array | None]:
        """The same for the linear model."""
        return self.linear_X[rows], *self.part(rows)[1:]


def prepare(
    table: Table,
    target: str,
    *,
    seed: int = 0,
    dtype: Any = "float64",
    bins: int | None = 0,
    calibration: Callable[[int], float] | None = None,
    **options: Unpack[PreparationOptions],
) -> Prepared:
    """Split the rows that have a target, fit the encoding on the training part, and encode all.

    ``validation`` and ``test`` are shares of the rows, drawn class by class where there are
    classes (by ``split`` "time" the last rows), or tables of their own; ``bins`` is the maximum for
    a column of numbers, 0 for the number alone, None for a number that suits the rows;
    ``calibration`` gives the share to set aside from a number of rows that do not test, 0 for none;
    the other parameters are those of :func:`fallline.train_table`. Raises TableError for a table
    that cannot be used, ParameterError for a value out of range.
    """
    given = with_defaults(options)
    table = resolved(table, kept_types(given), target=target, task=given["task"])
    with_value, set_aside = rows_with_target(table, target)
    usable = table.take(with_value) if set_aside else table
    everything = np.arange(len(usable))
    task = given["task"] or guess_task(usable, target, everything)
    generator = np.random.default_rng(check_integer("seed", seed))
    classes = strata(usable, target, everything, task)
    check_choice("split", given["split"], SPLITS)
    last = given["split"] == "time"
    rest, test = hold_out("test", given["test"], everything, classes, generator, last=last)
    apart = 0.0 if calibration is None else calibration(len(rest))
    rest, calibrating = hold_out("calibration", apart, rest, classes, generator, last=last)
    train, validation = hold_out(
        "validation", given["validation"], rest, classes, generator, last=last
    )
    extra = {
        name: with_target(read_alike(part, table), target)[0]
        for name, part in (("validation", given["validation"]), ("test", given["test"]))
        if isinstance(part, Table)
    }
    without = given["validation"] == 0
    if len(train) < 2 or (len(validation) < 1 and "validation" not in extra and not without):
        raise TableError(
            f"{table.source}: {len(usable)} rows with a value in {target!r} are too few to train "
            "on and to hold some out (--validation 0 holds none out)"
        )
    if not last:
        usable = with_order_note(usable, target)
    ends = np.cumsum([len(usable), *(len(part) for part in extra.values())])
    for name, start, end in zip(extra, ends[:-1], ends[1:], strict=True):
        if name == "validation":
            validation = np.arange(start, end)
        else:
            test = np.arange(start, end)
    prepared = encode(
        [usable, *extra.values()],
        target,
        Split(train, validation, test),
        task=task,
        types=column_types(
            given["types"], [*given["ignore"], *own_soft_columns(given)], given["weights"]
        ),
        weights=given["weights"],
        class_weight=given["class_weight"],
        classes=ordered_classes(usable, target, task, given["positive"]),
        set_aside=set_aside,
        dtype=dtype,
        bins=bins,
    )
    return replace(
        prepared, calibration=calibrating, soft=taught_by(given, table, with_value, prepared)
    )


def own_soft_columns(options: PreparationOptions) -> tuple[str, ...]:
    """The columns of the table itself that contain soft labels, which are not features."""
    return () if options["soft"] is not None else tuple(options["soft_columns"] or ())


def taught_by(
    options: PreparationOptions, table: Table, rows: Array, data: Prepared
) -> Soft | None:
    """What a teacher says of the rows: of those at ``rows`` (m,) of the table, which stand first in
    ``data``; those of other tables keep their own labels. None without a teacher.
    """
    given, columns = options["soft"], options["soft_columns"]
    if given is None and columns is None:
        return None
    soft, notes = aligned(table if given is None else given, table, rows)
    share = check_number("soft_share", options["soft_share"])
    found = soft_targets(soft, columns, data.encoding, data.y[: len(rows)], share)
    others = own_targets(data.encoding, data.y[len(rows) :])
    targets = np.concatenate([found.targets, others])
    return replace(found, targets=targets, notes=(*notes, *found.notes))


def ordered_classes(
    table: Table, target: str, task: str, positive: str | None
) -> tuple[str, ...] | None:
    """The classes, the positive one last; None if they are to be recognised.

    Raises ParameterError if there is no such class, or where there are not two.
    """
    if positive is None:
        return None
    if task != "binary":
        raise ParameterError(f"positive is for a target of two classes; {target!r} is {task}")
    classes = find_classes(table, target, task)
    at = by_value([positive], classes).get(positive)
    if at is None:
        check_choice("positive", positive, list(classes))
    return classes if at == 1 else classes[::-1]


def with_order_note(table: Table, target: str) -> Table:
    """The table, with a note if its rows are in order of time."""
    column = time_column(table.without([target]))
    if column is None:
        return table
    note = (
        f"the rows are in the order of {column!r}: rows held out at random say less about later "
        "rows than the last rows do (--split time)"
    )
    return replace(table, notes=(*table.notes, note))


@dataclass(frozen=True)
class Split:
    """Positions of the rows to train on, to validate and to test."""

    train: Array
    validation: Array
    test: Array


def encode(
    tables: Sequence[Table],
    target: str,
    split: Split,
    *,
    task: str,
    types: Mapping[str, str],
    weights: str | None = None,
    class_weight: str | None = None,
    classes: tuple[str, ...] | None = None,
    set_aside: int = 0,
    dtype: Any = "float64",
    bins: int | None = 0,
) -> Prepared:
    """Fit the encoding on the rows kept of the first table, and encode all tables, stacked.

    Every row has a target. ``classes`` are those of the whole table, as a split may leave one out.
    Raises as ``prepare`` does.
    """
    tables = [tables[0], *(read_alike(table, tables[0]) for table in tables[1:])]
    plain = Encoding.fit(
        tables[0], target, rows=split.train, task=task, types=types, classes=classes
    )
    encoding = plain
    if bins != 0:
        most = bins_for(len(split.train)) if bins is None else check_integer("bins", bins)
        part = tables[0].take(split.train)
        encoding = with_reach(with_bins(plain, part, most, types), part)
    X = rows_of(encoding, tables, dtype)
    y = np.concatenate([encoding.encode_target(table)[0] for table in tables])
    weight = row_weights(tables, encoding, y, split.train, weights, class_weight)
    return Prepared(
        encoding,
        X,
        y,
        weight,
        split.train,
        split.validation,
        split.test,
        set_aside,
        plain,
        np.asarray(X) if encoding is plain else transformed(plain, tables, "float64"),
        tables[0].notes,
    )


def rows_of(encoding: Encoding, tables: Sequence[Table], dtype: Any) -> Rows:
    """The tables' rows, encoded and stacked; compactly where numbers are in bins."""
    if not encoding.starts_at_zero.any():
        return transformed(encoding, tables, dtype)
    return CompactRows.joined([compact(encoding, table, np.dtype(dtype)) for table in tables])


def transformed(encoding: Encoding, tables: Sequence[Table], dtype: Any) -> Array:
    """The tables' rows, encoded and stacked."""
    X = [encoding.transform(table, np.dtype(dtype)) for table in tables]
    return X[0] if len(X) == 1 else np.concatenate(X)


def read_alike(table: Table, first: Table) -> Table:
    """Another table, with its numbers read like those of the first."""
    return read_as_before(table, first.spellings)


def kept_types(options: PreparationOptions) -> dict[str, str]:
    """The kinds set by hand, for reading: ignored columns are not read."""
    given = with_defaults(options)
    return dict(given["types"] or {}) | dict.fromkeys(given["ignore"], "skip")


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
    *,
    last: bool = False,
) -> tuple[Array, Array]:
    """Those of ``rows`` that stay, and those held out where ``part`` is a share: the ``last``."""
    if part is None or isinstance(part, Table) or (part == 0 and name != "test"):
        return rows, rows[:0]
    check_number(name, part)
    if last:
        n_out = holdout_size(len(rows), part)
        return rows[: len(rows) - n_out], rows[len(rows) - n_out :]
    strata = None if classes is None else classes[rows]
    rest, held_out = holdout(len(rows), part, generator, strata)
    return rows[rest], rows[held_out]


def row_weights(
    tables: Sequence[Table],
    encoding: Encoding,
    y: Array,
    train: Array,
    weights: str | None,
    class_weight: str | None,
) -> Array | None:
    """The weight (n,) of each row in the loss: its own, times that of its class; None for 1.

    "balanced" gives class c the weight n / (k n_c), so that the k classes weigh the same.
    Raises TableError for a weight that is missing, no number or negative, DataError if class
    weights are asked for without classes.
    """
    own = None
    if weights is not None:
        own = np.concatenate([column_weights(table, weights) for table in tables])
    if class_weight is None:
        return own
    codes = y.astype(np.intp)
    by_class = balanced_weights(encoding, codes[train], class_weight)[codes]
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
            f"{table.place(row, name)}: the weight {what}; weights are numbers of at least 0"
        )
    return values
