"""`fallline export`: a model in another format, checked by running it."""

import json as json_

from fallline.cli.outputs import check_output
from fallline.errors import ParameterError
from fallline.exporting.export import Exported, export

__all__ = ["run"]


def run(
    model: str,
    out: str | None,
    output: str | None,
    *,
    format: str | None,
    table: str | None,
    proof: bool,
    force: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Write, and print what was written and how it was checked."""
    given = [path for path in (out, output) if path is not None]
    if len(given) != 1:
        raise ParameterError("say once where to write: OUT, or --output OUT")
    output = given[0]
    check_output(output, "OUT", inputs=[model], force=force)
    made = export(model, output, format=format, table=table, proof=proof)
    if json:
        print(json_.dumps(facts(made)))
    elif not quiet:
        names = " and ".join(made.files)
        print(f"{names} written, {made.size:,} bytes; {made.use}")
        print(made.proof if made.proof is not None else "not proven, as asked (--no-proof)")


def facts(made: Exported) -> dict[str, object]:
    proof = made.proof
    return {
        "output": made.files[0],
        "files": list(made.files),
        "bytes": made.size,
        "format": made.format,
        "proven": proof is not None and proof.difference is not None,
        "rows": 0 if proof is None else proof.rows,
        "difference": None if proof is None else proof.difference,
        "why_not": "--no-proof" if proof is None else proof.why,
    }
