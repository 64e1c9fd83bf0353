"""The wheel brings the engine's machine code: no compiler, no Numba, no warm-up where it goes."""

import os
import subprocess
import sys
import sysconfig
import zipfile
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
    assert wheel.name.endswith("-py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64.whl")
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


PLATFORMS = {
    "linux-x86_64": ("manylinux_2_17_x86_64.musllinux_1_1_x86_64", 3),
    "linux-aarch64": ("manylinux_2_17_aarch64.musllinux_1_1_aarch64", 1),
    "macosx-x86_64": ("macosx_11_0_x86_64", 2),
    "macosx-arm64": ("macosx_11_0_arm64", 1),
    "win-amd64": ("win_amd64", 3),
    "win-arm64": ("win_arm64", 1),
    "pure": ("any", 0),
}


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_has_its_tag_and_its_libraries(platform: str, tmp_path: Path) -> None:
    from fallline.engine.build.targets import TARGETS

    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for name in ["fallline.h", *(target.file for target in TARGETS.values())]:
        (libraries / name).write_text(name)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps"]
    names = {"FALLLINE_WHEEL": platform, "FALLLINE_LIBRARIES": str(libraries)}
    run(*command, "--no-build-isolation", "-w", tmp_path, ROOT, env=os.environ | names)
    (wheel,) = tmp_path.glob("fallline-*.whl")
    tag, count = PLATFORMS[platform]
    assert wheel.name.endswith(f"-py3-none-{tag}.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name).name for name in archive.namelist() if "/engine/lib/" in name}
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        tags = [line for line in archive.read(record).decode().splitlines() if "Tag: " in line]
    assert len(inside) == (count + 1 if count else 0)  # and the header
    assert tags == [f"Tag: py3-none-{part}" for part in tag.split(".")]
    system = {"linux": "linux", "macosx": "darwin", "win": "win32"}.get(
        platform.split("-", maxsplit=1)[0]
    )
    here = {each.file for each in TARGETS.values() if each.system == system}
    assert inside <= here | {"fallline.h"}
