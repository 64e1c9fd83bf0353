"""Loss curves of one run or of several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fallline.errors import ParameterError
from fallline.plots.style import COLOURS, LINES, axes_or_new, cycled, open_frame
from fallline.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_curves"]

Runs = History | Sequence[History] | Mapping[str, History]


def loss_curves(runs: Runs, *, log: bool = True, ax: "Axes | None" = None) -> "Axes":
    """The loss over the epochs, with the validation loss if there is one.

    ``runs`` is a :class:`fallline.History`, several of them, or a mapping from their names. A
    vertical line marks the epoch whose parameters a run kept. With ``log`` the scale of the
    losses is logarithmic. Raises ParameterError if nothing is recorded.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=200)
    >>> ax = fl.plots.loss_curves(history)
    >>> ax.get_xlabel(), ax.get_yscale()
    ('epoch', 'log')
    >>> ax.figure.savefig("loss.png")
    """
    ax = axes_or_new(ax)
    named = as_named(runs)
    if not any(run.epoch for run in named.values()):
        raise ParameterError("there is no recorded epoch to draw; train first")
    for i, (name, run) in enumerate(named.items()):
        colour, line = cycled(COLOURS, i), cycled(LINES, i)
        ax.plot(run.epoch, run.loss, color=colour, linestyle=line, label=name or "training")
        if run.validation_loss:
            epochs, losses = run.epoch[: len(run.validation_loss)], run.validation_loss
            label = f"{name}, validation" if name else "validation"
            ax.plot(epochs, losses, color=colour, linestyle=":", linewidth=2, label=label)
        if run.best_epoch is not None:
            ax.axvline(run.best_epoch, color=colour, linewidth=0.8)
            ax.annotate(
                f"epoch {run.best_epoch} kept",
                (run.best_epoch, 0.98),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize="small",
                rotation=90,
            )
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
    if len(ax.get_lines()) > 1 or "" not in named:
        ax.legend(frameon=False)
    open_frame(ax)
    return ax


def as_named(runs: Runs) -> dict[str, History]:
    if isinstance(runs, History):
        return {"": runs}
    if isinstance(runs, Mapping):
        return {str(name): run for name, run in runs.items()}
    return {f"run {i}": run for i, run in enumerate(runs)}
