"""Tables in blocks: the same rows, the same parts, and bits that do not depend on being stopped."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data import reading
from fallline.data.cells import Reading
from fallline.data.reading import block_readers, memory_needed
from fallline.data.table import Table
from fallline.errors import InterruptedWarning, ParameterError, TableError
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular import survey as survey_module
from fallline.tabular.large import train_large
from fallline.tabular.survey import Blocks, Shares, survey


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4_000)
    monkeypatch.setattr(reading, "BLOCK_ROWS", 150)


def frame(n: int = 1000) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2))
    return pl.DataFrame(
        {
            "id": np.arange(n) + 7,
            "a": x[:, 0],
            "b": x[:, 1],
            "text": np.where(x[:, 1] > 0, "up", "down").tolist(),
            "y": [
                None if i % 50 == 0 else v for i, v in enumerate((2 * x[:, 0] + x[:, 1]).tolist())
            ],
            "label": np.where(x[:, 0] > 1, "rare", "common").tolist(),
        }
    )


@pytest.fixture(params=["t.csv", "t.parquet", "t.jsonl"])
def path(request, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    {
        "t.csv": frame().write_csv,
        "t.parquet": frame().write_parquet,
        "t.jsonl": frame().write_ndjson,
    }[request.param](path)
    return path


def test_blocks_are_read_again_as_they_were(path: Path) -> None:
    pairs = list(block_readers(path, Reading()))
    assert len(pairs) > 4
    for table, again in reversed(pairs):
        second = again()
        assert second.frame.equals(table.frame)
        assert second.lines.tolist() == table.lines.tolist()
        assert second.place(0, "a") == table.place(0, "a")
    assert sum(len(table) for table, _ in pairs) == 1000
    assert memory_needed(path) > 0


def test_every_row_has_one_part(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(survey_module, "HELD_OUT_ROWS", 60)
    monkeypatch.setattr(survey_module, "SAMPLE_ROWS", 300)
    blocks = survey(path, Reading(), "y", Shares(0.2, 0.1), seed=3)
    assert (blocks.n_rows, blocks.set_aside) == (980, 20)
    samples = {k: set(t.lines.tolist()) for k, t in blocks.samples.items() if t is not None}
    trained = set()
    for number in range(len(blocks.readers)):
        rows = set(blocks.rows(number).lines.tolist())
        assert not rows & trained
        trained |= rows
    assert (len(samples["validation"]), len(samples["test"])) == (60, 60)
    assert not samples["validation"] & samples["test"]
    assert not trained & (samples["validation"] | samples["test"])
    assert len(trained | samples["validation"] | samples["test"]) == 980
    assert samples["train"] <= trained
    assert len(samples["train"]) == 300


def test_it_learns_what_the_whole_table_would_teach(path: Path) -> None:
    options = {"ignore": ["label"], "epochs": 6, "learning_rate": 0.03, "hidden": (8,)}
    model = train_large(path, "y", test=0.2, **options)
    assert model.facts["rows"] == 980
    assert model.facts["scores"]["test"]["network"]["r2"] > 0.95
    kinds = {name: kind for name, kind, _ in model.encoding.describe()}
    assert kinds["id"] == "skip"  # it counts the rows
    again = train_large(path, "y", test=0.2, **options)
    np.testing.assert_array_equal(again.network.parameters, model.network.parameters)


def test_weights_and_classes(path: Path) -> None:
    options = {"ignore": ["id", "y"], "epochs": 3}
    plain = train_large(path, "label", **options)
    balanced = train_large(path, "label", class_weight="balanced", **options)
    table = fl.read_table(path)
    rare = [(m.predict(table).values == "rare").sum() for m in (plain, balanced)]
    assert rare[1] > rare[0]
    with pytest.raises(TableError, match="weights are numbers of at least 0"):
        train_large(path, "label", weights="a", ignore=["id", "y"], epochs=1)


def test_interrupted_and_resumed_gives_the_same_bits(path: Path, tmp_path: Path) -> None:
    options = {"ignore": ["label"], "epochs": 5, "hidden": (4,)}
    whole = train_large(path, "y", **options)
    checkpoint = tmp_path / "c.safetensors"

    def stop(progress: fl.Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.warns(InterruptedWarning):
        cut = train_large(
            path, "y", checkpoint=RunCheckpoint(checkpoint), callbacks=[stop], **options
        )
    assert cut.history.epochs_done == 3
    again = RunCheckpoint(checkpoint, resume_from_file=True)
    rest = train_large(path, "y", checkpoint=again, **options)
    np.testing.assert_array_equal(rest.network.parameters, whole.network.parameters)
    assert rest.history.loss == whole.history.loss
    with pytest.raises(ParameterError, match="the run began with seed"):
        train_large(path, "y", checkpoint=again, seed=1, **options)


def test_ctrl_c_within_an_epoch_keeps_the_best(path: Path, monkeypatch) -> None:
    calls = 0
    rows = Blocks.rows

    def slow(self: Blocks, number: int) -> Table:
        nonlocal calls
        calls += 1
        if calls == len(self.readers) + 3:
            raise KeyboardInterrupt
        return rows(self, number)

    monkeypatch.setattr(Blocks, "rows", slow)
    with pytest.warns(InterruptedWarning):
        model = train_large(path, "y", ignore=["label"], epochs=5, hidden=(4,))
    assert model.history.stopped == "interrupted"
    assert model.history.best_epoch == 0


def test_what_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"a,y\n1,2\n"))
    with pytest.raises(TableError, match="must be a plain text or Parquet file"):
        train_large(packed, "y")
    path = tmp_path / "t.csv"
    frame(100).write_csv(path)
    with pytest.raises(ParameterError, match="an option must be one of"):
        train_large(path, "y", hiden=(8,))
    with pytest.raises(TableError, match="no column 'z'"):
        train_large(path, "z")


def test_a_stray_cell_beyond_the_sample_is_named(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "t.csv"
    text = "a,y\n" + "".join(f"{i % 13}.5,{i % 7}.25\n" for i in range(3000)) + "oops,1.5\n"
    path.write_text(text)
    monkeypatch.setattr(survey_module, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(survey_module, "HELD_OUT_ROWS", 50)
    with pytest.raises(TableError, match=r"line 3002.*'oops'"):
        train_large(path, "y", epochs=1)
