"""Stop rules: each reads the history after a recorded epoch and gives a reason to stop, or none."""

from fallline.dataclass import dataclass
from fallline.errors import ParameterError
from fallline.limits import check_choice, check_integer, check_number
from fallline.training.history import History

__all__ = ["Patience", "TargetLoss", "TimeLimit"]

METRICS = ("loss", "validation_loss", "validation_score")


@dataclass(frozen=True)
class Patience:
    """Stop when ``metric`` has not improved by more than ``min_delta`` for ``patience`` records.

    ``metric`` is "loss", "validation_loss" (the default) or "validation_score".
    Raises ParameterError for a value that is not allowed.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> rule = fl.Patience(2, metric="loss", min_delta=0.1)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, stop=rule)
    >>> print(history.message)
    loss has not improved for 2 epochs, since epoch 0
    """

    patience: int = 10
    metric: str = "validation_loss"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        check_integer("patience", self.patience)
        check_choice("metric", self.metric, METRICS)
        check_number("min_delta", self.min_delta)

    def __call__(self, history: History, seconds: float) -> str | None:
        values: list[float] = getattr(history, self.metric)
        if not values and history.epoch:
            raise ParameterError(
                f"Patience watches {self.metric}, which needs validation=(X, y); "
                "give some, or use Patience(metric='loss')"
            )
        sign = -1.0 if self.metric == "validation_score" else 1.0
        best, best_at = float("inf"), 0
        for i, value in enumerate(sign * value for value in values):
            if value < best - self.min_delta:
                best, best_at = value, i
        waited = len(values) - 1 - best_at
        if waited < self.patience:
            return None
        name = self.metric.replace("_", " ")
        since = history.epoch[best_at]
        waited = history.epoch[-1] - since
        noun = "epoch" if waited == 1 else "epochs"
        return f"{name} has not improved for {waited} {noun}, since epoch {since}"


@dataclass(frozen=True)
class TargetLoss:
    """Stop when the training loss is at most ``target``.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=5_000, stop=fl.TargetLoss(0.7))
    >>> history.stopped, history.loss[-1] <= 0.7 < history.loss[-2]
    ('rule', True)
    """

    target: float

    def __post_init__(self) -> None:
        check_number("target", self.target)

    def __call__(self, history: History, seconds: float) -> str | None:
        if history.loss[-1] <= self.target:
            return f"the loss has reached {self.target:g}"
        return None


@dataclass(frozen=True)
class TimeLimit:
    """Stop after ``seconds`` of training, of which ``before`` were spent on earlier runs.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=10, stop=fl.TimeLimit(60))
    >>> history.message
    'all epochs done'
    """

    seconds: float
    before: float = 0.0

    def __post_init__(self) -> None:
        check_number("seconds", self.seconds)
        check_number("before", self.before)

    @property
    def reason(self) -> str:
        """The reason that this rule gives."""
        return f"the time of {self.seconds:g} s is up"

    def __call__(self, history: History, seconds: float) -> str | None:
        return self.reason if self.before + seconds >= self.seconds else None
