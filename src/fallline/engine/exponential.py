"""e^x in a form that the compiler turns into vector code; the C library's is one call per number.

x = k ln 2 + r with k whole and |r| <= ln(2) / 2; e^r by its Taylor series to r^13, whose remainder
is below 2^-57 there; times 2^k in two factors, so that results too small for a normal number, and
the overflow to infinity, come out right. Cody and Waite 1980, chapter 6.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["exp", "expm1", "tanh"]

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # the last 33 bits are zero, so that k * LN2_HIGH is exact
LN2_LOW = 1.9082149292705877e-10
ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the whole part in the last bits
C = [1.0]
for i in range(1, 14):
    C.append(C[-1] / i)
_, _, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = C


def bitcast(source: Any, target: Any, llvm_target: Any) -> Any:
    """A function that reads the bits of one type as another of the same size."""

    def typed(typing_context: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm_target)

        return target(source), code

    return intrinsic(typed)


bits_of = bitcast(types.float64, types.int64, ir.IntType(64))
float_of = bitcast(types.int64, types.float64, ir.DoubleType())


# Not with the engine's flags: reordering would cancel the two uses of ROUND.
exact = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@exact
def reduce(x: Any) -> Any:
    """e^r - 1 and k, for x = k ln 2 + r."""
    shifted = x * LOG2_E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = C13
    p = p * r + C12
    p = p * r + C11
    p = p * r + C10
    p = p * r + C9
    p = p * r + C8
    p = p * r + C7
    p = p * r + C6
    p = p * r + C5
    p = p * r + C4
    p = p * r + C3
    p = p * r + C2
    return p * (r * r) + r, bits_of(shifted) - bits_of(ROUND)


@exact
def exp(x: Any) -> Any:
    """e^x in float64, within 2 units in the last place; NaN stays NaN."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    p, k = reduce(x)
    half = k >> 1
    return (p + 1.0) * float_of((half + 1023) << 52) * float_of((k - half + 1023) << 52)


@exact
def expm1(x: Any) -> Any:
    """e^x - 1 in float64 for x up to 40 (more counts as 40), within 4 units in the last place."""
    x = 40.0 if x > 40.0 else x
    x = -40.0 if x < -40.0 else x
    p, k = reduce(x)
    scale = float_of((k + 1023) << 52)
    return scale * p + (scale - 1.0)


@exact
def tanh(x: Any) -> Any:
    """(e^2x - 1) / (e^2x + 1), within 4 units in the last place."""
    e = expm1(2.0 * x)
    return e / (e + 2.0)
