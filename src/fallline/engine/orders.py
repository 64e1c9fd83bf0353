"""Orders of the rows, as ``numpy.random.Generator.permutation`` draws them, many at a time."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.engine.library import function, usable
from fallline.engine.records import SHUFFLE, Record

__all__ = ["permutations"]

HALF = (1 << 64) - 1
WORTH = 1500  # numbers; with fewer, NumPy is as fast as reading and restoring its generator's state


def permutations(generators: Sequence["np.random.Generator"], n: int, count: int) -> Array:
    """``count`` permutations of 0 .. n - 1 from each generator, joined.

    The generators advance as in NumPy.
    """
    known = all(isinstance(g.bit_generator, np.random.PCG64) for g in generators)
    if n * count < WORTH or not known or not usable() or not as_numpy():
        return joined(generators, n, count)
    return compiled(generators, n, count)


def joined(generators: Sequence["np.random.Generator"], n: int, count: int) -> Array:
    """By NumPy itself."""
    drawn = [generator.permutation(n) for generator in generators for _ in range(count)]
    return np.concatenate(drawn) if len(drawn) > 1 else drawn[0]


def compiled(generators: Sequence["np.random.Generator"], n: int, count: int) -> Array:
    """By kernels.shuffle."""
    states = np.array([halves(g.bit_generator.state) for g in generators], np.uint64)
    orders = np.empty(len(generators) * count * n, np.int64)
    record = Record(SHUFFLE, np.float64, states=states, n_generators=len(states), n_rows=n,
                    count=count, orders=orders)  # fmt: skip
    function("shuffle", np.float64)(record.address)
    for generator, state in zip(generators, states.tolist(), strict=True):
        put_back(generator, state)
    return orders


def halves(state: Any) -> list[int]:
    """A generator's state in the form for kernels.shuffle."""
    whole = [state["state"]["state"], state["state"]["inc"]]
    words = [word for number in whole for word in (number & HALF, number >> 64)]
    return [*words, state["has_uint32"], state["uinteger"]]


def put_back(generator: "np.random.Generator", words: list[int]) -> None:
    """The inverse of ``halves``."""
    low, high, inc_low, inc_high, left, rest = words
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": low | high << 64, "inc": inc_low | inc_high << 64},
        "has_uint32": left,
        "uinteger": rest,
    }


@cache
def as_numpy() -> bool:
    """Whether this NumPy shuffles as kernels.shuffle does: it may change with the version."""
    mine, theirs = np.random.default_rng(1), np.random.default_rng(1)
    same = bool((compiled([mine], 99, 3) == joined([theirs], 99, 3)).all())
    return same and mine.bit_generator.state == theirs.bit_generator.state
