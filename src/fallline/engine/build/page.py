"""The engine in WebAssembly for the playground's page, which computes by itself in a browser.

It is a part of the engine: float64, and the functions that the page calls. The file is stored
beside the page's modules, so that writing a page needs neither Numba nor a linker. ``records.js``
has the order of a record's fields for the page, as ``fallline.h`` has it for C programs.
"""

import gzip
from pathlib import Path
from typing import Any

from fallline.atomic import write_bytes
from fallline.engine import library
from fallline.engine.codes import (
    ACTIVATIONS,
    BINARY_CROSS_ENTROPY,
    LOSSES,
    OPTIMIZERS,
    OUTPUTS,
    SIGMOID,
)
from fallline.engine.records import STRUCTURES

__all__ = ["FOLDER", "FUNCTIONS", "PACKED", "RECORDS", "pack", "records"]

FOLDER = Path(__file__).parents[2] / "playground" / "page" / "compute"
PACKED, RECORDS = FOLDER / "engine.wasm.gz", FOLDER / "records.js"
FUNCTIONS: list[tuple[Any, ...]] = [
    *((name, "float64") for name in ("train", "interleave", "lay_out", "shuffle")),
    ("descend", "float64", (3, 2, 1), (SIGMOID,), BINARY_CROSS_ENTROPY),  # the truth table's
]
HEAD = """\
// What the engine's functions are given: records of 8-byte fields, in this order, and the numbers
// of its functions. Made by fallline.engine.build from engine/records.py and engine/codes.py.

"""


def records() -> str:
    """The text of records.js."""
    lines = [f"export const SOURCES = {library.sources()}n; // of the kernels", ""]
    for name, codes in (("ACTIVATIONS", ACTIVATIONS), ("LOSSES", LOSSES),
                        ("OPTIMIZERS", OPTIMIZERS), ("OUTPUTS", OUTPUTS)):  # fmt: skip
        lines += [f"export const {name} = [", *wrapped(codes), "];", ""]
    lines += ["/** The fields of each record by name, each with its kind. */"]
    lines += ["export const RECORDS = {"]
    for structure in STRUCTURES.values():
        fields = [f"{field.name}: {field.kind}" for field in structure.fields]
        lines += [f"  {structure.name}: [", *("  " + line for line in wrapped(fields)), "  ],"]
    return HEAD + "\n".join([*lines, "};", ""])


def wrapped(names: Any) -> list[str]:
    """Texts in lines of up to 100 characters."""
    lines, line = [], " "
    for name in names:
        if len(line) + len(name) > 92:
            lines.append(line)
            line = " "
        line += f' "{name}",'
    return [*lines, line]


def pack(built: Path) -> None:
    """Put the built WebAssembly and the records beside the page's modules."""
    write_bytes(PACKED, gzip.compress(built.read_bytes(), 9, mtime=0))
    write_bytes(RECORDS, records().encode())
    print(f"{PACKED} {PACKED.stat().st_size:,} bytes")
