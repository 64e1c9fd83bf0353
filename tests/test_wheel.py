"""The wheel brings the engine's machine code: no compiler, no Numba, no warm-up where it goes."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECK = """
import sys, numpy as np, fallline as fl
from fallline.engine import ready
from fallline.lesson import TRAIN_X, TRAIN_Y
net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
assert ready(net)
history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=2_000)
assert history.loss[-1] < 0.01, history.loss[-1]
assert len(fl.sweep(TRAIN_X, TRAIN_Y, {"hidden": [2, 4], "epochs": 20}, seeds=4).runs) == 8
assert fl.Predictor(net).predict([1.0, 1.0, 1.0]) == 1
model = fl.MLPClassifier((4,), solver="lbfgs", random_state=0).fit(TRAIN_X, TRAIN_Y)
assert model.score(TRAIN_X, TRAIN_Y) == 1.0
assert not {"numba", "llvmlite"} & set(sys.modules)
print("without a compiler")
"""


def run(*command: object, **options: object) -> str:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=True,
        **options,  # type: ignore[call-overload]
    ).stdout


@pytest.mark.long
@pytest.mark.skipif(sysconfig.get_platform() != "linux-x86_64", reason="other wheels are pure")
def test_the_wheel_needs_no_compiler(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("fallline-*.whl")
    assert wheel.name.endswith("-py3-none-linux_x86_64.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[sklearn]")
    bare = {"PATH": str(python.parent), "HOME": str(tmp_path)}  # no compiler in sight
    assert run(python, "-c", CHECK, env=bare, cwd=tmp_path) == "without a compiler\n"
    assert "After 20,000 epochs" in run(python, "-m", "fallline", "demo", env=bare, cwd=tmp_path)
    table = ROOT / "examples" / "housing.csv"
    run(python, "-m", "fallline", "train", table, "--target", "median_house_value", "-q",
        "--preset", "quick", "-o", "m.safetensors", env=bare, cwd=tmp_path)  # fmt: skip
    predicted = run(python, "-m", "fallline", "predict", "m.safetensors", table, env=bare,
                    cwd=tmp_path)  # fmt: skip
    assert len(predicted.splitlines()) == len(table.read_text().splitlines())
