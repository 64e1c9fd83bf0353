"""The playground: one HTML file on which a network descends, on your own data, with every number.

The page computes by itself, in a Web Worker, with the engine in WebAssembly; Python computes
nothing for it, and nothing leaves it. ``starts`` says what a page starts with, ``single_file``
makes the file, ``serving`` serves it on this machine, ``notebook`` shows it in a cell. In the page
``page/compute`` computes (read random, network, steps, engine, descent, session) and ``page`` shows
the results.
"""

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.arrays import ArrayLike

if TYPE_CHECKING:
    from fallline.core.network import Network
    from fallline.playground.serving import Playground

__all__ = ["play", "write_page"]


def play(
    network: "Network | None" = None,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    port: int = 0,
    open_browser: bool = True,
    block: bool | None = None,
) -> "Playground":
    """Open the playground on the truth table, or with a network, X (n, n_features) and y (n,).

    The page computes by itself, on a copy of the network and on all rows, none held out; y holds
    class numbers or numbers, depending on the network's loss. ``port`` 0 means any free port.
    ``block``: serve until Ctrl-C, which is the default in a script; else return at once, and
    ``close()`` ends it.

    Raises FalllineError if the port is taken, ParameterError, ShapeError or DataError for a
    network or rows that the playground cannot take; functions of your own are among them.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy")
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> playground = fl.play(net, X, y, block=False)  # doctest: +SKIP
    >>> playground.close()  # doctest: +SKIP
    """
    from fallline.playground.serving import Playground
    from fallline.playground.single_file import page_text
    from fallline.playground.starts import start_from_arrays

    playground = Playground(page_text(start_from_arrays(network, X, y)), port=port)
    print(f"the playground is at {playground.url}")
    if open_browser:
        webbrowser.open(playground.url)
    interactive = hasattr(sys, "ps1") or "IPython" in sys.modules
    if block if block is not None else not interactive:
        print("Ctrl-C ends it")
        playground.serve()
    else:
        playground.start()
    return playground


def write_page(
    path: str | Path,
    network: "Network | None" = None,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
) -> int:
    """Write the playground as one HTML file; the number of its bytes.

    The file works from disk, from a web server, offline and on a phone. The arguments are those of
    :func:`fallline.play`. Raises FileWriteError if the file cannot be written, and what
    ``play`` raises.

    >>> from fallline.playground import write_page
    >>> write_page("playground.html") > 100_000
    True
    """
    from fallline.atomic import write_bytes
    from fallline.playground.single_file import page_text
    from fallline.playground.starts import start_from_arrays

    content = page_text(start_from_arrays(network, X, y)).encode()
    write_bytes(path, content)
    return len(content)
