"""Predictions of a table block by block, in constant memory, as columns to write."""

from collections.abc import Iterable, Iterator, Sequence

from fallline.columns import SkippedColumn
from fallline.errors import ParameterError, TableError
from fallline.table_model import TableModel
from fallline.tables import Table
from fallline.writing import Columns

__all__ = ["PARTS", "columns_needed", "predict_blocks"]

PARTS = ("all", "labels", "probabilities")


def columns_needed(model: TableModel, carried: Sequence[str]) -> list[str]:
    """The table's columns that predicting reads, and those to be carried over."""
    used = [c.name for c in model.encoding.columns if not isinstance(c, SkippedColumn)]
    return list(dict.fromkeys([*carried, *used]))


def predict_blocks(
    model: TableModel, blocks: Iterable[Table], carried: Sequence[str] = (), part: str = "all"
) -> Iterator[Columns]:
    """The columns ``carried`` over from each block, then the predictions of its rows.

    ``part``: "labels" leaves out the probabilities, "probabilities" the labels. Raises TableError
    for a block that does not fit, ParameterError for probabilities of numbers.
    """
    if part == "probabilities" and not model.encoding.classes:
        raise ParameterError(
            f"{model.encoding.target!r} is predicted as a number, so there are no probabilities"
        )
    for block in blocks:
        block.require(carried)
        columns = model.predict(block).columns()
        if part == "labels":
            columns = {"prediction": columns["prediction"]}
        elif part == "probabilities":
            del columns["prediction"]
        twice = set(columns) & set(carried)
        if twice:
            raise TableError(
                f"{block.source}: its column {min(twice)!r} is called as one of the predictions; "
                "leave it out of --columns"
            )
        yield {**{name: block.frame[name] for name in carried}, **columns}
