"""The playground inside a notebook: an anywidget, for Jupyter and marimo.

The page is the same one, put into a frame in the cell's output as one text; the session is the same
one, and the widget's own connection carries the messages instead of a WebSocket. Nothing listens on
a port. anywidget, an optional dependency, is imported only when a widget is made.
"""

import asyncio
import json
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fallline.arrays import ArrayLike
from fallline.errors import FalllineError
from fallline.limits import check_integer
from fallline.playground.descent import load_engine
from fallline.playground.limits import MAX_UPLOAD_BYTES, MAX_VIEWS, SILENT_SECONDS
from fallline.playground.live import Live
from fallline.playground.session import Session, Start
from fallline.playground.starts import start_from_arrays
from fallline.playground.uploads import read_upload

if TYPE_CHECKING:
    from fallline.core.network import Network

__all__ = ["Views", "page_text", "widget", "widget_script"]

HERE = Path(__file__).parent
ALIVE = "alive"  # no message, only a sign of life


def widget(
    network: "Network | None" = None,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    height: int = 820,
) -> Any:
    """The playground as a widget for Jupyter and marimo: show it by naming it last in a cell.

    The arguments are those of :func:`fallline.play`; ``height`` is in pixels. The widget's
    ``network`` is a copy of the network as it stands on the page, trained as far as it is there.

    Raises FalllineError where the extra ``fallline[notebook]`` is not installed, ParameterError,
    ShapeError or DataError for a network or rows that the playground cannot take.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy")
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> page = fl.widget(net, X, y)  # doctest: +SKIP
    >>> page  # doctest: +SKIP
    """
    check_integer("height", height)
    kind = widget_class()
    return kind(start_from_arrays(network, X, y), height)


@cache
def widget_class() -> Any:
    """The widget's class, made at first use, since its base is an optional dependency."""
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

        _esm = widget_script()
        height = traitlets.Int(820).tag(sync=True)
        address = traitlets.Unicode("").tag(sync=True)  # the page's setup and parameters

        def __init__(self, start: Start, height: int) -> None:
            super().__init__(height=height)
            self.views = Views(start, self.send)
            self.on_msg(lambda _, content, buffers: self.views.receive(content, buffers))

        @property
        def network(self) -> "Network | None":
            """A copy of the network of the page used last; None before a page is open."""
            return self.views.network()

        def close(self) -> None:
            """End it, and all its work."""
            if hasattr(self, "views"):
                self.views.close()
            super().close()

    return PlaygroundWidget


# ---- the page as one text


def page_text() -> str:
    """The page with its style, its modules and its picture in one HTML text."""
    files = {path.name: path.read_text(encoding="utf-8") for path in (HERE / "page").iterdir()}
    icon = f"data:image/svg+xml,{quote(files['icon.svg'])}"
    modules = {
        f"fallline/{name}": text.replace('from "./', 'from "fallline/').replace(
            "page/icon.svg", icon
        )
        for name, text in files.items()
        if name.endswith(".js")
    }
    urls = {name: f"data:text/javascript;charset=utf-8,{quote(t)}" for name, t in modules.items()}
    script = '<script type="module" src="page/app.js"></script>'
    style = '<link rel="stylesheet" href="page/style.css">'
    return (
        files["index.html"]
        .replace('<link rel="icon" href="page/icon.svg">\n', "")
        .replace(style, f"<style>\n{files['style.css']}</style>")
        .replace(
            script,
            f'<script type="importmap">{json.dumps({"imports": urls})}</script>\n'
            '<script type="module">import "fallline/app.js";</script>',
        )
    )


def widget_script() -> str:
    """The widget's module: the page, and what puts it into a cell."""
    glue = (HERE / "cell" / "widget.js").read_text(encoding="utf-8")
    return f"const PAGE = {json.dumps(page_text())};\n\n{glue}"


# ---- the sessions


class ViewPipe:
    """A page's messages on the widget's connection."""

    def __init__(self, views: "Views", name: str) -> None:
        self.views, self.name = views, name
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()

    async def receive(self) -> str | bytes | None:
        try:
            while (text := await asyncio.wait_for(self.incoming.get(), SILENT_SECONDS)) == ALIVE:
                pass
        except TimeoutError:
            return None  # a page that is open says so now and then
        return text

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.views.tell(self.name, {}, [message])
        else:
            self.views.tell(self.name, {"text": message})


@dataclass(frozen=True)
class View:
    """A page: its session, and its messages."""

    live: Live
    pipe: ViewPipe


class Views:
    """A widget's pages, each with a session of its own; ``send`` takes a content and buffers.

    Everything happens on the notebook's own event loop, or on one in a thread where there is none;
    what is heavy, on a pool of threads.
    """

    def __init__(self, start: Start, send: Any) -> None:
        self.start, self.send = start, send
        self.open_views: dict[str, View] = {}
        self.last: Session | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.own_loop = False
        self.pool = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "fallline-widget")

    def receive(self, content: Any, buffers: Any) -> None:
        """A message from a page. One that is not of the right form is dropped."""
        if not isinstance(content, dict):
            return
        name, event = content.get("view"), content.get("event", "message")
        if isinstance(name, str) and 0 < len(name) <= 40 and event in EVENTS:
            self.on_loop(EVENTS[event](self, name, content, list(buffers or [])))

    def on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        if self.loop is None:
            self.loop = running_loop()
        if self.loop is None:
            self.loop, self.own_loop = loop_on_a_thread(), True
        if running_loop() is self.loop:
            self.keep(work)
        else:
            self.loop.call_soon_threadsafe(self.keep, work)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def tell(self, name: str, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.send({"view": name, **content}, buffers or [])

    async def open(self, name: str, content: dict[str, Any], buffers: list[Any]) -> None:
        await self.end(name, content, buffers)
        if len(self.open_views) >= MAX_VIEWS:
            text = f"{MAX_VIEWS} pages of this widget are open already; close one first"
            refusal = {"type": "error", "id": None, "message": text}
            self.tell(name, {"text": json.dumps(refusal)})
            return
        threading.Thread(target=load_engine, daemon=True).start()
        pipe = ViewPipe(self, name)
        view = View(Live(pipe, Session(self.start), self.pool, name), pipe)
        self.open_views[name], self.last = view, view.live.session
        await view.live.run()
        if (
            self.open_views.get(name) is view
        ):  # it was silent for long; if it is there, it comes back
            del self.open_views[name]
            self.tell(name, {"event": "closed"})

    async def end(self, name: str, content: dict[str, Any], buffers: list[Any]) -> None:
        view = self.open_views.pop(name, None)
        if view is not None:
            view.pipe.incoming.put_nowait(None)

    async def message(self, name: str, content: dict[str, Any], buffers: list[Any]) -> None:
        view = self.open_views.get(name)
        if view is None:
            self.tell(name, {"event": "closed"})  # the page opens a new session
            return
        self.last = view.live.session
        text = content.get("text")
        view.pipe.incoming.put_nowait(text if isinstance(text, str) else "")

    async def alive(self, name: str, content: dict[str, Any], buffers: list[Any]) -> None:
        if name in self.open_views:
            self.open_views[name].pipe.incoming.put_nowait(ALIVE)

    async def upload(self, name: str, content: dict[str, Any], buffers: list[Any]) -> None:
        """A table, as the message's buffer."""
        view = self.open_views.get(name)
        answer = {"event": "uploaded", "number": content.get("number")}
        if view is None or len(buffers) != 1:
            self.tell(name, {**answer, "error": "this session has ended; run the cell again"})
            return
        source, data = content.get("name"), bytes(buffers[0])
        try:
            if len(data) > MAX_UPLOAD_BYTES:
                raise FalllineError(
                    f"the table is larger than {MAX_UPLOAD_BYTES // 2**20} MB; "
                    "use fallline.train_table for it"
                )
            table = await view.live.work(read_upload, str(source or "table")[:80], data)
        except FalllineError as error:
            self.tell(name, {**answer, "error": str(error)})
            return
        self.tell(name, {**answer, "facts": view.live.session.take_table(table)})

    def network(self) -> "Network | None":
        """A copy of the network of the page used last."""
        if self.last is None or self.last.descent is None:
            return self.start.network and self.start.network.copy()
        return self.last.descent.network.copy()

    def close(self) -> None:
        """End all sessions, once."""
        loop, self.loop = self.loop, None
        if loop is None or loop.is_closed() or not loop.is_running():
            self.pool.shutdown(wait=False)
        elif running_loop() is loop:
            self.keep(self.finish(None))
        else:
            loop.call_soon_threadsafe(lambda: self.keep(self.finish(loop)))

    async def finish(self, own: asyncio.AbstractEventLoop | None) -> None:
        """End all sessions, then the pool, and the loop where it is ``own``."""
        others = self.tasks - {asyncio.current_task()}
        for name in list(self.open_views):
            await self.end(name, {}, [])
        await asyncio.gather(*others, return_exceptions=True)
        self.pool.shutdown(wait=False)
        if own is not None and self.own_loop:
            own.stop()


EVENTS = {
    "open": Views.open,
    "message": Views.message,
    "alive": Views.alive,
    "upload": Views.upload,
    "close": Views.end,
}


def running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def loop_on_a_thread() -> asyncio.AbstractEventLoop:
    """A new event loop, for where the notebook has none; it is closed once it is stopped."""
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_forever()
        loop.close()

    threading.Thread(target=run, daemon=True).start()
    return loop
