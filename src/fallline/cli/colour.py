"""Colour in the terminal, where it helps: the best score of a line, errors, warnings.

There is none in a pipe or a file, with NO_COLOR (https://no-color.org) or on a terminal without
colour.
"""

import os
import re
import sys
from typing import TextIO

from fallline.cli.screen import bare
from fallline.tabular.scoring import SCORE_NAMES, better
from fallline.text import printable

__all__ = ["say"]

RED, GREEN, YELLOW, CYAN = "31", "32", "33", "36"
NUMBER = re.compile(r"(?<![\w.,-])-?[\d,]*\.?\d+(?:e[+-]?\d+)?(?![\w.%])")
WORDS = (
    (re.compile(r"\bWRONG\b"), RED),
    (re.compile(r"^(?:warning|note: no better than the trivial guess)", re.MULTILINE), YELLOW),
    (re.compile(r"^next:", re.MULTILINE), CYAN),
    (re.compile(r"^fallline:"), RED),
)


def say(text: object, file: TextIO | None = None) -> None:
    """Print a text, with colours if the stream shows them."""
    stream = sys.stdout if file is None else file
    if has_colour(stream):
        print(painted(printable(str(text))), file=bare(stream))
    else:
        print(text, file=stream)


def has_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colours, and colours are wanted."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()


def painted(text: str) -> str:
    """The text with best scores in green, errors in red, and warnings in yellow."""
    for pattern, colour in WORDS:
        text = pattern.sub(paint(r"\g<0>", colour), text)
    return "\n".join(with_best(line) for line in text.split("\n"))


def paint(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m"


def with_best(line: str) -> str:
    """A line of a table of scores with the best model's score in green."""
    name = next((key for key, shown in SCORE_NAMES.items() if line.startswith(shown + " ")), None)
    if name is None or " to " in line or "+-" in line:
        return line
    start = len(SCORE_NAMES[name])
    found = [m for m in NUMBER.finditer(line, start) if line[m.start() - 2 : m.start()] == "  "]
    if len(found) < 2:
        return line
    best = found[0]
    for other in found[1:]:
        if better(name, value(other[0]), value(best[0])):
            best = other
    return line[: best.start()] + paint(best[0], GREEN) + line[best.end() :]


def value(text: str) -> float:
    return float(text.replace(",", ""))
