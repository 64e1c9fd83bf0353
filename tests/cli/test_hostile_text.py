"""Names and labels that hold anything, through every command: they appear as text, escaped."""

import json
import random
import re
import shlex
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from fallline.cli import main

PIECES = [
    *("\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "\x00", "\x07", "\x08", "\x7f", "\x85", "\r", "\t"),
    *("\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\u2029", "\ufffe", "\uffff", "\n"),
    *("</script><script>x()</script>", "<img src=x onerror=x()>", "]]>", "<!--", "-->", "&lt;"),
    *(
        "=1+1",
        "+cmd",
        "-cmd",
        "@SUM(A1)",
        "'",
        '"',
        "`",
        "\\",
        "${x}",
        "{x}",
        "%s",
        "*/",
        "//",
        "--",
    ),
    *("a", "straße", "名", "e\u0301", " ", "\U000e0001", "&", "//", "--"),
]
UNSAFE = re.compile(  # control characters but the line's end, marks of direction, line separators
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


def hostile(chance: random.Random, known: set[str]) -> str:
    """A new text of one to four pieces, with a letter so that it is no number and no gap."""
    while True:
        pieces = [chance.choice(PIECES) for _ in range(chance.randint(1, 4))]
        text = "".join([*pieces, chance.choice(["zq", "qx", "xz"])])
        if text.strip() not in known:
            known.add(text.strip())
            return text


def written(folder: Path, names: list[str], labels: list[str], towns: list[str]) -> None:
    """A table of 80 rows: a number, a column of texts, a target of two classes."""
    rows = range(80)
    columns = {
        names[0]: [i * 37 % 11 / 7 for i in rows],
        names[1]: [towns[i % 3] for i in rows],
        names[2]: [labels[(i * 37 % 11 > 5) ^ (i % 13 == 0)] for i in rows],
    }
    pl.DataFrame(columns).write_parquet(folder / "t.parquet")


class Tags(HTMLParser):
    """The elements of a page and their attributes' names: what a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("path", "text", "g", "line", "rect", "tspan"):  # charts vary with the data
            names = sorted(name for name, _ in attrs if name != "class")
            self.found.append(" ".join([tag, *names]))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command here; what it printed."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["fallline", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == 0, (shlex.join(words), printed.err)
        return printed.out + printed.err

    return run


def every_output(call: Callable[..., str], folder: Path, target: str) -> tuple[str, str]:
    """What a terminal is shown by all commands; the reports."""
    files = ("t.parquet", "m", "r.html", "why.html")
    table, model, report, why = (str(folder / name) for name in files)
    given = (table, f"--target={target}", "--epochs", "2")
    shown = [
        call("look", table, f"--target={target}"),
        call("train", *given, "-o", model, "--report", report, "--preset", "quick"),
        call("info", model),
        call("evaluate", model, table),
        call("cv", *given, "--folds", "2", "-o", str(folder / "cv.csv"), "--spreadsheet"),
        call("predict", model, table, "-o", str(folder / "p.csv"), "--spreadsheet"),
        call("trace", "--model", model, table, "--row", "3"),
        call("explain", model, table),
        call("explain", model, table, "--row", "2", "--row", "3", "--report", why),
        call("export", model, str(folder / "m.py")),
        call("export", model, str(folder / "m.json")),
    ]
    commands = (("info", model), ("evaluate", model, table), ("explain", model, table))
    for words in commands:
        assert isinstance(json.loads(call(*words, "--json")), dict)
    return "".join(shown), Path(report).read_text() + Path(why).read_text()


@pytest.mark.parametrize("seed", range(4))
def test_names_and_labels_appear_as_text(seed: int, call, tmp_path: Path) -> None:
    chance, known = random.Random(seed), {""}
    texts = [hostile(chance, known) for _ in range(8)]
    twin, folder = tmp_path / "twin", tmp_path / "hostile"
    twin.mkdir()
    folder.mkdir()
    written(twin, ["one", "two", "three"], ["no", "yes"], ["x", "y", "z"])
    written(folder, texts[:3], texts[3:5], texts[5:])
    _, plain = every_output(call, twin, "three")
    shown, report = every_output(call, folder, texts[2])
    assert not UNSAFE.search(shown), UNSAFE.findall(shown)
    assert Tags(report).found == Tags(plain).found
    assert not UNSAFE.search(report.replace("\r", "")), UNSAFE.findall(report)
    for name in ("p.csv", "cv.csv"):
        for cell in re.split(r'[,\n]"?', (folder / name).read_text()):
            assert not re.match(r"[=+@\t]|-\D", cell), (name, cell)
    source = (folder / "m.py").read_text()
    compile(source, "m.py", "exec")
    assert not UNSAFE.search(source), UNSAFE.findall(source)
