"""A model as an ES module without dependencies: ``standalone.mjs`` with the model in it."""

import base64
import json
from pathlib import Path

from fallline.exporting.description import Description, Naming
from fallline.exporting.rows import Rows
from fallline.exporting.running import Found, NoRunnerError, from_json, printed, program
from fallline.exporting.standalone import FUNCTIONS

__all__ = ["run", "write"]

OLDEST_NODE = 18
SOURCE = Path(__file__).with_name("standalone.mjs")
MODEL, WEIGHTS = "const MODEL = {};", 'const WEIGHTS = "";'  # in the text of standalone.mjs
PROVER = """
import { readFileSync } from "node:fs";
import * as model from "./exported.mjs";
const rows = JSON.parse(readFileSync(0, "utf8"));
const predicted = model.predict(rows);
const found = NUMBERS ? [predicted, null] : [model.probabilities(rows), predicted];
process.stdout.write(JSON.stringify([...found, SURE]));
"""


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """The module.

    JSON in ASCII is JavaScript; ``<`` is escaped for pages that contain the module.
    """
    model.require(FUNCTIONS, "an ES module")
    dtype = model.dtype.newbyteorder("<").str
    facts = json.dumps({"dtype": dtype, **model.facts()}, allow_nan=False).replace("<", "\\u003c")
    weights = base64.b64encode(model.theta(dtype).tobytes()).decode()
    text = SOURCE.read_text(encoding="utf-8")
    text = text.replace(MODEL, f"const MODEL = {facts};", 1)
    text = text.replace(WEIGHTS, f'const WEIGHTS = "{weights}";', 1)
    return {".mjs": text.encode()}


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """What the module predicts in Node."""
    node = program(("node", "nodejs"), "Node")
    version = printed([node, "--version"], folder).strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise NoRunnerError(f"Node here is {version}; {OLDEST_NODE} or newer is needed")
    (folder / f"{naming.stem}.mjs").rename(folder / "exported.mjs")
    sure = "null"
    if model.output.interval is not None or model.output.sets is not None:
        sure = "model.intervals(rows)" if model.output.interval is not None else "model.sets(rows)"
    numbers = json.dumps(model.output.task == "numbers")
    prover = PROVER.replace("NUMBERS", numbers).replace("SURE", sure)
    (folder / "prove.mjs").write_text(prover, encoding="utf-8")
    given = json.dumps(rows.as_sequences() if model.positional else rows.as_dicts())
    return from_json(printed([node, "prove.mjs"], folder, given), model)
