"""Colour where it helps, none in a pipe or with NO_COLOR; lines within 80 columns."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from fallline.cli.colour import painted, with_best

GREEN, RED = "\033[32m", "\033[31m"
HOUSING = Path(__file__).parents[2] / "examples" / "housing.csv"


def on_a_terminal(folder: Path, *command: str, **environment: str) -> str:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fallline", *command],
        cwd=str(folder),
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 80),
    )
    text: str = child.read()
    child.close()
    return text


def test_the_best_score_of_a_line_is_green() -> None:
    line = "R2                         0.726            0.6559      -0.010458"
    assert with_best(line) == line.replace("0.726", f"{GREEN}0.726\033[0m")
    line = "root mean squared error   71,006            63,361        121,677"
    assert with_best(line) == line.replace("63,361", f"{GREEN}63,361\033[0m")
    line = "area under ROC of 1         0.55           0.53059"
    assert with_best(line) == line.replace("0.55 ", f"{GREEN}0.55\033[0m ")
    for other in ("R2  0.7", "R2  0.72  0.69 to 0.74  -0.1", "rows  1  2"):
        assert with_best(other) == other
    assert painted("W1  WRONG").endswith(f"{RED}WRONG\033[0m")


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a Unix terminal")
def test_colour_on_a_terminal_alone(cli: Callable[..., Any], tmp_path: Path) -> None:
    command = ("check", "--as-published")
    assert f"{RED}WRONG" in on_a_terminal(tmp_path, *command)
    assert "\033[" not in on_a_terminal(tmp_path, *command, NO_COLOR="1")
    assert "\033[" not in on_a_terminal(tmp_path, *command, TERM="dumb")
    assert "\033[" not in cli(*command).stdout


def test_every_line_is_within_80_columns(cli: Callable[..., Any]) -> None:
    for command in (
        ("train", HOUSING, "--target", "ocean_proximity", "--preset", "quick", "--test", "0.2"),
        ("info", "model.safetensors"),
        ("evaluate", "model.safetensors", HOUSING),
        ("look", HOUSING),
    ):
        done = cli(*command)
        assert done.returncode == 0, done.stderr
        long = [line for line in done.stdout.splitlines() if len(line) > 80]
        assert long == [], command
