"""Curves in the terminal, by plotille."""

import math
from typing import Any

from fallline.history import History

__all__ = ["loss_curve"]

WIDTH, HEIGHT = 50, 12


def loss_curve(history: History) -> str:
    """The training and validation loss over the epochs, on a logarithmic scale.

    An empty text where there are fewer than two points to draw.
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
    figure.x_label, figure.y_label = "epoch", "loss"
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
    """(epoch, log10 of the value), where there is one."""
    pairs = zip(epochs, values, strict=False)
    return [(epoch, math.log10(v)) for epoch, v in pairs if 0 < v < math.inf]


def ends(values: list[Any]) -> tuple[float, float]:
    """The lowest and the highest, apart from one another."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
