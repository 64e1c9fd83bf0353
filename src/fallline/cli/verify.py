"""`fallline verify`: whether training again gives the model in a file."""

import json as json_
from typing import Any

from fallline.cli.cluster import verify_on_cluster
from fallline.cli.colour import say
from fallline.cli.groups import Display, ReadingOptions
from fallline.cli.progress import Bar
from fallline.errors import FalllineError
from fallline.tabular.model import TableModel
from fallline.tabular.verification import Verification, verify
from fallline.text import remark


def run(
    path: str,
    tables: list[str],
    reading: ReadingOptions,
    display: Display,
    *,
    apart: dict[str, str | None],
    threads: int | None,
    cluster: str | None,
) -> None:
    """Train, compare, print; a different model ends with exit code 1."""
    model = TableModel.load(path)
    with Bar(shown=not (display.quiet or display.json)) as bar:
        given: dict[str, Any] = {
            "how": reading.reading(before=model.reading),
            "on_run": bar.on_run,
        }
        given |= {
            name: reading.table(each, before=model.reading) for name, each in apart.items() if each
        }
        if cluster is not None:
            found = verify_on_cluster(cluster, model, tables, threads, given)
        else:
            in_memory = model.facts.get("record", {}).get("place") == "memory"
            rows = reading.table(tables, before=model.reading) if in_memory else tables
            found = verify(model, rows, threads=threads, **given)
    if display.json:
        print(json_.dumps({"model": path, **found.to_dict()}))
    elif not (display.quiet and found.same):
        say(as_text(path, found))
    if found.verdict == "other data":
        raise FalllineError(f"{path} was trained on other data, so it was not trained again")
    if not found.same:
        raise FalllineError(f"{path} is not what this training gives")


def as_text(path: str, found: Verification) -> str:
    """What was compared, and the first difference."""
    parts = [remark(each.kind, each.text) for each in found.differences]
    parts += [remark("note", note) for note in found.notes]
    if found.same:
        parts.append(
            f"{path} is the same to the bit: {found.parameters:,} parameters, "
            f"{found.epochs} epochs\non {found.rows:,} rows, trained again in "
            f"{found.seconds:.1f} s by Fallline {found.versions['fallline']} ({found.code}), "
            "and the same scores"
        )
    return "\n".join(parts)
