"""The widget: its Python side by a page's messages, its page in a browser without a notebook."""

import asyncio
import json
import queue
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y
from fallline.playground import notebook
from fallline.playground.descent import engine_ready, load_engine
from fallline.playground.live import Live

from .browsing import needs_browser
from .conftest import unpacked

Message = tuple[dict[str, Any], list[bytes]]


@pytest.fixture
def net() -> fl.Network:
    return fl.Network([3, 4, 1], hidden="tanh", loss="binary_cross_entropy", seed=2)


class Page:
    """What a page in a cell does, without one."""

    def __init__(self, widget: Any, name: str = "a") -> None:
        self.widget, self.name = widget, name
        self.came: queue.Queue[Message] = queue.Queue()
        before = widget.views.send
        widget.views.send = lambda content, buffers: (
            self.came.put((content, buffers))
            if content["view"] == name
            else before(content, buffers)
        )

    def send(self, content: Any, buffers: list[Any] | None = None) -> None:
        self.widget._handle_custom_msg(content, buffers or [])

    def event(self, event: str, buffers: list[Any] | None = None, **more: Any) -> None:
        self.send({"view": self.name, "event": event, **more}, buffers)

    def ask(self, **message: Any) -> None:
        self.send({"view": self.name, "text": json.dumps(message)})

    def until(self, kind: str) -> dict[str, Any]:
        while True:
            content, buffers = self.came.get(timeout=20)
            found = unpacked(buffers[0]) if buffers else json.loads(content.get("text", "{}"))
            if kind in (found.get("type"), content.get("event")):
                return found or content

    def begin(self, **parts: dict[str, Any]) -> dict[str, Any]:
        self.event("open")
        self.setup = self.until("hello")["setup"]
        for name, values in parts.items():
            self.setup[name] |= values
        self.ask(type="setup", id=1, setup=self.setup)
        return self.until("frame")


@pytest.fixture
def page(net: fl.Network) -> Iterator[Page]:
    if not engine_ready.is_set():
        load_engine()
    widget = fl.widget(net, TRAIN_X, TRAIN_Y)
    yield Page(widget)
    widget.close()


def test_a_page_in_a_cell_trains_the_network(page: Page, net: fl.Network) -> None:
    first = page.begin()
    assert np.array_equal(first["theta"], net.parameters)
    assert page.widget.network.parameters.tolist() == net.parameters.tolist()
    page.setup["training"] |= {"learning_rate": 1.0, "epochs": 50}
    page.ask(type="retrain", id=2, setup=page.setup)
    assert page.until("retrained")["done"]
    trained = net.copy()
    fl.train(trained, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.0), epochs=50)
    assert np.allclose(page.widget.network.parameters, trained.parameters, rtol=1e-9)
    page.ask(type="step", kind="nonsense")
    assert "a step is one of" in page.until("error")["message"]


def test_a_table_comes_as_a_buffer(page: Page) -> None:
    page.begin()
    page.event("upload", [memoryview(b"a,b\n1,2\n2,3\n3,4\n")], number=1, name="own.csv")
    told = page.until("uploaded")
    assert told["number"] == 1
    assert told["facts"]["columns"] == ["a", "b"]
    page.event("upload", [b"a,b\n1,2,3\n"], number=2, name="bad.csv")
    assert "bad.csv, line 2" in page.until("uploaded")["error"]
    page.event("upload", [], number=3, name="none")
    assert "session has ended" in page.until("uploaded")["error"]


def test_a_page_that_goes_ends_its_work_and_leaves_its_network(page: Page) -> None:
    page.begin()
    page.ask(type="play", epochs=10)
    while page.until("frame")["epoch"] < 20:
        page.ask(type="shown")
    page.event("close")
    wait_for(lambda: not page.widget.views.tasks)
    assert page.widget.views.open_views == {}
    left = page.widget.network.parameters
    assert not np.array_equal(left, page.widget.views.start.network.parameters)
    page.ask(type="pause")  # of a session that is gone: the page is told, and opens a new one
    assert page.until("closed")["event"] == "closed"


def test_a_silent_page_counts_as_gone(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "SILENT_SECONDS", 0.2)
    page.event("open")
    page.event("alive")
    page.until("hello")
    assert page.until("closed")["event"] == "closed"
    assert page.widget.views.open_views == {}


def test_pages_are_apart_and_counted(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MAX_VIEWS", 2)
    other, third = Page(page.widget, "b"), Page(page.widget, "c")
    page.begin()
    other.begin()
    page.ask(type="step", kind="epoch")
    assert page.until("frame")["epoch"] == 1
    third.event("open")
    assert "2 pages of this widget" in third.until("error")["message"]
    other.ask(type="step", kind="epoch")
    assert other.until("frame")["epoch"] == 1


@pytest.mark.parametrize(
    "content",
    [None, 3, [], {}, {"view": 5}, {"view": ""}, {"view": "x" * 99}, {"view": "a", "event": "?"}],
)
def test_messages_of_another_form_are_dropped(page: Page, content: Any) -> None:
    page.begin()
    page.send(content)
    page.ask(type="step", kind="epoch")
    assert page.until("frame")["epoch"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "hack"}', "null", 5, None])
def test_hostile_texts_get_an_error(page: Page, text: Any) -> None:
    page.begin()
    page.send({"view": "a", "text": text})
    assert page.until("error")["message"]


def test_on_a_running_loop_no_thread_is_needed(net: fl.Network) -> None:
    async def main() -> None:
        widget = fl.widget(net, TRAIN_X, TRAIN_Y)
        page = Page(widget)
        page.event("open")
        await asyncio.sleep(0)
        assert widget.views.loop is asyncio.get_running_loop()
        while page.came.empty():
            await asyncio.sleep(0.01)
        widget.close()
        while widget.views.tasks:
            await asyncio.sleep(0.01)

    asyncio.run(main())


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_arguments_it_is_the_truth_table() -> None:
    widget = fl.widget(height=500)
    page = Page(widget)
    assert widget.height == 500
    assert widget.network is None
    assert page.begin()["loss"][0] > 0
    assert widget.network.sizes == (3, 2, 1)
    widget.close()
    with pytest.raises(fl.ParameterError, match="height"):
        fl.widget(height=-1)


def test_the_extra_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    notebook.widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(fl.FalllineError, match=r"fallline\[notebook\]"):
        fl.widget()


def test_the_page_is_one_text() -> None:
    text = notebook.page_text()
    assert not re.search(r"""(src|href)="page/""", text)
    assert 'from "./' not in text
    assert "https://" not in re.sub(r"%[0-9A-F]{2}", " ", text)
    assert Live.__init__  # the same sessions as behind the WebSocket


@needs_browser
def test_the_page_in_a_frame_talks_to_its_session(browser) -> None:
    """The widget's script in a browser, with a stand-in for the notebook between the two."""
    widget = fl.widget()
    came: queue.Queue[Message] = queue.Queue()
    widget.views.send = lambda content, buffers: came.put((content, buffers))
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    tab.expose_function("toPython", widget._handle_custom_msg)
    tab.set_content("<div id=cell></div>")
    tab.evaluate(STAND_IN, notebook.widget_script())

    def exchange(done: str) -> None:
        frame = tab.frames[-1]
        end = time.monotonic() + 30
        while not frame.evaluate(done):
            assert time.monotonic() < end, done
            try:
                content, buffers = came.get(timeout=0.05)
            except queue.Empty:
                continue
            tab.evaluate("([c, b]) => fromPython(c, b)", [content, [list(b) for b in buffers]])

    wait_for(lambda: len(tab.frames) == 2 and tab.evaluate("1"))
    exchange("Boolean(document.querySelector('.neuron canvas'))")
    frame = tab.frames[-1]
    frame.click("#whole")
    exchange("document.getElementById('figure-epoch').textContent === '20,000'")
    exchange("window.frameElement.falllineHost.address().includes('t=')")
    assert widget.network.predict([[1, 1, 1], [0, 1, 1]]).tolist() == [1, 0]
    tab.close()
    widget.close()


STAND_IN = """async (script) => {
    const listeners = new Set(), kept = { height: 800, address: "" };
    window.fromPython = (content, buffers) => listeners.forEach((one) =>
        one(content, buffers.map((bytes) => new DataView(Uint8Array.from(bytes).buffer))));
    const model = {
        get: (name) => kept[name], set: (name, value) => { kept[name] = value; },
        save_changes() {}, send: (content) => { toPython(content, []); },
        on: (name, one) => listeners.add(one), off: (name, one) => listeners.delete(one),
    };
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const made = await import(url);
    made.default.render({ model, el: document.getElementById("cell") });
}"""
