"""The modules of the page that compute, run in Node: ``Computing`` asks one process job by job."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fallline.playground.single_file import DATA, PAGE, VENDOR

__all__ = ["NODE", "Computing", "PageError", "needs_node"]

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None and not os.environ.get("CI"),
    reason="no Node: the page's computing is held against Python's in it (Debian: nodejs)",
)
SCRIPT = Path(__file__).parent / "compute.mjs"


class PageError(Exception):
    """What the page would tell a person."""


class Computing:
    """One process of Node with the page's modules."""

    def __init__(self) -> None:
        assert NODE is not None, "Node is not installed, and CI has to run these tests"
        command = [NODE, SCRIPT, PAGE / "compute", DATA, VENDOR / "papaparse.min.js"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __call__(self, job: str, **given: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"job": job, **given}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "Node has ended"
        found = json.loads(line)
        if "error" in found:
            raise PageError(found["error"])
        return found["answer"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
