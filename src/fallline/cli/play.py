"""`fallline play` and `fallline page`: the playground served from this machine, or as a file."""

import contextlib
import json as json_
import threading
import webbrowser

from fallline.atomic import write_bytes
from fallline.cli.groups import ReadingOptions
from fallline.cli.outputs import check_output
from fallline.errors import ParameterError

__all__ = ["play", "write"]

OPEN_TO_OTHERS = """\
Others on the network who have this address can read the page, and the table that it was given;
it is not encrypted."""


def play(
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
    from fallline.playground.serving import LOOPBACK, Playground

    if not 0 <= port <= 65535:
        raise ParameterError(f"--port must be a whole number from 0 to 65535, not {port}")
    if host not in LOOPBACK and not allow_others:
        raise ParameterError(
            f"--host {host} lets other machines reach the playground, without encryption; "
            "if that is meant, add --allow-others"
        )
    playground = Playground(text(path, target, reading), host=host, port=port)
    print(f"The playground is at {playground.url}", flush=True)
    if host not in LOOPBACK:
        print(OPEN_TO_OTHERS)
    print("Ctrl-C ends it.", flush=True)
    if browser:
        threading.Timer(0.3, webbrowser.open, [playground.url]).start()
    with contextlib.suppress(KeyboardInterrupt):
        playground.serve()
    playground.close()


def write(
    path: str | None,
    target: str | None,
    output: str,
    *,
    reading: ReadingOptions,
    force: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Write the file, and print its name."""
    check_output(output, inputs=[] if path is None else [path], force=force)
    content = text(path, target, reading).encode()
    write_bytes(output, content)
    if json:
        print(json_.dumps({"output": output, "bytes": len(content)}))
    elif not quiet:
        print(f"{output} written, {len(content):,} bytes; any browser opens it, offline too")


def text(path: str | None, target: str | None, reading: ReadingOptions) -> str:
    """The page, with the table if there is one."""
    from fallline.playground.single_file import page_text
    from fallline.playground.starts import Start, start_from_table

    if (path is None) != (target is None):
        raise ParameterError("TABLE and --target COLUMN belong together: give both, or neither")
    if path is None or target is None:
        return page_text(Start())
    return page_text(start_from_table(reading.table(path), target))
