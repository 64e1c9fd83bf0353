"""When training has diverged, and the message about it."""

import math

__all__ = ["RUNAWAY", "ran_away", "runaway_message"]

RUNAWAY = 1e3


def ran_away(loss: float, first_loss: float) -> bool:
    """Whether training has diverged: the loss is not finite, or 1,000 times its first value."""
    return not math.isfinite(loss) or loss > RUNAWAY * first_loss


def runaway_message(epoch: int, loss: float, first_loss: float, rate: float) -> str:
    """What happened, and which learning rate to try."""
    how = f"has run away to {loss:.3g}" if math.isfinite(loss) else "is no longer finite"
    return (
        f"the loss {how} at epoch {epoch} (it began at {first_loss:.3g}): "
        f"learning_rate {rate:g} is too large here; try {rate / 10:g}"
    )
