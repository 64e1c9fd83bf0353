"""Commands in processes of their own that need not start: forks of one that has imported all.

``server`` waits on a socket and forks; ``client`` asks it, and is itself a program. What runs is
the real command in a real process: arguments, environment, folder, streams and exit code are its
own.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.forking.client import ask

__all__ = ["CLIENT", "Forks", "forks"]

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).parent / "client.py"


class Forks:
    """A server that runs."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(
        self, arguments: Sequence[object], folder: Path, environment: dict[str, str], **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run ``fallline`` with these arguments, and nothing to read."""
        words, encoding = [str(word) for word in arguments], environment.get("PYTHONIOENCODING")
        with ExitStack() as stack:
            nothing = stack.enter_context(open(os.devnull))
            out, err = (
                stack.enter_context(tempfile.TemporaryFile("w+", encoding=encoding))
                for _ in range(2)
            )
            handles = [file.fileno() for file in (nothing, out, err)] + more.pop("handles", [])
            code = ask(self.address, str(folder), words, environment, handles, **more)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())


@contextmanager
def forks(module: str = "tests.forking.server", **environment: str) -> Iterator[Forks]:
    """Start a server, and end it with all that it has forked."""
    folder = Path(tempfile.mkdtemp(prefix="forks-"))  # a socket's name may have 100 characters
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", module, address],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield Forks(address)
        assert server.poll() is None
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
        shutil.rmtree(folder)
