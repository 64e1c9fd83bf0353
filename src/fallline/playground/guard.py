"""The guard before every route, HTTP and WebSocket alike: host, origin, token, headers.

A page of another site can make a browser send requests to 127.0.0.1; it cannot set their Host,
hide its Origin, or know the token of this run. Where any of the three is wrong, nothing behind the
guard is reached.
"""

import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "content_policy"]


def content_policy(hosts: Iterable[str]) -> str:
    """The Content-Security-Policy: this server's own files and socket, nothing else."""
    sockets = " ".join(f"ws://{host}" for host in sorted(hosts))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


class Guard:
    """An ASGI application that lets only this run's own pages through."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str, cookie: str) -> None:
        self.app, self.hosts, self.token, self.cookie = app, frozenset(hosts), token, cookie
        self.origins = frozenset(f"http://{host}" for host in self.hosts)
        self.headers = [
            (b"content-security-policy", content_policy(self.hosts).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        reason = self.refusal(scope)
        if reason:
            await refuse(scope, reason, self.protected(send))
            return
        await self.app(scope, receive, self.protected(send))

    def refusal(self, scope: Scope) -> str:
        """Why a request is refused; empty where it is not."""
        if self.only(scope, b"host") not in self.hosts:
            return "the Host is not this playground's"
        origins = values(scope, b"origin")
        needed = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if len(origins) > 1 or (needed and not origins):
            return "the Origin is missing"
        if origins and origins[0] not in self.origins:
            return "the Origin is not this playground's"
        if not self.knows_token(scope):
            return "the token is missing or wrong: open the address that `fallline play` printed"
        return ""

    def only(self, scope: Scope, name: bytes) -> str:
        found = values(scope, name)
        return found[0] if len(found) == 1 else ""

    def knows_token(self, scope: Scope) -> bool:
        """By the cookie; the page itself also by ?token=, which sets the cookie."""
        given = []
        for header in values(scope, b"cookie"):
            try:
                morsel = SimpleCookie(header).get(self.cookie)
            except CookieError:
                continue
            given += [morsel.value] if morsel is not None else []
        if scope["type"] == "http" and scope["path"] == "/":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            given += query.get("token", [])
        return any(secrets.compare_digest(one.encode(), self.token.encode()) for one in given)

    def protected(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        return send_with_headers


def values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def refuse(scope: Scope, reason: str, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403, "reason": reason})
        return
    body = f"403: {reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
