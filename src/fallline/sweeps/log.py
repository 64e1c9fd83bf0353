"""The log of a sweep: runs are stored as they finish, so that a sweep can be continued."""

import os
from collections.abc import Hashable, Mapping
from typing import Any

from fallline import __version__
from fallline.errors import ParameterError
from fallline.sweeps.settings import DEFAULTS, values_of

__all__ = ["Log", "key_of"]

KEYS = (*DEFAULTS, "seed", "fold")


def key_of(run: Mapping[str, Any]) -> Hashable:
    """What distinguishes a run from the others."""
    return values_of(run, KEYS)


class Log:
    """Finished runs, one per line; the first line identifies the sweep."""

    def __init__(self, path: str | os.PathLike[str] | None, fingerprint: str) -> None:
        self.path = None if path is None else os.fspath(path)
        self.done: dict[Hashable, dict[str, Any]] = {}
        if self.path is None:
            return
        if os.path.exists(self.path) and os.path.getsize(self.path) > 0:
            self.read(self.path, fingerprint)
        else:
            self.append([{"fallline_sweep": __version__, "data": fingerprint}])

    def read(self, path: str, fingerprint: str) -> None:
        """Read the runs of an earlier sweep; a truncated line is ignored."""
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        lines = [parsed(line) for line in text.splitlines()]
        head = lines[0] or {}
        if "fallline_sweep" not in head:
            raise ParameterError(f"{path} is not the log of a sweep; choose another file")
        if head.get("data") != fingerprint:
            raise ParameterError(
                f"{path} is the log of a sweep on other data, or split otherwise; "
                "choose another file, or remove it"
            )
        for run in lines[1:]:
            if run is not None and all(name in run for name in (*KEYS, "state")):
                self.done[key_of(run)] = {**run, "hidden": tuple(run["hidden"])}
        if not text.endswith("\n"):
            with open(path, "a", encoding="utf-8") as file:
                file.write("\n")

    def add(self, runs: list[dict[str, Any]]) -> None:
        """Store the runs that have ended."""
        self.append(runs)

    def append(self, lines: list[dict[str, Any]]) -> None:
        """Add lines, where there is a file, and wait until they are on the disk."""
        if self.path is None:
            return
        import json

        with open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())


def parsed(line: str) -> dict[str, Any] | None:
    import json

    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
