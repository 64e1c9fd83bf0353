"""The signals that end a command: Ctrl-C, a shutdown (SIGTERM), a closed terminal (SIGHUP).

Each ends the work like Ctrl-C, and keeps the results so far. The exit code is 128 plus the signal's
number, as in shells: 130, 143, 129.
"""

import signal
from typing import Any

__all__ = ["Signals"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals:
    """Handles the signals that are not ignored, and remembers the first that came."""

    def __init__(self) -> None:
        self.received = 0
        for name in NAMES:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.interrupt)

    def interrupt(self, number: int, frame: Any) -> None:
        """Raise KeyboardInterrupt wherever the main thread is."""
        self.received = self.received or number
        raise KeyboardInterrupt

    def exit_code(self, code: int) -> int:
        """The exit code of a command that failed with ``code``, or that a signal ended."""
        return 128 + self.received if self.received and code else code
