"""Object code to a shared library: by this system's C compiler, or by zig's linkers for others."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from fallline.engine import library
from fallline.engine.build.targets import Target
from fallline.engine.processor import levels

__all__ = ["link", "missing_linker"]

COMPILER = os.environ.get("CC", "cc")
ZIG = [sys.executable, "-m", "ziglang"]
# Linked against nothing: what is left open (memcpy, memset, sched_yield) any C library has, so that
# one file serves glibc, of whatever version, and musl.
ALONE = ["-shared", "-nostdlib", "-s"]
SHARED = {
    "linux": ALONE,
    "darwin": ["-shared", "-undefined", "dynamic_lookup", "-s"],
    "win32": ["-shared", "-s"],
}
SUPPORT = {
    # what Microsoft's linker wants to see where floats are used
    "win32": "int _fltused = 1;\n",
    # one thread, and nothing below it
    "wasm": """
        int sched_yield(void) { return 0; }
        unsigned __int128 __multi3(unsigned long long a, unsigned long long a_high,
                                   unsigned long long b, unsigned long long b_high) {
            unsigned long long a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
            unsigned long long low = a0 * b0, middle = a1 * b0 + (low >> 32);
            unsigned long long other = a0 * b1 + (middle & 0xffffffff);
            unsigned long long high = a1 * b1 + (middle >> 32) + (other >> 32);
            high += a * b_high + a_high * b;
            return (unsigned __int128) high << 64 | other << 32 | (low & 0xffffffff);
        }
    """,
}
VERSION = "{export} long long fallline_sources = {sources}LL;\n"


def is_here(target: Target) -> bool:
    """Whether this system's own compiler links for a target."""
    processor = "aarch64" if "aarch64" in levels() else "x86-64"
    return target.system == sys.platform != "win32" and target.level.startswith(processor)


def missing_linker(target: Target) -> str:
    """What has to be installed first; empty if there is a linker."""
    if is_here(target) and shutil.which(COMPILER):
        return ""
    if find_spec("ziglang") is not None:
        return ""
    if is_here(target):
        return (
            f"no C compiler {COMPILER!r} to link with: set CC, or pip install ziglang; "
            "until then Numba compiles the engine"
        )
    return f"{target.name} is linked by zig: pip install ziglang"


def link(target: Target, codes: list[bytes], symbols: list[str], place: Path, folder: Path) -> Path:
    """A shared library of these objects, renamed into place, as the old one may be in use."""
    objects = []
    for number, code in enumerate(codes):
        objects.append(str(place / f"{number}.o"))
        (place / f"{number}.o").write_bytes(code)
    version, whole, made = place / "version.c", folder / target.file, place / target.file
    export = "__declspec(dllexport)" if target.system == "win32" else ""
    version.write_text(
        SUPPORT.get(target.system, "") + VERSION.format(export=export, sources=library.sources())
    )
    here = is_here(target) and shutil.which(COMPILER)
    compiler = [COMPILER] if here else [*ZIG, "cc", "-target", target.linker]
    if target.system == "wasm":
        run([*compiler, "-O2", "-c", str(version), "-o", str(place / "version.o")])
        exports = [f"--export={name}" for name in (*symbols, "fallline_sources", "__heap_base")]
        run([*ZIG, "wasm-ld", "--no-entry", "--strip-all", *exports, "-o", str(made),
             str(place / "version.o"), *objects])  # fmt: skip
    else:
        run([*compiler, *SHARED[target.system], "-O2", "-o", str(made), str(version), *objects])
    new = whole.with_suffix(f".{os.getpid()}")
    shutil.copyfile(made, new)
    os.replace(new, whole)
    return whole


def run(command: list[str]) -> None:
    subprocess.run(command, check=True)  # noqa: S603
