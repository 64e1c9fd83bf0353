"""Writing a file completely or not at all."""

import contextlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from fallline.errors import FileWriteError

__all__ = ["check_target", "folder_beside", "replacing", "write_bytes"]


TEMPORARY = ".fallline-"  # prefix of an unfinished file's name
looked_at: set[tuple[int, Path]] = set()  # processes and folders; a fork is another process
STALE_SECONDS = 86_400.0  # then an unfinished file of another machine counts as abandoned


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at ``path`` by ``data``: write a temporary file beside it, fsync, rename.

    Raises FileWriteError, with the reason, if that fails; an older file stays as it was.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file to write to, in the folder of ``path``; at the end it is renamed to
    ``path``.

    If the body, fsync or rename fails, the temporary file is removed and an older file stays as it
    was. Raises FileWriteError for an OSError, with the reason.
    """
    check_target(path)
    path = followed(Path(path))
    temporary: Path | None = None
    try:
        remove_stale_once(path.parent)
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        temporary = new_beside(path, 0o666 if mode is None else mode | 0o600)
        yield temporary
        sync(temporary, os.O_RDWR)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
        temporary = None
        with contextlib.suppress(OSError):  # some file systems cannot; the data are safe
            sync(path.parent, os.O_RDONLY)
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
                temporary.unlink()


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder for parts of a file that is being written, beside that file; removed at the end."""
    folder = path.with_name(unfinished())
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_beside(path: Path, mode: int) -> Path:
    """A new empty file in the folder of ``path``, with this mode minus the umask."""
    while True:
        found = path.with_name(unfinished())
        with contextlib.suppress(FileExistsError):
            handle = os.open(found, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
            try:
                os.close(handle)
            except OSError:
                found.unlink()
                raise
            return found


def unfinished() -> str:
    """A new name that contains machine and process, so that others see whether they are gone."""
    return f"{TEMPORARY}{machine()}-{os.getpid()}-{secrets.token_hex(4)}"


def machine() -> str:
    """This machine's name, in letters and digits."""
    return "".join(c for c in socket.gethostname() if c.isascii() and c.isalnum())[:40] or "local"


def remove_stale_once(folder: Path) -> None:
    """The same, at this process's first write to the folder: a folder may hold many files."""
    known = os.getpid(), folder.resolve()
    if known not in looked_at:
        looked_at.add(known)
        remove_stale(folder)


def remove_stale(folder: Path) -> None:
    """Remove the unfinished files of processes that were killed.

    That is, of processes of this machine that have ended. An unfinished file of another machine is
    kept for a day after its last change.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY) and is_stale(entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)


def is_stale(entry: os.DirEntry[str]) -> bool:
    """Whether no process is still writing this unfinished file."""
    where, _, process = entry.name.removeprefix(TEMPORARY).rpartition("-")[0].rpartition("-")
    if where == machine() and process.isdigit() and os.name == "posix":
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except OSError:  # the process exists, and belongs to another user
            return False
        return False
    return time.time() - entry.stat().st_mtime > STALE_SECONDS


def followed(path: Path) -> Path:
    """The target of a symbolic link: the file there is replaced, not the link."""
    return path.resolve() if path.is_symlink() else path


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise FileWriteError if a file evidently cannot be written to ``path``."""
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


def sync(path: Path, access: int) -> None:
    """Wait until the file, or the names in a folder, are on the disk."""
    handle = os.open(path, access)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
