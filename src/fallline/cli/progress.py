"""The progress bar of long work, on standard error, and what ends it early."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from fallline.engine import compiled_before
from fallline.table_model import Run
from fallline.training import Progress

__all__ = ["Bar", "Counter", "terminate_as_interrupt"]


class Bar:
    """Epoch, loss, validation score and time left; nothing where standard error is no terminal."""

    def __init__(self, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBar

        console = Console(file=sys.stderr)
        self.bar = RichBar(
            TextColumn("{task.description}epoch {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
        )
        self.job: Any = None

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def on_run(self, run: Run, label: str = "run") -> None:
        """Begin the bar of one run."""
        waiting = "" if compiled_before() else "compiling (once per machine)"
        if self.job is not None:
            self.bar.remove_task(self.job)
        which = f"{label} {run.number}/{run.of} " if run.of > 1 else ""
        self.job = self.bar.add_task(which, total=run.recipe.epochs, numbers=waiting)

    def after_epoch(self, progress: Progress) -> None:
        """Show where the run stands."""
        history = progress.history
        name = "R2" if progress.network.loss.task == "numbers" else "accuracy"
        numbers = (
            f"loss {history.loss[-1]:.4f}, validation {name} {history.validation_score[-1]:.4f}"
        )
        self.bar.update(self.job, completed=progress.epoch + 1, numbers=numbers)


class Counter:
    """How many of many runs are done; nothing where standard error is no terminal."""

    def __init__(self, what: str, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBar

        console = Console(file=sys.stderr)
        self.bar = RichBar(
            TextColumn(f"{what} {{task.completed:.0f}}/{{task.total:.0f}}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
        )
        waiting = "" if compiled_before() else "compiling (once per machine)"
        self.job = self.bar.add_task("", total=1, numbers=waiting)

    def __enter__(self) -> "Counter":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def at(self, done: int, of: int) -> None:
        """So many are done."""
        self.bar.update(self.job, completed=done, total=of, numbers="")


@contextlib.contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, as at a shutdown, end the work as Ctrl-C does: with all that was reached."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
