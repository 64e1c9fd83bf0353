"""Where a table's bytes come from: files, globs, standard input, packed or not.

The kind of a file is recognised by its first bytes, not by its name: gzip, bzip2, xz, Zstandard and
a zip of one file are unpacked, Parquet and Excel files recognised; a text that begins with ``{`` is
JSON lines, one that begins with ``[{`` a JSON array.
"""

import codecs
import glob
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fallline.errors import TableError

__all__ = [
    "STANDARD_INPUT",
    "Source",
    "encodings_of",
    "expand",
    "is_packed",
    "kind_of",
    "open_source",
    "read_bytes",
]

STANDARD_INPUT = "-"
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BZIP2, XZ = b"BZh", b"\xfd7zXZ\x00"
BZIP2_BLOCK = b"\x31\x41\x59\x26\x53\x59"
PARQUET, ZIP, OLD_EXCEL = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Source:
    """An open file: its name for messages, its kind, and its bytes, unpacked.

    ``kind`` is "text", "json" (lines), "array" (of JSON), "parquet" or "excel"; ``seekable`` tells
    whether the file is read directly, so that a block can be found again.
    """

    name: str
    kind: str
    stream: IO[bytes]
    seekable: bool


def expand(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """The files meant: a glob as the sorted names that it matches, other paths unchanged.

    Raises TableError for a glob without a match, and if no path is given.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: list[str] = []
    for path in [os.fspath(item) for item in given]:
        if not glob.has_magic(path) or os.path.exists(path):
            found.append(path)
            continue
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise TableError(f"{path}: no file matches")
        found += matches
    if not found:
        raise TableError("no table is given")
    return found


@contextmanager
def open_source(path: str, encoding: str | None = None) -> Iterator[Source]:
    """Open a file, or standard input as ``-``. Raises TableError if that fails."""
    name = "standard input" if path == STANDARD_INPUT else path
    raw = open_raw(path, name)
    try:
        stream, packed = unpacked(name, raw)
        start = peek(name, stream)
        if start.startswith(ZIP):
            inner = from_zip(name, read_bytes(name, stream))
            stream, packed = io.BufferedReader(io.BytesIO(inner)), True
            start = peek(name, stream)
        kind = kind_of(start)
        if kind == "text" and (encoding is not None or start.startswith(UTF_16)):
            text = read_bytes(name, stream)
            stream, packed = io.BytesIO(in_utf8(name, text, encoding or "utf-16")), True
            kind = kind_of(stream.getvalue()[:64])
        yield Source(name, kind, stream, seekable=not packed and path != STANDARD_INPUT)
    finally:
        if path != STANDARD_INPUT:
            raw.close()


def open_raw(path: str, name: str) -> Any:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise TableError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise TableError(f"{name}: is a folder, not a file") from None
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the name
        text = getattr(reason, "strerror", None) or reason
        raise TableError(f"{name}: cannot be read ({text})") from None


def unpacked(name: str, raw: Any) -> tuple[Any, bool]:
    """The stream, through gzip or Zstandard where the file is packed, and whether it was."""
    start = peek(name, raw)
    if start.startswith(GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw)), True
    if start.startswith(ZSTD):
        return io.BufferedReader(zstd().ZstdFile(raw)), True
    if start.startswith(BZIP2) and start[4:10] == BZIP2_BLOCK:
        import bz2

        return bz2.BZ2File(raw), True
    if start.startswith(XZ):
        import lzma

        return lzma.LZMAFile(raw), True
    return raw, False


def is_packed(start: bytes) -> bool:
    """Whether a file that begins with these bytes is packed."""
    return start.startswith((GZIP, ZSTD, XZ, ZIP)) or (
        start.startswith(BZIP2) and start[4:10] == BZIP2_BLOCK
    )


def from_zip(name: str, data: bytes) -> bytes:
    """The only table in a zip archive; an Excel file, which is also a zip, unchanged.

    Raises TableError if there are several, or if it cannot be unpacked.
    """
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [
                member.filename
                for member in archive.infolist()
                if not member.is_dir() and not member.filename.startswith("__MACOSX/")
            ]
            if {"[Content_Types].xml", "mimetype"} & set(members):
                return data
            if len(members) != 1:
                listed = ", ".join(members[:4]) + (", ..." if len(members) > 4 else "")
                raise TableError(
                    f"{name}: holds {len(members)} files{': ' if members else ''}{listed}; unpack "
                    "it, and name the table"
                )
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return data  # its reader says that it is damaged
    except (RuntimeError, NotImplementedError) as reason:  # a password, an unknown method
        raise TableError(f"{name}: cannot be unpacked ({reason})") from None


def zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module


def kind_of(start: bytes) -> str:
    if start.startswith(PARQUET):
        return "parquet"
    if start.startswith((ZIP, OLD_EXCEL)):
        return "excel"
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if re.match(rb"\[\s*\{", text):
        return "array"
    return "json" if text.startswith(b"{") else "text"


def peek(name: str, stream: Any) -> bytes:
    with told_as_table_error(name):
        start: bytes = stream.peek(64)[:64]
    return start


def read_bytes(name: str, stream: IO[bytes], most: int = -1) -> bytes:
    """Up to ``most`` bytes, or all. Raises TableError if the file cannot be read whole."""
    with told_as_table_error(name):
        return stream.read(most)


@contextmanager
def told_as_table_error(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        if isinstance(reason, gzip.BadGzipFile) or reason.errno is None:
            raise TableError(f"{name}: the archive is damaged ({reason})") from None
        raise TableError(f"{name}: cannot be read ({reason.strerror or reason})") from None
    except (EOFError, zlib.error) as reason:
        raise TableError(f"{name}: the archive is damaged ({reason})") from None
    except Exception as reason:
        if type(reason).__name__ not in ("ZstdError", "LZMAError"):
            raise
        raise TableError(f"{name}: the archive is damaged ({reason})") from None


def in_utf8(name: str, data: bytes, encoding: str) -> bytes:
    """The text in UTF-8.

    Raises TableError for an unknown encoding, or bytes that are invalid in it.
    """
    try:
        return data.decode(encoding).encode()
    except LookupError:
        raise TableError(
            f"{name}: the encoding {encoding!r} is unknown; common ones are utf-8, latin-1, "
            "cp1252 and utf-16"
        ) from None
    except UnicodeError as reason:
        raise TableError(f"{name}: is not text in {encoding} ({reason})") from None


LIKELY = ("cp1252", "shift_jis", "gb18030", "euc-kr", "big5", "cp1251", "cp437", "latin-1")


def encodings_of(data: bytes) -> list[str]:
    """Common encodings in which the bytes are text, the most likely first."""
    found = []
    for encoding in LIKELY:
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        if not any(0x7F <= ord(letter) < 0xA0 for letter in set(text)):
            found.append(encoding)
    return found
