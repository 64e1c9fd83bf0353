"""Every command and every Python snippet of README.md and docs/ runs, and prints what it says.

A fenced block ``console`` holds commands after ``$ `` and their output; a line ``...`` stands for
any number of lines, ``...`` within a line for any text. A block ``python`` with ``>>>`` is a
doctest; without, it is run. The blocks of a file run in order, in one folder with the example data.
"""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forking import CLIENT, Forks

ROOT = Path(__file__).parents[2]
WRITTEN = sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)
PAGES = [ROOT / "README.md", *WRITTEN]
TASKS = (ROOT / "src/fallline/playground/page/tasks.js").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text())


def matches(expected: str, got: str) -> bool:
    lines = expected.rstrip("\n").split("\n")
    parts = [
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in lines
    ]
    return re.fullmatch("".join(parts), got.rstrip("\n") + "\n") is not None


@pytest.fixture(scope="module")
def programs(
    forking: Forks | None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], list[str]]:
    """The folders of programs that a page's commands find, before the usual ones.

    Those of README.md find `fallline` as it was installed, others one that need not start.
    """
    installed = Path(sys.executable).parent
    if forking is None:
        return lambda page: [str(installed)]
    folder = tmp_path_factory.mktemp("programs")
    script = folder / "fallline"
    words = [sys.executable, "-I", "-S", str(CLIENT), forking.address]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    script.chmod(0o755)
    return lambda page: [str(installed)] if page == PAGES[0] else [str(folder), str(installed)]


def run_console(block: str, folder: Path, programs: list[str]) -> None:
    path = os.pathsep.join([*programs, os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "COLUMNS": "80"}
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        result = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        got = "\n".join(line.rstrip() for line in (result.stdout + result.stderr).split("\n"))
        assert matches(expected, got), f"$ {command}\nexpected:\n{expected}\ngot:\n{got}"


def run_python(block: str, folder: Path, names: dict[str, object]) -> None:
    if ">>>" not in block:
        exec(compile(block, "snippet", "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block, names, "snippet", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(test, out=report.append, clear_globs=False)
    names |= test.globs
    assert not report, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_do_what_they_say(page: Path, programs, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, block in blocks(page):
        if kind == "console":
            run_console(block, tmp_path, programs(page))
        elif kind == "python":
            run_python(block, tmp_path, names)
        else:
            assert kind in ("sh", "text"), f"{page.name}: a block of kind {kind} is not run"


def test_the_comparison_can_fail() -> None:
    assert matches("a\n...\nb ... s\n", "a\nx\ny\nb 1.23 s\n")
    assert matches("a\n...\nb\n", "a\nb\n")
    assert not matches("a\nb\n", "a\nc\n")
    assert not matches("a\n...\nb\n", "a\nx\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if target.startswith("play:"):  # the playground, with a task (docs/conf.py)
            assert target == "play:" or f'id: "{target.removeprefix("play:task=")}"' in TASKS
        elif "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_is_documented() -> None:
    source = (ROOT / "src/fallline/cli/app.py").read_text()
    commands = re.findall(r"@app\.declare\ndef (\w+)", source)
    assert len(commands) >= 7
    pages = "\n".join(page.read_text() for page in PAGES)
    for command in commands:
        assert f"$ fallline {command}" in pages, f"`fallline {command}` is nowhere documented"


def test_every_message_that_is_explained_is_one() -> None:
    """Each quoted message stands in the sources; ``...`` is what a message fills in."""
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a text over several lines
    page = (ROOT / "docs/troubleshooting.md").read_text()
    rows = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    assert len(rows) > 10
    for message in re.findall(r"`([^`]+)`", "\n".join(rows)):
        for part in message.split("..."):
            assert part.strip() in source, f"no message says {part!r}"


def test_every_dependency_has_its_line() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert listed is not None
    page = (ROOT / "docs/dependencies.md").read_text()
    for name in re.findall(r'"([a-z0-9-]+)>=', listed.group(1)):
        assert f"| {name} |" in page
