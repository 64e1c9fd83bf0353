"""`fallline predict`: one line per row, in order."""

import json as json_
import sys
import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from fallline.cli.groups import ReadingOptions
from fallline.cli.novelty import tell_new
from fallline.cli.outputs import check_output
from fallline.cli.screen import bare
from fallline.data.reading import read_blocks
from fallline.data.table import Table
from fallline.data.writing import Columns, write_blocks
from fallline.tabular.model import TableModel
from fallline.tabular.novelty import New, added
from fallline.tabular.predicting import columns_needed, predict_blocks


def run(
    model_path: str,
    paths: list[str],
    output: str | None,
    *,
    reading: ReadingOptions,
    columns: str | None,
    part: str,
    force: bool,
    spreadsheet: bool,
    extrapolate: bool,
    forms: Mapping[str, str],
    quiet: bool,
    json: bool,
) -> None:
    """Predict and write, block by block; at the end print the name of the file."""
    if output is not None:
        check_output(output, inputs=[*paths, model_path], force=force)
    began = time.perf_counter()
    model = TableModel.load(model_path)
    carried = [name.strip() for name in columns.split(",")] if columns else []
    needed = columns_needed(model, carried)
    how = reading.reading(only=needed, before=model.reading, forms=forms)
    blocks = Counted(read_blocks(paths, how))
    new: list[list[New]] = []
    found = predict_blocks(model, blocks, carried, part, extrapolate=extrapolate, new=new)
    # A pipe or a file gets the data unchanged, a terminal shows them escaped.
    screen = sys.stdout if sys.stdout.isatty() else bare(sys.stdout)
    write_blocks(
        output,
        for_screen(found, model, output),
        json=json,
        stream=screen,
        spreadsheet=spreadsheet,
    )
    seconds = time.perf_counter() - began
    cells = added(new, blocks.rows)
    if not (quiet or (json and output is not None)):
        tell_new(cells, model.encoding)
    if output is None:
        return
    if json:
        told = {"output": output, "rows": blocks.rows, "seconds": round(seconds, 3)}
        print(json_.dumps(told | {"new_cells": [one.to_dict() for one in cells]}))
    elif not quiet:
        print(f"{output}: {blocks.rows:,} rows predicted, {seconds:.1f} s", file=sys.stderr)


def for_screen(
    blocks: Iterable[Columns], model: TableModel, output: str | None
) -> Iterator[Columns]:
    """Predicted numbers, on a screen with as many decimals as the target has, in files with all."""
    decimals = model.facts.get("target_decimals")
    for block in blocks:
        if output is None and decimals is not None and sys.stdout.isatty():
            numbers = [name for name in ("prediction", "lower", "upper") if name in block]
            rounded = {
                name: np.round(np.asarray(block[name], dtype=float), decimals) for name in numbers
            }
            yield {**block, **rounded}
        else:
            yield block


class Counted:
    """Blocks, and how many rows they had so far."""

    def __init__(self, blocks: Iterable[Table]) -> None:
        self.blocks, self.rows = blocks, 0

    def __iter__(self) -> Iterator[Table]:
        for block in self.blocks:
            self.rows += len(block)
            yield block
