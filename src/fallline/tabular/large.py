"""Training on a table larger than memory: block by block, an epoch a pass over the file.

One pass draws samples: up to 200,000 rows to fit the encoding and the linear model, and up to
50,000 each to validate and to test; rows held out are never trained on, sampled or not. Then every
epoch visits the blocks in a seeded order, and shuffles the rows inside each. The optimiser's state
goes on from block to block as if they were one table.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import mean_loss, shares_of
from fallline.core.network import Network
from fallline.core.optimizers import LBFGS
from fallline.data.cells import Reading
from fallline.data.columns import NumberColumn
from fallline.data.reading import Paths
from fallline.data.table import Table
from fallline.data.targets import guess_task
from fallline.engine import serves
from fallline.errors import (
    DivergenceWarning,
    FileWriteError,
    InterruptedWarning,
    ParameterError,
    TableError,
)
from fallline.limits import check_integer, check_number
from fallline.saving.modelfile import Checkpoint, Path_
from fallline.tabular.baselines import new_network
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import (
    Prepared,
    Split,
    balanced_weights,
    column_types,
    column_weights,
    encode,
    with_target,
)
from fallline.tabular.recipes import Recipe, recipes
from fallline.tabular.survey import Blocks, survey
from fallline.tabular.train import Run, add_scores, facts_of
from fallline.training.history import History
from fallline.training.position import Position
from fallline.training.run import Progress, score, train
from fallline.training.stopping import Patience

__all__ = ["train_large"]

MOST_PASSES = 300_000_000  # rows over all epochs, where no number of epochs is given
FEWEST_EPOCHS = 3


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
