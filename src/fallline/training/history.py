"""What training records: one row per recorded epoch, and how the run ended."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LISTS", "VALIDATION", "History"]

VALIDATION = ("validation_loss", "validation_score")
LISTS = ("epoch", "loss", *VALIDATION, "learning_rate")


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

    def extend(self, epochs: Iterable[int], losses: list[float], rates: list[float]) -> None:
        """Add rows."""
        self.epoch.extend(epochs)
        self.loss.extend(losses)
        self.learning_rate.extend(rates)

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
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "History":
        """The inverse of ``as_dict``. Raises TypeError for unknown names."""
        return cls(**data)

    def __str__(self) -> str:
        last = f"loss {self.loss[-1]:.6g} at epoch {self.epoch[-1]}" if self.loss else "no epoch"
        best = "" if self.best_epoch is None else f", best epoch {self.best_epoch} kept"
        return f"{last}{best}; {self.message} ({self.seconds:.3g} s)"
