"""`fallline predict`: one line per row, in order."""

from typing import Any

from fallline.cli.options import check_output, reading_of
from fallline.predicting import columns_needed, predict_blocks
from fallline.reading import Reading, read_blocks
from fallline.table_model import TableModel
from fallline.writing import write_blocks


def run(
    model_path: str,
    paths: list[str],
    output: str | None,
    *,
    reading: dict[str, Any],
    columns: str | None,
    part: str,
) -> None:
    """Predict and write, block by block."""
    if output is not None:
        check_output(output)
    model = TableModel.load(model_path)
    carried = [name.strip() for name in columns.split(",")] if columns else []
    how = Reading(**reading_of(reading), only=columns_needed(model, carried))
    write_blocks(output, predict_blocks(model, read_blocks(paths, how), carried, part))
