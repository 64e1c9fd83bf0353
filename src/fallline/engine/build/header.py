"""``fallline.h``: the records of ``engine.records`` as C structures."""

from fallline.engine.codes import ACTIVATIONS, LOSSES, OPTIMIZERS, OUTPUTS, WANTED
from fallline.engine.records import STRUCTURES, Structure

__all__ = ["header"]

HEAD = """/* Fallline's engine as a C library; made by fallline.engine.build from engine/records.py.

   Each function takes one structure of 8-byte fields and returns 0; but fallline_predict_* 1
   where every number of X is finite, and fallline_lbfgs_float64 what it wants next. An address is
   that of a C-contiguous array, as a number, so that a structure is the same for every processor;
   0 stands for an array that is left out.
   "real" is the float type in a function's name. */
#ifndef FALLLINE_H
#define FALLLINE_H
#include <stdint.h>

typedef uint64_t fallline_address;
#define FALLLINE_ADDRESS(pointer) ((fallline_address)(uintptr_t)(pointer))
"""
ENUMS = {
    "activation": ACTIVATIONS, "loss": LOSSES, "optimizer": OPTIMIZERS, "output": OUTPUTS,
    "wanted": WANTED,
}  # fmt: skip
WIDE = ("shuffle", "lbfgs")  # of one dtype
TYPES = {"int": "int64_t", "float": "double"}
NUMBERS = {"int*": "int64_t", "uint*": "uint64_t", "float*": "double", "real*": "real"}


def header() -> str:
    """The text of the header."""
    enums = [enum(kind, names) for kind, names in ENUMS.items()]
    return "\n".join([HEAD, *enums, *map(declared, STRUCTURES.values()), "#endif\n"])


def enum(kind: str, names: tuple[str, ...]) -> str:
    """The numbers of the functions of one kind."""
    values = ",\n    ".join(f"FALLLINE_{kind.upper()}_{name.upper()}" for name in names)
    return f"enum fallline_{kind} {{\n    {values}\n}};\n"


def declared(structure: Structure) -> str:
    """A structure and its functions; ``descend`` has one for each shape, named by numbers."""
    lines = [f"struct fallline_{structure.name} {{"]
    for field in structure.fields:
        kind = TYPES.get(field.kind, "fallline_address")
        about = f"{NUMBERS[field.kind]} {field.shape}: " if field.kind in NUMBERS else ""
        lines.append(f"    {kind} {field.name}; /* {about}{field.meaning} */")
    lines.append("};")
    if structure.name != "descend":
        dtypes = ("float64",) if structure.name in WIDE else ("float64", "float32")
        lines += [
            f"int64_t fallline_{structure.name}_{dtype}(const struct fallline_{structure.name} *);"
            for dtype in dtypes
        ]
    return "\n".join([*lines, ""])
