"""The records of a CSV file: where each begins, and whether the file is whole.

The bytes are examined as one array, so that a large file costs milliseconds: a separator or a line
end counts if an even number of quotes precedes it. Ragged lines and misplaced quotes are refused
here, blank lines are dropped, and every record keeps the line it began on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.errors import TableError

__all__ = ["Records", "line_of", "scan_records"]

SEPARATORS = b",;\t|"
LOOKED_AT = 100  # lines used to choose the separator
NEWLINE, QUOTE, RETURN = b'\n"\r'


@dataclass(frozen=True)
class Records:
    """A file that Polars splits as this module does: no blank lines, no blanks around quotes.

    ``lines`` (n,) is the line on which each record begins; ``width`` its number of fields.
    """

    data: bytes
    separator: int
    quoted: bool
    lines: NDArray[np.int64]
    width: int


def scan_records(
    source: str,
    data: bytes,
    *,
    separator: int | None = None,
    first_line: int = 1,
    shape: tuple[int, int] | None = None,
) -> Records:
    """Find the records of the file, or of a block of it that begins on ``first_line``.

    ``shape`` is (width, line) of the file's first record, for the blocks after the first.
    Raises TableError for a ragged line or a misplaced quote.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    octets = np.frombuffer(data, dtype=np.uint8)
    breaks = np.flatnonzero(octets == NEWLINE)
    quotes = np.flatnonzero(octets == QUOTE)
    ends = unquoted(breaks, quotes)
    if ends.size == 0 or ends[-1] != breaks[-1]:
        ends = np.append(ends, breaks[-1])  # a quote is left open; check_quotes says where
    starts = np.concatenate([[0], ends[:-1] + 1])
    lines = np.searchsorted(breaks, starts) + first_line
    if separator is None:
        separator = find_separator(data, starts, ends)
    separators = np.flatnonzero(octets == separator)
    surplus = surrounding_blanks(source, data, quotes, separator, first_line)
    fields = np.diff(np.searchsorted(unquoted(separators, quotes), ends), prepend=0) + 1
    blank = find_blank(source, data, np.stack([starts, ends, lines, fields], axis=1), shape)
    if surplus or blank.any():
        keep = ~np.repeat(blank, ends + 1 - starts)
        keep[surplus] = False
        data = octets[keep].tobytes()
    width = int(fields[~blank][0]) if shape is None else shape[0]
    return Records(data, separator, quotes.size > 0, lines[~blank], width)


def line_of(data: bytes, position: int, first_line: int = 1) -> int:
    return first_line + data.count(b"\n", 0, position)


def unquoted(positions: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those positions that an even number of quotes precedes: a doubled quote counts twice."""
    if quotes.size == 0:
        return positions
    outside: NDArray[np.bool_] = np.searchsorted(quotes, positions) % 2 == 0
    return positions[outside]


def find_separator(data: bytes, starts: Array, ends: Array) -> int:
    """The separator that occurs equally often, outside quotes, in the first lines with any text.

    If several do, the one that occurs most often; if none does, the one that occurs most often in
    the first line. If the first line has none, as a title, the one that most other lines agree on.
    """
    lines: list[bytes] = []
    for start, end in zip(starts, ends, strict=True):
        line = data[start:end]
        if line.strip(b" \r"):
            lines.append(re.sub(rb'"[^"]*"', b"", line))
        if len(lines) == LOOKED_AT:
            break
    counts = {separator: [line.count(separator) for line in lines] for separator in SEPARATORS}
    steady = [s for s in SEPARATORS if counts[s][0] > 0 and len(set(counts[s])) == 1]
    if steady or any(counts[s][0] for s in SEPARATORS):
        return max(steady or SEPARATORS, key=lambda separator: counts[separator][0])
    return max(SEPARATORS, key=lambda separator: agreement(counts[separator]))


def agreement(counts: list[int]) -> tuple[int, int]:
    """How many lines have the same number of separators, and that number."""
    found = [count for count in counts if count]
    usual = max(set(found), key=found.count, default=0)
    return found.count(usual), usual


def surrounding_blanks(
    source: str, data: bytes, quotes: Array, separator: int, first_line: int
) -> list[int]:
    """Positions of the blanks between a quoted field and its separators, which are dropped.

    Raises TableError if a quote is in the middle of a field, or is never closed.
    """
    if quotes.size == 0:
        return []
    octets = np.frombuffer(data, dtype=np.uint8)
    touching = np.diff(quotes) == 1
    # A closing quote next to an opening one is a doubled quote inside a field.
    opening = quotes[::2][~np.concatenate([[False], touching])[::2]]
    closing = quotes[1::2][~np.concatenate([touching, [False]])[1::2]]
    edges = np.array([separator, NEWLINE])
    before = np.where(opening > 0, octets[opening - 1], NEWLINE)
    early = opening[~np.isin(before, edges)]
    late = closing[~np.isin(octets[closing + 1], [*edges, RETURN])]
    surplus: list[int] = []
    step = {int(position): -1 for position in early} | {int(position): 1 for position in late}
    for position in sorted(step):
        blanks = list(blanks_beside(data, position, step[position], separator))
        end = position + step[position] * (len(blanks) + 1)
        if end >= 0 and data[end] not in (separator, NEWLINE):
            raise TableError(
                f"{source}, line {line_of(data, position, first_line)}: a quote is in the "
                'middle of a field; put the whole field in quotes, and write " inside it as ""'
            )
        surplus += blanks
    if quotes.size % 2:
        line = line_of(data, int(quotes[-1]), first_line)
        raise TableError(f"{source}, line {line}: the quote opened here is never closed")
    return surplus


def blanks_beside(data: bytes, position: int, step: int, separator: int) -> Iterator[int]:
    position += step
    while position >= 0 and data[position] in b" \t\r" and data[position] != separator:
        yield position
        position += step


def find_blank(
    source: str, data: bytes, spans: NDArray[np.int64], shape: tuple[int, int] | None
) -> NDArray[np.bool_]:
    """(n,) True for the lines without any text; ``spans`` (n, 4): start, end, line, fields.

    In a table of one column a line of spaces is a missing cell, and only an empty line is blank.
    Raises TableError for the first other line whose number of fields differs from the first.
    """
    single = spans[:, 3] == 1
    lengths = spans[:, 1] - spans[:, 0]
    returns = (lengths == 1) & (np.frombuffer(data, dtype=np.uint8)[spans[:, 0]] == RETURN)
    blank: NDArray[np.bool_] = (lengths == 0) | returns
    if shape is None:
        for row in np.flatnonzero(single & ~blank):  # lines of spaces above the first text
            if data[spans[row, 0] : spans[row, 1]].strip():
                break
            blank[row] = True
        first = int(np.argmin(blank))
        shape = int(spans[first, 3]), int(spans[first, 2])
    width = shape[0]
    for row in np.flatnonzero((spans[:, 3] != width) & ~blank):
        start, end, fields = (int(spans[row, i]) for i in (0, 1, 3))
        if fields == 1 and not data[start:end].strip():
            blank[row] = True
            continue
        raise TableError(ragged(source, data, spans[~blank], int(row), shape, spans[row]))
    return blank


def ragged(
    source: str,
    data: bytes,
    spans: NDArray[np.int64],
    row: int,
    shape: tuple[int, int],
    wrong: NDArray[np.int64],
) -> str:
    """Which line has another number of fields than the first, and the likely reason."""
    width, first_line = shape
    start, end, line, fields = (int(value) for value in wrong)
    noun = "field" if fields == 1 else "fields"
    said = f"{source}, line {line}: has {fields} {noun}, but line {first_line} has {width}"
    widths, counts = np.unique(spans[:, 3], return_counts=True)
    usual = int(widths[np.argmax(counts)])
    if usual != width and counts.max() > 0.5 * len(spans):
        first = int(np.argmax(spans[:, 3] == usual))
        above = int(spans[first, 2]) - 1
        title = data[int(spans[0, 0]) : int(spans[0, 1])].strip()
        mark = title[:1].decode("ascii", "replace")
        comment = f" or --comment {mark!r}" if mark in "#%;!" and mark else ""
        return (
            f"{said}; most lines have {usual}: if the {above} above are a title, use --skip-lines "
            f"{above}{comment}"
        )
    advice = "give it the same number, or put a field that contains the separator in quotes"
    if np.all(spans[spans[:, 2] > line, 3] != width) and fields < width:
        word = data[start:end].strip().decode("utf-8", "replace")[:12].split(" ")[0] or "Total"
        advice += f"; or leave such lines out, if they are not rows (--comment {word!r})"
    return f"{said}; {advice}"
