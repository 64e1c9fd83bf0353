"""Training on tables: splits, weights, presets, the linear rival, and checkpoints."""

import os
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.backprop import loss_and_gradient
from fallline.core.penalties import Penalty
from fallline.core.schedules import SPANS
from fallline.core.splits import folds
from fallline.data.table import Table
from fallline.errors import DataError, ParameterError, TableError
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular.advice import advice
from fallline.tabular.baselines import fit_linear
from fallline.tabular.crossvalidation import cross_validate
from fallline.tabular.model import TableModel
from fallline.tabular.options import with_defaults
from fallline.tabular.preparation import prepare
from fallline.tabular.recipes import PRESETS, Recipe, recipes
from fallline.tabular.train import train_table
from fallline.training.history import History


def made(n: int = 400, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    frame = pl.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "text": np.where(x[:, 2] > 0, "up", "down").tolist(),
            "weight": np.arange(n) % 3,
            "group": [f"g{i % 20}" for i in range(n)],
            "number": np.sin(2 * x[:, 0]) + x[:, 1],
            "label": np.where(x[:, 0] * x[:, 1] > 0.5, "rare", "common").tolist(),
            "kind": np.array(["p", "q", "r"])[np.digitize(x[:, 0], [-0.5, 0.5])].tolist(),
            "count": rng.poisson(np.exp(0.5 * x[:, 0] + 1)),
        }
    )
    return Table(frame, "t.csv", np.arange(2, n + 2))


def quick(target: str, **options: object) -> TableModel:
    others = ["number", "label", "kind", "count", "group", "weight"]
    ignored = [name for name in others if name not in (target, options.get("weights"))]
    return train_table(made(), target, ignore=ignored, preset="quick", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "task", "score"),
    [
        ("number", "numbers", "r2"),
        ("label", "binary", "roc_auc"),
        ("kind", "classes", "accuracy"),
        ("count", "counts", "deviance"),
    ],
)
def test_every_task_trains_and_is_compared(target: str, task: str, score: str) -> None:
    model = quick(target, test=0.2)
    assert model.encoding.task == task
    facts = model.facts
    assert (facts["training_rows"], facts["validation_rows"]) == pytest.approx((272, 48), abs=3)
    assert facts["test_rows"] == pytest.approx(80, abs=2)
    for part in ("validation", "test"):
        scores = facts["scores"][part]
        assert list(scores) == ["network", "trivial", "linear"]
        assert score in scores["network"]
        if task == "counts":
            assert scores["network"]["deviance"] < scores["trivial"]["deviance"]
    predicted = model.predict(made())
    assert len(predicted.values) == 400
    if task == "counts":
        assert predicted.values.min() > 0
        assert predicted.values.mean() == pytest.approx(np.exp(1 + 0.125), rel=0.3)


def test_the_encoding_never_sees_rows_held_out() -> None:
    table = made()
    data = prepare(table, "number", test=0.3, validation=0.2, seed=5)
    kept = set(data.train.tolist())
    assert not kept & set(data.validation.tolist())
    assert not kept & set(data.test.tolist())
    a = table.numbers("a")[data.train]
    assert data.encoding.columns[0].mean == a.mean()  # type: ignore[union-attr]


def test_tables_of_their_own_to_validate_and_test() -> None:
    data = prepare(made(), "label", validation=made(50, seed=1), test=made(30, seed=2))
    assert len(data.train) == 400
    assert data.validation.tolist() == list(range(400, 450))
    assert data.test.tolist() == list(range(450, 480))
    only = prepare(made(), "label", test=made(30, seed=2))
    assert only.test.tolist() == list(range(400, 430))


def test_weights() -> None:
    data = prepare(made(), "label", weights="weight")
    assert data.weight is not None
    np.testing.assert_array_equal(data.weight, np.arange(400) % 3)
    assert "weight" not in " ".join(data.encoding.feature_names)
    both = prepare(made(), "label", weights="weight", class_weight="balanced")
    alone = prepare(made(), "label", class_weight="balanced")
    assert both.weight is not None
    assert alone.weight is not None
    np.testing.assert_allclose(both.weight, data.weight * alone.weight)
    sums = [alone.weight[alone.train][alone.y[alone.train] == c].sum() for c in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    with pytest.raises(DataError, match="needs classes"):
        prepare(made(), "number", class_weight="balanced")
    with pytest.raises(TableError, match="the weight is '-"):
        prepare(made(), "label", weights="a")
    with pytest.raises(TableError, match="'up' is not a number|'down' is not a number"):
        prepare(made(), "label", weights="text")


def test_balanced_classes_find_more_of_the_rare_one() -> None:
    plain, balanced = quick("label"), quick("label", class_weight="balanced")
    rare = [(m.predict(made()).values == "rare").mean() for m in (plain, balanced)]
    assert rare[1] > rare[0]


@pytest.mark.parametrize("target", ["number", "label", "kind", "count"])
def test_the_linear_model_is_at_its_minimum(target: str) -> None:
    data = prepare(made(), target, weights="weight")
    X, y, weight = data.part(data.train)
    network = fit_linear(data.encoding, X, y, weight)
    assert network is not None
    rows = network.samples(X, y, weight)
    l2 = 1.0 / len(X)
    _, gradient = loss_and_gradient(network, rows.X, rows.Y, rows.weight, Penalty(l2))
    np.testing.assert_allclose(gradient, 0.0, atol=2e-5)


def test_recipes() -> None:
    assert recipes(with_defaults({})) == (Recipe(),)
    assert recipes(with_defaults({"hidden": [8], "l2": None})) == (Recipe(hidden=(8,)),)
    assert len(recipes(with_defaults({"preset": "best"}))) == len(PRESETS["best"])
    assert PRESETS["standard"][0] in PRESETS["best"]
    with pytest.raises(ParameterError, match="did you mean 'plateau'"):
        recipes(with_defaults({"schedule": "plato"}))
    with pytest.raises(ParameterError, match="did you mean 'quick'"):
        recipes(with_defaults({"preset": "quik"}))
    with pytest.raises(ParameterError, match="belong to an optimizer given by name"):
        recipes(with_defaults({"optimizer": fl.Adam(), "learning_rate": 0.1}))
    for name in SPANS:
        rate = Recipe(schedule=name, learning_rate=0.1, epochs=10).build(1000).learning_rate
        rates = [rate(step) if callable(rate) else rate for step in range(80)]
        assert 0 < max(rates) <= 0.1 + 1e-12
        assert min(rates) >= 0


def test_each_recipe_trains_on_each_fold() -> None:
    runs = []
    model = train_table(made(150), "number", preset="best", epochs=4, on_run=runs.append)
    assert sorted(run.number for run in runs) == list(range(1, 17))
    assert {run.recipe.hidden for run in runs} == {(64, 64), (128, 128)}
    assert model.facts["runs"] == runs[0].of == 16


# ---- checkpoints


def test_interrupted_and_resumed_gives_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole = quick("number", epochs=25, patience=50)

    def stop(progress: fl.Progress) -> None:
        if progress.epoch == 11:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = quick(
            "number", epochs=25, patience=50, callbacks=[stop], checkpoint=RunCheckpoint(path)
        )
    assert part.history.stopped == "interrupted"
    assert path.exists()
    going_on = RunCheckpoint(path, resume_from_file=True)
    rest = quick("number", epochs=25, patience=50, checkpoint=going_on)
    np.testing.assert_array_equal(rest.network.parameters, whole.network.parameters)
    assert rest.history.loss == whole.history.loss
    assert rest.facts["scores"] == whole.facts["scores"]
    going_on.remove(1)
    assert not path.exists()


def test_resuming_on_other_rows_is_refused(tmp_path: Path) -> None:
    checkpoint = RunCheckpoint(tmp_path / "c.safetensors", epochs=1)
    train_table(made(), "number", epochs=2, checkpoint=checkpoint)
    checkpoint.resume_from_file = True
    with pytest.raises(ParameterError, match="the run began with data"):
        train_table(made(seed=1), "number", epochs=4, checkpoint=checkpoint)


def test_several_runs_resume_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    whole = train_table(made(150), "number", preset="best", epochs=6)
    seen = 0

    def stop(progress: fl.Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == 15:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train_table(
            made(150),
            "number",
            preset="best",
            epochs=6,
            callbacks=[stop],
            checkpoint=RunCheckpoint(path),
        )
    assert sorted(os.listdir(tmp_path)) == ["c-2.safetensors", "c-3.safetensors", "c.safetensors"]
    going_on = RunCheckpoint(path, resume_from_file=True)
    rest = train_table(made(150), "number", preset="best", epochs=6, checkpoint=going_on)
    np.testing.assert_array_equal(rest.network.parameters, whole.network.parameters)
    going_on.remove(rest.facts["runs"])
    assert os.listdir(tmp_path) == []


# ---- folds and cross-validation


def test_folds(rng) -> None:
    fold = folds(103, 5, rng)
    assert sorted(np.bincount(fold)) == [20, 20, 21, 21, 21]
    strata = np.repeat([0, 1, 2], [50, 40, 13])
    fold = folds(103, 5, rng, strata)
    for stratum in range(3):
        counts = np.bincount(fold[strata == stratum], minlength=5)
        assert counts.max() - counts.min() <= 1
    groups = rng.integers(0, 30, 200)
    fold = folds(200, 4, rng, groups=groups)
    assert all(len(set(fold[groups == group])) == 1 for group in range(30))
    assert np.bincount(fold).min() > 35


def test_cross_validation() -> None:
    table = made(200)
    result = cross_validate(table, "label", n_folds=4, repeats=2, preset="quick", groups="group")
    assert result.complete
    assert len(result.done) == 8
    for repeat in (1, 2):
        rows = np.concatenate([f.rows for f in result.done if f.repeat == repeat])
        assert sorted(rows) == list(range(200))
    groups = np.array([f"g{i % 20}" for i in range(200)])
    for fold in result.done:
        others = np.setdiff1d(np.arange(200), fold.rows)
        assert not set(groups[fold.rows]) & set(groups[others])
    columns = result.columns()
    assert list(columns)[:5] == ["line", "repeat", "fold", "actual", "prediction"]
    values = [fold.scores["network"]["accuracy"] for fold in result.done]
    mean, error = result.summary()["network"]["accuracy"]
    assert mean == pytest.approx(np.mean(values))
    assert error == pytest.approx(np.std(values, ddof=1) / np.sqrt(8))
    with pytest.raises(ParameterError, match="20 groups are too few for 15 folds; use --folds 10"):
        cross_validate(table, "label", n_folds=15, groups="group")
    with pytest.raises(ParameterError, match="200 rows are too few for 150 folds"):
        cross_validate(table, "label", n_folds=150)


def test_interrupted_cross_validation_keeps_what_is_done() -> None:
    seen: list[object] = []

    def stop(progress: fl.Progress) -> None:
        if len(seen) == 3:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = cross_validate(
            made(100), "number", preset="quick", epochs=3, on_run=seen.append, callbacks=[stop]
        )
    assert not result.complete
    assert len(result.done) == 2


# ---- what to try next


def facts(**changes: object) -> dict[str, object]:
    scores = {"network": {"log_loss": 0.3}, "linear": {"log_loss": 0.4}, "trivial": {}}
    return {
        "scores": {"validation": scores},
        "hidden": [8],
        "l2": 0.0,
        "class_shares": [0.5, 0.5],
        "rows": 5_000,
        "validation_rows": 700,
        "runs": 2,
    } | changes


def test_advice() -> None:
    history = History(epoch=[0, 1], loss=[1.0, 0.5], validation_loss=[1.0, 0.6], epochs_done=2)
    assert advice("binary", facts(), history) == []
    history.best_epoch = 1
    assert "try --epochs 6" in advice("binary", facts(), history)[0]
    history.stopped = "rule"
    assert advice("binary", facts(), history) == []
    assert (
        "--class-weight balanced" in advice("binary", facts(class_shares=[0.95, 0.05]), history)[0]
    )
    assert "fallline cv" in advice("binary", facts(rows=300), history)[0]
    assert "--preset best" in advice("binary", facts(runs=1), history)[0]
    assert advice("binary", facts(runs=1, encoding_sample=200), history) == []  # one network too
    scores = {"network": {"log_loss": 0.4}, "linear": {"log_loss": 0.3}}
    linear = advice("binary", facts(scores={"validation": scores}), history)
    assert linear[0].startswith("logistic regression has as good a log loss (0.3 against 0.4)")
    history.loss[1] = 0.1
    assert "try --l2 0.001" in advice("binary", facts(), history)[0]
    assert advice("binary", facts(members=8), history) == []  # their mean mends it


def test_l1_reaches_the_training() -> None:
    models = [quick("number", l1=l1, baseline=False) for l1 in (0.0, 0.05)]
    assert [model.facts["l1"] for model in models] == [0.0, 0.05]
    losses = [model.history.loss for model in models]
    assert losses[1][0] > losses[0][0] + 0.05  # the penalty is in it
