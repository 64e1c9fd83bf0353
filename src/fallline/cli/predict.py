"""`fallline predict`: one line per row, in order."""

import json as json_
import sys
import time
from collections.abc import Iterable, Iterator

from fallline.cli.groups import ReadingOptions
from fallline.cli.options import check_output
from fallline.data.reading import read_blocks
from fallline.data.table import Table
from fallline.data.writing import write_blocks
from fallline.tabular.model import TableModel
from fallline.tabular.predicting import columns_needed, predict_blocks


def run(
    model_path: str,
    paths: list[str],
    output: str | None,
    *,
    reading: ReadingOptions,
    columns: str | None,
    part: str,
    quiet: bool,
    json: bool,
) -> None:
    """Predict and write, block by block; a file is told of at the end."""
    if output is not None:
        check_output(output)
    began = time.perf_counter()
    model = TableModel.load(model_path)
    carried = [name.strip() for name in columns.split(",")] if columns else []
    how = reading.reading(only=columns_needed(model, carried), before=model.reading)
    blocks = Counted(read_blocks(paths, how))
    write_blocks(output, predict_blocks(model, blocks, carried, part), json=json)
    seconds = time.perf_counter() - began
    if output is None:
        return
    if json:
        print(json_.dumps({"output": output, "rows": blocks.rows, "seconds": round(seconds, 3)}))
    elif not quiet:
        print(f"{output}: {blocks.rows:,} rows predicted, {seconds:.1f} s", file=sys.stderr)


class Counted:
    """Blocks, and how many rows they had so far."""

    def __init__(self, blocks: Iterable[Table]) -> None:
        self.blocks, self.rows = blocks, 0

    def __iter__(self) -> Iterator[Table]:
        for block in self.blocks:
            self.rows += len(block)
            yield block
