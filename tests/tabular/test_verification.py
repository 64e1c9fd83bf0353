"""Verification: every kind of training is repeated to the bit, and what differs is named."""

import contextlib
import copy
import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.from_text import optimizer_from
from fallline.data import reading
from fallline.data.contents import Contents, contents_of
from fallline.data.table import Table
from fallline.errors import (
    FalllineError,
    InterruptedWarning,
    ModelFileError,
    ParameterError,
    TableError,
)
from fallline.tabular import differences, record
from fallline.tabular.large import train_large
from fallline.training.settings import Progress


def frame(n: int = 150, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)).round(3)
    score = x[:, 0] - x[:, 1] + 0.5 * rng.normal(size=n)
    return pl.DataFrame(
        {
            "a": x[:, 0],
            "b": [None if i % 9 == 0 else value for i, value in enumerate(x[:, 1].tolist())],
            "town": np.where(x[:, 1] > 0.2, "Ulm", "Bern").tolist(),
            "weight": rng.uniform(0.5, 2.0, n).round(2),
            "number": score,
            "label": np.where(score > 0, "yes", "no").tolist(),
            "kind": np.digitize(score, [-1, 1]).astype(str).tolist(),
        }
    )


TARGETS = ("number", "label", "kind")


def settings(target: str, **more: Any) -> dict[str, Any]:
    others = [name for name in (*TARGETS, "weight") if name not in (target, more.get("weights"))]
    return {"ignore": others, "preset": "quick", "epochs": 8} | more


def saved(tmp_path: Path, target: str, **more: Any) -> Path:
    """A model file, trained on ``frame()``."""
    path = tmp_path / "model.safetensors"
    fl.train_table(frame(), target, **settings(target, **more)).save(path)
    return path


def no_differences(found: fl.Verification) -> None:
    assert [each.text for each in found.differences] == []
    assert found.verdict == "same"
    assert found.same


# ---- the same bits


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"preset": "standard"},
        {"preset": "best"},
        {"preset": "standard", "interval": 0.8, "test": 0.2},
        {"interval": 0.6, "validation": 0.3},
        {"validation": 0, "hidden": [5]},
        {"optimizer": "lbfgs", "hidden": (4,), "test": 0.1},
        {"optimizer": fl.Adam(fl.Cosine(0.01, steps=40)), "seed": np.int64(5)},
        {"split": "time", "test": 0.2, "types": {"town": "skip"}, "bins": 0},
        {"weights": "weight", "dropout": 0.3, "l2": 0.01, "l1": 0.001, "baseline": False},
    ],
    ids=str,
)
def test_training_is_repeated_to_the_bit(target: str, more: dict[str, Any], tmp_path: Path) -> None:
    found = fl.verify(saved(tmp_path, target, **more), frame())
    no_differences(found)
    assert found.rows == 150


def test_classes_may_be_weighted_and_turned_round(tmp_path: Path) -> None:
    path = saved(tmp_path, "label", class_weight="balanced", positive="no")
    no_differences(fl.verify(path, frame()))


def test_a_model_fresh_from_training_is_verified_too() -> None:
    no_differences(fl.verify(fl.train_table(frame(), "label", **settings("label")), frame()))


def test_tables_of_their_own_are_given_again(tmp_path: Path) -> None:
    apart = {"validation": frame(60, 1), "test": frame(50, 2)}
    path = saved(tmp_path, "number", **apart)
    no_differences(fl.verify(path, frame(), **apart))
    found = fl.verify(path, frame(), validation=apart["validation"])
    no_differences(found)
    assert any("without the test table" in note for note in found.notes)
    with pytest.raises(ParameterError, match="--validation FILE"):
        fl.verify(path, frame())
    found = fl.verify(path, frame(), validation=apart["test"])
    assert found.verdict == "other data"
    assert found.differences[0].text == "validation table: 50 rows, where there were 60"


def test_a_table_that_was_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="without a test table: leave --test out"):
        fl.verify(saved(tmp_path, "number"), frame(), test=frame())


def test_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 2_000)
    table, path = tmp_path / "rows.csv", tmp_path / "model.safetensors"
    frame(400).write_csv(table)
    train_large(table, "label", **settings("label", test=0.1)).save(path)
    no_differences(fl.verify(path, table))
    with pytest.raises(TableError, match="give the path of its files"):
        fl.verify(path, fl.read_table(table))
    frame(400, 1).write_csv(table)
    found = fl.verify(path, table)
    assert found.differences[0].text == "other cells in 'a', 'b', 'town', 'label'"


# ---- runs that did not end by themselves


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_a_time_limit_is_repeated_by_epochs(preset: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "label", preset=preset, seconds=1e-9)
    kept = fl.TableModel.load(path)
    assert kept.history.epochs_done == 1
    assert kept.facts.get("folds", 1) == 1
    found = fl.verify(path, frame())
    no_differences(found)
    assert "a time limit ended the training" in found.notes[0]


def test_a_time_limit_that_was_not_reached_needs_no_word(tmp_path: Path) -> None:
    found = fl.verify(saved(tmp_path, "label", seconds=600), frame())
    no_differences(found)
    assert found.notes == ()


def presses_ctrl_c(run: int, records: int) -> dict[str, Any]:
    """Options by which training is interrupted in a run, from 1, after so many epochs."""
    runs: list[int] = []

    def callback(progress: Progress) -> None:
        if len(runs) == run and len(progress.history.epoch) == records:
            raise KeyboardInterrupt

    return {"callbacks": [callback], "on_run": lambda start: runs.append(start.number)}


@pytest.mark.parametrize(
    ("preset", "run"), [("quick", 1), ("standard", 1), ("standard", 4), ("best", 4)]
)
def test_an_interrupted_run_is_repeated(preset: str, run: int, tmp_path: Path) -> None:
    with pytest.warns(InterruptedWarning):
        path = saved(tmp_path, "kind", preset=preset, **presses_ctrl_c(run, 3))
    found = fl.verify(path, frame())
    no_differences(found)
    if run == 1:
        assert "interrupted" in found.notes[0]


def test_a_callback_that_stopped_is_not_needed(tmp_path: Path) -> None:
    path = saved(tmp_path, "number", callbacks=[lambda progress: progress.epoch == 4])
    found = fl.verify(path, frame())
    no_differences(found)
    assert "a callback ended the training" in found.notes[0]


def test_ctrl_c_ends_a_verification(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        raise KeyboardInterrupt

    path = saved(tmp_path, "number")
    with pytest.raises(KeyboardInterrupt):
        fl.verify(path, frame(), callbacks=[press])


def test_no_callback_stops_a_verification(tmp_path: Path) -> None:
    seen: list[int] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress.epoch)
        return True

    no_differences(fl.verify(saved(tmp_path, "number"), frame(), callbacks=[watch]))
    assert len(seen) > 1


# ---- other data


def texts(found: fl.Verification) -> list[str]:
    assert found.verdict == "other data"
    assert not found.same
    assert {each.kind for each in found.differences} == {"data"}
    return [each.text for each in found.differences]


def test_other_data_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "label")
    one = frame()
    changed = one.with_columns(
        pl.when(pl.col("a") == one["a"][7]).then(9.0).otherwise("a").alias("a")
    )
    assert texts(fl.verify(path, changed)) == ["other cells in 'a'"]
    assert texts(fl.verify(path, one[:149])) == ["149 rows, where there were 150"]
    assert texts(fl.verify(path, one.drop("town"))) == ["no column 'town'"]
    more = one.with_columns(pl.lit(1).alias("new"))
    assert texts(fl.verify(path, more)) == ["a column more, 'new'"]
    order = one.select("b", "a", *one.columns[2:])
    assert texts(fl.verify(path, order)) == ["the same columns in another order"]


def test_rows_in_another_order_are_recognised(tmp_path: Path) -> None:
    found = fl.verify(saved(tmp_path, "label"), frame()[::-1])
    assert found.verdict == "other data"
    assert "the rows are in another order" in found.notes[-1]
    found = fl.verify(saved(tmp_path, "label"), frame(150, 1))
    assert "about 0% of the rows" in found.notes[-1]


def test_a_column_that_was_left_out_may_change(tmp_path: Path) -> None:
    path = saved(tmp_path, "label")
    no_differences(fl.verify(path, frame().with_columns(pl.lit(3.0).alias("number"))))
    assert texts(fl.verify(path, frame().drop("number"))) == ["no column 'number'"]


def test_a_file_of_another_kind_holds_the_same(tmp_path: Path) -> None:
    one = frame()
    one.write_csv(tmp_path / "t.csv")
    one.write_parquet(tmp_path / "t.parquet")
    csv, parquet = (fl.read_table(tmp_path / name) for name in ("t.csv", "t.parquet"))
    assert contents_of(csv) == contents_of(parquet)
    whole = contents_of(csv)
    part = Contents()
    part.add(csv.take(range(70)))
    part.add(csv.take(range(70, 150)))
    numbers = ("a", "b", "weight", "number", "kind")
    assert {n: part.to_dict()["columns"][n] for n in numbers} == {
        n: whole["columns"][n] for n in numbers
    }


def test_cells_that_run_together_are_told_apart() -> None:
    def found(*cells: str | None) -> Any:
        return contents_of(Table(pl.DataFrame({"x": cells}), "t", np.arange(len(cells))))

    assert found("ab", "c") != found("a", "bc")
    assert found("x", None) != found("x", "")
    assert found("1", None) == found("1.0", None)


# ---- a file that is not what it says


def changed(path: Path, change: Callable[[fl.TableModel], None]) -> fl.Verification:
    model = fl.TableModel.load(path)
    change(model)
    model.save(path)
    return fl.verify(path, frame())


def test_a_single_bit_of_a_parameter(tmp_path: Path) -> None:
    def change(model: fl.TableModel) -> None:
        theta = model.network.parameters.copy()
        theta[3] = np.nextafter(theta[3], np.float32(np.inf))
        model.network.parameters = theta

    found = changed(saved(tmp_path, "label"), change)
    assert found.verdict == "differs"
    assert [each.kind for each in found.differences] == ["result"]
    assert found.differences[0].text.startswith("1 of ")
    assert "it was changed afterwards" in found.notes[-1]


def test_a_score_that_was_never_reached(tmp_path: Path) -> None:
    def change(model: fl.TableModel) -> None:
        model.facts["scores"]["validation"]["network"]["accuracy"] = 1.0

    found = changed(saved(tmp_path, "label", validation=0.4), change)
    assert [each.text.split(" is ")[0] for each in found.differences] == [
        "validation accuracy of network"
    ]


def forged(part: str) -> Callable[[fl.TableModel], None]:
    """A change of a model that makes it look better, or explain otherwise."""

    def change(model: fl.TableModel) -> None:
        facts = model.facts
        if part == "test scores":
            facts["scores"]["test"] = facts["scores"]["validation"]
        elif part == "doubts":
            facts["against_trivial"]["validation"]["interval"] = [-2.0, -1.0]
        elif part == "interval":
            facts["interval"] = {"level": 0.9, "method": "split", "rows": 99, "quantile": 0.1}
        elif part == "means":
            assert model.means is not None
            model.means = model.means + 1.0
        else:
            assert model.seen is not None
            model.seen = replace(model.seen, hashes=model.seen.hashes[1:])

    return change


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("test scores", "there are no test rows to have scores on"),
        ("doubts", "validation: the network against the trivial guess is another comparison"),
        ("interval", "interval is nothing, in the file {'level': 0.9"),
        ("means", "the means of the training rows are other ones"),
        ("seen", "the fingerprints of the training rows are other ones"),
    ],
)
def test_whatever_was_forged_is_found(part: str, text: str, tmp_path: Path) -> None:
    found = changed(saved(tmp_path, "label"), forged(part))
    assert len(found.differences) == 1
    assert found.differences[0].text.startswith(text)


def test_settings_that_do_not_give_the_model(tmp_path: Path) -> None:
    def change(model: fl.TableModel) -> None:
        model.facts["record"]["options"]["l2"] = 0.5

    found = changed(saved(tmp_path, "label"), change)
    assert found.differences[0].kind == "settings"
    assert found.differences[0].text == "l2 is 0.5, in the file 0.0"
    assert any("the losses part at epoch 0" in each.text for each in found.differences)


def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, "label")
    now = record.versions() | {"numpy": "9.0"}
    monkeypatch.setattr(differences, "versions", lambda: now)
    monkeypatch.setattr(differences, "code_name", lambda: "x86-64-v2")
    assert fl.verify(path, frame()).same  # what does not matter is not told

    def change(model: fl.TableModel) -> None:
        model.network.parameters = model.network.parameters * np.float32(1.001)

    found = changed(path, change)
    kinds = [each.kind for each in found.differences]
    assert kinds[0] == "version"
    assert kinds[1] == "processor" or record.code_name() == "x86-64-v2"
    assert "numpy 9.0, trained by numpy " in found.differences[0].text
    assert "repeat it where the model was trained" in found.notes[-1]


def test_what_cannot_be_repeated_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, "label")
    model = fl.TableModel.load(path)
    model.facts["record"]["place"] = "cluster"
    with pytest.raises(ModelFileError, match="trained on a cluster"):
        fl.verify(model, frame())
    del model.facts["record"]
    with pytest.raises(ModelFileError, match="does not say with which options"):
        fl.verify(model, frame())
    with pytest.raises(ParameterError, match="not int"):
        fl.verify(3, frame())


class Own(fl.GradientDescent):
    """An optimiser that only this process knows."""


def test_an_optimiser_of_ones_own_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "label", optimizer=Own(0.1))
    with pytest.raises(ParameterError, match="not one of Fallline's own optimisers"):
        fl.verify(path, frame())


HOSTILE: list[Callable[[dict[str, Any]], Any]] = [
    lambda kept: kept.clear(),
    lambda kept: kept.update(place="elsewhere"),
    lambda kept: kept["options"].update(epochs="1e9"),
    lambda kept: kept["options"].update(hidden=[1.5]),
    lambda kept: kept["options"].update(types={"a": 3}),
    lambda kept: kept["options"].update(seed=-1),
    lambda kept: kept["options"].update(validation="a table"),
    lambda kept: kept["tables"].update(test=kept["tables"]["training"]),
    lambda kept: kept["tables"]["training"]["columns"].update(a="g" * 32),
    lambda kept: kept["tables"].pop("training"),
    lambda kept: kept.update(ended=[{"stopped": "time", "records": -1}]),
    lambda kept: kept.update(ended=[{"stopped": ["time"], "records": 1}]),
    lambda kept: kept.update(versions={"fallline": None}),
]


def test_hostile_records_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "label")
    kept = fl.TableModel.load(path)
    for change in HOSTILE:
        model = copy.copy(kept)
        model.facts = copy.deepcopy(kept.facts)
        change(model.facts["record"])
        model.save(path)
        with pytest.raises(ModelFileError, match="its fact 'record'"):
            fl.TableModel.load(path)


VALUES: list[Any] = [
    None, True, 0, -1, 3, 2.5, 1e308, 10**9, "", "a", "adam", "lbfgs", "a table", [], [1],
    [10**9, 10**9], ["a"], {}, {"a": "text"}, {"town": "number"}, {"b": "date"},
    "Adam(learning_rate=1e300)", "AdamW(learning_rate=Plateau(rate=0.1))",
]  # fmt: skip


def test_hostile_options_give_an_error_or_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = fl.train_table(frame(60), "label", **settings("label", epochs=2))
    facts, chance = model.facts, random.Random(0)
    for name in facts["record"]["options"]:
        for value in chance.sample(VALUES, 3):
            model.facts = copy.deepcopy(facts)
            model.facts["record"]["options"][name] = value
            model.save(path)
            with contextlib.suppress(FalllineError):
                assert fl.verify(path, frame(60)).verdict in ("same", "differs")


def test_options_of_other_versions(tmp_path: Path) -> None:
    model = fl.train_table(frame(), "label", **settings("label"))
    del model.facts["record"]["options"]["soft"]  # of an earlier one
    model.facts["record"]["more"] = 1
    model.save(tmp_path / "m.safetensors")
    no_differences(fl.verify(tmp_path / "m.safetensors", frame()))
    model.facts["record"]["options"]["magic"] = 3
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="'magic', which this version does not know"):
        fl.verify(tmp_path / "m.safetensors", frame())


@pytest.mark.parametrize("ended", [[], [{"stopped": "interrupted", "records": 0}]])
def test_endings_that_no_run_had_do_no_harm(ended: list[Any], tmp_path: Path) -> None:
    def change(model: fl.TableModel) -> None:
        model.facts["record"]["ended"] = ended

    assert changed(saved(tmp_path, "label"), change).verdict == "differs"


@pytest.mark.parametrize(
    "text",
    ["", "1", "print()", "Adam(0.1)", "Adam(learning_rate=open('x'))", "Cosine(0.1, steps=3)",
     "Adam(learning_rate=" * 300, "(" * 900, "Adam(**{})", "Adam(learning_rate='x')",
     "Adam(nonsense=1)"],
)  # fmt: skip
def test_no_other_text_is_an_optimiser(text: str) -> None:
    with pytest.raises(ParameterError):
        optimizer_from(text)


@pytest.mark.parametrize(
    "optimizer",
    [fl.Adam(), fl.AdamW(fl.Plateau(fl.WarmUp(0.1, 5))), fl.LBFGS(memory=3),
     fl.GradientDescent(fl.OneCycle(0.3, steps=9), momentum=0.9, nesterov=True), fl.RMSProp(1)],
    ids=str,
)  # fmt: skip
def test_an_optimiser_comes_back_from_its_text(optimizer: Any) -> None:
    assert optimizer_from(repr(optimizer)) == optimizer


# ---- the command


def test_the_command_tells_and_ends_with_its_code(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    frame().write_csv(tmp_path / "rows.csv")
    given = ["rows.csv", "--target", "label", "--ignore", "number", "--preset", "quick"]
    assert cli("train", *given, "-q", "-o", "m.safetensors").returncode == 0
    found = cli("verify", "m.safetensors", "rows.csv")
    assert found.returncode == 0, found.stderr
    assert "m.safetensors is the same to the bit" in found.stdout
    assert cli("verify", "m.safetensors", "rows.csv", "-q").stdout == ""
    told = json.loads(cli("verify", "m.safetensors", "rows.csv", "--json").stdout)
    assert (told["same"], told["verdict"], told["model"]) == (True, "same", "m.safetensors")
    frame(150, 1).write_csv(tmp_path / "rows.csv")
    found = cli("verify", "m.safetensors", "rows.csv", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["differences"][0]["kind"] == "data"
    assert found.stderr == (
        "fallline: m.safetensors was trained on other data, so it was not trained again\n"
    )
