"""Vectors of 64 bytes in compiled code: 8 numbers of float64, or 16 of float32, at once.

Numba turns a plain loop into vector code only where it can prove that this is allowed, and never
keeps sums in several registers. With a vector type the kernels say what they mean, and the order
of every sum is written down: the same bits on every processor, whose LLVM splits the 64 bytes
into the registers that it has.

Kernels work on addresses (``address(a)``) and count in numbers, not bytes: ``load(p, i)`` reads
the vector at p[i], p[i + 1], ...; nothing is checked. ``+ - * /``, comparisons and ``<< >>`` mix
vectors and single numbers; ``select(mask, a, b)`` is NumPy's ``where``. Where a loop reads single
numbers, ``at`` and ``put`` do so without the check of the index's sign.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import models, register_model

from fallline.engine.config import VECTOR_BYTES, inlined_by_numba, intrinsic

__all__ = [
    "Vector",
    "absolute",
    "address",
    "as_float",
    "as_integer",
    "at",
    "count_up",
    "fetch",
    "fetch_at",
    "fill",
    "fma",
    "fused",
    "gather_transposed",
    "lanes",
    "like",
    "load",
    "load_wide",
    "number",
    "offset",
    "put",
    "select",
    "square_root",
    "store",
    "store_wide",
    "total",
    "transpose",
    "whole",
    "wide_total",
]

INT32 = ir.IntType(32)
LLVM = {
    types.float64: ir.DoubleType(),
    types.float32: ir.FloatType(),
    types.int64: ir.IntType(64),
    types.int32: INT32,
    types.boolean: ir.IntType(1),
}
INTEGER_OF = {types.float64: types.int64, types.float32: types.int32}
FLOAT_OF = {types.int64: types.float64, types.int32: types.float32}


class Vector(types.Type):
    """The Numba type of a vector."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")

    @property
    def key(self) -> tuple[Any, int]:
        """What tells two vector types apart."""
        return self.dtype, self.lanes

    @property
    def llvm(self) -> Any:
        """The LLVM type."""
        return ir.VectorType(LLVM[self.dtype], self.lanes)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector lies in memory as in a register."""

    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.llvm)


def vector_of(dtype: Any) -> Vector:
    """The vector type of 64 bytes."""
    return Vector(dtype, VECTOR_BYTES * 8 // dtype.bitwidth)


def picks(indices: list[int]) -> Any:
    """A constant for LLVM's shuffle."""
    return ir.Constant(ir.VectorType(INT32, len(indices)), indices)


def as_vector(context: Any, builder: Any, value: Any, kind: Any, vector: Vector) -> Any:
    """``value`` itself, or a single number in every lane."""
    if isinstance(kind, Vector):
        return value
    nothing = ir.Constant(vector.llvm, ir.Undefined)
    number = context.cast(builder, value, kind, vector.dtype)
    first = builder.insert_element(nothing, number, INT32(0))
    return builder.shuffle_vector(first, nothing, picks([0] * vector.lanes))


# ---- operators

PAIRS = ((Vector, Vector), (Vector, types.Number), (types.Number, Vector))


def both_as_vectors(context: Any, builder: Any, sig: Any, args: Any) -> tuple[Vector, Any, Any]:
    kind = next(kind for kind in sig.args if isinstance(kind, Vector))
    a, b = (
        as_vector(context, builder, value, each, kind)
        for value, each in zip(args, sig.args, strict=True)
    )
    return kind, a, b


def define(
    symbol: Any,
    result: Callable[[Vector], Vector],
    emit: Callable[..., Any],
    takes: Callable[[Any], bool] = lambda dtype: dtype != types.boolean,
) -> None:
    """Let ``symbol`` take two vectors, or a vector and a number."""

    class Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            vectors = [kind for kind in args if isinstance(kind, Vector)]
            fits = len(args) == 2 and all(isinstance(k, Vector | types.Number) for k in args)
            fits = fits and all(takes(kind.dtype) for kind in vectors)
            if fits and vectors and all(kind == vectors[0] for kind in vectors):
                return signature(result(vectors[0]), *args)
            return None

    infer_global(symbol)(Typing)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *both_as_vectors(context, builder, sig, args))

    for pair in PAIRS:
        lower_builtin(symbol, *pair)(code)


def arithmetic(symbol: Any, for_floats: str, for_integers: str) -> None:
    def emit(builder: Any, kind: Vector, a: Any, b: Any) -> Any:
        if isinstance(kind.dtype, types.Float):
            return getattr(builder, for_floats)(a, b)
        return getattr(builder, for_integers)(a, b)

    bits = (operator.and_, operator.or_, operator.xor)
    define(symbol, lambda kind: kind, emit, lambda dtype: dtype != types.boolean or symbol in bits)


def comparison(symbol: Any, name: str) -> None:
    def emit(builder: Any, kind: Vector, a: Any, b: Any) -> Any:
        if isinstance(kind.dtype, types.Float):
            return builder.fcmp_ordered(name, a, b)
        return builder.icmp_signed(name, a, b)

    define(symbol, lambda kind: Vector(types.boolean, kind.lanes), emit)


for symbol, for_floats, for_integers in (
    (operator.add, "fadd", "add"),
    (operator.sub, "fsub", "sub"),
    (operator.mul, "fmul", "mul"),
    (operator.truediv, "fdiv", "sdiv"),
    (operator.lshift, "", "shl"),
    (operator.rshift, "", "ashr"),
    (operator.xor, "", "xor"),
    (operator.and_, "", "and_"),
    (operator.or_, "", "or_"),
):
    arithmetic(symbol, for_floats, for_integers)
for symbol, name in (
    (operator.gt, ">"),
    (operator.lt, "<"),
    (operator.ge, ">="),
    (operator.le, "<="),
):
    comparison(symbol, name)


@infer_global(operator.neg)
class Negation(AbstractTemplate):
    """-x of a vector of floats."""

    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if isinstance(args[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


@intrinsic
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """a where the mask holds, else b; they may be single numbers."""
    alone = vector_of(types.float64 if mask.lanes == 8 else types.float32)
    kind = next((each for each in (a, b) if isinstance(each, Vector)), alone)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        yes, no = (
            as_vector(context, builder, value, each, kind)
            for value, each in zip(args[1:], sig.args[1:], strict=True)
        )
        return builder.select(args[0], yes, no)

    return kind(mask, a, b), code


def unary(name: str) -> Any:
    """A function of each lane, or of a number of float64, that LLVM has by name."""

    def typed(typing_context: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = args[0].type
            of = f"v{x.lanes}f{x.dtype.bitwidth}" if isinstance(x, Vector) else "f64"
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{of}"
            )
            return builder.call(function, [args[0]])

        return x(x), code

    return intrinsic(typed)


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once: one instruction of all processors of the levels v3, v4 and aarch64.

    On others (x86-64-v2, WebAssembly) it is a product and a sum, since C's fma takes a call there.
    """
    kind = a.type
    name = f"llvm.fmuladd.v{kind.count}f{32 if kind.element == LLVM[types.float32] else 64}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind, kind]), name
    )
    return builder.call(function, [a, b, c])


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once; two of them may be single numbers."""
    kind = next(each for each in (a, b, c) if isinstance(each, Vector))

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = (
            as_vector(context, builder, value, each, kind)
            for value, each in zip(args, sig.args, strict=True)
        )
        return fused(builder, *values)

    return kind(a, b, c), code


square_root = unary("sqrt")
absolute = unary("fabs")


@intrinsic
def as_integer(typing_context: Any, x: Any) -> Any:
    """The bits of a vector of floats, as whole numbers of the same width."""
    kind = Vector(INTEGER_OF[x.dtype], x.lanes)
    return kind(x), lambda context, builder, sig, args: builder.bitcast(args[0], kind.llvm)


@intrinsic
def as_float(typing_context: Any, x: Any) -> Any:
    """The floats that have these bits."""
    kind = Vector(FLOAT_OF[x.dtype], x.lanes)
    return kind(x), lambda context, builder, sig, args: builder.bitcast(args[0], kind.llvm)


def sum_of_lanes(builder: Any, vector: Any, lanes: int) -> Any:
    """The sum of all lanes: halves are added until one number is left."""
    while lanes > 1:
        half = lanes // 2
        low = builder.shuffle_vector(vector, vector, picks(list(range(half))))
        high = builder.shuffle_vector(vector, vector, picks(list(range(half, lanes))))
        vector, lanes = builder.fadd(low, high), half
    return builder.extract_element(vector, INT32(0))


@intrinsic
def total(typing_context: Any, x: Any) -> Any:
    """The sum of the lanes, by halves."""
    return x.dtype(x), lambda context, builder, sig, args: sum_of_lanes(builder, args[0], x.lanes)


@intrinsic
def wide_total(typing_context: Any, x: Any) -> Any:
    """The sum of the lanes, added up in float64."""
    wide = Vector(types.float64, x.lanes)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = args[0] if x.dtype == types.float64 else builder.fpext(args[0], wide.llvm)
        return sum_of_lanes(builder, vector, x.lanes)

    return types.float64(x), code


# ---- memory


@intrinsic
def address(typing_context: Any, array: Any) -> Any:
    """Where the numbers of an array begin. The array has to live as long as the address is used."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), code


def element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """The address p + i."""
    return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.intp)])


@intrinsic
def offset(typing_context: Any, p: Any, i: Any) -> Any:
    """The address of p[i]."""
    return p(p, i), element


@intrinsic
def at(typing_context: Any, p: Any, i: Any) -> Any:
    """p[i]."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(element(context, builder, sig, args))

    return p.dtype(p, i), code


@intrinsic
def put(typing_context: Any, p: Any, i: Any, x: Any) -> Any:
    """p[i] = x."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = context.cast(builder, args[2], sig.args[2], p.dtype)
        builder.store(value, element(context, builder, sig, args))
        return context.get_dummy_value()

    return types.void(p, i, x), code


def fetch_at(builder: Any, place: Any) -> None:
    """Have the numbers at an address brought into the cache; it may lie beyond an array."""
    kinds = [place.type, INT32, INT32, INT32]
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), kinds), "llvm.prefetch.p0"
    )
    builder.call(function, [place, INT32(0), INT32(3), INT32(1)])  # to read, in all caches, data


@intrinsic
def fetch(typing_context: Any, p: Any, i: Any) -> Any:
    """Have p[i] brought into the cache, since it is read soon; it need not be in the array."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        fetch_at(builder, element(context, builder, sig, args))
        return context.get_dummy_value()

    return types.void(p, i), code


def load_at(builder: Any, kind: Vector, place: Any) -> Any:
    place = builder.bitcast(place, kind.llvm.as_pointer())
    return builder.load(place, align=kind.dtype.bitwidth // 8)


def store_at(builder: Any, kind: Vector, place: Any, value: Any) -> None:
    place = builder.bitcast(place, kind.llvm.as_pointer())
    builder.store(value, place, align=kind.dtype.bitwidth // 8)


@intrinsic
def load(typing_context: Any, p: Any, i: Any) -> Any:
    """The vector p[i], p[i + 1], ..."""
    kind = vector_of(p.dtype)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_at(builder, kind, element(context, builder, sig, args))

    return kind(p, i), code


@intrinsic
def store(typing_context: Any, p: Any, i: Any, x: Any) -> Any:
    """Write a vector, or a number over a vector's length, to p[i], p[i + 1], ..."""
    kind = vector_of(p.dtype)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = as_vector(context, builder, args[2], sig.args[2], kind)
        store_at(builder, kind, element(context, builder, sig, args), value)
        return context.get_dummy_value()

    return types.void(p, i, x), code


@intrinsic
def fill(typing_context: Any, p: Any, x: Any) -> Any:
    """A vector of p's type with x in every lane."""
    kind = vector_of(p.dtype)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return as_vector(context, builder, args[1], sig.args[1], kind)

    return kind(p, x), code


@intrinsic
def load_wide(typing_context: Any, p: Any, like: Any) -> Any:
    """The vector of float64 at p, with as many lanes as ``like``'s vectors have."""
    kind = Vector(types.float64, vector_of(like.dtype).lanes)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_at(builder, kind, args[0])

    return kind(p, like), code


@intrinsic
def store_wide(typing_context: Any, p: Any, x: Any) -> Any:
    """Write a vector, as float64, to the numbers of float64 at p."""
    kind = Vector(types.float64, x.lanes)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = args[1] if x.dtype == types.float64 else builder.fpext(args[1], kind.llvm)
        store_at(builder, kind, args[0], wide)
        return context.get_dummy_value()

    return types.void(p, x), code


@intrinsic
def like(typing_context: Any, x: Any, c: Any) -> Any:
    """A vector of x's type with c in every lane."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return as_vector(context, builder, args[1], sig.args[1], x)

    return x(x, c), code


@intrinsic
def count_up(typing_context: Any, p: Any) -> Any:
    """0, 1, 2, ... in a vector of whole numbers as wide as p's."""
    floats = vector_of(p.dtype)
    kind = Vector(INTEGER_OF[p.dtype], floats.lanes)
    numbers = ir.Constant(kind.llvm, list(range(kind.lanes)))
    return kind(p), lambda context, builder, sig, args: numbers


@intrinsic
def number(typing_context: Any, p: Any, x: Any) -> Any:
    """x as a number of p's type, or a vector of float64 as a vector of it."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[1], sig.args[1], p.dtype)

    def narrow(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return args[1] if x.dtype == p.dtype else builder.fptrunc(args[1], sig.return_type.llvm)

    if isinstance(x, Vector):
        return vector_of(p.dtype)(p, x), narrow
    return p.dtype(p, x), code


@intrinsic
def lanes(typing_context: Any, p: Any) -> Any:
    """How many numbers a vector of p's type holds."""
    count = vector_of(p.dtype).lanes
    return types.intp(p), lambda context, builder, sig, args: ir.IntType(64)(count)


@inlined_by_numba
def whole(count: Any, L: Any) -> Any:
    """The next multiple of L."""
    return (count + L - 1) // L * L


def spaced(builder: Any, pointer: Any, step: Any, i: int) -> Any:
    """The address i steps on."""
    return builder.gep(pointer, [builder.mul(step, ir.IntType(64)(i))])


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square, given its rows as vectors; see ``transpose``."""
    n = len(rows)
    low = picks([half + n * odd for half in range(n // 2) for odd in (0, 1)])
    high = picks([half + n * odd for half in range(n // 2, n) for odd in (0, 1)])
    for _ in range(n.bit_length() - 1):
        pairs = [(rows[i], rows[i + n // 2]) for i in range(n // 2)]
        rows = [builder.shuffle_vector(a, b, picks_) for a, b in pairs for picks_ in (low, high)]
    return rows


@intrinsic
def gather_transposed(
    typing_context: Any, X: Any, wide: Any, rows: Any, step: Any, target: Any, target_step: Any
) -> Any:
    """A square from rows that lie anywhere: target[j, i] = X[rows[i step], j].

    X has rows of ``wide`` numbers, the target of ``target_step``.
    """
    kind = vector_of(X.dtype)
    n = kind.lanes

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        X, wide, rows, step, target, target_step = args
        found = []
        for i in range(n):
            row = builder.mul(builder.load(spaced(builder, rows, step, i)), wide)
            found.append(load_at(builder, kind, builder.gep(X, [row])))
        for i, column in enumerate(transposed(builder, found)):
            store_at(builder, kind, spaced(builder, target, target_step, i), column)
        return context.get_dummy_value()

    return types.void(X, types.intp, rows, types.intp, target, types.intp), code


@intrinsic
def transpose(typing_context: Any, source: Any, step: Any, target: Any, target_step: Any) -> Any:
    """A square of one vector's length: target[j, i] = source[i, j], rows ``step`` numbers apart.

    Each round interleaves row i with row i + half, which turns one bit of the row number into one
    of the column number; after log2(lanes) rounds they have changed places.
    """
    kind = vector_of(source.dtype)
    n = kind.lanes

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source, step, target, target_step = args
        rows = [load_at(builder, kind, spaced(builder, source, step, i)) for i in range(n)]
        for i, column in enumerate(transposed(builder, rows)):
            store_at(builder, kind, spaced(builder, target, target_step, i), column)
        return context.get_dummy_value()

    return types.void(source, types.intp, target, types.intp), code
