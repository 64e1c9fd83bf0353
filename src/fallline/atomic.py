"""Writing a file so that it is there whole, or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fallline.errors import FileWriteError

__all__ = ["check_target", "replacing", "write_bytes"]


TEMPORARY = ".fallline-"  # what an unfinished file's name begins with


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at ``path`` by ``data``: temporary file beside it, fsync, rename.

    Raises FileWriteError, with the reason, where that fails; an older file stays as it was.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file to write to, in the folder of ``path``; it takes its place at the end.

    Where the body fails, or the rest does (fsync, rename), the temporary file is removed and an
    older file stays as it was. Raises FileWriteError for an OSError, with the reason.
    """
    check_target(path)
    path = followed(Path(path))
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        os.close(handle)
        yield Path(temporary)
        sync(temporary)
        os.chmod(temporary, permissions(path))
        os.replace(temporary, path)
        temporary = None
        with contextlib.suppress(OSError):  # some file systems cannot; the data are safe
            sync(path.parent)
    except FileWriteError:
        raise
    except OSError as reason:
        kept = "; the file that was there is unchanged" if path.exists() else ""
        raise FileWriteError(
            f"{path}: cannot be written ({reason.strerror or reason}){kept}"
        ) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def followed(path: Path) -> Path:
    """Where a symbolic link leads: the file there is replaced, not the link."""
    return path.resolve() if path.is_symlink() else path


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise FileWriteError where a file could not be put at ``path``, as far as that shows."""
    there = Path(path)
    longest = 1 << 20
    with contextlib.suppress(OSError, ValueError, AttributeError):  # not on every system
        longest = os.pathconf(there.parent, "PC_NAME_MAX")
    if len(os.fsencode(there.name)) > longest:
        raise FileWriteError(f"{path}: the name is longer than {longest} bytes")
    there = followed(there)
    if there.is_dir():
        raise FileWriteError(f"{path}: this is a folder; give a file name")
    if there.exists() and not there.is_file():
        raise FileWriteError(f"{path}: this is a device or a pipe, not a file; choose a file name")
    if there.parent.is_dir() and not os.access(there.parent, os.W_OK):
        raise FileWriteError(f"{path}: the folder {there.parent} cannot be written to")


def permissions(path: Path) -> int:
    """The mode of the file that is replaced, or what the umask leaves a new one."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until the file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
