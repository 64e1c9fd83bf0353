"""Where a run of training stands between two epochs."""

from dataclasses import dataclass, field

import numpy as np

from fallline.arrays import Array
from fallline.training.history import History

__all__ = ["Position"]


@dataclass
class Position:
    """Where a run stands between two epochs: all that a checkpoint has to keep.

    ``generator`` draws the batches, ``state`` is the optimiser's, ``first_loss`` the loss before
    the first step, ``best`` the parameters of the best epoch so far (before any, the first ones)
    with its ``best_loss``. ``falls`` are those of a :class:`fallline.Plateau`.
    """

    epoch: int = 0
    step: int = 0
    generator: np.random.Generator = field(default_factory=np.random.default_rng)
    state: dict[str, Array] = field(default_factory=dict)
    history: History = field(default_factory=History)
    first_loss: float = float("nan")
    best: Array | None = None
    best_loss: float = float("inf")
    best_epoch: int | None = None
    falls: list[tuple[int, int]] = field(default_factory=list)
