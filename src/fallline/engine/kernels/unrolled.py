"""The epochs of a tiny network in code made for its very shape: every number stays in a register.

Where all rows fit one vector, a feature is a vector of the rows, and so is every neuron; a
parameter is a vector too, the same number in all lanes. Python goes through layers and neurons
once, while the code is written; only the loop over epochs is left to run. Every sum has the terms
and the order that kernels.backprop gives it, so each network ends with the same bits. 20,000 epochs
of the 3-2-1 truth table take 1.4 ms, and 3.3 by the loop for any shape.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fallline.engine.config import intrinsic
from fallline.engine.kernels.activations import sloped, value
from fallline.engine.kernels.losses import delta, loss
from fallline.engine.kernels.vectors import (
    as_vector,
    fused,
    load_at,
    picks,
    store_at,
    sum_of_lanes,
    vector_of,
)

__all__ = ["descend"]

INT64 = ir.IntType(64)


def descend(call: Any) -> int:
    """``epochs`` steps of gradient descent on all rows."""
    run(call, call.theta, call.X, call.Y, call.shares, call.rates,
        1 if call.n_rates > 1 else 0, call.epochs, call.mass, call.every, call.first_epoch,
        call.recorded, call.limit, call.lowest, call.best, call.before)  # fmt: skip
    return 0


@intrinsic
def run(
    typing_context: Any,
    call: Any, theta: Any, X: Any, Y: Any, shares: Any, rates: Any, rate_step: Any, epochs: Any,
    mass: Any, every: Any, first_epoch: Any, recorded: Any, limit: Any, lowest: Any, best: Any,
    before: Any,
) -> Any:  # fmt: skip
    """See ``descend``; the call's type holds sizes, numbers of the activations, and of the loss."""
    sizes, codes, loss = call.shape

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, theta, X, Y, shares, rates, rate_step, epochs, mass, *watched = args
        write = Writer(context, builder, vector_of(sig.args[1].dtype))
        n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
        x = [write.load(X, k) for k in range(sizes[0])]
        y = [write.load(Y, k) for k in range(sizes[-1])]
        share = write.load(shares, 0)
        places = [cgutils.alloca_once(builder, write.kind.llvm) for _ in range(n_parameters)]
        for p, place in enumerate(places):
            builder.store(write.load(theta, p).value, place)
        lost = cgutils.alloca_once(builder, ir.DoubleType())
        watch = Watch(write, *watched)
        with cgutils.for_range(builder, epochs) as loop:
            rate = builder.load(builder.gep(rates, [builder.mul(loop.index, rate_step)]))
            minus_eta = write.everywhere(rate, types.float64).negative()
            old = [write.lanes(builder.load(place)) for place in places]
            watch.begin(loop.index, old)
            layers = by_layer(sizes, old)
            logits, A = forward(write, codes, layers, x)
            D = [write.delta(loss, z, t) * share for z, t in zip(logits, y, strict=True)]
            # Here, where the rest of the epoch waits for D, it takes half as long as at the end.
            with watch.is_recorded():
                builder.store(write.loss(loss, logits, y, share), lost)
            slopes = backward(write, codes, layers, A, D)
            for place, w, g in zip(places, old, slopes, strict=True):
                builder.store(w.plus(g, minus_eta).value, place)
            with watch.is_recorded():
                watch.note(builder.load(lost), mass, loop)
        for p, place in enumerate(places):
            write.store(theta, p, write.lanes(builder.load(place)))
        watch.end(n_parameters)
        return context.get_dummy_value()

    arguments = (theta, X, Y, shares, rates, rate_step, epochs, mass, every, first_epoch, recorded,
                 limit, lowest, best, before)  # fmt: skip
    return types.void(call, *arguments), code


class Watch:
    """Writes what is done about recorded epochs, as kernels.driver does it.

    The parameters before the epoch go to a spare place, which becomes that of the best ones where
    the loss is the lowest: so they need not stay in registers until the loss is known.
    """

    def __init__(
        self, write: "Writer", every: Any, first_epoch: Any, recorded: Any, limit: Any, lowest: Any,
        best: Any, before: Any,
    ) -> None:  # fmt: skip
        self.write, self.builder = write, write.builder
        self.every, self.recorded, self.limit, self.result, self.best = (
            every, recorded, limit, lowest, best,
        )  # fmt: skip
        self.first_epoch = first_epoch
        place = partial(cgutils.alloca_once_value, self.builder)
        none = self.builder.icmp_signed("==", every, INT64(0))
        start = self.builder.select(none, INT64(1), every)  # of a division below
        past = self.builder.srem(first_epoch, start)
        # epochs left until one is recorded: to the next multiple of ``every``, or none at all
        left = self.builder.srem(self.builder.sub(start, past), start)
        self.left = place(self.builder.select(none, INT64(-1), left))
        with self.builder.if_else(none) as (then, otherwise):
            with then:
                unwatched = self.builder.basic_block
            with otherwise:
                given = self.builder.load(lowest)
                watched = self.builder.basic_block
        first = self.builder.phi(ir.DoubleType())
        first.add_incoming(ir.DoubleType()(0.0), unwatched)
        first.add_incoming(given, watched)
        self.lowest, self.lowest_epoch, self.count = place(first), place(INT64(0)), place(INT64(0))
        self.none = none
        self.kept, self.spare = place(best), place(before)

    def begin(self, index: Any, theta: list["Lanes"]) -> None:
        """Count the epoch, and keep the parameters before it where it is one that is recorded."""
        builder = self.builder
        self.index, left = index, builder.load(self.left)
        self.now = builder.icmp_signed("==", left, INT64(0))
        with builder.if_then(self.now, likely=False):
            spare = builder.load(self.spare)
            for p, w in enumerate(theta):
                self.write.store(spare, p, w)
        again = builder.select(self.now, self.every, left)
        builder.store(builder.sub(again, INT64(1)), self.left)

    @contextmanager
    def is_recorded(self) -> Iterator[None]:
        """Where the epoch is one that is recorded."""
        with self.builder.if_then(self.now, likely=False):
            yield

    def note(self, lost: Any, mass: Any, loop: Any) -> None:
        """Record a loss; keep the parameters of the lowest; leave the loop where it ran away."""
        builder = self.builder
        loss = builder.fdiv(builder.fmul(mass, lost), mass)
        count = builder.load(self.count)
        builder.store(loss, builder.gep(self.recorded, [count]))
        builder.store(builder.add(count, INT64(1)), self.count)
        with builder.if_then(builder.fcmp_ordered("<", loss, builder.load(self.lowest))):
            builder.store(loss, self.lowest)
            builder.store(builder.add(self.first_epoch, self.index), self.lowest_epoch)
            kept, spare = builder.load(self.kept), builder.load(self.spare)
            builder.store(spare, self.kept)
            builder.store(kept, self.spare)
        with builder.if_then(builder.fcmp_unordered(">=", loss, self.limit), likely=False):
            loop.do_break()

    def end(self, n_parameters: int) -> None:
        """The lowest loss, its epoch, how many losses were recorded, and the best parameters."""
        builder, write = self.builder, self.write
        with builder.if_then(builder.not_(self.none)):
            kept = builder.load(self.kept)
            for p in range(n_parameters):
                write.store(self.best, p, write.load(kept, p))
            whole = [builder.load(place) for place in (self.lowest_epoch, self.count)]
            numbers = [builder.sitofp(each, ir.DoubleType()) for each in whole]
            for i, number in enumerate([builder.load(self.lowest), *numbers]):
                builder.store(number, builder.gep(self.result, [INT64(i)]))


def by_layer(sizes: Any, theta: list["Lanes"]) -> list[list[list["Lanes"]]]:
    """The rows of W over b, layer by layer."""
    layers, start = [], 0
    for n_in, n_out in pairwise(sizes):
        layers.append([theta[start + k * n_out : start + (k + 1) * n_out] for k in range(n_in + 1)])
        start += (n_in + 1) * n_out
    return layers


def forward(
    write: "Writer", codes: Any, layers: list[list[list["Lanes"]]], x: list["Lanes"]
) -> tuple[list["Lanes"], list[list["Lanes"]]]:
    """The logits, and what goes into each layer."""
    A = [x]
    for l, W in enumerate(layers):
        Z = [dot(A[-1], [row[j] for row in W[:-1]]) + b for j, b in enumerate(W[-1])]
        A.append(Z if l == len(codes) else [write.activation(codes[l], z) for z in Z])
    return A[-1], A[:-1]


def backward(
    write: "Writer", codes: Any, layers: list[list[list["Lanes"]]], A: list[list["Lanes"]],
    D: list["Lanes"],
) -> list["Lanes"]:  # fmt: skip
    """dLoss/dtheta by that of the logits, ``D``, in the layout of theta: W over b."""
    parts: list[list[Lanes]] = []
    for l, W in reversed(list(enumerate(layers))):
        dW = [write.sum_of_rows(a * d) for a in A[l] for d in D]
        parts.append(dW + [write.sum_of_rows(d) for d in D])
        if l > 0:
            code = codes[l - 1]
            below = [dot(D, row) for row in W[:-1]]
            D = [write.times_slope(code, a, d) for a, d in zip(A[l], below, strict=True)]
    return [g for part in reversed(parts) for g in part]


def dot(u: list["Lanes"], v: list["Lanes"]) -> "Lanes":
    """The sum of their products, in order: each but the first is fused into the sum so far."""
    total = u[0] * v[0]
    for a, b in zip(u[1:], v[1:], strict=True):
        total = total.plus(a, b)
    return total


class Lanes:
    """A vector while code is written: what is done to it becomes an instruction."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: "Lanes") -> "Lanes":
        return Lanes(self.builder, self.builder.fadd(self.value, other.value))

    def __mul__(self, other: "Lanes") -> "Lanes":
        return Lanes(self.builder, self.builder.fmul(self.value, other.value))

    def plus(self, a: "Lanes", b: "Lanes") -> "Lanes":
        """This plus a b, rounded once."""
        return Lanes(self.builder, fused(self.builder, a.value, b.value, self.value))

    def negative(self) -> "Lanes":
        """This times -1."""
        return Lanes(self.builder, self.builder.fneg(self.value))


class Writer:
    """Writes what is more than an operator: memory, the engine's functions, sums over rows."""

    def __init__(self, context: Any, builder: Any, kind: Any) -> None:
        self.context, self.builder, self.kind = context, builder, kind

    def lanes(self, vector: Any) -> Lanes:
        """A vector of LLVM's."""
        return Lanes(self.builder, vector)

    def place(self, pointer: Any, i: int) -> Any:
        return self.builder.gep(pointer, [ir.IntType(64)(i * self.kind.lanes)])

    def load(self, pointer: Any, i: int) -> Lanes:
        """Vector i from there on."""
        return self.lanes(load_at(self.builder, self.kind, self.place(pointer, i)))

    def store(self, pointer: Any, i: int, lanes: Lanes) -> None:
        """Write vector i from there on."""
        store_at(self.builder, self.kind, self.place(pointer, i), lanes.value)

    def everywhere(self, number: Any, kind: Any) -> Lanes:
        """A number in every lane."""
        return self.lanes(as_vector(self.context, self.builder, number, kind, self.kind))

    def sum_of_rows(self, lanes: Lanes) -> Lanes:
        """The sum of the lanes, in every lane: by halves, as vectors.sum_of_lanes adds them."""
        half = self.kind.lanes // 2
        while half:
            order = picks([i ^ half for i in range(self.kind.lanes)])
            lanes = lanes + self.lanes(self.builder.shuffle_vector(lanes.value, lanes.value, order))
            half //= 2
        return lanes

    def call(self, function: Any, code: int, *vectors: Lanes) -> Lanes:
        """One of the engine's functions of a code and vectors."""
        kinds = [self.kind] * len(vectors)
        found = self.context.compile_internal(
            self.builder,
            function,
            self.kind(types.int64, *kinds),
            [ir.IntType(64)(code), *(v.value for v in vectors)],
        )
        return self.lanes(found)

    def activation(self, code: int, z: Lanes) -> Lanes:
        """f(z)."""
        return self.call(value_of, code, z)

    def delta(self, code: int, z: Lanes, y: Lanes) -> Lanes:
        """dloss/dz."""
        return self.call(delta_of, code, z, y)

    def loss(self, code: int, Z: list[Lanes], Y: list[Lanes], share: Lanes) -> Any:
        """The mean loss of the rows, added up in float64 as kernels.losses does it."""
        builder = self.builder
        lost = self.lanes(ir.Constant(self.kind.llvm, [0.0] * self.kind.lanes))
        for z, y in zip(Z, Y, strict=True):
            lost = lost + self.call(loss_of, code, z, y)
        vector = (lost * share).value
        if self.kind.dtype == types.float32:
            vector = builder.fpext(vector, ir.VectorType(ir.DoubleType(), self.kind.lanes))
        return sum_of_lanes(builder, vector, self.kind.lanes)

    def times_slope(self, code: int, a: Lanes, d: Lanes) -> Lanes:
        """d f'(z), by a = f(z)."""
        return self.call(sloped_of, code, a, d)


# What ``Writer.call`` compiles: plain functions, which call the engine's.


def value_of(code: Any, z: Any) -> Any:
    """f(z)."""
    return value(code, z)


def delta_of(code: Any, z: Any, y: Any) -> Any:
    """dloss/dz."""
    return delta(code, z, y)


def loss_of(code: Any, z: Any, y: Any) -> Any:
    """The loss of one output."""
    return loss(code, z, y)


def sloped_of(code: Any, a: Any, d: Any) -> Any:
    """d f'(z)."""
    return sloped(code, a, d)
