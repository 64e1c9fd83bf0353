"""Compile and link the engine: ``python -m fallline.engine.build [TARGET ...]``.

A target is SYSTEM-LEVEL, such as linux-aarch64, or a level of this system; without one it is the
best level of this machine, "all" is every target there is, and "page" the part of the engine that
the playground's page carries. Other systems than this one take the package ziglang, which links for
all of them.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fallline.engine import library
from fallline.engine.build import page
from fallline.engine.build.header import header
from fallline.engine.build.link import link, missing_linker
from fallline.engine.build.targets import TARGETS, WASM, Target
from fallline.engine.codes import BINARY_CROSS_ENTROPY, SIGMOID, SQUARED_ERROR, TANH
from fallline.engine.layout import lanes
from fallline.engine.processor import levels

MAX_INPUTS, MAX_HIDDEN = 3, 4  # of the tiny networks whose code is made for their shape


def keys() -> list[tuple[Any, ...]]:
    """The functions of the library, those that take longest to compile first."""
    dtypes = ("float64", "float32")
    common = [
        (name, dtype) for name in ("train", "interleave", "predict", "lay_out") for dtype in dtypes
    ]
    tiny = [
        ("descend", dtype, (n_inputs, n_hidden, 1), (activation,), loss)
        for dtype, n_inputs, n_hidden, activation, loss in product(
            dtypes, range(1, MAX_INPUTS + 1), range(1, MAX_HIDDEN + 1),
            (SIGMOID, TANH), (BINARY_CROSS_ENTROPY, SQUARED_ERROR),
        )
        if 2 * n_hidden < lanes(dtype)
    ]  # fmt: skip
    return [*common, ("shuffle", "float64"), ("lbfgs", "float64"), *tiny]


def compiled(
    compiled_for: str, targets: list[Target], functions: list[tuple[Any, ...]]
) -> Iterable[tuple[bytes, ...]]:
    """The object code of the functions for each of these targets, which share their kernels."""
    # read by the kernels, and by Numba, when the workers import them
    os.environ["FALLLINE_COMPILE_FOR"] = compiled_for
    os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"] = compiled_for, ""
    from fallline.engine.build.emit import objects

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return zip(*pool.map(partial(objects, targets=targets), functions), strict=True)


def build(targets: list[Target], folder: Path, functions: list[tuple[Any, ...]]) -> None:
    """The library of each target, with these functions, and the header."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "fallline.h").write_text(header())
    symbols = [library.symbol_of(*key) for key in functions]
    for compiled_for in dict.fromkeys(target.compiled_for for target in targets):
        group = [target for target in targets if target.compiled_for == compiled_for]
        for target, codes in zip(group, compiled(compiled_for, group, functions), strict=True):
            with tempfile.TemporaryDirectory() as place:
                file = link(target, list(codes), symbols, Path(place), folder)
            print(f"{file} {file.stat().st_size:,} bytes", flush=True)


def build_page() -> None:
    """The page's WebAssembly, and the records that its modules read."""
    with tempfile.TemporaryDirectory() as folder:
        build([WASM], Path(folder), page.FUNCTIONS)
        page.pack(Path(folder) / WASM.file)


def chosen(names: list[str]) -> list[Target]:
    """The targets of these names."""
    if names == ["all"]:
        return list(TARGETS.values())
    whole = [name if name in TARGETS else f"{sys.platform}-{name}" for name in names]
    unknown = [name for name in whole if name not in TARGETS]
    if unknown:
        sys.exit(f"there is no target {', '.join(unknown)}; there are: {', '.join(TARGETS)}")
    return [TARGETS[name] for name in whole]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--folder", type=Path, default=library.FOLDER, help="default: %(default)s")
    arguments = parser.parse_args()
    names = arguments.targets or list(levels()[:1])
    if not names:
        sys.exit("there is no library for this processor")
    targets = [WASM] if names == ["page"] else chosen(names)
    for lack in filter(None, map(missing_linker, targets)):
        sys.exit(lack)
    began = time.perf_counter()
    if names == ["page"]:
        build_page()
    else:
        build(targets, arguments.folder, keys())
    print(f"made in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
