"""The page served from this machine by Python's own HTTP server: one file, and nothing else."""

import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fallline.errors import FalllineError

__all__ = ["LOOPBACK", "Playground"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself holds the rest
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Playground:
    """A playground that is served: ``url`` is its address, ``close`` ends it."""

    def __init__(self, text: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.content = text.encode()
        self.server = listening(self, host, port)
        self.port = self.server.server_address[1]
        self.hosts = [f"{shown_host(name)}:{self.port}" for name in names_of(host)]
        self.url = f"http://{self.hosts[0]}/"
        # From other machines it may be reached under names that are not known here.
        self.known = frozenset(self.hosts) if host in LOOPBACK else None
        self.thread: threading.Thread | None = None

    def serve(self) -> None:
        """Serve until Ctrl-C."""
        self.server.serve_forever(poll_interval=0.2)

    def start(self) -> None:
        """Serve from a separate thread."""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop serving, and close the address."""
        if self.thread is not None:
            self.server.shutdown()
            self.thread.join()
            self.thread = None
        self.server.server_close()

    def answer(self, host: str | None, path: str) -> tuple[HTTPStatus, bytes]:
        """The answer to a request.

        The Host is checked because a page of another site can make its own name point to this
        machine, and could then read the rows that this page was given.
        """
        if self.known is not None and host not in self.known:
            return HTTPStatus.FORBIDDEN, b"403: the Host is not this playground's\n"
        if path.partition("?")[0] != "/":
            return HTTPStatus.NOT_FOUND, b"404: the playground is one page, at /\n"
        return HTTPStatus.OK, self.content

    def __repr__(self) -> str:
        return f"<Playground at {self.url}>"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    timeout = 10
    server_version, sys_version = "Fallline", ""
    playground: Playground

    def do_GET(self) -> None:
        self.respond(body=True)

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def respond(self, *, body: bool) -> None:
        status, content = self.playground.answer(self.headers.get("Host"), self.path)
        self.send_response(status)
        for name, value in HEADERS.items():
            plain = name == "Content-Type" and status != HTTPStatus.OK
            self.send_header(name, "text/plain; charset=utf-8" if plain else value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the terminal is for the address."""


class Server(ThreadingHTTPServer):
    """A server whose threads end with the program; a visitor who leaves is not an error."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser may close its connection."""


class Server6(Server):
    """The same for addresses of IPv6."""

    address_family = socket.AF_INET6


def listening(playground: Playground, host: str, port: int) -> Server:
    """A server bound to the address. Raises FalllineError if it is taken."""
    kind = type("Answers", (Handler,), {"playground": playground})
    try:
        return (Server6 if ":" in host else Server)((host, port), kind)
    except (OSError, OverflowError) as reason:
        text = getattr(reason, "strerror", None) or reason
        raise FalllineError(
            f"{host}:{port} cannot be used ({text}); choose another --port, or 0 for a free one"
        ) from None


def names_of(host: str) -> list[str]:
    """The names by which a page may address this server; the first is the one to print."""
    names = [host]
    if host in EVERY_ADDRESS:
        names = [*own_addresses(), socket.gethostname()]
    return list(dict.fromkeys([*names, "127.0.0.1", "localhost"]))


def own_addresses() -> list[str]:
    """This machine's address on its network, if it has one; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError:
            return []
        return [probe.getsockname()[0]]


def shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
