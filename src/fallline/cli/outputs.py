"""Checks of the outputs before a command starts its work, so that no work is lost at the end."""

import os
from collections.abc import Iterable
from glob import glob
from pathlib import Path

from fallline.atomic import check_target
from fallline.errors import FileWriteError
from fallline.saving.modelfile import is_container

__all__ = ["check_output"]


def check_output(
    output: str,
    option: str = "--output",
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    model: bool = False,
    force: bool = False,
) -> None:
    """Raise FileWriteError if the file cannot be written, or is not to be replaced.

    It must not be one of the ``inputs``. An existing file of another kind is only replaced with
    ``force``; ``model`` says that a model is to be written.
    """
    path = Path(output)
    if not path.parent.is_dir():
        raise FileWriteError(f"{output}: there is no folder {path.parent}; make it first")
    check_target(path)
    read = [Path(each) for part in inputs for each in glob(str(part)) or [str(part)]]
    if any(same_file(path, each) for each in read):
        raise FileWriteError(
            f"{output}: this file is read here, and {option} would replace it; choose another name"
        )
    if force or not path.exists() or path.stat().st_size == 0:
        return
    if is_container(path) != model:
        kind = "no model file" if model else "a model file"
        raise FileWriteError(
            f"{output}: this file is there already and is {kind}; --force replaces it, or choose "
            "another name"
        )


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, or would if it existed."""
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return one.resolve() == other.resolve()
