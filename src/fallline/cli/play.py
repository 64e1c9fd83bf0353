"""`fallline play`: the playground, served from this machine."""

import contextlib
import threading
import webbrowser

from fallline.cli.groups import ReadingOptions
from fallline.errors import ParameterError
from fallline.playground import Playground, check_installed

__all__ = ["run"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN_TO_OTHERS = """\
Others on the network who have this address can use the playground, and send tables to it;
what they send is not encrypted."""


def run(
    path: str | None,
    target: str | None,
    *,
    reading: ReadingOptions,
    port: int,
    host: str,
    allow_others: bool,
    browser: bool,
) -> None:
    """Print the address, open it, and serve until Ctrl-C."""
    if not 0 <= port <= 65535:
        raise ParameterError(f"--port must be a whole number from 0 to 65535, not {port}")
    if host not in LOOPBACK and not allow_others:
        raise ParameterError(
            f"--host {host} lets other machines reach the playground, without encryption; "
            "if that is meant, add --allow-others"
        )
    if (path is None) != (target is None):
        raise ParameterError("TABLE and --target COLUMN belong together: give both, or neither")
    check_installed()
    from fallline.playground.session import Start
    from fallline.playground.starts import start_from_table

    start = Start()
    if path is not None and target is not None:
        start = start_from_table(reading.table(path), target)
    playground = Playground(start, host=host, port=port)
    print(f"The playground is at {playground.url}", flush=True)
    if host not in LOOPBACK:
        print(OPEN_TO_OTHERS)
    print("Ctrl-C ends it.", flush=True)
    if browser:
        threading.Timer(0.3, webbrowser.open, [playground.url]).start()
    with contextlib.suppress(KeyboardInterrupt):
        playground.serve()
