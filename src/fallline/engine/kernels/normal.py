"""GELU by the normal distribution in vectors: gelu(z) = z Phi(z), with slope Phi(z) + z phi(z).

For a >= 0, Phi(-a) = phi(a) / phi(0) * f(t) / (2 + sqrt(2 pi) a) with t = (a - 4) / (a + 4). This f
is smooth and 1 at both ends, so that a polynomial in t gives it within rounding; the form is that
of Shepherd and Laframboise 1981 (Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in
0 <= x < infinity, Mathematics of Computation 36). The coefficients are those of f's Chebyshev
series, computed with 60 digits for a up to 38.6 in float64, 13.2 in float32; beyond, phi(a) is 0.
"""

from types import SimpleNamespace
from typing import Any

from numba import types
from numba.extending import overload

from fallline.core.constants import SQRT_2_PI
from fallline.engine.kernels.exponential import exp, minimum
from fallline.engine.kernels.polynomial import polynomial
from fallline.engine.kernels.vectors import Vector, absolute, fma, select

__all__ = ["gelu"]

FLOAT64 = SimpleNamespace(
    far=40.0,  # phi is 0 from here on
    coefficients=(
        1.1354308142581806, -0.15607136685265952, -0.02792216729765159, 0.10801948125911177,
        -0.09634499213133454, 0.04926146476245287, -0.01279624889612973, -0.0010395921103064885,
        0.001836681370402437, -0.00021362202315905308, -0.00023472804601990197,
        5.0919036389005536e-05, 3.633263897199374e-05, -8.18229626087537e-06,
        -6.871313290906022e-06, 9.100191314909096e-07, 1.4087583414920996e-06,
        2.603902552085797e-08, -2.591056513872653e-07, -4.803018250460425e-08,
        2.9784250952062744e-08, 1.0216527158121764e-08,
    ),
)  # fmt: skip
FLOAT32 = SimpleNamespace(
    far=15.0,
    coefficients=(
        1.1354308151840313, -0.15607134147518287, -0.027922277307068834, 0.10801850736911053,
        -0.09634326020731251, 0.04927248240040148, -0.012802840466020322, -0.0010908854714115788,
        0.0018305041378495466, -0.00011673160777838593, -0.00018091251764708734,
    ),
)  # fmt: skip


def family(numbers: SimpleNamespace) -> Any:
    """The function of one dtype."""
    far, f = numbers.far, polynomial(numbers.coefficients)

    def gelu(z: Any) -> Any:
        a = minimum(absolute(z), far)
        square = a * a
        rest = fma(a, a, -square)  # what rounding took from the square
        bell = exp(square * -0.5) * fma(rest, -0.5, 1.0)  # sqrt(2 pi) phi(a)
        tail = bell * f((a - 4.0) / (a + 4.0)) / fma(a, SQRT_2_PI, 2.0)
        cdf = select(z > 0.0, 1.0 - tail, tail)
        return z * cdf, fma(z, bell * INVERSE, cdf)

    return gelu


INVERSE = 1.0 / SQRT_2_PI
FAMILIES = {types.float64: family(FLOAT64), types.float32: family(FLOAT32)}


def gelu(z: Any) -> Any:
    """Value and slope at a vector z."""


@overload(gelu)
def for_vectors(z: Any) -> Any:
    """The code for the dtype of the vector."""
    return FAMILIES[z.dtype] if isinstance(z, Vector) else None
