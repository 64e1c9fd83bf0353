"""How a table would be read and encoded, column by column, without training on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fallline.data.encoding import fit_column
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import guess_task, rows_with_target
from fallline.errors import FalllineError, TableError

__all__ = ["ColumnLook", "Look", "look"]

EXAMPLES = 3
ODD = 4


@dataclass(frozen=True)
class ColumnLook:
    """One column: its ``kind`` ("number", "text", "date", "skip", "target" or "refused").

    ``examples`` are some of its cells as written, ``missing`` is the number of missing cells,
    including marks; ``odd`` are the marks that mean missing, and the texts that are refused.
    ``use`` says how the column is used, or why it is refused.
    """

    name: str
    kind: str
    examples: list[str]
    missing: int
    odd: list[str]
    use: str


@dataclass(frozen=True)
class Look:
    """All columns of a table, and facts about the whole table."""

    source: str
    rows: int
    notes: list[str]
    columns: list[ColumnLook]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def look(table: Table, target: str | None = None, types: Mapping[str, str] | None = None) -> Look:
    """How training would read the table. Problems with a single column are not errors here.

    Raises TableError for a ``target`` or a column in ``types`` that is not there.
    """
    types = dict(types or {})
    table.require([*types, *([target] if target is not None else [])])
    columns = []
    for name in table.columns:
        try:
            read = resolved(table, types, target=target, only=[name])
        except TableError as refusal:
            columns.append(refused(table, name, refusal))
            continue
        columns.append(taken(table, read, name, target, types.get(name)))
    return Look(table.source, len(table), list(table.notes), columns)


def taken(table: Table, read: Table, name: str, target: str | None, kind: str | None) -> ColumnLook:
    """A column whose cells can be read, with its use."""
    try:
        if name == target:
            rows, _ = rows_with_target(read, name)
            what, use = "target", f"the target, task {guess_task(read, name, rows)}"
        elif name in read.index and kind is None:
            what, use = "skip", "set aside: it is the index of the frame"
        else:
            column, note = fit_column(read, read, name, kind)
            what, use = column.kind, column.describe()
            use += f"; {note}" if note and column.kind != "skip" else ""
    except FalllineError as refusal:
        return refused(table, name, refusal)
    spelling = read.spellings.get(name)
    if spelling is not None and spelling.describe():
        use = f"{use}; its numbers are written with {spelling.describe()}"
    marks = newly_missing(table, read, name)
    return ColumnLook(
        name, what, examples_of(table, name), int(read.missing(name).sum()), marks, use
    )


def refused(table: Table, name: str, refusal: Exception) -> ColumnLook:
    odd = str(refusal).removeprefix(f"{table.source}, ")
    return ColumnLook(
        name, "refused", examples_of(table, name), int(table.missing(name).sum()), [], odd
    )


def examples_of(table: Table, name: str) -> list[str]:
    cells = table.texts(name).drop_nulls().unique(maintain_order=True)
    return [str(cell) for cell in cells.head(EXAMPLES)]


def newly_missing(table: Table, read: Table, name: str) -> list[str]:
    """The texts that were taken as missing."""
    rows = np.flatnonzero(read.missing(name) & ~table.missing(name))
    texts = dict.fromkeys(str(table.cell(int(row), name)) for row in rows[:1000])
    return list(texts)[:ODD]
