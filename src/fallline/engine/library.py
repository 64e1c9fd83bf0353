"""The compiled functions by name: each takes the address of a record (engine.records).

They come from a shared library that ``engine.build`` has made for this processor, or where there is
none, from Numba. The environment variable FALLLINE_ENGINE forces a choice: a processor level such
as x86-64-v3, or "jit". Nothing is written, so a read-only installation serves as well.
"""

import ctypes
import hashlib
import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fallline.engine.config import ENGINE, cached_files, compiled, drop_stale
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

FOLDER = ENGINE / "lib"
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
    key = name, np.dtype(dtype).name, *shape
    if key not in made:
        made[key] = from_library(*key) if has(*key) else by_numba(*key)
    return made[key]


def available(name: str, dtype: Any, *shape: Any) -> bool:
    """Whether a function costs no import of Numba beside a shared library."""
    return shared() is None or has(name, dtype, *shape)


def code_name() -> str:
    """Which code serves in this process: a library's level, "numba", or "numpy" without either."""
    library = shared()
    if library is not None:
        return Path(library._name).stem.removeprefix("fallline-")
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
    symbol = symbol_of(name, np.dtype(dtype).name, *shape)
    return shared() is not None and hasattr(shared(), symbol)


# ---- the shared library


def symbol_of(name: str, dtype: str, *shape: Any) -> str:
    """The C name of a function."""
    numbers = [n for part in shape for n in (part if isinstance(part, tuple) else (part,))]
    return "_".join(["fallline", name, dtype, *map(str, numbers)]).replace("-", "m")


def sources() -> int:
    """A number for the text of all that is compiled: a library is of the sources that are here."""
    paths = [
        *sorted((ENGINE / "kernels").glob("*.py")),
        *(ENGINE / name for name in SOURCES),
        ENGINE.parent / "core" / "constants.py",
    ]
    text = b"".join(path.read_bytes() for path in paths)
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "little")


@cache
def shared() -> Any:
    """The shared library for this processor; None where there is none.

    Raises ParameterError where FALLLINE_ENGINE names one that is not there.
    """
    forced = os.environ.get("FALLLINE_ENGINE", "")
    if forced == "jit":
        return None
    for level in [forced] if forced else levels():
        library = opened(FOLDER / file_name(level))
        if library is not None:
            return library
    if forced:
        raise ParameterError(
            f"FALLLINE_ENGINE is {forced}, of which there is no library that fits: "
            f"python -m fallline.engine.build {forced} makes one"
        )
    return None


def opened(path: Path) -> Any:
    """A library that was made from these sources; None for others, told once in a process."""
    if not path.exists():
        return None
    try:
        library = ctypes.CDLL(str(path))
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
    known = [path for path in cached_files() if path.name.startswith("driver.train-")]
    if dtype is None:
        return bool(known)
    call = f"Call(train, {dtype})".encode()
    return any(call in path.read_bytes() for path in known if path.suffix == ".nbi")


def by_numba(name: str, dtype: str, *shape: Any) -> Function:
    """Compiled by Numba, or read from its cache on disk."""
    drop_stale()
    import numba

    from fallline.engine.kernels.entries import ENTRIES
    from fallline.engine.kernels.records import Call

    code = compiled(ENTRIES[name], Call(name, numba.from_dtype(np.dtype(dtype)), *shape))
    run: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address)
    run.code = code  # which lives as long
    result: Function = run
    return result
