"""Predictions of a table block by block, in constant memory, as columns to write."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

from fallline.blas import one_blas_thread
from fallline.data.table import Table
from fallline.data.writing import Columns
from fallline.engine import Forward
from fallline.engine.threads import threads_allowed
from fallline.errors import ParameterError, TableError
from fallline.tabular.model import TableModel
from fallline.tabular.novelty import New

__all__ = ["PARTS", "columns_needed", "predict_blocks"]

PARTS = ("all", "labels", "probabilities")
PREDICTED = ("prediction", "lower", "upper", "set")  # the columns that are not probabilities


def columns_needed(model: TableModel, carried: Sequence[str]) -> list[str]:
    """The table's columns that prediction reads, and those to carry over."""
    used = [column.name for column in model.encoding.cells]
    return list(dict.fromkeys([*carried, *used]))


def predict_blocks(
    model: TableModel,
    blocks: Iterable[Table],
    carried: Sequence[str] = (),
    part: str = "all",
    *,
    extrapolate: bool = False,
    new: list[list[New]] | None = None,
) -> Iterator[Columns]:
    """The columns ``carried`` over from each block, then the predictions of its rows.

    What is new to the model in each block is added to ``new``. ``part``: "labels" leaves out the
    probabilities, "probabilities" the labels. Raises TableError for a block that does not fit,
    ParameterError for probabilities of numbers.
    """
    if part == "probabilities" and not model.encoding.classes:
        raise ParameterError(
            f"{model.encoding.target!r} is predicted as a number, so there are no probabilities"
        )
    forward = Forward(model.network)

    def predicted(block: Table) -> Columns:
        block.require(carried)
        columns = model.predict_by(forward, block, extrapolate=extrapolate).columns()
        if new is not None:
            new.append(model.new_cells(block))
        if part == "labels":
            columns = {k: v for k, v in columns.items() if k in PREDICTED}
        elif part == "probabilities":
            columns = {k: v for k, v in columns.items() if k not in PREDICTED}
        twice = set(columns) & set(carried)
        if twice:
            raise TableError(
                f"{block.source}: its column {min(twice)!r} is called as one of the predictions; "
                "leave it out of --columns"
            )
        return {**{name: block.frame[name] for name in carried}, **columns}

    yield from ahead(predicted, blocks, threads_allowed())


def ahead(
    work: Callable[[Table], Columns], blocks: Iterable[Table], threads: int
) -> Iterator[Columns]:
    """The results of ``work`` on each block, in order, with ``threads`` blocks in progress."""
    blocks = iter(blocks)
    first = list(islice(blocks, 2))
    if len(first) < 2:  # one thread needs no pool
        yield from map(work, first)
        return
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Columns]] = deque()
        for block in chain(first, blocks):
            waiting.append(pool.submit(work, block))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
