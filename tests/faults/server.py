"""Runs commands as forks, on a file layer that fails at a chosen call.

A request says besides: ``call``, ``error``, ``action``. The number of calls that were counted is
written to handle 3. The process has ``faults.c`` loaded by LD_PRELOAD.
"""

import ctypes
import os
import sys
from types import SimpleNamespace

import fallline.cli.app
from tests.forking.server import Case, serve

faults = ctypes.CDLL(None)
# pictures take a second of each fork, and it is files that are looked at here
sys.modules["vl_convert"] = SimpleNamespace(vegalite_to_svg=lambda *_, **__: "<svg></svg>")


def command(case: Case) -> None:
    """One command, the file layer armed."""
    faults.faults_seen.restype = ctypes.c_long
    faults.faults_arm(
        os.fsencode(case["folder"]), ctypes.c_long(case["call"]), case["error"], case["action"]
    )
    try:
        fallline.cli.app.main()
    finally:
        os.write(3, str(faults.faults_seen()).encode())


if __name__ == "__main__":
    serve(command)
