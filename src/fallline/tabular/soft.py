"""Learning from another model's probabilities or numbers, instead of the table's own labels.

A network that learns the predictions of a forest or a boosted ensemble learns more about a row than
its label, and can replace the other model if that is too slow or too large (Buciluǎ, Caruana and
Niculescu-Mizil 2006, doi:10.1145/1150402.1150464; Hinton, Vinyals and Dean 2015, arXiv:1503.02531).
The target is a mean of the teacher's label and the row's own, by ``soft_share``; since the losses
are linear in the target, or quadratic, that is a mean of two losses. Out-of-fold labels know
nothing of the row's own label, so the half that stays is needed: docs/how-to/distil.md has figures.
Labels that a teacher made for its own training rows already contain the rows' own labels, and teach
nothing if the teacher has memorised its rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.samples import one_hot
from fallline.data.encoding import Encoding
from fallline.data.recognition import resolved
from fallline.data.table import Table, show
from fallline.data.targets import QUANTITIES, column_numbers
from fallline.data.values import by_value
from fallline.errors import ParameterError, TableError
from fallline.tabular.scoring import (
    MAIN_SCORE,
    SCORE_NAMES,
    better,
    class_shares,
    output_scores,
    trivial_scores,
)
from fallline.text import figure, listed

__all__ = ["Soft", "aligned", "own_targets", "refuse_soft", "soft_columns_text", "soft_targets"]

WRITTEN = "probability of "  # the name that `fallline predict` and `fallline cv` write
NUMBERS = "prediction"
TOLERANCE = (
    0.02  # of a sum of probabilities; those of 10 classes in two decimals reach 0.05 at worst
)
EXACT = 1e-6
NEARLY_ALL, NEARLY_PERFECT = 0.99, 0.05


@dataclass(frozen=True)
class Soft:
    """The labels of a teacher: ``targets`` (n, n_outputs), in the network's own units.

    ``facts`` are stored in the model file, ``notes`` are for people.
    """

    targets: Array
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def soft_targets(
    table: Table,
    columns: Mapping[str, str] | None,
    encoding: Encoding,
    y: Array,
    share: float = 1.0,
) -> Soft:
    """The labels of a teacher for rows whose own are y (n,), from a table (n rows).

    They count with their ``share``, the rows' own labels with the rest. ``columns`` gives the class
    of each column; otherwise columns are found by their names. Raises TableError, naming the row,
    for a cell that is missing or no probability.
    """
    if columns is not None:
        table.require(list(columns))
    check_order(table, encoding, y)
    table = resolved(table, only=None if columns is None else list(columns))
    notes = []
    if encoding.task in QUANTITIES:
        names = number_column(table, columns)
        values = teacher_numbers(table, names, encoding)
    else:
        names = class_columns(table, columns, encoding.classes)
        values, found = teacher_shares(table, names, encoding.classes)
        notes += found
    unused = [name for name in table.columns if name not in names]
    if unused and columns is None:
        notes.append(f"soft labels: {listed(unused)} of {table.source} not used")
    scores = output_scores(encoding, y, values)
    name = MAIN_SCORE[encoding.task]
    notes.append(
        f"soft labels: learned from {table.source}; against the table's own labels their "
        f"{SCORE_NAMES[name]} is {figure(scores[name])}"
    )
    notes += doubts(encoding, y, scores)
    targets = share * values + (1.0 - share) * own_targets(encoding, y)
    return Soft(targets, {"source": table.source, "scores": scores}, tuple(notes))


def own_targets(encoding: Encoding, y: Array) -> Array:
    """The rows' own labels y (n,) as targets (n, n_outputs)."""
    if encoding.task != "classes":
        return y[:, None]
    return one_hot(y, len(encoding.classes), np.dtype(np.float64))


def aligned(soft: Table, table: Table, rows: Array) -> tuple[Table, list[str]]:
    """The soft labels of the ``rows`` (m,) of a table, in their order, and notes.

    If the soft labels give the line of each row, as `fallline cv` does, they are matched by it;
    else there is one for each row, or for each row with a target. Raises TableError.
    """
    lines = table.lines[rows]
    if table.unit in soft.columns and len(np.unique(table.lines)) == len(table):
        given = soft.numbers(table.unit)
        order = np.argsort(given, kind="stable")
        places = np.minimum(np.searchsorted(given, lines, sorter=order), len(given) - 1)
        found = order[places]
        if len(np.unique(given)) == len(given) and np.array_equal(given[found], lines):
            note = f"soft labels: the rows go by the column {table.unit!r} of {soft.source}"
            return soft.take(found), [note]
    if len(soft) == len(table):
        return soft.take(rows), []
    if len(soft) == len(rows):
        return soft, []
    raise TableError(
        f"{soft.source}: {len(soft):,} rows of soft labels for a table of {len(table):,} "
        f"({len(rows):,} with a target): give one for each row, in the same order"
    )


def check_order(table: Table, encoding: Encoding, y: Array) -> None:
    """Raise TableError if the table has the target as well, and it is another one in a row.

    A target that is the only column is no second one: it holds the soft labels.
    """
    alone = len(table.columns) == 1
    if alone or encoding.target not in table.columns or table.missing(encoding.target).any():
        return
    own, _ = encoding.encode_target(table)
    wrong = np.abs(own - y) > EXACT
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TableError(
            f"{table.place(row, encoding.target)}: {show(table.cell(row, encoding.target))} is not "
            "the target of this row: the soft labels are those of other rows, or in another order"
        )


# ---- which columns


def soft_columns_text(texts: Sequence[str] | None) -> dict[str, str] | None:
    """["p_yes=yes", ...] as {"p_yes": "yes"}; a column of numbers alone has no class.

    >>> soft_columns_text(["p_yes=yes", "forest"])
    {'p_yes': 'yes', 'forest': ''}
    """
    if not texts:
        return None
    pairs = (text.rpartition("=") for text in texts)
    return {column or label: label if column else "" for column, _, label in pairs}


def number_column(table: Table, columns: Mapping[str, str] | None) -> list[str]:
    """The one column of numbers."""
    if columns is not None:
        names = list(columns)
    else:
        names = [NUMBERS] if NUMBERS in table.columns else table.columns
    table.require(names)
    if len(names) != 1:
        raise TableError(
            f"{table.source}: a target of numbers has one column of soft labels, called "
            f"{NUMBERS!r} or the only one; there are {listed(names)}"
        )
    return names


def class_columns(
    table: Table, columns: Mapping[str, str] | None, classes: Sequence[str]
) -> list[str]:
    """The column of each class, in the order of the classes; of two classes one may lack ("")."""
    if columns is not None:
        table.require(list(columns))
        pairs = [(label, column) for column, label in columns.items()]
    else:
        exact = set(classes) & set(table.columns)
        pairs = [(name, name) for name in table.columns if name in exact or not exact]
        written = [name for name in table.columns if name.startswith(WRITTEN)]
        pairs = pairs if exact or not written else [(n.removeprefix(WRITTEN), n) for n in written]
    places = by_value([label for label, _ in pairs], classes)
    found = [""] * len(classes)
    for label, column in pairs:
        if label not in places:
            continue
        place = places[label]
        if found[place]:
            raise TableError(
                f"{table.source}: the columns {found[place]!r} and {column!r} are both of the "
                f"class {classes[place]!r}"
            )
        found[place] = column
    lacking = [label for label, name in zip(classes, found, strict=True) if not name]
    strange = [label for label in columns.values() if label not in places] if columns else []
    if strange:
        raise TableError(
            f"{listed(strange)}: no class of the target; its classes are {listed(classes, 8)}"
        )
    if lacking and not (len(classes) == 2 and len(lacking) == 1):
        raise TableError(
            f"{table.source}: no column of probabilities for the class {listed(lacking)}; a column "
            f"is called as its class, or {WRITTEN + lacking[0]!r}. Its columns are "
            f"{listed(table.columns, 8)}"
        )
    return found


# ---- their content


def column_of(table: Table, name: str) -> Array:
    """The numbers (n,) of a column without gaps."""
    values = column_numbers(table, name)
    gaps = np.isnan(values)
    if gaps.any():
        row = int(np.argmax(gaps))
        raise TableError(
            f"{table.place(row, name)}: the soft label is missing; give one for every row that has "
            "a target"
        )
    return values


def teacher_numbers(table: Table, names: Sequence[str], encoding: Encoding) -> Array:
    """The numbers (n, 1) as the network's targets."""
    values = column_of(table, names[0])
    if encoding.task == "counts" and (values < 0).any():
        row = int(np.argmax(values < 0))
        raise TableError(
            f"{table.place(row, names[0])}: {values[row]:g} is below 0, which no expected count is"
        )
    targets: Array = ((values - encoding.target_mean) / encoding.target_scale)[:, None]
    return targets


def teacher_shares(
    table: Table, names: Sequence[str], classes: Sequence[str]
) -> tuple[Array, list[str]]:
    """The probabilities (n, k) of the classes, or (n, 1) of the second of two, and notes."""
    given = [name for name in names if name]
    shares = np.column_stack([column_of(table, name) for name in given])
    bad = (shares < -EXACT) | (shares > 1.0 + EXACT)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise TableError(
            f"{table.place(row, given[column])}: {show(table.cell(row, given[column]))} is not a "
            "probability; these are from 0 to 1"
        )
    shares = np.clip(shares, 0.0, 1.0)
    if len(given) < len(names):
        rest = 1.0 - shares
        shares = np.hstack([rest, shares] if names[1] else [shares, rest])
    notes = []
    sums = shares.sum(axis=1)
    off = np.abs(sums - 1.0)
    if off.max(initial=0.0) > TOLERANCE:
        row = int(off.argmax())
        where = table.place(row, given[0]).rsplit(", ", 1)[0]
        raise TableError(
            f"{where}: the probabilities of the {len(classes)} classes add up to {sums[row]:g}, "
            "not to 1"
        )
    if off.max(initial=0.0) > EXACT:
        notes.append(
            f"soft labels: the probabilities add up to {sums.min():.4g} to {sums.max():.4g}, and "
            "are divided by their sum"
        )
    shares = shares / sums[:, None]
    return (shares[:, 1:] if len(classes) == 2 else shares), notes


def doubts(encoding: Encoding, y: Array, scores: Mapping[str, float]) -> list[str]:
    """Notes on labels that agree suspiciously badly, or well, with the table's own."""
    trivial = trivial_scores(encoding, class_shares(encoding, y), y)
    name = MAIN_SCORE[encoding.task]
    if not better(name, scores[name], trivial[name]):
        return [
            "soft labels: they fit the table's own labels no better than a constant would; are the "
            "rows in the same order?"
        ]
    close = scores["r2"] > NEARLY_ALL if "r2" in scores else scores[name] < NEARLY_PERFECT
    if close:
        return [
            "soft labels: they are nearly the table's own labels, so they teach hardly more; a "
            "model that has memorised its rows needs out-of-fold labels"
        ]
    return []


def refuse_soft(given: Mapping[str, Any], where: str) -> None:
    """Raise ParameterError if soft labels are given that ``where`` cannot use."""
    if given["soft"] is not None or given["soft_columns"] is not None:
        raise ParameterError(f"soft labels need all rows in memory: not {where}")
