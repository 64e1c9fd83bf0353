"""Compile and link the engine for this machine: ``python -m fallline.engine.build [LEVEL ...]``."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fallline.engine import library
from fallline.engine.build.emit import objects
from fallline.engine.build.header import header
from fallline.engine.codes import BINARY_CROSS_ENTROPY, SIGMOID, SQUARED_ERROR, TANH
from fallline.engine.layout import lanes

COMPILER = os.environ.get("CC", "gcc")  # it only links
MAX_INPUTS, MAX_HIDDEN = 3, 4  # of the tiny networks whose code is made for their shape


def keys() -> list[tuple[Any, ...]]:
    """The functions of the library, those that take longest to compile first."""
    dtypes = ("float64", "float32")
    common = [(name, dtype) for name in ("train", "interleave", "predict") for dtype in dtypes]
    tiny = [
        ("descend", dtype, (n_inputs, n_hidden, 1), (activation,), loss)
        for dtype, n_inputs, n_hidden, activation, loss in product(
            dtypes, range(1, MAX_INPUTS + 1), range(1, MAX_HIDDEN + 1),
            (SIGMOID, TANH), (BINARY_CROSS_ENTROPY, SQUARED_ERROR),
        )
        if 2 * n_hidden < lanes(dtype)
    ]  # fmt: skip
    return [*common, ("shuffle", "float64"), *tiny]


def link(files: list[Path], target: Path) -> None:
    """A shared library of these objects, put in place whole: the old one may be in use."""
    new = target.with_suffix(f".{os.getpid()}")
    command = [COMPILER, "-shared", "-O2", "-s", "-o", str(new), *map(str, files), "-lm"]
    subprocess.run(command, check=True)  # noqa: S603
    os.replace(new, target)


def build(levels: list[str], folder: Path) -> None:
    """The library for each level, and the header."""
    folder.mkdir(exist_ok=True)
    (folder / "fallline.h").write_text(header())
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with (
        tempfile.TemporaryDirectory() as place,
        ProcessPoolExecutor(workers, get_context("spawn")) as pool,
    ):
        made = list(pool.map(partial(objects, levels=levels), keys()))
        for level, codes in zip(levels, zip(*made, strict=True), strict=True):
            version = Path(place) / "version.c"
            version.write_text(f"long long fallline_sources = {library.sources()}LL;\n")
            files = [version]
            for number, code in enumerate(codes):
                files.append(Path(place) / f"{level}-{number}.o")
                files[-1].write_bytes(code)
            target = folder / library.file_name(level)
            link(files, target)
            print(f"{target} {target.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("levels", nargs="*", help="by default the one this processor has")
    levels = parser.parse_args().levels or library.levels()[:1]
    if not levels:
        sys.exit("there is no library for this processor")
    began = time.perf_counter()
    if shutil.which(COMPILER) is None:
        sys.exit(
            f"no C compiler {COMPILER!r} to link with: set CC; until then Numba compiles the engine"
        )
    build(levels, library.FOLDER)
    print(f"made in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
