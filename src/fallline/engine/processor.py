"""Which code this processor runs, as its operating system tells, and how many registers it has."""

import ctypes
import os
import platform
import sys
from contextlib import suppress
from functools import cache

__all__ = ["VECTOR_REGISTERS", "file_name", "levels", "vector_registers"]

# How many vectors of 64 bytes the registers of a level hold: 32 of 64 bytes, 16 of 32 (v3), 32 of
# 16 (aarch64), 16 of 16 (v2, and what WebAssembly runs on). The first is the best of its kind.
VECTOR_REGISTERS = {"x86-64-v4": 32, "x86-64-v3": 8, "x86-64-v2": 4, "aarch64": 8, "wasm": 4}
# what Linux calls the extensions that a level has and the one below has not
LINUX = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"},
    "x86-64-v2": {"sse4_2", "ssse3", "popcnt"},
}
# the numbers by which Windows tells them (processthreadsapi.h), and the names by which macOS does
WINDOWS = {"x86-64-v4": (41, 40), "x86-64-v3": (40,), "x86-64-v2": (38,)}
MACOS = {
    "x86-64-v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "x86-64-v3": ("avx2_0", "fma", "bmi1", "bmi2", "f16c"),
    "x86-64-v2": ("sse4_2",),
}
ENDING = {"win32": "dll", "darwin": "dylib"}


@cache
def levels() -> tuple[str, ...]:
    """The levels whose code this machine runs, the best first; none for an unknown processor."""
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return ("aarch64",)
    if machine not in ("x86_64", "amd64") or sys.maxsize < 2**32:
        return ()
    has = {"win32": windows_has, "darwin": macos_has}.get(sys.platform, linux_has)
    return tuple(level for level in LINUX if has(level))


def linux_has(level: str) -> bool:
    """Whether the system offers a level of x86-64; where it does not say, the oldest is taken."""
    flags = linux_flags()
    return LINUX[level] <= flags if flags else level == "x86-64-v2"


@cache
def linux_flags() -> frozenset[str]:
    """The extensions of the first processor; none where the system does not tell."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("flags"):
                return frozenset(line.split(":")[1].split())
    return frozenset()


def windows_has(level: str) -> bool:
    """The same by Windows."""
    present = ctypes.WinDLL("kernel32").IsProcessorFeaturePresent  # type: ignore[attr-defined]
    return all(present(number) for number in WINDOWS[level])


def macos_has(level: str) -> bool:
    """The same by macOS."""
    ask = ctypes.CDLL(None).sysctlbyname

    def says(name: str) -> bool:
        value, size = ctypes.c_int(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        found = ask(f"hw.optional.{name}".encode(), ctypes.byref(value), ctypes.byref(size), 0, 0)
        return found == 0 and value.value == 1

    return all(says(name) for name in MACOS[level])


def file_name(level: str, platform: str = sys.platform) -> str:
    """The file of a level's library on this or another platform, as ``sys.platform`` names it."""
    return f"fallline-{level}.{ENDING.get(platform, 'so')}"


def vector_registers() -> int:
    """For how many registers the kernels are compiled in this process: see engine.build.

    The bits do not depend on it, only how much a loop keeps in registers.
    """
    level = os.environ.get("FALLLINE_COMPILE_FOR") or (*levels(), "x86-64-v2")[0]
    return VECTOR_REGISTERS[level]
