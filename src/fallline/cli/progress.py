"""The progress bar for long work, on standard error."""

import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from fallline.cli.screen import bare
from fallline.engine import compiled_before
from fallline.tabular.recipes import RecipeStart
from fallline.training.settings import Progress

__all__ = ["Bar", "Counter"]


class ProgressDisplay:
    """A bar on standard error during the work; nothing if that is not a terminal."""

    def __init__(self, count: str, *, shown: bool) -> None:
        self.bar: Any = None
        self.job: Any = None
        self.began, self.total = time.monotonic(), 1
        if not (shown and sys.stderr.isatty()):
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichBar

        self.bar = RichBar(
            TextColumn(f"{count} {{task.completed:.0f}}/{{task.total:.0f}}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}"),
            TextColumn("{task.fields[left]}"),
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
        """Start the line, or replace it."""
        self.began, self.total = time.monotonic(), total
        if self.bar is not None:
            if self.job is not None:
                self.bar.remove_task(self.job)
            waiting = "" if compiled_before() else "compiling (once per machine)"
            self.job = self.bar.add_task(which, total=total, numbers=waiting, left="")

    def update(self, done: int, numbers: str, total: int | None = None) -> None:
        """Show how much is done."""
        self.total = self.total if total is None else total
        if self.bar is not None:
            left = self.left(done)
            told = "" if left is None else f"{duration_text(left)} left"
            self.bar.update(self.job, completed=done, total=total, numbers=numbers, left=told)

    def left(self, done: int) -> float | None:
        """How many seconds the rest will take at this pace; None while nothing is done."""
        if done == 0:
            return None
        return (time.monotonic() - self.began) / done * max(self.total - done, 0)


class Bar(ProgressDisplay):
    """Epoch, loss, validation score and time left, of the run or of several runs."""

    def __init__(self, *, shown: bool) -> None:
        super().__init__("{task.description}epoch", shown=shown)
        self.run: RecipeStart | None = None

    def on_run(self, run: RecipeStart, label: str = "run") -> Callable[[Progress], None] | None:
        """Start the bar of one run; returns a callback that shows its epochs, if there is a bar.

        If several runs are in progress, the one that started last is shown.
        """
        self.run = run
        which = f"{label} {run.number}/{run.of} " if run.of > 1 else ""
        self.add(which, run.recipe.epochs)

        def after_epoch(progress: Progress) -> None:
            if run is self.run:
                self.after_epoch(progress)

        return None if self.bar is None else after_epoch

    def left(self, done: int) -> float | None:
        """The time left: of one run by its epochs, of several by what those done have taken."""
        if self.run is None or self.run.of == 1:
            return super().left(done)
        left = self.run.seconds_left
        return None if left is None else max(left - (time.monotonic() - self.began), 0.0)

    def after_epoch(self, progress: Progress) -> None:
        """Show the progress of the run."""
        history = progress.history
        name = "R2" if progress.network.loss.task == "numbers" else "accuracy"
        numbers = f"loss {history.loss[-1]:.4f}"
        if history.validation_score:
            numbers += f", validation {name} {history.validation_score[-1]:.4f}"
        self.update(progress.epoch + 1, numbers)


def duration_text(seconds: float) -> str:
    """An approximate time, in a suitable unit.

    >>> duration_text(7.2), duration_text(95), duration_text(4_000)
    ('about 8 s', 'about 2 min', 'about 67 min')
    """
    if seconds < 60:
        return f"about {math.ceil(seconds)} s"
    return f"about {math.ceil(seconds / 60)} min"


class Counter(ProgressDisplay):
    """A bar for the number of runs that are done."""

    def __init__(self, what: str, *, shown: bool) -> None:
        super().__init__(what, shown=shown)
        self.add("", 1)

    def at(self, done: int, of: int) -> None:
        """Show how many are done."""
        self.update(done, "", of)
