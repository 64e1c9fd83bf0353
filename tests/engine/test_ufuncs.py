"""NumPy's functions on the engine's vectors, against NumPy's own on arrays."""

from collections.abc import Callable

import numpy as np
import pytest

from fallline.engine import own

POINTS = [0.0, 1e-12, -1e-12, 1e-3, -1e-3, 0.3, -0.3, 1.0, -1.0, 2.0, -2.0, 35.0, -35.0, 80.0]
EXPRESSIONS: dict[str, Callable] = {
    "exp": lambda z: np.exp(z),
    "expm1": lambda z: np.expm1(z),
    "log": lambda z: np.log(np.abs(z) + 1e-3),
    "log of 0 and below": lambda z: np.log(z),
    "log1p": lambda z: np.log1p(np.exp(z)),
    "log1p of little": lambda z: np.log1p(np.square(z) * 1e-6),
    "tanh": lambda z: np.tanh(z),
    "cosh": lambda z: np.cosh(z * 0.1),
    "sqrt": lambda z: np.sqrt(z * z + 1),
    "abs": lambda z: abs(z) + np.abs(z),
    "sign": lambda z: np.sign(z),
    "maximum": lambda z: np.maximum(z, 0) + np.maximum(0.5, z) + np.maximum(z, -z),
    "minimum": lambda z: np.minimum(z, 0) + np.minimum(0.5, z) + np.minimum(z, -z),
    "clip": lambda z: np.clip(z, -1, 0.5),
    "where": lambda z: np.where(z > 0, z, 0.01 * z),
    "where of numbers": lambda z: np.where((z > -1) & (z < 1), 1.0, 0.5),
    "or": lambda z: np.where((z < -1) | (z > 1), z, 0.5),
    "logaddexp": lambda z: np.logaddexp(0, z) + np.logaddexp(z, -z),
    "power": lambda z: z**2 + z**3 + (z + 100) ** -2,
    "mask times": lambda z: (z > 0) * z + 2.0 * (z < 0),
    "mask": lambda z: z > 0,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_as_numpy(name: str, dtype: str) -> None:
    function = EXPRESSIONS[name]
    kind = np.dtype(dtype)
    Z = np.array([*POINTS, np.inf, np.nan], kind)
    made = own.by_vector(function, lambda z, a: 0.0 * z, kind)
    A, S = Z.copy(), np.empty_like(Z)
    made.ctypes(own.pointer_to(A), own.pointer_to(S), len(A))
    with np.errstate(all="ignore"):
        expected = np.asarray(function(Z), kind)
    close = {"float64": 1e-13, "float32": 3e-6}[dtype]
    np.testing.assert_allclose(A[:-1], expected[:-1], rtol=close, atol=close * 1e-3)
    if name not in ("mask", "mask times", "sign", "where of numbers", "or"):
        assert np.isnan(A[-1])  # NaN comes through
