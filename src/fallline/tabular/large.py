"""Training on a table larger than memory, block by block; an epoch is a pass over the file.

One pass draws samples (``survey``); rows held out are never trained on, sampled or not. Then every
epoch visits the blocks in a seeded order, and shuffles the rows inside each
(:mod:`fallline.training.block_steps`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from fallline.core.network import Network
from fallline.core.samples import AnySamples
from fallline.data.cells import Reading
from fallline.data.encoding import Encoding
from fallline.data.reading import Paths
from fallline.limits import check_integer
from fallline.tabular.intervals import add_interval, asked_level, check_calibration
from fallline.tabular.model import TableModel
from fallline.tabular.one_run import Fit, train_recipe
from fallline.tabular.options import TableOptions, with_defaults
from fallline.tabular.preparation import Prepared, rows_of, with_target
from fallline.tabular.recipes import Recipe, RecipeStart, recipes
from fallline.tabular.record import record_of
from fallline.tabular.samples import Weigher, prepare_samples, shares_of_rows
from fallline.tabular.soft import refuse_soft
from fallline.tabular.survey import Blocks, survey
from fallline.tabular.train import complete, cool
from fallline.training.block_steps import BlockSteps
from fallline.training.history import History
from fallline.training.run import Run
from fallline.training.settings import Settings, TrainOptions

__all__ = ["Origin", "train_large", "train_surveyed"]

MAX_ROWS_SEEN = 300_000_000  # over all epochs, if no number of epochs is given
MIN_EPOCHS = 3


def train_large(
    paths: Paths, target: str, *, how: Reading | None = None, **options: Unpack[TableOptions]
) -> TableModel:
    """Train on files that need not fit into memory; the options are those of ``train_table``.

    Of a preset with several recipes the first is used. If ``epochs`` is not given, more rows get
    fewer epochs. L-BFGS reads the whole table for each evaluation of the loss. Raises TableError or
    ParameterError.
    """
    given = with_defaults(options)
    asked_level(given)  # refused before anything is read
    refuse_soft(given, "block by block")
    seed = check_integer("seed", given["seed"])
    blocks = survey(paths, how or Reading(), target, shares_of_rows(given), seed)
    data = prepare_samples(blocks, given, recipes(given)[0])
    check_calibration(given, data)
    recipe = recipe_for(given, blocks.n_rows, data.encoding.task)
    weigh = Weigher(data, given["weights"], given["class_weight"])
    facts = {"rows": blocks.n_rows, "blocks": len(blocks.readers)}

    def fit(network: Network, options: TrainOptions) -> History:
        settings = Settings.checked(network, options, validated=True)._replace(rows=facts)
        rows = EncodedBlocks(blocks, data.encoding, weigh, network)
        make = partial(BlockSteps, network, rows, settings)
        X, y, _ = data.part(data.validation)
        return Run(network, settings, make, network.rows(X, y)).whole()

    n_blocks, name = len(blocks.readers), Path(blocks.source).name
    note = (
        f"the table was read in {n_blocks:,} block{'s' * (n_blocks != 1)}; the encoding and the "
        f"linear model are fitted on {len(data.train):,} rows drawn from all of it"
    )
    origin = Origin("blocks", name, name, note, how or Reading(), blocks.contents)
    return train_surveyed(data, blocks, recipe, given, fit, origin)


@dataclass(frozen=True)
class Origin:
    """Where the rows of a surveyed table are: in "blocks", or on a "cluster".

    ``source`` names the table, ``files`` all its files; ``note`` says how they were read, ``how``
    by which options; ``contents`` are those of the table (:mod:`fallline.data.contents`).
    """

    place: str
    source: str
    files: str
    note: str
    how: Reading
    contents: Mapping[str, Any]


def train_surveyed(
    data: Prepared, blocks: Blocks, recipe: Recipe, options: TableOptions, fit: Fit, origin: Origin
) -> TableModel:
    """The model of a table that is larger than memory: ``data`` are samples of it, and ``fit``
    trains on all of its rows.
    """
    if options["checkpoint"] is not None:
        options["checkpoint"].data = f"{blocks.n_rows} rows in {origin.files}"
    model = train_recipe(data, RecipeStart(1, 1, recipe), options, blocks.n_rows, fit)
    cool(model, data)
    add_interval(model, data, asked_level(options), by_class=options["by_class"])
    model.notes.append(origin.note)
    reading = origin.how.kept()
    complete(model, data, options, source=origin.source, reading=reading, surveyed=blocks)
    model.facts["record"] = record_of(options, origin.place, origin.contents, model.ended)
    return model


def recipe_for(options: TableOptions, n_rows: int, task: str) -> Recipe:
    """The preset's first recipe, with fewer epochs for more rows if no number is given."""
    recipe = recipes(options)[0]
    if options["epochs"] is None:
        fewer = max(MAX_ROWS_SEEN // max(n_rows, 1), MIN_EPOCHS)
        recipe = replace(recipe, epochs=min(recipe.epochs, fewer))
    return recipe.for_rows(n_rows, task)


@dataclass(frozen=True)
class EncodedBlocks:
    """The encoded training rows of the blocks, each read when it is needed."""

    blocks: Blocks
    encoding: Encoding
    weigh: Weigher
    network: Network

    def __len__(self) -> int:
        return len(self.blocks.readers)

    def samples(self, number: int) -> AnySamples | None:
        """The training rows of a block; None if it has none."""
        table = self.encoding.read(self.blocks.rows(number))
        if len(table) == 0:
            return None
        table, _ = with_target(table, self.encoding.target)  # texts may mean a missing value
        X = rows_of(self.encoding, [table], self.network.dtype)
        y, _ = self.encoding.encode_target(table)
        return self.network.rows(X, y, self.weigh(table, y))
