"""The web server: its routes, and the sessions behind them."""

import asyncio
import contextlib
import json
import os
import secrets
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from fallline.errors import FalllineError
from fallline.playground.descent import load_engine
from fallline.playground.guard import Guard
from fallline.playground.limits import MAX_SESSIONS, MAX_UPLOAD_BYTES
from fallline.playground.live import Live
from fallline.playground.session import Session, Start
from fallline.playground.uploads import read_upload

__all__ = ["Server"]

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Server:
    """All sessions of one run, and the guarded application ``app`` that serves them."""

    def __init__(self, start: Start, hosts: list[str], port: int, token: str) -> None:
        self.start, self.token = start, token
        self.cookie = f"fallline-{port}"
        self.sessions: dict[str, Live] = {}
        self.pool = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "fallline-play")
        # read once: no request names a file
        self.files = {path.name: path.read_bytes() for path in sorted(PAGE.iterdir())}
        self.routes = [
            Route("/", self.page),
            Route("/page/{name}", self.file),
            Route("/upload/{session}", self.upload, methods=["POST"]),
            WebSocketRoute("/socket", self.socket),
        ]
        inner = Starlette(routes=self.routes, lifespan=self.lifespan)
        self.app = Guard(inner, hosts, token, self.cookie)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=load_engine, daemon=True).start()
        yield
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def page(self, request: Request) -> Response:
        response = Response(self.files["index.html"], media_type=TYPES[".html"])
        response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
        return response

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = TYPES.get(Path(name).suffix)
        if name not in self.files or kind is None:
            return Response("404: there is no such file\n", 404, media_type="text/plain")
        return Response(self.files[name], media_type=kind)

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        if len(self.sessions) >= MAX_SESSIONS:
            text = f"{MAX_SESSIONS} pages are open already; close one first"
            await socket.send_text(json.dumps({"type": "error", "id": None, "message": text}))
            await socket.close(1013)
            return
        key = secrets.token_urlsafe(12)
        live = Live(SocketPipe(socket), Session(self.start), self.pool, key)
        self.sessions[key] = live
        try:
            await live.run()
        finally:
            live.session.descent = None  # memory returns at once
            del self.sessions[key]

    async def upload(self, request: Request) -> Response:
        """A table for a session, as the raw body."""
        live = self.sessions.get(request.path_params["session"])
        if live is None:
            return JSONResponse({"error": "this session has ended; load the page anew"}, 404)
        try:
            data = await limited_body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if data is None:
            most = MAX_UPLOAD_BYTES // 2**20
            text = f"the table is larger than {most} MB; use `fallline train` for it"
            return JSONResponse({"error": text}, 413)
        name = request.query_params.get("name", "table")[:80]
        try:
            loop = asyncio.get_running_loop()
            table = await loop.run_in_executor(self.pool, read_upload, name, data)
        except FalllineError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(live.session.take_table(table))


class SocketPipe:
    """A page's messages on its WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    async def receive(self) -> str | bytes | None:
        try:
            event = await self.socket.receive()
        except WebSocketDisconnect:
            return None
        if event["type"] == "websocket.disconnect":
            return None
        return event.get("text") or event.get("bytes") or ""

    async def send(self, message: str | bytes) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            if isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                await self.socket.send_text(message)


async def limited_body(request: Request) -> bytes | None:
    """The body; None as soon as it is too long."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_UPLOAD_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
