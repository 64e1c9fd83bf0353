"""Soft labels: what a teacher says is learned, its rows and columns held against the table's."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.arrays import Array
from fallline.errors import ModelFileError, ParameterError, TableError
from fallline.tabular.large import train_large
from fallline.tabular.soft import soft_columns_text

N = 240


def frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 2)).round(3)
    score = x[:, 0] + rng.normal(size=N)
    return pl.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "label": np.where(score > 0, "yes", "no").tolist(),
            "kind": np.array(["low", "mid", "high"])[np.digitize(score, [-1, 1])].tolist(),
            "number": score,
            "count": rng.poisson(np.exp(0.5 * x[:, 0])),
        }
    )


TARGETS = ("label", "kind", "number", "count")


def shares(sharpness: float = 2.0) -> Array:
    """(n, 3) what a teacher says of high, low and mid: the classes in their order."""
    a = frame()["a"].to_numpy()
    logits = sharpness * np.column_stack([a - 1, -a - 1, -(a**2)])
    powers = np.exp(logits)
    found: Array = powers / powers.sum(axis=1, keepdims=True)
    return found


def soft(target: str) -> pl.DataFrame:
    a = frame()["a"].to_numpy()
    yes = 1 / (1 + np.exp(-2 * a))
    return {
        "label": pl.DataFrame({"no": 1 - yes, "yes": yes}),
        "kind": pl.DataFrame(shares(), schema=["high", "low", "mid"]),
        "number": pl.DataFrame({"prediction": a}),
        "count": pl.DataFrame({"prediction": np.exp(0.5 * a)}),
    }[target]


def trained(target: str, labels: Any, table: Any = None, **options: Any) -> fl.TableModel:
    others = [name for name in TARGETS if name != target]
    given: Any = {"preset": "quick", "ignore": others, "baseline": False, "soft_share": 1.0}
    given |= options
    return fl.train_table(frame() if table is None else table, target, soft=labels, **given)


# ---- what is learned


@pytest.mark.parametrize("target", TARGETS)
def test_a_network_learns_what_the_teacher_says(target: str) -> None:
    """The labels of the table are noise but for a: the teacher's function of a is learned."""
    options = {"task": "counts"} if target == "count" else {}
    model = trained(target, soft(target), preset="standard", **options)
    plain = trained(target, None, preset="standard", **options)

    def said(one: fl.TableModel) -> Array:
        found = one.predict(frame())
        return found.values if found.probabilities is None else found.probabilities

    wanted = soft(target).to_numpy()
    wanted = wanted[:, 0] if target in ("number", "count") else wanted
    error, plain_error = (np.abs(said(one) - wanted).mean() for one in (model, plain))
    assert error < 0.9 * plain_error
    assert model.facts["soft"]["source"] == "the frame"


def test_the_targets_are_the_probabilities() -> None:
    """The first recorded loss of a full batch is the cross entropy against the shares."""
    model = trained("kind", soft("kind"), epochs=1, batch_size=N, validation=0, bins=0, dropout=0,
                    hidden=[3])  # fmt: skip
    assert model.data is not None
    net = fl.Network([2, 3, 3], hidden="silu", loss="cross_entropy", seed=0, dtype="float32")
    P = net.predict_proba(model.data.X[model.data.train])
    Q = shares()[model.data.train]
    assert model.history.loss[0] == pytest.approx(-(Q * np.log(P)).sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("target", ["label", "kind", "number"])
def test_own_labels_count_the_rest(target: str) -> None:
    def targets(**options: Any) -> Array:
        model = trained(target, soft(target), epochs=0, validation=0, **options)
        assert model.data is not None
        return model.data.lesson(model.data.train)[1]

    own = trained(target, None, epochs=0, validation=0).data
    assert own is not None
    one_hot = np.eye(3)[own.y.astype(int)] if target == "kind" else own.y[:, None]
    half = 0.5 * targets() + 0.5 * one_hot
    np.testing.assert_allclose(targets(soft_share=0.5), half, atol=1e-12)
    default = fl.train_table(
        frame(), target, soft=soft(target), epochs=0, validation=0, preset="quick",
        ignore=[name for name in TARGETS if name != target],
    ).data  # fmt: skip
    assert default is not None
    np.testing.assert_allclose(default.lesson(default.train)[1], half, atol=1e-12)
    for share in (0.0, 1.1, "x"):
        with pytest.raises(ParameterError, match="soft_share must be a number above 0"):
            targets(soft_share=share)


def test_scores_are_against_the_tables_own_labels() -> None:
    """Labels that are turned round teach what is wrong, and the scores say so."""
    turned = soft("label").select(no="yes", yes="no")
    model = trained("label", turned, test=0.3)
    assert model.facts["scores"]["test"]["network"]["roc_auc"] < 0.4
    assert any("no better than a constant" in note for note in model.notes)


def test_rows_of_a_validation_table_keep_their_own_labels() -> None:
    model = trained("kind", soft("kind"), validation=frame()[:50])
    assert model.data is not None
    assert model.data.soft is not None
    held = model.data.soft.targets[model.data.validation]
    assert set(np.unique(held)) == {0.0, 1.0}
    np.testing.assert_allclose(model.data.soft.targets[model.data.train], shares(), rtol=1e-12)


# ---- columns


@pytest.mark.parametrize(
    "columns",
    [
        {"high": 0, "low": 1, "mid": 2},
        {"mid": 2, "high": 0, "low": 1},
        {"probability of high": 0, "probability of low": 1, "probability of mid": 2, "fold": 0},
    ],
    ids=["as called", "another order", "as cv writes them"],
)
def test_columns_go_by_their_names(columns: dict[str, int]) -> None:
    given = pl.DataFrame({name: shares()[:, k] for name, k in columns.items()})
    model, same = trained("kind", given), trained("kind", soft("kind"))
    assert model.network.parameters.tobytes() == same.network.parameters.tobytes()
    assert any("'fold' of the frame not used" in note for note in model.notes) == (
        "fold" in columns
    )


def test_one_column_of_two_classes_is_enough() -> None:
    both = trained("label", soft("label"))
    for name in ("yes", "no"):
        one = trained("label", soft("label").select(name))
        np.testing.assert_allclose(one.network.parameters, both.network.parameters, atol=1e-4)


def test_columns_of_the_table_itself() -> None:
    given = pl.concat([frame(), soft("kind").rename(lambda name: f"p {name}")], how="horizontal")
    columns = {f"p {name}": name for name in ("low", "mid", "high")}
    model = trained("kind", None, given, soft_columns=columns)
    same = trained("kind", soft("kind"))
    assert model.network.parameters.tobytes() == same.network.parameters.tobytes()
    assert [c.name for c in model.encoding.columns if c.features] == ["a", "b"]
    assert fl.verify(model, given).same


def test_the_only_column_may_be_called_as_the_target() -> None:
    named = soft("number").rename({"prediction": "number"})
    one, other = (trained("number", each, preset="quick") for each in (soft("number"), named))
    assert one.network.parameters.tobytes() == other.network.parameters.tobytes()


def test_labels_that_are_numbers_are_found_by_value() -> None:
    table = frame().with_columns(pl.col("kind").replace_strict({"low": 1, "mid": 2, "high": 3}))
    given = pl.DataFrame(shares()[:, [1, 2, 0]], schema=["1.0", "2.0", "3.0"])
    model = fl.train_table(table, "kind", soft=given, preset="quick", task="classes", epochs=2,
                           ignore=["label", "number", "count"])  # fmt: skip
    assert model.encoding.classes == ("1", "2", "3")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (soft("kind").drop("mid"), "no column of probabilities for the class 'mid'"),
        (soft("kind")[:-1], "239 rows of soft labels for a table of 240"),
        (
            soft("kind").with_columns(mid=pl.lit(1.5)),
            "row 1, column 'mid': '1.5' is not a probability",
        ),
        (soft("kind").with_columns(mid=pl.lit(-0.1)), "not a probability; these are from 0 to 1"),
        (
            soft("kind").with_columns(mid=pl.lit(0.0)),
            "the probabilities of the 3 classes add up to",
        ),
        (soft("kind").with_columns(mid=pl.lit("x")), "'x' is not a number"),
        (
            soft("kind").with_columns(mid=pl.when(pl.col("mid") < 0.5).then("mid")),
            "the soft label is missing",
        ),
        (
            soft("kind").with_columns(pl.col("mid").alias("probability of mid")).drop("low"),
            "no column of probabilities for the class 'low'",
        ),
        (soft("kind").with_columns(kind=frame()["kind"].reverse()), "in another order"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(given: pl.DataFrame, message: str) -> None:
    with pytest.raises(TableError, match=message):
        trained("kind", given)


def test_wrong_columns_are_named() -> None:
    with pytest.raises(TableError, match="'average': no class of the target"):
        trained("kind", soft("kind"), soft_columns={"mid": "average"})
    with pytest.raises(TableError, match="has no column 'p'"):
        trained("kind", soft("kind"), soft_columns={"p": "mid"})
    with pytest.raises(TableError, match="'high' and 'low' are both of the class 'mid'"):
        trained("kind", soft("kind"), soft_columns={"high": "mid", "low": "mid"})
    with pytest.raises(TableError, match="has one column of soft labels"):
        trained("number", soft("kind"))
    with pytest.raises(TableError, match="is below 0, which no expected count is"):
        trained("count", soft("number"), task="counts")


# ---- rows


def test_probabilities_that_are_rounded_are_divided_by_their_sum() -> None:
    model = trained("kind", soft("kind").select(pl.all().round(2)))
    assert any("are divided by their sum" in note for note in model.notes)
    assert model.data is not None
    assert model.data.soft is not None
    np.testing.assert_allclose(model.data.soft.targets.sum(axis=1), 1.0, rtol=1e-12)


def test_rows_without_a_target_may_have_soft_labels_or_not() -> None:
    gone = np.arange(N) % 7 == 3
    table = frame().with_columns(
        kind=pl.Series([None if g else k for g, k in zip(gone, frame()["kind"], strict=True)])
    )
    whole, part = (
        trained("kind", soft("kind"), table),
        trained("kind", soft("kind").filter(~gone), table),
    )
    assert whole.network.parameters.tobytes() == part.network.parameters.tobytes()
    assert whole.facts["set_aside"] == gone.sum()


def test_rows_go_by_their_lines_where_these_are_given() -> None:
    order = np.random.default_rng(1).permutation(N)
    given = soft("kind").with_columns(row=np.arange(1, N + 1))[order]
    model, same = trained("kind", given), trained("kind", soft("kind"))
    assert model.network.parameters.tobytes() == same.network.parameters.tobytes()
    assert any("the rows go by the column 'row'" in note for note in model.notes)


def test_labels_that_are_the_tables_own_are_told() -> None:
    own = pl.DataFrame({k: (frame()["kind"] == k).cast(pl.Float64) for k in ("high", "low", "mid")})
    model = trained("kind", own)
    assert any("nearly the table's own labels" in note for note in model.notes)


# ---- around it


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_it_is_verified(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    trained("kind", soft("kind"), preset=preset, interval=0.7).save(path)
    assert fl.verify(path, frame(), soft=soft("kind")).same
    with pytest.raises(ParameterError, match="with a table of soft labels.*--soft FILE"):
        fl.verify(path, frame())
    found = fl.verify(path, frame(), soft=soft("kind").select(pl.all().reverse()))
    assert found.differences[0].text == "soft table: other cells in 'high', 'low', 'mid'"
    text = fl.model_card(fl.TableModel.load(path))
    assert "It learned from the soft labels of another model as well" in text
    assert "that the other model has not seen gives unbiased scores" in text


def test_hostile_facts_are_refused(tmp_path: Path) -> None:
    model = trained("kind", soft("kind"), epochs=1)
    for value in (
        3,
        {"source": "x"},
        {"source": 1, "scores": {}},
        {"source": "x", "scores": {"r2": "x"}},
    ):
        model.facts["soft"] = value
        model.save(tmp_path / "m.safetensors")
        with pytest.raises(ModelFileError, match="its fact 'soft'"):
            fl.TableModel.load(tmp_path / "m.safetensors")


def test_a_checkpoint_belongs_to_its_soft_labels(tmp_path: Path) -> None:
    from fallline.saving.checkpointing import RunCheckpoint

    path = tmp_path / "run.safetensors"
    trained("kind", soft("kind"), checkpoint=RunCheckpoint(path, epochs=1), epochs=3)
    again = RunCheckpoint(path, epochs=1, resume_from_file=True)
    with pytest.raises(ParameterError, match="the run began with data"):
        trained("kind", None, checkpoint=again, epochs=3)


def test_blocks_take_no_soft_labels(tmp_path: Path) -> None:
    frame().write_csv(tmp_path / "t.csv")
    with pytest.raises(ParameterError, match="soft labels need all rows in memory"):
        train_large(tmp_path / "t.csv", "kind", soft=fl.read_table(soft("kind")))


def test_pairs_of_the_command_line() -> None:
    assert soft_columns_text(None) is None
    assert soft_columns_text(["a=b=c", "x"]) == {"a=b": "c", "x": ""}


def test_the_command_learns_from_what_cv_writes(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    frame().select("a", "b", "label").write_csv(tmp_path / "t.csv")
    common = ["t.csv", "--target", "label", "--preset", "quick"]
    assert cli("cv", *common, "-o", "taught.csv").returncode == 0
    done = cli("train", *common, "--soft", "taught.csv", "-o", "m.safetensors", "--test", "0.2")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "soft labels: learned from taught.csv" in told
    assert "the rows go by the column 'line' of taught.csv" in told
    assert "these rows may have been used for the soft labels" in told
    assert cli("verify", "m.safetensors", "t.csv", "--soft", "taught.csv").returncode == 0
    done = cli("train", *common, "--soft", "t.csv")
    assert done.returncode == 1
    assert "no column of probabilities for the class" in done.stderr
