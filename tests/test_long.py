"""The long tests (`make test-long`): kills at random moments, and made-up files by the thousand."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fallline as fl
from fallline.data.reading import read_table
from fallline.errors import FalllineError, ModelFileError
from fallline.tabular.train import train_table

pytestmark = pytest.mark.long

RUN = """
import sys
import numpy as np
import fallline as fl
X = np.random.default_rng(0).normal(size=(300, 5))
y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
net = fl.Network([5, 16, 1], hidden="tanh", loss="squared_error", seed=0)
checkpoint = fl.Checkpoint(sys.argv[1], every=1) if len(sys.argv) > 1 else None
fl.train(net, X, y, epochs=400, optimizer=fl.Adam(0.01), validation=(X[:50], y[:50]),
         checkpoint=checkpoint)
print(net.parameters.tobytes().hex())
"""


def start(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, *args], stdout=subprocess.PIPE, text=True)


def test_kills_at_random_moments_change_no_bit(tmp_path: Path) -> None:
    expected = start().communicate()[0]
    dice = random.Random(1)
    path = tmp_path / "run.safetensors"
    kills = finished = 0
    while kills < 40 or finished < 3:
        process = start(str(path))
        time.sleep(dice.uniform(0.15, 0.6))
        if process.poll() is None and kills < 40:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            if path.exists():
                fl.load(path)  # readable at every moment
        else:
            assert process.communicate()[0] == expected
            path.unlink()  # and begin anew
            finished += 1


def small_model() -> bytes:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"fallline-{os.getpid()}.safetensors"
    fl.save(fl.Network([2, 3, 1], loss="huber"), path)
    raw = path.read_bytes()
    path.unlink()
    return raw


RAW = small_model()


@settings(
    max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.integers(0, len(RAW)), st.binary(min_size=1, max_size=40)).map(
            lambda cut: RAW[: cut[0]] + cut[1] + RAW[cut[0] + len(cut[1]) :]
        ),
        st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3).map(
            lambda d: len(t := json.dumps(d).encode()).to_bytes(8, "little") + t
        ),
    )
)
def test_made_up_model_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    if content != RAW:
        with pytest.raises(ModelFileError):
            fl.load(path)


NAMES = st.lists(st.sampled_from(["a", "b", "c", "a b", "", "é", "x,y", '"q"']), max_size=5)
CELL = st.one_of(
    st.integers().map(str),
    st.integers(10**17, 10**40).map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.booleans().map(str),
    st.sampled_from(
        ["", "?", "x", "y", '"a,b"', "2020-01-01", "true", " 7 ", "1e400", '"', "1/2/20"]
    ),
    st.sampled_from(['"two\nlines"', "31.01.2020", "1,5", "0x1F", "NaN", "-inf", "1_000", "\t"]),
    st.text(max_size=4),
)
COLUMN = st.one_of(
    st.lists(CELL, min_size=1, max_size=40),
    st.lists(st.integers(0, 5).map(str), min_size=1, max_size=40),
    st.lists(st.dates().map(str), min_size=1, max_size=40),
    st.lists(st.sampled_from(["x", "y", "z", ""]), min_size=1, max_size=40),
)


@settings(
    max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(COLUMN, min_size=1, max_size=5),
    NAMES,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    st.booleans(),
)
def test_made_up_tables_train_or_are_refused(
    tmp_path, columns, names, separator, ending, encoding, trailing
) -> None:
    path = tmp_path / "t.csv"
    n = max(len(column) for column in columns)
    padded = [(column * n)[:n] for column in columns]
    heads = [names[i] if i < len(names) else f"c{i}" for i in range(len(columns) - 1)] + ["target"]
    lines = [
        separator.join(row) + separator * trailing for row in [heads, *zip(*padded, strict=True)]
    ]
    path.write_bytes(ending.join(lines).encode(encoding, "replace"))
    try:
        table = read_table(path)
        model = train_table(table, "target", epochs=1, hidden=(3,))
    except FalllineError as error:
        message = str(error)
        assert message.count("\n") <= 1
        assert message
        return
    assert np.isfinite(model.network.parameters).all()
    assert len(model.predict(table).values) == len(table)
    for name, kind, _ in model.encoding.describe():
        cells = table.texts(name).drop_nulls().to_list()
        if kind == "number":
            assert all(np.isfinite(float(cell)) for cell in cells)


def test_ten_thousand_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "wide.csv"
    X = rng.integers(0, 100, size=(60, 10_000))
    lines = [",".join(f"x{i}" for i in range(10_000)), *(",".join(map(str, row)) for row in X)]
    path.write_text("\n".join(lines))
    model = train_table(read_table(path), "x9999", epochs=2, hidden=(3,))
    assert model.encoding.n_features == 9_999


# ---- the command line, killed


HOUSING = Path(__file__).parents[1] / "examples" / "housing.csv"
TRAIN = [sys.executable, "-m", "fallline", "train", str(HOUSING), "--target", "median_house_value"]
TRAIN += ["--epochs", "150", "--patience", "1000", "--no-baseline", "--quiet", "--hidden", "16"]
TRAIN += ["--checkpoint-every", "1", "--resume"]


def test_two_hundred_kills_of_the_command_line(tmp_path: Path) -> None:
    subprocess.run([*TRAIN, "-o", "whole.safetensors"], cwd=tmp_path, check=True)
    expected = fl.load(tmp_path / "whole.safetensors").parameters
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    dice = random.Random(2)
    kills = finished = 0
    while kills < 200:
        process = subprocess.Popen([*TRAIN, "-o", model.name], cwd=tmp_path)
        try:
            process.wait(dice.uniform(0.6, 2.2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        for file in (model, checkpoint):
            if file.exists():
                fl.load(file)  # readable at every moment
        if process.returncode == 0:
            np.testing.assert_array_equal(fl.load(model).parameters, expected)
            assert not checkpoint.exists()
            model.unlink()
            finished += 1
    assert finished > 3


def test_every_flipped_bit(tmp_path: Path) -> None:
    raw = (Path(__file__).parent / "fixtures" / "counts-0.1.0-b.safetensors").read_bytes()
    path = tmp_path / "m.safetensors"
    for at in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << (at % 8)
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            fl.load(path)


@pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only")
def test_a_million_files_guided_by_coverage(tmp_path: Path) -> None:
    script = Path(__file__).parent / "fuzz_modelfile.py"
    command = [sys.executable, str(script), "-runs=1000000", "-max_len=400", "-seed=1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "Done 1000000 runs" in result.stderr


COMPILE = """
import numpy as np, fallline as fl
net = fl.Network([3, 4, 1], loss="squared_error", seed=0)
X = np.arange(30.0).reshape(10, 3) / 30
fl.train(net, X, X.sum(axis=1), epochs=20, engine="compiled")
print(net.parameters.tobytes().hex())
"""


def test_processes_that_compile_at_once_do_not_harm_each_other(tmp_path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "FALLLINE_ENGINE": "jit"}
    command = [sys.executable, "-c", COMPILE]

    def start() -> subprocess.Popen:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    answers = {run.communicate()[0] for run in [start() for _ in range(3)]}
    answers.add(start().communicate()[0])
    assert len(answers) == 1
    assert "" not in answers
