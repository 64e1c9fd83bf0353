"""Custom activations and losses, compiled if Numba can: see fallline.core.custom.

A part is compiled to vector code (kernels.ufuncs), else for single numbers, else (a loss that looks
at a row's outputs together, a function that assigns by a mask) for arrays. The result is compared
with the plain functions, so a function that has another meaning number by number (one with the mean
of Z, for example) is refused. The compiled loop calls it by its address; the loop itself is not
compiled again.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.activations import OUTPUTS
from fallline.core.constants import MAX_EXPONENT
from fallline.core.losses import Loss
from fallline.core.network import Layer
from fallline.engine.config import FLAGS

__all__ = ["NotCompiledError", "activation_address", "loss_address"]

SAME = {"float64": 1e-9, "float32": 1e-4}
TRIAL = np.concatenate([np.linspace(-6.3, 6.1, 60), [-30.5, -0.01, 0.02, 30.5]]).reshape(4, 16)
Address = int

made: dict[Any, Any] = {}  # by the functions and the dtype: the callback, kept alive, or the reason


class NotCompiledError(Exception):
    """The compiled engine cannot use a function; the message says why."""


def activation_address(layer: Layer, dtype: np.dtype) -> Address:
    """Of a compiled function that writes f(Z) over Z, and f'(Z) to a second place."""
    value, slope = plain(layer.value), plain(layer.slope)
    return address_of((value, slope, dtype.name), lambda: compiled_activation(value, slope, dtype))


def loss_address(loss: Loss, dtype: np.dtype) -> Address:
    """Of a compiled function that writes dLoss/dZ and gives the loss."""
    value, delta = plain(loss.value), plain(loss.delta)
    key = (value, delta, loss.output_name, dtype.name)
    return address_of(key, lambda: compiled_loss(loss, value, delta, dtype))


def plain(part: Any) -> Callable[..., Any]:
    """The user's function within what the core calls."""
    function: Callable[..., Any] = getattr(part, "function", part)
    return function


def address_of(key: Any, build: Callable[[], Any]) -> Address:
    if key not in made:
        try:
            if find_spec("numba") is None:
                raise NotCompiledError("it needs Numba: pip install fallline[jit]")
            made[key] = build()
        except NotCompiledError as reason:
            made[key] = reason
    if isinstance(made[key], NotCompiledError):
        raise made[key]
    address: int = made[key].address
    return address


def jitted(function: Callable[..., Any]) -> Any:
    """The function, to be compiled at its first call; a compiled one stays as it is."""
    from numba import njit
    from numba.core.dispatcher import Dispatcher

    return function if isinstance(function, Dispatcher) else njit(**FLAGS)(function)


def compiled(function: Callable[..., Any], signature: Any) -> Any:
    """A callback of C's form. Raises NotCompiledError if Numba has no such code."""
    import warnings

    from numba import cfunc
    from numba.core.errors import NumbaError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Numba's advice about the user's arrays
        try:
            return cfunc(signature, nogil=True)(function)
        except (NumbaError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
            raise NotCompiledError(f"Numba does not compile it: {gist(error)}") from None


def gist(error: Exception) -> str:
    """The line of Numba's message that names the problem."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [l for l in lines if l and not l.startswith(("During", "File", "Failed in"))]
    named = [l for l in lines if l.startswith(("Untyped global", "Use of unsupported", "No impl",
                                               "Unknown attribute", "Unsupported"))]  # fmt: skip
    return (named or lines[:1] or [type(error).__name__])[0][:200]


# ---- activations


def compiled_activation(value: Any, slope: Any, dtype: np.dtype) -> Any:
    """As vector code, or else for single numbers or for arrays."""
    return first_that_agrees(
        [by_vector, by_number, by_array],
        lambda build: try_activation(build(value, slope, dtype), value, slope, dtype),
    )


def first_that_agrees(builders: list[Any], attempt: Callable[[Any], Any]) -> Any:
    """The result of the first builder that passes. Raises the last NotCompiledError."""
    for build in builders[:-1]:
        try:
            return attempt(build)
        except NotCompiledError:
            continue
    return attempt(builders[-1])


def activation_signature(dtype: np.dtype) -> Any:
    import numba
    from numba import types

    pointer = types.CPointer(numba.from_dtype(dtype))
    return types.void(pointer, pointer, types.intp)


def by_vector(value: Any, slope: Any, dtype: np.dtype) -> Any:
    """The user's functions on the engine's own vectors."""
    from fallline.engine.kernels.ufuncs import numbers
    from fallline.engine.kernels.vectors import fill, lanes, load, store

    f, df = jitted(value), jitted(slope)

    def activate(A: Any, S: Any, count: int) -> None:
        for i in range(0, count, lanes(A)):
            z = load(A, i)
            a = fill(A, numbers(f(z)))
            store(S, i, fill(A, numbers(df(z, a))))
            store(A, i, a)

    return compiled(activate, activation_signature(dtype))


def by_number(value: Any, slope: Any, dtype: np.dtype) -> Any:
    """The user's functions on single numbers."""
    from numba.np.numpy_support import carray

    f, df = jitted(value), jitted(slope)

    def activate(A_: Any, S_: Any, count: int) -> None:
        A, S = carray(A_, count), carray(S_, count)
        for i in range(count):
            z = A[i]
            a = f(z)
            S[i] = df(z, a)
            A[i] = a

    return compiled(activate, activation_signature(dtype))


def by_array(value: Any, slope: Any, dtype: np.dtype) -> Any:
    """The user's functions on arrays, as in the reference, but of one axis."""
    from numba.np.numpy_support import carray

    f, df = jitted(value), jitted(slope)

    def activate(A_: Any, S_: Any, count: int) -> None:
        Z = carray(A_, count).copy()
        A = f(Z)
        carray(S_, count)[:] = df(Z, A)
        carray(A_, count)[:] = A

    return compiled(activate, activation_signature(dtype))


def try_activation(made: Any, value: Any, slope: Any, dtype: np.dtype) -> Any:
    """Compare the compiled activation with the plain one, number by number."""
    Z = TRIAL.astype(dtype)
    A, S = Z.copy(), np.empty_like(Z)
    for i in range(len(Z)):  # a row at a time: no number may depend on the others
        made.ctypes(pointer_to(A[i]), pointer_to(S[i]), A.shape[1])
    with np.errstate(all="ignore"):
        expected = np.asarray(value(Z)), np.asarray(slope(Z, np.asarray(value(Z))))
    agree((A, S), expected, dtype)
    return made


def pointer_to(array: Array) -> Any:
    """What ctypes takes for a callback's pointer."""
    import ctypes

    kind = ctypes.c_double if array.dtype == np.float64 else ctypes.c_float
    return array.ctypes.data_as(ctypes.POINTER(kind))


def agree(found: Any, expected: Any, dtype: np.dtype) -> None:
    """Raise NotCompiledError if compiled code and plain functions give different numbers."""
    tolerance = SAME[dtype.name]
    for one, other in zip(found, expected, strict=True):
        scale = 1.0 + float(np.nanmax(np.abs(other), initial=0.0, where=np.isfinite(other)))
        if not np.allclose(one, other, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
            raise NotCompiledError("compiled, it gives other numbers than in plain Python")


# ---- losses


def compiled_loss(loss: Loss, value: Any, delta: Any, dtype: np.dtype) -> Any:
    """As vector code, or else for single numbers or for rows of a batch."""
    return first_that_agrees(
        [loss_by_vector, loss_by_number, loss_by_rows],
        lambda build: try_loss(build(loss.output_name, value, delta, dtype), loss, dtype),
    )


def loss_signature(dtype: np.dtype) -> Any:
    import numba
    from numba import types

    pointer, whole = types.CPointer(numba.from_dtype(dtype)), types.intp
    return types.float64(pointer, pointer, pointer, pointer, whole, whole, whole)


def output_of(name: str) -> Any:
    """A compiled function that turns a row of logits into the outputs, in their place."""
    from numba import njit

    def identity(A: Any) -> None:
        pass

    def sigmoid(A: Any) -> None:
        for j in range(len(A)):
            A[j] = 1.0 / (1.0 + np.exp(-A[j]))

    def exp(A: Any) -> None:
        for j in range(len(A)):
            A[j] = np.exp(min(A[j], MAX_EXPONENT))

    def softmax(A: Any) -> None:
        highest = A.max()
        for j in range(len(A)):
            A[j] = np.exp(A[j] - highest)
        A /= A.sum()

    return njit(nogil=True)({"identity": identity, "sigmoid": sigmoid, "exp": exp,
                             "softmax": softmax}[name])  # fmt: skip


def vector_output(name: str) -> Any:
    """A compiled function that makes outputs D of ``k`` vectors of logits Z, ``row`` apart."""
    from fallline.engine.config import kernel
    from fallline.engine.kernels.exponential import exp, minimum, sigmoid
    from fallline.engine.kernels.vectors import load, select, store

    one_by_one = {
        "identity": kernel(lambda z: z),
        "sigmoid": sigmoid,
        "exp": kernel(lambda z: exp(minimum(z, MAX_EXPONENT))),
    }.get(name)
    if one_by_one is not None:
        f = one_by_one

        def each(Z: Any, D: Any, k: int, row: int) -> None:
            for j in range(0, k * row, row):
                store(D, j, f(load(Z, j)))

        return kernel(each)

    def softmax(Z: Any, D: Any, k: int, row: int) -> None:
        highest = load(Z, 0)
        for j in range(row, k * row, row):
            z = load(Z, j)
            highest = select(z > highest, z, highest)
        total = highest * 0.0
        for j in range(0, k * row, row):
            e = exp(load(Z, j) - highest)
            total = total + e
            store(D, j, e)
        for j in range(0, k * row, row):
            store(D, j, load(D, j) / total)

    return kernel(softmax)


def loss_by_vector(output_name: str, value: Any, delta: Any, dtype: np.dtype) -> Any:
    """One term for each output, on the engine's own vectors."""
    from fallline.engine.kernels.ufuncs import numbers
    from fallline.engine.kernels.vectors import fill, lanes, load, offset, select, store, wide_total

    f, df, output = jitted(value), jitted(delta), vector_output(output_name)

    def terms(Z: Any, Y: Any, shares: Any, D: Any, k: int, row: int, count: int) -> float:
        total = 0.0
        for r in range(0, count, lanes(Z)):
            share, lost = load(shares, r), fill(Z, 0.0)
            output(offset(Z, r), offset(D, r), k, row)
            for i in range(r, r + k * row, row):
                y = load(Y, i)
                d = fill(Z, numbers(df(load(D, i), y))) * share
                store(D, i, select(share > 0.0, d, 0.0))  # 0: it may only fill the vector
                lost = lost + fill(Z, numbers(f(load(Z, i), y)))
            total += wide_total(select(share > 0.0, lost * share, 0.0))
        return total

    return compiled(terms, loss_signature(dtype))


def loss_by_number(output_name: str, value: Any, delta: Any, dtype: np.dtype) -> Any:
    """One term for each output."""
    from numba.np.numpy_support import carray

    f, df, output = jitted(value), jitted(delta), output_of(output_name)

    def terms(Z_: Any, Y_: Any, shares_: Any, D_: Any, k: int, row: int, count: int) -> float:
        Z, Y, D = carray(Z_, (k, row)), carray(Y_, (k, row)), carray(D_, (k, row))
        shares = carray(shares_, row)
        total = 0.0
        for i in range(count):
            if shares[i] == 0:  # it may only fill a vector
                for j in range(k):
                    D[j, i] = 0
                continue
            for j in range(k):
                D[j, i] = Z[j, i]
            output(D[:, i])
            lost = 0.0
            for j in range(k):
                lost += f(Z[j, i], Y[j, i])
                D[j, i] = df(D[j, i], Y[j, i]) * shares[i]
            total += lost * shares[i]
        return total

    return compiled(terms, loss_signature(dtype))


def loss_by_rows(output_name: str, value: Any, delta: Any, dtype: np.dtype) -> Any:
    """The user's functions on arrays (rows, outputs), as in the reference."""
    from numba.np.numpy_support import carray

    f, df, output = jitted(value), jitted(delta), output_of(output_name)

    def rows(Z_: Any, Y_: Any, shares_: Any, D_: Any, k: int, row: int, count: int) -> float:
        shares, D = carray(shares_, row), carray(D_, (k, row))
        n = 0
        for i in range(count):
            if shares[i] != 0:
                n = i + 1
        Z = carray(Z_, (k, row))[:, :n].T.copy()
        Y = carray(Y_, (k, row))[:, :n].T.copy()
        A = Z.copy()
        for i in range(n):
            output(A[i])
        lost, slopes = f(Z, Y), df(A, Y)
        total = 0.0
        for i in range(count):
            zero = i >= n or shares[i] == 0
            if not zero:
                total += lost[i] * shares[i]
            for j in range(k):
                D[j, i] = 0 if zero else slopes[i, j] * shares[i]
        return total

    return compiled(rows, loss_signature(dtype))


def try_loss(made: Any, loss: Loss, dtype: np.dtype) -> Any:
    """Compare the compiled loss with the plain one, on targets of each kind."""
    Z = TRIAL.T.astype(dtype)  # 16 rows: a whole vector
    n, k = Z.shape
    one_of_k = np.eye(k, dtype=dtype)[np.arange(n) % k]
    targets = [one_of_k]
    if loss.task == "numbers":
        targets.append(np.abs(Z[::-1]) + 0.25)
    for Y in targets:
        shares, D = np.full(n, 1.0 / n, dtype), np.zeros((k, n), dtype)
        columns = [np.ascontiguousarray(each.T) for each in (Z, Y)]
        lost = made.ctypes(*map(pointer_to, (*columns, shares, D)), k, n, n)
        with np.errstate(all="ignore"):
            expected = loss.value(Z, Y).astype(float).mean()
            slopes = loss.delta(OUTPUTS[loss.output_name](Z), Y) / n
        agree((np.array([lost]), D.T), (np.array([expected]), slopes), dtype)
    return made
