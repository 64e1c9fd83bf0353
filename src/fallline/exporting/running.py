"""Running an exported model in a separate process."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.exporting.description import Description

__all__ = ["Found", "NoRunnerError", "RunError", "from_json", "members_of", "printed", "program"]

SECONDS = 300


@dataclass(frozen=True)
class Found:
    """What an exported model predicts: ``numbers`` (n, n_results), and ``labels`` (n,) if any.

    Of a model with intervals ``ends`` (n, 2) are the lower and the upper ones; with sets,
    ``members`` (n, n_classes) tells whether each class is in the row's set.
    """

    numbers: Array
    labels: Sequence[Any] | None = None
    ends: Array | None = None
    members: Array | None = None


class NoRunnerError(Exception):
    """A program for running the exported model is missing on this machine; the message names it."""


class RunError(Exception):
    """The exported model does not run; the message contains its output."""


def program(names: Sequence[str], what: str) -> str:
    """The path of the first of these programs that is installed. Raises NoRunnerError."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    raise NoRunnerError(f"there is no {what} ({', '.join(names)}) on this machine")


def printed(command: Sequence[str], folder: Path, given: str = "") -> str:
    """What a command that runs in ``folder`` prints. Raises RunError if it fails.

    Raises NoRunnerError if it cannot be started at all.
    """
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            input=given.encode(),
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{Path(command[0]).name} did not end within {SECONDS} s") from None
    except OSError as reason:  # such as a folder where nothing may be run
        raise NoRunnerError(f"{command[0]} cannot be run ({reason.strerror})") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise RunError(f"{Path(command[0]).name}: {told[-2000:] or done.returncode}")
    return done.stdout.decode()


def from_json(text: str, model: Description) -> Found:
    """What a program printed: [numbers or probabilities, predictions or null, intervals or sets
    or null]."""
    numbers, labels, sure = json.loads(text)
    output = model.output
    return Found(
        np.asarray(numbers, dtype=float).reshape(-1, model.n_results),
        labels if output.has_classes else None,
        None if output.interval is None else np.asarray(sure, dtype=float),
        None if output.sets is None else members_of(sure, output.labels),
    )


def members_of(sets: Sequence[Sequence[Any]], labels: Sequence[Any]) -> Array:
    """Whether each of the labels is in each set, (n, n_labels); all sets have only labels.

    >>> members_of([["b"], ["a", "b"]], ["a", "b"]).tolist()
    [[False, True], [True, True]]
    """
    for each in sets:
        if len(set(each) & set(labels)) != len(each):
            raise RunError(f"the set {each!r:.200} has other members than the labels")
    return np.array([[label in each for label in labels] for each in sets], dtype=bool)
