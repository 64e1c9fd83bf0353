"""The settings of a run, checked before the first step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS, OPTIMIZERS, Adam, Optimizer
from fallline.core.penalties import Penalty, check_penalty
from fallline.core.rates import Constant
from fallline.core.samples import AnySamples
from fallline.engine import obstacles
from fallline.errors import ParameterError
from fallline.limits import check_choice, check_integer, check_number
from fallline.training.choice import choose_engine, default_batch_size
from fallline.training.history import History
from fallline.training.position import Position

if TYPE_CHECKING:
    from fallline.core.schedules import Plateau

__all__ = [
    "Checkpointer",
    "Progress",
    "Settings",
    "StopRule",
    "TrainOptions",
    "check_optimizer",
    "check_pair",
]

KEEP = ("best", "refined", "last")
ENGINES = ("auto", "numpy", "compiled")


class Progress(NamedTuple):
    """The argument of a callback after each recorded epoch; the callback returns True to stop.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> def show(progress):
    ...     print(progress.epoch, round(progress.history.loss[-1], 4))
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, epochs=20, record_every=10, callbacks=[show])
    0 0.84
    10 0.8307
    """

    network: Network
    epoch: int
    epochs: int
    history: History
    seconds: float


class StopRule(Protocol):
    """Anything that gives a reason to stop, or None to continue."""

    def __call__(self, history: History, seconds: float) -> str | None: ...


class Checkpointer(Protocol):
    """What ``train`` requires of ``checkpoint=``; see :class:`fallline.Checkpoint`."""

    @property
    def every(self) -> int: ...
    def resume(self, network: Network, settings: dict[str, Any]) -> Position | None: ...
    def save(self, network: Network, position: Position, settings: dict[str, Any]) -> None: ...


class TrainOptions(TypedDict, total=False):
    """The options of a run on any kind of rows; :func:`fallline.train` says what each means."""

    optimizer: Optimizer | LBFGS | None
    epochs: int
    batch_size: int | None
    seed: int
    l2: float
    l1: float
    dropout: float
    keep: str | None
    stop: StopRule | Sequence[StopRule]
    callbacks: Sequence[Callable[[Progress], Any]]
    record_every: int
    checkpoint: Checkpointer | None
    engine: str
    threads: int | None


DEFAULTS: TrainOptions = {
    "optimizer": None,
    "epochs": 100,
    "batch_size": None,
    "seed": 0,
    "l2": 0.0,
    "l1": 0.0,
    "dropout": 0.0,
    "keep": None,
    "stop": (),
    "callbacks": (),
    "record_every": 1,
    "checkpoint": None,
    "engine": "auto",
    "threads": None,
}


class Settings(NamedTuple):
    """The checked settings of one run; a resumed run must have the rows that ``rows`` names."""

    optimizer: Any
    epochs: int
    batch_size: int | None
    seed: int
    penalty: Penalty
    dropout: float
    keep: str
    stop: tuple[StopRule, ...]
    callbacks: tuple[Callable[[Progress], Any], ...]
    record_every: int
    checkpoint: Checkpointer | None
    engine: str
    threads: int | None
    rows: Mapping[str, Any] = {}

    @classmethod
    def checked(cls, network: Network, options: TrainOptions, *, validated: bool) -> "Settings":
        """The options as settings. Raises ParameterError for one that is not allowed.

        ``validated`` says whether there are validation rows.
        """
        given = DEFAULTS | options
        optimizer = of_one_run(Adam() if given["optimizer"] is None else given["optimizer"])
        batch_size, threads, stop = given["batch_size"], given["threads"], given["stop"]
        settings = cls(
            optimizer=optimizer,
            epochs=check_integer("epochs", given["epochs"]),
            batch_size=None if batch_size is None else check_integer("batch_size", batch_size),
            seed=check_integer("seed", given["seed"]),
            penalty=check_penalty(given["l2"], given["l1"]),
            dropout=check_number("dropout", given["dropout"]),
            keep=check_choice("keep", given["keep"] or ("best" if validated else "last"), KEEP),
            stop=tuple(stop) if isinstance(stop, Sequence) else (stop,),
            callbacks=tuple(given["callbacks"]),
            record_every=check_integer("record_every", given["record_every"]),
            checkpoint=check_checkpoint(given["checkpoint"], optimizer),
            engine=check_choice("engine", given["engine"], ENGINES),
            threads=None if threads is None else check_integer("threads", threads),
        )
        settings.check_together(network, validated=validated)
        return settings

    def check_together(self, network: Network, *, validated: bool) -> None:
        """Raise ParameterError for settings that do not fit each other or the network."""
        check_optimizer(self.optimizer)
        if self.engine == "compiled" and obstacles(network):
            raise ParameterError(
                f"engine='compiled' does not have {', '.join(obstacles(network))}; "
                "use engine='auto' or 'numpy'"
            )
        if self.keep != "last" and not validated:
            raise ParameterError(
                f"keep='{self.keep}' needs validation=(X, y) to tell which epoch is best"
            )
        if self.plateau is not None and not validated:
            raise ParameterError(
                "Plateau watches the validation loss: give validation=(X, y), or use a schedule of "
                "the step alone, such as Cosine"
            )
        if self.by_lbfgs and self.dropout > 0:
            raise ParameterError("LBFGS trains without dropout: leave it out, or use Adam")

    @property
    def by_lbfgs(self) -> bool:
        """Whether L-BFGS minimises the loss, instead of an optimiser that takes steps."""
        return isinstance(self.optimizer, LBFGS)

    @property
    def plateau(self) -> "Plateau | None":
        """The schedule, if it depends on the validation loss."""
        return plateau_of(self.optimizer)

    def batch_size_for(self, n_rows: int) -> int:
        """Rows per step. Raises ParameterError if L-BFGS is not given the full batch."""
        if self.by_lbfgs:
            if self.batch_size not in (None, n_rows):
                raise ParameterError(
                    f"LBFGS needs the full batch: leave batch_size out, not {self.batch_size}"
                )
            return n_rows
        return default_batch_size(n_rows) if self.batch_size is None else self.batch_size

    def compiled(self, network: Network, rows: AnySamples) -> bool:
        """Whether the compiled engine runs these rows."""
        batch_size = self.batch_size_for(len(rows))
        return choose_engine(self.engine, network, rows, batch_size, self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """The settings that a checkpoint stores; a resumed run must have them, except epochs."""
        return {
            "optimizer": repr(self.optimizer),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "l2": self.penalty.l2,
            **({"l1": self.penalty.l1} if self.penalty.l1 > 0 else {}),
            "dropout": self.dropout,
            "keep": self.keep,
            "record_every": self.record_every,
            **self.rows,
        }


def plateau_of(optimizer: Any) -> "Plateau | None":
    """The schedule of an optimiser, if it is a Plateau."""
    rate = getattr(optimizer, "learning_rate", None)
    if not callable(rate) or isinstance(rate, Constant):
        return None
    from fallline.core.schedules import Plateau

    return rate if isinstance(rate, Plateau) else None


def of_one_run(optimizer: Any) -> Any:
    """The optimiser; a Plateau is copied, because a run records the falls in it."""
    plateau = plateau_of(optimizer)
    if plateau is None:
        return optimizer
    if not is_dataclass(optimizer):
        raise ParameterError(
            f"a Plateau belongs to one run, so {optimizer!r} has to be a dataclass, so that "
            "training can copy it with another schedule"
        )
    return replace(optimizer, learning_rate=replace(plateau))  # type: ignore[type-var]


def check_optimizer(optimizer: Any) -> None:
    known = type(optimizer) in OPTIMIZERS.values()  # else each attribute is looked at
    if not known and not isinstance(optimizer, LBFGS | Optimizer):
        raise ParameterError(
            "optimizer must be an optimiser such as GradientDescent(learning_rate=0.1) or "
            f"Adam(), not {optimizer!r}"
        )


def check_checkpoint(checkpoint: Any, optimizer: Any) -> Checkpointer | None:
    if checkpoint is None:
        return None
    if not hasattr(checkpoint, "resume"):
        raise ParameterError(
            "checkpoint must be a fallline.Checkpoint, such as "
            f"Checkpoint({str(checkpoint)!r}, every=10), not {checkpoint!r}"
        )
    if isinstance(optimizer, LBFGS):
        raise ParameterError(
            "checkpoint cannot keep the inner state of L-BFGS; leave it out, or use Adam"
        )
    made: Checkpointer = checkpoint
    return made


def check_pair(validation: Any) -> tuple[ArrayLike, ArrayLike]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ParameterError("validation must be a pair (X, y)")
    return validation[0], validation[1]
