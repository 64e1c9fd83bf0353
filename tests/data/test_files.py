"""Files that stay whole: earlier versions load, a write that fails leaves the old one."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fallline as fl
from fallline import atomic
from fallline.data.writing import write_blocks
from fallline.errors import FileWriteError, ModelFileError
from fallline.saving.modelfile import MAX_HEADER
from fallline.tabular.model import TableModel

FIXTURES = Path(__file__).parents[1] / "fixtures"
HOUSING = Path(__file__).parents[2] / "examples" / "housing.csv"


# ---- earlier files


def test_a_model_of_the_first_version_predicts_as_it_did() -> None:
    model = TableModel.load(FIXTURES / "housing-0.1.0-a.safetensors")
    table = fl.read_table(HOUSING).take([0, 1, 2])
    expected = [205436.22910015364, 101203.00354019454, 61861.09245671675]
    np.testing.assert_allclose(model.predict(table).values, expected, rtol=1e-12)
    assert model.evaluate(table)["rows"] == 3


def test_a_model_with_dates_and_counts_predicts_as_it_did() -> None:
    model = TableModel.load(FIXTURES / "counts-0.1.0-b.safetensors")
    table = fl.read_table(FIXTURES / "counts.csv")
    expected = [0.9149948296021292, 2.1099189260926288, 3.8455134611319446]
    np.testing.assert_allclose(model.predict(table).values, expected, rtol=1e-12)


def test_a_checkpoint_of_the_first_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes((FIXTURES / "xor-checkpoint-0.1.0-a.safetensors").read_bytes())
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    networks = [
        fl.Network([2, 4, 1], hidden="tanh", loss="binary_cross_entropy", seed=1) for _ in "ab"
    ]
    fl.train(networks[0], X, y, epochs=40, checkpoint=fl.Checkpoint(path, every=25))
    fl.train(networks[1], X, y, epochs=40)
    np.testing.assert_allclose(networks[0].parameters, networks[1].parameters, rtol=1e-12)


def test_every_flipped_bit_of_a_table_model_is_noticed(tmp_path: Path) -> None:
    raw = (FIXTURES / "counts-0.1.0-b.safetensors").read_bytes()
    path = tmp_path / "m.safetensors"
    for at in range(0, 8 * len(raw), 23):  # a sample of places and bits; the long test takes all
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << (at % 8)
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            TableModel.load(path)


def test_reading_takes_less_than_three_times_the_file(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    fl.save(fl.Network([600, 800, 300, 1], loss="huber"), path)
    fl.load(FIXTURES / "housing-0.1.0-a.safetensors")  # the imports are not the file's
    tracemalloc.start()
    try:
        fl.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * path.stat().st_size
    assert path.stat().st_size > 4 * MAX_HEADER


# ---- writes that fail


def write_model(path: Path) -> None:
    fl.save(fl.Network([2, 1], loss="huber"), path)


def write_csv(path: Path) -> None:
    write_blocks(path, [{"a": np.arange(5)}, {"a": np.arange(5)}])


CALLS = ("create", "close", "fsync", "chmod", "replace", "open")


def failing(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    if call == "create":
        monkeypatch.setattr(atomic.os, "open", fail)
    elif call == "open":
        monkeypatch.setattr(Path, "open", fail)
    else:
        monkeypatch.setattr(atomic.os, call, fail)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("write", [write_model, write_csv])
def test_a_failure_at_any_call(
    call: str, write: Callable[[Path], None], tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"what was there")
    with monkeypatch.context() as patch:
        failing(call, patch)
        with pytest.raises(FileWriteError, match=r"out: .*No space left.*unchanged"):
            write(path)
    assert path.read_bytes() == b"what was there"
    left = [name for name in os.listdir(tmp_path) if name != "out"]
    assert left == []
    write(path)
    assert path.read_bytes() != b"what was there"


def test_what_a_killed_process_left_goes_at_the_first_write(tmp_path: Path, monkeypatch) -> None:
    """Once a process and folder: a folder of thousands of files is not read at each write."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"{atomic.TEMPORARY}{atomic.machine()}-{gone.pid}-00"
    mine = tmp_path / f"{atomic.TEMPORARY}{atomic.machine()}-{os.getpid()}-00"
    left.write_text("half")
    mine.write_text("half")
    scanned, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: scanned.append(folder) or scandir(folder))
    for _ in range(3):
        atomic.write_bytes(tmp_path / "out", b"whole")
    assert scanned == [tmp_path]
    monkeypatch.setattr(os, "getpid", lambda: gone.pid)  # as in a fork
    atomic.write_bytes(tmp_path / "out", b"whole")
    assert len(scanned) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == [mine.name, "out"]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.argv = ["fallline", *sys.argv[1:]]
import fallline.cli
fallline.cli.main()
"""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """The kernel refuses to write beyond 2,000 bytes, as it would on a full disk."""
    (tmp_path / "model.safetensors").write_bytes(b"old")
    command = ["train", str(HOUSING), "--target", "median_income", "--preset", "quick"]
    command += ["--checkpoint-every", "1", "--force"]
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )
    assert result.returncode == 1
    assert result.stderr.startswith(
        "fallline: model.safetensors: cannot be written (File too large"
    )
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "model.safetensors").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.safetensors"]
