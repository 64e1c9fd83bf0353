"""The samples of a table larger than memory, prepared as if they were the whole table.

The encoding and the linear model are fitted on them, and the network is validated and tested and
its intervals are calibrated.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.data.binning import bins_for
from fallline.data.columns import NumberColumn
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.data.targets import guess_task
from fallline.errors import ParameterError, TableError
from fallline.limits import check_number
from fallline.tabular.options import TableOptions
from fallline.tabular.preparation import (
    Prepared,
    Split,
    balanced_weights,
    column_types,
    column_weights,
    encode,
    kept_types,
    ordered_classes,
    read_alike,
    with_target,
)
from fallline.tabular.recipes import Recipe
from fallline.tabular.survey import Blocks, Shares

__all__ = ["Weigher", "prepare_samples", "shares_of_rows"]


MOST_CALIBRATION = 0.3  # of the rows that neither validate nor test


def shares_of_rows(options: TableOptions) -> Shares:
    """The shares of the rows to validate, to test and to calibrate by; 0 if there is a table
    instead, or no interval.

    How many rows there are is not known yet: of the last share, the survey keeps 2,000 rows.
    """
    held = [share_of(name, options[name]) for name in ("validation", "test")]
    apart = 0.0 if options["interval"] is None else MOST_CALIBRATION * max(1.0 - sum(held), 0.0)
    return Shares(held[0], held[1], apart)


def share_of(name: str, part: float | Table | None) -> float:
    if part is None or isinstance(part, Table):
        return 0.0
    return check_number(name, part)


def prepare_samples(blocks: Blocks, options: TableOptions, recipe: Recipe) -> Prepared:
    """The samples, or the tables given instead: encoding, X, y.

    ``recipe`` says how many bins numbers have. A column of the sample that counts the rows of the
    file is left out. Raises TableError.
    """
    samples = dict(blocks.samples)
    for name, part in (("validation", options["validation"]), ("test", options["test"])):
        if isinstance(part, Table):
            samples[name] = part
    train, validation = samples["train"], samples["validation"]
    if train is None or validation is None:
        raise TableError(f"too few rows have a value in {blocks.target!r} to train on")
    train = resolved(train, kept_types(options), target=blocks.target, task=options["task"])
    train, _ = with_target(train, blocks.target)
    held_out = [
        None if part is None else with_target(read_alike(part, train), blocks.target)[0]
        for part in map(samples.get, Shares._fields)
    ]
    tables = [train, *(part for part in held_out if part is not None)]
    sizes = [0 if part is None else len(part) for part in held_out]
    ends = np.cumsum([0, len(train), *sizes])
    *split_rows, calibration = (np.arange(start, end) for start, end in pairwise(ends))
    split = Split(*split_rows)
    types = column_types(options["types"], options["ignore"], options["weights"])
    how: dict[str, Any] = {
        "task": options["task"] or guess_task(train, blocks.target, split.train),
        "weights": options["weights"],
        "class_weight": options["class_weight"],
        "set_aside": blocks.set_aside,
        "dtype": recipe.dtype,
        "bins": bins_for(blocks.n_rows) if recipe.bins is None else recipe.bins,
    }
    how["classes"] = ordered_classes(train, blocks.target, how["task"], options["positive"])
    if options["split"] != "random":
        raise ParameterError(
            "a table in blocks, or on a cluster, holds out rows at random: give the last rows as "
            "files of their own, --validation FILE and --test FILE"
        )
    data = encode(tables, blocks.target, split, types=types, **how)
    counters = [c.name for c in data.encoding.cells if counts_rows(train, c)]
    if not set(counters) <= types.keys():
        types = dict.fromkeys(counters, "skip") | types
        data = encode(tables, blocks.target, split, types=types, **how)
    return replace(data, calibration=calibration)


def counts_rows(sample: Table, column: Any) -> bool:
    """Whether a column of a sample numbers the rows of the file."""
    if not isinstance(column, NumberColumn) or len(sample) < 2:
        return False
    difference = sample.numbers(column.name) - sample.lines
    return bool(np.ptp(difference) == 0)


class Weigher:
    """The weights of a block's rows; those of the classes are as in the sample of all rows."""

    def __init__(self, data: Prepared, weights: str | None, class_weight: str | None) -> None:
        self.weights, self.by_class = weights, None
        if class_weight is not None:
            codes = data.y[data.train].astype(np.intp)
            self.by_class = balanced_weights(data.encoding, codes, class_weight)

    def __call__(self, table: Table, y: Array) -> Array | None:
        own = None if self.weights is None else column_weights(table, self.weights)
        if self.by_class is None:
            return own
        by_class = self.by_class[y.astype(np.intp)]
        return by_class if own is None else own * by_class
