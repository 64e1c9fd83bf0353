"""`fallline predict`: one line per row, in order."""

from typing import Any

from fallline.cli.options import read
from fallline.table_model import TableModel
from fallline.writing import write_csv


def run(model_path: str, path: str, output: str | None, reading: dict[str, Any]) -> None:
    """Predict and write."""
    model = TableModel.load(model_path)
    write_csv(output, model.predict(read(path, reading)).columns())
