"""`fallline sweep`: many small networks on a table, over settings, seeds and folds."""

import json as json_
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from fallline.cli.cluster import client_at
from fallline.cli.groups import Display, ReadingOptions, SweepFiles, SweepProblem, SweepRuns
from fallline.cli.options import layer_sizes
from fallline.cli.outputs import check_output
from fallline.cli.plots import heat_map, strip
from fallline.cli.progress import Counter
from fallline.errors import FalllineError, ParameterError
from fallline.sweeps.result import Sweep
from fallline.sweeps.search import sweep
from fallline.sweeps.settings import DEFAULTS, as_key
from fallline.tabular.baselines import LOSS_FOR
from fallline.tabular.model import TableModel
from fallline.tabular.one_run import target_facts
from fallline.tabular.preparation import Prepared, prepare
from fallline.text import remark
from fallline.text import table as text_table
from fallline.training.history import History

MAX_ROWS = 20  # of the summary that is shown
WHOLE = ("batch_size", "epochs")
WORDS = ("activation", "init", "optimizer", "schedule")


def run(
    paths: list[str],
    target: str,
    grid: str,
    runs: SweepRuns,
    files: SweepFiles,
    cluster: str | None,
    problem: SweepProblem,
    reading: ReadingOptions,
    display: Display,
) -> None:
    """Read, sweep, write the runs and the best model, tell."""
    output, model, report = files.output, files.model, files.report
    quiet, json = display.quiet, display.json
    for path, option in ((output, "--output"), (model, "--model"), (report, "--report")):
        if path is not None:
            check_output(path, option, inputs=paths, model=path == model, force=files.force)
    if report is not None:
        from fallline.report import check_available

        check_available()
    values = grid_of(grid)
    data = prepare(reading.table(paths), target, seed=problem.seed, **problem.options())
    tell_notes(data, shown=not (quiet or json))
    client = None if cluster is None else client_at(cluster)
    loss = LOSS_FOR[data.encoding.task]
    began = time.perf_counter()
    try:
        with Counter("runs", shown=not (quiet or json)) as counter:
            result = sweep(
                data.X,
                data.y.astype(int) if loss == "cross_entropy" else data.y,
                values,
                **vars(runs),
                loss=loss,
                validation=problem.validation,
                split_seed=problem.seed,
                log=files.log,
                threads=problem.threads,
                client=client,
                progress=counter.at,
            )
    finally:
        if client is not None:
            client.close()
    if not result.runs:
        raise FalllineError("interrupted before the first run was done")
    if output is not None:
        from fallline.data.writing import write_blocks

        write_blocks(output, [result.frame.to_dict()])
    if model is not None and result.network is not None:
        facts = {"sweep": plain(result.best or {}), "runs": len(result.runs)}
        facts |= target_facts(data.encoding, data.y)
        facts["reading"] = reading.reading().kept()
        TableModel(result.network, data.encoding, History(), facts).save(model)
    if report is not None:
        from fallline.report.sweep import write_sweep_report

        title = f"{target} in {data_name(paths)}"
        command = shlex.join(["fallline", *sys.argv[1:]])
        write_sweep_report(result, report, title=title, command=command)
    seconds = time.perf_counter() - began
    if json:
        print(json_.dumps(as_dict(result, seconds)))
    else:
        print(text_of(result, (output, model, report), seconds))
    if result.interrupted:
        raise FalllineError("interrupted; with --log FILE the same command goes on from here")


def tell_notes(data: Prepared, *, shown: bool) -> None:
    """How the table was read, on standard error."""
    for note in [*data.notes, *data.encoding.notes] if shown else []:
        print(remark("note", note), file=sys.stderr)


def grid_of(text: str) -> dict[str, list[Any]]:
    """The values by setting of "hidden=2|4|8,8 learning_rate=0.01..3:log8".

    Values stand between bars; a..b:n are n numbers from a to b, a..b:logn evenly on a logarithmic
    scale. Raises ParameterError for a text that cannot be read so.
    """
    grid: dict[str, list[Any]] = {}
    for part in text.split():
        name, equals, values = part.partition("=")
        if not equals or not values:
            raise ParameterError(
                f"--grid has {part!r}: write name=value|value, such as hidden=2|4|8,8"
            )
        if name not in DEFAULTS:
            raise ParameterError(f"--grid names {name!r}; there are {', '.join(DEFAULTS)}")
        grid[name] = [value for one in values.split("|") for value in values_of(name, one)]
    return grid


def values_of(name: str, text: str) -> list[Any]:
    """One value, or those of a range."""
    try:
        if name in WORDS:
            return [text]
        if name == "hidden":
            return [layer_sizes(text)]
        if ".." in text:
            return span(name, text)
        return [int(text) if name in WHOLE else float(text)]
    except ValueError as error:
        raise ParameterError(
            f"--grid has {name}={text!r}: write a number, a..b:n or a..b:logn"
        ) from error


def span(name: str, text: str) -> list[Any]:
    """a..b:n or a..b:logn."""
    ends, _, steps = text.partition(":")
    low, high = (float(end) for end in ends.split(".."))
    spaced = np.geomspace if steps.startswith("log") else np.linspace
    values = spaced(low, high, int(steps.removeprefix("log"))).tolist()
    if name in WHOLE:
        return sorted({round(value) for value in values})
    return [float(f"{value:.6g}") for value in values]


def plain(run: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in run.items()}


def as_dict(result: Sweep, seconds: float) -> dict[str, Any]:
    """For programs."""
    return {
        "runs": len(result.runs),
        "seconds": seconds,
        "interrupted": result.interrupted,
        "best": None if result.best is None else plain(result.best),
        "summary": [plain(row) for row in result.summary()],
    }


def data_name(paths: list[str]) -> str:
    return Path(paths[0]).name + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def text_of(result: Sweep, written: tuple[str | None, ...], seconds: float) -> str:
    """The settings from best to worst, and what to make of them."""
    rows = result.summary()
    scores: dict[Any, list[float]] = {}
    for run in result.runs:
        if run["state"] == "done":
            scores.setdefault(setting_of(result, run), []).append(run["score"])
    low, high = ends([row for row in rows[:MAX_ROWS] if row["least"] is not None])
    several = any(len(each) > 1 for each in scores.values())
    names = [*result.varied, "mean score", "std. error", "least", "greatest", "runs", "diverged"]
    lines = [
        [
            *(show(row[name]) for name in result.varied),
            number(row["mean_score"]),
            number(row["standard_error"]),
            number(row["least"]),
            number(row["greatest"]),
            str(row["runs"]),
            str(round(row["runs"] * (1 - row["share_done"]))),
        ]
        for row in rows[:MAX_ROWS]
    ]
    parts = [text_table(names, lines)]
    if several:
        strips = [
            (*line[: len(result.varied)], strip(scores.get(setting_of(result, row), []), low, high))
            for line, row in zip(lines, rows, strict=False)
        ]
        parts.append("\n" + text_table([*result.varied, "each run, and | the mean"], strips))
    if len(rows) > MAX_ROWS:
        parts.append(f"and {len(rows) - MAX_ROWS} more settings; -o FILE keeps every run")
    if len(result.varied) == 2 and result.halving is None:
        across, up = result.varied[::-1]
        parts.append(f"\nmean score\n{heat_map(rows, across, up, show)}")
    parts.append(
        f"\n{len(result.runs):,} runs in {seconds:.1f} s{verdict(last_rung(result, rows))}"
    )
    kept = [path for path in written if path is not None]
    if kept:
        listed = ", ".join(kept[:-1]) + (" and " if len(kept) > 1 else "") + kept[-1]
        parts.append(f"{listed} written")
    return "\n".join(parts)


def ends(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Where the strips begin and end: at the worst run of the usual setting, and the best run."""
    if not rows:
        return 0.0, 0.0
    return float(np.median([row["least"] for row in rows])), max(row["greatest"] for row in rows)


def setting_of(result: Sweep, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(as_key(row[name]) for name in result.varied)


def last_rung(result: Sweep, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that were trained alike; without halving all of them."""
    return rows if result.halving is None else [r for r in rows if r["epochs"] == rows[0]["epochs"]]


def verdict(rows: list[dict[str, Any]]) -> str:
    """Whether the best setting is better than the next, beyond the noise of seeds and folds."""
    if len(rows) < 2 or rows[1]["mean_score"] is None:
        return ""
    first, second = rows[0], rows[1]
    errors = [row["standard_error"] for row in (first, second)]
    if None in errors:
        return ": one run a setting, so luck may decide; try --seeds 10"
    difference = first["mean_score"] - second["mean_score"]
    noise = math.hypot(*errors)
    if difference > 2 * noise:
        return ": the best setting leads by more than twice the noise"
    return ": the best two differ by less than twice the noise, so either may be better"


def show(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
