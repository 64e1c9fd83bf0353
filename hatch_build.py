"""Builds the engine's machine code into a wheel: py3-none-PLATFORM, for no library holds Python.

An editable install leaves it to ``make``, which builds for this machine's processor alone.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LEVELS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")


class EngineBuildHook(BuildHookInterface):
    """Runs ``fallline.engine.build`` for every processor level before a wheel is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the libraries; on other systems, and without a compiler, the wheel stays pure."""
        if version == "editable" or sysconfig.get_platform() != "linux-x86_64":
            return
        source = str(Path(self.root) / "src")
        built = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "fallline.engine.build", *LEVELS],
            env=os.environ | {"PYTHONPATH": source},
            check=False,
        )
        if built.returncode:
            self.app.display_warning(
                "the engine's machine code was not built, so this wheel is pure: "
                "install fallline[jit] with it, or the NumPy reference computes everything"
            )
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][f"{source}/fallline/engine/lib"] = "fallline/engine/lib"
