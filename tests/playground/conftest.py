"""A playground that runs, and a page's side of its WebSocket."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from fallline.playground import Playground
from fallline.playground.descent import engine_ready, load_engine
from fallline.playground.session import Start

PLAYING = (
    "window.playing = () => document.getElementById('play').getAttribute('aria-pressed') === 'true'"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture(scope="session")
def playground() -> Iterator[Playground]:
    if not engine_ready.is_set():
        load_engine()
    made = Playground(Start())
    made.start()
    while not made.web.started:
        time.sleep(0.01)
    yield made
    made.close()


class Client:
    """What a page does, without a page."""

    def __init__(self, playground: Playground) -> None:
        host = f"127.0.0.1:{playground.port}"
        self.playground = playground
        self.opened = connect(
            f"ws://{host}/socket",
            origin=f"http://{host}",
            additional_headers={"Cookie": f"fallline-{playground.port}={playground.token}"},
            max_size=None,
        )
        self.socket: ClientConnection = self.opened.__enter__()
        self.hello = self.next()
        self.setup = self.hello["setup"]

    def close(self) -> None:
        self.opened.__exit__(None, None, None)

    def send(self, message: Any) -> None:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        self.socket.send(text)

    def next(self) -> Any:
        data = self.socket.recv(timeout=20)
        return json.loads(data) if isinstance(data, str) else unpacked(data)

    def until(self, kind: str) -> Any:
        while True:
            message = self.next()
            assert kind == "error" or message["type"] != "error", message
            if message["type"] == kind or (kind == "problem" and message["type"] == "same"):
                return message

    def begin(self, **parts: dict[str, Any]) -> Any:
        """Send the setup with these changes; the first frame."""
        for name, values in parts.items():
            self.setup[name] |= values
        self.send({"type": "setup", "id": 1, "setup": self.setup})
        self.problem = self.until("problem")
        return self.frame()

    def frame(self) -> Any:
        frame = self.until("frame")
        self.send({"type": "shown"})
        return frame

    def ask(self, message: dict[str, Any]) -> Any:
        """Send a message, and wait for the answer of its kind."""
        self.send({"id": 7, **message})
        return self.until(message["type"])["facts"]

    def refused(self, message: Any) -> str:
        """The error reply to a message."""
        self.send(message)
        reply: str = self.until("error")["message"]
        return reply


def unpacked(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:4], "little")
    frame: dict[str, Any] = json.loads(data[4 : 4 + length])
    at = 4 + length + -(4 + length) % 8
    n = frame["n_parameters"]
    frame["theta"] = np.frombuffer(data, float, n, at)
    if frame["has_gradient"]:
        frame["gradient"] = np.frombuffer(data, float, n, at + 8 * n)
    return frame


@pytest.fixture
def client(playground: Playground) -> Iterator[Client]:
    made = Client(playground)
    yield made
    made.close()


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")  # while it is open, asyncio takes its loop for the running one
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser, playground: Playground) -> Iterator:
    """The page with the truth table; it may not have said anything on the console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    made.set_default_timeout(20_000)
    said: list[str] = []
    made.on("console", lambda message: said.append(message.text))
    refused = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    made.on("pageerror", lambda error: said.append(str(error)))
    made.goto(playground.url)
    made.wait_for_selector(".neuron canvas")
    made.evaluate(PLAYING)
    yield made
    context.close()
    assert [text for text in said if text != refused] == []  # a refused table is told by it too
