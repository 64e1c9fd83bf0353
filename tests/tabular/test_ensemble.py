"""Ensembles: one network of many, honest by out-of-fold predictions, and never far behind."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.samples import Samples
from fallline.data.table import Table
from fallline.tabular.ensemble import choose_weights, linear_member, merged, temperature_of
from fallline.tabular.preparation import prepare
from fallline.tabular.recipes import DEEPER, RIVALS, Plan, Recipe, TableSize, best_of, plan


def made(n: int = 240, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    score = x[:, 0] - x[:, 1] + rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "town": np.where(x[:, 2] > 0, "Ulm", "Bern").tolist(),
            "label": np.where(score > 0, "yes", "no").tolist(),
            "kind": np.digitize(score, [-1, 1]).astype(str).tolist(),
            "number": score,
        }
    )
    return Table(frame, "made.csv", np.arange(2, n + 2))


def others(target: str) -> list[str]:
    return [name for name in ("label", "kind", "number") if name != target]


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "cross_entropy"])
def test_merged_networks_have_the_mean_of_the_logits(loss: str) -> None:
    k = 3 if loss == "cross_entropy" else 1
    sizes = [(4, 6, 5, k), (4, 3, 8, k), (4, 2, 2, k)]
    nets = [
        fl.Network(each, hidden=["silu", "tanh"], loss=loss, seed=s) for s, each in enumerate(sizes)
    ]
    for net in nets:
        net.parameters += 0.1  # biases too
    weights, X = [0.5, 0.2, 0.3], np.random.default_rng(0).normal(size=(20, 4))
    one = merged(nets, weights, temperature=2.0)
    assert one.sizes == (4, 11, 15, k)
    expected = sum(w * net.logits(X) for w, net in zip(weights, nets, strict=True)) / 2.0
    np.testing.assert_allclose(one.logits(X), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_hidden", [1, 2, 3])
@pytest.mark.parametrize("target", ["label", "kind", "number"])
def test_the_linear_member_is_linear(target: str, n_hidden: int) -> None:
    data = prepare(made(), target, ignore=others(target), bins=6)
    k = 3 if target == "kind" else 1
    losses = {"label": "binary_cross_entropy", "kind": "cross_entropy", "number": "squared_error"}
    sizes = [data.X.shape[1], *[5] * n_hidden, k]
    like = fl.Network(sizes, hidden="silu", loss=losses[target])
    net = linear_member(data.encoding, like, data.X, data.y, None)
    used = ~data.encoding.starts_at_zero
    A = np.hstack([np.asarray(data.X)[:, used], np.ones((len(data.X), 1))])
    logits = net.logits(data.X)
    residual = logits - A @ np.linalg.lstsq(A, logits, rcond=None)[0]
    np.testing.assert_allclose(residual, 0.0, atol=1e-9)
    guess = fl.Network(like.sizes, hidden="silu", loss=losses[target], seed=3)
    rows = net.samples(data.X, data.y)
    mean = [float(n.loss.value(n.logits(data.X), rows.Y).mean()) for n in (net, guess)]
    assert mean[0] < mean[1]


def test_weights_and_temperature_lower_the_loss() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(400, 1))
    rows = Samples(truth, (rng.random((400, 1)) < 1 / (1 + np.exp(-truth))) * 1.0, None)
    net = fl.Network([1, 1], loss="binary_cross_entropy")
    noise = [truth + rng.normal(size=truth.shape) for _ in range(2)]
    weights = choose_weights(net, [*noise, -truth], rows)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[2] < 0.15
    assert (weights[:2] > 0.2).all()
    assert temperature_of(net, 3.0 * truth, rows) > 1.5
    numbers = fl.Network([1, 1], loss="squared_error")
    assert temperature_of(numbers, 3.0 * truth, rows) == 1.0


@pytest.mark.parametrize("target", ["label", "kind", "number"])
def test_the_out_of_fold_score_is_honest(target: str, tmp_path: Path) -> None:
    """It is that of rows never seen, and far from that of the rows that were trained on."""
    model = fl.train_table(made(), target, ignore=others(target))
    score = "rmse" if target == "number" else "log_loss"
    facts = model.facts
    assert facts["folds"] == 8
    assert facts["out_of_fold_rows"] == facts["training_rows"] == 240
    found = facts["scores"]["out_of_fold"]["network"][score]
    new = model.evaluate(made(2_000, seed=1))["scores"][score]
    remembered = model.evaluate(made())["scores"][score]
    assert found == pytest.approx(new, rel=0.2)
    assert remembered < found
    assert sum(facts["member_weights"]) == pytest.approx(1.0)
    model.save(tmp_path / "m.safetensors")
    loaded = fl.TableModel.load(tmp_path / "m.safetensors")
    table = made(50, seed=2)
    assert (loaded.predict(table).values == model.predict(table).values).all()
    again = fl.train_table(made(), target, ignore=others(target))
    assert again.network.parameters.tobytes() == model.network.parameters.tobytes()


def test_an_interrupted_ensemble_keeps_the_folds_that_are_done() -> None:
    runs: list[int] = []

    def stop(progress: fl.Progress) -> None:
        if runs[-1] == 4 and progress.epoch == 1:
            raise KeyboardInterrupt

    with pytest.warns(fl.InterruptedWarning):
        model = fl.train_table(
            made(),
            "label",
            ignore=others("label"),
            on_run=lambda start: runs.append(start.number),
            callbacks=[stop],
        )
    assert model.history.stopped == "interrupted"
    assert model.facts["folds"] == 3
    assert model.facts["out_of_fold_rows"] == 90
    part = model.scored[-1]
    assert (part.name, len(part.rows)) == ("out_of_fold", 90)
    assert not np.isnan(part.output).any()  # the other folds trained all members


CALM, PLAIN = {"dropout": 0.05}, {"keep": "best"}


def test_sizes() -> None:
    options: dict[str, Any] = {"preset": "standard", "hidden": None}
    small = Recipe(hidden=(64, 64))
    three = tuple(Recipe(keep="refined", **each) for each in ({}, *RIVALS))
    assert plan([Recipe()], options, TableSize(1_500)) == Plan((small,), 8, 8, mixed=True)
    assert plan([Recipe()], options, TableSize(1_501)) == Plan(three, 4, 1, (PLAIN,), 2)
    assert plan([Recipe()], options, TableSize(1_501, 1_001)) == Plan((Recipe(),), 4, 1)
    assert plan([Recipe()], options, TableSize(10_001)) == Plan((Recipe(),), 4, 1)
    assert plan([Recipe()], options, TableSize(30_001)) == Plan((Recipe(),), 1, 1)
    many = Recipe(hidden=(256, 256), patience=3)
    assert plan([Recipe()], options, TableSize(10_001, n_classes=16)) == Plan((many,), 4, 1)
    assert plan([Recipe()], options, TableSize(10_001, n_classes=15)) == Plan((Recipe(),), 4, 1)
    assert plan([Recipe()], options, TableSize(1_501, n_classes=16)) == Plan(
        three, 4, 1, (PLAIN,), 2
    )
    assert plan([Recipe(hidden=(5,))], options | {"hidden": (5,)}, TableSize(100)).recipes[
        0
    ].hidden == (5,)
    best = {"preset": "best", "hidden": None}
    few = plan([Recipe()], best, TableSize(100))
    assert few == Plan((small,), 8, 8, mixed=True, draws=3)
    assert few.n_runs == 24
    both = plan([Recipe()], best, TableSize(100, 10, "numbers"))
    assert both == Plan((small, Recipe()), 8, 8, mixed=True)
    assert plan([Recipe()], best, TableSize(5_000)).variants == (PLAIN,)
    assert plan([Recipe()], best, TableSize(5_000)).deeper == DEEPER
    given = plan([Recipe()], best | {"hidden": (9,)}, TableSize(5_000))
    assert (given.variants, given.deeper) == ((PLAIN,), None)
    large = plan([Recipe()], best, TableSize(50_000))
    assert [recipe.activation for recipe in large.recipes] == ["silu", "relu", "relu"]
    assert {(r.patience, r.factor, r.keep) for r in large.recipes} == {(8, 0.5, "best")}
    assert (large.n_folds, large.compared_on, large.variants, large.deeper) == (8, 1, (), DEEPER)
    assert (large.variants_on, large.n_runs) == (2, 3 + 7 + 2)
    assert plan([Recipe()], {"preset": "quick", "hidden": None}, TableSize(100)) == Plan(
        (Recipe(),)
    )


def test_recipes_for_numbers() -> None:
    """From 500 rows on two activations are compared, and two rates of dropout are mixed."""
    options: dict[str, Any] = {"preset": "standard", "hidden": None}
    best, given = options | {"preset": "best"}, options | {"activation": "tanh", "dropout": 0.1}
    small = Recipe(hidden=(64, 64))
    assert plan([Recipe()], options, TableSize(499, 10, "numbers")) == Plan(
        (small,), 8, 8, mixed=True
    )
    found = plan([Recipe()], options, TableSize(500, 10, "numbers"))
    assert [(r.hidden, r.activation, r.dropout) for r in found.recipes] == [
        ((64, 64), activation, dropout)
        for activation in ("silu", "relu")
        for dropout in (None, 0.05)
    ]
    assert (found.mixed, found.n_folds, found.n_runs) == (True, 8, 32)
    widths = {
        recipe.hidden for recipe in plan([Recipe()], best, TableSize(500, 10, "numbers")).recipes
    }
    assert widths == {(128, 128)}
    assert plan(
        [Recipe(activation="tanh", dropout=0.1)], given, TableSize(500, 10, "numbers")
    ).recipes == (Recipe(hidden=(64, 64), activation="tanh", dropout=0.1),)
    assert plan([Recipe()], options, TableSize(5_000, 10, "numbers")).variants == ()
    assert plan([Recipe()], best, TableSize(5_000, 10, "counts")).variants == (CALM,)
    assert plan([Recipe()], best, TableSize(10_001, 10, "numbers")).variants == ()
    assert plan([Recipe()], best | {"dropout": 0.3}, TableSize(5_000, 10, "numbers")).variants == ()


def test_the_better_activation_makes_the_members() -> None:
    """A step is learned by relu, a smooth bend by silu; both rates of dropout can be members."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 2))
    for y, activation in (((x[:, 0] > 0.2) * 3.0 + x[:, 1], "relu"), (np.sin(x[:, 0]), "silu")):
        frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
        model = fl.train_table(frame, "y", baseline=False, bins=0)
        assert set(model.network.hidden) == {activation}
        assert model.facts["activation"] == activation
        losses = model.facts["compared"]
        assert len(losses) == 4
        assert min(losses, key=losses.get).startswith(activation)
        assert len(model.facts["member_weights"]) == 3  # with the linear model


def test_the_first_recipe_is_kept_unless_another_is_clearly_better() -> None:
    first, second, third = Recipe(), Recipe(activation="relu"), Recipe(activation="tanh")
    assert best_of({first: 1.0, second: 0.995, third: 0.991}) == first
    assert best_of({first: 1.0, second: 0.98, third: 0.97}) == third
    assert best_of({first: 1.0}) == first


def test_what_was_given_is_not_compared() -> None:
    options: dict[str, Any] = {"preset": "standard", "hidden": None}
    tanh, sparse = (Recipe(activation="tanh", keep="refined", l1=l1) for l1 in (0.0, 2e-4))
    assert plan(
        [replace(tanh, keep="best")], options | {"activation": "tanh"}, TableSize(5_000)
    ).recipes == (
        tanh,
        sparse,
    )
    l1 = Recipe(l1=0.1)
    compared = plan([l1], options | {"l1": 0.1}, TableSize(5_000)).recipes
    refined = replace(l1, keep="refined")
    assert compared == (refined, replace(refined, activation="relu"))


@pytest.mark.parametrize(
    ("n_rows", "task", "patience", "rate"),
    [
        (500, "numbers", 8, 5e-3),
        (5_000, "numbers", 8, 5e-3),
        (500, "binary", 4, 1.77e-3),
        (5_000, "classes", 6, 5e-3),
        (15_000, "counts", 4, 5e-3),
    ],
)
def test_settings_for_rows(n_rows: int, task: str, patience: int, rate: float) -> None:
    recipe = Recipe().for_rows(n_rows, task)
    assert (recipe.patience, recipe.learning_rate) == (patience, rate)
    assert Recipe(patience=3, learning_rate=0.1).for_rows(n_rows, task).patience == 3


def test_the_best_recipe_of_the_first_fold_and_its_variant_train_on_the_others() -> None:
    """Of 20 columns two matter, by thresholds: what l1 and relu are for."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1_600, 20))
    y = np.where((x[:, 0] > 0.3) != (x[:, 1] > 0), "yes", "no")
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(20)} | {"y": y.tolist()})
    runs: list[Any] = []
    model = fl.train_table(frame, "y", on_run=runs.append, baseline=False)
    assert sorted(run.number for run in runs) == list(range(1, 9))
    losses = model.facts["compared"]
    assert list(losses) == [
        f"{each}, refined" for each in ("silu 128-128", "relu 128-128", "relu 128-128, l1 0.0002")
    ]
    best = min(losses, key=losses.get)
    plain = "relu 128-128, l1 0.0002"
    assert best == f"{plain}, refined"
    variants = model.facts["variants"]
    assert list(variants) == [best, plain]
    kept = plain if variants[plain] < 0.995 * variants[best] else best
    assert [run.recipe.label for run in sorted(runs, key=lambda r: r.number)] == [
        *losses, plain, best, plain, kept, kept,
    ]  # fmt: skip
    assert model.network.hidden == ("relu", "relu")
    assert (model.facts["activation"], model.facts["l1"]) == ("relu", 2e-4)
    assert (model.facts["folds"], model.facts["runs"], model.facts["members"]) == (4, 8, 4)
    assert model.facts["scores"]["out_of_fold"]["network"]["accuracy"] > 0.9


def test_rows_held_out_for_a_reason_stay_out() -> None:
    held = made(60, seed=5)
    for options in ({"validation": held}, {"split": "time"}, {"validation": 0}):
        model = fl.train_table(made(), "label", ignore=others("label"), epochs=3, **options)
        assert "folds" not in model.facts, options


def test_a_time_limit_ends_with_the_folds_that_fit() -> None:
    def slow(progress: fl.Progress) -> None:
        time.sleep(0.02)

    model = fl.train_table(
        made(), "label", ignore=others("label"), epochs=5, callbacks=[slow], seconds=0.35
    )
    assert 1 <= model.facts["folds"] < 8
    assert model.facts["out_of_fold_rows"] == 30 * model.facts["folds"]
    one = fl.train_table(
        made(), "label", ignore=others("label"), preset="quick", callbacks=[slow], seconds=0.05
    )
    assert one.history.stopped == "rule"
    assert "the time of 0.05 s is up" in one.history.message
