"""`fallline explain`: what it prints, as text and as data, and what it refuses."""

import io
import json
import sys
from pathlib import Path

import polars as pl
import pytest

import fallline as fl
from fallline.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain")
    rows = range(120)
    frame = pl.DataFrame(
        {
            "x": [i * 37 % 101 / 10 for i in rows],
            "town": [("Ulm", "Bern", "Graz")[i % 3] for i in rows],
            "late": [("no", "yes")[i * 37 % 101 > 50] for i in rows],
        }
    )
    frame.write_csv(path / "t.csv")
    fl.train_table(frame, "late", preset="quick").save(path / "m.safetensors")
    return path


def call(folder: Path, monkeypatch, *words: str) -> int:
    names = [str(folder / "m.safetensors"), str(folder / "t.csv")]
    monkeypatch.setattr(sys, "argv", ["fallline", "explain", *names, *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_rows_as_data_add_up(folder: Path, monkeypatch, capsys) -> None:
    assert call(folder, monkeypatch, "--row", "3", "--row", "8", "--json", "--output", "no") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["row"] for row in rows] == [3, 8]
    for row in rows:
        assert row["explained"] == "log-odds of no"
        total = row["base"] + sum(column["adds"] for column in row["columns"])
        assert total == pytest.approx(row["value"], abs=1e-5)
    cells = [column["value"] for column in rows[0]["columns"]]
    assert cells == ["7.4", "Graz"]


def test_a_table_as_data(folder: Path, monkeypatch, capsys) -> None:
    assert call(folder, monkeypatch, "--json", "--probability") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["overview_rows"] == 120
    assert found["strength"][0]["column"] == "x"
    low, high = found["importances"][0]["interval"]
    assert 0 < low < found["importances"][0]["rise"] < high
    assert [d["column"] for d in found["dependences"]] == ["x", "town"]


def test_a_baseline_of_the_tables_rows(folder: Path, monkeypatch, capsys) -> None:
    assert call(folder, monkeypatch, "--row", "3", "--baseline", "3") == 0
    printed = capsys.readouterr().out
    assert "base is the output at the row given" in printed
    assert all(line.split()[-1] == "+0.0000" for line in printed.split("\n")[3:5])


def test_without_unicode_bars_are_plain(folder: Path, monkeypatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert call(folder, monkeypatch, "--row", "3") == 0
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "+++" in text or "---" in text
    assert "\\u" not in text


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--row", "0"], "--row 0: ", 2),
        (["--row", "121"], "has rows 1 to 120", 2),
        (["--baseline", "121"], "--baseline 121: ", 2),
        (["--output", "perhaps"], "one of the classes, no, yes", 2),
        (["--steps", "0"], "steps must be", 2),
        (["--report", "none/r.html"], "there is no folder none", 1),
    ],
)
def test_what_is_wrong_is_said(words, message, code, folder: Path, monkeypatch, capsys) -> None:
    assert call(folder, monkeypatch, *words) == code
    assert message in capsys.readouterr().err
