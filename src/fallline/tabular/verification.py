"""Whether a model is what its file says: the training is repeated and the bits are compared.

The file has the options, the seed, hashes of the tables' columns, and how each run ended
(:mod:`fallline.tabular.record`). A run that a clock, a callback or Ctrl-C ended is ended after the
same epoch again, so it is repeated as well.
"""

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from fallline.data.cells import MISSING, Reading
from fallline.data.contents import Contents, contents_of
from fallline.data.reading import as_table, block_readers
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
from fallline.tabular.large import train_large
from fallline.tabular.model import TableModel
from fallline.tabular.preparation import with_target
from fallline.tabular.recipes import RecipeStart
from fallline.tabular.record import APART, given_options, needs_table, versions
from fallline.tabular.train import train_table
from fallline.training.settings import Progress

__all__ = ["Difference", "Verification", "verify"]

SAME, DIFFERS, OTHER_DATA = "same", "differs", "other data"
CLOSE = 1e-6  # relative: scores are computed by NumPy, whose last bits a processor may change
ROUNDING = 1e-3  # of the largest parameter
FUSED = ("x86-64-v4", "x86-64-v3", "aarch64")
NOT_REPEATED = {"record", "source", "reading", "scores", "against_trivial"}
HISTORY = ("epoch", "loss", "validation_loss", "validation_score", "learning_rate")
MOST_NAMED = 5
WANTED = {
    "validation": "a validation table of its own, which chose the epoch",
    "soft": "a table of soft labels, which it learned from",
}
OTHER_CELLS, NEARLY_ALL = "other cells in", 0.98


@dataclass(frozen=True)
class Difference:
    """Where two trainings part: ``kind`` is "data", "settings", "version", "processor" or
    "result"; ``text`` says what differs."""

    kind: str
    text: str


@dataclass(frozen=True)
class Verification:
    r"""What ``verify`` found.

    ``verdict`` is "same" where every bit of the network, its encoding and its history is the same,
    and the scores agree; "differs", or "other data" where the table is another one and nothing was
    trained. ``differences`` say where they part, ``notes`` what else to know. ``rows``,
    ``parameters`` and ``epochs`` are those of the model, ``seconds`` of the training that was
    repeated, ``code`` and ``versions`` what computed it.

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
        """Whether the training gave the model of the file."""
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
    files are read, by default as the training did. ``threads``, ``callbacks`` and ``on_run`` are
    those of ``train_table``; no callback can stop the run.

    Raises ModelFileError for a file that does not say how it was trained, or was trained where it
    cannot be repeated; ParameterError where a table is missing or too many are given, or the
    optimiser was one of the user's own; TableError for a table that cannot be read.

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
    record = record_in(kept)
    how = how or reading_of(kept)
    given = {"validation": validation, "test": test, "soft": soft}
    tables = {name: read(part, how) for name, part in given.items() if part is not None}
    check_tables(record, tables)
    in_blocks = record["place"] == "blocks"
    rows: Any = table if in_blocks else read(table, how)
    contents = contents_of_blocks(rows, how) if in_blocks else contents_of(rows)
    found = differing_data(record, "training", contents)
    for name, part in tables.items():
        found += differing_data(record, name, contents_of(part))
    notes = notes_on(record, tables)
    if found:
        hints = [] if in_blocks else order_hints(kept, rows, found)
        return result(kept, OTHER_DATA, found, [*notes, *hints])
    replay = Replay(record["ended"])
    options: Any = given_options(record, tables)
    options |= {
        "threads": threads,
        "callbacks": [*map(never_stopping, callbacks), replay],
        "on_run": both(replay.begin, on_run),
    }
    began = time.perf_counter()
    again = trained(rows, kept.encoding.target, how if in_blocks else None, options)
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
    """The record of a model. Raises ModelFileError where there is none that can be repeated."""
    record: Mapping[str, Any] | None = model.facts.get("record")
    if record is None:
        raise ModelFileError(
            "this model file does not say with which options it was trained (an earlier version "
            "wrote it, or a sweep), so its training cannot be repeated; train it again"
        )
    if record["place"] == "cluster":
        raise ModelFileError(
            "this model was trained on a cluster, whose sums are taken in the order of its parts; "
            "verify trains in this process, so it cannot repeat that"
        )
    return record


def reading_of(model: TableModel) -> Reading:
    """How the files were read that the model was trained on."""
    known = dict(model.reading)
    return Reading(missing=[*MISSING, *known.pop("missing", [])], **known)


def read(table: Any, how: Reading) -> Table:
    return as_table(table, how.kept())


def check_tables(record: Mapping[str, Any], tables: Mapping[str, Table]) -> None:
    """Raise ParameterError where a table of its own is missing, or one is given for a share."""
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


def differing_data(
    record: Mapping[str, Any], name: str, now: Mapping[str, Any]
) -> list[Difference]:
    """How a table differs from the one that was trained with; cells that are left out may."""
    then, options = record["tables"][name], record["options"]
    types = options.get("types") or {}
    left = {*options.get("ignore", ()), *(each for each, kind in types.items() if kind == "skip")}
    before, after = then["columns"], now["columns"]
    texts = []
    if now["rows"] != then["rows"]:
        texts.append(f"{now['rows']:,} rows, where there were {then['rows']:,}")
    texts += [
        f"{said} {named(columns)}"
        for said, columns in (
            ("no column", [each for each in before if each not in after]),
            ("a column more,", [each for each in after if each not in before]),
        )
        if columns
    ]
    other = [
        each
        for each in before
        if each not in left and after.get(each, before[each]) != before[each]
    ]
    if other and now["rows"] == then["rows"]:
        texts.append(f"{OTHER_CELLS} {named(other)}")
    if not texts and list(before) != list(after):
        texts.append("the same columns in another order")
    where = "" if name == "training" else f"{name} table: "
    return [Difference("data", where + text) for text in texts]


def named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more


def order_hints(model: TableModel, table: Table, found: Sequence[Difference]) -> list[str]:
    """How many of the rows are known from training: they may only stand in another order."""
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
            "nearly all rows that it was trained on are there: some cells are other ones, or the "
            "rows stand in another order"
        ]
    return [f"about {share:.0%} of the rows are ones that it was trained on, of {trained:.0%} then"]


def notes_on(record: Mapping[str, Any], tables: Mapping[str, Table]) -> list[str]:
    """What to know of a repetition."""
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
            notes.append(f"{said}: no other run is ended by it, so this one ends after as many "
                         "epochs")  # fmt: skip
    return notes


# ---- once more


class Replay:
    """A callback that ends each run where the one before ended, if that did not end by itself."""

    def __init__(self, ended: Sequence[Mapping[str, Any]]) -> None:
        self.ended, self.run, self.interrupts = ended, 0, False

    def begin(self, start: RecipeStart) -> None:
        """A run begins."""
        self.run = start.number

    def __call__(self, progress: Progress) -> bool:
        """Whether to stop; raises KeyboardInterrupt where the run was interrupted."""
        if self.run > len(self.ended):  # not one of those that are in the model
            return self.interrupt()
        end = self.ended[self.run - 1]
        if end["stopped"] == "itself" or len(progress.history.epoch) < end["records"]:
            return False
        return self.interrupt() if end["stopped"] == "interrupted" else True

    def interrupt(self) -> bool:
        self.interrupts = True
        raise KeyboardInterrupt


def never_stopping(callback: Callable[[Progress], Any]) -> Callable[[Progress], None]:
    """The callback, its answer not heard."""

    def call(progress: Progress) -> None:
        callback(progress)

    return call


def both(
    first: Callable[[RecipeStart], Any], second: Callable[[RecipeStart], Any] | None
) -> Callable[[RecipeStart], None]:
    def call(start: RecipeStart) -> None:
        first(start)
        if second is not None:
            second(start)

    return call


def trained(rows: Any, target: str, how: Reading | None, options: Any) -> TableModel:
    """The model again; in blocks where ``how`` files are read is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        warnings.simplefilter("ignore", InterruptedWarning)
        if how is not None:
            return train_large(rows, target, how=how, **options)
        return train_table(rows, target, **options)


# ---- held against each other


def compare(kept: TableModel, again: TableModel) -> list[Difference]:
    """Where two models part, in the order in which they were made."""
    return [
        *differing_columns(kept, again),
        *differing_facts(kept, again),
        *differing_history(kept, again),
        *differing_parameters(kept, again),
        *differing_scores(kept, again),
    ]


def differing_columns(kept: TableModel, again: TableModel) -> list[Difference]:
    """Columns that are encoded otherwise."""
    one, other = as_json(kept.encoding.to_dict()), as_json(again.encoding.to_dict())
    if one == other:
        return []
    pairs = zip_longest(one.get("columns", []), other.get("columns", []))
    names = [str((a or b)["name"]) for a, b in pairs if a != b]
    what = f"the encoding of {named(names)}" if names else "the encoding of the target"
    return [Difference("result", f"{what} is another")]


def as_json(value: Any) -> Any:
    """Plain data as a file gives it back."""
    return json.loads(json.dumps(value))


def differing_facts(kept: TableModel, again: TableModel) -> list[Difference]:
    """Settings that ran, and what was calibrated, where they are not what the options give."""
    before, after = as_json(kept.facts), as_json(again.facts)
    untold = set(NOT_REPEATED)
    if needs_table(kept.facts["record"], "test") and after["test_rows"] == 0:
        untold |= {"rows", "test_rows"}  # the test table was not given again
    names = [
        name for name in after if name not in untold and not close(before.get(name), after[name])
    ]
    return [
        Difference(
            "settings",
            f"{name.replace('_', ' ')} is {short(after[name])}, in the file "
            f"{short(before.get(name))}",
        )
        for name in names
    ]


def short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def close(one: Any, other: Any) -> bool:
    """Whether plain data are the same, numbers to within rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and abs(one - other) <= CLOSE * max(abs(one), abs(other), 1.0)
    return bool(one == other)


def differing_history(kept: TableModel, again: TableModel) -> list[Difference]:
    """The first recorded epoch that went another way."""
    one, other = kept.history, again.history
    for epoch, pair in enumerate(zip_longest(records(one), records(other))):
        if pair[0] != pair[1]:
            if None in pair:
                text = f"{len(other.epoch)} epochs were trained, in the file {len(one.epoch)}"
            else:
                text = f"the losses part at epoch {epoch}"
            return [Difference("result", text)]
    if one.best_epoch != other.best_epoch:
        text = f"the best epoch is {other.best_epoch}, in the file {one.best_epoch}"
        return [Difference("result", text)]
    return []


def records(history: Any) -> list[tuple[float, ...]]:
    """What was recorded of each epoch that is complete."""
    lists = [each for name in HISTORY if (each := getattr(history, name))]
    return list(zip(*lists, strict=False))


def differing_parameters(kept: TableModel, again: TableModel) -> list[Difference]:
    """Networks of other bits, and how far they are apart."""
    one, other = kept.network, again.network
    if repr(one) != repr(other):
        return [Difference("result", f"the network is {other!r}, in the file {one!r}")]
    a, b = one.parameters, other.parameters
    if a.tobytes() == b.tobytes():
        return []
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    largest = float(apart.max()) / max(float(np.abs(b).max()), 1e-300)
    count = int((a != b).sum())
    return [
        Difference(
            "result",
            f"{count:,} of {len(a):,} parameters have other bits; they are at most "
            f"{largest:.1g} of the largest parameter apart",
        )
    ]


def differing_scores(kept: TableModel, again: TableModel) -> list[Difference]:
    """Scores in the file that the model does not have."""
    found = []
    for part, by_rival in again.facts["scores"].items():
        claimed = kept.facts.get("scores", {}).get(part, {})
        for rival, scores in by_rival.items():
            if rival == "network" or rival in claimed:
                found += [
                    Difference(
                        "result",
                        f"{part.replace('_', ' ')} {name.replace('_', ' ')} of {rival} is "
                        f"{value:.6g}, in the file {short(claimed.get(rival, {}).get(name))}",
                    )
                    for name, value in scores.items()
                    if not close(claimed.get(rival, {}).get(name), value)
                ]
    return found


def circumstances(record: Mapping[str, Any]) -> list[Difference]:
    """Versions and code that are not those of the first training."""
    now, then = versions(), record["versions"]
    found = [
        Difference("version", f"{name} {now[name]}, trained by {name} {then[name]}")
        for name in now
        if name in then and now[name] != then[name]
    ]
    code = code_name()
    if code != record["code"] and not {code, record["code"]} <= set(FUSED):
        found.append(Difference("processor", f"computed by {code}, trained by {record['code']}"))
    return found


def unexplained(parts: Sequence[Difference], replay: Replay) -> list[str]:
    """What to think of differences."""
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
        "data, settings, versions and processor are those of the file, so it does not hold what "
        "this training gives: it was changed afterwards, or a program of its own took part"
    ]
