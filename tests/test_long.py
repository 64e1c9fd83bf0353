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
from fallline.errors import FalllineError, ModelFileError
from fallline.reading import read_table
from fallline.table_model import train_table

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


CELL = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "?", "x", "y", '"a,b"', "2020-01-01", "true", "é", " 7 ", "1e400", '"']),
    st.text(max_size=4),
)


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=30),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_made_up_tables_train_or_are_refused(tmp_path, rows, separator, ending) -> None:
    path = tmp_path / "t.csv"
    text = ending.join(separator.join(row) for row in [["a", "b"], *rows])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        model = train_table(read_table(path), "b", epochs=2, hidden=(3,))
    except FalllineError as error:
        lines = str(error).split("\n")
    else:
        lines = []
    assert len(lines) <= 2
    if lines:
        return
    assert np.isfinite(model.network.parameters).all()
    predicted = model.predict(read_table(path))
    assert len(predicted.values) == len(read_table(path))
