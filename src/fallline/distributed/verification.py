"""Whether a model that a cluster trained is what its file says: the cluster trains it again.

The gradients of the files are added in a fixed order, so another cluster, with other workers, gives
the same bits (:mod:`fallline.tabular.verification` says what is compared).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fallline.data.cells import Reading
from fallline.data.contents import contents_of_files
from fallline.distributed.client import current_client
from fallline.distributed.tables import contents_of_file, files_of, of_each, train_files
from fallline.errors import ParameterError
from fallline.tabular.differences import Difference
from fallline.tabular.model import TableModel
from fallline.tabular.recipes import RecipeStart
from fallline.tabular.verification import Verification, loaded, record_in, repeated
from fallline.training.settings import Progress

__all__ = ["check_place", "verify"]


def verify(
    model: Any,
    paths: Any,
    *,
    client: Any = None,
    validation: Any = None,
    test: Any = None,
    how: Reading | None = None,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[RecipeStart], Any] | None = None,
) -> Verification:
    """Train a model of ``train_files`` again on a cluster, and compare every bit.

    Parameters
    ----------
    model : a :class:`fallline.TableModel`, or the path of a model file.
    paths : the files that it was trained on, in the same order; every worker needs to see them.
    client : a Dask ``distributed.Client``; by default the one that is current.
    validation, test, how, callbacks, on_run : as in :func:`fallline.verify`.

    Raises ModelFileError for a file that does not say how it was trained, ParameterError for one
    that was not trained on a cluster or where a table is missing or too many are given, TableError
    for a file that cannot be read, ClusterError.
    """
    kept = loaded(model)
    check_place(kept)
    client, how = current_client(client), how or Reading(**kept.reading)
    files = files_of(paths, how)
    contents = contents_of_files(of_each(client, files, contents_of_file))

    def train(target: str, **options: Any) -> Any:
        return train_files(paths, target, client, how=how, **options)

    return repeated(
        kept,
        {"validation": validation, "test": test},
        how,
        contents,
        train,
        hints=partial(hints, len(files)),
        callbacks=callbacks,
        on_run=on_run,
    )


def check_place(model: TableModel) -> None:
    """Raise ParameterError for a model that was not trained on a cluster."""
    place = record_in(model)["place"]
    if place != "cluster":
        raise ParameterError(
            f"this model was trained {'block by block' if place == 'blocks' else 'in memory'}, not "
            "on a cluster: verify it here (leave --cluster out; in Python, fl.verify)"
        )


def hints(n_files: int, found: Sequence[Difference]) -> list[str]:
    """What to note where the data are other ones."""
    if n_files == 1:
        return []
    return ["the same rows in other files, or in files of another order, are other data here"]
