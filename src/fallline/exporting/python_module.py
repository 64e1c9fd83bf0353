"""A model as a Python module that needs NumPy only: ``standalone`` with the model in it."""

import base64
import json
import pprint
import sys
from pathlib import Path

from fallline.exporting import standalone
from fallline.exporting.description import Description, Naming
from fallline.exporting.rows import Rows
from fallline.exporting.running import Found, from_json, printed

__all__ = ["run", "write"]

PLACE = "MODEL: dict[str, Any] = {}\nWEIGHTS = "  # in the text of standalone.py
WIDTH = 96
PROVER = """
import json, sys, types
model = types.ModuleType("exported")
with open(sys.argv[1], encoding="utf-8") as file:
    exec(compile(file.read(), sys.argv[1], "exec"), model.__dict__)
rows = json.load(sys.stdin)
predicted, sure = model.predict(rows), None
if model.MODEL["interval"] is not None:
    sure = model.intervals(rows)
elif model.MODEL["sets"] is not None:
    sure = model.sets(rows)
if model.MODEL["task"] == "numbers":
    print(json.dumps([predicted, None, sure]))
else:
    shares = [list(row.values()) for row in model.probabilities(rows)]
    print(json.dumps([shares, predicted, sure]))
"""


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """The module, by the ending of its file."""
    model.require(standalone.FUNCTIONS, "a .py")
    dtype = model.dtype.newbyteorder("<").str
    facts = {"dtype": dtype, **model.facts()}
    weights = base64.b64encode(model.theta(dtype).tobytes()).decode()
    made = f"MODEL: dict[str, Any] = {literal(facts)}\n"
    before, after = Path(standalone.__file__).read_text(encoding="utf-8").split(PLACE)
    lines = "".join(
        f'\n    "{weights[i : i + WIDTH - 8]}"' for i in range(0, len(weights), WIDTH - 8)
    )
    made += f"# base64 of the parameters, blocks of W and b layer by layer\nWEIGHTS = ({lines}\n)\n"
    return {".py": (before + made + after.partition("\n")[2]).encode()}


def literal(facts: dict[str, object]) -> str:
    """Plain data as Python's text, in ASCII."""
    text = pprint.pformat(facts, width=WIDTH, compact=True, sort_dicts=False)
    return text.encode("ascii", "backslashreplace").decode("ascii")


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """The predictions of the module in a separate process."""
    command = [sys.executable, "-P", "-c", PROVER, f"{naming.stem}.py"]
    given = json.dumps(rows.as_sequences() if model.positional else rows.as_dicts())
    return from_json(printed(command, folder, given), model)
