"""Training on a table larger than memory: block by block, an epoch a pass over the file.

One pass draws samples: up to 200,000 rows to fit the encoding and the linear model, and up to
50,000 each to validate and to test; rows held out are never trained on, sampled or not. Then every
epoch visits the blocks in a seeded order, and shuffles the rows inside each. The optimiser's state
goes on from block to block as if they were one table.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.backprop import mean_loss, shares_of
from fallline.baselines import new_network
from fallline.columns import NumberColumn
from fallline.engine import serves
from fallline.errors import (
    DivergenceWarning,
    FileWriteError,
    InterruptedWarning,
    ParameterError,
    TableError,
)
from fallline.history import History
from fallline.limits import check_integer, check_number
from fallline.modelfile import Checkpoint, Path_
from fallline.network import Network
from fallline.optimizers import LBFGS
from fallline.position import Position
from fallline.preparation import (
    Prepared,
    Split,
    balanced_weights,
    column_types,
    column_weights,
    encode,
    with_target,
)
from fallline.reading import BlockReader, Paths, Reading, block_readers, joined
from fallline.recipes import Recipe, recipes
from fallline.stopping import Patience
from fallline.table_model import Run, TableModel, add_scores, facts_of
from fallline.tables import Table
from fallline.targets import guess_task
from fallline.training import Progress, score, train

__all__ = ["Blocks", "survey", "train_large"]

SAMPLE_ROWS = 200_000
HELD_ROWS = 50_000
MOST_PASSES = 300_000_000  # rows over all epochs, where no number of epochs is given
FEWEST_EPOCHS = 3


@dataclass
class Reservoir:
    """A uniform sample of the rows that passed: the ``most`` with the smallest keys.

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
    """Which rows train, validate and test.

    Each row has a number drawn from [0, 1), which follows from ``seed``, its block and its place
    in it. Those below ``held`` validate; those from ``shares[0]`` on, less than ``tested`` above
    it, test; all others train.
    """

    target: str
    seed: int
    shares: tuple[float, float]
    held: float
    tested: float

    def training_rows(self, table: Table, block: int) -> Table:
        """The training rows of a block."""
        usable, _ = with_target(table, self.target)
        draws = draws_of(len(usable), block, self.seed)
        tested = (draws >= self.shares[0]) & (draws - self.shares[0] < self.tested)
        return usable.take(np.flatnonzero((draws >= self.held) & ~tested))


@dataclass(frozen=True)
class Blocks:
    """A surveyed file: its blocks, how many rows have a target, and the samples."""

    readers: tuple[BlockReader, ...]
    division: Division
    n_rows: int
    set_aside: int
    samples: dict[str, Table | None]

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
    """Counts and samples of the rows that passed; samples to train on, to validate and to test."""

    target: str
    shares: tuple[float, float]
    seed: int
    kept: Reservoir = field(default_factory=lambda: Reservoir(SAMPLE_ROWS))
    held: Reservoir = field(default_factory=lambda: Reservoir(HELD_ROWS))
    tested: Reservoir = field(default_factory=lambda: Reservoir(HELD_ROWS))
    n_rows: int = 0
    set_aside: int = 0

    def add(self, table: Table, block: int, generator: np.random.Generator) -> None:
        """Let a block pass; the sample to train on is drawn by ``generator``."""
        table.require([self.target])
        usable = table.take(np.flatnonzero(~table.missing(self.target)))
        draws = draws_of(len(usable), block, self.seed)
        above = draws - self.shares[0]
        self.held.add(usable, np.where(draws < self.shares[0], draws, np.inf))
        self.tested.add(usable, np.where((above >= 0) & (above < self.shares[1]), above, np.inf))
        keys = generator.random(len(usable))
        self.kept.add(usable, np.where(draws < sum(self.shares), np.inf, keys))
        self.n_rows += len(usable)
        self.set_aside += len(table) - len(usable)

    def blocks(self, readers: Sequence[BlockReader]) -> Blocks:
        """What it found. Raises TableError where no row has a target."""
        if self.n_rows == 0:
            raise TableError(f"the target column {self.target!r} is empty in every row")
        samples = {
            "kept": self.kept.table(), "held": self.held.table(), "tested": self.tested.table()
        }  # fmt: skip
        ends = min(self.held.limit, self.shares[0]), min(self.tested.limit, self.shares[1])
        division = Division(self.target, self.seed, self.shares, *ends)
        return Blocks(tuple(readers), division, self.n_rows, self.set_aside, samples)


def survey(
    paths: Paths, how: Reading, target: str, shares: tuple[float, float], seed: int
) -> Blocks:
    """The one pass: find the blocks, count the rows, draw the samples."""
    found, generator = Survey(target, shares, seed), np.random.default_rng(seed)
    readers: list[BlockReader] = []
    for table, reader in block_readers(paths, how):
        found.add(table, len(readers), generator)
        readers.append(reader)
    return found.blocks(readers)


def train_large(
    paths: Paths,
    target: str,
    *,
    how: Reading | None = None,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    weights: str | None = None,
    class_weight: str | None = None,
    validation: float | Table = 0.15,
    test: float | Table | None = None,
    preset: str = "standard",
    seed: int = 0,
    threads: int | None = None,
    baseline: bool = True,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[Run], Any] | None = None,
    checkpoint: Path_ | None = None,
    resume: bool = False,
    **given: Any,
) -> TableModel:
    """Train on files that need not fit into memory; the parameters are those of ``train_table``.

    A preset of several recipes is taken as its first; where ``epochs`` is not given, there are
    fewer for more rows. ``checkpoint`` is written after each epoch, ``resume`` goes on from it.
    Raises TableError or ParameterError.
    """
    check_integer("seed", seed)
    shares = share_of("validation", validation), share_of("test", test)
    blocks = survey(paths, how or Reading(), target, shares, seed)
    recipe = recipe_for(preset, given, blocks.n_rows)
    kinds = column_types(types, ignore, weights)
    data = prepare_samples(
        blocks, validation, test, task=task, types=kinds, weights=weights, class_weight=class_weight
    )
    network = new_network(data.encoding, recipe.hidden, recipe.activation, seed)
    if on_run is not None:
        on_run(Run(1, 1, recipe))
    weigh = Weigher(data, weights, class_weight)
    pass_ = Passes(network, blocks, data, recipe, weigh, threads, callbacks, checkpoint)
    history = pass_.train(resume=resume)
    facts = facts_of(data, recipe, history, 1, seed)
    facts |= {
        "source": Path(blocks.source).name,
        "preset": preset,
        "rows": blocks.n_rows,
        "training_rows": blocks.n_rows - len(data.held) - len(data.tested),
        "encoding_sample": len(data.kept),
        "set_aside": blocks.set_aside,
        "weights": weights,
        "class_weight": class_weight,
        "validation": validation if isinstance(validation, float) else "a table",
    }
    model = TableModel(network, data.encoding, history, facts, list(data.encoding.notes))
    model.notes.append(
        f"the table was read in {len(blocks.readers):,} blocks; the encoding and the linear model "
        f"are fitted on {len(data.kept):,} rows drawn from all of it"
    )
    model.notes += [pass_.failure] if pass_.failure else []
    add_scores(model, data, baseline=baseline)
    return model


def share_of(name: str, part: float | Table | None) -> float:
    if part is None or isinstance(part, Table):
        return 0.0
    return check_number(name, part)


def recipe_for(preset: str, given: Mapping[str, Any], n_rows: int) -> Recipe:
    recipe = recipes(preset, given)[0]
    if recipe.optimizer == "lbfgs" or isinstance(recipe.optimizer, LBFGS):
        raise ParameterError("L-BFGS needs all rows at once; use another optimizer for this table")
    if given.get("epochs") is None:
        fewer = max(MOST_PASSES // max(n_rows, 1), FEWEST_EPOCHS)
        recipe = replace(recipe, epochs=min(recipe.epochs, fewer))
    return recipe.for_rows(n_rows)


def prepare_samples(
    blocks: Blocks, validation: float | Table, test: float | Table | None, **options: Any
) -> Prepared:
    """The samples as if they were the whole table: encoding, X, y."""
    kept = blocks.samples["kept"]
    held = validation if isinstance(validation, Table) else blocks.samples["held"]
    tested = test if isinstance(test, Table) else blocks.samples["tested"]
    if kept is None or held is None:
        raise TableError(f"too few rows have a value in {blocks.target!r} to train on")
    tables = [kept, *(with_target(t, blocks.target)[0] for t in (held, tested) if t is not None)]
    ends = np.cumsum([0, *(len(table) for table in tables)])
    rows = [np.arange(start, end) for start, end in pairwise(ends)]
    split = Split(rows[0], rows[1], rows[2] if len(rows) > 2 else np.arange(0))
    task = options.pop("task") or guess_task(kept, blocks.target, split.kept)
    data = encode(tables, blocks.target, split, task=task, set_aside=blocks.set_aside, **options)
    numbering = [c.name for c in data.encoding.columns if counts_rows(kept, c)]
    unset = [name for name in numbering if name not in options["types"]]
    if unset:
        options["types"] = options["types"] | dict.fromkeys(unset, "skip")
        data = encode(tables, blocks.target, split, task=task, **options)
    return data


def counts_rows(sample: Table, column: Any) -> bool:
    """Whether a column of a sample says in which row of the file it stands."""
    if not isinstance(column, NumberColumn) or len(sample) < 2:
        return False
    difference = sample.numbers(column.name) - sample.lines
    return bool(np.ptp(difference) == 0)


class Weigher:
    """The weights of a block's rows; those of the classes are as in the sample of all rows."""

    def __init__(self, data: Prepared, weights: str | None, class_weight: str | None) -> None:
        self.weights, self.by_class = weights, None
        if class_weight is not None:
            codes = data.y[data.kept].astype(np.intp)
            self.by_class = balanced_weights(data.encoding, codes, class_weight)

    def __call__(self, table: Table, y: Array) -> Array | None:
        own = None if self.weights is None else column_weights(table, self.weights)
        if self.by_class is None:
            return own
        by_class = self.by_class[y.astype(np.intp)]
        return by_class if own is None else own * by_class


class Carry:
    """Hands the optimiser's state from one block's training to the next; see ``Checkpointer``."""

    every = 1

    def __init__(self, position: Position | None) -> None:
        self.position = position

    def resume(self, network: Network, settings: dict[str, Any]) -> Position | None:
        if self.position is None:
            return None
        p = self.position
        return Position(step=p.step, generator=p.generator, state=p.state, first_loss=p.first_loss)

    def save(self, network: Network, position: Position, settings: dict[str, Any]) -> None:
        self.position = position


class Passes:
    """The epochs over the blocks of one run, with validation, patience and checkpoints."""

    def __init__(
        self,
        network: Network,
        blocks: Blocks,
        data: Prepared,
        recipe: Recipe,
        weigh: Weigher,
        threads: int | None,
        callbacks: Sequence[Callable[[Progress], Any]],
        checkpoint: Path_ | None,
    ) -> None:
        self.network, self.blocks, self.data, self.recipe = network, blocks, data, recipe
        self.weigh, self.threads, self.callbacks = weigh, threads, callbacks
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint)
        self.optimizer = recipe.build(blocks.n_rows)
        self.carry = Carry(None)
        self.engine = "auto" if not serves(network, self.optimizer) else "compiled"
        X, y, _ = data.part(data.held)
        self.held_out = network.samples(X, y)
        self.began = time.perf_counter()
        self.position = Position()
        self.failure: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What a run that goes on must share."""
        return {
            "recipe": repr(replace(self.recipe, epochs=0)),
            "seed": self.blocks.division.seed,
            "rows": self.blocks.n_rows,
            "blocks": len(self.blocks.readers),
        }

    def train(self, *, resume: bool) -> History:
        if resume and self.checkpoint is not None:
            kept = self.checkpoint.resume(self.network, self.settings)
            if kept is not None:
                self.position = kept
                self.carry = Carry(kept)
        before = self.position.history.seconds
        patience = Patience(self.recipe.patience)
        history = self.position.history
        while self.position.epoch < self.recipe.epochs:
            if not self.epoch(history):
                break
            history.seconds = before + time.perf_counter() - self.began
            self.keep()
            reason = patience(history, 0.0)
            if reason:
                history.stopped, history.message = "rule", reason
                break
            progress = Progress(
                self.network, self.position.epoch - 1, self.recipe.epochs, history, history.seconds
            )
            for callback in self.callbacks:
                callback(progress)
        if self.position.best is not None:
            self.network.parameters = self.position.best
            history.best_epoch = self.position.best_epoch
        history.seconds = before + time.perf_counter() - self.began
        return history

    def keep(self) -> None:
        """Write the checkpoint. A failure does not end the run, which may still save its model."""
        if self.checkpoint is None:
            return
        self.failure = None
        try:
            self.checkpoint.save(self.network, self.whole_position(), self.settings)
        except FileWriteError as reason:
            self.failure = f"no checkpoint was kept: {reason}"

    def epoch(self, history: History) -> bool:
        """One pass over the blocks; False where it was cut short."""
        total = n_rows = 0.0
        try:
            for number in self.order():
                part, rows = self.block(number)
                if part.stopped in ("interrupted", "diverged"):
                    history.stopped, history.message = part.stopped, part.message
                    return False
                total, n_rows = total + part.loss[-1] * rows, n_rows + rows
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            history.message = "interrupted; the best epoch's parameters are kept"
            return False
        self.record(history, total / max(n_rows, 1.0))
        return True

    def order(self) -> list[int]:
        """The order of the blocks in this epoch."""
        generator = np.random.default_rng([self.blocks.division.seed, self.position.epoch])
        order: list[int] = generator.permutation(len(self.blocks.readers)).tolist()
        return order

    def block(self, number: int) -> tuple[History, int]:
        table = self.blocks.rows(number)
        if len(table) == 0:
            return History(loss=[0.0]), 0
        encoding = self.data.encoding
        X = encoding.transform(table, self.network.dtype)
        y, _ = encoding.encode_target(table)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DivergenceWarning)
            warnings.simplefilter("ignore", InterruptedWarning)
            history = train(
                self.network,
                X,
                y,
                optimizer=self.optimizer,
                epochs=1,
                batch_size=self.recipe.batch_size,
                seed=self.blocks.division.seed,
                l2=self.recipe.l2 or 0.0,
                l1=self.recipe.l1,
                dropout=self.recipe.dropout,
                sample_weight=self.weigh(table, y),
                checkpoint=self.carry,
                engine=self.engine,
                threads=self.threads,
            )
        return history, len(X)

    def record(self, history: History, loss: float) -> None:
        """Validate, and keep the parameters where they are the best so far."""
        position = self.position
        history.record(position.epoch, loss)
        forward = self.network.forward(self.held_out.X)
        shares = shares_of(len(self.held_out), None)
        held = mean_loss(self.network, forward.Z[-1], self.held_out.Y, shares)
        history.validation_loss.append(held)
        history.validation_score.append(score(self.network, forward.A[-1], self.held_out.Y))
        if held < position.best_loss:
            position.best, position.best_loss = self.network.parameters.copy(), held
            position.best_epoch = position.epoch
        position.epoch += 1
        history.epochs_done = position.epoch

    def whole_position(self) -> Position:
        """The run's own position, with the optimiser's state of the last block."""
        carried = self.carry.position
        if carried is None:
            return self.position
        return replace(
            self.position,
            step=carried.step,
            state=carried.state,
            first_loss=carried.first_loss,
            generator=carried.generator,
        )
