"""The page for everybody: axe finds nothing, and the keyboard reaches everything."""

from importlib import resources
from typing import Any

import pytest

from .browsing import needs_browser, wait

pytestmark = needs_browser

WIDTHS = {1440: 900, 1024: 768, 390: 844}
TABS = ("tasks", "compare", "space", "seeds", "landscape", "away")
# Rules that axe leaves out by default: names that hold the visible text, targets of 24 pixels.
MORE_RULES = {"label-content-name-mismatch": {"enabled": True}, "target-size": {"enabled": True}}


class Axe:
    """axe-core in a page; ``only`` runs one rule."""

    def __init__(self, page: Any, only: str = "") -> None:
        pytest.importorskip("axe_playwright_python")
        self.page = page
        self.options: dict[str, Any] = {"resultTypes": ["violations"], "rules": MORE_RULES}
        if only:
            self.options = {"resultTypes": ["violations"], "runOnly": only}
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())

    def found(self, part: str = "body") -> list[str]:
        """What it finds in a part of the page, once that has settled: rule and element."""
        found: list[str] = []
        for _ in range(4):  # a layout follows a new width a moment later
            found = self.page.evaluate(
                """([part, options]) => axe.run(part, options).then(({ violations }) => violations
                    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)))""",
                [part, self.options],
            )
            if not found:
                break
            self.page.wait_for_timeout(500)
        return found


def look_everywhere(page: Any, axe: Axe) -> None:
    """Every part of the page at three widths, in its different states."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert axe.found() == [], width
    page.set_viewport_size({"width": 1440, "height": 900})
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_selector(f"#panel-{tab}", state="visible")
        assert axe.found("#below") == [], tab
    page.click("#legend summary")
    page.select_option("#data-kind", "digits")
    page.wait_for_selector("[data-neuron='2-9']")
    page.click("[data-neuron='1-0']")
    page.wait_for_selector("#inspector .value")
    assert axe.found() == []
    page.click("#close-inspector")
    page.click("#tab-tasks")
    page.click("#task-two-slips")
    page.wait_for_selector("#task-code")
    wait(page, "!document.querySelector(\"[data-neuron='2-9']\")")
    assert axe.found() == []


def test_axe_finds_nothing(page) -> None:
    axe = Axe(page)
    look_everywhere(page, axe)
    page.click("#pictures")
    assert axe.found() == []
    # and it would find something
    page.evaluate("document.getElementById('surface').removeAttribute('aria-label')")
    assert [one.partition(":")[0] for one in axe.found()] == ["role-img-alt"]


def test_dark_colours_have_contrast(opened, page_file) -> None:
    page = opened(page_file, color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    look_everywhere(page, Axe(page, only="color-contrast"))


FOCUSABLE = "button:enabled, select:enabled, input:enabled, summary, a[href], [tabindex='0']"
# An element's path in the document; whether it is in sight and shows that it has the focus.
FOCUSED = """() => {
    const one = document.activeElement;
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    window.reached ||= [];
    if (one === document.body || window.reached.includes(one)) return null;
    window.reached.push(one);
    const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return [one.id || one.outerHTML.slice(0, 80), seen, ring];
}"""
MISSED = """(focusable) => [...document.querySelectorAll(focusable)]
    .filter((one) => one.checkVisibility() && one.tabIndex >= 0 && one.type !== "file")
    .filter((one) => !window.reached.includes(one)).map((one) => one.outerHTML.slice(0, 100))"""


def test_the_keyboard_reaches_everything(page) -> None:
    wait(page, "document.querySelectorAll('#stages button').length > 0")
    for _ in range(400):
        page.keyboard.press("Tab")
        told = page.evaluate(FOCUSED)
        if told is None:
            break
        name, seen, ring = told
        assert seen or name == "file", name
        assert ring, name
    else:
        raise AssertionError("the focus does not come round")
    assert page.evaluate(MISSED, FOCUSABLE) == []


def test_a_run_is_trained_and_looked_into_by_the_keyboard(page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the network
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("w")
    wait(page, "document.getElementById('figure-epoch').textContent === '20,000'")
    page.keyboard.press("s")
    wait(page, "document.getElementById('figure-epoch').textContent === '20,001'")
    page.keyboard.press("b")
    wait(page, "document.getElementById('figure-epoch').textContent === '20,000'")
    page.keyboard.press("ArrowRight")
    wait(page, "document.getElementById('stage-count').textContent.startsWith('2 of')")
    page.focus("#stage [data-cell] >> nth=0")
    wait(page, "document.getElementById('formula').textContent.includes('Z1')")
    page.focus("#tab-microscope")
    page.keyboard.press("ArrowRight")
    wait(page, "document.activeElement.id === 'tab-tasks'")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#task-title")
    page.focus("#rate")
    before = page.input_value("#rate-number")
    page.keyboard.press("ArrowLeft")
    wait(page, f"document.getElementById('rate-number').value !== '{before}'")
