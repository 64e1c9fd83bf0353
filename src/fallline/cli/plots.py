"""Curves in the terminal, by plotille; heat maps and strips of a sweep, in characters."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

from fallline.text import table
from fallline.training.history import History

__all__ = ["heat_map", "loss_curve", "strip"]

WIDTH, HEIGHT = 50, 12


def loss_curve(history: History) -> str:
    """The training and validation loss over the epochs, on a logarithmic scale.

    An empty text if there are fewer than two points to draw.
    """
    curves = {"training": history.loss, "validation": history.validation_loss}
    points = {name: drawable(history.epoch, values) for name, values in curves.items()}
    points = {name: pairs for name, pairs in points.items() if len(pairs) > 1}
    if not points:
        return ""
    import plotille

    figure: Any = plotille.Figure()
    figure.width, figure.height = WIDTH, HEIGHT
    figure.color_mode = "names"
    figure.with_colors = False
    figure.origin = False
    figure.x_label, figure.y_label = "epoch", "loss, logarithmic"
    figure.set_x_limits(0, max(history.epochs_done, 1))
    figure.set_y_limits(*ends([log for pairs in points.values() for _, log in pairs]))
    figure.y_ticks_fkt = lambda low, high: f"{10.0**low:9.3g}"
    figure.x_ticks_fkt = lambda low, high: f"{low:.0f}"
    for (name, pairs), marker in zip(points.items(), (None, "o"), strict=False):
        epochs, logs = zip(*pairs, strict=True)
        figure.plot(epochs, logs, label=f"{name} loss", marker=marker)
    lines = str(figure.show(legend=len(points) > 1)).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def drawable(epochs: list[int], values: list[float]) -> list[tuple[int, float]]:
    """(epoch, log10 of the value), for values that exist."""
    pairs = zip(epochs, values, strict=False)
    return [(epoch, math.log10(v)) for epoch, v in pairs if 0 < v < math.inf]


def ends(values: list[Any]) -> tuple[float, float]:
    """The lowest and the highest value, made different if they are equal."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


# ---- sweeps

SHADES = " ░▒▓█"
STRIP = 30


def heat_map(rows: list[dict[str, Any]], across: str, up: str, show: Callable[[Any], str]) -> str:
    """The mean score for each pair of values, shaded from the least (blank) to the greatest."""
    means = {(row[across], row[up]): row["mean_score"] for row in rows}
    found = [mean for mean in means.values() if mean is not None]
    low, high = (min(found), max(found)) if found else (0.0, 0.0)

    def cell(place: tuple[Any, Any]) -> str:
        if place not in means:
            return ""
        mean = means[place]
        if mean is None:
            return "diverged"
        step = (mean - low) / (high - low) if high > low else 1.0
        return f"{mean:.4f} {2 * SHADES[round(step * (len(SHADES) - 1))]}"

    columns, lines = ([*dict.fromkeys(row[name] for row in rows)] for name in (across, up))
    for values in (columns, lines):
        with contextlib.suppress(TypeError):
            values.sort()
    heads = [f"{up} \\ {across}", *(show(x) for x in columns)]
    return table(heads, [[show(y), *(cell((x, y)) for x in columns)] for y in lines])


def strip(scores: list[float], low: float, high: float) -> str:
    """The scores along a line from ``low`` (< for those below) to ``high``; the mean is a bar."""
    if not scores:
        return ""
    if high <= low:
        return "|"

    def place(score: float) -> int:
        return round((score - low) / (high - low) * (STRIP - 1))

    places = [place(score) for score in scores]
    cells = ["•●"[min(places.count(i), 2) - 1] if i in places else "·" for i in range(STRIP)]
    mean = place(math.fsum(scores) / len(scores))
    if mean >= 0:
        cells[min(mean, STRIP - 1)] = "|"
    return ("<" if min(places) < 0 else " ") + "".join(cells)
