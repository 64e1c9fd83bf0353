"""The C interface, and recorded calls made again by it: here, on ARM, in WebAssembly."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import fallline as fl
from fallline.engine import library, processor
from tests.engine.replay import record_calls

ROOT = Path(__file__).parents[2]
REPLAY = Path(__file__).parent / "replay"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
GNU = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"]
CC = shutil.which("cc")
by_c = pytest.mark.skipif(
    CC is None or library.shared() is None or sys.platform == "win32",
    reason="it takes a C compiler and the engine's library",
)


def run(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def own_library() -> Path:
    return Path(library.shared()._name)


@by_c
def test_the_example_in_c_trains_and_predicts_as_python_does(tmp_path: Path) -> None:
    program = tmp_path / "truth_table"
    flags = run(sys.executable, "-m", "fallline.engine", "--flags").split()
    run(CC, *STRICT, ROOT / "examples" / "c" / "truth_table.c", *flags, "-o", program)
    name, loss, *probabilities = run(program).split()
    X = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], float)
    net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy")
    net.parameters = np.array([0.5, -0.3, -0.2, 0.4, 0.3, 0.6, 0, 0, -0.4, 0.7, 0])
    descent = fl.GradientDescent(1.6)
    history = fl.train(net, X, X[:, 0] * X[:, 2], optimizer=descent, epochs=20_000)
    assert name == "loss"
    assert float(loss) == history.loss[-1]
    assert [float(p) for p in probabilities] == fl.Predictor(net).predict_proba(X)[:, 0].tolist()


@by_c
def test_recorded_calls_leave_the_same_bits(tmp_path: Path, monkeypatch) -> None:
    calls = record_calls(tmp_path / "calls", monkeypatch)
    program = tmp_path / "replay"
    run(CC, *GNU, REPLAY / "replay.c", "-o", program, "-ldl", "-lm")
    made, arrays, different, _ = run(program, own_library(), tmp_path / "calls").split()
    assert int(made) == calls > 100
    assert int(arrays) > 2000
    assert different == "0"


@by_c
@pytest.mark.long
@pytest.mark.skipif(
    not Path("/lib/ld-musl-x86_64.so.1").exists(), reason="it takes musl (Debian: musl)"
)
def test_the_library_serves_under_musl(tmp_path: Path, monkeypatch) -> None:
    calls = record_calls(tmp_path / "calls", monkeypatch)
    program = tmp_path / "replay"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-dynamic"]
    run(*zig, *GNU, REPLAY / "replay.c", "-o", program)
    made, _, different, _ = run(program, own_library(), tmp_path / "calls").split()
    assert (int(made), different) == (calls, "0")


@pytest.mark.long
@pytest.mark.skipif(
    sysconfig.get_platform() != "linux-x86_64" or not {"x86-64-v3"} & set(processor.levels()),
    reason="the calls are recorded on a processor with fused multiplication",
)
def test_arm_leaves_the_same_bits_and_webassembly_agrees(tmp_path: Path, monkeypatch) -> None:
    """Under qemu-user with libc6-arm64-cross (Debian), and in Node."""
    record_calls(tmp_path / "calls", monkeypatch)
    build = [sys.executable, "-m", "fallline.engine.build", "--folder", tmp_path]
    run(*build, "linux-aarch64", "wasm")
    emulator, sysroot = shutil.which("qemu-aarch64"), Path("/usr/aarch64-linux-gnu")
    if emulator and sysroot.exists():
        program = tmp_path / "replay"
        run(sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.28", *GNU,
            REPLAY / "replay.c", "-o", program, "-ldl", "-lm")  # fmt: skip
        result = run(emulator, "-L", sysroot, program, tmp_path / "fallline-aarch64.so",
                     tmp_path / "calls")  # fmt: skip
        _, arrays, different, _ = result.split()
        assert int(arrays) > 2000
        assert different == "0"
    node = shutil.which("node")
    if node:
        result = run(node, REPLAY / "replay.mjs", tmp_path / "fallline.wasm", tmp_path / "calls")
        _, arrays, _, worst = result.split()
        assert int(arrays) > 2000
        assert float(worst) < 1e-5
    if not (emulator and sysroot.exists() and node):
        pytest.skip("not all of qemu-user, libc6-arm64-cross and node are there")
