"""`fallline train --cluster`: files that the workers read, and encode where they keep them."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.compact import CompactRows
from fallline.core.samples import CompactSamples
from fallline.data.reading import as_table
from fallline.errors import ModelFileError, ParameterError, TableError
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular.large import train_large
from fallline.tabular.preparation import prepare

pytest.importorskip("distributed", reason="Dask is not installed")
from fallline.distributed.client import local_client
from fallline.distributed.parts import Architecture, PartSource, prepare_part
from fallline.distributed.tables import train_files
from fallline.distributed.training import train

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of its many threads and ports


@pytest.fixture(scope="module")
def cluster():
    with local_client(2) as client:
        yield client


@pytest.fixture
def parts(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Four files: three of Parquet, and one of text that has its columns in another order."""
    paths = []
    for i in range(4):
        n = 500 + 100 * i
        x, z = rng.normal(size=n), rng.choice(["red", "green"], n)
        label = np.where(x * np.where(z == "red", 1, -1) > 0, "yes", "no")
        frame = pl.DataFrame({"x": x, "colour": z, "label": label, "importance": 1.0 + (x > 1)})
        paths.append(tmp_path / f"part-{i}.parquet")
        frame.write_parquet(paths[-1])
    paths[-1].unlink()
    paths[-1] = tmp_path / "part-3.csv"
    frame.select(["label", "x", "importance", "colour"]).write_csv(paths[-1])
    return paths


def test_trains_as_on_one_machine(cluster, parts, tmp_path) -> None:
    names = [str(path) for path in parts]
    settings = {
        "hidden": (16,), "epochs": 30, "learning_rate": 0.01, "weights": "importance", "test": 0.1,
        "class_weight": "balanced",
    }  # fmt: skip
    model = train_files(names, "label", cluster, **settings)
    assert model.facts["rows"] == 2600
    held = model.facts["validation_rows"] + model.facts["test_rows"]
    assert model.facts["training_rows"] == 2600 - held
    assert model.facts["source"] == "part-0.parquet and 3 more"
    assert model.facts["scores"]["test"]["network"]["accuracy"] > 0.95
    assert model.facts["scores"]["test"]["linear"]["accuracy"] < 0.7
    again = train_files(names, "label", cluster, **settings)
    assert again.network.parameters.tobytes() == model.network.parameters.tobytes()
    model.save(tmp_path / "model.safetensors")
    loaded = fl.TableModel.load(tmp_path / "model.safetensors")
    table = fl.read_table(names[0])
    shares = loaded.predict(table).probabilities
    assert shares.tobytes() == model.predict(table).probabilities.tobytes()


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_the_workers_keep_the_rows_of_a_table_compactly(cluster, engine) -> None:
    """Each part is the tables' rows, and has the gradient of the same rows written out."""
    rng = np.random.default_rng(9)
    frame = pl.DataFrame({"a": rng.normal(size=400), "y": rng.normal(size=400)})
    data = prepare(as_table(frame), "y", bins=12, dtype="float32")
    X, y, _ = data.part(data.train)
    sizes = [X.shape[1], 16, 1]
    network = fl.Network(sizes, hidden="silu", loss="squared_error", seed=1, dtype="float32")
    half = len(y) // 2
    halves = [(X[:half], y[:half]), (X[half:], y[half:])]
    dense = [(np.asarray(part), targets) for part, targets in halves]
    kept = prepare_part(Architecture.of(network), 0, PartSource(halves[0], local=True), halves[0])
    assert isinstance(kept.samples, CompactSamples)
    assert isinstance(kept.samples.X, CompactRows)
    found = []
    for parts in (halves, dense):
        net = network.copy()
        train(net, parts, client=cluster, epochs=5, batch_size=50, seed=3, engine=engine)
        found.append(net.parameters)
    assert not np.array_equal(found[0], network.parameters)
    assert found[0] == pytest.approx(found[1], abs=2e-5)


def test_intervals_hold_as_often_as_asked(cluster, tmp_path) -> None:
    rng, paths = np.random.default_rng(4), []
    for i in range(4):
        x = rng.normal(size=1500)
        frame = pl.DataFrame({"x": x, "y": 2 * x + np.exp(0.5 * x) * rng.normal(size=1500)})
        paths.append(str(tmp_path / f"part-{i}.parquet"))
        frame.write_parquet(paths[-1])
    model = train_files(
        paths[:3], "y", cluster, interval=0.9, epochs=8, hidden=(8,), learning_rate=0.01
    )
    assert model.facts["calibration_rows"] == model.facts["interval"]["rows"] > 1_000
    held = model.evaluate(paths[3])["coverage"]["coverage"]
    assert abs(held - 0.9) < 5 * np.sqrt(0.09 / 1_100 + 0.09 / 1_500)


def test_verify_trains_again_on_any_cluster(cluster, parts, tmp_path) -> None:
    names, path = [str(each) for each in parts], tmp_path / "model.safetensors"
    settings = {"hidden": (4,), "epochs": 4, "batch_size": 500, "test": 0.1, "interval": 0.8}
    model = train_files(names, "label", cluster, **settings)
    model.save(path)
    assert model.facts["record"]["tables"]["training"]["rows"] == 2600
    with local_client(1) as other:
        found = fl.distributed.verify(path, names, client=other)
    assert found.verdict == "same"
    assert found.differences == ()
    assert found.rows == 2600
    turned = fl.distributed.verify(path, names[::-1], client=cluster)
    assert turned.verdict == "other data"
    assert turned.differences[0].text.startswith("other cells in 'x', 'colour', 'label'")
    assert "in files of another order" in turned.notes[-1]
    model.network.parameters[3] += 1e-3
    model.save(path)
    found = fl.distributed.verify(path, names, client=cluster)
    assert found.verdict == "differs"
    assert any("1 of " in each.text for each in found.differences)


def test_verify_tells_where_a_model_was_trained(cluster, parts, tmp_path) -> None:
    here = fl.train_table(str(parts[0]), "label", hidden=(2,), epochs=1, preset="quick")
    with pytest.raises(ParameterError, match="was trained in memory, not on a cluster"):
        fl.distributed.verify(here, str(parts[0]), client=cluster)
    there = train_files(str(parts[0]), "label", cluster, hidden=(2,), epochs=1)
    with pytest.raises(ModelFileError, match="only a cluster can repeat them"):
        fl.verify(there, str(parts[0]))
    path, address = tmp_path / "m.safetensors", cluster.scheduler.address
    there.save(path)
    asked = command("verify", str(path), str(parts[0]), "--cluster", address)
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert "m.safetensors is the same to the bit" in said
    for more in (["--threads", "1"], ["--soft", str(parts[0])]):
        wrong = subprocess.run([*asked, *more], check=False, capture_output=True, text=True)
        assert wrong.returncode == 2
        assert f"{more[0]}" in wrong.stderr


def test_one_file_gives_the_bits_of_a_large_table(cluster, parts) -> None:
    """One block, full batches: the same rows, encoding, first weights and steps."""
    settings = {"hidden": (4,), "epochs": 3, "batch_size": 10_000, "l2": 0.0, "preset": "quick"}
    there = train_files([str(parts[0])], "label", cluster, **settings)
    here = train_large([str(parts[0])], "label", **settings)
    assert there.facts["training_rows"] == here.facts["training_rows"]
    assert there.encoding.describe() == here.encoding.describe()
    np.testing.assert_allclose(
        there.history.validation_loss, here.history.validation_loss, rtol=1e-6
    )


def test_files_that_cannot_be_used(cluster, parts, tmp_path) -> None:
    names = [str(path) for path in parts]
    with pytest.raises(TableError, match=r"no such file .*on the worker tcp://127.0.0.1"):
        train_files([*names, str(tmp_path / "part-9.parquet")], "label", cluster)
    pl.DataFrame({"x": [1.0], "label": ["yes"]}).write_parquet(tmp_path / "odd.parquet")
    with pytest.raises(TableError, match=r"odd.parquet: its columns .* lacks 'colour'"):
        train_files([*names, str(tmp_path / "odd.parquet")], "label", cluster)
    with pytest.raises(TableError, match="no column 'lable'"):
        train_files(names, "lable", cluster)
    with pytest.raises(TableError, match="standard input"):
        train_files("-", "label", cluster)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fallline", *arguments]


def test_interrupted_and_gone_on(cluster, parts, tmp_path) -> None:
    def interrupt(progress: fl.Progress) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    names, path = [str(path) for path in parts], tmp_path / "run.checkpoint.safetensors"
    settings = {"hidden": (4,), "epochs": 7, "batch_size": 500}
    whole = train_files(names, "label", cluster, **settings)
    cut = train_files(
        names, "label", cluster, callbacks=[interrupt], checkpoint=RunCheckpoint(path), **settings
    )
    assert cut.history.stopped == "interrupted"
    keeper = RunCheckpoint(path, resume_from_file=True)
    again = train_files(names, "label", cluster, checkpoint=keeper, **settings)
    assert again.network.parameters.tobytes() == whole.network.parameters.tobytes()
    assert again.history.loss == whole.history.loss


def test_on_the_command_line(cluster, parts, tmp_path) -> None:
    output = tmp_path / "model.safetensors"
    result = subprocess.run(
        command(
            "train", str(tmp_path / "part-*"), "--target", "label", "--hidden", "4",
            "--cluster", cluster.scheduler.address, "--epochs", "3", "-o", str(output),
        ),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "part-0.parquet and 3 more: 2,600 rows" in result.stdout
    assert "4 files were read by the workers" in result.stdout
    assert fl.TableModel.load(output).history.epochs_done == 3


@pytest.mark.long
def test_no_cluster_at_the_address(parts) -> None:
    arguments = [str(parts[0]), "--target", "label", "--cluster", "tcp://127.0.0.1:9"]
    began = time.monotonic()
    result = subprocess.run(
        command("train", *arguments), check=False, capture_output=True, text=True
    )
    assert time.monotonic() - began < 30
    assert result.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.stderr


def test_predictions_partition_by_partition(cluster, parts) -> None:
    pandas = pytest.importorskip("pandas")
    frames = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    model = train_files([str(path) for path in parts[:3]], "label", cluster, epochs=2, hidden=(4,))
    table = pandas.concat([pandas.read_parquet(path) for path in parts[:2]])
    lazily = fl.distributed.predict(model, frames.from_pandas(table, npartitions=3, sort=False))
    with cluster.as_current():
        found = lazily.compute()
    here = model.predict(fl.read_table([str(path) for path in parts[:2]]))
    assert found["prediction"].tolist() == list(here.values)
    np.testing.assert_array_equal(found["probability of yes"], here.probabilities[:, 1])
    with pytest.raises(TableError, match="no column 'colour'"):
        fl.distributed.predict(model, frames.from_pandas(table[["x"]], npartitions=1))


def test_two_ways_at_once(parts) -> None:
    arguments = [str(parts[0]), "--target", "label", "--cluster", "tcp://127.0.0.1:9", "--large"]
    result = subprocess.run(
        command("train", *arguments), check=False, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "choose one" in result.stderr
