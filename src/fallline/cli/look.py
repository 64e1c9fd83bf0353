"""`fallline look`: how a table would be read and encoded, column by column, without training."""

import json as json_

from fallline.cli.groups import ReadingOptions
from fallline.cli.options import types_by_column
from fallline.tabular.look import ColumnLook, look
from fallline.text import remark

WIDTH = 80


def run(
    paths: list[str],
    target: str | None,
    types: list[str] | None,
    reading: ReadingOptions,
    *,
    json: bool,
) -> None:
    """Read and print."""
    found = look(reading.table(paths), target, types_by_column(types))
    if json:
        print(json_.dumps(found.to_dict()))
        return
    print(f"{found.source}: {found.rows:,} rows, {len(found.columns):,} columns")
    for note in found.notes:
        print(remark("note", note))
    for column in found.columns:
        print(f"\n{as_text(column)}")


def as_text(column: ColumnLook) -> str:
    """A column in some lines."""
    examples = ", ".join(repr(short(text)) for text in column.examples)
    missing = f"; {column.missing:,} missing" if column.missing else ""
    odd = f", {', '.join(repr(text) for text in column.odd)} among them" if column.odd else ""
    lines = [
        remark(short(column.name, 60), column.kind, WIDTH),
        remark("  such as", f"{examples or 'nothing'}{missing}{odd}", WIDTH),
        remark("  use", column.use, WIDTH),
    ]
    return "\n".join(lines)


def short(text: str, most: int = 24) -> str:
    """A text in one line; a long one is cut."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."
