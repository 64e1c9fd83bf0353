"""A model as plain data in JSON: the weights, the encoding and the settings.

docs/model-file.md has its fields.
"""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from fallline import __version__
from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.column_data import column_to_dict
from fallline.data.columns import SkippedColumn
from fallline.data.encoding import Encoding
from fallline.exporting.description import Description, Naming
from fallline.exporting.proof import network_of, reference, sure_of
from fallline.exporting.rows import Rows
from fallline.exporting.running import Found
from fallline.tabular.model import TableModel

__all__ = ["run", "write"]


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """Weights, encoding and settings as one JSON object."""
    network = network_of(model)
    layers = [
        {"activation": layer.activation, "W": numbers(layer.W), "b": numbers(layer.b)}
        for layer in model.layers
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
        "encoding": encoding_of(model),
        "training": model.training,
    }
    return {".json": (json.dumps(facts, allow_nan=False) + "\n").encode()}


def encoding_of(model: Description) -> dict[str, Any] | None:
    """The table's encoding, or an estimator's columns and classes."""
    own, output = model.model, model.output
    if isinstance(own, TableModel):
        return own.encoding.to_dict()
    if isinstance(own, Network):
        return None
    columns = None
    if (encoder := getattr(own, "encoder_", None)) is not None:
        columns = [
            column_to_dict(
                SkippedColumn(plain.name, "it is the same in all rows") if c is None else c
            )
            for plain, c in zip(model.columns, encoder.columns_, strict=True)
        ]
    return {"task": output.task, "classes": list(output.labels), "columns": columns}


def numbers(values: Array) -> Any:
    """The shortest decimals that represent the same floats."""
    if values.dtype == np.float64:
        return values.tolist()
    return np.array([float(str(v)) for v in values.flat]).reshape(values.shape).tolist()


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """The predictions with the encoding and the weights in the file."""
    facts = json.loads((folder / f"{naming.stem}.json").read_text(encoding="utf-8"))
    given, layers = facts["network"], facts["layers"]
    hidden = [layer["activation"] for layer in layers[:-1]]
    network = Network(given["sizes"], hidden=hidden, loss=given["loss"], dtype=given["dtype"])
    for mine, read in zip(network.layers, layers, strict=True):
        mine.W[:], mine.b[:] = read["W"], read["b"]
    own: Any = network
    if isinstance(model.model, TableModel):
        encoding = Encoding.from_dict(facts["encoding"])
        own = replace(model.model, network=network, encoding=encoding, facts=facts["training"])
    elif hasattr(model.model, "encoder_"):
        own = SimpleNamespace(to_network=lambda: network, encoder_=model.model.encoder_)
    read = replace(model, model=own)
    sure = sure_of(read, rows)
    return Found(reference(read, rows, "float64")[0], ends=sure.ends, members=sure.members)
