"""Calls of functions of the user's own from the compiled loop, by their addresses: engine.own."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from fallline.engine.config import intrinsic

__all__ = ["call_activation", "call_loss"]


def called(builder: Any, address: Any, result: Any, arguments: Sequence[Any]) -> Any:
    """What the function at an address gives for these arguments."""
    kind = ir.FunctionType(result, [each.type for each in arguments])
    return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def call_activation(typing_context: Any, code: Any, A: Any, S: Any, count: Any) -> Any:
    """A <- f(A) and S <- f' for ``count`` numbers."""

    def code_(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        called(builder, args[0], ir.VoidType(), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, A, S, types.intp), code_


@intrinsic
def call_loss(
    typing_context: Any, code: Any, Z: Any, Y: Any, shares: Any, D: Any, k: Any, row: Any,
    count: Any,
) -> Any:  # fmt: skip
    """D <- dLoss/dZ of ``k`` outputs, ``row`` numbers apart, of ``count`` rows; gives the loss."""

    def code_(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return called(builder, args[0], ir.DoubleType(), args[1:])

    whole = types.intp
    return types.float64(types.int64, Z, Y, shares, D, whole, whole, whole), code_
