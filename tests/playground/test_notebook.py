"""The widget: its Python side, and its page in a browser without a notebook."""

import struct
import time
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y
from fallline.playground import notebook

from .browsing import needs_browser


@pytest.fixture
def net() -> fl.Network:
    return fl.Network([3, 4, 1], hidden="tanh", loss="binary_cross_entropy", seed=2)


STANDING = {
    "sizes": [3, 2, 1], "hidden": ["sigmoid"], "loss": "binary_cross_entropy", "init": "uniform",
    "seed": 0,
}  # fmt: skip


def test_before_a_page_is_open_the_network_is_the_one_given(net: fl.Network) -> None:
    widget = fl.widget(net, TRAIN_X, TRAIN_Y, height=500)
    assert widget.height == 500
    assert widget.network.parameters.tolist() == net.parameters.tolist()
    assert widget.network is not net
    assert 'id="part-rows"' in widget.page
    widget.close()
    plain = fl.widget()
    assert plain.network is None
    plain.close()
    with pytest.raises(fl.ParameterError, match="height"):
        fl.widget(height=-1)


def test_the_network_is_where_the_page_says_it_stands(net: fl.Network) -> None:
    widget = fl.widget(net, TRAIN_X, TRAIN_Y)
    widget.theta = struct.pack("<11d", *range(11))
    widget.standing = STANDING
    assert widget.network.sizes == (3, 2, 1)
    assert widget.network.parameters.tolist() == list(range(11))
    widget.standing = STANDING | {"init": "zeros"}
    assert widget.network.init is None
    widget.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"sizes": []}, {"sizes": [3, "x", 1]}, {"hidden": ["none"]}, {"loss": 5},
        {"seed": -1}, {"sizes": [3, 3, 1]}, {"init": "x"}, {"sizes": [3, 10**12, 1]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_network_is_told(wrong: dict[str, Any]) -> None:
    standing = STANDING | wrong if wrong else {"sizes": [3, 2, 1]}
    with pytest.raises(fl.FalllineError, match="sent no usable network"):
        notebook.network_from(standing, struct.pack("<11d", *range(11)))
    with pytest.raises(fl.FalllineError, match="sent no usable network"):
        notebook.network_from(STANDING, b"abc")


def test_the_extra_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    notebook.widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(fl.FalllineError, match=r"fallline\[notebook\]"):
        fl.widget()


@needs_browser
def test_the_page_in_a_frame_gives_its_network_back(browser) -> None:
    """The widget's script in a browser, with a stand-in for the notebook between the two."""
    net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=1)
    widget = fl.widget(net, TRAIN_X, TRAIN_Y)
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.expose_function("toPython", lambda name, value: took(widget, name, value))
    tab.set_content("<div id=cell></div>")
    tab.evaluate(STAND_IN, [widget._esm, widget.page])
    frame = until(lambda: tab.frames[1] if len(tab.frames) == 2 else None, tab)
    frame.wait_for_selector(".neuron canvas")
    frame.click("#whole")
    until(lambda: frame.inner_text("#figure-epoch").startswith("1,000"), tab)
    fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(0.1), epochs=1_000)
    until(lambda: np.allclose(widget.network.parameters, net.parameters, rtol=1e-9), tab)
    until(lambda: "t=" in widget.address, tab)
    assert said == []
    tab.close()
    widget.close()


def took(widget: Any, name: str, value: Any) -> None:
    setattr(widget, name, bytes(value) if name == "theta" else value)


def until(condition: Any, tab: Any) -> Any:
    end = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < end
        tab.wait_for_timeout(20)
    return found


STAND_IN = """async ([script, page]) => {
    const kept = { height: 800, address: "", page };
    const model = {
        get: (name) => kept[name],
        set(name, value) {
            kept[name] = value;
            const bytes = value instanceof DataView && Array.from(new Uint8Array(value.buffer));
            toPython(name, bytes || value);
        },
        save_changes() {}, on() {}, off() {},
    };
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const made = await import(url);
    made.default.render({ model, el: document.getElementById("cell") });
}"""
