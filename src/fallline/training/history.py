"""What training records: one row per recorded epoch, and how the run ended."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.arrays import Array

__all__ = ["LISTS", "VALIDATION", "History"]

VALIDATION = ("validation_loss", "validation_score")
LISTS = ("epoch", "loss", *VALIDATION, "learning_rate")
MANY = 1000  # rows
BY_ENGINE = ("epoch", "loss", "learning_rate")  # the lists of rows that the engine recorded


@dataclass
class History:
    """The record of one training run.

    ``epoch[i]`` is a recorded epoch (the first is 0) and ``loss[i]`` its training loss: the mean
    over its batches, each taken before its update; for a full batch, the loss before the epoch's
    one update. ``validation_loss`` and ``validation_score`` (accuracy, or R2 for numbers) are
    measured after the epoch, if there are validation rows; otherwise the lists stay empty. They are
    NaN for the epoch in which a run diverged. All lists that are not empty are of one length.

    ``stopped`` says how the run ended: "epochs" (all done), "rule" (a stop rule), "callback",
    "converged" (L-BFGS), "diverged" or "interrupted"; ``message`` says it in words. ``best_epoch``
    is the epoch whose parameters were kept, None if the last ones were.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=30, record_every=10)
    >>> history.epoch, [round(loss, 4) for loss in history.loss]
    ([0, 10, 20], [0.84, 0.8307, 0.8217])
    >>> history.stopped, history.steps
    ('epochs', 30)
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    epochs_done: int = 0
    steps: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    stopped: str = "epochs"
    message: str = "all epochs done"

    def record(self, epoch: int, loss: float) -> None:
        """Add one row; validation and learning rate are appended separately."""
        self.epoch.append(epoch)
        self.loss.append(loss)

    def extend(self, epochs: range, losses: Array, rates: Array) -> None:
        """Add rows. Of many, the lists are made when one is read: 20,000 take a millisecond."""
        own = vars(self)
        if "unread" not in own and len(epochs) < MANY:
            for name, numbers in zip(BY_ENGINE, (epochs, losses, rates), strict=True):
                own[name].extend(joined((numbers,)))
            return
        if "epoch" in own:
            own["unread"] = [tuple(own[name] for name in BY_ENGINE)]
            for name in BY_ENGINE:
                del own[name]
        own["unread"].append((epochs, losses, rates))

    if not TYPE_CHECKING:  # for type checkers there are only the fields

        def __getattr__(self, name: str) -> Any:
            """A list that was not read since rows were added."""
            own = vars(self)
            if name not in BY_ENGINE or "unread" not in own:
                raise AttributeError(f"History has no attribute {name!r}")
            epochs, losses, rates = zip(*own["unread"], strict=True)
            lists = joined(epochs), joined(losses), joined(rates)
            own.update(zip(BY_ENGINE, lists, strict=True))  # at once, if Ctrl-C comes
            del own["unread"]
            return own[name]

    def cut(self, kept: Collection[str] = ()) -> None:
        """Cut the lists to one length: those in ``kept`` and all that are not empty.

        An interrupt may come between the loss of an epoch and the values that belong to it.
        """
        lists = [getattr(self, name) for name in LISTS]
        used = [each for name, each in zip(LISTS, lists, strict=True) if each or name in kept]
        shortest = min(map(len, used), default=0)
        for each in used:
            del each[shortest:]

    def uneven(self) -> str | None:
        """A message about lists that differ in length; None if they do not."""
        for name in LISTS:
            if len(getattr(self, name)) not in (0, len(self.epoch)):
                return (
                    f"its history has {len(self.epoch)} epochs, but {name} for "
                    f"{len(getattr(self, name))}"
                )
        return None

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON and the model file."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "History":
        """The inverse of ``as_dict``. Raises TypeError for unknown names."""
        return cls(**data)

    def __str__(self) -> str:
        last = f"loss {self.loss[-1]:.6g} at epoch {self.epoch[-1]}" if self.loss else "no epoch"
        best = "" if self.best_epoch is None else f", best epoch {self.best_epoch} kept"
        return f"{last}{best}; {self.message} ({self.seconds:.3g} s)"


def joined(parts: tuple[Any, ...]) -> list[Any]:
    """The numbers of lists, ranges and arrays in one list of Python's own."""
    numbers: list[Any] = []
    for part in parts:
        numbers.extend(part.tolist() if isinstance(part, np.ndarray) else part)
    return numbers
