"""`fallline train`: a table to a model file, with a progress bar and a summary."""

import json as json_
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from fallline.cli.options import layer_sizes, read, types_by_column
from fallline.cli.plots import loss_curve
from fallline.engine import compiled_before
from fallline.errors import DivergenceWarning, FalllineError, FileWriteError, InterruptedWarning
from fallline.optimizers import Adam
from fallline.table_model import TableModel, train_table
from fallline.text import table as text_table
from fallline.training import Progress

SCORE_NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "roc_auc": "area under ROC",
    "r2": "R2",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
}


def run(
    path: str,
    target: str,
    output: str,
    *,
    reading: dict[str, Any],
    settings: dict[str, Any],
    quiet: bool,
    json: bool,
) -> None:
    """Read, train, write, tell."""
    began = time.perf_counter()
    check_output(output)
    settings = settings | {
        "hidden": layer_sizes(settings["hidden"]),
        "optimizer": Adam(settings.pop("learning_rate")),
        "types": types_by_column(settings["types"]),
    }
    table = read(path, reading)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        warnings.simplefilter("ignore", InterruptedWarning)
        if quiet or json:
            model = train_table(table, target, **settings)
        else:
            model = train_with_progress(table, target, settings)
    model.save(output)
    seconds = time.perf_counter() - began
    if json:
        print(json_.dumps(as_dict(model, output, seconds)))
    elif not quiet:
        print(summary(model, output, seconds))
    if model.history.stopped == "diverged":
        raise FalllineError(f"{model.history.message}.\n{output} holds the best parameters so far.")
    if model.history.stopped == "interrupted":
        raise FalllineError(f"interrupted; {output} holds the best parameters so far.")


def check_output(output: str) -> None:
    """Find out before the training, not after it, that the model could not be written."""
    path = Path(output)
    if path.is_dir():
        raise FileWriteError(f"{output}: this is a folder; --output needs a file name")
    if not path.parent.is_dir():
        raise FileWriteError(f"{output}: there is no folder {path.parent}; make it first")


def train_with_progress(table: Any, target: str, settings: dict[str, Any]) -> TableModel:
    """Train with a bar on standard error: epoch, loss, validation score, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    console = Console(file=sys.stderr)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        waiting = "" if compiled_before() else "compiling (once per machine)"
        job = bar.add_task("", total=settings["epochs"], numbers=waiting)

        def after_epoch(progress: Progress) -> None:
            history = progress.history
            name = "R2" if progress.network.loss.task == "numbers" else "accuracy"
            numbers = (
                f"loss {history.loss[-1]:.4f}, validation {name} {history.validation_score[-1]:.4f}"
            )
            bar.update(job, completed=progress.epoch + 1, numbers=numbers)

        return train_table(table, target, callbacks=[after_epoch], **settings)


def as_dict(model: TableModel, output: str, seconds: float) -> dict[str, Any]:
    """The summary as plain data."""
    history = model.history
    return {
        "model": output,
        "task": model.encoding.task,
        "target": model.encoding.target,
        "classes": list(model.encoding.classes),
        "features": model.encoding.n_features,
        "parameters": model.network.n_parameters,
        "notes": model.notes,
        "epochs": history.epochs_done,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": seconds,
        **model.facts,
    }


def summary(model: TableModel, output: str, seconds: float) -> str:
    """What was understood, done and reached."""
    facts, encoding, history = model.facts, model.encoding, model.history
    aside = f", {facts['set_aside']} set aside (no target)" if facts["set_aside"] else ""
    shape = "-".join(str(size) for size in model.network.sizes)
    best = "none" if history.best_epoch is None else history.best_epoch
    parts = [
        f"{facts['source']}: {facts['rows']:,} rows ({facts['training_rows']:,} to train on, "
        f"{facts['validation_rows']:,} held out){aside}",
        f"target {encoding.target}: {task_text(model)}",
        f"\n{text_table(('column', 'kind', 'encoded as'), used(encoding.describe()))}",
        *([""] if model.notes else []),
        *(f"note: {note}" for note in model.notes),
        f"\nnetwork {shape}, {model.network.n_parameters:,} parameters; "
        f"{history.epochs_done} epochs, best {best}: {history.message}",
        f"\n{loss_curve(history)}",
        f"\n{scores_text(facts['validation_scores'], facts['trivial_guess'], 'held-out rows')}",
        f"\n{output} written, {seconds:.1f} s in all",
    ]
    return "\n".join(parts)


def used(columns: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The columns less those set aside, which have a note each."""
    return [column for column in columns if column[1] != "skip"]


def task_text(model: TableModel) -> str:
    """The task as understood, and how to have it otherwise."""
    encoding = model.encoding
    if encoding.task == "numbers":
        return "numbers, so a regression (--task classes for classes)"
    shown = ", ".join(encoding.classes[:10]) + (", ..." if len(encoding.classes) > 10 else "")
    return f"{len(encoding.classes)} classes: {shown}"


def scores_text(scores: dict[str, float], trivial: dict[str, float], where: str) -> str:
    """Scores beside those of the trivial guess."""
    rows = [
        (SCORE_NAMES[name], f"{value:.5g}", f"{trivial[name]:.5g}" if name in trivial else "")
        for name, value in scores.items()
    ]
    return text_table((where, "network", "trivial guess"), rows)
