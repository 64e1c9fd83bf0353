"""Whether a model is what its file says: the training is repeated and the bits are compared.

The file has the options, the seed, hashes of the tables' columns, and how each run ended
(:mod:`fallline.tabular.record`). A run that a clock, a callback or Ctrl-C ended is ended after the
same epoch again, so it is repeated as well.
"""

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fallline.data.cells import Reading
from fallline.data.contents import Contents, contents_of
from fallline.data.reading import as_table, block_readers, read_whole
from fallline.data.table import Table
from fallline.engine.library import code_name
from fallline.errors import (
    DivergenceWarning,
    FalllineError,
    InterruptedWarning,
    ModelFileError,
    ParameterError,
    TableError,
)
from fallline.saving.modelfile import read_model
from fallline.tabular.differences import (
    OTHER_CELLS,
    Difference,
    circumstances,
    compare,
    differing_data,
)
from fallline.tabular.large import train_large
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import with_target
from fallline.tabular.recipes import RecipeStart
from fallline.tabular.record import APART, given_options, needs_table, versions
from fallline.tabular.train import train_table
from fallline.training.settings import Progress

__all__ = ["Difference", "Verification", "loaded", "record_in", "repeated", "verify"]

SAME, DIFFERS, OTHER_DATA = "same", "differs", "other data"
WANTED = {
    "validation": "a separate validation table, which chose the epoch",
    "soft": "a table of soft labels, which it learned from",
}
NEARLY_ALL = 0.98


@dataclass(frozen=True)
class Verification:
    r"""The result of ``verify``.

    ``verdict`` is "same" if every bit of the network, its encoding and its history is the same, and
    the scores agree; "differs"; or "other data" if the table is another one and nothing was
    trained. ``differences`` lists the differences, ``notes`` what else to know. ``rows``,
    ``parameters`` and ``epochs`` are those of the model, ``seconds`` of the repeated training,
    ``code`` and ``versions`` say what computed it.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> size = Path("sums.csv").write_text("\n".join(["a,b", *(f"{i},{i % 9}" for i in range(99))]))
    >>> model = fl.train_table("sums.csv", "b", preset="quick", epochs=3)
    >>> fl.verify(model, "sums.csv").to_dict()["verdict"]
    'same'
    """

    verdict: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    rows: int
    parameters: int
    epochs: int
    seconds: float = 0.0
    code: str = field(default_factory=code_name)
    versions: Mapping[str, str] = field(default_factory=versions)

    @property
    def same(self) -> bool:
        """Whether the training reproduced the model of the file."""
        return self.verdict == SAME

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = {name: value for name, value in vars(self).items() if name != "differences"}
        return {
            **found,
            "same": self.same,
            "notes": list(self.notes),
            "versions": dict(self.versions),
            "differences": [vars(each) for each in self.differences],
        }


def verify(
    model: Any,
    table: Any,
    *,
    validation: Any = None,
    test: Any = None,
    soft: Any = None,
    how: Reading | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[RecipeStart], Any] | None = None,
) -> Verification:
    """Train a model again from the settings in its file, and compare every bit.

    ``model`` is a :class:`fallline.TableModel` or the path of a model file; ``table``,
    ``validation``, ``test`` and ``soft`` are the tables it was trained with, as ``train_table``
    takes them; a model that was trained block by block takes the paths of its files. ``how``: how
    files are read, by default as in the training. ``threads``, ``callbacks`` and ``on_run`` are
    those of ``train_table``; no callback can stop the run.

    Raises ModelFileError for a file that does not say how it was trained, or was trained on a
    cluster (:func:`fallline.distributed.verify`); ParameterError if a table is missing or too
    many are given, or for a custom optimiser; TableError for a table that cannot
    be read.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 7 > 3 else 'no'}" for i in range(200)]
    >>> size = Path("days.csv").write_text("\\n".join(["cars,weekday,late", *rows]))
    >>> fl.train_table("days.csv", "late", preset="quick").save("late.safetensors")
    >>> found = fl.verify("late.safetensors", "days.csv")
    >>> found.same, found.verdict, found.differences
    (True, 'same', ())
    >>> size = Path("days.csv").write_text("\\n".join(["cars,weekday,late", *rows[1:], rows[1]]))
    >>> print(fl.verify("late.safetensors", "days.csv").differences[0].text)
    other cells in 'cars', 'weekday', 'late'
    """
    kept = loaded(model)
    place, how = record_in(kept)["place"], how or Reading(**kept.reading)
    if place == "cluster":
        raise ModelFileError(
            "this model was trained on a cluster, whose sums are taken in the order of its files: "
            "only a cluster can repeat them (fallline verify --cluster tcp://HOST:PORT, or "
            "fl.distributed.verify)"
        )
    in_blocks = place == "blocks"
    rows: Any = table if in_blocks else read(table, how)
    return repeated(
        kept,
        {"validation": validation, "test": test, "soft": soft},
        how,
        contents_of_blocks(rows, how) if in_blocks else contents_of(rows),
        partial(train_large, rows, how=how) if in_blocks else partial(train_table, rows),
        hints=no_hints if in_blocks else partial(order_hints, kept, rows),
        threads=threads,
        callbacks=callbacks,
        on_run=on_run,
    )


def repeated(
    kept: TableModel,
    apart: Mapping[str, Any],
    how: Reading,
    contents: Mapping[str, Any],
    train: Callable[..., TableModel],
    *,
    hints: Callable[[Sequence[Difference]], list[str]],
    threads: int | None = None,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
    on_run: Callable[[RecipeStart], Any] | None = None,
) -> Verification:
    """What ``verify`` finds of rows with these ``contents``, which ``train`` trains on.

    ``train`` takes the target and the options of ``train_table``. ``apart`` are the other tables,
    or None; ``hints`` says what to note where the data are other ones.
    """
    record = record_in(kept)
    tables = {name: read(part, how) for name, part in apart.items() if part is not None}
    check_tables(record, tables)
    found = differing_data(record, "training", contents)
    for name, part in tables.items():
        found += differing_data(record, name, contents_of(part))
    notes = notes_on(record, tables)
    if found:
        return result(kept, OTHER_DATA, found, [*notes, *hints(found)])
    replay = Replay(record["ended"])
    options: Any = given_options(record, tables)
    options |= {
        "threads": threads,
        "callbacks": [*map(never_stopping, callbacks)],
        "on_run": both(replay.begin, on_run),
    }
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        warnings.simplefilter("ignore", InterruptedWarning)
        again = train(kept.encoding.target, **options)
    if again.history.stopped == "interrupted" and not replay.interrupts:
        raise KeyboardInterrupt
    parts = compare(kept, again)
    if parts:
        parts = [*circumstances(record), *parts]
        notes += unexplained(parts, replay)
    return result(kept, DIFFERS if parts else SAME, parts, notes, time.perf_counter() - began)


def result(
    model: TableModel,
    verdict: str,
    differences: Sequence[Difference],
    notes: Sequence[str],
    seconds: float = 0.0,
) -> Verification:
    return Verification(
        verdict,
        tuple(differences),
        tuple(notes),
        model.facts["record"]["tables"]["training"]["rows"],
        model.network.n_parameters,
        model.history.epochs_done,
        seconds,
    )


# ---- what is asked for, and what is there


def loaded(model: Any) -> TableModel:
    if isinstance(model, TableModel):
        return model
    if isinstance(model, str | os.PathLike):
        return TableModel.of_file(model, read_model(model))
    raise ParameterError(
        f"verify takes a TableModel or the path of a model file, not {type(model).__name__}"
    )


def record_in(model: TableModel) -> Mapping[str, Any]:
    """The record of a model. Raises ModelFileError if there is none."""
    record: Mapping[str, Any] | None = model.facts.get("record")
    if record is None:
        raise ModelFileError(
            "this model file does not say with which options it was trained (an earlier version "
            "wrote it, or a sweep), so its training cannot be repeated; train it again"
        )
    return record


def read(table: Any, how: Reading) -> Table:
    if isinstance(table, str | os.PathLike):
        return read_whole(table, how)
    return as_table(table, how.kept())


def check_tables(record: Mapping[str, Any], tables: Mapping[str, Table]) -> None:
    """Raise ParameterError if a table is missing, or one is given instead of a share."""
    for name in APART:
        needed = needs_table(record, name)
        if name in WANTED and needed and name not in tables:
            raise ParameterError(
                f"the model was trained with {WANTED[name]}: give it too, by --{name} FILE or "
                f"{name}=..."
            )
        if name in tables and not needed:
            raise ParameterError(
                f"the model was trained without a {name} table: leave --{name} out"
            )


def contents_of_blocks(paths: Any, how: Reading) -> dict[str, Any]:
    """What files hold that are read block by block. Raises TableError."""
    if isinstance(paths, Table):
        raise TableError(
            "the model was trained block by block: give the path of its files, not a table"
        )
    found = Contents()
    for block, _ in block_readers(paths, how):
        found.add(block)
    return found.to_dict()


def no_hints(found: Sequence[Difference]) -> list[str]:
    """Nothing to note."""
    return []


def order_hints(model: TableModel, table: Table, found: Sequence[Difference]) -> list[str]:
    """How many of the rows are known from training, as only their order may differ."""
    if model.seen is None:
        return []
    try:
        usable, _ = with_target(model.encoding.read(table), model.encoding.target)
        y, _ = model.encoding.encode_target(usable)
        share = model.seen.share_seen(model.encoding.transform(usable, model.network.dtype), y)
    except FalllineError:  # the columns are not there
        return []
    trained = model.facts["training_rows"] / max(model.facts["rows"], 1)
    only_cells = [each.text.startswith(OTHER_CELLS) for each in found] == [True]
    if only_cells and share > NEARLY_ALL * trained:
        return [
            "nearly all training rows are there: some cells differ, or the rows are in another "
            "order"
        ]
    return [f"about {share:.0%} of the rows are ones that it was trained on, of {trained:.0%} then"]


def notes_on(record: Mapping[str, Any], tables: Mapping[str, Table]) -> list[str]:
    """Notes on a repetition."""
    notes = []
    if needs_table(record, "test") and "test" not in tables:
        notes.append("without the test table, the scores on it are not compared (--test FILE)")
    stopped = {each["stopped"] for each in record["ended"]}
    for how, said in (
        ("time", "a time limit ended the training"),
        ("callback", "a callback ended the training"),
        ("interrupted", "the training was interrupted"),
    ):
        if how in stopped:
            notes.append(f"{said}: it ends no other run, so this one ends after the same number "
                         "of epochs")  # fmt: skip
    return notes


# ---- once more


class Replay:
    """It ends each run where the one before ended, if that did not end by itself."""

    def __init__(self, ended: Sequence[Mapping[str, Any]]) -> None:
        self.ended, self.interrupts = ended, False

    def begin(self, start: RecipeStart) -> Callable[[Progress], bool]:
        """What is called after each epoch of a run that begins."""
        return partial(self.stops, start.number)

    def stops(self, number: int, progress: Progress) -> bool:
        """Whether run ``number`` ends here; raises KeyboardInterrupt where it was interrupted."""
        if number > len(self.ended):  # not one of those that are in the model
            return self.interrupt()
        end = self.ended[number - 1]
        if end["stopped"] == "itself" or len(progress.history.epoch) < end["records"]:
            return False
        return self.interrupt() if end["stopped"] == "interrupted" else True

    def interrupt(self) -> bool:
        self.interrupts = True
        raise KeyboardInterrupt


def never_stopping(callback: Callable[[Progress], Any]) -> Callable[[Progress], None]:
    """The callback, with its answer ignored."""

    def call(progress: Progress) -> None:
        callback(progress)

    return call


def both(
    first: Callable[[RecipeStart], Callable[[Progress], bool]],
    second: Callable[[RecipeStart], Any] | None,
) -> Callable[[RecipeStart], Callable[[Progress], bool]]:
    """An ``on_run`` of two, whose second one cannot stop a run."""

    def call(start: RecipeStart) -> Callable[[Progress], bool]:
        heard, told = first(start), None if second is None else second(start)

        def after_epoch(progress: Progress) -> bool:
            if callable(told):
                told(progress)
            return heard(progress)

        return after_epoch

    return call


def unexplained(parts: Sequence[Difference], replay: Replay) -> list[str]:
    """An assessment of the differences."""
    if any(each.kind in ("version", "processor") for each in parts):
        return [
            "another version or another kind of processor may give other last bits, and a long "
            "training makes them larger; repeat it where the model was trained"
        ]
    if replay.interrupts:
        return [
            "a run that was interrupted within an epoch is not repeated to the bit where no "
            "validation rows chose the epoch"
        ]
    return [
        "data, settings, versions and processor are those of the file, so it does not contain the "
        "result of this training: it was changed afterwards, or another program took part"
    ]
