"""The report of a sweep: one self-contained HTML file."""

import os
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fallline import __version__
from fallline.atomic import write_bytes
from fallline.errors import ParameterError
from fallline.report import charts
from fallline.report.charts import ACCENT, INK, RULE, SECOND, Spec
from fallline.report.page import code, escape, figure, page, section, table
from fallline.sweeps.result import Sweep
from fallline.sweeps.settings import as_key
from fallline.text import figure as number

__all__ = ["write_sweep_report"]

MAX_ROWS = 40
MAX_STRIPS = 30
MAX_PAIRS = 6
MAX_POINTS = 200  # of a strip

Row = dict[str, Any]


def write_sweep_report(
    result: Sweep, path: str | os.PathLike[str], *, title: str = "A sweep", command: str = ""
) -> None:
    """Write the page about a sweep: its settings, heat maps for two of them, strips for the seeds.

    ``command`` is the command that repeats it. Raises FileWriteError if the file cannot be written,
    ParameterError for a sweep without runs.
    """
    if not result.runs:
        raise ParameterError("the sweep has no runs to report on")
    write_bytes(path, sweep_html(result, title, command).encode())


def sweep_html(result: Sweep, title: str, command: str) -> str:
    rows = final_rows(result)
    parts = [
        introduction(result, rows, title),
        section("The settings", *summary(result, rows)),
        section("Two settings at a time", heat_maps(result, rows)),
        section("Setting or luck", *strips(result, rows)),
        section("How to repeat it", *([code(command)] if command else [])),
        f'<p class="small">Fallline {escape(__version__)}</p>',
    ]
    return page(f"{title}: {len(result.runs):,} networks by Fallline", parts)


def final_rows(result: Sweep) -> list[Row]:
    """The summary, the best first; with halving, that of the last rung of each setting."""
    rows = result.summary()
    if result.halving is None:
        return rows
    last: dict[tuple[Any, ...], Row] = {}
    names = [name for name in result.varied if name != "epochs"]
    for row in rows:  # the last rung comes first
        last.setdefault(tuple(as_key(row[name]) for name in names), row)
    return list(last.values())


def introduction(result: Sweep, rows: Sequence[Row], title: str) -> str:
    runs, best = result.runs, result.best
    diverged = sum(run["state"] != "done" for run in runs)
    score = score_name(result)
    lead = f"{len(runs):,} networks of {len(rows):,} settings in {result.seconds:.1f} s"
    lead += f", {diverged:,} of them diverged. " if diverged else ". "
    if best is not None:
        chosen = ", ".join(f"{name} {show(best[name])}" for name in result.varied)
        lead += (
            f"The best one has {score} {number(best['score'])} on the rows held out"
            + (f": {chosen}, seed {best['seed']}" if chosen else f": seed {best['seed']}")
            + ". The best of many runs was also lucky, so expect less on new rows; the mean of a "
            "setting is the fairer number."
        )
    return f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>'


def score_name(result: Sweep) -> str:
    numbers = result.network is not None and result.network.loss.task == "numbers"
    return "R2" if numbers else "accuracy"


def summary(result: Sweep, rows: Sequence[Row]) -> list[str]:
    heads = [*result.varied, f"mean {score_name(result)}", "std. error", "least", "greatest"]
    heads += ["loss", "runs", "diverged", "s a run"]
    seconds = seconds_by_setting(result)
    lines = [
        [
            *(show(row[name]) for name in result.varied),
            *(
                cell(row[name])
                for name in (
                    "mean_score", "standard_error", "least", "greatest", "median_validation_loss",
                )
            ),
            f"{row['runs']:,}",
            f"{round(row['runs'] * (1 - row['share_done'])):,}",
            number(seconds[setting_of(result, row)]),
        ]
        for row in rows[:MAX_ROWS]
    ]  # fmt: skip
    best = {(0, len(result.varied))} if rows and rows[0]["mean_score"] is not None else set()
    note = (
        "Best mean first; the loss is the median on the rows held out. The standard error is over "
        "seeds and folds; two settings that differ by less than twice the standard error may be "
        "equally good."
    )
    if result.halving is not None:
        note += " By successive halving: fewer epochs mean that a setting was left behind there."
    if len(rows) > MAX_ROWS:
        note += f" {len(rows) - MAX_ROWS:,} more settings are not shown."
    return [table(heads, lines, best), small(note)]


def setting_of(result: Sweep, row: Row) -> tuple[Any, ...]:
    return tuple(as_key(row[name]) for name in result.varied)


def seconds_by_setting(result: Sweep) -> dict[tuple[Any, ...], float]:
    """The mean time of a run."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for run in result.runs:
        found.setdefault(setting_of(result, run), []).append(run["seconds"])
    return {setting: float(np.mean(seconds)) for setting, seconds in found.items()}


# ---- two settings at a time


def heat_maps(result: Sweep, rows: Sequence[Row]) -> str:
    """A map for each pair of settings that vary."""
    names = [name for name in result.varied if result.halving is None or name != "epochs"]
    pairs = list(combinations(names, 2))[:MAX_PAIRS]
    drawn = []
    for across, up in pairs:
        others = [name for name in names if name not in (across, up)]
        caption = f"Mean {score_name(result)} by {up} and {across}"
        caption += f", over all values of {', '.join(others)}." if others else "."
        spec = heat_map(rows, across, up)
        drawn.append(figure(charts.svg(spec, caption), caption))
    return f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""


def heat_map(rows: Sequence[Row], across: str, up: str) -> Spec:
    """The mean of the mean scores in each cell; the shade follows it."""
    columns, lines = (values_of(rows, name) for name in (across, up))
    cells: dict[tuple[Any, Any], list[float]] = {}
    for row in rows:
        scores = cells.setdefault((row[across], row[up]), [])
        if row["mean_score"] is not None:
            scores.append(row["mean_score"])
    means = {place: float(np.mean(scores)) for place, scores in cells.items() if scores}
    low, high = min(means.values(), default=0.0), max(means.values(), default=1.0)
    data = [
        {
            "x": show(x),
            "y": show(y),
            "s": (means[x, y] - low) / (high - low) if (x, y) in means and high > low else 0.0,
            "t": number(means[x, y]) if (x, y) in means else "diverged",
        }
        for x, y in cells
    ]
    axes = {
        "x": charts.x_of(
            across,
            "nominal",
            sort=[show(x) for x in columns],
            axis={"labelAngle": 0 if len(columns) < 8 else -45, "labelOverlap": False},
        ),
        "y": charts.y_of(
            up, "nominal", sort=[show(y) for y in lines[::-1]], axis={"labelOverlap": False}
        ),
    }
    shade = {"field": "s", "type": "quantitative", "legend": None}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": ACCENT, "stroke": RULE},
            "encoding": axes
            | {"opacity": shade | {"scale": {"domain": [0, 1], "range": [0.03, 0.75]}}},
        }
    ]
    if len(columns) <= 10:
        text = {"type": "text", "color": INK, "fontSize": 11}
        layers.append({"mark": text, "encoding": axes | {"text": {"field": "t"}}})
    return {
        "data": {"values": data},
        "layer": layers,
        "width": {"step": max(24, min(72, charts.WIDTH // max(len(columns), 1)))},
        "height": {"step": 32},
    }


def values_of(rows: Sequence[Row], name: str) -> list[Any]:
    """The values of a setting: numbers sorted, others in their order."""
    values = list(dict.fromkeys(row[name] for row in rows))
    if all(isinstance(value, int | float) for value in values):
        return sorted(values)
    return sorted(values) if all(isinstance(value, tuple) for value in values) else values


# ---- setting or luck


def strips(result: Sweep, rows: Sequence[Row]) -> list[str]:
    """A strip for each setting, with a point per run."""
    if all(row["runs"] < 2 for row in rows):
        return [
            small(
                "Each setting was run once, so chance and real differences cannot be told apart; "
                "use more seeds."
            )
        ]
    shown = rows[:MAX_STRIPS]
    caption = (
        "Each point is a run, by seed and fold; the line is the mean. Settings whose points lie "
    )
    caption += "among each other differ by luck."
    if len(rows) > MAX_STRIPS:
        caption += f" The best {MAX_STRIPS} of {len(rows):,} settings."
    names = [name for name in result.varied if len({as_key(row[name]) for row in shown}) > 1]
    return [figure(charts.svg(strip_chart(result, shown, names), caption), caption)]


def strip_chart(result: Sweep, rows: Sequence[Row], names: Sequence[str]) -> Spec:
    labels = {
        setting_of(result, row): ", ".join(f"{name} {show(row[name])}" for name in names) or "all"
        for row in rows
    }
    points: dict[tuple[Any, ...], list[float]] = {}
    for run in result.runs:
        setting = setting_of(result, run)
        if setting in labels and run["state"] == "done":
            points.setdefault(setting, []).append(run["score"])
    values = [
        {"y": labels[setting], "x": score}
        for setting, scores in points.items()
        for score in scores[:MAX_POINTS]
    ]
    means = [
        {"y": labels[setting_of(result, row)], "x": row["mean_score"]}
        for row in rows
        if row["mean_score"] is not None
    ]
    y = charts.y_of(
        "",
        "nominal",
        sort=list(labels.values()),
        axis={"title": None, "grid": True, "labelOverlap": False, "labelLimit": 320},
    )
    x = charts.x_of(score_name(result), scale=charts.LOOSE)
    return {
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "point", "filled": True, "color": ACCENT, "opacity": 0.45}
                | {"size": 36},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": means},
                "mark": {"type": "tick", "color": SECOND, "thickness": 2.5, "height": 15},
                "encoding": {"x": x, "y": y},
            },
        ],
        "width": 520,
        "height": {"step": 22},
    }


def show(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "default" if value is None else str(value)


def cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def small(text: str) -> str:
    return f'<p class="small">{escape(text)}</p>'
