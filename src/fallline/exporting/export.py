"""A model in another format: Python, C, JavaScript, SQL, ONNX or JSON, checked by running it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fallline.atomic import check_target, write_bytes
from fallline.errors import FileWriteError, ModelFileError, ParameterError
from fallline.exporting.describe import describe
from fallline.exporting.description import Description, Naming
from fallline.exporting.formats import format_of
from fallline.exporting.proof import Proof, prove
from fallline.saving.modelfile import Path_, read_model
from fallline.tabular.model import TableModel

__all__ = ["Exported", "export"]

MARK = b"Written by Fallline"  # in the first lines of formats with several files


@dataclass(frozen=True)
class Exported:
    """What was written: ``files`` of ``size`` bytes in all; ``proof`` is None if not asked for."""

    files: tuple[str, ...]
    size: int
    format: str
    use: str
    proof: Proof | None


def export(
    model: Any,
    path: Path_,
    *,
    format: str | None = None,
    table: str | None = None,
    proof: bool = True,
) -> Exported:
    """Write a model in another format, by the ending of ``path``; returns the files and the proof.

    Parameters
    ----------
    model : a network, a table's model, a fitted ``MLPClassifier`` or ``MLPRegressor``, or the path
        of a model file.
    path : the file. Its ending determines the format: ``.py`` a Python module that needs NumPy
        only, ``.c`` C99 that needs math.h only, with a ``.h`` beside it, ``.mjs`` or ``.js`` a
        JavaScript module, ``.sql`` a SELECT for SQLite and DuckDB, ``.onnx`` a graph for
        onnxruntime (needs ``fallline[onnx]``), ``.json`` weights, encoding and settings as data.
        All but the last take a table's raw columns, and give labels and probabilities, or numbers.
    format : "python", "c", "javascript", "sql", "onnx" or "json", whatever the ending.
    table : for SQL, the table to predict, by default "data"; a dot separates its name from its
        schema's.
    proof : run the export on 1,000 generated rows before the file is written, and compare with the
        model's predictions. If it cannot be run on this machine, ``proof.why`` says why.

    Raises ParameterError for another ending, and for models that a format cannot express;
    ExportError if the predictions differ by more than 1e-12, relative to the terms of the sums
    (then no file is written); ModelFileError for a file that is not a model; FileWriteError.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=500)
    >>> exported = fl.export(net, "truth.py")
    >>> exported.proof.rows, exported.proof.difference < 1e-12
    (1000, True)
    >>> from runpy import run_path
    >>> truth = run_path("truth.py")  # needs NumPy only
    >>> truth["predict"](TRAIN_X), net.predict(TRAIN_X).tolist()
    ([1, 0, 0, 0, 0], [1, 0, 0, 0, 0])
    """
    path = Path(path)
    chosen = format_of(path, format)
    check_target(path)
    if table is not None and chosen.name != "sql":
        raise ParameterError(f"a table is named for SQL, and {path} is written as {chosen.name}")
    described, naming = described_model(model), Naming(path.stem, table or "data")
    files = chosen.write(described, naming)
    _, *others = files
    names = [path, *(path.with_name(path.stem + ending) for ending in others)]
    for beside in names[1:]:
        check_ours(beside)
    proven = prove(chosen.run, files, naming, described) if proof else None
    for name, content in zip(names, files.values(), strict=True):
        write_bytes(name, content)
    size = sum(map(len, files.values()))
    return Exported(tuple(map(str, names)), size, chosen.name, chosen.use, proven)


def check_ours(path: Path) -> None:
    """Raise FileWriteError if a second file, such as the .h, would replace a foreign file."""
    if path.exists() and MARK not in path.read_bytes()[:200]:
        raise FileWriteError(
            f"{path}: this file, which would be written too, exists already and is not "
            "Fallline's; move it, or choose another name"
        )


def described_model(model: Any) -> Description:
    """The description of a model, or of the one in a file."""
    if not isinstance(model, str | os.PathLike):
        return describe(model)
    found = read_model(model)
    if found.checkpoint is not None:
        raise ModelFileError(
            f"{model}: this is the checkpoint of a run under way; let the run end (--resume), and "
            "export its model"
        )
    if found.encoding is not None:
        return describe(TableModel.load(model))
    return replace(describe(found.network), training=found.training)
