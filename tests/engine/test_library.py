"""The shared library made ahead of time: no Numba at run time, and the bits that Numba gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fallline.engine import library, processor
from fallline.errors import ParameterError

needed = pytest.mark.skipif(
    library.shared() is None, reason="no library: python -m fallline.engine.build makes it"
)
WORK = """
import hashlib, sys
import numpy as np
import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y

digest, rng = hashlib.sha256(), np.random.default_rng(0)
for dtype in ("float64", "float32"):
    net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0, dtype=dtype)
    descent = fl.GradientDescent(1.6)
    fl.train(net, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=20_000, record_every=20_000,
             engine="compiled")
    digest.update(net.parameters.tobytes())
    digest.update(fl.Predictor(net).predict_proba(TRAIN_X).tobytes())
    X = rng.normal(size=(300, 6))
    for hidden, loss, y in [
        ("relu", "huber", X[:, 0]),
        ("gelu", "cross_entropy", rng.integers(0, 3, 300)),
        ("softplus", "poisson", abs(X[:, 1])),
    ]:
        net = fl.Network([6, 20, 3 if loss == "cross_entropy" else 1], hidden=hidden, loss=loss,
                         seed=1, dtype=dtype)
        fl.train(net, X, y, epochs=4, batch_size=32, l2=0.01, dropout=0.1, engine="compiled")
        digest.update(net.parameters.tobytes())
    found = fl.sweep(X, X[:, 0], {"hidden": [3, 5], "epochs": 6}, seeds=5, dtype=dtype)
    digest.update(np.array([run["score"] for run in found.runs]).tobytes())
print(digest.hexdigest(), "numba" in sys.modules or "llvmlite" in sys.modules)
"""


def done(level: str) -> list[str]:
    """Hash of all that WORK computes, and whether Numba was imported."""
    environment = os.environ | {"FALLLINE_ENGINE": level}
    command = [sys.executable, "-c", WORK]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return out.stdout.split()


@needed
def test_the_bits_of_numba_without_numba() -> None:
    compiled_here, by_numba = done("")
    assert by_numba == "False"
    assert done("jit") == [compiled_here, "True"]


def test_a_forced_level_that_is_not_there_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALLLINE_ENGINE", "z80")
    with pytest.raises(ParameterError, match=r"fallline\.engine\.build z80 makes one"):
        library.shared.__wrapped__()


def test_a_library_of_other_sources_is_not_taken(tmp_path: Path, monkeypatch) -> None:
    assert library.opened(tmp_path / "nothing.so") is None
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    assert library.opened(broken) is None
    own = library.FOLDER / processor.file_name((*processor.levels(), "none")[0])
    if library.opened(own) is not None:
        monkeypatch.setattr(library, "sources", lambda: 1)
        assert library.opened(own) is None


def test_names_of_functions() -> None:
    assert library.symbol_of("train", "float32") == "fallline_train_float32"
    shape = (3, 2, 1), (1,), -5
    assert library.symbol_of("descend", "float64", *shape) == "fallline_descend_float64_3_2_1_1_m5"


def test_the_header_names_every_field() -> None:
    from fallline.engine.build.header import header
    from fallline.engine.records import STRUCTURES

    text = header()
    for structure in STRUCTURES.values():
        assert f"struct fallline_{structure.name} {{" in text
        assert all(f" {field.name}; /* " in text for field in structure.fields)


NO_NUMBA = """
import importlib.util, sys, warnings
whole = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else whole(name, *rest)
sys.modules["numba"] = sys.modules["llvmlite"] = None
import numpy as np
import fallline as fl
from fallline.engine import obstacles
fl.register_activation("own", lambda Z: Z * Z, lambda Z, A: 2 * Z)
X = np.random.default_rng(0).normal(size=(200, 3))
plain = fl.Network([3, 4, 1], loss="huber", seed=0)
own = fl.Network([3, 4, 1], hidden="own", loss="huber", seed=0)
for net in (plain, own):
    fl.train(net, X, X[:, 0], epochs=20)
for _ in range(2):  # long enough to pay for the engine
    fl.train(own, X[:5], X[:5, 0], epochs=60_000, record_every=60_000)
print(obstacles(plain), obstacles(own))
"""


@pytest.mark.parametrize("level", ["", "jit"])
def test_without_numba_the_reference_serves_what_the_library_has_not(level: str) -> None:
    environment = os.environ | {"FALLLINE_ENGINE": level}
    command = [sys.executable, "-c", NO_NUMBA]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert out.stderr.count("trained by the slower NumPy reference") == 1
    if level == "" and library.shared() is not None:
        assert out.stdout.startswith("[] [")
        assert "pip install fallline[jit]" in out.stdout
    else:
        assert out.stdout.count("there is no library, and Numba is not installed") == 2


def test_processors_with_fused_multiplication_give_the_same_bits() -> None:
    fused = [each for each in processor.levels() if each != "x86-64-v2"]
    there = [each for each in fused if library.opened(library.FOLDER / processor.file_name(each))]
    if len(there) < 2:
        pytest.skip(
            "it takes the libraries of two levels: python -m fallline.engine.build LEVEL ..."
        )
    one, other = (done(level)[0] for level in there[:2])
    assert one == other
