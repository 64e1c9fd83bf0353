"""Plain text for numbers: aligned tables and matrices, for terminals and notebooks alike."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fallline.arrays import Array

__all__ = [
    "figure",
    "is_number",
    "listed",
    "matrix",
    "matrix_index",
    "one_line",
    "printable",
    "remark",
    "side_by_side",
    "table",
]

# control characters except the line end, direction marks, separators that other programs take for
# line ends, unpaired surrogates, and code points that are not characters
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns under their heads; numbers right-aligned, words left-aligned."""
    heads = [one_line(head) for head in heads]
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(len(head), *(len(row[i]) for row in cells), 0) for i, head in enumerate(heads)]
    numeric = [bool(cells) and all(is_number(row[i]) for row in cells) for i in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(aligned).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(heads), rule, *(line(row) for row in cells)])


def printable(text: str) -> str:
    """The text with escapes for what a terminal would obey or a drawing library would refuse.

    >>> printable("a\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""The same with line ends escaped too, so that a name in a table stays on its line.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return printable(text).replace("\n", "\\n")


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first names in quotes, and the number of the others.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def is_number(cell: str) -> bool:
    """Whether a cell shows a number, with or without commas or a percent sign."""
    try:
        float(cell.replace(",", "").rstrip("%") or "x")
    except ValueError:
        return False
    return True


def remark(label: str, text: str, width: int = 80) -> str:
    """ "note: ..." in lines of at most ``width``, indented after the label; no word is broken."""
    import textwrap

    return textwrap.fill(
        f"{label}: {text}",
        width,
        subsequent_indent=" " * (len(label) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def figure(value: float) -> str:
    """About five significant digits, or five decimals of a small number."""
    if 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.5g}" if abs(value) >= 1e-4 else f"{round(value, 5) + 0.0:.5f}"


def number(value: float) -> str:
    """Six significant digits, aligned at the point where the size allows it."""
    value += 0.0  # -0.0 becomes 0.0
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.6f}"
    return f"{value:.4e}"


def matrix(values: "Array", most_rows: int = 12, most_columns: int = 8) -> str:
    """A vector or a matrix, one row per line; the middle of a large one is left out."""
    grid = values if values.ndim > 1 else values.reshape(1, -1)
    rows, more_rows = edges(len(grid), most_rows)
    columns, more_columns = edges(grid.shape[1], most_columns)
    cells = [[number(float(grid[i, j])) for j in columns] for i in rows]
    if more_columns:
        cells = [[*row[: most_columns // 2], "...", *row[most_columns // 2 :]] for row in cells]
    width = max((len(cell) for row in cells for cell in row), default=0)
    lines = ["[ " + "  ".join(cell.rjust(width) for cell in row) + " ]" for row in cells]
    if more_rows:
        lines.insert(most_rows // 2, f"  ... {len(grid) - most_rows} rows more ...")
    return "\n".join(lines)


def edges(length: int, most: int) -> tuple[list[int], bool]:
    """All positions, or the first and last of them, and whether any were left out."""
    if length <= most:
        return list(range(length)), False
    half = most // 2
    return [*range(half), *range(length - (most - half), length)], True


def matrix_index(index: tuple[int, ...]) -> str:
    """[row, column], counting from 0 as NumPy does."""
    return "[" + ", ".join(str(i) for i in index) + "]"


def side_by_side(blocks: Sequence[tuple[str, str]], gap: str = "   ", width: int = 80) -> str:
    """Titled blocks of text next to one another, wrapped to a new row of blocks at ``width``."""
    shelves: list[list[list[str]]] = [[]]
    used = 0
    for title, text in blocks:
        lines = [title, *text.split("\n")]
        wide = max(len(line) for line in lines)
        if shelves[-1] and used + len(gap) + wide > width:
            shelves.append([])
            used = 0
        shelves[-1].append([line.ljust(wide) for line in lines])
        used += len(gap) + wide
    return "\n".join(shelf_text(shelf, gap) for shelf in shelves)


def shelf_text(shelf: list[list[str]], gap: str) -> str:
    height = max(len(lines) for lines in shelf)
    padded = [lines + [" " * len(lines[0])] * (height - len(lines)) for lines in shelf]
    return "\n".join(gap.join(parts).rstrip() for parts in zip(*padded, strict=True))
