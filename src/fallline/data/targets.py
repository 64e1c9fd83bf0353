"""The target of a table: which rows have one, what task it sets, and its classes."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fallline.arrays import ArrayLike
from fallline.data.dates import like_dates
from fallline.data.table import ABSENT, Table, parse_numbers, show
from fallline.data.tasks import QUANTITIES, TASKS
from fallline.data.values import by_value
from fallline.errors import TableError
from fallline.limits import check_choice

__all__ = [
    "QUANTITIES",
    "TASKS",
    "check_counts",
    "class_codes",
    "column_numbers",
    "find_classes",
    "guess_task",
    "recognise_numbers",
    "rows_with_target",
    "strata",
]

MAX_COUNTED = 1000  # whole numbers from 0 on, none larger and some 0, are counts
MAX_NUMBERED_CLASSES = 10  # whole numbers with more distinct values than this are quantities
FEW_ROWS_OF_A_CLASS = 3  # more different texts than a third of the rows are no classes
NUMBER_SHARE = 0.9  # a column with this share of numbers was meant to be numbers throughout
MIN_TO_JUDGE = 10
MIN_TO_COUNT = 100


def rows_with_target(table: Table, target: str) -> tuple[NDArray[np.int64], int]:
    """The positions of the rows whose target is known, and the number of the others.

    Raises TableError where the column does not exist, or no row has a target.
    """
    table.require([target])
    rows = np.flatnonzero(~table.missing(target))
    if rows.size == 0:
        raise TableError(f"{table.source}: the target column {target!r} is empty in every row")
    return rows, len(table) - rows.size


def guess_task(table: Table, target: str, rows: ArrayLike) -> str:
    """The task that the target sets in these rows: one of TASKS.

    Raises TableError where the target is the same in all rows, or all but a few are numbers.
    """
    part = table.take(rows)
    counts = part.counts(target)
    if recognise_numbers(part, target, "--task classes") is None:
        check_several(part, target, [text for text, _ in counts])
        check_few_classes(part, target, counts)
        return "binary" if len(counts) == 2 else "classes"
    distinct = np.unique(parse_numbers([text for text, _ in counts]))
    check_several(part, target, [str(value) for value in distinct])
    if distinct.size == 2:
        return "binary"
    if np.any(distinct != np.round(distinct)):
        return "numbers"
    if distinct.size <= min(MAX_NUMBERED_CLASSES, len(part) / 10):
        return "classes"
    some_zero = counts and np.mean(part.numbers(target) == 0) >= 0.01
    counted = some_zero and distinct[0] >= 0 and distinct[-1] <= MAX_COUNTED
    return "counts" if counted and len(part) >= MIN_TO_COUNT else "numbers"


def check_few_classes(part: Table, target: str, counts: list[tuple[str, int]]) -> None:
    """Raise TableError where the texts of a target are too many, for its rows, to be classes."""
    n, known = len(counts), sum(rows for _, rows in counts)
    if n <= MAX_NUMBERED_CLASSES or known >= FEW_ROWS_OF_A_CLASS * n:
        return
    once = sum(rows == 1 for _, rows in counts)
    row = 0
    what = (
        "another text in every row"
        if n == known
        else (f"{n:,} different texts in {known:,} rows, {once:,} of them once")
    )
    dates = " (they look like dates: give a number, such as days since the first)"
    shown = dates if like_dates(part.frame[target].cast(pl.String)) else ""
    raise TableError(
        f"{part.place(row, target)}: {show(part.cell(row, target))}: the target has {what}, so "
        f"there are no classes to learn{shown}; `fallline look` shows how it is read, and "
        "--task classes takes them as classes all the same"
    )


def check_counts(table: Table, target: str, values: NDArray[np.float64]) -> None:
    """Raise TableError, naming the line, unless all values are whole numbers from 0 on."""
    wrong = (values < 0) | (values != np.round(values))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TableError(
            f"{table.place(row, target)}: {show(table.cell(row, target))} is no count (a whole "
            "number from 0 on); use the task 'numbers'"
        )


def check_several(table: Table, target: str, values: Sequence[str]) -> None:
    if len(values) < 2:
        found = f" ({show(values[0])})" if values else ""
        raise TableError(
            f"{table.source}: the target column {target!r} has only one value{found} in the "
            "training rows; there is nothing to learn"
        )


def recognise_numbers(table: Table, column: str, remedy: str) -> NDArray[np.float64] | None:
    """The column as numbers (n,), NaN where missing; None where it is text, or all missing.

    Raises TableError as ``column_numbers`` does, also where nearly all its cells are numbers.
    """
    values = table.numbers(column)
    n_numbers = int((~np.isnan(values)).sum())
    n_known = int((~table.missing(column)).sum())
    nearly = n_known >= MIN_TO_JUDGE and n_numbers >= NUMBER_SHARE * n_known
    if n_known == 0 or (n_numbers < n_known and not nearly):
        return None
    return check_numbers(table, column, values, remedy)


def column_numbers(table: Table, column: str, remedy: str | None = None) -> NDArray[np.float64]:
    """The column as numbers (n,), NaN where missing.

    Raises TableError, naming the line, for a text and for an infinite number. ``remedy`` is the
    option that would have the column taken as text.
    """
    return check_numbers(table, column, table.numbers(column), remedy)


def check_numbers(
    table: Table, column: str, values: NDArray[np.float64], remedy: str | None
) -> NDArray[np.float64]:
    stray = np.isnan(values) & ~table.missing(column)
    if stray.any():
        row = int(np.argmax(stray))
        value = show(table.cell(row, column))
        n_numbers = int((~np.isnan(values)).sum())
        others = f", while {n_numbers:,} others are" if n_numbers else ""
        advice = f"correct it, or give --missing {value} to treat it as missing"
        advice += f", or {remedy}" if remedy else ""
        raise TableError(f"{table.place(row, column)}: {value} is not a number{others}; {advice}")
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise TableError(
            f"{table.place(row, column)}: {show(table.cell(row, column))} is infinite or too "
            "large; correct it, or leave the cell empty"
        )
    return values


def find_classes(table: Table, target: str, task: str) -> tuple[str, ...]:
    """The classes, sorted as numbers where all are numbers, else as text.

    Texts that are the same number ("1", "1.0") are one class, called by its commonest text.
    Raises TableError for a single class, or for more than two where ``task`` is "binary".
    """
    texts = [text for text, _ in table.counts(target)]
    numbers = parse_numbers(texts)
    if np.isfinite(numbers).all():
        first: dict[float, str] = {}
        for number, text in zip(numbers.tolist(), texts, strict=True):
            first.setdefault(number, text)
        classes = [first[number] for number in sorted(first)]
    else:
        classes = sorted(texts)
    check_several(table, target, classes)
    if task == "binary" and len(classes) > 2:
        listed = ", ".join(show(name) for name in classes[:4])
        raise TableError(
            f"{table.source}: a binary task has two classes, but the target column {target!r} has "
            f"{len(classes)}: {listed}, ...; use the task 'classes'"
        )
    return tuple(classes)


def class_codes(
    table: Table, target: str, classes: Sequence[str]
) -> tuple[NDArray[np.int64], list[str]]:
    """The class index (n,) of each row, and notes on labels that were read otherwise than written.

    A label that is unknown as written is taken without its last dot if that is known: the test
    part of a well-known census file is written so. Raises TableError for an unknown or a missing
    class, naming the line.
    """
    texts = [text for text, _ in table.counts(target)]
    mapping = by_value(texts, classes)
    stripped = {t: t[:-1].rstrip() for t in texts if t not in mapping and t.endswith(".")}
    known = by_value(list(stripped.values()), classes)
    dotted = [text for text, bare in stripped.items() if bare in known]
    mapping |= {text: known[stripped[text]] for text in dotted}
    codes = table.codes(target, mapping)
    check_known(table, target, codes, classes)
    if not dotted:
        return codes, []
    listed = ", ".join(show(text) for text in sorted(dotted)[:4])
    return codes, [f"{target!r}: labels with a dot at the end ({listed}) are read without it"]


def check_known(
    table: Table, target: str, codes: NDArray[np.int64], classes: Sequence[str]
) -> None:
    if not (codes < 0).any():
        return
    row = int(np.argmax(codes < 0))
    if codes[row] == ABSENT:
        raise TableError(f"{table.place(row, target)}: the target is missing; leave such rows out")
    listed = ", ".join(show(name) for name in classes[:8]) + (", ..." if len(classes) > 8 else "")
    raise TableError(
        f"{table.place(row, target)}: {show(table.cell(row, target))} is not one of the "
        f"{len(classes)} classes of the training rows: {listed}"
    )


def strata(table: Table, target: str, rows: ArrayLike, task: str) -> NDArray[np.int64] | None:
    """The class index (m,) of each of ``rows``, for a stratified split; None without classes.

    Raises as ``find_classes`` does.
    """
    if check_choice("task", task, TASKS) in QUANTITIES:
        return None
    part = table.take(rows)
    return class_codes(part, target, find_classes(part, target, task))[0]
