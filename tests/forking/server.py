"""Waits on a socket and runs each command that comes in a fork of its own.

A request is a JSON object with ``arguments``, ``folder`` and ``environment``, and with it come the
handles that become the command's 0, 1, 2 and so on. The answer is the exit code, negative for a
signal. What a command needs is imported before the forks; nothing of it has started a thread.
"""

import atexit
import gc
import json
import os
import selectors
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import polars  # noqa: F401
import scipy.optimize  # noqa: F401

import fallline.cli.app
import fallline.cli.predict
import fallline.cli.train
import fallline.exporting.export
import fallline.report
import fallline.sweeps.search
import fallline.tabular.evaluation

Case = dict[str, Any]


def fork() -> int:
    """Python 3.12 and later warn of threads: of those of BLAS, which ends them at a fork."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def received(connection: socket.socket) -> tuple[Case, list[int]]:
    """A request and its handles."""
    head, handles, _, _ = socket.recv_fds(connection, 8, 8)
    left, parts = int.from_bytes(head, "little"), []
    while left:
        parts.append(connection.recv(left))
        left -= len(parts[-1])
    return json.loads(b"".join(parts)), handles


def become(case: Case, handles: list[int]) -> None:
    """Take the streams, the environment and the folder of the command."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)  # it knows whether what was there could be sought in
        encoding = case["environment"].get("PYTHONIOENCODING", old.encoding)
        how = {"encoding": encoding, "errors": old.errors, "closefd": False}
        buffering = 1 if name == "stderr" or os.isatty(number) else -1
        setattr(sys, name, open(number, old.mode, buffering, **how))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(case["environment"])
    os.chdir(case["folder"])
    sys.path[0] = case["folder"]
    sys.argv = ["fallline", *case["arguments"]]


def run(case: Case, handles: list[int], command: Callable[[Case], None]) -> int:
    """What the interpreter does with a program, up to where it takes itself apart.

    To free every object of a fork would copy all memory, which takes longer than most commands.
    """
    code = 0
    try:
        become(case, handles)
        command(case)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve(command: Callable[[Case], None]) -> None:
    """Serve at the socket that ``sys.argv`` names, until the process is ended."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    gc.freeze()  # the collector would touch, and so copy, all pages of a fork
    print("ready", flush=True)
    while True:
        for ready, _ in waiting.select():
            if ready.fileobj is listener:
                connection, _ = listener.accept()
                case, handles = received(connection)
                child = fork()
                if child == 0:
                    waiting.close()
                    listener.close()
                    connection.close()
                    os._exit(run(case, handles, command))
                for handle in handles:
                    os.close(handle)
                ended = os.pidfd_open(child)
                waiting.register(ended, selectors.EVENT_READ, (child, connection))
            else:
                child, connection = ready.data
                waiting.unregister(ready.fileobj)
                os.close(ready.fd)
                with connection, suppress(OSError):  # who asked may be gone
                    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                    connection.sendall(str(code).encode())


if __name__ == "__main__":
    serve(lambda case: fallline.cli.app.main())
