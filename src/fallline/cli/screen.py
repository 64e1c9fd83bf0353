"""Text that any terminal can show, without control sequences that it would obey.

A name or a label of a table may contain anything: control characters and terminal escapes, marks
that change the direction of writing, unpaired surrogates. They are escaped (``\\x1b``). Characters
that the stream's encoding lacks (ASCII, Latin-1, cp1252) are escaped as well; the dots of a curve
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
    """A stream that passes only line ends as control characters."""

    def __init__(self, stream: TextIO) -> None:
        self.bare = stream

    def write(self, text: str) -> int:
        """Write the text, escaped; returns the length of the text as other streams do."""
        self.bare.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)


def show_safely() -> None:
    """Make standard output and standard error such streams."""
    codecs.register_error("fallline", as_points)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, Screen):  # there is none under pythonw
            continue
        with suppress(AttributeError, ValueError):  # a stream of another program
            stream.reconfigure(errors="fallline")
        setattr(sys, name, Screen(stream))


def bare(stream: TextIO) -> TextIO:
    """The underlying stream, for data and for text that is already escaped."""
    return stream.bare if isinstance(stream, Screen) else stream


def as_points(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler: the dots of a curve as points, anything else escaped."""
    problem = cast("UnicodeEncodeError", error)
    part = problem.object[problem.start : problem.end]
    if all(ord(each) in BRAILLE for each in part):
        return "".join(" " if ord(each) == BRAILLE.start else "." for each in part), problem.end
    return codecs.backslashreplace_errors(problem)
