"""A model in other forms: a Python module that needs NumPy only, or plain JSON.

The module is :mod:`fallline.exporting.standalone`, which works by itself, with the model in it.
"""

import base64
import json
import pprint
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fallline import __version__
from fallline.arrays import Array
from fallline.atomic import write_bytes
from fallline.core.activations import ACTIVATIONS
from fallline.core.network import Network
from fallline.data.columns import SkippedColumn, column_to_dict
from fallline.data.encoding import Encoding
from fallline.errors import ModelFileError, ParameterError
from fallline.exporting import standalone
from fallline.saving.modelfile import Path_, read_model
from fallline.tabular.model import TableModel

__all__ = ["FORMS", "export"]

PLACE = "MODEL: dict[str, Any] = {}\nWEIGHTS = "  # in the text of standalone.py
WIDTH = 96


def export(model: Network | TableModel | Path_, path: Path_) -> int:
    """Write a model in the form that the ending of ``path`` names; the number of bytes.

    ``.py``: a Python module with ``predict(rows)`` and ``probabilities(rows)``, the table's
    encoding included, that needs NumPy only. ``.json``: the weights, the encoding and the settings.

    ``model`` is a network, a table's model, or the path of a model file. Raises ParameterError for
    another ending, ModelFileError for a file that is no model, FileWriteError.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=500)
    >>> size = fl.export(net, "truth.py")
    >>> from runpy import run_path
    >>> exported = run_path("truth.py")  # needs NumPy only
    >>> exported["predict"](TRAIN_X), net.predict(TRAIN_X).tolist()
    ([1, 0, 0, 0, 0], [1, 0, 0, 0, 0])
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMS:
        raise ParameterError(
            f"{path}: the ending says what to write, and must be {' or '.join(FORMS)}"
        )
    data = FORMS[ending](contents(model)).encode()
    write_bytes(path, data)
    return len(data)


def contents(model: Network | TableModel | Path_) -> dict[str, Any]:
    """Network, encoding and settings."""
    if isinstance(model, Network):
        return {"network": model, "encoding": None, "training": None}
    if isinstance(model, TableModel):
        ends = model.ends()
        return {
            "network": model.network,
            "encoding": model.encoding,
            "training": model.facts,
            "ends": None if ends is None else list(ends),
        }
    found = read_model(model)
    if found.checkpoint is not None:
        raise ModelFileError(
            f"{model}: this is the checkpoint of a run under way; let the run end (--resume), and "
            "export its model"
        )
    if found.encoding is not None:
        return contents(TableModel.load(model))
    return {"network": found.network, "encoding": None, "training": found.training}


# ---- Python


def as_python(model: Mapping[str, Any]) -> str:
    """The source of a module of its own."""
    network, encoding = model["network"], model["encoding"]
    unknown = [name for name in network.activations if name not in standalone.FUNCTIONS]
    if unknown:
        raise ParameterError(
            f"the activation {unknown[0]!r} is one of your own, which a .py cannot hold; export "
            f".json, or use {', '.join(ACTIVATIONS)}"
        )
    dtype = network.dtype.newbyteorder("<")
    facts = {
        "sizes": list(network.sizes),
        "activations": list(network.activations),
        "dtype": dtype.str,
        **terms(network, encoding),
        "target_ends": model.get("ends"),
    }
    weights = base64.b64encode(network.parameters.astype(dtype).tobytes()).decode()
    made = f"MODEL: dict[str, Any] = {pprint.pformat(facts, width=WIDTH, sort_dicts=False)}\n"
    before, after = source().split(PLACE)
    lines = "".join(
        f'\n    "{weights[i : i + WIDTH - 8]}"' for i in range(0, len(weights), WIDTH - 8)
    )
    made += f"# base64 of the parameters, W and b layer by layer\nWEIGHTS = ({lines}\n)\n"
    return before + made + after.partition("\n")[2]


def terms(network: Network, encoding: Encoding | None) -> dict[str, Any]:
    """What the numbers mean: the columns that go in, the labels or the scale that come out."""
    if encoding is not None:
        used = [c for c in encoding.columns if not isinstance(c, SkippedColumn)]
        return {
            "target": encoding.target,
            "task": encoding.task,
            "classes": list(encoding.classes),
            "target_mean": encoding.target_mean,
            "target_scale": encoding.target_scale,
            "columns": [column_to_dict(column) for column in used],
        }
    n_outputs = network.sizes[-1]
    several = network.loss.task == "binary" and n_outputs > 1
    n_classes = {"binary": 2, "classes": n_outputs}.get(network.loss.task, 0)
    return {
        "target": None,
        "task": "numbers" if several else network.loss.task,
        "classes": list(range(n_classes)),
        "target_mean": 0.0,
        "target_scale": 1.0,
        "columns": None,
    }


def source() -> str:
    return Path(standalone.__file__).read_text(encoding="utf-8")


# ---- JSON


def as_json(model: Mapping[str, Any]) -> str:
    """Weights, encoding and settings as one JSON object; docs/model-file.md has its fields."""
    network, encoding = model["network"], model["encoding"]
    layers = [
        {"activation": name, "W": numbers(layer.W), "b": numbers(layer.b)}
        for layer, name in zip(network.layers, network.activations, strict=True)
    ]
    facts = {
        "format": 1,
        "version": __version__,
        "network": {
            "sizes": list(network.sizes),
            "loss": network.loss.name,
            "dtype": str(network.dtype),
        },
        "layers": layers,
        "encoding": None if encoding is None else encoding.to_dict(),
        "training": model["training"],
    }
    return json.dumps(facts, allow_nan=False) + "\n"


def numbers(values: Array) -> Any:
    """The shortest decimals that give the same floats back."""
    if values.dtype == np.float64:
        return values.tolist()
    return np.array([float(str(v)) for v in values.flat]).reshape(values.shape).tolist()


FORMS: dict[str, Callable[[Mapping[str, Any]], str]] = {".py": as_python, ".json": as_json}
