"""The page in a real browser: every main control does what it says.

Skipped where there is no Chromium; ``.ci/run`` installs Debian's. A test waits for what the page
shows, never for a time.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y, truth_table_network

from .browsing import epoch, figure, needs_browser, number, wait, wait_epoch, weights, whole_run

pytestmark = needs_browser


# ---- opening

NO_ANSWER = """
window.Worker = class extends EventTarget {
    postMessage(message) { (window.sent ||= []).push(message); }
};
"""


def test_the_network_is_shown_before_the_worker_answers(browser, page_file: Path) -> None:
    page = browser.new_page()
    page.add_init_script(NO_ANSWER)
    page.goto(page_file.as_uri())
    page.wait_for_selector(".neuron canvas")
    page.wait_for_function("() => window.sent && window.sent.length > 1")
    network = truth_table_network()
    loss, _ = fl.loss_and_gradient(network, TRAIN_X, TRAIN_Y)
    assert figure(page, "train") == float(f"{loss:.4g}")
    assert epoch(page) == 0
    page.click("#step")
    begin, setup, *more = page.evaluate("window.sent.map((message) => message.type)")
    assert (begin, setup, more[-1]) == ("begin", "setup", "step")
    page.close()


def test_what_is_pressed_before_the_worker_is_there_is_done(browser, page_file: Path) -> None:
    """Pressed in the page's own first task after its script."""
    page = browser.new_page()
    press = "document.getElementById('step').click()"
    page.add_init_script(f"document.addEventListener('DOMContentLoaded', () => {press})")
    page.goto(page_file.as_uri())
    wait_epoch(page, "=== 1")
    page.close()


# ---- training


def test_the_truth_table_is_learned(page) -> None:
    whole_run(page)
    assert epoch(page) == 20_000
    network = truth_table_network()
    fl.train(
        network, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=20_000, engine="numpy"
    )
    shown = [
        float(text)
        for text in page.locator("#predictions [data-part=test] .predicted").all_inner_texts()
    ]
    expected = network.predict_proba(np.array([[0, 1, 1], [1, 1, 1], [0, 1, 0]]))[:, 0]
    assert np.allclose(shown, expected, atol=6e-6)
    assert figure(page, "test-score") == 100


def test_play_pause_step_back_reset(page) -> None:
    start = weights(page, "1-0")
    page.click("#step")
    wait_epoch(page, "=== 1")
    page.click("#back")
    wait_epoch(page, "=== 0")
    assert weights(page, "1-0") == start
    page.select_option("#speed", "60")
    page.click("#play")
    wait_epoch(page, "> 20")
    page.click("#play")
    wait(page, "!playing()")
    stopped = epoch(page)
    page.click("#step")
    wait_epoch(page, f"=== {stopped + 1}")
    page.click("#reset")
    wait_epoch(page, "=== 0")
    assert weights(page, "1-0") == start


def test_keys(page) -> None:
    page.keyboard.press("s")
    wait_epoch(page, "=== 1")
    page.keyboard.press("b")
    wait_epoch(page, "=== 0")
    page.keyboard.press(" ")
    wait_epoch(page, "> 3")
    page.keyboard.press(" ")
    wait(page, "!playing()")
    page.keyboard.press("r")
    wait_epoch(page, "=== 0")
    page.keyboard.press("w")
    wait_epoch(page, "=== 20000")


@pytest.mark.parametrize("kind", ["xor", "and", "gaussians"])
def test_other_data_is_learned(page, kind: str) -> None:
    page.select_option("#data-kind", kind)
    wait(page, f"location.hash && document.getElementById('data-kind').value === '{kind}'")
    wait_epoch(page, "=== 0")
    whole_run(page)
    assert figure(page, "score") == 100 if kind != "gaussians" else figure(page, "score") > 90


def test_a_dragged_slider_retrains_whole_runs(page) -> None:
    box = page.locator("#rate").bounding_box()
    x, y = box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):  # each move has its own whole run
        before = int(page.get_attribute("body", "data-retrainings") or 0)
        page.mouse.move(x + 3 * step, y)
        wait(page, f"Number(document.body.dataset.retrainings || 0) > {before} && !playing()")
    page.mouse.up()
    rate = float(page.input_value("#rate-number"))
    network = truth_table_network()
    fl.train(
        network, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(rate), epochs=20_000, engine="numpy"
    )
    loss, _ = fl.loss_and_gradient(network, TRAIN_X, TRAIN_Y)
    shown = f"{loss:.4g}" if loss >= 1e-3 else f"{loss:.1e}"
    wait(
        page,
        f"Math.abs(Number(document.getElementById('figure-train').textContent"
        f".replace('−', '-')) / {float(shown)!r} - 1) < 0.03",
    )
    assert epoch(page) == 20_000
    page.click("#undo")
    wait(page, "document.getElementById('rate-number').value === '1.6'")


def test_without_dragging_the_run_goes_on_with_the_new_rate(page) -> None:
    page.click("#step")
    wait_epoch(page, "=== 1")
    page.select_option("#on-change", "on")
    page.fill("#rate-number", "0.5")
    page.press("#rate-number", "Enter")
    page.click("#step")
    wait_epoch(page, "=== 2")
    page.click("#redo", force=True)
    page.click("#undo")
    wait(page, "document.getElementById('rate-number').value === '1.6'")
    page.click("#redo")
    wait(page, "document.getElementById('rate-number').value === '0.5'")


# ---- the network


def test_layers_neurons_activations_and_weights(page) -> None:
    page.click("#more-1")
    page.wait_for_selector("[data-neuron='1-2']")
    page.click("#add-layer")
    page.wait_for_selector("[data-neuron='3-0']")
    page.select_option("#activation-2", "tanh")
    wait(page, "document.getElementById('activation-2').value === 'tanh'")
    page.click("#remove-layer")
    page.wait_for_selector("[data-neuron='3-0']", state="detached")
    page.click("#fewer-1")
    page.wait_for_selector("[data-neuron='1-2']", state="detached")
    before = weights(page, "1-1")
    assert len(before) == 4
    field = page.locator("#inspector input").nth(1)
    field.fill("0.75")
    field.press("Enter")
    wait(page, "document.querySelectorAll('#inspector .value')[1].textContent === '0.75'")
    page.click("#back")
    after = str(before[1]).replace("-", "−")
    wait(page, f"document.querySelectorAll('#inspector .value')[1].textContent === '{after}'")
    page.locator(".hit").first.dispatch_event("click")
    wait(page, "document.querySelector('#inspector tr.chosen').dataset.parameter === '0'")


def test_the_gradient_shown_is_that_of_the_loss(page) -> None:
    weights(page, "1-0")
    shown = [number(text) for text in page.locator("#inspector .gradient").all_inner_texts()]
    _, gradient = fl.loss_and_gradient(truth_table_network(), TRAIN_X, TRAIN_Y)
    layer = truth_table_network().views(gradient)[0]
    assert np.allclose(shown, [layer.b[0], *layer.W[:, 0]], rtol=1e-6)


# ---- the microscope


def test_the_microscope_shows_the_numbers_of_trace(page) -> None:
    update = fl.trace(truth_table_network(), TRAIN_X, TRAIN_Y, fl.GradientDescent(1.6))
    seen: dict[str, int] = {}
    page.wait_for_selector("#stage .matrix")
    while True:
        for cell in page.locator("#stage [data-cell]").all():
            name, *at = json.loads(cell.get_attribute("data-cell"))
            shown = float(cell.get_attribute("data-value"))
            assert shown == pytest.approx(of_trace(update, name, at), rel=1e-14), name
            seen[name] = seen.get(name, 0) + 1
        before = page.inner_text("#stage-count")
        if page.is_disabled("#stage-next"):
            break
        page.click("#stage-next")
    assert set(seen) == {
        "Z",
        "A",
        "loss",
        "mean",
        "lossSlope",
        "slope",
        "back",
        "delta",
        "dW1",
        "db1",
        "dW",
        "db",
        "step",
        "fresh",
    }
    assert seen["dW1"] == 5 * (6 + 2)
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#stage-count") != before


def of_trace(update: fl.Trace, name: str, at: list) -> float:
    """The number of a cell, from the trace, or by the formula that the lesson has for it."""
    if name == "loss":
        return float(update.losses[at[0]])
    if name == "mean":
        return update.loss
    layer, *at = at
    numbers = update.layers[layer]
    if name in ("step", "fresh"):
        kind, *at = at
        array = getattr(numbers, f"{'step' if name == 'step' else 'new'}_{kind}")
        return float(array[tuple(at)] if kind == "W" else array[at[1]])
    slope = numbers.A * (1 - numbers.A)
    if name == "back":
        above = update.layers[layer + 1]
        return float((above.delta @ above.W.T)[tuple(at)])
    if name in ("slope", "lossSlope"):
        return float((slope if name == "slope" else (numbers.A - update.Y) / slope)[tuple(at)])
    names = {"dW1": "dW_per_sample", "db1": "db_per_sample"}
    return float(getattr(numbers, names.get(name, name))[tuple(at)])


def test_a_formula_has_the_numbers_put_in(page) -> None:
    page.wait_for_selector("#stage .matrix")
    page.click("#stage-next")
    cell = page.locator("#stage [data-cell]").first
    cell.hover()
    text = page.inner_text("#formula").replace("−", "-").replace("·", "*")
    left, right = text.split("\n")[-1].split(" = ")
    assert math.isclose(eval(left), float(right), rel_tol=1e-6)


def test_taking_the_step_and_going_back(page) -> None:
    page.wait_for_selector("#stage .matrix")
    while page.inner_text("#stage-title") != "After the update":
        page.click("#stage-next")
    after = page.locator("#stage .num").nth(1).get_attribute("data-value")
    page.click("#take-step")
    assert page.inner_text("#stage-count") == "1 of 11"  # the next update begins with its rows
    wait_epoch(page, "=== 1")
    page.click("#stages button >> nth=10")
    wait(page, f"document.querySelector('#stage .num').dataset.value === '{after}'")
    page.click("#undo-step")
    wait(page, f"document.querySelectorAll('#stage .num')[1].dataset.value === '{after}'")


@pytest.mark.parametrize("method", ["complex_step", "central"])
def test_the_check_passes_and_catches_the_slips(page, method: str) -> None:
    page.select_option("#method", method)
    page.check("#check")
    page.wait_for_selector("#verdict.good")
    page.select_option("#gradient", "published")
    page.wait_for_selector("#verdict.warning")
    assert "every entry is 0.8333 of the derivative" in page.inner_text("#checks")
    page.select_option("#gradient", "right")
    page.wait_for_selector("#verdict.good")


# ---- seeds, landscape, taking away


def test_the_strip_of_seeds(page) -> None:
    page.click("#tab-seeds")
    page.click("#run-seeds")
    page.wait_for_selector("#strip[data-done]")
    assert page.locator("#strip button").count() == 100
    assert "of 100 succeed" in page.inner_text("#found")
    page.locator("#strip button").nth(7).click()
    wait(page, "document.getElementById('seed-number').value === '7'")
    wait_epoch(page, "=== 20000")


def test_the_landscape_is_drawn(page) -> None:
    whole_run(page)
    page.click("#tab-landscape")
    page.wait_for_selector("#landscape[data-drawn]")
    assert "5 rows" in page.inner_text("#landscape-note")


@pytest.mark.parametrize("kind", ["script", "notebook", "model", "image"])
def test_taking_away(page, kind: str, tmp_path: Path) -> None:
    whole_run(page)
    page.click("#tab-away")
    with page.expect_download() as coming:
        page.click(f"#export-{kind}")
    path = tmp_path / "file"
    coming.value.save_as(path)
    if kind == "model":
        assert fl.load(path).predict([[1, 1, 1], [0, 1, 1]]).tolist() == [1, 0]
    elif kind == "image":
        assert path.read_bytes().startswith(b"\x89PNG")
    else:
        assert "fl.train(" in path.read_text()


def test_reload_restores_the_state(page) -> None:
    page.click("#more-1")
    page.wait_for_selector("[data-neuron='1-2']")
    whole_run(page)
    before, shown = weights(page, "2-0"), page.inner_text("#predictions")
    wait(page, "location.hash.includes('t=')")
    assert "token" not in page.url
    page.reload()
    page.wait_for_selector("[data-neuron='1-2']")
    wait_epoch(page, "=== 20000")
    assert weights(page, "2-0") == before
    assert page.inner_text("#predictions") == shown


def test_a_damaged_address_is_no_harm(page) -> None:
    for damaged in ("s=!!", "s=e30", "s=bnVsbA&t=AAAA", "q"):
        page.goto(f"{page.url.split('#')[0]}#{damaged}")
        page.reload()
        page.wait_for_selector(".neuron canvas")
        wait_epoch(page, "=== 0")


# ---- the user's data


TABLE = "size,weight,colour,kind\n" + "".join(
    f"{i % 9},{i * 7 % 11},{'red' if i % 2 else 'green'},{'a' if i % 9 > 4 else 'b'}\n"
    for i in range(80)
)


def test_a_csv_file_is_dropped(page) -> None:
    page.evaluate(
        """(text) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([text], "own.csv"));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        TABLE,
    )
    page.wait_for_selector("#target")
    assert page.input_value("#target") == "kind"
    whole_run(page)
    assert figure(page, "test-score") > 90
    page.select_option("#view-y", "0")
    page.select_option("#target", "size")
    wait(page, "document.querySelector('.figure.score span').textContent === 'R²'")


def test_a_table_is_pasted_and_a_bad_one_told(page) -> None:
    paste = """(text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text", text);
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }"""
    page.evaluate(paste, "a,b\n1,2,3\n")
    page.wait_for_selector("#notice:not([hidden])")
    assert "pasted, line 2" in page.inner_text("#notice")
    assert page.input_value("#data-kind") == "truth_table"
    page.evaluate(paste, TABLE)
    page.wait_for_selector("#target")


def test_points_are_drawn(page) -> None:
    page.select_option("#data-kind", "drawn")
    page.wait_for_selector("#draw-2", state="visible")
    wait(page, "document.getElementById('surface').classList.contains('draws')")
    page.click("#draw-2")
    before = page.inner_text("#data-size")
    box = page.locator("#surface").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait(page, f"document.getElementById('data-size').textContent !== {before!r}")
    page.wait_for_selector("[data-neuron='2-2']")  # a third class has its own output


# ---- for everybody


@pytest.mark.parametrize("width", [320, 390, 1024, 1440, 2560])
def test_nothing_runs_over_the_edge(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.select_option("#data-kind", "iris")
    page.wait_for_selector("[data-neuron='2-2']")
    for tab in ("microscope", "tasks", "compare", "space", "seeds", "landscape", "away"):
        page.click(f"#tab-{tab}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), tab


def test_every_control_has_a_name(page) -> None:
    weights(page, "1-0")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[role], [role=tab]")]
            .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim()
                || (e.labels && e.labels.length && e.labels[0].textContent.trim())))
            .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


def test_light_and_dark(page) -> None:
    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = background()
    page.click("#theme")
    assert background() != light
    page.click("#theme")
    assert background() == light
