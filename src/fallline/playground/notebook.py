"""The playground inside a notebook: an anywidget, for Jupyter and marimo.

The page is the same file, in a frame in the cell's output. It computes in the browser, and sends
its network to the widget whenever it stops training. anywidget, an optional dependency, is imported
only when a widget is made.
"""

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import ArrayLike
from fallline.core.network import Network
from fallline.errors import FalllineError, ParameterError, ShapeError
from fallline.limits import check_integer
from fallline.playground.single_file import page_text
from fallline.playground.starts import start_from_arrays

__all__ = ["network_from", "widget"]

CELL = Path(__file__).parent / "cell" / "widget.js"


def widget(
    network: Network | None = None,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    height: int = 820,
) -> Any:
    """The playground as a widget for Jupyter and marimo, shown if it is the last line of a cell.

    The arguments are those of :func:`fallline.play`; ``height`` is in pixels. The widget's
    ``network`` is a copy of the network on the page in its current state.

    Raises FalllineError if the extra ``fallline[notebook]`` is not installed, ParameterError,
    ShapeError or DataError for a network or rows that the playground cannot take.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy")
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> page = fl.widget(net, X, y)  # doctest: +SKIP
    >>> page  # doctest: +SKIP
    """
    check_integer("height", height)
    kind = widget_class()
    return kind(page_text(start_from_arrays(network, X, y)), network, height)


@cache
def widget_class() -> Any:
    """The widget's class, made at first use because its base is an optional dependency."""
    try:
        import anywidget
        import traitlets
    except ImportError as missing:
        raise FalllineError(
            f"the widget needs {missing.name}, which is not installed; "
            "pip install 'fallline[notebook]' brings it"
        ) from None

    class PlaygroundWidget(anywidget.AnyWidget):
        """The playground in a cell."""

        _esm = CELL.read_text(encoding="utf-8")
        page = traitlets.Unicode("").tag(sync=True)
        height = traitlets.Int(820).tag(sync=True)
        address = traitlets.Unicode("").tag(sync=True)  # the page's setup and parameters
        standing = traitlets.Dict().tag(sync=True)  # the network on the page, as plain data
        theta = traitlets.Bytes(b"").tag(sync=True)  # and its parameters, float64

        def __init__(self, page: str, start: Network | None, height: int) -> None:
            super().__init__(page=page, height=height)
            self.start = start

        @property
        def network(self) -> Network | None:
            """A copy of the network on the page; before the page is shown, of the given one."""
            if not self.standing:
                return self.start and self.start.copy()
            return network_from(self.standing, self.theta)

    return PlaygroundWidget


def network_from(standing: Mapping[str, Any], theta: bytes) -> Network:
    """The network that the page has sent. Raises FalllineError if it has sent none."""
    try:
        init, sizes = standing["init"], [int(size) for size in standing["sizes"]]
        if 8 * sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes)) != len(theta):
            raise ShapeError(f"{len(theta)} bytes are not its parameters")
        network = Network(
            sizes,
            hidden=[str(name) for name in standing["hidden"]],
            loss=standing["loss"],
            init=None if init in ("", "zeros") else init,
            seed=standing["seed"],
        )
        network.parameters = np.frombuffer(theta, "<f8")
    except (KeyError, TypeError, ValueError, ParameterError, ShapeError) as reason:
        raise FalllineError(f"the page sent no usable network: {reason}") from None
    return network
