"""Activations and their slopes as curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fallline.core import activations
from fallline.errors import ParameterError
from fallline.plots.style import COLOURS, LINES, axes_or_new, cycled, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["activation_shapes"]


def activation_shapes(
    names: str | Sequence[str],
    *,
    slopes: bool = True,
    limits: tuple[float, float] = (-5.0, 5.0),
    ax: "Axes | None" = None,
) -> "Axes":
    """f(z) of one activation or several, and with ``slopes`` its derivative f'(z) as a dotted line.

    Raises ParameterError for an unknown name, and if ``limits`` are not in order.

    >>> import fallline as fl
    >>> ax = fl.plots.activation_shapes(["relu", "gelu"])
    >>> [line.get_label() for line in ax.lines[:4]]
    ['relu', 'slope of relu', 'gelu', 'slope of gelu']
    """
    each = [activations.get(name) for name in ([names] if isinstance(names, str) else names)]
    low, high = limits
    if not low < high:
        raise ParameterError(f"limits must be two numbers in order, not {limits}")
    ax = axes_or_new(ax)
    Z = np.linspace(low, high, 801)
    for i, activation in enumerate(each):
        A = activation.value(Z)
        colour = cycled(COLOURS, i)
        ax.plot(Z, A, color=colour, linestyle=cycled(LINES, i), label=activation.name)
        if slopes:
            slope = activation.slope(Z, A)
            kinks = np.array(activation.kinks)
            jumps = np.searchsorted(Z, kinks + 0.5 * (Z[1] - Z[0]))
            across, up = (np.insert(side, jumps, np.nan) for side in (Z, slope))  # no line there
            label = f"slope of {activation.name}"
            ax.plot(across, up, color=colour, linestyle=":", label=label)
    ax.axhline(0, color="black", linewidth=0.5)
    ax.axvline(0, color="black", linewidth=0.5)
    ax.set(xlabel="z", ylabel="f(z)", xlim=limits)
    ax.legend(frameon=False, fontsize="small")
    open_frame(ax)
    return ax
