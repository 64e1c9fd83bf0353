"""The playground: a local page on which a network descends, on your own data, with every number.

The page chooses and shows; what it shows is computed here, by the same code as everywhere else in
Fallline. Starlette and uvicorn, an optional dependency, are imported only when it starts.
"""

import secrets
import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from fallline.arrays import ArrayLike
from fallline.errors import FalllineError

if TYPE_CHECKING:
    from fallline.core.network import Network
    from fallline.playground.session import Start

__all__ = ["Playground", "play"]


class Playground:
    """A running playground: ``url`` is its address, ``close`` ends it."""

    def __init__(self, start: "Start", *, host: str = "127.0.0.1", port: int = 0) -> None:
        check_installed()
        import uvicorn

        from fallline.playground.limits import MAX_FRAME_BYTES
        from fallline.playground.server import Server

        self.socket = listening(host, port)
        self.port = self.socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        self.hosts = [f"{shown_host(name)}:{self.port}" for name in names_of(host)]
        self.url = f"http://{self.hosts[0]}/?token={self.token}"
        self.server = Server(start, self.hosts, self.port, self.token)
        self.web = uvicorn.Server(
            uvicorn.Config(
                self.server.app,
                log_level="critical",
                access_log=False,
                ws="websockets-sansio",
                ws_max_size=MAX_FRAME_BYTES,
                timeout_graceful_shutdown=1,
                server_header=False,
                proxy_headers=False,
            )
        )
        self.thread: threading.Thread | None = None

    def serve(self) -> None:
        """Serve until Ctrl-C."""
        self.web.run(sockets=[self.socket])

    def start(self) -> None:
        """Serve from a thread of its own."""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """End it, and close its address."""
        self.web.should_exit = True
        if self.thread is not None:
            self.thread.join()
        self.socket.close()

    def __repr__(self) -> str:
        return f"<Playground at {self.url}>"


def play(
    network: "Network | None" = None,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    port: int = 0,
    open_browser: bool = True,
    block: bool | None = None,
) -> Playground:
    """Open the playground: on the truth table, or with a network, X (n, n_features) and y (n,).

    The page works on a copy of the network and on all rows, none held out; y holds class numbers
    or numbers, as the network's loss has them. ``port`` 0 takes a free one. ``block``: serve until
    Ctrl-C, which is the default in a script; else return at once, and ``close()`` ends it.

    Raises FalllineError where the extra ``fallline[play]`` is not installed or the port is taken,
    ParameterError, ShapeError or DataError for a network or rows that the playground cannot take.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy")
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> playground = fl.play(net, X, y, block=False)  # doctest: +SKIP
    >>> playground.close()  # doctest: +SKIP
    """
    check_installed()
    from fallline.playground.starts import start_from_arrays

    playground = Playground(start_from_arrays(network, X, y), port=port)
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


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises FalllineError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio sends at once (TCP_NODELAY); else a frame may wait 40 ms
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(128)  # so that the address can be opened as soon as it is printed
    except (OSError, OverflowError) as reason:
        made.close()
        text = getattr(reason, "strerror", None) or reason
        raise FalllineError(
            f"{host}:{port} cannot be used ({text}); choose another --port, or 0 for a free one"
        ) from None
    return made


EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104


def names_of(host: str) -> list[str]:
    """The names by which a page may ask for this server, the one to print first."""
    names = [host]
    if host in EVERY_ADDRESS:
        names = [*own_addresses(), socket.gethostname()]
    return list(dict.fromkeys([*names, "127.0.0.1", "localhost"]))


def own_addresses() -> list[str]:
    """This machine's address on its network, where it has one; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError:
            return []
        return [probe.getsockname()[0]]


def shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check_installed() -> None:
    """Raise FalllineError, saying what to install, where the extra is missing."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as missing:
        raise FalllineError(
            f"the playground needs {missing.name}, which is not installed; "
            "pip install 'fallline[play]' brings it"
        ) from None
