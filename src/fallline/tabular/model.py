"""From a table to a trained network and back: training, prediction, scores."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import Rows
from fallline.core.network import Network
from fallline.data.encoding import Encoding
from fallline.data.frames import as_kind_of
from fallline.data.reading import as_table
from fallline.data.targets import QUANTITIES
from fallline.engine import Forward, predict_proba
from fallline.errors import ModelFileError
from fallline.limits import check_integer
from fallline.saving.modelfile import Model, Path_, read_model, save
from fallline.tabular.answering import RowPredictor
from fallline.tabular.conformal import Conformal, coverage_of_intervals, coverage_of_sets
from fallline.tabular.evaluation import (
    against_trivial,
    calibration,
    confusion,
    doubt,
    intervals,
    residuals,
    roc_curve,
    shares_of_classes,
)
from fallline.tabular.facts import check_facts
from fallline.tabular.fingerprints import Fingerprints
from fallline.tabular.novelty import New, count_new
from fallline.tabular.preparation import Prepared, rows_of, with_target
from fallline.tabular.scoring import output_scores, trivial_scores
from fallline.training.history import History

__all__ = ["WEIGHTED", "Predictions", "TableModel", "in_set"]

MARGIN = 0.5  # of the width of the training targets' range
MIN_SEEN, MIN_SEEN_ROWS = 0.2, 5
SEEN, MEANS = "rows.seen", "features.means"
WEIGHTED = (
    "the classes were weighted, so the probabilities are those of a table with as many rows of "
    "each: log loss and calibration suffer, the order of the rows does not"
)


@dataclass(frozen=True)
class Predictions:
    """``values`` (n,): numbers in the target's own units, or class labels.

    ``probabilities`` (n, n_classes), in the order of ``classes``; None for numbers. ``given`` is
    the table. For a model with intervals, ``lower`` and ``upper`` (n,) are their ends; for classes
    ``members`` (n, n_classes) says whether each class is in the row's set.
    """

    values: Array
    classes: list[str]
    probabilities: Array | None
    given: Any = field(default=None, repr=False, compare=False)
    lower: Array | None = None
    upper: Array | None = None
    members: Array | None = None

    def columns(self) -> dict[str, Array]:
        """The columns of a table of predictions."""
        result = {"prediction": self.values}
        if self.lower is not None and self.upper is not None:
            result |= {"lower": self.lower, "upper": self.upper}
        if self.probabilities is not None:
            for i, label in enumerate(self.classes):
                result[f"probability of {label}"] = self.probabilities[:, i]
        if self.members is not None:
            result["set"] = sets_text(self.members, self.classes)
        return result

    def to_frame(self) -> Any:
        """The columns as a frame of the same kind as the table; a Polars frame for a file.

        A pandas frame has the index of the one given. Labels that are whole numbers or truth
        values are those in it, not texts.

        >>> import polars as pl
        >>> from fallline.tabular.model import Predictions
        >>> Predictions(np.array(["1", "0"], dtype=object), ["0", "1"], None).to_frame().rows()
        [(1,), (0,)]
        """
        columns = self.columns()
        if self.classes:
            columns["prediction"] = as_values(self.values, self.classes)
        return as_kind_of(columns, self.given)


def sets_text(members: Array, classes: list[str]) -> Array:
    r"""Each row's set as one text, (n,): its classes with "|" between them, "\|" for one inside.

    >>> sets_text(np.array([[True, True], [False, True]]), ["a", "b|c"]).tolist()
    ['a|b\\|c', 'b\\|c']
    """
    names = [in_set(name) for name in classes]
    kinds, of_row = np.unique(members, axis=0, return_inverse=True)
    texts = ["|".join(names[i] for i in np.flatnonzero(kind)) for kind in kinds]
    found: Array = np.array(texts, dtype=object)[of_row.ravel()]
    return found


def in_set(name: str) -> str:
    r"""A class's name as it stands in the text of a set.

    >>> print(in_set("a|b"))
    a\|b
    """
    return name.replace("\\", "\\\\").replace("|", "\\|")


def as_values(labels: Array, classes: list[str]) -> Array:
    """Labels as whole numbers or truth values if all classes are; otherwise unchanged."""
    if all(text.lstrip("-").isdigit() and str(int(text)) == text for text in classes):
        return np.array([int(text) for text in labels], dtype=np.int64)
    if {text.lower() for text in classes} <= {"true", "false"}:
        return np.array([text.lower() == "true" for text in labels])
    return labels


@dataclass(frozen=True)
class Folds:
    """The prediction for each row by the members that it did not train.

    ``number`` (n,) is the fold of each row, -1 for a row that was never held out; ``output``
    (n, n_outputs) is NaN there.
    """

    number: Array
    output: Array


@dataclass(frozen=True)
class Scored:
    """A part of the rows, and the predictions for them.

    ``name`` is "out_of_fold", "validation", "test" or "training"; ``rows`` (m,) are positions in
    the prepared rows; ``output`` (m, n_outputs) is the network's, ``linear`` the linear model's.
    """

    name: str
    rows: Array
    output: Array
    linear: Array | None


@dataclass
class TableModel:
    r"""A network with the encoding of its table; ``facts`` say how it was trained.

    ``notes`` are for people, about the last table that was read; ``seen`` are the fingerprints of
    the training rows, ``means`` (n_features,) the means of their features, from which an
    explanation starts; older files have none. Directly after training, ``data`` are the rows,
    ``folds`` those of an ensemble, ``scored`` the parts that were scored, the most reliable one
    last, and ``ended`` says how each run ended; a file has none of these.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 7 > 3 else 'no'}" for i in range(200)]
    >>> size = Path("days.csv").write_text("\n".join(["cars,weekday,late", *rows]))
    >>> table = fl.read_table("days.csv")
    >>> model = fl.train_table(table, "late", preset="quick")
    >>> model.save("late.safetensors")
    >>> loaded = fl.TableModel.load("late.safetensors")
    >>> loaded.predict(table).values[:7].tolist()
    ['no', 'no', 'no', 'no', 'yes', 'yes', 'yes']
    """

    network: Network
    encoding: Encoding
    history: History
    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    seen: Fingerprints | None = field(default=None, repr=False)
    means: Array | None = field(default=None, repr=False)
    data: Prepared | None = field(default=None, repr=False)
    folds: Folds | None = field(default=None, repr=False)
    scored: list[Scored] = field(default_factory=list, repr=False)
    ended: list[dict[str, Any]] = field(default_factory=list, repr=False)

    @property
    def data_history(self) -> History:
        """The history, its training loss without the penalty on the weights.

        So it is comparable with the validation loss. The penalty is that after the epoch, where
        the loss is taken before each update: what would fall below 0 is left as it is recorded.
        """
        penalty = self.facts.get("penalty") or [0.0] * len(self.history.loss)
        pairs = zip(self.history.loss, penalty, strict=False)
        loss = [total - cost if total > cost else total for total, cost in pairs]
        return replace(self.history, loss=loss)

    @property
    def reading(self) -> dict[str, Any]:
        """The options with which the training files were read, without defaults."""
        found: dict[str, Any] = self.facts.get("reading", {})
        return found

    def ends(self, *, extrapolate: bool = False) -> tuple[float, float] | None:
        """The range to which predicted numbers are limited, in the target's own units.

        It is that of the training targets, widened by half its width on either side, for counts
        not below 0. None for classes, with ``extrapolate``, and for files of the first version.
        """
        found = self.facts.get("target_range")
        if extrapolate or found is None or self.encoding.task not in QUANTITIES:
            return None
        low, high = found
        margin = MARGIN * (high - low)
        return (0.0 if self.encoding.task == "counts" else low - margin), high + margin

    def limits(self, *, extrapolate: bool = False) -> tuple[float, float] | None:
        """``ends`` in terms of the network's output."""
        ends = self.ends(extrapolate=extrapolate)
        if ends is None:
            return None
        mean, scale = self.encoding.target_mean, self.encoding.target_scale
        return (ends[0] - mean) / scale, (ends[1] - mean) / scale

    def held(self, output: Array, *, extrapolate: bool = False) -> Array:
        """The network's output (n, n_outputs), numbers limited to ``ends``."""
        limits = self.limits(extrapolate=extrapolate)
        return output if limits is None else np.clip(output, *limits)

    def predict(self, table: Any, *, extrapolate: bool = False) -> Predictions:
        """Predict every row, in order.

        ``table`` is from :func:`fallline.read_table`, a DataFrame of pandas or Polars, an Arrow
        table, or the path of a file, which is read like the training files. Numbers are limited to
        the range of the training targets plus half its width on either side, unless
        ``extrapolate``. Raises TableError for a table that does not fit.
        """
        return self.predict_by(Forward(self.network), table, extrapolate=extrapolate)

    def predict_by(self, forward: Forward, table: Any, *, extrapolate: bool = False) -> Predictions:
        """``predict`` with a forward pass of its network that is prepared once, for many tables."""
        X = rows_of(self.encoding, [as_table(table, self.reading)], self.network.dtype)
        output = self.held(forward.predict_proba(X), extrapolate=extrapolate)
        return replace(self.decode(output), given=table, **self.sure_of(X, output))

    def predictor(self) -> RowPredictor:
        """A copy of the model that predicts one row {column: cell} in microseconds.

        Raises ParameterError if the network has a function that the engine does not have.
        """
        return RowPredictor(self.network, self.encoding, self.reading, self.limits())

    def coverage_on(self, X: Rows, y: Array, output: Array) -> dict[str, Any] | None:
        """How often intervals or sets hold the targets y (n,) of encoded rows; None without them.

        Plain data: ``level`` and what :mod:`fallline.tabular.conformal` counts.
        """
        conformal, encoding = self.conformal, self.encoding
        if conformal is None:
            return None
        sure = self.sure_of(X, output)
        if "members" in sure:
            shares = shares_of_classes(encoding, output)
            found = coverage_of_sets(y.astype(np.intp), sure["members"], shares)
        else:
            actual, predicted = map(encoding.decode_numbers, (y, output[:, 0]))
            found = coverage_of_intervals(actual, sure["lower"], sure["upper"], predicted)
        return {"level": conformal.level, **found}

    @property
    def conformal(self) -> Conformal | None:
        """The calibration of the model's intervals or sets; None if it has none."""
        kept = self.facts.get("interval")
        return None if kept is None else Conformal.from_dict(kept)

    def sure_of(self, X: Rows, output: Array) -> dict[str, Any]:
        """``lower`` and ``upper``, or ``members``, of encoded rows; nothing without intervals."""
        conformal, encoding = self.conformal, self.encoding
        if conformal is None:
            return {}
        output = output.astype(np.float64)
        if encoding.task not in QUANTITIES:
            return {"members": conformal.sets(shares_of_classes(encoding, output))}
        lower, upper = map(encoding.decode_numbers, conformal.interval(X, output[:, 0]))
        if encoding.task == "counts":
            lower = np.maximum(lower, 0.0)
        return {"lower": lower, "upper": upper}

    def new_cells(self, table: Any) -> list[New]:
        """The columns of a table with cells that are new to the model, and how many."""
        return count_new(self.encoding, as_table(table, self.reading))

    def decode(self, output: Array) -> Predictions:
        """The network's output in terms of the table's target."""
        encoding = self.encoding
        if encoding.task in QUANTITIES:
            return Predictions(encoding.decode_numbers(output[:, 0]), [], None)
        shares = np.hstack([1.0 - output, output]) if encoding.task == "binary" else output
        labels = encoding.decode_classes(shares.argmax(axis=1))
        return Predictions(labels, list(encoding.classes), shares)

    def evaluate(self, table: Any, *, seed: int = 0, extrapolate: bool = False) -> dict[str, Any]:
        """Scores on the rows that have a target, with 95 % intervals and those of the trivial
        guess.

        ``table`` is what ``predict`` takes; ``seed`` is that of the resamples which the intervals
        come from.

        Plain data: ``rows``, ``set_aside``, ``scores``, ``intervals``, ``trivial_guess``,
        ``notes``, ``new_cells`` (by column, cells that are new to the model), ``seen_share`` (the
        share of rows that were training rows), ``positive`` (the class that AUC and calibration
        refer to); with intervals ``coverage``, how often they hold the target, by part of the range
        or class; for classes ``confusion`` (rows actual, columns predicted), ``calibration`` and,
        for two, ``roc``; else ``residuals``. Raises TableError for a table that does not fit or has
        no target.
        """
        usable, set_aside = with_target(
            self.encoding.read(as_table(table, self.reading)), self.encoding.target
        )
        y, notes = self.encoding.encode_target(usable)
        X = rows_of(self.encoding, [usable], self.network.dtype)
        output = self.held(predict_proba(self.network, X), extrapolate=extrapolate)
        seen = 0.0 if self.seen is None else self.seen.share_seen(X, y)
        notes = [*notes, *self.notes_on(seen, len(y))]
        ends = intervals(self.encoding, y, output, check_integer("seed", seed))
        found = against_trivial(self.encoding, y, output, self.class_shares)
        sure = doubt(found)
        result: dict[str, Any] = {
            "rows": len(y),
            "set_aside": set_aside,
            "scores": output_scores(self.encoding, y, output),
            "intervals": {name: list(low_high) for name, low_high in ends.items()},
            "trivial_guess": self.trivial_scores(y),
            "against_trivial": found,
            "notes": notes if sure is None else [*notes, sure],
            "new_cells": [new.to_dict() for new in self.new_cells(usable)],
            "seen_share": seen,
        }
        coverage = self.coverage_on(X, y, output)
        if coverage is not None:
            result["coverage"] = coverage
        if self.encoding.task == "binary":
            result["positive"] = self.encoding.classes[1]
        if self.encoding.task in QUANTITIES:
            found = residuals(self.encoding, y, output)
            worst = found.pop("worst_row")
            place = usable.place(worst, self.encoding.target).rsplit(", ", 1)[0]
            return result | {"residuals": found | {"worst_place": place}}
        result["confusion"] = confusion(self.encoding, y, output).tolist()
        result["calibration"] = calibration(self.encoding, y, output)
        if self.encoding.task == "binary":
            false, true = roc_curve(y, output[:, 0])
            result["roc"] = {"false_positive": false.tolist(), "true_positive": true.tolist()}
        return result

    def notes_on(self, seen: float, rows: int) -> list[str]:
        """Notes on scores: rows that were trained on, and weighted classes."""
        notes = []
        if seen >= MIN_SEEN and seen * rows >= MIN_SEEN_ROWS:
            notes.append(
                f"about {seen:.0%} of these rows are rows that the model was trained on, so the "
                "scores say how well it remembers; score it on others"
            )
        if self.facts.get("class_weight"):
            notes.append(WEIGHTED)
        return notes

    def scores(self, X: Rows, y: Array) -> dict[str, float]:
        """Scores of the network on encoded rows."""
        return output_scores(self.encoding, y, self.held(predict_proba(self.network, X)))

    def trivial_scores(self, y: Array) -> dict[str, float]:
        """Scores of always guessing the training rows' mean, or their class shares."""
        return trivial_scores(self.encoding, self.class_shares, y)

    @property
    def class_shares(self) -> Array | None:
        """(n_classes,) of the training rows, or equal where a file has none; None for numbers."""
        if self.encoding.task in QUANTITIES:
            return None
        n_classes = len(self.encoding.classes)
        return np.array(self.facts.get("class_shares", [1 / n_classes] * n_classes), dtype=float)

    def save(self, path: Path_) -> None:
        """Write the model file. Raises FileWriteError if that fails."""
        save(
            self.network,
            path,
            history=self.history,
            encoding=self.encoding.to_dict(),
            training=self.facts,
            tensors={
                **({} if self.seen is None else {SEEN: self.seen.hashes}),
                **({} if self.means is None else {MEANS: self.means}),
            },
        )

    @classmethod
    def load(cls, path: Path_) -> "TableModel":
        """Read a model file. Raises ModelFileError, also for one that was not made from a table."""
        return cls.of_file(path, read_model(path))

    @classmethod
    def of_file(cls, path: Path_, file: Model) -> "TableModel":
        """The model from the content of a file. Raises ModelFileError if its parts do not fit."""
        try:
            return cls.fitted(file)
        except ModelFileError as reason:
            raise ModelFileError(f"{path}: {reason}") from None

    @classmethod
    def fitted(cls, file: Model) -> "TableModel":
        """The same; the error does not name the file."""
        if file.encoding is None or file.history is None or file.training is None:
            raise ModelFileError(
                "this model was not trained from a table, so it cannot read one; "
                "use fallline.load in Python"
            )
        encoding, network = Encoding.from_dict(file.encoding), file.network
        if encoding.n_features != network.sizes[0]:
            raise ModelFileError(
                f"its encoding gives {encoding.n_features} inputs, "
                f"its network has {network.sizes[0]}"
            )
        n_outputs = len(encoding.classes) if encoding.task == "classes" else 1
        task = {"counts": "numbers"}.get(encoding.task, encoding.task)
        if n_outputs != network.sizes[-1] or network.loss.task != task:
            raise ModelFileError(
                f"its task {encoding.task} asks for {n_outputs} outputs, its network has "
                f"{network.sizes[-1]}, with the loss {network.loss.name}"
            )
        check_facts(file.training, encoding)
        hashes = file.tensors.get(SEEN)
        seen = None if hashes is None or hashes.dtype != np.uint32 else Fingerprints(hashes)
        means = means_of(file, encoding.n_features)
        return cls(network, encoding, file.history, file.training, seen=seen, means=means)


def means_of(file: Model, n_features: int) -> Array | None:
    """The means of the training rows' features. Raises ModelFileError if they cannot be such."""
    means = file.tensors.get(MEANS)
    if means is None:
        return None
    if means.shape != (n_features,) or means.dtype != np.float64 or not np.isfinite(means).all():
        raise ModelFileError(
            f"its tensor {MEANS!r} does not have a number for each of its features"
        )
    return means


# ---- training
