"""The lesson's notebooks run from top to bottom; hidden cells hold the numbers that the text says.

They are MyST Markdown (docs/lesson/*.md). The cells run here in one process, without a kernel;
`make docs` runs them by Jupyter as well.
"""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("agg")
from matplotlib import pyplot as plt

LESSONS = sorted((Path(__file__).parents[2] / "docs" / "lesson").glob("[0-9]*.md"))
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells(page: Path) -> list[str]:
    return [code for _, code in CELL.findall(page.read_text())]


def test_there_are_ten() -> None:
    assert [page.name[:2] for page in LESSONS] == [f"{i:02}" for i in range(1, 11)]


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_every_cell_runs(page: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for i, code in enumerate(cells(page)):
        exec(compile(code, f"{page.name}, cell {i}", "exec"), names)
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
        plt.close("all")


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_every_lesson_ends_with_exercises_answers_and_checked_numbers(page: Path) -> None:
    text = page.read_text()
    exercises, answers = text.index("\n## Exercises\n"), text.index("\n## Answers\n")
    assert exercises < answers
    assert text.count("\n## ", answers + 1) == 0
    asked = re.findall(r"^(\d)\. ", text[exercises:answers], re.MULTILINE)
    answered = re.findall(r"^(\d)\\\.", text[answers:], re.MULTILINE)
    assert asked == answered
    assert len(asked) >= 3
    assert ":tags: [remove-cell]" in text
