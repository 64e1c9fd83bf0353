"""The page from disk in Firefox and in WebKit, the engine of Safari: opened, trained, looked into.

Run by `make test-long`, where a driver is installed: geckodriver for Firefox; for WebKit Debian's
webkit2gtk-driver, and xvfb where there is no display.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .webdriver import BROWSERS, Driven

pytestmark = pytest.mark.long

TEXT = "document.getElementById({!r}).textContent"
DROP = """
const files = new DataTransfer();
files.items.add(new File([arguments[0]], "small.csv", { type: "text/csv" }));
const dropped = { dataTransfer: files, bubbles: true, cancelable: true };
document.body.dispatchEvent(new DragEvent("drop", dropped));
"""
CHOOSE = """
const list = document.getElementById(arguments[0]);
list.value = arguments[1];
list.dispatchEvent(new Event("change"));
"""
TABLE = "age,town,bought\n" + "".join(
    f"{20 + k % 41},{('Rome', 'Oslo', 'Bonn')[k % 3]},{('yes', 'no', 'no')[k % 3]}\n"
    for k in range(60)
)


@pytest.fixture(scope="module", params=list(BROWSERS))
def driven(request: pytest.FixtureRequest) -> Iterator[Driven]:
    try:
        made = Driven(request.param)
    except FileNotFoundError as missing:
        pytest.skip(f"{missing} is not installed")
    yield made
    made.close()


@pytest.fixture
def page(driven: Driven, page_file: Path) -> Driven:
    driven.open("about:blank")
    driven.open(page_file.as_uri())
    driven.until("document.querySelector('.neuron canvas')")
    return driven


def click(page: Driven, name: str) -> None:
    page.run("document.getElementById(arguments[0]).click()", name)


def text(page: Driven, name: str) -> str:
    return str(page.run(f"return {TEXT.format(name)}"))


def whole_run(page: Driven, epochs: str) -> None:
    click(page, "whole")
    page.until(f"{TEXT.format('figure-epoch')} === {epochs!r}")
    page.until("document.getElementById('play').getAttribute('aria-pressed') !== 'true'")


def test_a_whole_run_the_microscope_and_the_check(page: Driven) -> None:
    whole_run(page, "20,000")
    assert text(page, "figure-test-score") == "100 %"
    page.until("document.querySelector('#stage table')")
    for _ in range(10):
        click(page, "stage-next")
    assert text(page, "stage-title") == "After the update"
    click(page, "check")
    page.until(f"{TEXT.format('checks')}.startsWith('The check passes')")
    assert text(page, "notice") == ""


def test_a_task(page: Driven) -> None:
    page.run("document.querySelector('.task-list button').click()")
    page.until("!document.getElementById('task').hidden")
    assert text(page, "task-title") == "Task 1: XOR with two hidden neurons"
    assert text(page, "notice") == ""


def test_a_table_is_dropped(page: Driven) -> None:
    page.run(DROP, TABLE)
    page.until("document.getElementById('target')")
    page.until(f"{TEXT.format('data-size')} === '42 rows to train on, 18 to test'")
    whole_run(page, "50")
    assert text(page, "figure-test-score") == "100 %"
    assert text(page, "notice") == ""


def test_an_address_opens_what_it_was_copied_from(page: Driven) -> None:
    page.run(CHOOSE, "data-kind", "digits")  # packed in the file
    page.until(f"{TEXT.format('data-size')}.startsWith('1,')")
    page.run(CHOOSE, "data-kind", "spirals")
    page.until(f"{TEXT.format('figure-epoch')} === '0'")
    whole_run(page, "300")
    loss = text(page, "figure-train")
    page.until("location.hash.includes('e=300')")
    address = page.run("return location.href")
    page.open("about:blank")
    page.open(address)
    page.until(f"{TEXT.format('figure-epoch')} === '300'")
    assert text(page, "figure-train") == loss
    assert text(page, "notice") == ""
