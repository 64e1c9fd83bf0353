"""The record of a call (engine.records) in compiled code.

``call.n_rows`` is a number, ``call.X`` an address of numbers of the run's dtype.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import lower_getattr_generic, models, register_model

from fallline.engine.config import intrinsic
from fallline.engine.records import STRUCTURES

__all__ = ["Call", "is_given"]

KINDS = {"int": types.int64, "uint": types.uint64, "float": types.float64}


class Call(types.Type):
    """The Numba type of a record's address, for a run of one dtype."""

    def __init__(self, structure: str, real: Any, *shape: Any) -> None:
        self.structure, self.real, self.shape = structure, real, shape
        super().__init__(name=f"Call({', '.join(map(str, (structure, real, *shape)))})")

    def field(self, name: str) -> tuple[int, Any]:
        """The place of a field, and its type."""
        place, kind = STRUCTURES[self.structure].place[name]
        number = KINDS.get(kind.removesuffix("*"), self.real)
        return place, types.CPointer(number) if kind.endswith("*") else number


@register_model(Call)
class CallModel(models.PrimitiveModel):
    """An address of 8-byte fields."""

    def __init__(self, manager: Any, kind: Call) -> None:
        super().__init__(manager, kind, ir.IntType(64).as_pointer())


@infer_getattr
class Fields(AttributeTemplate):
    """What ``call.name`` is."""

    key = Call

    def generic_resolve(self, call: Call, name: str) -> Any:  # type: ignore[override]
        return call.field(name)[1]


@lower_getattr_generic(Call)
def read(context: Any, builder: Any, call: Call, value: Any, name: str) -> Any:
    """Nothing writes to a record during a call, so LLVM may read a field once."""
    place, kind = call.field(name)
    whole = builder.load(builder.gep(value, [ir.IntType(64)(place)]))
    whole.set_metadata("invariant.load", builder.module.add_metadata([]))
    if isinstance(kind, types.CPointer):
        return builder.inttoptr(whole, context.get_value_type(kind))
    return whole if isinstance(kind, types.Integer) else builder.bitcast(whole, ir.DoubleType())


@intrinsic
def is_given(typing_context: Any, p: Any) -> Any:
    """Whether an address is not 0."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = ir.IntType(64)
        return builder.icmp_unsigned("!=", builder.ptrtoint(args[0], whole), whole(0))

    return types.boolean(p), code
