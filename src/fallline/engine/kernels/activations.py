"""Activations in compiled code, by the formulas of fallline.core.activations, a vector at a time.

They are told apart by number, so that one compiled driver serves them all: see engine.codes. Most
slopes follow from the activation A alone, so A is written over Z; the slopes of gelu and silu need
Z and are taken on the way forward.
"""

from fallline.core.constants import LEAK
from fallline.engine.codes import (
    ELU,
    GELU,
    LEAKY_RELU,
    MIN_ADDRESS,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from fallline.engine.config import inlined_by_llvm, kernel
from fallline.engine.kernels.calls import call_activation
from fallline.engine.kernels.exponential import expm1, sigmoid, softplus, tanh
from fallline.engine.kernels.normal import gelu
from fallline.engine.kernels.vectors import fma, lanes, load, select, store


@kernel
def needs_z(code):
    """Whether the slope cannot be had from A."""
    return code >= MIN_ADDRESS or code in (GELU, SILU)


@inlined_by_llvm
def value(code, z):
    """f(z); gelu is not among them."""
    if code == SIGMOID:
        return sigmoid(z)
    if code == TANH:
        return tanh(z)
    if code == RELU:
        return select(z > 0.0, z, z * 0.0)  # NaN stays NaN
    if code == LEAKY_RELU:
        return select(z > 0.0, z, z * LEAK)
    if code == ELU:
        return select(z > 0.0, z, expm1(z))
    if code == SILU:
        return z * sigmoid(z)
    if code == SOFTPLUS:
        return softplus(z)
    return z


@inlined_by_llvm
def slope(code, a):
    """f'(z) by a = f(z), for the activations that need no z."""
    if code == SIGMOID:
        return a * (1.0 - a)
    if code == TANH:
        return fma(-a, a, 1.0)
    one = a * 0.0 + 1.0
    if code == RELU:
        return select(a > 0.0, one, 0.0)
    if code == LEAKY_RELU:
        return select(a > 0.0, one, LEAK)
    if code == ELU:
        return select(a > 0.0, one, a + 1.0)
    if code == SOFTPLUS:
        return -expm1(-a)
    return one


@inlined_by_llvm
def activate(code, A, S, keep_slope, count):
    """A <- f(A) for ``count`` numbers, and S <- f' where it is to be kept."""
    if code >= MIN_ADDRESS:
        call_activation(code, A, S, count)
        return
    if code == RELU and not keep_slope:  # as quick as the jump to the activation's code is
        for i in range(0, count, lanes(A)):
            z = load(A, i)
            store(A, i, select(z > 0.0, z, z * 0.0))
        return
    for i in range(0, count, lanes(A)):
        z = load(A, i)
        if code == GELU:
            a, s = gelu(z)
            store(A, i, a)
            if keep_slope:
                store(S, i, s)
            continue
        a = value(code, z)
        store(A, i, a)
        if keep_slope:
            if code == SILU:
                s = sigmoid(z)
                store(S, i, fma(a, 1.0 - s, s))
            else:
                store(S, i, slope(code, a))


@inlined_by_llvm
def sloped(code, a, d):
    """d f'(z) by a = f(z), for the activations that need no z."""
    if code == RELU:
        return select(a > 0.0, d, 0.0)
    return d * slope(code, a)


@inlined_by_llvm
def times_slope(code, A, S, kept_slope, D, count):
    """D <- D * f'(Z)."""
    for i in range(0, count, lanes(A)):
        d = load(D, i)
        if kept_slope:
            store(D, i, d * load(S, i))
        else:
            store(D, i, sloped(code, load(A, i), d))
