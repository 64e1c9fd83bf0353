"""One pass over a table larger than memory, which counts its rows and draws samples.

Up to 200,000 rows are drawn to fit the encoding and the linear model, up to 50,000 each to validate
and to test, and 2,000 to calibrate intervals; rows held out are never trained on, sampled or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.data.cells import Reading
from fallline.data.contents import Contents
from fallline.data.reading import BlockReader, Paths, block_readers, joined
from fallline.data.table import Table
from fallline.errors import TableError
from fallline.tabular.preparation import with_target

__all__ = ["CALIBRATION_ROWS", "Blocks", "Division", "Reservoir", "Shares", "Survey", "survey"]

SAMPLE_ROWS, HELD_OUT_ROWS, CALIBRATION_ROWS = 200_000, 50_000, 2_000


class Shares(NamedTuple):
    """The shares of the rows to validate, to test and to calibrate by."""

    validation: float
    test: float
    calibration: float = 0.0

    def keys(self, draws: Array) -> "list[Array]":
        """For each part how far each of ``draws`` (n,), from [0, 1), lies into it; inf outside.

        >>> keys = Shares(0.25, 0.5).keys(np.array([0.125, 0.5, 0.9]))
        >>> [key.tolist() for key in keys]
        [[0.125, inf, inf], [inf, 0.25, inf], [inf, inf, inf]]
        """
        keys, start = [], 0.0
        for share in self:
            into = draws - start
            keys.append(np.where((into >= 0) & (into < share), into, np.inf))
            start += share
        return keys


@dataclass
class Reservoir:
    """A uniform sample of the rows seen: the ``most`` with the smallest keys.

    They are those with a key below ``limit``, once ``table`` has been called.
    """

    most: int
    limit: float = float("inf")
    tables: list[Table] = field(default_factory=list)
    keys: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, table: Table, keys: Array) -> None:
        rows = np.flatnonzero(keys < self.limit)
        if rows.size:
            self.tables.append(table.take(rows))
            self.keys = np.concatenate([self.keys, keys[rows]])
        if len(self.keys) > 2 * self.most:
            self.shrink()

    def shrink(self) -> None:
        if len(self.keys) > self.most:
            self.limit = float(np.partition(self.keys, self.most)[self.most])
        rows = np.flatnonzero(self.keys < self.limit)
        self.tables, self.keys = [joined(self.tables).take(rows)], self.keys[rows]

    def table(self) -> Table | None:
        if not self.tables:
            return None
        self.shrink()
        return self.tables[0]


@dataclass(frozen=True)
class Division:
    """Which rows train, validate, test and calibrate.

    Each row has a number drawn from [0, 1), which follows from ``seed``, its block and its place
    in it. Each part has the rows whose number lies less far into it than ``held``; all others
    train.
    """

    target: str
    seed: int
    shares: Shares
    held: Shares

    def training_rows(self, table: Table, block: int) -> Table:
        """The training rows of a block."""
        usable, _ = with_target(table, self.target)
        keys = self.shares.keys(draws_of(len(usable), block, self.seed))
        held = [key < most for key, most in zip(keys, self.held, strict=True)]
        return usable.take(np.flatnonzero(~np.any(held, axis=0)))


@dataclass(frozen=True)
class Blocks:
    """A surveyed file: blocks, the number of rows with a target, samples, and hashes."""

    readers: tuple[BlockReader, ...]
    division: Division
    n_rows: int
    set_aside: int
    samples: dict[str, Table | None]
    contents: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The column to predict."""
        return self.division.target

    @property
    def source(self) -> str:
        """The name of the files."""
        return next(table.source for table in self.samples.values() if table is not None)

    def rows(self, number: int) -> Table:
        """The training rows of a block."""
        return self.division.training_rows(self.readers[number](), number)


def draws_of(n_rows: int, block: int, seed: int) -> Array:
    return np.random.default_rng([seed, block]).random(n_rows)


@dataclass
class Survey:
    """Counts and samples of the rows seen: to train on, and one for each of ``Shares``."""

    target: str
    shares: Shares
    seed: int
    train: Reservoir = field(default_factory=lambda: Reservoir(SAMPLE_ROWS))
    validation: Reservoir = field(default_factory=lambda: Reservoir(HELD_OUT_ROWS))
    test: Reservoir = field(default_factory=lambda: Reservoir(HELD_OUT_ROWS))
    calibration: Reservoir = field(default_factory=lambda: Reservoir(CALIBRATION_ROWS))
    n_rows: int = 0
    set_aside: int = 0

    def add(self, table: Table, block: int, generator: np.random.Generator) -> None:
        """Add a block; ``generator`` draws the training sample."""
        table.require([self.target])
        usable = table.take(np.flatnonzero(~table.missing(self.target)))
        draws = draws_of(len(usable), block, self.seed)
        for part, keys in zip(Shares._fields, self.shares.keys(draws), strict=True):
            getattr(self, part).add(usable, keys)
        keys = generator.random(len(usable))
        self.train.add(usable, np.where(draws < sum(self.shares), np.inf, keys))
        self.n_rows += len(usable)
        self.set_aside += len(table) - len(usable)

    def blocks(self, readers: Sequence[BlockReader]) -> Blocks:
        """The result. Raises TableError if no row has a target."""
        if self.n_rows == 0:
            raise TableError(f"the target column {self.target!r} is empty in every row")
        samples = {part: getattr(self, part).table() for part in ("train", *Shares._fields)}
        limits = [getattr(self, part).limit for part in Shares._fields]
        held = Shares(*map(min, limits, self.shares))
        division = Division(self.target, self.seed, self.shares, held)
        return Blocks(tuple(readers), division, self.n_rows, self.set_aside, samples)


def survey(paths: Paths, how: Reading, target: str, shares: Shares, seed: int) -> Blocks:
    """The one pass: find the blocks, count the rows, draw the samples."""
    found, generator = Survey(target, shares, seed), np.random.default_rng(seed)
    contents = Contents()
    readers: list[BlockReader] = []
    for table, reader in block_readers(paths, how):
        found.add(table, len(readers), generator)
        contents.add(table)
        readers.append(reader)
    return replace(found.blocks(readers), contents=contents.to_dict())
