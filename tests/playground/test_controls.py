"""Every control of the page does what it says: looked up in what its worker last told it.

``EXERCISED`` names the controls that the tests use; another one on the page fails a test.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .browsing import epoch, needs_browser, wait, wait_epoch, weights, whole_run
from .problems import lift
from .told import Told, until

pytestmark = needs_browser
TESTS = "".join(
    path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != "__init__"
)


def choose_data(page: Any, kind: str) -> None:
    page.select_option("#data-kind", kind)
    until(page, lambda told: told.setup.data.kind == kind)


# ---- lists


LISTS = {
    "optimizer": "training",
    "schedule": "training",
    "gradient": "training",
    "init": "network",
}


def test_every_choice_of_a_list_is_taken(page) -> None:
    for name, part in LISTS.items():
        values = page.locator(f"#{name} option").evaluate_all(
            "all => all.filter(one => !one.hidden).map(one => one.value)"
        )
        assert len(values) >= 6
        for value in [*values[1:], values[0]]:
            page.select_option(f"#{name}", value)
            of = attribute(part, name)
            until(page, lambda d, of=of, v=value: of(d) == v)
        page.click("#step")
        wait_epoch(page, "> 0")
        page.click("#reset")
        wait_epoch(page, "=== 0")


def attribute(part: str, name: str) -> Callable[[Told], Any]:
    return lambda told: getattr(getattr(told.setup, part), name)


def test_every_activation_is_taken(page) -> None:
    values = page.locator("#activation-1 option").evaluate_all("all => all.map(o => o.value)")
    assert len(values) >= 9  # custom ones too
    for value in values:
        page.select_option("#activation-1", value)
        until(page, lambda d, v=value: d.hidden == (v,))


def test_every_data_set_is_made(page) -> None:
    made = "and or xor circles moons spirals gaussians iris digits plane bump drawn truth_table"
    for kind in made.split():
        choose_data(page, kind)
        n_train = Told(page).problem["n_train"]
        wait(
            page, f"document.getElementById('data-size').textContent.startsWith('{n_train:,} rows')"
        )
    assert page.is_hidden("#notice")


def test_batch_size_and_loss(page) -> None:
    page.select_option("#on-change", "reset")
    page.select_option("#batch", "4")
    until(page, lambda d: d.problem["batch_size"] == 4)
    page.select_option("#step-kind", "batch")
    page.click("#step")
    wait(page, "document.getElementById('figure-epoch').textContent === '0 + 4'")
    page.select_option("#step-kind", "sample")
    page.click("#step")
    wait_epoch(page, "=== 1")  # the fifth row ends the epoch
    assert Told(page).step == 2
    page.select_option("#loss", "squared_error")
    until(page, lambda d: d.problem["loss"] == "squared_error")


# ---- sliders and numbers


NUMBERS = [
    ("rate", "training", "learning_rate", 0.75),
    ("epochs", "training", "epochs", 1234),
    ("l2", "training", "l2", 0.015),
    ("l1", "training", "l1", 0.003),
    ("dropout", "training", "dropout", 0.25),
    ("seed", "network", "seed", 41),
]


def test_a_number_is_taken_and_the_run_redone(page) -> None:
    for control, part, name, value in NUMBERS:
        of = attribute(part, name)
        page.fill(f"#{control}-number", str(value))
        page.press(f"#{control}-number", "Enter")
        until(page, lambda d, of=of, v=value: of(d) == v)
        until(page, lambda d: d.epoch == d.setup.training.epochs)
        page.focus(f"#{control}")
        page.keyboard.press("ArrowRight")
        until(page, lambda d, of=of, v=value: of(d) > v)
        until(page, lambda d: d.epoch == d.setup.training.epochs)


def test_penalties_cost_in_the_loss_that_is_shown(page) -> None:
    plain = float(page.inner_text("#figure-train"))
    page.fill("#l1-number", "0.05")
    page.fill("#epochs-number", "10")
    page.press("#epochs-number", "Enter")
    until(page, lambda d: d.setup.training.l1 == 0.05 and d.epoch == 10)
    page.click("#reset")
    wait_epoch(page, "=== 0")
    size = np.abs(Told(page).weights).sum()
    assert float(page.inner_text("#figure-train")) == pytest.approx(plain + 0.05 * size, rel=1e-3)
    page.check("#check")
    page.wait_for_selector("#verdict.good")  # with L1 in the gradient


def test_momentum_is_there_where_it_counts(page) -> None:
    assert page.is_hidden("#momentum")
    for optimizer in ("momentum", "nesterov"):
        page.select_option("#optimizer", optimizer)
        page.wait_for_selector("#momentum", state="visible")
    page.fill("#momentum-number", "0.5")
    page.press("#momentum-number", "Enter")
    until(page, lambda d: d.setup.training.momentum == 0.5)


def test_size_noise_share_and_seed_of_the_data(page) -> None:
    choose_data(page, "moons")
    before = Told(page).X
    for control, value in (("n", 300), ("noise", 0.3), ("test", 0.5), ("seed", 9)):
        page.fill(f"#data-{control}-number", str(value))
        page.press(f"#data-{control}-number", "Enter")
    until(page, lambda d: d.setup.data.seed == 9 and d.problem["n_train"] == 150)
    assert Told(page).problem["n_test"] == 150
    assert Told(page).X.std() > before.std()
    page.focus("#data-n")
    page.keyboard.press("ArrowLeft")
    until(page, lambda d: d.setup.data.n < 300)
    for control in ("noise", "test", "seed"):
        old = getattr(Told(page).setup.data, control)
        page.focus(f"#data-{control}")
        page.keyboard.press("ArrowRight" if control == "seed" else "ArrowLeft")
        until(page, lambda d, c=control, o=old: getattr(d.setup.data, c) != o)


# ---- inputs made of the points


def test_inputs_are_chosen(page) -> None:
    choose_data(page, "circles")
    points = Told(page).X
    for name in ("x1²", "x2²", "x1-x2", "sin-πx1", "sin-πx2"):
        page.click(f"[id='input-{name}']")
    until(page, lambda d: d.sizes[0] == 7)
    page.click("#input-x1")
    page.click("#input-x2")
    until(page, lambda d: d.sizes[0] == 5)
    features = Told(page).problem["features"]
    assert np.allclose(Told(page).X, lift(points, features), rtol=1e-14, atol=1e-14)
    page.wait_for_selector(".neuron.input >> text=x1²")
    for name in ("x1-x2", "sin-πx1", "sin-πx2"):
        page.click(f"[id='input-{name}']")
    page.click("#remove-layer")
    until(page, lambda d: d.sizes == (2, 1))
    whole_run(page)
    score = float(page.inner_text("#figure-score").split(" ")[0])
    assert score > 95  # squares alone tell a disc from a ring, without a hidden layer
    page.click("[id='input-x1²']")
    until(page, lambda d: d.sizes == (1, 1))
    page.click("[id='input-x2²']")  # the last one stays
    assert page.get_attribute("[id='input-x2²']", "aria-pressed") == "true"


# ---- the network


def test_a_row_is_looked_at(page) -> None:
    page.fill("#row", "2")
    page.press("#row", "Enter")
    wait(page, "document.querySelectorAll('.neuron.input .number-under')[1].textContent === '1'")
    shown = page.locator(".neuron.input .number-under").all_inner_texts()
    assert [float(text) for text in shown] == [1, 1, 0]
    page.locator("#predictions [data-part=train] tr").nth(4).click()
    wait(page, "document.getElementById('row').value === '4'")
    box = page.locator("#surface").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.32, box["y"] + box["height"] * 0.72)
    page.wait_for_timeout(200)
    assert page.is_hidden("#notice")


def test_the_inspector_opens_chooses_and_closes(page) -> None:
    weights(page, "2-0")
    page.click("#inspector tr >> nth=2 >> button")
    wait(page, "document.querySelectorAll('#inspector tr')[2].classList.contains('chosen')")
    assert page.locator("#inspector canvas").count() == 1
    page.click("#close-inspector")
    wait(page, "document.getElementById('inspector').children.length === 0")


def test_a_neuron_that_is_pointed_at_is_shown_in_the_large(page) -> None:
    def picture() -> str:
        return page.evaluate("document.getElementById('surface').toDataURL()")

    before = picture()
    page.hover("[data-neuron='1-1']")
    wait(page, "document.getElementById('output-title').textContent.includes('neuron 1')")
    assert picture() != before
    page.mouse.move(5, 5)
    wait(page, "document.getElementById('output-title').textContent === 'Output'")
    assert picture() == before


def test_a_frame_of_another_network_is_not_drawn(page) -> None:
    """One that waits for the next refresh when the network changes: drawing it would fail."""
    page.evaluate(
        """() => {
            window.held = [];
            window.refresh = window.requestAnimationFrame;
            window.requestAnimationFrame = (draw) => window.held.push(draw);
            new MutationObserver(() => {
                window.requestAnimationFrame = window.refresh;
                window.held.splice(0).forEach((draw) => draw());
            }).observe(document.getElementById("data-size"), { childList: true });
        }"""
    )
    page.click("#step")
    wait(page, "window.held.length > 0")
    choose_data(page, "spirals")  # one more layer
    wait(page, "window.held.length === 0")
    page.click("#step")
    wait_epoch(page, "=== 1")  # and nothing was said on the console


# ---- what is looked at


def test_boxes_that_change_the_pictures(page) -> None:
    def picture(name: str) -> str:
        return page.evaluate(f"document.getElementById('{name}').toDataURL()")

    whole_run(page)
    for box, canvas in (("sharp", "surface"), ("test-points", "surface"), ("log", "loss-curve")):
        before = picture(canvas)
        page.click(f"#{box}")
        assert picture(canvas) != before, box
        page.click(f"#{box}")
        assert picture(canvas) == before, box


def test_two_features_are_chosen_to_look_at(page) -> None:
    page.select_option("#view-x", "1")
    until(page, lambda d: d.setup.data.view == (1, 2))
    page.select_option("#view-y", "0")
    until(page, lambda d: d.setup.data.view == (1, 0))


def test_the_speed_of_playing(page) -> None:
    page.select_option("#speed", "60")
    page.click("#play")
    wait_epoch(page, "> 2")
    assert epoch(page) < 1000
    page.select_option("#speed", "0")  # as fast as it goes, while it plays
    wait_epoch(page, "> 3000")
    page.click("#play")
    wait(page, "!playing()")
    until(page, lambda d: epoch(page) == d.epoch)


def test_play_takes_the_chosen_time_begins_slowly_and_stops(page) -> None:
    page.select_option("#data-kind", "circles")
    page.wait_for_selector("[data-neuron='1-5']")
    page.select_option("#speed", "3")
    began = time.perf_counter()
    page.click("#play")
    wait_epoch(page, ">= 50")
    half = time.perf_counter() - began
    wait(page, "!playing()")
    whole = time.perf_counter() - began
    assert epoch(page) == 100  # a whole run, and no further
    assert 2.5 < whole < 20  # three seconds, and what a loaded machine adds
    assert half > 0.5 * whole
    assert page.inner_text("#play") == "Go on"
    page.click("#play")
    wait_epoch(page, "> 100")
    wait(page, "!playing()")
    assert epoch(page) == 200


def test_a_changed_setting_never_leaves_an_old_number(page) -> None:
    """It trains the run again, starts again, or goes on from here and says so in the curves."""
    whole_run(page)
    page.select_option("#on-change", "reset")
    page.select_option("#schedule", "cosine")
    wait_epoch(page, "=== 0")
    page.select_option("#on-change", "on")
    page.click("#step")
    wait_epoch(page, "=== 1")
    page.select_option("#schedule", "constant")
    page.click("#step")
    wait_epoch(page, "=== 2")
    page.wait_for_selector(".dash.mark", state="visible")  # the mark of a change along the run
    page.select_option("#on-change", "run")
    page.select_option("#gradient", "published")
    wait_epoch(page, "=== 20000")
    published = page.inner_text("#figure-train")
    page.select_option("#gradient", "right")
    wait(
        page, f"document.getElementById('figure-train').textContent !== {published!r} && !playing()"
    )


def test_an_optimiser_brings_its_usual_rate(page) -> None:
    page.select_option("#optimizer", "adam")
    wait(page, "document.getElementById('rate-number').value === '0.02'")
    assert "0.02" in page.inner_text("#usual-rate")
    wait_epoch(page, "=== 20000")
    assert page.inner_text("#figure-test-score") == "100 %"
    page.select_option("#optimizer", "gradient_descent")
    wait(page, "document.getElementById('rate-number').value === '1.6'")


def test_what_is_looked_at_is_in_the_address(page) -> None:
    page.click("#tab-seeds")
    page.select_option("#speed", "30")
    page.select_option("#on-change", "on")
    page.select_option("#step-kind", "sample")
    for box in ("sharp", "test-points", "log"):
        page.click(f"#{box}")
    page.fill("#row", "3")
    page.press("#row", "Enter")
    wait(page, "document.querySelectorAll('.neuron.input .number-under')[0].textContent === '1'")
    wait(page, "document.querySelectorAll('#predictions tr.chosen').length === 1")
    weights(page, "1-1")
    page.wait_for_timeout(600)  # the address is written a moment after the last change
    page.reload()
    page.wait_for_selector("#inspector .value")
    wait(page, "document.getElementById('tab-seeds').getAttribute('aria-selected') === 'true'")
    assert page.input_value("#speed") == "30"
    assert page.input_value("#on-change") == "on"
    assert page.input_value("#step-kind") == "sample"
    wait(page, "document.getElementById('row').value === '3'")
    assert page.inner_text("#inspector h3") == "Neuron 1 of layer 1"
    for box, on in (("sharp", True), ("test-points", False), ("log", False)):
        assert page.is_checked(f"#{box}") == on


def test_the_pictures_alone(page) -> None:
    small = page.locator("#surface").bounding_box()["width"]
    page.click("#pictures")
    page.wait_for_selector("#rate", state="hidden")
    assert page.is_hidden("#stage")
    assert page.locator("#surface").bounding_box()["width"] > small
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#pictures")
    page.wait_for_selector("#rate", state="visible")


# ---- microscope and drawing


def test_the_microscope_on_one_sample(page) -> None:
    page.wait_for_selector("#stage .matrix")
    page.select_option("#microscope-kind", "sample")
    wait(page, "document.querySelectorAll('#stage .matrix tbody')[0].rows.length === 1")
    before = page.inner_text("#stage-title")
    page.click("#stage-next")
    assert page.inner_text("#stage-title") != before
    page.click("#stage-back")
    assert page.inner_text("#stage-title") == before
    page.click("#take-step")
    until(page, lambda d: d.step == 1 and d.at > 0)
    page.click("#undo-step")
    until(page, lambda d: d.step == 0)


def test_points_are_drawn_erased_and_removed(page) -> None:
    choose_data(page, "drawn")
    box = page.locator("#surface").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.click("#draw-1")
    page.mouse.move(x - 60, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x - 60 + 15 * step, y, steps=2)
    page.mouse.up()
    until(page, lambda d: len(d.setup.data.points) > 8)
    drawn = len(Told(page).setup.data.points)
    page.click("#draw-erase")
    page.mouse.click(x - 60, y)
    until(page, lambda d: len(d.setup.data.points) < drawn)
    page.click("#clear")
    until(page, lambda d: len(d.setup.data.points) == 4)


def test_a_file_is_chosen(page, tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("a,b,c\n" + "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(60)))
    page.set_input_files("#file", table)
    until(page, lambda d: d.setup.data.kind == "table")
    page.wait_for_selector("#target")
    page.select_option("#target", "a")
    until(page, lambda d: d.problem["target"] == "a")


def test_the_address_is_copied(page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#tab-away")
    page.keyboard.press("ArrowRight")  # along the tabs, and round
    page.wait_for_selector("#tab-microscope[aria-selected=true]")
    page.click("#tab-away")
    page.click("#copy")
    wait(page, "document.querySelector('#panel-away [role=status]').textContent !== ''")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "#s=" in copied
    assert "token" not in copied


def test_no_control_is_left_out(page) -> None:
    """Each control on the page, of every data set and tab, is named in a test above or beside."""
    seen: set[str] = set()
    for kind in ("drawn", "moons", "iris", "truth_table"):
        choose_data(page, kind)
        seen |= set(
            page.evaluate(
                """[...document.querySelectorAll("button, input, select")]
                    .map(one => one.id).filter(id => id && !id.startsWith("control-"))"""
            )
        )
    assert len(seen) > 70
    named = set(re.findall(r"[\w²π-]+", TESTS))
    built = {"-number", "export-", "input-", "data-", "draw-", "task-", "hide-"}
    left = {
        name
        for name in seen - named
        if name.removesuffix("-number") not in named
        and not re.fullmatch(r"(cell|flip)-[\d-]+", name)  # each cell of the table is alike
        and not any(name.startswith(start) and name[len(start) :] in named for start in built)
        and name.removeprefix("data-").removesuffix("-number") not in named
    }
    assert left == set()
