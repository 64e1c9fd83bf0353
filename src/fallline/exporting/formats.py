"""The formats that a model is exported in, by the ending of the file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fallline.errors import ParameterError
from fallline.exporting import c_source, javascript, onnx_graph, plain_json, python_module, sql
from fallline.exporting.description import Description, Naming
from fallline.exporting.proof import Runner
from fallline.limits import check_choice

__all__ = ["FORMATS", "Format", "format_of"]


@dataclass(frozen=True)
class Format:
    """What writes a model, its contents by the files' endings, and runs it; ``use`` is a hint."""

    name: str
    endings: tuple[str, ...]
    write: Callable[[Description, Naming], dict[str, bytes]]
    run: Runner
    use: str


FORMATS = (
    Format(
        "python",
        (".py",),
        python_module.write,
        python_module.run,
        "predict(rows) in it needs NumPy only; a row is a dict of the table's columns",
    ),
    Format(
        "json",
        (".json",),
        plain_json.write,
        plain_json.run,
        "docs/model-file.md has its fields",
    ),
    Format("c", (".c",), c_source.write, c_source.run, "the .h beside it has what to call"),
    Format(
        "javascript",
        (".mjs", ".js"),
        javascript.write,
        javascript.run,
        "predict(rows) in it needs nothing else; a row is an object of the table's columns",
    ),
    Format(
        "sql",
        (".sql",),
        sql.write,
        sql.run,
        "it gives the table's rows with the predictions, in SQLite and DuckDB",
    ),
    Format(
        "onnx",
        (".onnx",),
        onnx_graph.write,
        onnx_graph.run,
        "onnxruntime runs it; an input for each column of the table",
    ),
)


def format_of(path: Path, name: str | None) -> Format:
    """The format called ``name``, else that of the path's ending.

    Raises ParameterError for neither.
    """
    if name is not None:
        name = check_choice("format", name, [each.name for each in FORMATS])
        return next(each for each in FORMATS if each.name == name)
    for each in FORMATS:
        if path.suffix.lower() in each.endings:
            return each
    *most, last = [ending for each in FORMATS for ending in each.endings]
    raise ParameterError(
        f"{path}: the ending says what to write, and must be {', '.join(most)} or {last}"
    )
