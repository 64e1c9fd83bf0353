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
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.data.cells import Reading
from fallline.data.encoding import Encoding
from fallline.data.reading import read_table
from fallline.data.sources import STANDARD_INPUT, expand
from fallline.data.table import Table
from fallline.distributed.training import train
from fallline.errors import ClusterError, FalllineError, ParameterError, TableError
from fallline.limits import check_integer
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular.baselines import new_network
from fallline.tabular.large import Weigher, prepare_samples, share_of
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import column_types
from fallline.tabular.recipes import Recipe, recipes
from fallline.tabular.survey import Division, Reservoir, Survey
from fallline.tabular.train import Run, add_scores, facts_of
from fallline.training.run import Progress
from fallline.training.stopping import Patience

__all__ = ["train_files"]

LEAST_BATCH, MOST_BATCH = 128, 4096
STEPS_PER_EPOCH = 200  # about so many, where no batch size is given and these bounds allow it


@dataclass(frozen=True)
class File:
    """One file of the table, by its full path, and its number."""

    path: str
    number: int
    how: Reading

    def read(self) -> Table:
        """The table in it. Raises TableError."""
        how = self.how
        return read_table(
            self.path,
            header=how.header,
            names=how.names,
            missing=how.missing,
            encoding=how.encoding,
        )


@dataclass(frozen=True)
class Surveyed:
    """What a worker tells of a file."""

    survey: Survey
    columns: tuple[str, ...]


def survey_file(file: File, target: str, shares: tuple[float, float], seed: int) -> Surveyed:
    """Count a file's rows and draw its samples. Raises TableError, with the worker's address."""
    from distributed import get_worker

    try:
        table = file.read()
    except TableError as error:
        raise TableError(
            f"{error} (on the worker {get_worker().address}; every worker needs to see the files "
            "under the same path)"
        ) from None
    survey = Survey(target, shares, seed)
    survey.add(table, file.number, np.random.default_rng([seed, file.number, 1]))
    return Surveyed(survey, tuple(table.columns))


def encoded_rows(
    file: File, division: Division, encoding: Encoding, weigh: Weigher, dtype: Any
) -> tuple[Array, ...]:
    """X, y, and the weights where there are any, of a file's training rows."""
    table = division.training_rows(file.read(), file.number)
    X = encoding.transform(table, np.dtype(dtype))
    y, _ = encoding.encode_target(table)
    weight = weigh(table, y)
    return (X, y) if weight is None else (X, y, weight)


def train_files(
    paths: Any,
    target: str,
    client: Any,
    *,
    how: Reading | None = None,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    weights: str | None = None,
    class_weight: str | None = None,
    validation: float | Table = 0.15,
    test: float | Table | None = None,
    preset: str = "standard",
    seed: int = 0,
    threads: int | None = None,
    baseline: bool = True,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[Run], Any] | None = None,
    checkpoint: RunCheckpoint | None = None,
    **given: Any,
) -> TableModel:
    """Train on files that the workers of ``client`` read; the parameters are those of
    :func:`fallline.train_table`.

    A preset of several recipes is taken as its first. Without ``batch_size`` a batch is about one
    200th of the rows, from 128 to 4096. Raises TableError, ParameterError or ClusterError.
    """
    check_integer("seed", seed)
    shares = share_of("validation", validation), share_of("test", test)
    files = files_of(paths, how or Reading())
    recipe = recipes(preset, given)[0]
    if recipe.dropout > 0:
        raise ParameterError("a cluster trains without dropout; leave it out, or use l2")
    found = surveyed(client, files, target, shares, seed)
    blocks = merged(found, target, shares, seed).blocks(())
    recipe = for_cluster(recipe, blocks.n_rows)
    kinds = column_types(types, ignore, weights)
    data = prepare_samples(
        blocks, validation, test, task=task, types=kinds, weights=weights, class_weight=class_weight
    )
    network = new_network(data.encoding, recipe.hidden, recipe.activation, seed)
    if on_run is not None:
        on_run(Run(1, 1, recipe))
    weigh = Weigher(data, weights, class_weight)
    if checkpoint is not None:
        checkpoint.data = f"{blocks.n_rows} rows in {', '.join(Path(f.path).name for f in files)}"
    X, y, _ = data.part(data.held)
    history = train(
        network,
        [
            partial(encoded_rows, file, blocks.division, data.encoding, weigh, network.dtype.name)
            for file in files
        ],
        client=client,
        optimizer=recipe.build(blocks.n_rows),
        epochs=check_integer("epochs", recipe.epochs),
        batch_size=recipe.batch_size,
        seed=seed,
        l2=recipe.l2 or 0.0,
        validation=(X, y),
        stop=Patience(recipe.patience),
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    if checkpoint is not None and history.stopped == "interrupted":
        checkpoint.write()
    facts = facts_of(data, recipe, history, 1, seed) | {
        "source": source_name(files),
        "preset": preset,
        "rows": blocks.n_rows,
        "training_rows": blocks.n_rows - len(data.held) - len(data.tested),
        "encoding_sample": len(data.kept),
        "set_aside": blocks.set_aside,
        "weights": weights,
        "class_weight": class_weight,
        "validation": validation if isinstance(validation, float) else "a table",
    }
    model = TableModel(network, data.encoding, history, facts, list(data.encoding.notes))
    model.notes.append(
        f"{len(files)} files were read by the workers of a cluster, a file by one of them; the "
        f"encoding and the linear model are fitted on {len(data.kept):,} rows drawn from all"
    )
    if checkpoint is not None and checkpoint.failure is not None:
        model.notes.append(f"no checkpoint was kept: {checkpoint.failure}")
    add_scores(model, data, baseline=baseline)
    return model


def files_of(paths: Any, how: Reading) -> list[File]:
    """The files, by their full paths. Raises TableError, also for standard input."""
    found = expand(paths)
    if STANDARD_INPUT in found:
        raise TableError("a cluster cannot read standard input; name files that its workers see")
    return [File(str(Path(path).absolute()), i, how) for i, path in enumerate(found)]


def source_name(files: Sequence[File]) -> str:
    name = Path(files[0].path).name
    return name if len(files) == 1 else f"{name} and {len(files) - 1} more"


def for_cluster(recipe: Recipe, n_rows: int) -> Recipe:
    """The recipe for so many rows; a step on a cluster has to be worth its messages."""
    chosen = recipe.for_rows(n_rows)
    if recipe.batch_size is not None or chosen.batch_size is None:
        return chosen
    batch = min(max(n_rows // STEPS_PER_EPOCH, LEAST_BATCH), MOST_BATCH)
    return replace(chosen, batch_size=batch)


def surveyed(
    client: Any, files: Sequence[File], target: str, shares: tuple[float, float], seed: int
) -> list[Surveyed]:
    """What the workers tell of the files, which have the same columns. Raises TableError."""
    from fallline.distributed.client import check_versions

    check_versions(client)
    tasks = [client.submit(survey_file, file, target, shares, seed, pure=False) for file in files]
    try:
        found: list[Surveyed] = client.gather(tasks)
    except FalllineError:
        raise
    except Exception as error:
        raise ClusterError(f"the cluster could not read the files: {error}") from error
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


def merged(
    found: Sequence[Surveyed], target: str, shares: tuple[float, float], seed: int
) -> Survey:
    """The surveys of all files as one."""
    whole = Survey(target, shares, seed)
    for one in found:
        for name in ("kept", "held", "tested"):
            take_over(getattr(whole, name), getattr(one.survey, name))
        whole.n_rows += one.survey.n_rows
        whole.set_aside += one.survey.set_aside
    return whole


def take_over(into: Reservoir, sample: Reservoir) -> None:
    """Let the rows of a sample pass through another one, which is as small."""
    table = sample.table()
    into.limit = min(into.limit, sample.limit)
    if table is not None:
        into.add(table, sample.keys)
