"""The encoding of a table: features from its columns, and the target, fitted on training rows.

    number   (x - mean) / standard deviation; missing -> 0, and a feature that says so
    date     the time, standardised, and its place in the year, week and day
    text     one feature a common category (one-hot), one for all other texts, one for missing
    set aside  no feature, and a note that says why

A feature exists only if some training row has it: one that is 0 in all rows would keep its random
initial weight and add noise when it first occurs. Unseen texts are then all zeros.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import DTypeLike, NDArray

from fallline.arrays import Array, ArrayLike
from fallline.data.column_data import (
    as_,
    as_list,
    as_number,
    as_scale,
    column_from_dict,
    column_to_dict,
)
from fallline.data.columns import (
    CellColumn,
    Column,
    DateColumn,
    NumberColumn,
    SkippedColumn,
    TextColumn,
    UsedColumn,
    cell_columns,
    first_letters,
    zero_mask,
)
from fallline.data.counters import counts_up
from fallline.data.dates import (
    COMPACT,
    FORMS,
    check_form,
    column_seconds,
    find_form,
    is_date_kind,
    varying_cycles,
)
from fallline.data.recognition import read_as_before
from fallline.data.spelling import Spelling
from fallline.data.table import Table, show
from fallline.data.targets import (
    QUANTITIES,
    TASKS,
    check_counts,
    class_codes,
    column_numbers,
    find_classes,
    guess_task,
    recognise_numbers,
)
from fallline.errors import FalllineError, ModelFileError, TableError
from fallline.limits import check_choice

__all__ = ["KINDS", "Encoding"]

KINDS = ("number", "text", "date", "skip")
MAX_CATEGORIES = 100
NEARLY_ALL = 0.9
LIKE_A_CODE = r"^[A-Za-z]{1,3}[-. /]?\d+"
TINY = 1e-150
FARTHEST = 1e100  # standard deviations of a target, whose square must not overflow


@dataclass(frozen=True)
class Encoding:
    """How a table becomes arrays and predictions become labels.

    ``task`` is "binary", "classes", "numbers" or "counts". ``classes`` are the labels in the order
    of their indices (none for numbers and counts); ``target_mean`` and ``target_scale`` standardise
    a target of numbers; counts are divided by their mean, which is then the scale. ``spellings``
    say how the numbers of columns and of the target were written, if not plainly. ``notes`` are for
    people to read.
    """

    target: str
    task: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    target_mean: float = 0.0
    target_scale: float = 1.0
    notes: tuple[str, ...] = field(default=())
    spellings: Mapping[str, Spelling] = field(default_factory=dict)

    @staticmethod
    def fit(
        table: Table,
        target: str,
        *,
        rows: ArrayLike,
        task: str | None = None,
        types: Mapping[str, str] | None = None,
        classes: tuple[str, ...] | None = None,
    ) -> "Encoding":
        """Decide on kinds, means, scales and categories from the training rows ``rows`` (m,).

        Only the check whether a column numbers the rows looks at the whole table. ``task`` and
        ``types`` ({column: "number", "text", "date", "date:FORM" or "skip"}) override what would be
        recognised; FORM is in the syntax of strftime, such as "%d/%m/%Y". ``classes`` are those of
        the whole table, if the training rows may lack one. Raises TableError if a column or the
        target cannot be used, ParameterError for an unknown task or kind.
        """
        index = [name for name in table.index if name != target]
        types = dict.fromkeys(index, "index") | dict(types or {})
        table.require([target, *types])
        if target in types:
            raise TableError(f"{target!r} is the target: set the task, not its type")
        for name, kind in types.items():
            if kind != "index":
                check_kind(name, kind)
        part = table.take(rows)
        if len(part) == 0:
            raise TableError(f"{table.source}: there are no training rows")
        task = check_choice("task", task or guess_task(table, target, rows), TASKS)
        columns: list[Column] = []
        said: dict[str, list[str]] = {}
        for name in table.columns:
            if name == target:
                continue
            column, note = fit_column(table, part, name, types.get(name))
            columns.append(column)
            if note:
                said.setdefault(note.replace(repr(name), "COLUMN"), []).append(name)
        notes = [together(note, names) for note, names in said.items()]
        if not any(column.features for column in columns):
            columns, notes = only_counters(part, columns, types, notes)
        if task in QUANTITIES:
            classes = ()
        elif classes is None:
            classes = find_classes(part, target, task)
        note = case_note(classes)
        notes += [f"the target {target!r} {note}"] if note else []
        mean, scale = (0.0, 1.0)
        if task == "numbers":
            mean, scale = target_moments(part, target)
        elif task == "counts":
            scale = count_mean(part, target)
        spellings = {name: how for name, how in table.spellings.items() if how != Spelling()}
        return Encoding(target, task, tuple(columns), classes, mean, scale, tuple(notes), spellings)

    @property
    def feature_names(self) -> list[str]:
        return [name for column in self.columns for name in column.features]

    @property
    def n_features(self) -> int:
        return len(self.feature_names)

    @property
    def starts_at_zero(self) -> NDArray[np.bool_]:
        """(n_features,) whether the weights of a feature start training at zero: those of bins."""
        return zero_mask(self.columns)

    def describe(self) -> list[tuple[str, str, str]]:
        """(column, kind, how it is encoded) for every column but the target."""
        return [(column.name, column.kind, column.describe()) for column in self.columns]

    def read(self, table: Table, only: Sequence[str] | None = None) -> Table:
        """A table of texts with its numbers read as in the training rows.

        ``only``: read only these columns.

        Raises TableError, naming line and column, for a cell that is written differently.
        """
        numbers = {c.name for c in self.cells if isinstance(c, NumberColumn)}
        numbers |= {self.target} if self.task in QUANTITIES else set()
        names = [*self.spellings, *sorted(numbers - self.spellings.keys())]
        names = names if only is None else [name for name in only if name in names]
        return read_as_before(table, {n: self.spellings.get(n, Spelling()) for n in names})

    @property
    def used(self) -> list[UsedColumn]:
        """The columns that are not set aside."""
        return [c for c in self.columns if not isinstance(c, SkippedColumn)]

    @property
    def cells(self) -> list[CellColumn]:
        """The same by columns of the table: a place has two."""
        return cell_columns(self.columns)

    def readable(self, table: Table) -> Table:
        """A table that has all the columns, read like the training rows.

        Raises TableError, naming line and column, if a cell cannot be used or a column is missing.
        """
        table.require([column.name for column in self.cells])
        return self.read(table)

    def transform(self, table: Table, dtype: DTypeLike = np.float64) -> Array:
        """X (n_rows, n_features), finite. Columns that were set aside, or are new, are ignored.

        Raises TableError, naming line and column, if a cell cannot be used or a column is missing.
        """
        table = self.readable(table)
        X = np.zeros((len(table), self.n_features), dtype=dtype)
        start = 0
        for column in self.used:
            stop = start + len(column.features)
            column.fill(table, X[:, start:stop])
            start = stop
        return X

    def encode_target(self, table: Table) -> tuple[NDArray[np.float64], list[str]]:
        """y (n,), class indices or standardised numbers, and notes on labels that were interpreted.

        Raises TableError, naming the line, for a class that is unknown, no number, or missing.
        """
        table.require([self.target])
        table = self.read(table, [self.target])
        if self.task not in QUANTITIES:
            codes, notes = class_codes(table, self.target, self.classes)
            return codes.astype(np.float64), notes
        values = target_numbers(table, self.target)
        if self.task == "counts":
            check_counts(table, self.target, values)
        y = (values - self.target_mean) / self.target_scale
        if np.abs(y).max(initial=0.0) > FARTHEST:
            row = int(np.argmax(np.abs(y)))
            raise TableError(
                f"{table.place(row, self.target)}: {show(table.cell(row, self.target))} is too far "
                f"from the training rows' mean, {self.target_mean:g}; correct it, or leave the row "
                "out"
            )
        return y, []

    def decode_numbers(self, values: ArrayLike) -> NDArray[np.float64]:
        """Standardised targets (n,) in the target's own units."""
        return np.asarray(values, dtype=np.float64) * self.target_scale + self.target_mean

    def decode_classes(self, indices: ArrayLike) -> Array:
        """The labels of class indices (n,), as an array of texts."""
        return np.array(self.classes, dtype=object)[np.asarray(indices, dtype=np.int64)]

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON data: finite floats, texts, lists."""
        return {
            "target": self.target,
            "task": self.task,
            "columns": [column_to_dict(column) for column in self.columns],
            "classes": list(self.classes),
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
            "notes": list(self.notes),
            "spellings": {name: how.to_dict() for name, how in self.spellings.items()},
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "Encoding":
        """The encoding from the result of ``to_dict``. Raises ModelFileError if that is invalid."""
        try:
            return Encoding.of_facts(data)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as reason:
            raise ModelFileError(f"its encoding cannot be read ({reason!s:.200})") from None
        except FalllineError as reason:
            raise ModelFileError(f"its encoding cannot be read ({reason})") from None

    @staticmethod
    def of_facts(data: Mapping[str, Any]) -> "Encoding":
        """The same; raises whatever an invalid value leads to."""
        columns = tuple(column_from_dict(entry) for entry in as_list(data["columns"], dict))
        task = as_(data["task"], str)
        classes = tuple(as_list(data["classes"], str))
        target = as_(data["target"], str)
        skipped = [c.name for c in columns if isinstance(c, SkippedColumn)]
        names = [target, *skipped, *(column.name for column in cell_columns(columns))]
        enough = {
            "numbers": not classes,
            "counts": not classes,
            "binary": len(classes) == 2,
            "classes": len(classes) > 1,
        }
        if not enough.get(task, False) or len(set(classes)) < len(classes):
            raise ValueError(f"the classes do not fit the task {task!r}")
        if len(set(names)) < len(names) or not any(column.features for column in columns):
            raise ValueError("the columns are not distinct, or none has a feature")
        mean, scale = as_number(data["target_mean"]), as_scale(data["target_scale"])
        notes = tuple(as_list(data["notes"], str))
        written = as_(data.get("spellings", {}), dict)  # none in files of the first version
        spellings = {as_(name, str): Spelling.from_dict(how) for name, how in written.items()}
        return Encoding(target, task, columns, classes, mean, scale, notes, spellings)


# ---- fitting


def fit_column(table: Table, part: Table, name: str, kind: str | None) -> tuple[Column, str | None]:
    """How to encode a column, from the training rows ``part``; and a note, if one is due."""
    if kind == "skip":
        return SkippedColumn(name, "as asked"), None
    if kind == "index" or part.missing(name).all():
        index = f"it is the index of the frame (--types {name!r}=number to use it)"
        return set_aside(name, index if kind == "index" else "it is empty in every training row")
    if kind == "text":
        return fit_text(part, name)
    if kind == "number":
        return fit_number(part, name, column_numbers(part, name, remedy_for(name)))
    form = date_form(part, name, kind)
    if form is not None:
        return fit_date(part, name, form)
    return fit_recognised(table, part, name)


def date_form(part: Table, name: str, kind: str | None) -> str | None:
    """The form of the column's dates, as given or as recognised; None if they are no dates."""
    if kind is not None and ":" in kind:
        return kind.split(":", 1)[1]
    form = find_form(part, name)
    if form is None and kind == "date":
        raise no_dates(part, name)
    return form


def together(note: str, names: Sequence[str]) -> str:
    """One note about all columns to which it applies."""
    if len(names) == 1:
        return f"column {names[0]!r} {note.replace('COLUMN', repr(names[0]))}"
    listed = ", ".join(repr(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
    each = re.sub(r"^is ", "are each ", re.sub(r"^has ", "have each ", note))
    return f"{len(names)} columns {each}: {listed}"


def check_kind(name: str, kind: str) -> None:
    """Raise ParameterError unless ``kind`` is one of KINDS or "date:FORM"."""
    if is_date_kind(kind) and ":" in kind:
        check_form(kind.split(":", 1)[1], name)
    else:
        check_choice(f"the type of column {name!r}", kind, KINDS)


def no_dates(part: Table, name: str) -> TableError:
    row = int(np.argmin(part.missing(name)))
    days = ", ".join(form for form in FORMS if "H" not in form and "I" not in form)
    return TableError(
        f"{part.place(row, name)}: {show(part.cell(row, name))} is not a date "
        f"in a known form ({days}, {COMPACT}, with or without a time); say which it is: --types "
        f"{name!r}=date:%d/%m/%y"
    )


def fit_recognised(table: Table, part: Table, name: str) -> tuple[Column, str | None]:
    """A column of numbers or texts, as its cells are."""
    values = recognise_numbers(part, name, remedy_for(name))
    if values is None:
        return fit_text(part, name)
    if numbers_rows(table, name):
        return set_aside(name, f"it looks like a row number (--types {name!r}=number to use it)")
    column, note = fit_number(part, name, values)
    return column, note or zeros_note(part, name)


def zeros_note(part: Table, name: str) -> str | None:
    """A note on codes with leading zeros, which are lost in numbers."""
    cells = part.frame[name]
    if cells.dtype != pl.String:
        return None
    zeros = cells.str.contains(r"^0\d+$").fill_null(value=False)
    if not zeros.any():
        return None
    example = show(str(cells[int(zeros.arg_max() or 0)]))
    return (
        f"is read as numbers, without the leading zeros of {example}; {remedy_for(name)} keeps them"
    )


def only_counters(
    part: Table, columns: list[Column], types: Mapping[str, str], notes: list[str]
) -> tuple[list[Column], list[str]]:
    """The columns, including those that count the rows, since nothing else is left.

    Raises TableError if there are none.
    """
    again: list[Column] = []
    told = []
    for column in columns:
        if column.name in types or "row number" not in column.describe():
            again.append(column)
            continue
        again.append(fit_number(part, column.name, part.numbers(column.name))[0])
        told.append(f"column {column.name!r} numbers the rows; it is used, being the only one left")
    if not any(column.features for column in again):
        why = "".join(f"; {note}" for note in notes)
        raise TableError(f"{part.source}: no column is left to learn from{why}")
    return again, told


def remedy_for(name: str) -> str:
    return f"--types {name!r}=text"


def set_aside(name: str, reason: str) -> tuple[SkippedColumn, str]:
    return SkippedColumn(name, reason), f"is set aside: {reason}"


def numbers_rows(table: Table, name: str) -> bool:
    """Whether a column counts the rows: different whole numbers without a gap, in any order.

    All rows of the table count, including those without a target (``Table.counters``). Years are
    not counters.
    """
    if name in table.counters:
        return True
    return counts_up(table.frame[name])


def fit_number(part: Table, name: str, values: NDArray[np.float64]) -> tuple[Column, str | None]:
    known = values[~np.isnan(values)]
    mean, scale = moments(part, name, known)
    if scale == 0.0 and known.size < values.size:
        return fit_text(part, name)  # one number or nothing: a yes or no
    if scale == 0.0:
        return set_aside(name, f"it is {known[0]:g} in every training row")
    ends = float(known.min()), float(known.max())
    return NumberColumn(name, mean, scale, known.size < values.size, "number", *ends), None


def fit_date(part: Table, name: str, form: str) -> tuple[Column, str | None]:
    seconds = column_seconds(part, name, form)
    known = seconds[~np.isnan(seconds)]
    mean, scale = moments(part, name, known)
    has_missing = known.size < seconds.size
    if scale == 0.0:
        return fit_text(part, name)  # one date, or one and nothing
    ends = float(known.min()), float(known.max())
    cycles = varying_cycles(known)
    column = DateColumn(name, form, mean, scale, cycles, has_missing, "date", *ends)
    if form != COMPACT:
        return column, None
    return column, f"is read as days, such as {part.cell(0, name)} (--types {name!r}=number)"


def moments(table: Table, name: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation, 0 if all are the same. Raises TableError if they overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(values.mean()), float(values.std())
        largest = float(np.abs(values).max())
        if 0.0 < largest < TINY:  # whose squares would be 0
            scale = float((values / largest).std()) * largest
    if not (isfinite(mean) and isfinite(scale)):
        raise TableError(
            f"{table.source}, column {name!r}: its numbers, up to {np.abs(values).max():g}, are "
            "too large to standardise; divide them by a common factor"
        )
    # Rounding can leave a spread of 1e-17 although there is none.
    return mean, scale if values.min() < values.max() else 0.0


def fit_text(part: Table, name: str) -> tuple[Column, str | None]:
    counts = part.counts(name)
    has_missing = bool(part.missing(name).any())
    known = sum(count for _, count in counts)
    if len(counts) == 1 and not has_missing:
        return set_aside(name, f"it is {show(counts[0][0])} in every training row")
    enough = fewest_rows(len(part))
    common = [text for text, count in counts if count >= enough][:MAX_CATEGORIES]
    if len(counts) == known:
        return fit_sparse(part, name, "its texts all differ")
    if not common:
        texts = f"none of its {len(counts):,} texts occurs in {enough} training rows"
        return fit_sparse(part, name, texts)
    column = TextColumn(name, tuple(sorted(common)), len(common) < len(counts), has_missing)
    return column, case_note(column.categories)


def fit_sparse(part: Table, name: str, why: str) -> tuple[Column, str | None]:
    """Texts of which none is common: their first letters, if they are codes, and missing cells."""
    has_missing = bool(part.missing(name).any())
    texts = part.texts(name).drop_nulls()
    if texts.str.contains(LIKE_A_CODE).mean() >= NEARLY_ALL:  # type: ignore[operator]
        counts = first_letters(part, name).drop_nulls().value_counts(name="rows")
        letters = counts.filter(counts["rows"] >= fewest_rows(len(part)))[name].sort().to_list()
        if len(letters) > 1 or (letters and has_missing):
            column = TextColumn(
                name, tuple(letters), len(letters) < len(counts), has_missing, by_letter=True
            )
            return column, f"is taken by the first letter of its codes: {why}"
    if has_missing:
        return TextColumn(name, (), False, True), f"serves by its gaps alone: {why}"
    return set_aside(name, why)


def case_note(texts: Sequence[str]) -> str | None:
    """A note on texts that differ only in case or blanks."""
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(" ".join(text.casefold().split()), []).append(text)
    twins = [names for names in alike.values() if len(names) > 1]
    if not twins:
        return None
    listed = " and ".join(", ".join(show(name) for name in names) for names in twins[:3])
    return f"has categories that differ in case or blanks alone, and are taken apart: {listed}"


def fewest_rows(n_rows: int) -> int:
    """The training rows that a category needs: 2 of a few, 10 from 1,000 rows on, then 0.1 %."""
    return max(2, min(10, n_rows // 100), n_rows // 1000)


def target_numbers(table: Table, target: str) -> NDArray[np.float64]:
    """The target as numbers (n,). Raises TableError if one is missing or no number."""
    missing = table.missing(target)
    if missing.any():
        row = int(np.argmax(missing))
        raise TableError(f"{table.place(row, target)}: the target is missing; leave such rows out")
    return column_numbers(table, target, "--task classes")


def target_moments(part: Table, target: str) -> tuple[float, float]:
    mean, scale = moments(part, target, target_numbers(part, target))
    if scale == 0.0:
        raise TableError(
            f"{part.source}: the target column {target!r} is {mean:g} in every training row; "
            "there is nothing to learn"
        )
    return mean, scale


def count_mean(part: Table, target: str) -> float:
    values = target_numbers(part, target)
    check_counts(part, target, values)
    mean = float(values.mean())
    if mean == 0.0:
        raise TableError(
            f"{part.source}: the target column {target!r} is 0 in every training row; there is "
            "nothing to learn"
        )
    return mean
