"""The compiled functions by name: each takes the address of a record (engine.records).

They come from a shared library that ``engine.build`` has made for this processor, or from Numba if
there is none. The environment variable FALLLINE_ENGINE forces a choice: a processor level such as
x86-64-v3, or "jit". Nothing is written, so a read-only installation works as well.
"""

import ctypes
import os
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from fallline.engine.config import compiled
from fallline.engine.processor import file_name, levels
from fallline.errors import ParameterError, warn

__all__ = [
    "Function",
    "available",
    "code_name",
    "compiled_before",
    "function",
    "has",
    "loaded",
    "shared",
    "symbol_of",
    "usable",
]

Function = Callable[[int], int]

# Paths are strings here: pathlib takes 3 ms to import, which every process would wait for.
ENGINE = os.path.dirname(__file__)
FOLDER = os.path.join(ENGINE, "lib")
# what the kernels import
SOURCES = ("codes.py", "config.py", "layout.py", "processor.py", "records.py")
INSTEAD = (
    "Numba compiles the engine instead if it is installed, else the slower NumPy reference "
    "computes; install fallline again, or run make in a checkout"
)
made: dict[tuple[Any, ...], Function] = {}


def function(name: str, dtype: Any, *shape: Any) -> Function:
    """The function of that name for one dtype; ``descend`` is made for a shape as well.

    It gives 0; ``predict`` gives 1 where every number of X is finite, ``lbfgs`` what it wants.
    """
    key = name, np.dtype(dtype), *shape
    if key not in made:
        made[key] = from_library(*key) if has(*key) else by_numba(*key)
    return made[key]


def available(name: str, dtype: Any, *shape: Any) -> bool:
    """Whether a function needs no import of Numba if there is a shared library."""
    return (name, dtype, *shape) in made or shared() is None or has(name, dtype, *shape)


def code_name() -> str:
    """Which code this process uses: a library's level, "numba", or "numpy" without either."""
    library = shared()
    if library is not None:
        name: str = os.path.basename(library._name)
        return os.path.splitext(name)[0].removeprefix("fallline-")
    return "numba" if usable() else "numpy"


@cache
def usable() -> bool:
    """Whether there is compiled code for this processor at all."""
    return shared() is not None or find_spec("numba") is not None


def loaded(name: str) -> bool:
    """Whether a function of that name was asked for before."""
    return any(key[0] == name for key in made)


def has(name: str, dtype: Any, *shape: Any) -> bool:
    """Whether the shared library has a function."""
    symbol = symbol_of(name, dtype, *shape)
    return shared() is not None and hasattr(shared(), symbol)


# ---- the shared library


def symbol_of(name: str, dtype: Any, *shape: Any) -> str:
    """The C name of a function."""
    numbers = [n for part in shape for n in (part if isinstance(part, tuple) else (part,))]
    words = ["fallline", name, np.dtype(dtype).name, *map(str, numbers)]
    return "_".join(words).replace("-", "m")


def sources() -> int:
    """Length and checksum of all sources that are compiled, which a library has to match."""
    kernels = sorted(name for name in os.listdir(f"{ENGINE}/kernels") if name.endswith(".py"))
    names = [*(f"kernels/{name}" for name in kernels), *SOURCES, "../core/constants.py"]
    checksum = length = 0
    for name in names:
        with open(os.path.join(ENGINE, name), "rb", buffering=0) as file:
            text = file.read()
        checksum, length = zlib.crc32(text, checksum), length + len(text)
    return length << 32 | checksum


@cache
def shared() -> Any:
    """The shared library for this processor; None if there is none.

    Raises ParameterError if FALLLINE_ENGINE names one that is not there.
    """
    forced = os.environ.get("FALLLINE_ENGINE", "")
    if forced == "jit":
        return None
    for level in [forced] if forced else levels():
        library = opened(os.path.join(FOLDER, file_name(level)))
        if library is not None:
            return library
    if forced:
        raise ParameterError(
            f"FALLLINE_ENGINE is {forced}, of which there is no library that fits: "
            f"python -m fallline.engine.build {forced} makes one"
        )
    return None


def opened(path: str) -> Any:
    """A library that was made from these sources; None for others, reported once per process."""
    if not os.path.exists(path):
        return None
    try:
        library = ctypes.CDLL(path)
        made_from = ctypes.c_longlong.in_dll(library, "fallline_sources").value
    except (OSError, ValueError) as error:  # broken, for another system, or on a noexec mount
        warn(f"the engine's machine code cannot be loaded: {error}. {INSTEAD}", RuntimeWarning)
        return None
    if made_from == sources():
        return library
    warn(f"{path} belongs to another version of Fallline. {INSTEAD}", RuntimeWarning)
    return None


def from_library(*key: Any) -> Function:
    """A function of the shared library."""
    run = getattr(shared(), symbol_of(*key))
    run.argtypes, run.restype = [ctypes.c_void_p], ctypes.c_int64
    result: Function = run
    return result


# ---- Numba


def compiled_before(dtype: Any = None) -> bool:
    """Whether a first call need not wait for a compiler.

    With ``dtype`` the loop for networks of that dtype, which the index of Numba's cache names.
    """
    if shared() is not None:
        return True
    from fallline.engine.disk_cache import cached_files

    known = [path for path in cached_files() if path.name.startswith("driver.train-")]
    if dtype is None:
        return bool(known)
    call = f"Call(train, {dtype})".encode()
    return any(call in path.read_bytes() for path in known if path.suffix == ".nbi")


def by_numba(name: str, dtype: Any, *shape: Any) -> Function:
    """Compiled by Numba, or read from its cache on disk."""
    import numba

    from fallline.engine.disk_cache import drop_stale
    from fallline.engine.kernels.entries import ENTRIES
    from fallline.engine.kernels.records import Call

    drop_stale()
    code = compiled(ENTRIES[name], Call(name, numba.from_dtype(np.dtype(dtype)), *shape))
    run: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address)
    run.code = code  # which lives as long
    result: Function = run
    return result
