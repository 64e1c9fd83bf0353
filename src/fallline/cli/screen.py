"""What the command line prints, as text that any terminal can show and none obeys.

A name or a label of a table may hold anything: control characters and terminal escapes, marks that
turn the direction of writing, halves of characters. They appear escaped (``\\x1b``). What the
stream's encoding has not (ASCII, Latin-1, cp1252) appears escaped as well; the dots of a curve
become plain points.
"""

import codecs
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, cast

from fallline.text import printable

__all__ = ["Screen", "bare", "show_safely"]

BRAILLE = range(0x2800, 0x2900)  # the first is blank


class Screen:
    """A stream on which nothing but line ends is obeyed."""

    def __init__(self, stream: TextIO) -> None:
        self.bare = stream

    def write(self, text: str) -> int:
        """Write the text, escaped; gives the length of the text as the stream does."""
        self.bare.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)


def show_safely() -> None:
    """Let standard output and standard error be such streams."""
    codecs.register_error("fallline", as_points)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, Screen):  # there is none under pythonw
            continue
        with suppress(AttributeError, ValueError):  # a stream of somebody else's
            stream.reconfigure(errors="fallline")
        setattr(sys, name, Screen(stream))


def bare(stream: TextIO) -> TextIO:
    """The stream itself, for what is data or is escaped already."""
    return stream.bare if isinstance(stream, Screen) else stream


def as_points(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler: the dots of a curve as points, anything else escaped."""
    problem = cast("UnicodeEncodeError", error)
    part = problem.object[problem.start : problem.end]
    if all(ord(each) in BRAILLE for each in part):
        return "".join(" " if ord(each) == BRAILLE.start else "." for each in part), problem.end
    return codecs.backslashreplace_errors(problem)
