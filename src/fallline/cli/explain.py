"""`fallline explain`: what each column adds to a prediction, and which columns matter."""

import json as json_
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline.cli.colour import say
from fallline.cli.groups import ReadingOptions
from fallline.cli.novelty import tell_new
from fallline.cli.outputs import check_output
from fallline.data.table import Table
from fallline.errors import ParameterError
from fallline.explaining.bars import MAX_NAME, bar, shortened
from fallline.explaining.explanation import Explanation, explain
from fallline.explaining.features import sample
from fallline.explaining.overview import Overview, overview
from fallline.tabular.model import TableModel
from fallline.text import figure, remark
from fallline.text import table as text_table

__all__ = ["run"]

BAR = "█"
MAX_LINES, MAX_PAIRS, BAR_WIDTH = 15, 5, 14
LEAST_H = 0.01  # smaller interactions are not printed
TOGETHER = "a column is moved alone: one that goes with others is understated"


def run(
    model_path: str,
    paths: list[str],
    reading: ReadingOptions,
    *,
    rows: list[int] | None,
    baseline: list[int] | None,
    choices: dict[str, Any],
    report: str | None,
    force: bool,
    forms: Mapping[str, str],
    quiet: bool,
    json: bool,
) -> None:
    """Explain the given rows, or the whole table; write the page if one is requested."""
    if report is not None:
        from fallline.report.explanation import check_available

        check_output(report, "--report", inputs=[*paths, model_path], force=force)
        check_available()
    model = TableModel.load(model_path)
    table = reading.table(paths, before=model.reading, forms=forms)
    chosen = positions("--row", rows, table)
    start = None if not baseline else table.take(positions("--baseline", baseline, table))
    some = sample(len(table), choices["seed"]) if chosen is None else chosen
    found = explain(model, table, some, start, **choices)
    if not (quiet or json):
        tell_new(model.new_cells(table if chosen is None else table.take(chosen)), model.encoding)
    whole = None
    if chosen is None:
        whole = overview(found)
    elif report is not None:
        drawn = sample(len(table), choices["seed"])
        whole = overview(explain(model, table, drawn, start, **choices))
    if report is not None and whole is not None:
        from fallline.report.explanation import write_explanation

        write_explanation(found, whole, report, table.source, single=chosen is not None)
    if json:
        print(json_.dumps(facts(found, whole, report, single=chosen is not None)))
        return
    plain = not shows(BAR)
    if chosen is not None:
        say("\n\n".join(found.text(i, plain=plain) for i in range(len(found.rows))))
        if not quiet:
            say("\n" + remark("note", f"base is the output at {found.baseline}"))
    elif whole is not None:
        say(overview_text(found, whole, table.source, plain=plain))
        if not quiet:
            say("\n" + remark("note", TOGETHER))
    if report is not None and not quiet:
        print(f"{report} written", file=sys.stderr)


def positions(option: str, rows: list[int] | None, table: Table) -> Any:
    """The positions of rows counted from 1; None for none. Raises ParameterError."""
    if not rows:
        return None
    for row in rows:
        if not 1 <= row <= len(table):
            raise ParameterError(f"{option} {row}: {table.source} has rows 1 to {len(table):,}")
    return np.array(rows) - 1


def shows(character: str) -> bool:
    """Whether standard output's encoding has the character."""
    try:
        character.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def facts(
    found: Explanation, whole: Overview | None, report: str | None, *, single: bool
) -> dict[str, Any]:
    """Everything as plain data, with rows counted from 1 like in the options."""
    rows = found.as_dict()
    for row in rows["rows"]:
        row["row"] += 1
    return {
        **({} if report is None else {"report": report}),
        **(rows if single else {"baseline": found.baseline}),
        **({} if whole is None else whole.as_dict()),
    }


def overview_text(found: Explanation, whole: Overview, source: str, *, plain: bool) -> str:
    """The columns by their mean contribution, and the pairs that interact."""
    unit = found.explained[0] if len(set(found.explained)) == 1 else "the predicted class's logit"
    parts = [f"{source}: {whole.rows:,} rows, what each column adds to {unit}, either way"]
    rises = {i.column: i for i in whole.importances or ()}
    most = max((size for _, size in whole.strength), default=0.0)
    heads = ["column", "mean adds", *(["loss, shuffled", "95 % interval"] if rises else []), ""]
    rows = []
    for name, size in whole.strength[:MAX_LINES]:
        row = [shortened(name, MAX_NAME), figure(size)]
        if rises:
            low, high = rises[name].interval
            row += [f"{rises[name].rise:+.4f}", f"{low:+.4f} to {high:+.4f}"]
        cells = BAR_WIDTH * size / most if most > 0 else 0.0
        rows.append([*row, bar(cells, plain=plain, mark="+")])
    parts.append(text_table(heads, rows))
    more = len(whole.strength) - len(rows)
    if more > 0:
        rest = sum(size for _, size in whole.strength[MAX_LINES:])
        parts.append(f"{more} others add {figure(rest)} in all")
    pairs = [pair for pair in whole.interactions if pair.h >= LEAST_H][:MAX_PAIRS]
    if pairs:
        shown = [
            (" x ".join(shortened(name, MAX_NAME) for name in pair.columns), figure(pair.size),
             f"{pair.h:.3f}")
            for pair in pairs
        ]  # fmt: skip
        parts.append("\n" + text_table(("interaction", "size", "H"), shown))
    elif len(whole.strength) > 1:
        parts.append("\nno pair of the leading columns interacts: their effects add up")
    worst = float(found.gap.max())
    parts.append(f"\nlargest gap between what the columns add and the output: {worst:.1g}")
    return "\n".join(parts)
