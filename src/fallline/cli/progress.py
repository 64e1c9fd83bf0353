"""The progress bar of long work, on standard error."""

import sys
from types import TracebackType
from typing import Any, Self

from fallline.cli.screen import bare
from fallline.engine import compiled_before
from fallline.tabular.recipes import RecipeStart
from fallline.training.settings import Progress

__all__ = ["Bar", "Counter"]


class ProgressDisplay:
    """A bar on standard error while the work lasts; nothing where that is no terminal."""

    def __init__(self, count: str, *, shown: bool) -> None:
        self.bar: Any = None
        self.job: Any = None
        if not (shown and sys.stderr.isatty()):
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBar

        self.bar = RichBar(
            TextColumn(f"{count} {{task.completed:.0f}}/{{task.total:.0f}}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=Console(file=bare(sys.stderr)),
            transient=True,
        )

    def __enter__(self) -> Self:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def add(self, which: str, total: int) -> None:
        """Begin the line, or another in its place."""
        if self.bar is not None:
            if self.job is not None:
                self.bar.remove_task(self.job)
            waiting = "" if compiled_before() else "compiling (once per machine)"
            self.job = self.bar.add_task(which, total=total, numbers=waiting)

    def update(self, done: int, numbers: str, total: int | None = None) -> None:
        """Show how much is done."""
        if self.bar is not None:
            self.bar.update(self.job, completed=done, total=total, numbers=numbers)


class Bar(ProgressDisplay):
    """Epoch, loss, validation score and time left."""

    def __init__(self, *, shown: bool) -> None:
        super().__init__("{task.description}epoch", shown=shown)

    def on_run(self, run: RecipeStart, label: str = "run") -> None:
        """Begin the bar of one run."""
        which = f"{label} {run.number}/{run.of} " if run.of > 1 else ""
        self.add(which, run.recipe.epochs)

    def after_epoch(self, progress: Progress) -> None:
        """Show where the run stands."""
        history = progress.history
        name = "R2" if progress.network.loss.task == "numbers" else "accuracy"
        numbers = f"loss {history.loss[-1]:.4f}"
        if history.validation_score:
            numbers += f", validation {name} {history.validation_score[-1]:.4f}"
        self.update(progress.epoch + 1, numbers)


class Counter(ProgressDisplay):
    """How many of many runs are done."""

    def __init__(self, what: str, *, shown: bool) -> None:
        super().__init__(what, shown=shown)
        self.add("", 1)

    def at(self, done: int, of: int) -> None:
        """So many are done."""
        self.update(done, "", of)
