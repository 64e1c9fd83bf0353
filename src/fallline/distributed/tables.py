"""Training on the files of a table, each read, encoded and kept by a worker of a cluster.

One pass over the files draws samples, as for a table larger than memory
(:mod:`fallline.tabular.large`): on them the encoding and the linear model are fitted, and the
network is validated and tested, in this process. A second pass encodes every file's training rows
where they are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import Rows
from fallline.core.network import Network
from fallline.data.cells import Reading
from fallline.data.contents import contents_of, contents_of_files
from fallline.data.encoding import Encoding
from fallline.data.reading import read_whole
from fallline.data.sources import STANDARD_INPUT, expand
from fallline.data.table import Table
from fallline.distributed.training import refuse, train
from fallline.errors import ClusterError, FalllineError, TableError
from fallline.limits import check_integer
from fallline.tabular.intervals import asked_level, check_calibration
from fallline.tabular.large import Origin, train_surveyed
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions, with_defaults
from fallline.tabular.preparation import rows_of, with_target
from fallline.tabular.recipes import Recipe, recipes
from fallline.tabular.samples import Weigher, prepare_samples, shares_of_rows
from fallline.tabular.soft import refuse_soft
from fallline.tabular.survey import Division, Reservoir, Shares, Survey
from fallline.training.history import History
from fallline.training.settings import TrainOptions

__all__ = ["contents_of_file", "files_of", "of_each", "train_files"]

MIN_BATCH, MAX_BATCH = 128, 4096
STEPS_PER_EPOCH = 200  # the approximate default number of steps, if these bounds allow it


@dataclass(frozen=True)
class File:
    """One file of the table, by its full path, and its number."""

    path: str
    number: int
    how: Reading

    def read(self) -> Table:
        """The table in it. Raises TableError."""
        return read_whole(self.path, self.how)


@dataclass(frozen=True)
class Surveyed:
    """A worker's report about a file."""

    survey: Survey
    contents: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self.contents["columns"])


def read_by_worker(file: File) -> Table:
    """The table in a file. Raises TableError, with the worker's address."""
    from distributed import get_worker

    try:
        return file.read()
    except TableError as error:
        raise TableError(
            f"{error} (on the worker {get_worker().address}; every worker needs to see the files "
            "under the same path)"
        ) from None


def contents_of_file(file: File) -> dict[str, Any]:
    """What a worker finds in a file (:mod:`fallline.data.contents`). Raises as above."""
    return contents_of(read_by_worker(file))


def survey_file(file: File, target: str, shares: Shares, seed: int) -> Surveyed:
    """Count a file's rows and draw its samples. Raises as above."""
    table = read_by_worker(file)
    survey = Survey(target, shares, seed)
    survey.add(table, file.number, np.random.default_rng([seed, file.number, 1]))
    return Surveyed(survey, contents_of(table))


def encoded_rows(
    file: File, division: Division, encoding: Encoding, weigh: Weigher, dtype: Any
) -> tuple[Rows, Array] | tuple[Rows, Array, Array]:
    """X, y, and the weights where there are any, of a file's training rows."""
    table = encoding.read(division.training_rows(file.read(), file.number))
    table, _ = with_target(table, encoding.target)  # texts may mean a missing value
    X = rows_of(encoding, [table], np.dtype(dtype))
    y, _ = encoding.encode_target(table)
    weight = weigh(table, y)
    return (X, y) if weight is None else (X, y, weight)


def train_files(
    paths: Any,
    target: str,
    client: Any,
    *,
    how: Reading | None = None,
    **options: Unpack[TableOptions],
) -> TableModel:
    """Train on files that the workers of ``client`` read; the options are those of
    :func:`fallline.train_table`.

    Of a preset with several recipes the first is used. Without ``batch_size`` a batch is about one
    200th of the rows, from 128 to 4096. Raises TableError, ParameterError or ClusterError.
    """
    given = with_defaults(options)
    asked_level(given)  # refused before anything is read
    refuse_soft(given, "on a cluster")
    seed, shares = check_integer("seed", given["seed"]), shares_of_rows(given)
    files = files_of(paths, how or Reading())
    recipe = recipes(given)[0]
    refuse(given["threads"])
    found = surveyed(client, files, target, shares, seed)
    blocks = merged(found, target, shares, seed).blocks(())
    data = prepare_samples(blocks, given, recipe)
    check_calibration(given, data)
    recipe = for_cluster(recipe, blocks.n_rows, data.encoding.task)
    weigh = Weigher(data, given["weights"], given["class_weight"])

    def fit(network: Network, options: TrainOptions) -> History:
        rows = [
            partial(encoded_rows, file, blocks.division, data.encoding, weigh, network.dtype.name)
            for file in files
        ]
        validation = data.part(data.validation)[:2]
        return train(network, rows, client=client, validation=validation, **options)

    names = ", ".join(Path(file.path).name for file in files)
    note = (
        f"{len(files)} files were read by the workers of a cluster, a file by one of them; the "
        f"encoding and the linear model are fitted on {len(data.train):,} rows drawn from all"
    )
    contents = contents_of_files([each.contents for each in found])
    origin = Origin("cluster", source_name(files), names, note, how or Reading(), contents)
    return train_surveyed(data, blocks, recipe, given, fit, origin)


def files_of(paths: Any, how: Reading) -> list[File]:
    """The files, by their full paths. Raises TableError, also for standard input."""
    found = expand(paths)
    if STANDARD_INPUT in found:
        raise TableError("a cluster cannot read standard input; name files that its workers see")
    return [File(str(Path(path).absolute()), i, how) for i, path in enumerate(found)]


def source_name(files: Sequence[File]) -> str:
    name = Path(files[0].path).name
    return name if len(files) == 1 else f"{name} and {len(files) - 1} more"


def for_cluster(recipe: Recipe, n_rows: int, task: str) -> Recipe:
    """The recipe for this number of rows; a step on a cluster has to be worth its messages."""
    chosen = recipe.for_rows(n_rows, task)
    if recipe.batch_size is not None or chosen.batch_size is None:
        return chosen
    batch = min(max(n_rows // STEPS_PER_EPOCH, MIN_BATCH), MAX_BATCH)
    return replace(chosen, batch_size=batch)


def surveyed(
    client: Any, files: Sequence[File], target: str, shares: Shares, seed: int
) -> list[Surveyed]:
    """The workers' reports about the files, which must have the same columns. Raises TableError."""
    found: list[Surveyed] = of_each(client, files, survey_file, target, shares, seed)
    for file, one in zip(files, found, strict=True):
        missing = [name for name in found[0].columns if name not in one.columns]
        more = [name for name in one.columns if name not in found[0].columns]
        if missing or more:
            wrong = [f"lacks {name!r}" for name in missing] + [
                f"has {name!r} more" for name in more
            ]
            raise TableError(
                f"{file.path}: its columns are not those of {files[0].path}: it "
                f"{', '.join(wrong[:5])}; every file needs the same columns"
            )
    return found


def of_each(client: Any, files: Sequence[File], work: Callable[..., Any], *terms: Any) -> list[Any]:
    """What the workers make of each file by ``work``. Raises TableError or ClusterError."""
    from fallline.distributed.client import check_versions

    check_versions(client)
    tasks = [client.submit(work, file, *terms, pure=False) for file in files]
    try:
        return list(client.gather(tasks))
    except FalllineError:
        raise
    except Exception as error:
        raise ClusterError(f"the cluster could not read the files: {error}") from error


def merged(found: Sequence[Surveyed], target: str, shares: Shares, seed: int) -> Survey:
    """The surveys of all files as one."""
    whole = Survey(target, shares, seed)
    for one in found:
        for name in ("train", *Shares._fields):
            take_over(getattr(whole, name), getattr(one.survey, name))
        whole.n_rows += one.survey.n_rows
        whole.set_aside += one.survey.set_aside
    return whole


def take_over(into: Reservoir, sample: Reservoir) -> None:
    """Add the rows of a sample to another sample of the same size."""
    table = sample.table()
    into.limit = min(into.limit, sample.limit)
    if table is not None:
        into.add(table, sample.keys)
