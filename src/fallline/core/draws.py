"""The first numbers of ``numpy.random.default_rng(seed)``, drawn without importing numpy.random.

That import takes 13 ms, a tenth of a process that trains one small network, whose weights are a few
dozen uniform numbers. Whoever needs more draws from NumPy; the numbers are the same.

Sources: the seed is spread over 256 bits by ``numpy.random.SeedSequence`` (M. E. O'Neill 2015,
"Developing a seed_seq alternative"); the generator is PCG64 (O'Neill 2014, "PCG: A family of simple
fast space-efficient statistically good algorithms for random number generation", XSL-RR 128/64).
"""

import math
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from fallline.arrays import Array

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Uniform", "uniform_draws"]

FEW = 500  # numbers in a process, which take half a millisecond
drawn: list[int] = []  # how many each generator of our own was made for
LOW = 0xFFFFFFFF
POOL = 4  # words of 32 bits
MULTIPLIER, LONG = 0x2360ED051FC65DA44385DF649FCCF645, (1 << 128) - 1


def uniform_draws(seed: int, count: int) -> "Uniform | Generator":
    """A generator for ``count`` uniform numbers: NumPy's, unless that alone would import it.

    Only a process's first few numbers are drawn without it.
    """
    if "numpy.random" in sys.modules or count + sum(drawn) > FEW:
        return np.random.default_rng(seed)
    drawn.append(count)
    return Uniform(seed)


class Uniform:
    """Uniform numbers in [0, 1), as ``numpy.random.default_rng(seed)`` draws them.

    >>> import numpy as np
    >>> drawn = Uniform(7).random((2, 3))
    >>> bool((drawn == np.random.default_rng(7).random((2, 3))).all())
    True
    """

    def __init__(self, seed: int) -> None:
        a, b, c, d = spread(seed)
        self.increment = ((c << 64 | d) << 1 | 1) & LONG
        self.state = self.after(self.increment + (a << 64 | b))

    def after(self, state: int) -> int:
        """The state that follows another."""
        return (state * MULTIPLIER + self.increment) & LONG

    def random(self, shape: tuple[int, ...]) -> Array:
        """The next numbers, row after row."""
        numbers = [self.number() for _ in range(math.prod(shape))]
        return np.array(numbers).reshape(shape)

    def number(self) -> float:
        """The next number: the first 53 bits of the state's halves, xored and rotated."""
        self.state = state = self.after(self.state)
        bits, turn = (state >> 64 ^ state) & (1 << 64) - 1, state >> 122
        bits = (bits >> turn | bits << 64 - turn) & (1 << 64) - 1
        return (bits >> 11) * 2.0**-53


@lru_cache(16)  # 20 us, and most networks of a process have the same few seeds
def spread(seed: int) -> tuple[int, ...]:
    """Four words of 64 bits from a seed of at least 0."""
    words = [seed >> shift & LOW for shift in range(0, max(seed.bit_length(), 1), 32)]
    keys = pairwise(powers(0x43B0D7E5, 0x931E8875))
    pool = [hashed(word, next(keys)) for word in (*words, 0, 0, 0, 0)[:POOL]]
    for source in range(POOL):
        for place in range(POOL):
            if place != source:
                pool[place] = mixed(pool[place], hashed(pool[source], next(keys)))
    for word in words[POOL:]:
        pool = [mixed(each, hashed(word, next(keys))) for each in pool]
    state = [*map(hashed, pool + pool, OF_STATE)]
    return tuple(low | high << 32 for low, high in zip(state[::2], state[1::2], strict=True))


def powers(number: int, factor: int) -> Iterator[int]:
    """A number, multiplied by a factor again and again, in 32 bits."""
    while True:
        yield number
        number = number * factor & LOW


def hashed(word: int, key: tuple[int, int]) -> int:
    """A hash of 32 bits, another one for each key."""
    word = (word ^ key[0]) * key[1] & LOW
    return word ^ word >> 16


def mixed(one: int, other: int) -> int:
    """One word of 32 bits from two."""
    word = (0xCA01F9DD * one - 0x4973F715 * other) & LOW
    return word ^ word >> 16


OF_STATE = [*islice(pairwise(powers(0x8B51F9DD, 0x58F38DED)), 2 * POOL)]
