"""Runs commands, each in a fork of its own, on a file layer that fails at a chosen call.

Reads one JSON object a line: ``folder``, ``arguments``, ``call``, ``error``, ``action``. Writes
one: ``code`` (negative for a signal), ``calls`` (how many were counted), ``out``, ``err``. The
process has ``faults.c`` loaded by LD_PRELOAD. What a command needs is imported before the forks.
"""

import ctypes
import json
import os
import sys
import tempfile
from typing import Any

import polars  # noqa: F401
import scipy.optimize  # noqa: F401

import fallline
import fallline.cli.app
import fallline.report
import fallline.tabular.train

faults = ctypes.CDLL(None)


def run(case: dict[str, Any]) -> dict[str, Any]:
    """One command in a fork."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.chdir(case["folder"])
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.argv = ["fallline", *case["arguments"]]
            faults.faults_arm(
                os.fsencode(case["folder"]),
                ctypes.c_long(case["call"]),
                case["error"],
                case["action"],
            )
            code = 99
            try:
                fallline.cli.app.main()
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os.write(writer, str(faults.faults_seen()).encode())
                os._exit(code)
        os.close(writer)
        calls = os.read(reader, 100)
        os.close(reader)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return {"code": code, "calls": int(calls or 0), "out": texts[0], "err": texts[1]}


def main() -> None:
    """Serve until the input ends."""
    faults.faults_seen.restype = ctypes.c_long
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
