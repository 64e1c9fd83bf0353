"""The tasks mark themselves: each check fails at the start, and passes with the right answer.

The answers are given as a person gives them, with the controls of the page.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fallline.lesson import TRAIN_X, TRAIN_Y, published_gradient, truth_table_network

from .browsing import epoch, needs_browser, number, wait, wait_epoch, whole_run

pytestmark = needs_browser


def start(page: Any, task: str) -> None:
    page.click("#tab-tasks")
    page.click(f"#task-{task}")
    page.wait_for_selector("#task-check")
    wait_epoch(page, "=== 0")


def verdict(page: Any) -> str:
    page.click("#task-check")
    told: str = page.inner_text("#task-verdict")
    return told


def set_number(page: Any, control: str, value: float) -> None:
    page.fill(f"#{control}-number", str(value))
    page.press(f"#{control}-number", "Enter")
    wait(page, "!playing()")


def test_a_task_begins_with_its_title_in_sight(page: Any) -> None:
    start(page, "two-slips")
    bar, title = page.locator("#bar").bounding_box(), page.locator("#task-title").bounding_box()
    assert bar["y"] + bar["height"] <= title["y"] < 200


def solve_xor(page: Any) -> None:
    whole_run(page)
    assert verdict(page).startswith("Not yet")  # the start of the task is stuck
    page.click("#tab-seeds")
    page.click("#run-seeds")
    page.click("#strip .found >> nth=0", timeout=60_000)
    wait_epoch(page, "=== 2000")


def solve_rate(page: Any) -> None:
    page.fill("#rate-number", "3")
    page.press("#rate-number", "Enter")
    page.wait_for_selector("#notice:not([hidden])")
    set_number(page, "rate", 1)
    wait_epoch(page, "=== 300")
    assert "larger" in verdict(page)
    set_number(page, "rate", 1.9)
    wait_epoch(page, "=== 300")


def solve_zeros(page: Any) -> None:
    whole_run(page)
    page.check("#choice-same")
    assert "initial weights" in verdict(page)
    page.select_option("#init", "uniform")
    wait_epoch(page, "=== 0")
    whole_run(page)


def solve_dead(page: Any) -> None:
    whole_run(page)
    shown = page.evaluate(
        """() => [...document.querySelectorAll("[data-neuron^='1-']")].map((neuron) =>
            Number(neuron.querySelector(".number-under").textContent))"""
    )
    most = sum(value == 0 for value in shown)  # a dead neuron is 0 for this row too
    for guess in range(1, most + 1):
        page.fill("#task-number", str(guess))
        if verdict(page).startswith("Right"):
            return


def solve_overfitting(page: Any) -> None:
    whole_run(page)
    assert number(page.inner_text("#figure-test")) > 1
    set_number(page, "l2", 0.02)
    wait_epoch(page, "=== 500")


def solve_batch(page: Any) -> None:
    whole_run(page)
    page.check("#choice-steps")
    assert "should be below" in verdict(page)
    page.select_option("#batch", "4")
    wait(page, "Number(document.getElementById('figure-train').textContent) < 0.2")
    wait(page, "!playing()")
    wait_epoch(page, "=== 50")


def solve_slips(page: Any) -> None:
    page.check("#check")
    page.wait_for_selector("#verdict.warning")
    assert "0.8333" in page.inner_text("#checks")
    line_with(page, "np.outer(slope(a1), d2)").click()
    line_with(page, "np.outer(x, d1)").click()
    assert "One of these" in verdict(page)
    line_with(page, "np.outer(x, d1)").click()
    line_with(page, "np.zeros((1, *W1.shape))").click()


def line_with(page: Any, text: str) -> Any:
    return page.locator("#task-code button", has_text=text)


def solve_secret(page: Any) -> None:
    assert page.input_value("#gradient") == "secret"
    for one in ("sum", "no_slope", "z_for_a", "no_bias", "sign"):
        page.check(f"#choice-{one}")
        if verdict(page).startswith("Right"):
            return


def solve_by_hand(page: Any) -> None:
    page.click("[data-neuron='1-0']")
    page.wait_for_selector("#inspector .value")
    for place, value in enumerate((-15, 10, 0, 10)):
        field = page.locator("#inspector input").nth(place)
        field.fill(str(value))
        field.press("Enter")
        text = str(value).replace("-", "−")
        wait(
            page,
            f"document.querySelectorAll('#inspector .value')[{place}].textContent === '{text}'",
        )
    page.click("#close-inspector")


def solve_inputs(page: Any) -> None:
    for name in ("x1²", "x2²", "x1", "x2"):
        page.click(f"[id='input-{name}']")
    whole_run(page)


SOLUTIONS: dict[str, Callable[[Any], None]] = {
    "xor-two": solve_xor,
    "largest-rate": solve_rate,
    "all-zero": solve_zeros,
    "dead-relus": solve_dead,
    "overfitting": solve_overfitting,
    "batch-size": solve_batch,
    "two-slips": solve_slips,
    "wrong-gradient": solve_secret,
    "by-hand": solve_by_hand,
    "inputs": solve_inputs,
}


def test_there_is_a_solution_here_for_each_task(page) -> None:
    made = page.locator(".task-list button").evaluate_all("all => all.map(one => one.id)")
    assert made == [f"task-{name}" for name in SOLUTIONS]


@pytest.mark.parametrize("task", SOLUTIONS)
def test_a_task_fails_at_the_start_and_passes_when_it_is_solved(page, task: str) -> None:
    start(page, task)
    assert verdict(page).startswith("Not yet.")
    SOLUTIONS[task](page)
    assert verdict(page) == "Right."
    page.wait_for_selector("#task-next", state="visible")
    assert "solved" in page.locator(".task-list li", has=page.locator(f"#task-{task}")).inner_text()


def test_hints_come_one_by_one_and_the_solution_last(page) -> None:
    start(page, "two-slips")
    for n in range(1, 4):
        assert page.inner_text("#task-hint") == f"Hint {n} of 3"
        page.click("#task-hint")
        assert page.locator("#task-hints li").count() == n
        assert page.locator("#task-hints .solution").count() == 0
    page.click("#task-hint")
    assert "slice of zeros" in page.inner_text("#task-hints .solution")
    assert page.is_hidden("#task-hint")
    page.click("#task-leave")
    page.wait_for_selector("#task", state="hidden")


def test_the_code_of_the_slips_is_the_published_update(page) -> None:
    start(page, "two-slips")
    code = "\n".join(page.locator("#task-code button").all_text_contents())
    space: dict[str, Any] = {"np": np}
    exec(code, space)
    network = truth_table_network()
    first, last = network.layers
    made = space["update"](TRAIN_X, TRAIN_Y[:, None], first.W, first.b, last.W, last.b, 1.0)
    gradient = published_gradient(network, TRAIN_X, TRAIN_Y[:, None])
    expected = np.concatenate([network.parameters - gradient])
    assert np.allclose(np.concatenate([part.ravel() for part in made]), expected, atol=1e-14)


def test_a_link_opens_a_task(page) -> None:
    page.goto(f"{page.url.split('#')[0]}#task=by-hand")
    page.reload()
    page.wait_for_selector("#task-title")
    assert "Be the optimiser" in page.inner_text("#task-title")
    assert epoch(page) == 0
    page.click("#task-again")
    page.click("#tab-tasks")


def test_a_task_is_left_and_its_secret_with_it(page) -> None:
    start(page, "wrong-gradient")
    page.click("#task-leave")
    wait(page, "document.getElementById('gradient').value === 'right'")
    assert page.is_enabled("#gradient")
