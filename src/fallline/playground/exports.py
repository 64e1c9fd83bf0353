"""What a page can take away: a Python script, a notebook, or a model file."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fallline.errors import ParameterError
from fallline.playground.descent import Descent
from fallline.saving.modelfile import save

__all__ = ["export"]

MAX_NUMBERS = 20_000  # that a script spells out


def export(descent: Descent, kind: str) -> dict[str, Any]:
    """A file's name, its type, and its content in base64."""
    if kind == "script":
        content, name, media = script(descent).encode(), "descent.py", "text/x-python"
    elif kind == "notebook":
        content, name, media = notebook(descent).encode(), "descent.ipynb", "application/json"
    elif kind == "model":
        content, name, media = model_file(descent), "model.safetensors", "application/octet-stream"
    else:
        raise ParameterError(f"export script, notebook or model, not {kind!r:.40}")
    return {"name": name, "media": media, "content": base64.b64encode(content).decode()}


def model_file(descent: Descent) -> bytes:
    encoding = descent.problem.encoding
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(descent.network, path, encoding=None if encoding is None else encoding.to_dict())
        return path.read_bytes()


def script(descent: Descent) -> str:
    """The run from its start, as a script."""
    return "\n\n".join(cells(descent)) + "\n"


def notebook(descent: Descent) -> str:
    """The same, a cell for each part."""
    made: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{i}",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": cell.splitlines(keepends=True),
        }
        for i, cell in enumerate(cells(descent))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


def cells(descent: Descent) -> list[str]:
    problem, network, setup = descent.problem, descent.network, descent.setup
    seed = setup.network.seed
    parts = [
        "import numpy as np\n\nimport fallline as fl",
        rows(descent),
        f"net = fl.Network(\n    {list(network.sizes)},\n    hidden={list(network.hidden)},\n"
        f"    loss={network.loss.name!r},\n    init={network.init!r},\n    seed={seed},\n)",
    ]
    every = max(1, setup.training.epochs // 20)
    if setup.network.init == "zeros":
        parts.append("net.parameters = np.zeros(net.n_parameters)")
    wrong = setup.training.gradient
    if wrong not in ("right", "published"):
        raise ParameterError(
            "a script trains with the right gradient: set the gradient to right, then export"
        )
    if wrong == "published":
        parts.append(
            "# the published update, both slips kept\n"
            "from fallline.lesson import train_as_published\n\n"
            "history = train_as_published(\n    net, X, y, "
            f"learning_rate={setup.training.learning_rate!r}, epochs={setup.training.epochs}, "
            f"record_every={every}\n)"
        )
    else:
        optimizer = repr(descent.optimizer)
        for name in ("StepDecay", "Exponential", "Cosine", "InverseScaling", "OneCycle", "WarmUp"):
            optimizer = optimizer.replace(f"{name}(", f"fl.{name}(")
        parts.append(
            f"optimizer = fl.{optimizer}\nhistory = fl.train(\n    net,\n    X,\n    y,\n"
            f"    optimizer=optimizer,\n    epochs={setup.training.epochs},\n"
            f"    batch_size={descent.batch_size},\n    l2={setup.training.l2!r},\n"
            f"    l1={setup.training.l1!r},\n"
            f"    dropout={setup.training.dropout!r},\n"
            f"    seed={seed},\n    record_every={every},\n)"
        )
    shown = 'print(f"loss {history.loss[0]:.6f} to {history.loss[-1]:.6f}")'
    if len(problem.X_test):
        shown += "\nprint(np.round(net.predict_proba(X_test), 5))"
    return [*parts, shown]


def rows(descent: Descent) -> str:
    """The data, written out; a table's by how it is read."""
    problem = descent.problem
    if problem.X.size + problem.X_test.size > MAX_NUMBERS:
        return (
            "# the rows are too many to write out: put X, y, X_test and y_test here, "
            f"X with {problem.X.shape[1]} columns"
        )
    y, y_test = descent.targets(problem.y), descent.targets(problem.y_test)
    named = {"X": problem.X, "y": y, "X_test": problem.X_test, "y_test": y_test}
    return "\n".join(
        f"{name} = np.array({json.dumps(np.asarray(values).tolist())})"
        + (f".reshape(0, {problem.X.shape[1]})" if name == "X_test" and not len(values) else "")
        for name, values in named.items()
    )
