"""Polynomials of vectors, by Estrin's scheme: few operations wait for each other.

c0 + c1 x + c2 x^2 + c3 x^3 + ... = (c0 + c1 x) + (c2 + c3 x) x^2 + ...: pairs of terms become one,
and x^2 takes the place of x, until one term is left.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from fallline.engine.config import intrinsic
from fallline.engine.kernels.vectors import fused

__all__ = ["polynomial"]


def polynomial(coefficients: Sequence[float]) -> Any:
    """A function of a vector x for compiled code: the sum of ``coefficients[i] x^i``."""

    def typed(typing_context: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = args[0].type
            terms = [ir.Constant(kind, [c] * kind.count) for c in coefficients]
            power = args[0]
            while len(terms) > 1:
                terms = [
                    fused(builder, power, *reversed(terms[i : i + 2])) if i + 1 < len(terms)
                    else terms[i]
                    for i in range(0, len(terms), 2)
                ]  # fmt: skip
                power = builder.fmul(power, power) if len(terms) > 1 else power
            return terms[0]

        return x(x), code

    return intrinsic(typed)
