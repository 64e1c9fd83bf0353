"""Writing a file so that it is there whole, or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from fallline.errors import FileWriteError

__all__ = ["write_bytes"]


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at ``path`` by ``data``: temporary file beside it, fsync, rename.

    Raises FileWriteError, with the reason, where that fails; an older file stays as it was.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, permissions(path))
        os.replace(temporary, path)
        temporary = None
        sync_folder(path.parent)
    except OSError as reason:
        kept = "; the file that was there is unchanged" if path.exists() else ""
        raise FileWriteError(
            f"{path}: cannot be written ({reason.strerror or reason}){kept}"
        ) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def permissions(path: Path) -> int:
    """The mode of the file that is replaced, or what the umask leaves a new one."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sync_folder(folder: Path) -> None:
    """Make the rename itself last. Some file systems cannot; the data are safe all the same."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
