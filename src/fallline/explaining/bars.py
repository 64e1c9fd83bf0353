"""What columns add to an output, as bars in 80 columns of text."""

from collections.abc import Sequence

import numpy as np

from fallline.text import one_line

__all__ = ["Part", "bars", "leading_first"]

WIDTH = 80
MAX_LINES = 10
MAX_NAME, MAX_CELL = 24, 14
FULL, PARTS = "█", " ▏▎▍▌▋▊▉█"

Part = tuple[str, str, float]  # column, cell, what it adds


def bars(
    title: str, parts: Sequence[Part], *, base: float, value: float, gap: str, plain: bool = False
) -> str:
    """The columns that add most, up or down, from a base to a value; the others in one line.

    Bars to the left lower the output, bars to the right raise it. ``plain``: only in ASCII
    characters.
    """
    shown, rest = leading_first(parts, MAX_LINES)
    lines: list[Part] = [("base", "", base), *shown]
    if rest is not None:
        lines.append((f"{len(parts) - len(shown)} others", "", rest))
    lines.append(("sum", "", value))
    names = [shortened(name, MAX_NAME) for name, _, _ in lines]
    cells = [shortened(cell, MAX_CELL) for _, cell, _ in lines]
    numbers = signed([number for _, _, number in lines])
    wide = [max(map(len, [head, *texts])) for head, texts in (
        ("column", names), ("value", cells), ("adds", numbers)
    )]  # fmt: skip
    room = WIDTH - sum(wide) - 6
    drawn = ["", *drawings([number for _, _, number in lines[1:-1]], room, plain=plain), gap]
    rows = zip(names, cells, numbers, drawn, strict=True)
    head = f"{'column':{wide[0]}}  {'value':>{wide[1]}}  {'adds':>{wide[2]}}"
    body = [
        f"{name:{wide[0]}}  {cell:>{wide[1]}}  {number:>{wide[2]}}  {bar}".rstrip()
        for name, cell, number, bar in rows
    ]
    return "\n".join([shortened(title, WIDTH), head, *body])


def leading_first(parts: Sequence[Part], most: int) -> tuple[list[Part], float | None]:
    """The ``most`` columns that add most, up or down, and what the others add; None if there are
    none.

    A single other column is listed by itself.
    """
    order = sorted(parts, key=lambda part: -abs(part[2]))
    if len(order) <= most + 1:
        return order, None
    return order[:most], float(sum(part[2] for part in order[most:]))


def shortened(text: str, most: int) -> str:
    """A text in one line of at most ``most`` characters."""
    text = one_line(text)
    return text if len(text) <= most else text[: most - 3] + "..."


def signed(numbers: Sequence[float]) -> list[str]:
    """The numbers with signs and the same number of decimals: five digits of the largest."""
    largest = max((abs(x) for x in numbers), default=0.0)
    if not 1e-4 <= largest < 1e12:
        return [f"{x + 0.0:+.4e}" for x in numbers]
    decimals = max(0, 4 - int(np.floor(np.log10(largest))))
    return [f"{round(x, decimals) + 0.0:+,.{decimals}f}" for x in numbers]


def drawings(numbers: Sequence[float], room: int, *, plain: bool) -> list[str]:
    """A bar for each number to the left or right of a line; the widest fills its side."""
    below = max([0.0, *(-x for x in numbers)])
    above = max([0.0, *numbers])
    if below + above == 0.0 or room < 4:
        return [""] * len(numbers)
    cells = (room - 1) / (below + above)
    left = int(np.ceil(below * cells))
    return [
        bar(-x * cells, plain=plain, mark="-", leftwards=True).rjust(left)
        if x < 0
        else " " * left + bar(x * cells, plain=plain, mark="+")
        for x in numbers
    ]


def bar(cells: float, *, plain: bool, mark: str, leftwards: bool = False) -> str:
    """A bar of a number of cells, with a partial last cell if there is a character for it."""
    if plain or leftwards:  # most fonts have no partial cells that start at the right
        return (mark if plain else FULL) * round(cells)
    whole = int(cells)
    part = PARTS[round(8 * (cells - whole))]
    return (FULL * whole + part).rstrip()
