"""The shared library made ahead of time: no Numba at run time, and the bits that Numba gives."""

import os
import shutil
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import pytest

from fallline.engine import library, processor
from fallline.errors import ParameterError

needed = pytest.mark.skipif(
    library.shared() is None, reason="no library: python -m fallline.engine.build makes it"
)
# The first argument is the work, the second the dtype.
SCRIPT = """
import hashlib, sys
import numpy as np
import fallline as fl
from fallline.engine.minimizer import minimizes
from fallline.lesson import TRAIN_X, TRAIN_Y

digest, rng = hashlib.sha256(), np.random.default_rng(0)
work, dtype = sys.argv[1:]
X = rng.normal(size=(300, 6))
if work == "truth table":
    net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0, dtype=dtype)
    descent = fl.GradientDescent(1.6)
    fl.train(net, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=20_000, record_every=20_000,
             engine="compiled")
    digest.update(net.parameters.tobytes())
    digest.update(fl.Predictor(net).predict_proba(TRAIN_X).tobytes())
if work == "general":
    for hidden, loss, y in [
        ("relu", "huber", X[:, 0]),
        ("gelu", "cross_entropy", rng.integers(0, 3, 300)),
        ("softplus", "poisson", abs(X[:, 1])),
    ]:
        net = fl.Network([6, 20, 3 if loss == "cross_entropy" else 1], hidden=hidden, loss=loss,
                         seed=1, dtype=dtype)
        fl.train(net, X, y, epochs=4, batch_size=32, l2=0.01, dropout=0.1, engine="compiled")
        digest.update(net.parameters.tobytes())
if work == "sweep":
    found = fl.sweep(X, X[:, 0], {"hidden": [3, 5], "epochs": 6}, seeds=5, dtype=dtype)
    digest.update(np.array([run["score"] for run in found.runs]).tobytes())
if work == "L-BFGS":
    assert minimizes()
    net = fl.Network([6, 20, 1], hidden="silu", loss="huber", seed=1, dtype=dtype)
    history = fl.train(net, X, X[:, 0] * X[:, 1], optimizer=fl.LBFGS(), epochs=40, l2=1e-3)
    digest.update(net.parameters.tobytes() + np.array(history.loss).tobytes())
print(digest.hexdigest(), "numba" in sys.modules or "llvmlite" in sys.modules)
"""
BY_NUMBA = ("truth table", "sweep", "general")
WORKS = (*BY_NUMBA, "L-BFGS")  # which is the library's alone: elsewhere SciPy minimises
DTYPES = ("float64", "float32")


def done(level: str, work: str, dtype: str) -> list[str]:
    """Hash of all that ``work`` computes, and whether Numba was imported."""
    environment = os.environ | {"FALLLINE_ENGINE": level}
    command = [sys.executable, "-c", SCRIPT, work, dtype]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return out.stdout.split()


def compiled_long(work: str, dtype: str) -> list[pytest.MarkDecorator]:
    """Numba compiles the general loop for half a minute, the others for some seconds."""
    return [pytest.mark.long] if work == "general" or dtype == "float32" else []


@needed
@pytest.mark.parametrize(
    ("work", "dtype"),
    [
        pytest.param(work, dtype, marks=compiled_long(work, dtype))
        for work in BY_NUMBA
        for dtype in DTYPES
    ],
)
def test_the_bits_of_numba_without_numba(work: str, dtype: str) -> None:
    compiled_here, by_numba = done("", work, dtype)
    assert by_numba == "False"
    assert done("jit", work, dtype) == [compiled_here, "True"]


def test_a_forced_level_that_is_not_there_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALLLINE_ENGINE", "z80")
    with pytest.raises(ParameterError, match=r"fallline\.engine\.build z80 makes one"):
        library.shared.__wrapped__()


def test_a_library_that_does_not_fit_is_told_of(tmp_path: Path, monkeypatch) -> None:
    assert library.opened(tmp_path / "nothing.so") is None
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    with pytest.warns(RuntimeWarning, match="cannot be loaded: .*broken"):
        assert library.opened(broken) is None

    def refused(path: str) -> None:
        raise OSError(f"{path}: failed to map segment from shared object")  # a noexec mount

    own = Path(library.FOLDER) / processor.file_name((*processor.levels(), "none")[0])
    if library.shared() is not None:
        monkeypatch.setattr(library, "sources", lambda: 1)
        with pytest.warns(RuntimeWarning, match="another version"):
            assert library.opened(own) is None
        monkeypatch.setattr(library.ctypes, "CDLL", refused)
        with pytest.warns(RuntimeWarning, match="failed to map"):
            assert library.opened(own) is None


def test_an_unknown_processor_has_the_reference(monkeypatch) -> None:
    monkeypatch.setattr(library, "levels", lambda: ())
    assert library.shared.__wrapped__() is None


PROCESSORS = {
    ("linux", "x86_64", "avx512f avx512bw avx512cd avx512dq avx512vl avx2 fma bmi1 bmi2 f16c movbe "
     "sse4_2 ssse3 popcnt"): ("x86-64-v4", "x86-64-v3", "x86-64-v2"),
    ("linux", "AMD64", "avx2 fma bmi1 bmi2 f16c movbe sse4_2 ssse3 popcnt"): (
        "x86-64-v3", "x86-64-v2"
    ),
    ("linux", "x86_64", "sse2"): (),
    ("linux", "x86_64", ""): ("x86-64-v2",),
    ("linux", "aarch64", ""): ("aarch64",),
    ("darwin", "arm64", ""): ("aarch64",),
    ("linux", "riscv64", ""): (),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "found"), PROCESSORS.items(), ids=str)
def test_the_levels_of_a_processor(machine, found, monkeypatch) -> None:
    system, name, flags = machine
    monkeypatch.setattr(processor.sys, "platform", system)
    monkeypatch.setattr(processor.platform, "machine", lambda: name)
    monkeypatch.setattr(processor, "linux_flags", lambda: frozenset(flags.split()))
    assert processor.levels.__wrapped__() == found


FORKED = """
import os, warnings
import numpy as np
import fallline as fl
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of threads and forks
X = np.random.default_rng(0).normal(size=(4000, 20))

def trained():
    net = fl.Network([20, 64, 64, 1], loss="huber", seed=0)
    fl.train(net, X, X[:, 0], epochs=3, batch_size=2000, threads=2)
    return net.parameters.tobytes()

before = trained()
child = os.fork()
if child == 0:
    os._exit(0 if trained() == before else 1)
print(os.waitpid(child, 0)[1], trained() == before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_trains_on_after_threads() -> None:
    environment = os.environ | {"FALLLINE_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FORKED]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert out.stdout.split() == ["0", "True"]


TWICE = """
import sys
import numpy as np

def version(folder):
    for name in [each for each in sys.modules if each.split(".")[0] == "fallline"]:
        del sys.modules[name]
    sys.path.insert(0, folder)
    import fallline as fl
    from fallline.engine.library import shared
    assert fl.__file__.startswith(folder), fl.__file__
    X = np.random.default_rng(0).normal(size=(200, 3))
    def trained():
        net = fl.Network([3, 5, 1], loss="huber", seed=0)
        fl.train(net, X, X[:, 0], epochs=3)
        return net.parameters.tobytes()
    return trained, shared()._name

(one, its), (other, others) = map(version, sys.argv[1:])
assert its != others
print(one() == other() == one())
"""


@needed
def test_two_installations_in_one_process(tmp_path: Path) -> None:
    package = Path(library.__file__).parents[1]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "fallline", ignore=ignored)
    command = [sys.executable, "-c", TWICE, str(package.parent), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


READ_ONLY = """
import sys
from pathlib import Path
import numpy as np
import fallline as fl

package = Path(fl.__file__).parent

def hook(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        assert package not in Path(arguments[0]).resolve().parents, arguments

sys.addaudithook(hook)
X = np.random.default_rng(0).normal(size=(200, 3))
net = fl.Network([3, 5, 1], loss="huber", seed=0)
fl.train(net, X, X[:, 0], epochs=3)
fl.sweep(X, X[:, 0], {"hidden": [2, 3], "epochs": 2}, seeds=3)
print(fl.Predictor(net).predict(X[0]).shape)
"""


@needed
def test_nothing_is_written_where_it_is_installed() -> None:
    command = [sys.executable, "-B", "-c", READ_ONLY]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "()\n"


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a library that is older
        there = [
            each
            for each in fused
            if library.opened(Path(library.FOLDER) / processor.file_name(each))
        ]
    if len(there) < 2:
        pytest.skip(
            "it takes the libraries of two levels: python -m fallline.engine.build LEVEL ..."
        )
    for work, dtype in product(WORKS, DTYPES):
        one, other = (done(level, work, dtype)[0] for level in there[:2])
        assert one == other
