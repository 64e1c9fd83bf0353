"""An entry of the engine as object code that needs neither Python nor Numba.

Entries take an address alone, so that once all but the entry is internal and what is not reached is
dropped, nothing of Numba's run time is left.
"""

import re
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types

from fallline.engine.config import FLAGS
from fallline.engine.kernels.entries import ENTRIES
from fallline.engine.kernels.records import Call
from fallline.engine.library import symbol_of

__all__ = ["objects"]

# what the code may take from the C library
EXTERNAL = {
    "sqrt",
    "memcpy",
    "memset",
    "memmove",
    "sched_yield",
    "SwitchToThread",
}
WRAPPER = """
define i64 @{symbol}(ptr %call) {{
  %result = alloca i64
  %error = alloca ptr
  %status = call i32 @"{name}"(ptr %result, ptr %error, ptr %call)
  %value = load i64, ptr %result
  ret i64 %value
}}
"""


def objects(key: tuple[Any, ...], levels: list[str]) -> list[bytes]:
    """The object code of one function (see ``library.function``) for each level."""
    # Each function begins a cache line: a training loop that does not took 1.3 times as long.
    text = re.sub(
        r"^(define .*) \{$", r"\1 align 64 {", str(without_numba(*key)), flags=re.MULTILINE
    )
    # Parsed anew for each level, since LLVM changes a module while it writes code.
    return [machine(level).emit_object(llvm.parse_assembly(text)) for level in levels]


def machine(level: str) -> Any:
    """LLVM's back end for a processor level."""
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=level, opt=3, reloc="pic", codemodel="small"
    )


def without_numba(name: str, dtype: str, *shape: Any) -> Any:
    """The LLVM module of an entry, under its C name."""
    signature = types.int64(Call(name, numba.from_dtype(np.dtype(dtype)), *shape))
    code: Any = numba.njit(signature, **FLAGS)(ENTRIES[name]).overloads[signature.args]
    symbol = symbol_of(name, dtype, *shape)
    wrapper = WRAPPER.format(symbol=symbol, name=code.fndesc.llvm_func_name)
    module = llvm.parse_assembly(code.library.get_llvm_str() + wrapper)
    for part in [*module.functions, *module.global_variables]:
        if not part.is_declaration and part.name != symbol:
            part.linkage = "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine(""), llvm.create_pipeline_tuning_options()))
    needed = set(re.findall(r"^declare [^@]*@([\w.]+)\(", str(module), re.MULTILINE))
    unknown = {each for each in needed if not each.startswith("llvm.")} - EXTERNAL
    if unknown:
        raise RuntimeError(f"{symbol} needs {', '.join(sorted(unknown))}")
    return module
