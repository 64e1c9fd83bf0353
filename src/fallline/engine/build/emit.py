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

from fallline.engine.build.targets import Target
from fallline.engine.config import FLAGS
from fallline.engine.kernels.entries import ENTRIES
from fallline.engine.kernels.records import Call
from fallline.engine.library import symbol_of

__all__ = ["objects"]

# functions of the C library that the code may call
EXTERNAL = {"memcpy", "memset", "memmove", "sched_yield", "SwitchToThread"}
WRAPPER = """
define dllexport i64 @{symbol}(ptr %call) {{
  %result = alloca i64
  %error = alloca ptr
  %status = call i32 @"{name}"(ptr %result, ptr %error, ptr %call)
  %value = load i64, ptr %result
  ret i64 %value
}}
"""


def objects(key: tuple[Any, ...], targets: list[Target]) -> list[bytes]:
    """The object code of one function (see ``library.function``) for each target."""
    # Each function begins a cache line: a training loop that does not took 1.3 times as long.
    text = re.sub(
        r"^(define .*) \{$", r"\1 align 64 {", str(without_numba(*key)), flags=re.MULTILINE
    )
    # Parsed again for each target, since LLVM changes a module while it writes code.
    return [object_code(text, target) for target in targets]


def object_code(text: str, target: Target) -> bytes:
    """The object code of a module's text, which Numba has written for this system."""
    machine = machine_of(target)
    text = re.sub('target triple = ".*"', f'target triple = "{target.triple}"', text)
    text = re.sub('target datalayout = ".*"', f'target datalayout = "{machine.target_data}"', text)
    if target.tune:
        text = text.replace(" align 64 {", f' "tune-cpu"="{target.tune}" align 64 {{')
    if target.system == "win32":
        text = text.replace("@sched_yield(", "@SwitchToThread(")
    else:
        text = text.replace("define dllexport", "define")
    code: bytes = machine.emit_object(llvm.parse_assembly(text))
    return code


def machine_of(target: Target) -> Any:
    """LLVM's back end for a target."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3,
        reloc="static" if target.system == "wasm" else "pic",
        codemodel="default" if target.system == "wasm" else "small",
    )  # fmt: skip


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
    machine = llvm.Target.from_default_triple().create_target_machine()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    needed = set(re.findall(r"^declare [^@]*@([\w.]+)\(", str(module), re.MULTILINE))
    unknown = {each for each in needed if not each.startswith("llvm.")} - EXTERNAL
    if unknown:
        raise RuntimeError(f"{symbol} needs {', '.join(sorted(unknown))}")
    return module
