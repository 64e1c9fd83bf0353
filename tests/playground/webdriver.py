"""A browser by the W3C's WebDriver protocol, which is JSON over HTTP: https://www.w3.org/TR/webdriver2.

Only what the tests in other browsers need; Playwright drives the machine's own Chromium alone.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

__all__ = ["BROWSERS", "Driven"]

SECONDS = 30


def firefox(port: int) -> tuple[list[str], dict[str, Any]]:
    binary = shutil.which("firefox-esr") or shutil.which("firefox")
    options = {"args": ["-headless"], **({"binary": binary} if binary else {})}
    return ["geckodriver", f"--port={port}"], {"moz:firefoxOptions": options}


def webkit(port: int) -> tuple[list[str], dict[str, Any]]:
    display = [] if os.environ.get("DISPLAY") else ["xvfb-run", "--auto-servernum"]
    return [*display, "WebKitWebDriver", f"--port={port}"], {}


# By the name of a browser: its driver's command and capabilities, at a port.
BROWSERS: dict[str, Callable[[int], tuple[list[str], dict[str, Any]]]] = {
    "firefox": firefox,
    "webkit": webkit,
}


class Driven:
    """One browser with one page."""

    def __init__(self, name: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command, capabilities = BROWSERS[name](port)
        for program in (part for part in command if not part.startswith("-")):
            if not shutil.which(program):
                raise FileNotFoundError(program)
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.session = ""
        self.wait(self.is_ready)
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"/session/{made['sessionId']}"
        self.ask("POST", "/window/rect", {"width": 1440, "height": 980})

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url, kind = self.base + self.session + path, {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, kind, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]

    def is_ready(self) -> bool:
        try:
            return bool(self.ask("GET", "/status")["ready"])
        except OSError:
            return False

    def open(self, url: str) -> None:
        self.ask("POST", "/url", {"url": url})

    def run(self, script: str, *given: Any) -> Any:
        """What a function's body gives, called with these arguments."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(given)})

    def until(self, condition: str) -> None:
        self.wait(lambda: self.run(f"return Boolean({condition})"), condition)

    def wait(self, holds: Callable[[], bool], what: str = "the driver") -> None:
        end = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < end, what
            time.sleep(0.05)

    def close(self) -> None:
        try:
            if self.session:
                self.ask("DELETE", "")
        finally:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(SECONDS)
