"""Whether an exported model predicts what the model itself predicts, on generated rows.

The model itself predicts with its own encoding and its network in float64, not with the description
from which the exported model was written.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.columns import Column, PlaceColumn, TextColumn
from fallline.data.encoding import Encoding
from fallline.data.reading import as_table
from fallline.data.text_reading import frame_of_rows
from fallline.errors import ExportError
from fallline.exporting.description import Description, Naming, in_tables
from fallline.exporting.rows import Rows, made_up
from fallline.exporting.running import Found, NoRunnerError, RunError
from fallline.tabular.model import TableModel

__all__ = ["BOUND", "N_ROWS", "Proof", "prove"]

CLEAR = 1e-9  # between the two largest probabilities
BOUND = 1e-12  # relative; all arithmetic is in float64
N_ROWS = 1_000


class Runner(Protocol):
    """Runs an exported model on rows."""

    def __call__(self, folder: Path, naming: Naming, model: Description, rows: Rows) -> Found: ...


@dataclass(frozen=True)
class Proof:
    """``difference``: the largest difference on ``rows`` rows, relative to the numbers summed up.

    For a network in float32, ``rounding`` is the difference between ``predict`` in float32 and in
    float64. If nothing could run the exported model, ``difference`` is None and ``why`` says so.
    """

    rows: int = 0
    difference: float | None = None
    rounding: float | None = None
    why: str | None = None

    def __str__(self) -> str:
        if self.difference is None:
            return f"not proven: {self.why}"
        told = (
            f"proven on {self.rows:,} rows made up from the encoding (no training rows are kept): "
            f"largest difference {self.difference:.1e}, allowed {BOUND:.0e}"
        )
        if self.rounding is None:
            return told
        return f"{told}; that of predict itself, in float32, is {self.rounding:.1e}"


def prove(run: Runner, files: Mapping[str, bytes], naming: Naming, model: Description) -> Proof:
    """Run the files, given by their endings, in a separate folder, and compare.

    Raises ExportError if a difference is larger than ``BOUND``, or the exported model fails.
    """
    rows = made_up(model, N_ROWS)
    with tempfile.TemporaryDirectory(prefix="fallline-") as folder:
        for ending, content in files.items():
            (Path(folder) / f"{naming.stem}{ending}").write_bytes(content)
        try:
            found = run(Path(folder), naming, model, rows)
        except NoRunnerError as reason:
            return Proof(why=str(reason))
        except RunError as reason:
            raise ExportError(f"what was exported does not run: {reason}") from None
    expected, size = reference(model, rows, "float64")
    difference = relative(found.numbers, expected, size)
    worst = int(np.argmax(difference))
    if not difference[worst] <= BOUND:
        raise ExportError(
            "the exported model predicts something else than Fallline: "
            f"{found.numbers[worst].tolist()} instead of {expected[worst].tolist()} for the row "
            f"{rows.as_sequences()[worst]}; the difference is {difference[worst]:.1e}, allowed is "
            f"{BOUND:.0e}"
        )
    if found.labels is not None:
        check_labels(found.labels, expected, model, rows)
    of_ends = check_sure(found, sure_of(model, rows), expected, model, rows)
    rounding = None
    if model.dtype == np.float32:
        rounding = float(relative(reference(model, rows, "float32")[0], expected, size).max())
    return Proof(len(rows), max(float(difference[worst]), of_ends), rounding)


def check_labels(labels: Sequence[Any], expected: Array, model: Description, rows: Rows) -> None:
    """Raise ExportError for a label that is not the most probable, if one clearly is."""
    top = np.sort(expected, axis=1)[:, -2:]
    for i in np.flatnonzero(top[:, 1] - top[:, 0] > CLEAR).tolist():
        wanted = model.output.labels[int(expected[i].argmax())]
        if labels[i] != wanted:
            raise ExportError(
                f"what was exported predicts {labels[i]!r} instead of {wanted!r} for the row "
                f"{rows.as_sequences()[i]}"
            )


@dataclass(frozen=True)
class Sure:
    """How sure the model is: ``ends`` (n, 2) of intervals and the ``size`` that differences are
    relative to, or ``members`` (n, n_classes) of sets, by ``quantiles``; None without them."""

    ends: Array | None = None
    size: Array | None = None
    members: Array | None = None
    quantiles: Array | float = 1.0


def sure_of(model: Description, rows: Rows) -> Sure:
    """What the model says by its own encoding, its network in float64 and what calibrated it.

    The size of an end is as in ``reference``; log sigma rounds relative to the sum of |x| |w|.
    """
    own = model.model
    if not isinstance(own, TableModel) or own.conformal is None:
        return Sure()
    X = encoded(model, rows, "float64")
    network = own.network.copy("float64")
    output = own.held(network.predict_proba(X))
    found = own.sure_of(X, output)
    conformal = own.conformal
    if "members" in found:
        quantiles = np.array(conformal.by_class or conformal.quantile)
        return Sure(members=found["members"], quantiles=quantiles)
    ends = np.column_stack([found["lower"], found["upper"]])
    summed = reference(model, rows, "float64")[1]
    rounding = 1.0
    if conformal.scale is not None and len(conformal.scale.weights):
        rounding = np.maximum(np.abs(X) @ np.abs(conformal.scale.weights), 1.0)[:, None]
    return Sure(ends, np.maximum(np.abs(ends), summed) * rounding)


def check_sure(found: Found, sure: Sure, expected: Array, model: Description, rows: Rows) -> float:
    """The largest difference of the intervals, 0 without them.

    Raises ExportError for an interval or a set that is not the model's.
    """
    if sure.members is not None:
        if found.members is None:
            raise ExportError("what was exported gives no sets, and the model has them")
        clear = np.abs(1.0 - expected - sure.quantiles) > CLEAR
        check_sets(found.members, sure.members, clear, expected, model, rows)
    if sure.ends is None or sure.size is None:
        return 0.0
    if found.ends is None:
        raise ExportError("what was exported gives no intervals, and the model has them")
    difference = relative(found.ends, sure.ends, sure.size)
    worst = int(np.argmax(difference))
    if not difference[worst] <= BOUND:
        raise ExportError(
            f"what was exported gives the interval {found.ends[worst].tolist()} instead of "
            f"{sure.ends[worst].tolist()} for the row {rows.as_sequences()[worst]}"
        )
    return float(difference[worst])


def check_sets(
    found: Array, wanted: Array, clear: Array, expected: Array, model: Description, rows: Rows
) -> None:
    """Raise ExportError for a set with another class, where that is ``clear`` (n, n_classes) of the
    border and one class clearly is the likeliest."""
    top = np.sort(expected, axis=1)[:, -2:]
    clear &= (top[:, 1] - top[:, 0] > CLEAR)[:, None]
    for i in np.flatnonzero((clear & (found != wanted)).any(axis=1)).tolist():
        mine, right = (
            [label for label, own in zip(model.output.labels, members[i], strict=True) if own]
            for members in (found, wanted)
        )
        raise ExportError(
            f"what was exported gives the set {mine} instead of {right} for the row "
            f"{rows.as_sequences()[i]}"
        )


def relative(found: Array, expected: Array, size: Array) -> Array:
    """(n,) the largest difference in each row, in parts of ``size`` (n, n_results)."""
    if found.shape != expected.shape:
        raise ExportError(
            f"what was exported predicts {found.shape} numbers instead of {expected.shape}"
        )
    with np.errstate(invalid="ignore"):
        parts = np.abs(found - expected) / size
    largest: Array = np.where(np.isnan(parts), np.inf, parts).max(axis=1)
    return largest


def reference(model: Description, rows: Rows, dtype: str) -> tuple[Array, Array]:
    """What the model predicts, (n, n_results), and the size that differences are relative to.

    The size of a prediction is itself, at least 1 (for numbers the target's scale), times the sum
    of |A| |W| + |b| of the last layer where that is above 1: what rounding is relative to. It is
    held to what a float can be.
    """
    network, X = network_of(model).copy(dtype), encoded(model, rows, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        output = network.predict_proba(X).astype(float)
        A = network.forward(X).A[-2]
        last = network.layers[-1]
        summed = (np.abs(A) @ np.abs(last.W) + np.abs(last.b)).max(axis=1, keepdims=True)
    unit = 1.0
    if isinstance(model.model, TableModel):
        predicted = model.model.decode(model.model.held(output))
        if predicted.probabilities is not None:
            output = predicted.probabilities
        else:
            output, unit = predicted.values[:, None], model.output.scale
    elif model.output.task == "binary":
        output = np.hstack([1.0 - output, output])
    with np.errstate(over="ignore"):
        size = np.maximum(np.abs(output), unit) * np.maximum(summed, 1.0)
    return output, np.minimum(size, np.finfo(float).max)


def network_of(model: Description) -> Network:
    own = model.model
    if isinstance(own, Network):
        return own
    network: Network = own.network if isinstance(own, TableModel) else own.to_network()
    return network


def encoded(model: Description, rows: Rows, dtype: str) -> Array:
    """The rows encoded by the model's own encoding."""
    own: Any = model.model
    if isinstance(own, TableModel):
        encoding = renamed(own.encoding)
        names = [column.name for column in encoding.cells]
        listed = [dict(zip(names, row, strict=True)) for row in rows.as_sequences()]
        marks = own.reading.get("missing", [])
        table = as_table(frame_of_rows(listed), {"missing": marks})
        return encoding.transform(table, np.dtype(dtype))
    X = np.array(rows.cells, dtype=float)
    encoder = getattr(own, "encoder_", None)
    return (X if encoder is None else np.asarray(encoder.transform(X))).astype(dtype)


def renamed(encoding: Encoding) -> Encoding:
    """The encoding with columns named by their numbers, and categories that a table can contain."""
    names = (f"column {number}" for number in count())
    columns = tuple(named(column, names) for column in encoding.columns)
    return replace(encoding, target=next(names), columns=columns, spellings={})


def named(column: Column, names: Iterator[str]) -> Column:
    """The column with the next name, or the next two."""
    if isinstance(column, PlaceColumn):
        first = replace(column.first, name=next(names))
        return replace(column, first=first, second=replace(column.second, name=next(names)))
    if isinstance(column, TextColumn):
        categories = tuple(in_tables(column.categories))
        return replace(column, name=next(names), categories=categories)
    return replace(column, name=next(names))
