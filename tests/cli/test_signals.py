"""Exit codes of commands that a signal ends, and what is left of their work."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fallline as fl

HOUSING = Path(__file__).parents[2] / "examples" / "housing.csv"
TRAIN = ["train", str(HOUSING), "--target", "median_house_value", "--epochs", "100000"]


# signals as a terminal leaves them: tests may run where some are ignored
UNIGNORED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
sys.argv = ["fallline", *sys.argv[1:]]
from fallline.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_training_with_what_was_reached(name: str, code: int, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", UNIGNORED, *TRAIN, "-o", "m.safetensors", "--checkpoint-every", "1"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoint = tmp_path / "m.checkpoint.safetensors"
    for _ in range(600):
        if checkpoint.exists():
            break
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "interrupted; m.safetensors holds the best parameters so far" in errors
    assert fl.TableModel.load(tmp_path / "m.safetensors").history.stopped == "interrupted"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_codes_of_calls_that_fail(cli, tmp_path: Path) -> None:
    assert cli("train").returncode == 2
    assert cli("train", HOUSING, "--target", "median_house_value", "--epochs", "-1").returncode == 2
    assert cli("train", "nothing.csv", "--target", "y").returncode == 1
    assert cli("--version").returncode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """As under nohup."""
    command = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from fallline.cli.signals import Signals; s = Signals();"
        "os.kill(os.getpid(), signal.SIGHUP); print(s.received, s.exit_code(1), s.exit_code(0))"
    )
    out = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == ["0", "1", "0"]
