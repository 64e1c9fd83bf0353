"""`fallline cv`: cross-validation of a network on a table."""

import json as json_
import math
import time
import warnings
from typing import Any

from fallline.cli.groups import Display, Folds, ReadingOptions
from fallline.cli.outputs import check_output
from fallline.cli.progress import Bar
from fallline.data.writing import write_blocks
from fallline.errors import DivergenceWarning, FalllineError, InterruptedWarning
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.crossvalidation import CrossValidation, cross_validate
from fallline.tabular.scoring import MAIN_SCORE, SCORE_NAMES, better
from fallline.text import remark
from fallline.text import table as text_table


def run(
    paths: list[str],
    target: str,
    output: str | None,
    folds: Folds,
    options: Any,
    reading: ReadingOptions,
    display: Display,
    *,
    force: bool,
    spreadsheet: bool,
) -> None:
    """Read, train once a fold, write the predictions, tell."""
    began = time.perf_counter()
    if output is not None:
        check_output(output, inputs=paths, force=force)
    table = reading.table(paths)
    with warnings.catch_warnings(), Bar(shown=not (display.quiet or display.json)) as bar:
        warnings.simplefilter("ignore", DivergenceWarning)
        warnings.simplefilter("ignore", InterruptedWarning)
        result = cross_validate(
            table,
            target,
            n_folds=folds.folds,
            repeats=folds.repeats,
            groups=folds.groups,
            on_run=lambda run: bar.on_run(run, label="fold"),
            **options,
        )
    if not result.done:
        raise FalllineError("interrupted before the first fold was done")
    if output is not None:
        write_blocks(output, [result.columns()], spreadsheet=spreadsheet)
    seconds = time.perf_counter() - began
    if display.json:
        print(json_.dumps(as_dict(result, seconds)))
    else:
        print(summary(result, output, seconds))
    if not result.complete:
        raise FalllineError(f"interrupted after {len(result.done)} folds")


def as_dict(result: CrossValidation, seconds: float) -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "task": result.task,
        "target": result.target,
        "rows": len(result.table),
        "set_aside": result.set_aside,
        "folds": result.n_folds,
        "repeats": result.repeats,
        "groups": result.groups,
        "scores": {
            model: {score: {"mean": m, "standard_error": e} for score, (m, e) in scores.items()}
            for model, scores in result.summary().items()
        },
        "by_fold": [
            {"repeat": f.repeat, "fold": f.number, "rows": len(f.rows), "scores": f.scores}
            for f in result.done
        ],
        "complete": result.complete,
        "seconds": seconds,
    }


def summary(result: CrossValidation, output: str | None, seconds: float) -> str:
    """Mean and standard error of each score, the network beside its models."""
    found = result.summary()
    heads = {"network": "network", "linear": LINEAR_NAMES[result.task], "trivial": "trivial guess"}
    models = [name for name in heads if name in found]
    rows = [
        (SCORE_NAMES[score], *(plus_minus(found[model].get(score)) for model in models))
        for score in found["network"]
    ]
    times = f", {result.repeats} times" if result.repeats > 1 else ""
    grouped = f", {result.groups!r} kept together" if result.groups else ""
    aside = f"; {result.set_aside:,} more set aside (no target)" if result.set_aside else ""
    parts = [
        f"{result.table.source}: {len(result.table):,} rows in {result.n_folds} folds{times}"
        f"{grouped}{aside}",
        f"target {result.target}: {result.task}",
        *(remark("note", note) for note in result.table.notes),
        "",
        text_table(("mean +- standard error", *(heads[model] for model in models)), rows),
        *verdict(result),
        f"\n{seconds:.1f} s in all" + (f"; {output} has the predictions" if output else ""),
    ]
    return "\n".join(parts)


def plus_minus(value: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    mean, error = value
    if not 0 < error < math.inf:
        return f"{mean:.5g}"
    decimals = max(1 - math.floor(math.log10(error)), 0)
    return f"{mean:,.{decimals}f} +- {error:,.{decimals}f}"


def verdict(result: CrossValidation) -> list[str]:
    """Whether the network is better than linear model and trivial guess by more than chance."""
    rivals = {"linear": LINEAR_NAMES[result.task], "trivial": "the trivial guess"}
    lines = [line for model, name in rivals.items() for line in compared(result, model, name)]
    return ["", *lines] if lines else []


def compared(result: CrossValidation, model: str, name: str) -> list[str]:
    """What the folds tell of the network beside another model: better, worse or neither."""
    score = MAIN_SCORE[result.task]
    found = result.difference(score, model)
    if found is None:
        return []
    mean, error = found
    if math.isfinite(error) and abs(mean) <= 2 * error:
        if model == "trivial":
            return [remark("note", f"no better than {name}, as far as these folds tell")]
        return [f"the network and {name} are within two standard errors of one another"]
    side = "better" if better(score, mean, 0.0) else "worse"
    if model == "trivial" and side == "better":
        return []
    return [
        f"the network is {side} than {name}:",
        f"{SCORE_NAMES[score]} differs by {plus_minus((abs(mean), error))}",
    ]
