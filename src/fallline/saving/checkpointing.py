"""The checkpoint of a run on a table: copied in memory each epoch, written to disk at intervals.

When the run is interrupted, the last epoch's state is written at once, so no epoch is lost. When
the process is killed, the last state that was written remains. Either way the continued run ends
with the same bits.
"""

import copy
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.compact import Rows, dense_parts
from fallline.core.network import Network
from fallline.errors import FileWriteError
from fallline.hashes import digest, new_hash
from fallline.saving.modelfile import Checkpoint, Path_
from fallline.training.history import LISTS
from fallline.training.position import Position

__all__ = ["RunCheckpoint", "fingerprint"]

SECONDS = 10.0  # between two writes, if no number of epochs is given


@dataclass(frozen=True)
class Snapshot:
    """A copy of a run's state between two epochs.

    The history's lists only grow, so they are shared and only their lengths (``records``) are
    stored.
    """

    network: Network
    position: Position
    settings: dict[str, Any]
    records: dict[str, int]

    @staticmethod
    def take(network: Network, position: Position, settings: dict[str, Any]) -> "Snapshot":
        copied = replace(
            position,
            started=copy.deepcopy(position.started),
            state={name: array.copy() for name, array in position.state.items()},
            best=None if position.best is None else position.best.copy(),
            history=replace(position.history),
            falls=list(position.falls),
        )
        records = {name: len(getattr(position.history, name)) for name in LISTS}
        return Snapshot(network.copy(), copied, settings, records)

    def write(self, path: Path_) -> None:
        history = self.position.history
        lists: Any = {name: getattr(history, name)[:n] for name, n in self.records.items()}
        position = replace(self.position, history=replace(history, **lists))
        Checkpoint(path).save(self.network, position, self.settings)


@dataclass
class RunCheckpoint:
    """The ``checkpoint=`` of ``fallline.train``.

    ``path`` : the file. ``epochs`` : how many between two writes; None for one every 10 seconds.
    ``resume_from_file`` : continue from the file if there is one; otherwise it is replaced.
    ``data`` is the fingerprint of the rows, which must be the same when a run is continued.
    """

    path: Path_
    epochs: int | None = None
    resume_from_file: bool = False
    data: str = ""
    every: int = 1
    written_at: float = field(default_factory=time.monotonic)
    latest: Snapshot | None = None
    failure: str | None = None

    def numbered(self, number: int) -> "RunCheckpoint":
        """The checkpoint of run ``number``, from 0, of several; the first has ``path`` itself."""
        path = Path(self.path)
        if number:
            path = path.with_name(f"{path.stem}-{number + 1}{path.suffix}")
        return replace(self, path=path)

    def resume(self, network: Network, settings: dict[str, Any]) -> Position | None:
        """The position in the file, if the run is to continue from it."""
        if not self.resume_from_file:
            return None
        return Checkpoint(self.path).resume(network, settings | {"data": self.data})

    def save(self, network: Network, position: Position, settings: dict[str, Any]) -> None:
        """Take a copy of the state, and write it if that is due."""
        self.latest = Snapshot.take(network, position, settings | {"data": self.data})
        if self.due(position.epoch):
            self.write()

    def due(self, epoch: int) -> bool:
        if self.epochs is not None:
            return epoch % self.epochs == 0
        return time.monotonic() - self.written_at >= SECONDS

    def write(self) -> None:
        """Write the latest state, if there is one.

        A failure is kept in ``failure`` and does not end the run, which may still save its model.
        """
        if self.latest is None:
            return
        self.written_at = time.monotonic()
        try:
            self.latest.write(self.path)
            self.failure = None
        except FileWriteError as reason:
            self.failure = str(reason)

    def remove(self, n_runs: int) -> None:
        """Remove the files of ``n_runs`` runs, because the training has ended."""
        for number in range(n_runs):
            Path(self.numbered(number).path).unlink(missing_ok=True)


def fingerprint(*arrays: Rows | None) -> str:
    """A hash of the arrays' bytes; for compact rows, of the bytes of their features."""
    found = new_hash()
    for array in arrays:
        for part in () if array is None else dense_parts(array):
            found.update(np.ascontiguousarray(part).view(np.uint8).data)
    return digest(found)
