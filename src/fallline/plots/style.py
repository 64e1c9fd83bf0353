"""Colours, line styles, markers and new axes, shared by the figures."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["BLUE", "COLOURS", "GREY", "LINES", "MARKERS", "ORANGE", "axes_or_new", "two_sided"]

# Okabe and Ito 2008, "Color Universal Design": distinct to colour-blind readers
BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, BLACK = COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
GREY = "#666666"
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 2)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">")


def axes_or_new(ax: "Axes | None", size: tuple[float, float] = (6.0, 3.8)) -> "Axes":
    """``ax``, or the axes of a new figure of that size in inches.

    Raises ImportError, with the command to run, if matplotlib is not installed.
    """
    if ax is not None:
        return ax
    check_installed()
    from matplotlib import pyplot as plt

    _, new = plt.subplots(figsize=size, layout="constrained")
    return new


def check_installed() -> None:
    """Raise ImportError, with the command to run, if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise ImportError("fallline.plots needs matplotlib: pip install 'fallline[plots]'")


def open_frame(ax: "Axes") -> None:
    """Axes without the upper and the right line."""
    ax.spines[["top", "right"]].set_visible(False)


def two_sided() -> "Colormap":
    """From blue over white to orange, for numbers on both sides of a middle."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_white_orange", [BLUE, "#FFFFFF", ORANGE])


def cycled(values: tuple[Any, ...], i: int) -> Any:
    return values[i % len(values)]
