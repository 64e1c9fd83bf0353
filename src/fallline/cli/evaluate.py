"""`fallline evaluate`: scores on a table that has the target."""

import json as json_
from typing import Any

from fallline.cli.options import read
from fallline.cli.train import scores_text
from fallline.table_model import TableModel


def run(model_path: str, path: str, reading: dict[str, Any], *, json: bool) -> None:
    """Score and tell."""
    model = TableModel.load(model_path)
    result = model.evaluate(read(path, reading))
    if json:
        print(json_.dumps(result))
        return
    for note in result["notes"]:
        print(f"note: {note}")
    aside = f", {result['set_aside']} set aside (no target)" if result["set_aside"] else ""
    print(f"{path}: {result['rows']:,} rows{aside}\n")
    print(scores_text(result["scores"], result["trivial_guess"], model.encoding.target))
