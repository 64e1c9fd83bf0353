"""Builds the engine's machine code into a wheel: py3-none-PLATFORM, for no library holds Python.

An editable install leaves it to ``make``, which builds for this machine's processor alone. The
environment variable FALLLINE_WHEEL names another platform than this one (a key of WHEELS, or
"pure"), and FALLLINE_LIBRARIES a folder where ``python -m fallline.engine.build all --folder``
has put the libraries already: so ``make wheels`` makes the wheels of all platforms.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

X86 = ("x86-64-v2", "x86-64-v3", "x86-64-v4")
# platform: the wheel's tag, the system's name in a target, the processor levels. The libraries of
# Linux are linked against no C library, so they serve every glibc, and musl.
WHEELS = {
    "linux-x86_64": ("manylinux_2_17_x86_64.musllinux_1_1_x86_64", "linux", X86),
    "linux-aarch64": ("manylinux_2_17_aarch64.musllinux_1_1_aarch64", "linux", ("aarch64",)),
    "macosx-x86_64": ("macosx_11_0_x86_64", "darwin", X86[:2]),
    "macosx-arm64": ("macosx_11_0_arm64", "darwin", ("aarch64",)),
    "win-amd64": ("win_amd64", "win32", X86),
    "win-arm64": ("win_arm64", "win32", ("aarch64",)),
}
ENDING = {"linux": "so", "darwin": "dylib", "win32": "dll"}


class EngineBuildHook(BuildHookInterface):
    """Puts the libraries of every processor level of a platform into its wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; for other platforms, and without a compiler, the wheel stays pure."""
        here = re.sub(r"^macosx-[\d.]+", "macosx", sysconfig.get_platform())
        platform = os.environ.get("FALLLINE_WHEEL", here)
        if version == "editable" or platform not in WHEELS:
            return
        tag, system, levels = WHEELS[platform]
        folder = os.environ.get("FALLLINE_LIBRARIES") or self.built(
            [f"{system}-{level}" for level in levels]
        )
        if not folder:
            self.app.display_warning(
                "the engine's machine code was not built, so this wheel is pure: "
                "install fallline[jit] with it, or the NumPy reference computes everything"
            )
            return
        names = ["fallline.h", *(f"fallline-{level}.{ENDING[system]}" for level in levels)]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"
        for name in names:
            build_data["force_include"][str(Path(folder) / name)] = f"fallline/engine/lib/{name}"

    def built(self, targets: list[str]) -> str:
        """The folder of these targets' libraries, built now; "" where that failed."""
        self.place = tempfile.TemporaryDirectory()  # lives as long as the hook
        command = [sys.executable, "-m", "fallline.engine.build", *targets]
        done = subprocess.run(  # noqa: S603
            [*command, "--folder", self.place.name],
            env=os.environ | {"PYTHONPATH": str(Path(self.root) / "src")},
            check=False,
        )
        return "" if done.returncode else self.place.name
