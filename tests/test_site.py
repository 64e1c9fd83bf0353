"""The documentation site builds without a warning, and its words are spelled rightly."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: object) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.long
def test_the_site_builds(tmp_path: Path) -> None:
    """From nothing, the lesson's notebooks run by Jupyter."""
    run("sphinx", "-W", "--keep-going", "--quiet", "docs", tmp_path / "html")
    for page in ("index", "lesson/10-landscape", "reference/network", "how-to/own-parts"):
        assert (tmp_path / "html" / f"{page}.html").stat().st_size > 5_000
    index = (tmp_path / "html" / "genindex.html").read_text()
    for name in ("check_gradients", "register_activation", "Predictor", "loss_landscape"):
        assert name in index


def test_spelling() -> None:
    places = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "src", "tests", "benchmarks")
    run("codespell_lib", *places)  # what to skip and to ignore: pyproject.toml
