"""What is handed out: the address, its QR code, and what it hides."""

from typing import Any

import pytest

from .browsing import needs_browser, wait, wait_epoch, whole_run

pytestmark = needs_browser

PARTS = {
    "hide-data": "#data-kind",
    "hide-rows": "#predictions",
    "hide-training": "#rate",
    "hide-network": "#add-layer",
    "hide-curves": "#loss-curve",
    "hide-output": "#surface",
    "hide-tab-microscope": "#tab-microscope",
    "hide-tab-tasks": "#tab-tasks",
    "hide-tab-compare": "#tab-compare",
    "hide-tab-space": "#tab-space",
    "hide-tab-seeds": "#tab-seeds",
    "hide-tab-landscape": "#tab-landscape",
}


def take_away(page: Any) -> None:
    page.click("#tab-away")
    page.click("#hiding summary")


def test_what_is_ticked_is_hidden_from_whoever_opens_the_address(page) -> None:
    for part in PARTS.values():
        assert page.is_visible(part), part
    take_away(page)
    for box, part in PARTS.items():
        page.check(f"#{box}")
        page.wait_for_selector(part, state="hidden")
    wait(page, "location.hash.length > 10")
    page.wait_for_timeout(600)  # the address is written a moment after the last change
    page.reload()
    page.wait_for_selector(".neuron canvas")
    page.wait_for_selector("#tab-away[aria-selected=true]")
    for part in PARTS.values():
        assert page.is_hidden(part), part
    take_away(page)
    for box, part in PARTS.items():
        page.uncheck(f"#{box}")
        page.wait_for_selector(part)


def test_the_address_is_a_qr_code(page) -> None:
    page.click("#tab-away")
    page.click("#show-qr")
    page.wait_for_selector("#qr-code", state="visible")
    finder = page.evaluate(  # the three corners of a code hold squares of 7 modules, 3 of them dark
        """() => {
            const canvas = document.getElementById("qr-code");
            const side = canvas.width, [module, quiet] = [4, 4], n = side / module;
            const { data } = canvas.getContext("2d").getImageData(0, 0, side, side);
            const dark = (x, y) => data[4 * ((y * module + 1) * side + x * module + 1)] < 128;
            const corners = [[quiet, quiet], [n - quiet - 7, quiet], [quiet, n - quiet - 7]];
            const lines = corners.map(([x, y]) =>
                Array.from({ length: 7 }, (_, k) => Number(dark(x + k, y + 3))).join(""));
            return lines;
        }"""
    )
    assert finder == ["1011101"] * 3
    assert "web server" in page.inner_text("#share-told")  # this page came from a file
    page.click("#tab-tasks")
    page.click("#tab-away")
    page.wait_for_selector("#qr-code", state="hidden")  # the address is another one now


def test_an_address_is_pasted(page) -> None:
    paste = """(text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text", text);
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }"""
    page.select_option("#data-kind", "xor")
    page.wait_for_selector("[data-neuron='1-3']")
    whole_run(page)
    wait(page, "location.hash.includes('t=')")
    address, loss = page.url, page.inner_text("#figure-train")
    page.select_option("#data-kind", "truth_table")
    page.wait_for_selector("[data-neuron='1-3']", state="detached")
    page.evaluate(paste, address)
    page.wait_for_selector("[data-neuron='1-3']")
    wait_epoch(page, "=== 2000")
    assert page.inner_text("#figure-train") == loss
    page.evaluate(paste, "https://example.org/playground.html#task=inputs")
    page.wait_for_selector("#task-title")


@pytest.mark.parametrize("reload", [False, True])
def test_a_task_is_in_the_address_and_keeps_its_secret(page, reload: bool) -> None:
    page.click("#tab-tasks")
    page.click("#task-wrong-gradient")
    page.wait_for_selector("#task-check")
    wait(page, "document.getElementById('gradient').value === 'secret'")
    page.wait_for_timeout(600)
    if reload:
        page.reload()
        page.wait_for_selector("#task-check")
    wait(page, "document.getElementById('gradient').value === 'secret'")
    assert page.is_disabled("#gradient")
