"""The page as a file on disk, in Chromium with the network switched off."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fallline.playground.single_file import page_text
from fallline.playground.starts import Start

from .node import Computing
from .told import LISTEN

PLAYING = (
    "window.playing = () => document.getElementById('play').getAttribute('aria-pressed') === 'true'"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture(scope="module")
def compute() -> Iterator[Computing]:
    """The page's computing in Node."""
    made = Computing()
    yield made
    made.close()


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The playground as `fallline page` writes it."""
    path = tmp_path_factory.mktemp("page") / "playground.html"
    path.write_text(page_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")  # while it is open, asyncio takes its loop for the running one
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as started:
        arguments = ["--no-sandbox", "--process-per-site"]
        made = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield made
        made.close()


USUAL = {"viewport": {"width": 1440, "height": 900}, "offline": True, "accept_downloads": True}


@pytest.fixture(scope="module")
def shared(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The context in which most pages open. Its own page keeps the process of all of them alive, so
    that each is there in half the time.
    """
    made = browser.new_context(**USUAL)
    empty = tmp_path_factory.mktemp("empty") / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
    made.new_page().goto(empty.as_uri())
    return made


@pytest.fixture
def opened(browser: Any, shared: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page offline; it may not say anything on the console, nor ask for anything.

    With options (``has_touch=True``), in a context of its own.
    """
    contexts, pages, said = [], [], []

    def open_page(path: Path | Start, **options: Any) -> Any:
        if isinstance(path, Start):
            text, path = page_text(path), tmp_path / "page.html"
            path.write_text(text, encoding="utf-8")
        context = browser.new_context(**USUAL, **options) if options else shared
        contexts.extend([context] if options else [])
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda one: said.append(one.url) if outside(one.url) else None)
        page.add_init_script(LISTEN)
        page.goto(path.as_uri())
        page.wait_for_selector(".neuron canvas")
        page.wait_for_function("() => window.told.frame")
        page.evaluate(PLAYING)
        return page

    yield open_page
    for page in pages:
        if not page.is_closed():
            page.evaluate("localStorage.clear()")
            page.close()
    for context in contexts:
        context.close()
    assert said == []


def outside(url: str) -> bool:
    return url.partition(":")[0] not in ("file", "data", "blob")


@pytest.fixture
def page(opened: Callable[..., Any], page_file: Path) -> Any:
    """The page with the truth table."""
    return opened(page_file)
