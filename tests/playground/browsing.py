"""What the tests of the page do with it, beside Playwright's own."""

import pytest

from .conftest import CHROMIUM

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser: neither chromium nor chromium-browser is installed"
)


def wait(page, condition: str) -> None:
    page.wait_for_function(f"() => {condition}")


def epoch(page) -> int:
    return int(page.inner_text("#figure-epoch").replace(",", "").split(" ")[0])


def wait_epoch(page, test: str) -> None:
    wait(
        page, f"Number(document.getElementById('figure-epoch').textContent.replace(',', '')) {test}"
    )


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "").replace("%", ""))


def figure(page, name: str) -> float:
    return number(page.inner_text(f"#figure-{name}"))


def whole_run(page) -> None:
    before = int(page.get_attribute("body", "data-retrainings") or 0)
    page.click("#whole")
    wait(page, f"Number(document.body.dataset.retrainings) > {before} && !playing()")
    wait_epoch(page, f"=== {page.input_value('#epochs-number')}")


def weights(page, neuron: str) -> list[float]:
    """Bias and incoming weights of a neuron, as the inspector shows them."""
    page.click(f"[data-neuron='{neuron}']")
    page.wait_for_selector("#inspector .value")
    wait(page, "document.querySelector('#inspector .value').textContent !== ''")
    return [number(text) for text in page.locator("#inspector .value").all_inner_texts()]
