"""Networks over folds that several threads train side by side."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.tabular import over_folds
from fallline.tabular.pace import Pace
from fallline.tabular.recipes import Recipe
from tests.tabular.test_ensemble import made, others


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many threads as are wanted, at most three, on any machine."""

    @contextmanager
    def free(wanted: int) -> Iterator[int]:
        yield min(wanted, 3)

    monkeypatch.setattr(over_folds, "free_cores", free)
    monkeypatch.setattr(over_folds, "threads_allowed", lambda: 3)


def train(target: str = "label", **options: Any) -> fl.TableModel:
    return fl.train_table(made(), target, ignore=others(target), **options)


@pytest.mark.parametrize("options", [{}, {"preset": "best", "target": "number"}])
def test_side_by_side_gives_the_same_bits(three_cores: None, options: dict[str, Any]) -> None:
    starts: list[Any] = []
    side_by_side = train(on_run=starts.append, **options)
    alone = train(threads=1, **options)
    assert side_by_side.network.parameters.tobytes() == alone.network.parameters.tobytes()
    assert side_by_side.facts["scores"] == alone.facts["scores"]
    assert side_by_side.ended == alone.ended
    assert {start.at_once for start in starts} == {3}
    assert sorted(start.number for start in starts) == list(range(1, starts[0].of + 1))


def test_the_time_left_goes_by_the_runs_that_are_done() -> None:
    starts: list[Any] = []

    def on_run(start: Any) -> Any:
        starts.append(start)
        return lambda progress: time.sleep(0.01)

    train(on_run=on_run, threads=1, epochs=3)
    left = [start.seconds_left for start in starts]
    assert left[0] is None
    assert all(left[at] >= 0.03 * (8 - at) for at in range(1, 8))
    assert left[7] < left[1]


def test_a_wider_network_is_expected_to_take_longer() -> None:
    pace, narrow, wide = Pace(), Recipe(hidden=(64, 64)), Recipe(hidden=(256, 256, 256))
    assert not pace.known
    assert pace.of(narrow) == 0.0
    pace.add(narrow, 1.0)
    pace.add(narrow, 3.0)
    assert pace.of(narrow) == 2.0
    assert pace.of(wide) == pytest.approx(
        2.0 * (1 + 768 + 2 * 256**2 / 96) / (1 + 128 + 64**2 / 96)
    )
    pace.add(wide, 5.0)
    assert (pace.of(narrow), pace.of(wide)) == (2.0, 5.0)
    assert pace.of(Recipe(hidden=())) > 0.0


def test_what_on_run_returns_sees_the_epochs_of_its_run(three_cores: None) -> None:
    seen: dict[int, list[int]] = {}

    def on_run(start: Any) -> Any:
        epochs = seen[start.number] = []
        return lambda progress: epochs.append(progress.epoch)

    model = train(on_run=on_run, epochs=5)
    assert seen == {number: [0, 1, 2, 3, 4] for number in range(1, 9)}
    assert model.facts["folds"] == 8


def test_callbacks_see_one_run_at_a_time(three_cores: None) -> None:
    order: list[tuple[int, int]] = []
    train(
        epochs=3,
        on_run=lambda start: order.append((start.number, -1)),
        callbacks=[lambda progress: order.append((order[-1][0], progress.epoch))],
    )
    assert order == [(run, epoch) for run in range(1, 9) for epoch in (-1, 0, 1, 2)]


def test_ctrl_c_ends_all_threads_and_keeps_the_folds_that_are_done(
    three_cores: None, ctrl_c: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, ended, sent = over_folds.train_recipe, set[int](), list[int]()

    def noting(part: Any, start: Any, *args: Any) -> fl.TableModel:
        model = once(part, start, *args)
        ended.add(start.number)
        return model

    def on_run(start: Any) -> Any:
        def interrupt(progress: fl.Progress) -> None:
            while not sent and not {1, 2, 3} <= ended:
                time.sleep(0.01)
            if start.number == 4 and not sent:
                sent.append(start.number)
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

        return interrupt if start.number > 3 else None

    monkeypatch.setattr(over_folds, "train_recipe", noting)
    with pytest.warns(fl.InterruptedWarning):
        model = train(on_run=on_run)
    assert model.history.stopped == "interrupted"
    assert model.facts["folds"] == 3
    assert model.facts["out_of_fold_rows"] == 90
    again = train()  # nothing is left of it
    assert again.history.stopped == "rule"


def test_ctrl_c_in_the_first_fold_keeps_its_network(three_cores: None, ctrl_c: None) -> None:
    def on_run(start: Any) -> Any:
        def interrupt(progress: fl.Progress) -> None:
            time.sleep(0.05)
            if start.number == 1 and progress.epoch == 1:
                os.kill(os.getpid(), signal.SIGINT)

        return interrupt

    with pytest.warns(fl.InterruptedWarning):
        model = train(on_run=on_run)
    assert model.history.stopped == "interrupted"
    assert "folds" not in model.facts
    assert model.facts["validation_rows"] == 30


def test_an_error_in_a_thread_is_raised(three_cores: None) -> None:
    def on_run(start: Any) -> None:
        if start.number == 2:
            raise ValueError("the user's own")

    with pytest.raises(ValueError, match="the user's own"):
        train(on_run=on_run)


def test_a_time_limit_holds_for_all_folds_together(three_cores: None) -> None:
    def on_run(start: Any) -> Any:
        return lambda progress: time.sleep(0.05)

    began = time.perf_counter()
    model = train(on_run=on_run, seconds=0.5, epochs=1000, preset="best")
    assert time.perf_counter() - began < 5
    assert model.facts["folds"] < 8
    assert model.history.message == "the time of 0.5 s is up"


def test_a_run_that_diverges_ends_with_the_folds_before(
    three_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = over_folds.train_recipe

    def diverging(part: Any, start: Any, *args: Any) -> fl.TableModel:
        model = once(part, start, *args)
        if start.number == 3:
            model.history.stopped, model.history.message = "diverged", "it ran away"
        return model

    monkeypatch.setattr(over_folds, "train_recipe", diverging)
    model = train()
    assert (model.history.stopped, model.history.message) == ("diverged", "it ran away")
    assert model.facts["folds"] == 2
    assert np.isfinite(model.network.parameters).all()


def test_best_averages_three_draws_of_each_fold() -> None:
    starts: list[Any] = []
    best = train(preset="best", threads=1, epochs=40, on_run=starts.append)
    assert [start.number for start in starts] == list(range(1, 25))
    assert {start.of for start in starts} == {24}
    assert best.facts["runs"] == 24
    assert best.facts["folds"] == 8
    assert best.facts["members"] in (24, 32)  # with the linear model of each fold, if it helps
    found = [train(preset="best", threads=threads, epochs=40) for threads in (1, 2)]
    assert found[0].network.parameters.tobytes() == best.network.parameters.tobytes()
    assert found[1].network.parameters.tobytes() == best.network.parameters.tobytes()


@pytest.mark.parametrize("number", [9, 16, 24])
def test_a_draw_that_is_cut_short_is_dropped(number: int) -> None:
    """What is left is the model without it: of one draw that of "standard"."""

    def on_run(start: Any) -> Any:
        def interrupt(progress: fl.Progress) -> None:
            if start.number == number:
                raise KeyboardInterrupt

        return interrupt

    with pytest.warns(fl.InterruptedWarning):
        cut = train(preset="best", threads=1, epochs=3, on_run=on_run)
    assert cut.history.stopped == "interrupted"
    assert cut.facts["runs"] == (8 if number < 24 else 16)
    if number < 24:
        standard = train(preset="standard", threads=1, epochs=3)
        assert cut.network.parameters.tobytes() == standard.network.parameters.tobytes()


DEEP = (256, 256, 256)


def by_best(n_rows: int = 1_600, **options: Any) -> fl.TableModel:
    """One epoch a run, of a table in which "best" tries a deeper network."""
    data = made(n_rows)
    ignore = others("label")
    return fl.train_table(
        data, "label", ignore=ignore, preset="best", epochs=1, baseline=False, **options
    )


@pytest.mark.parametrize(("loss", "kept"), [(0.9, DEEP), (0.97, (128, 128))])
def test_a_deeper_network_is_kept_where_it_is_much_better(
    loss: float, kept: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, starts = over_folds.FoldRuns.measure, []

    def measured(self: Any, job: Any, network: fl.Network) -> None:
        measure(self, job, network)
        self.losses[job.key] = loss if job.recipe.hidden == DEEP else 1.0

    monkeypatch.setattr(over_folds.FoldRuns, "measure", measured)
    model = by_best(on_run=starts.append)
    assert model.facts["folds"] == 8
    assert list(model.facts["deeper"].values()) == [1.0, loss]
    of_it = [start.recipe.hidden for start in starts if start.recipe.hidden == DEEP]
    assert len(of_it) == (8 if kept == DEEP else 2)
    assert model.facts["hidden"] == list(kept)
    assert len(starts) == starts[-1].of


def test_recipes_near_the_best_are_compared_on_more_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Relu is a little worse on the first fold and better on the others; with l1 it is far off."""
    measure, starts = over_folds.FoldRuns.measure, []

    def measured(self: Any, job: Any, network: fl.Network) -> None:
        measure(self, job, network)
        relu = 1.01 if job.fold == 0 else 0.9
        loss = 1.0 if job.recipe.activation == "silu" else 1.2 if job.recipe.l1 else relu
        self.losses[job.key] = loss

    monkeypatch.setattr(over_folds.FoldRuns, "measure", measured)
    model = by_best(on_run=starts.append, hidden=(5,))
    assert list(model.facts["compared"].values()) == [1.0, 1.01, 1.2]
    assert list(model.facts["near"].values()) == pytest.approx([1.0, 0.9275])
    assert (model.facts["activation"], model.facts["folds"]) == ("relu", 8)
    # three on the first fold, two on three more, the variant on four, one on the last four
    assert len(starts) == 3 + 6 + 4 + 4 == starts[-1].of


def test_a_deeper_network_that_takes_too_long_leaves_the_time_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        over_folds.FoldRuns, "late", lambda self: self.waiting[0].recipe.hidden == DEEP
    )
    model = by_best(seconds=600)
    assert "deeper" not in model.facts
    assert (model.facts["folds"], model.facts["hidden"]) == (8, [128, 128])
