"""`fallline export`: a model as a Python module of its own, or as JSON."""

import json as json_
from pathlib import Path

from fallline.cli.outputs import check_output
from fallline.exporting.export import export

__all__ = ["run"]

USES = {
    ".py": "predict(rows) in it needs NumPy only; a row is a dict of the table's columns",
    ".json": "docs/model-file.md has its fields",
}


def run(model: str, output: str, *, force: bool, quiet: bool, json: bool) -> None:
    """Write, and tell what was written."""
    check_output(output, "OUT", inputs=[model], force=force)
    size = export(model, output)
    if json:
        print(json_.dumps({"output": output, "bytes": size}))
    elif not quiet:
        print(f"{output} written, {size:,} bytes; {USES[Path(output).suffix.lower()]}")
