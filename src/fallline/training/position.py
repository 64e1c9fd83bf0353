"""The position of a training run between two epochs."""

import math
from dataclasses import dataclass, field

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import Optimizer, init_state
from fallline.errors import ModelFileError
from fallline.limits import is_count
from fallline.training.history import History

__all__ = ["Position"]


@dataclass(eq=False)
class Position:
    """The position of a run between two epochs: everything that a checkpoint has to store.

    ``generator`` draws the batches: from ``seed``, or one that was ``started`` before. ``state`` is
    the optimiser's, ``first_loss`` the loss before the first step, ``best`` the parameters of the
    best epoch so far (before any, the first ones) with its ``best_loss``. ``falls`` are those of a
    :class:`fallline.Plateau`.
    """

    epoch: int = 0
    step: int = 0
    seed: int = 0
    started: "np.random.Generator | None" = None
    state: dict[str, Array] = field(default_factory=dict)
    history: History = field(default_factory=History)
    first_loss: float = float("nan")
    best: Array | None = None
    best_loss: float = float("inf")
    best_epoch: int | None = None
    falls: list[tuple[int, int]] = field(default_factory=list)

    @property
    def generator(self) -> "np.random.Generator":
        """Draws the batches; full ones need none, nor do they wait for NumPy to import it."""
        if self.started is None:
            self.started = np.random.default_rng(self.seed)
        return self.started

    def check(self, network: Network, optimizer: Optimizer | None) -> None:
        """Raise ModelFileError for a state that no run of this network and optimiser can leave.

        ``optimizer`` None means one without a state: L-BFGS.
        """
        theta = network.parameters
        for name, value in (("epoch", self.epoch), ("step", self.step)):
            if not is_count(value):
                raise ModelFileError(f"its {name} is {value!r:.40}, no count")
        if not (self.best_epoch is None or is_count(self.best_epoch)):
            raise ModelFileError(f"its best_epoch is {self.best_epoch!r:.40}, no count")
        for name, loss in (("first_loss", self.first_loss), ("best_loss", self.best_loss)):
            if not isinstance(loss, float) or math.isnan(loss):
                raise ModelFileError(f"its {name} is {loss!r:.40}, no number")
        uneven = self.history.uneven()
        if uneven is not None:
            raise ModelFileError(uneven)
        steps = [step for step, _ in self.falls]
        if steps != sorted(steps) or not all(is_count(n) for fall in self.falls for n in fall):
            raise ModelFileError(f"its falls are {self.falls!r:.40}, no steps and records")
        expected = {} if optimizer is None else init_state(optimizer, theta)
        if self.state.keys() != expected.keys():
            raise ModelFileError(
                f"it keeps {', '.join(sorted(self.state)) or 'nothing'} of the optimiser, whose "
                f"state is {', '.join(sorted(expected)) or 'nothing'}"
            )
        kept = dict(self.state)
        if self.best is not None:
            kept["best"], expected = self.best, {**expected, "best": theta}
        for name, like in expected.items():
            check_like(name, kept[name], like)


def check_like(name: str, kept: Array, like: Array) -> None:
    """Raise ModelFileError if an array differs from another in form, or is not finite."""
    form, wanted = (f"{each.dtype} of shape {each.shape}" for each in (kept, like))
    if form != wanted:
        raise ModelFileError(f"{name} is {form}, not {wanted}")
    if not np.isfinite(kept).all():
        raise ModelFileError(f"{name} holds numbers that are not finite")
