"""What a model says of itself: what is new to it, how far its scores can be believed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.counters import time_column
from fallline.data.reading import read_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.errors import ParameterError, TableError
from fallline.tabular.advice import advice
from fallline.tabular.crossvalidation import cross_validate
from fallline.tabular.fingerprints import MOST, Fingerprints
from fallline.tabular.model import TableModel
from fallline.tabular.novelty import added, warning
from fallline.tabular.predicting import predict_blocks

QUICK: dict[str, Any] = {"preset": "quick", "baseline": False}


def table(**columns: Any) -> Table:
    return read_table(pl.DataFrame(columns))


def homes(n: int = 200, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    area = rng.uniform(40, 160, n)
    return table(
        area=area,
        town=rng.choice(["Bonn", "Trier", "Mainz"], n),
        built=pl.Series(rng.integers(0, 20_000, n)).cast(pl.Int32).cast(pl.Date),
        price=(3 * area + rng.normal(0, 5, n)).round(1),
    )


@pytest.fixture(scope="module")
def priced() -> TableModel:
    return fl.train_table(homes(), "price", test=0.2, bins=0)  # bins clip


# ---- what is new


def test_new_cells_are_counted_by_column(priced: TableModel) -> None:
    new = table(
        area=[1000.0, 50.0, None, 20.0],
        town=["Köln", "Bonn", None, "Trier"],
        built=["1900-01-01", "2000-01-01", "2010-05-05", "2020-01-01"],
    )
    found = {item.column: item for item in priced.new_cells(new)}
    assert (found["area"].outside, found["area"].missing) == (2, 1)
    assert (found["area"].lowest, found["area"].highest) == (20.0, 1000.0)
    assert (found["town"].unknown, found["town"].missing) == (1, 1)
    assert found["built"].outside == 1
    assert priced.new_cells(homes(seed=0)) == priced.new_cells(homes(seed=0))
    said = warning(list(found.values()), ["built"])
    assert said is not None
    assert "'area' goes to 1000, far outside its training range (40" in said
    assert "50% of 'town' is new to the model" in said
    assert "predictions for such rows mean little" in said


def test_what_training_had_is_not_new(priced: TableModel) -> None:
    assert priced.data is not None
    training = homes().take(priced.data.train)
    assert priced.new_cells(training) == []
    assert warning([]) is None


def test_blocks_add_up(priced: TableModel) -> None:
    new = homes(seed=5)
    parts = [new.take(np.arange(start, start + 50)) for start in range(0, 200, 50)]
    found: list[Any] = []
    list(predict_blocks(priced, parts, new=found))
    assert len(found) == 4
    whole = {item.column: item for item in priced.new_cells(new)}
    assert {item.column: item for item in added(found, 200)} == whole


def test_numbers_are_held_to_the_range_of_the_targets(priced: TableModel) -> None:
    low, high = priced.facts["target_range"]
    ends = priced.ends()
    assert ends == pytest.approx((low - (high - low) / 2, high + (high - low) / 2))
    wild = table(area=[1e6, -1e6], town=["Bonn", "Bonn"], built=["2000-01-01"] * 2)
    held = priced.predict(wild).values
    assert sorted(held.tolist()) == pytest.approx(list(ends))
    free = priced.predict(wild, extrapolate=True).values
    assert np.abs(free).max() > 1e5
    ordinary = priced.predict(homes(seed=3))
    again = priced.predict(homes(seed=3), extrapolate=True)
    np.testing.assert_array_equal(ordinary.values, again.values)


def test_counts_are_not_held_below_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, 300)
    model = fl.train_table(table(x=x, n=rng.poisson(np.exp(x))), "n", task="counts", **QUICK)
    assert model.ends()[0] == 0.0  # type: ignore[index]
    assert fl.train_table(homes(), "town", **QUICK).ends() is None


def test_the_command_tells_of_what_is_new(
    cli: Callable[..., Any], priced: TableModel, tmp_path: Path
) -> None:
    priced.save(tmp_path / "m.safetensors")
    new = tmp_path / "new.csv"
    new.write_text("area,town,built,price\n90000,Bonn,2000-01-01,100\n50,Köln,2000-01-01,150\n")
    done = cli("predict", "m.safetensors", new)
    assert done.stdout.count("\n") == 3
    lines = done.stderr.splitlines()
    heads = ["new to the model", "outside", "unknown", "missing", "training range"]
    assert re.split("  +", lines[0]) == heads
    assert lines[2].split()[:2] == ["area", "1"]
    assert "warning: 'area' goes to 90,000, far outside its training range" in done.stderr
    assert all(len(line) <= 80 for line in lines)
    assert cli("predict", "m.safetensors", new, "-q").stderr == ""
    done = cli("predict", "m.safetensors", new, "--json", "-o", "out.csv")
    cells = json.loads(done.stdout)["new_cells"]
    assert [(item["column"], item["outside"], item["unknown"]) for item in cells] == [
        ("area", 1, 0),
        ("town", 0, 1),
    ]
    found = json.loads(cli("evaluate", "m.safetensors", new, "--json").stdout)
    assert found["new_cells"] == cells
    assert "far outside" in cli("evaluate", "m.safetensors", new).stderr


# ---- rows that were trained on


def test_evaluation_knows_the_rows_that_were_trained_on(priced: TableModel, tmp_path: Path) -> None:
    priced.save(tmp_path / "m.safetensors")
    loaded = TableModel.load(tmp_path / "m.safetensors")
    homes().frame.write_csv(tmp_path / "homes.csv")  # other bytes, the same values
    data = priced.data
    assert data is not None
    share = (len(data.train) + len(data.validation)) / 200  # over folds all of them train
    found = loaded.evaluate(tmp_path / "homes.csv")
    assert found["seen_share"] == pytest.approx(share)
    assert (
        f"about {share:.0%} of these rows are rows that the model was trained on"
        in (found["notes"][0])
    )
    fresh = loaded.evaluate(homes(seed=9))
    assert fresh["seen_share"] == 0.0
    assert fresh["notes"] == []


def test_fingerprints_of_many_rows_are_a_sample() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3 * MOST, 2)), rng.normal(size=3 * MOST)
    seen = Fingerprints.of(X, y)
    assert len(seen.hashes) == MOST
    mixed = np.vstack([X[:30_000], rng.normal(size=(30_000, 2))])
    assert seen.share_seen(mixed, np.concatenate([y[:30_000], y[:30_000]])) == pytest.approx(
        0.5, abs=0.02
    )
    assert seen.share_seen(X, y + 1) < 0.001
    assert Fingerprints.of(X[:0], y[:0]).share_seen(X, y) == 0.0


def test_a_pixel_that_was_hardly_ever_lit_decides_nothing() -> None:
    """3 in two of 1,000 rows, and 255 later: no probability near 1, the most as they were."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (1_000, 20)).astype(float)
    y = np.where(X[:, 0] + X[:, 1] + rng.normal(0, 60, 1_000) > 256, "a", "b")
    X[:, 19] = 0.0
    X[[5, 77], 19] = 3.0
    pixels = table(**{f"p{i}": X[:, i] for i in range(20)}, y=y)
    model = fl.train_table(pixels, "y", preset="quick", epochs=10)
    before = model.predict(pixels.frame.head(200)).columns()
    lit = pixels.frame.head(200).with_columns(p19=pl.lit(255.0))
    after = model.predict(lit).columns()
    moved = np.abs(after["probability of a"] - before["probability of a"])
    assert moved.mean() < 0.15
    assert after["probability of a"].max() <= before["probability of a"].max() + 0.01
    assert [(new.column, new.outside) for new in model.new_cells(lit)] == [("p19", 200)]


# ---- scores


def noise(n: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    columns = {f"x{i}": rng.normal(size=n) for i in range(5)}
    return table(**columns, y=rng.integers(0, 2, n))


def test_noise_is_called_no_better_than_the_guess(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = 0
    for seed in range(10):
        model = fl.train_table(noise(300, seed), "y", **QUICK)
        said += model.facts["against_trivial"]["validation"]["interval"][1] >= 0
    assert said >= 9  # a 95 % interval, somewhat optimistic on these rows
    in_folds = [fl.train_table(noise(300, seed), "y", epochs=20) for seed in range(3)]
    for model in in_folds:
        assert model.facts["against_trivial"]["out_of_fold"]["interval"][1] >= 0
    noise(300, 0).frame.write_csv(tmp_path / "noise.csv")
    done = cli("train", "noise.csv", "--target", "y", "--epochs", "20")
    assert "out of fold (300 rows)" in done.stdout
    assert "whose epoch it helped to choose" in " ".join(done.stdout.split())
    assert "no better than the trivial guess" in done.stdout
    done = cli("evaluate", "model.safetensors", "noise.csv")
    assert "no better than the trivial guess" not in done.stdout + done.stderr  # it remembers
    noise(300, 99).frame.write_csv(tmp_path / "new.csv")
    done = cli("evaluate", "model.safetensors", "new.csv")
    assert "no better than the trivial guess" in done.stdout + done.stderr
    done = cli("cv", "noise.csv", "--target", "y", "--preset", "quick")
    assert "no better than the trivial guess" in done.stdout
    done = cli("train", "noise.csv", "--target", "y", "--preset", "quick")
    assert "these rows chose the best epoch" in done.stdout
    assert "no better than the trivial guess" in done.stdout
    done = cli("train", "noise.csv", "--target", "y", "--preset", "quick", "--test", "0.2")
    assert "these rows chose the best epoch" not in done.stdout


def test_a_good_model_is_not(priced: TableModel) -> None:
    lead = list(priced.facts["against_trivial"].values())[-1]
    assert list(priced.facts["against_trivial"])[-1] == "test"
    assert lead["score"] == "mean squared error"
    assert lead["interval"][1] < 0


def test_quiet_prints_the_result_only(cli: Callable[..., Any], tmp_path: Path) -> None:
    homes().frame.write_csv(tmp_path / "homes.csv")
    done = cli("train", "homes.csv", "--target", "price", "--preset", "quick", "-q")
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("model.safetensors: validation root mean squared error ")


def test_the_positive_class_is_named_and_chosen(cli: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    ill = np.where(x + rng.normal(size=300) > 1, "disease", "healthy")
    data = table(x=x, state=ill)
    default = fl.train_table(data, "state", **QUICK)
    chosen = fl.train_table(data, "state", positive="disease", **QUICK)
    assert default.encoding.classes == ("disease", "healthy")
    assert chosen.encoding.classes == ("healthy", "disease")
    assert chosen.evaluate(data)["positive"] == "disease"
    assert list(chosen.predict(data).columns())[1:] == [
        "probability of healthy",
        "probability of disease",
    ]
    with pytest.raises(ParameterError, match="positive must be one of disease, healthy"):
        fl.train_table(data, "state", positive="ill", **QUICK)
    with pytest.raises(ParameterError, match="positive is for a target of two classes"):
        fl.train_table(homes(), "price", positive="ill", **QUICK)
    data.frame.write_csv(tmp_path / "ill.csv")
    done = cli(
        "train", "ill.csv", "--target", "state", "--preset", "quick", "--positive", "disease"
    )
    assert "area under ROC of disease" in done.stdout
    done = cli("evaluate", "model.safetensors", "ill.csv")
    assert "area under ROC of disease" in done.stdout
    assert "probability of disease" in done.stdout
    folds = cross_validate(data, "state", n_folds=2, positive="disease", **QUICK)
    assert list(folds.columns())[-1] == "probability of disease"


def test_weighted_classes_are_told(cli: Callable[..., Any], tmp_path: Path) -> None:
    model = fl.train_table(noise(300, 0), "y", class_weight="balanced", **QUICK)
    assert "the classes were weighted" in model.evaluate(noise(300, 1))["notes"][0]
    noise(300, 0).frame.write_csv(tmp_path / "n.csv")
    command = ("train", "n.csv", "--target", "y", "--preset", "quick")
    assert "the classes were weighted" in cli(*command, "--class-weight", "balanced").stdout
    assert "the classes were weighted" not in cli(*command).stdout


def test_the_curve_is_that_of_the_data_alone() -> None:
    model = fl.train_table(homes(), "price", l2=0.3, **QUICK)
    recorded, data = model.history.loss, model.data_history.loss
    assert len(data) == len(recorded)
    assert all(0 < d < r for d, r in zip(data[3:], recorded[3:], strict=True))
    W = np.concatenate([layer.W.ravel() for layer in model.network.layers])
    at = model.history.epoch.index(model.history.best_epoch)
    assert recorded[at] - data[at] == pytest.approx(0.15 * W @ W, rel=1e-6)
    # with the penalty in the loss, overfitting goes unseen
    facts = model.facts | {"scores": {"validation": {"network": {"rmse": 1.0}}}}
    model.history.validation_loss = [4 * loss for loss in data]
    assert any(
        "fits the training rows far better" in line
        for line in advice("numbers", facts, model.data_history)
    )


# ---- rows in the order of time, and counters


def hours(n: int = 300, missing: bool = False) -> Table:
    rng = np.random.default_rng(0)
    level = np.cumsum(rng.normal(size=n))
    y: list[float | None] = list(level)
    if missing:
        y[7] = None
    return table(hour=np.arange(n), x=level + rng.normal(size=n), y=y)


def test_a_counter_is_found_though_rows_are_left_out_or_shuffled() -> None:
    shuffled = hours().take(np.random.default_rng(1).permutation(300))
    for data in (hours(), hours(missing=True), shuffled):
        model = fl.train_table(data, "y", **QUICK)
        kinds = {name: kind for name, kind, _ in model.encoding.describe()}
        assert kinds == {"hour": "skip", "x": "number"}


def test_rows_in_the_order_of_time_are_told_and_split() -> None:
    days = pl.Series("day", np.arange(300)).cast(pl.Int32).cast(pl.Date)
    dated = read_table(hours().frame.drop("hour").with_columns(days))
    assert time_column(dated) == "day"
    assert time_column(resolved(hours())) == "hour"
    assert time_column(dated.take(np.arange(300)[::-1])) is None
    model = fl.train_table(dated, "y", **QUICK)
    assert any("in the order of 'day'" in note and "--split time" in note for note in model.notes)
    timed = fl.train_table(dated, "y", split="time", test=0.1, **QUICK)
    assert not any("--split time" in note for note in timed.notes)
    data = timed.data
    assert data is not None
    assert data.train.max() < data.validation.min() <= data.validation.max() < data.test.min()
    assert (len(data.validation), len(data.test)) == (40, 30)
    with pytest.raises(ParameterError, match="split must be one of random, time"):
        fl.train_table(dated, "y", split="tme", **QUICK)


def test_cross_validation_in_the_order_of_time() -> None:
    result = cross_validate(hours(), "y", n_folds=4, split="time", **QUICK)
    assert [len(fold.rows) for fold in result.done] == [60] * 4
    at = np.concatenate([fold.rows for fold in result.done])
    assert at.tolist() == list(range(60, 300))
    with pytest.raises(ParameterError, match="--split time has one order"):
        cross_validate(hours(), "y", split="time", repeats=2, **QUICK)


def test_a_block_table_takes_no_time_split(tmp_path: Path) -> None:
    from fallline.tabular.large import train_large

    hours().frame.write_csv(tmp_path / "t.csv")
    with pytest.raises(ParameterError, match="--validation FILE"):
        train_large(tmp_path / "t.csv", "y", split="time", **QUICK)


# ---- small tables, sparse columns, classes


def test_no_rows_need_be_held_out(tmp_path: Path) -> None:
    xor = table(a=[0, 0, 1, 1], b=[0, 1, 0, 1], y=[0, 1, 1, 0])
    half = fl.train_table(xor, "y", **QUICK)
    assert any("--validation 0" in line for line in advice("binary", half.facts, half.history))
    model = fl.train_table(xor, "y", validation=0.0, epochs=300, learning_rate=0.02)
    assert list(model.facts["scores"]) == ["training"]
    assert model.facts["scores"]["training"]["network"]["accuracy"] == 1.0
    model.save(tmp_path / "m.safetensors")
    assert TableModel.load(tmp_path / "m.safetensors").predict(xor).values.tolist() == list("0110")
    with pytest.raises(TableError, match="--validation 0 holds none out"):
        fl.train_table(xor.take([0, 1]), "y", **QUICK)


def test_the_gaps_of_a_sparse_text_column_tell() -> None:
    rng = np.random.default_rng(0)
    known = rng.random(400) < 0.4
    notes = [f"text no. {i}, {i * 7}" if k else None for i, k in enumerate(known)]
    cabins = [f"{'ABC'[i % 3]}{i}" if k else None for i, k in enumerate(known)]
    y = np.where(rng.random(400) < np.where(known, 0.9, 0.1), "yes", "no")
    model = fl.train_table(table(note=notes, y=y), "y", **QUICK)
    assert model.encoding.feature_names == ["note=(missing)"]
    assert model.facts["scores"]["validation"]["network"]["accuracy"] > 0.8
    assert "'note' serves by its gaps alone: its texts all differ" in model.notes[0]
    letters = fl.train_table(table(cabin=cabins, y=y), "y", **QUICK)
    assert letters.encoding.feature_names == ["cabin=A", "cabin=B", "cabin=C", "cabin=(missing)"]
    assert "by the first letter of its codes" in letters.notes[0]
    X = letters.encoding.transform(table(cabin=["B999", None, "Z1"]))
    assert X.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_what_a_reader_should_know_of_a_column_is_told() -> None:
    y = [1.5, 2.5, 1.0, 3.0] * 10
    data = table(sex=["Male", "male", "MALE", "female"] * 10, zip=["01001", "50667"] * 20, y=y)
    notes = " ".join(fl.train_table(data, "y", **QUICK).notes)
    assert "differ in case or blanks alone" in notes
    assert "'MALE', 'Male', 'male'" in notes
    assert "without the leading zeros of '01001'; --types 'zip'=text keeps them" in notes
    many = table(**{f"p{i}": [0.0] * 40 for i in range(300)}, x=y, y=y[::-1])
    notes_of_many = fl.train_table(many, "y", **QUICK).notes
    assert len(notes_of_many) == 1
    assert notes_of_many[0].startswith("300 columns are each set aside: it is 0 in every")


def test_a_target_of_tiny_numbers_is_not_constant() -> None:
    x = np.linspace(-1, 1, 60)
    model = fl.train_table(table(x=x, y=1e-170 * (x + 2)), "y", epochs=60, **QUICK)
    assert model.facts["scores"]["validation"]["network"]["r2"] > 0.5


def test_a_target_that_is_no_classes_is_refused() -> None:
    cells = [f"t{min(i, 997)}" for i in range(1000)]
    data = table(a=[i * 37 % 101 for i in range(1000)], when=cells)
    with pytest.raises(TableError) as caught:
        fl.train_table(data, "when", **QUICK)
    message = str(caught.value)
    assert "row 1, column 'when': 't0': the target has 998 different texts in 1,000 rows" in message
    assert "--task classes" in message
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 9), eager=True)
    with pytest.raises(TableError, match="they look like dates"):
        fl.train_table(table(a=list(range(100)), when=days), "when", **QUICK)


def test_a_fold_may_lack_a_class() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = np.where(x > 0, "hi", "lo").astype(object)
    y[7] = "rare"
    result = cross_validate(table(x=x, y=y), "y", n_folds=5, **QUICK)
    assert len(result.done) == 5
    assert result.complete


def test_the_r2_of_one_row_is_not_told(priced: TableModel) -> None:
    found = priced.evaluate(homes(seed=3).take([0]))
    assert set(found["scores"]) == set(found["intervals"]) == {"rmse", "mae"}
    assert "r2" in priced.evaluate(homes(seed=3).take([0, 1]))["scores"]


def test_blocks_are_read_as_the_sample_is(tmp_path: Path) -> None:
    """Decimal commas, units and marks, in a table that is trained on block by block."""
    from fallline.tabular.large import train_large

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=400) * 1000, rng.normal(size=400)
    lines = [
        f"{a:.2f} kg;{'-' if i % 50 == 7 else f'{a / 500 + b:.3f}'}".replace(".", ",")
        for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    path = tmp_path / "t.csv"
    path.write_text("x;y\n" + "\n".join(lines))
    model = train_large(path, "y", epochs=3, **QUICK)
    assert model.encoding.task == "numbers"
    assert model.encoding.columns[0].kind == "number"
    assert model.encoding.spellings["x"].unit == "kg"
    assert "decimal comma" in " ".join(model.notes)
    assert model.evaluate(path)["rows"] == 392
