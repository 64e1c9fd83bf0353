"""Which columns of texts are numbers, decided once for features, target and weights.

What is unambiguous is read, and a note says how. What is ambiguous is refused, with the cell and
the option that decides. :mod:`fallline.data.spelling` has the rules for one column.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from fallline.data.counters import with_counters
from fallline.data.dates import like_dates
from fallline.data.spelling import (
    Recognised,
    Spelling,
    decimal_votes,
    implied_decimal,
    is_mark,
    read_numbers,
    recognise,
)
from fallline.data.table import Table, show
from fallline.data.totals import TOTAL
from fallline.errors import TableError

__all__ = ["read_as_before", "refuse_cell", "resolved"]

SAMPLE = 10_000
GROUPS = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
GROUPS_OR_SHORT = re.compile(rf"{GROUPS}|^[+-]?\d{{1,3}}$")
TRUE_FALSE = {"true": 1.0, "false": 0.0}


def resolved(
    table: Table,
    types: Mapping[str, str] | None = None,
    *,
    target: str | None = None,
    task: str | None = None,
    only: Sequence[str] | None = None,
) -> Table:
    """The table with every column of numbers as numbers, however they are written.

    ``types`` are the kinds set by hand: texts, dates and skipped columns stay as they are. A target
    of classes (``task``) stays too. ``only``: look only at these columns. Raises TableError for a
    cell that cannot be read for certain.
    """
    types = dict(types or {})
    frame, found, notes = table.frame, dict[str, Spelling](table.spellings), list[str]()
    marks: dict[str, tuple[tuple[str, int], ...]] = {}
    examples: dict[str, tuple[str, float]] = {}
    refusals: list[str] = []
    for name in undecided(table, types, target, task, table.columns if only is None else only):
        cells = frame[name]
        if like_dates(cells, types.get(name)):
            frame, marks[name] = without_marks(frame, name)
            continue
        seen = look_at(table, name)
        if seen is None:
            continue
        if seen.spelling is None:
            try:
                note = no_number(table, name, seen, types.get(name), is_target=name == target)
            except TableError as refusal:
                refusals.append(str(refusal))
                continue
            notes += [note] if note else []
            continue
        values = read_numbers(cells, seen.spelling)
        if not all_read(cells, values):
            continue  # infinities, which the encoding reports
        frame = frame.with_columns(values.alias(name))
        found[name], marks[name] = seen.spelling, seen.marks
        examples[name] = example_of(cells, values)
    if refusals:
        more = len(refusals) - 1
        noun = "column has" if more == 1 else "columns have"
        also = f" ({more} more {noun} such cells: `fallline look` shows all)" if more else ""
        raise TableError(refusals[0] + also)
    notes += [*spelling_notes(found, examples), *mark_notes(marks)]
    read = replace(table, frame=frame, spellings=found, notes=(*table.notes, *notes))
    return with_counters(read) if only is None else read


def undecided(
    table: Table,
    types: Mapping[str, str],
    target: str | None,
    task: str | None,
    columns: Sequence[str],
) -> list[str]:
    """The columns of texts whose kind is not settled."""
    as_classes = task in ("binary", "classes")
    return [
        name
        for name in columns
        if table.frame[name].dtype == pl.String
        and types.get(name) not in ("text", "skip")
        and not (name == target and as_classes)
        and table.frame[name].null_count() < len(table)
    ]


def look_at(table: Table, name: str) -> Recognised | None:
    """How the column's numbers are written; None if plainly, or if it is texts."""
    cells = table.frame[name]
    decimal, thousands = table.reading.get("decimal"), table.reading.get("thousands")
    plain = cells.cast(pl.Float64, strict=False).null_count() == cells.null_count()
    by_point = decimal in (None, ".") and thousands in (None, "", ",", " ", "'")
    if plain and by_point and (decimal == "." or not groups_only(cells)):
        return None
    seen = recognise(cells, decimal, thousands)
    if decimal is not None or thousands is not None or not (seen.doubt or seen.is_open):
        return seen
    known = decimal_of(table) or ("." if seen.by_currency else None)
    again = None if known is None else recognise(cells, known)
    if again is not None and again.spelling is not None:
        return None if plain and known == "." else again
    return (
        with_open_points(cells, seen)
        if seen.is_open and table.separator != ","
        else (None if plain else seen)
    )


def with_open_points(cells: pl.Series, seen: Recognised) -> Recognised:
    """Points that may separate thousands are doubtful in a table that does not show what they are.

    If commas separate the fields, points are decimal signs.
    """
    example = str(cells.drop_nulls().filter(cells.drop_nulls().str.contains(r"\d\.\d{3}"))[0])
    why = "may be thousands or have a decimal point; say which: --thousands . or --decimal ."
    return replace(seen, spelling=None, doubt=why, example=example)


def groups_only(cells: pl.Series) -> bool:
    """Whether every number could have a point between its thousands: 1.234 and 999, not 0.5."""
    known = cells.drop_nulls()
    if any(GROUPS_OR_SHORT.match(cell) is None for cell in known.head(10)):
        return False  # as most columns
    return bool(
        known.str.contains(GROUPS).any() and known.str.contains(GROUPS_OR_SHORT.pattern).all()
    )


def decimal_of(table: Table) -> str | None:
    """The decimal sign that other cells of the table show; None if they show none, or two."""
    points = commas = False
    for name in table.columns:
        cells = table.frame[name].head(SAMPLE)
        if cells.dtype == pl.String:
            point, comma = decimal_votes(cells)
            points, commas = points or point, commas or comma
    if points == commas:
        return None
    return "." if points else ","


def all_read(cells: pl.Series, values: pl.Series) -> bool:
    return not (values.is_null() & cells.is_not_null() & ~is_mark(cells)).any()


def without_marks(
    frame: pl.DataFrame, name: str
) -> tuple[pl.DataFrame, tuple[tuple[str, int], ...]]:
    """The frame without one column's marks for missing, and each mark with its number of cells."""
    cells = frame[name]
    mark = is_mark(cells)
    if not mark.any():
        return frame, ()
    counts = cells.filter(mark).alias("text").value_counts(name="rows", sort=True)
    return frame.with_columns(cells.set(mark, None).alias(name)), tuple(counts.iter_rows())


def refuse_cell(table: Table, name: str, example: str, why: str) -> TableError:
    """The error about the first cell of the column that is ``example``."""
    row = int((table.frame[name] == example).arg_max() or 0)
    return TableError(f"{table.place(row, name)}: {show(example)} {why}")


def no_number(
    table: Table, name: str, seen: Recognised, kind: str | None, *, is_target: bool
) -> str | None:
    """A note on a column that stays text although it looks like numbers.

    Raises TableError in doubt.
    """
    remedy = "--task classes" if is_target else f"--types {name!r}=text"
    last = table.cell(len(table) - 1, name)
    if (
        seen.doubt is not None
        and last is not None
        and seen.example == last
        and TOTAL.fullmatch(last)
    ):
        raise refuse_cell(
            table, name, last, f"stands below the rows: --comment {show(last)} leaves its line out"
        )
    if seen.doubt is not None and seen.example is not None:
        raise refuse_cell(
            table, name, seen.example, f"{seen.doubt}; or {remedy} takes all as texts"
        )
    if seen.example is None or (seen.share < 0.5 and kind != "number"):
        return None
    example = show(seen.example)
    if kind == "number" or (is_target and seen.share < 1.0 and too_many(table, name)):
        raise refuse_cell(
            table,
            name,
            seen.example,
            f"is not a number, while {seen.share:.0%} of the cells are; correct it, or give "
            f"--missing {example} to treat it as missing, or {remedy}",
        )
    if seen.share == 1.0:
        return f"column {name!r} is read as text: its numbers have several units, as {example}"
    return (
        f"column {name!r} is read as text: {seen.share:.0%} of its cells are numbers, but not "
        f"{example} (--types {name!r}=number asks for numbers)"
    )


def too_many(table: Table, name: str) -> bool:
    return table.frame[name].n_unique() > max(20, len(table) / 20)


# ---- what was taken


def example_of(cells: pl.Series, values: pl.Series) -> tuple[str, float]:
    """The first cell that is not written plainly, and what it is."""
    other = values.is_not_null() & cells.cast(pl.Float64, strict=False).is_null()
    row = int((other if other.any() else values.is_not_null()).arg_max() or 0)
    return str(cells[row]), float(values[row] if values[row] is not None else "nan")


def spelling_notes(
    spellings: Mapping[str, Spelling], examples: Mapping[str, tuple[str, float]]
) -> list[str]:
    """One note for all columns that are written in the same way."""
    alike: dict[str, list[str]] = {}
    for name, (text, value) in examples.items():
        how = spellings[name].describe()
        if how or f"{value:g}" != text:
            alike.setdefault(how, []).append(name)
    notes = []
    for how, names in alike.items():
        shown = [name for name in names if not plainly(*examples[name])]
        if not shown and not how:
            continue
        text, value = examples[(shown or names)[0]]
        listed = ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        noun = "column" if len(names) == 1 else f"{len(names)} columns"
        said = f" ({how})" if how else ""
        notes.append(f"{noun} {listed}: read as numbers{said}, so {text!r} is {value:.10g}")
    return notes


def plainly(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except ValueError:
        return False


def mark_notes(marks: Mapping[str, tuple[tuple[str, int], ...]]) -> list[str]:
    """One note for all marks that were taken as missing."""
    parts = [
        f"{', '.join(f'{text!r} in {n:,} cell' + 's' * (n > 1) for text, n in of[:6])} of {name!r}"
        for name, of in marks.items()
        if of
    ]
    if not parts:
        return []
    more = f"; and in {len(parts) - 5} more columns" if len(parts) > 5 else ""
    return [f"taken as missing: {'; '.join(parts[:5])}{more}"]


# ---- another table, by what is known of the first


def read_as_before(table: Table, columns: Mapping[str, Spelling]) -> Table:
    """The table with these columns as numbers, written as when the model was made.

    --decimal and --thousands of this table take precedence. True and false are 1 and 0. Raises
    TableError, naming the cell, if one is written differently.
    """
    changed, there = [], set(table.columns)
    for name, usual in columns.items():
        if name not in there or table.frame[name].dtype != pl.String:
            continue
        cells = table.frame[name]
        spelling = as_asked(usual, table.reading)
        if spelling == Spelling() and (
            cells.cast(pl.Float64, strict=False).null_count() == cells.null_count()
        ):
            continue
        values = read_numbers(cells, spelling)
        if not all_read(cells, values):
            words = cells.str.to_lowercase().replace_strict(
                TRUE_FALSE, default=None, return_dtype=pl.Float64
            )
            plain = cells.cast(pl.Float64, strict=False)
            if spelling != Spelling():
                plain = plain.set(~plain.is_infinite().fill_null(value=False), None)
            values = pl.select(pl.coalesce(values, words, plain)).to_series()
        stray = values.is_null() & cells.is_not_null() & ~is_mark(cells)
        if stray.any():
            row = int(stray.arg_max() or 0)
            raise TableError(f"{table.place(row, name)}: {stray_cell(str(cells[row]), spelling)}")
        changed.append(values.alias(name))
    if not changed:
        return table
    return replace(table, frame=table.frame.with_columns(changed))


def as_asked(spelling: Spelling, reading: Mapping[str, object]) -> Spelling:
    """The spelling with the decimal and thousands signs given for this table."""
    decimal, thousands = reading.get("decimal"), reading.get("thousands")
    if decimal is None and thousands is None:
        return spelling
    if decimal is None:
        decimal = implied_decimal(str(thousands)) or spelling.decimal
    if thousands is None:
        same = spelling.thousands and spelling.thousands != decimal
        thousands = spelling.thousands if same else ("," if decimal == "." else ".")
    return Spelling(str(decimal), str(thousands), spelling.unit)


def stray_cell(text: str, spelling: Spelling) -> str:
    """Why a cell cannot be read, and what to do."""
    how = spelling.describe()
    how = f"is not a number as the training rows have them ({how})" if how else "is not a number"
    seen = recognise(pl.Series([text], dtype=pl.String))
    ways = [f"--missing {show(text)} treats it as missing"]
    if seen.share == 1.0 and seen.odd != ((text, 1),):
        ways.insert(0, "--decimal and --thousands say how the numbers of this file are written")
    elif seen.share == 1.0:
        ways.insert(0, "--decimal , or --thousands , says what its comma is")
    return f"{show(text)} {how}; correct it, or {', or '.join(ways)}"
