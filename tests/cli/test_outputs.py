"""Files that a command would replace, and what a terminal is shown."""

import io
import os
import sys
from pathlib import Path

import pytest

from fallline.cli.outputs import check_output
from fallline.cli.screen import Screen, show_safely
from fallline.errors import FileWriteError
from fallline.text import printable

TABLE = "a,b,y\n" + "".join(f"{i % 7},{i % 3},{'pq'[i % 2]}\n" for i in range(60))
HOSTILE = "p\x1b[31m\x85\u202e\u2028</script>\x07"


def test_a_file_that_is_read_is_not_replaced(cli, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(TABLE)
    (tmp_path / "link.csv").symlink_to(table)
    for output in (table, tmp_path / "link.csv"):
        result = cli("train", table, "--target", "y", "-o", output)
        assert result.returncode == 1
        assert "would replace it" in result.stderr
    cli("train", table, "--target", "y", "--epochs", "2", "-o", tmp_path / "m.safetensors", "-q")
    result = cli("predict", "m.safetensors", table, "-o", "m.safetensors")
    assert "would replace it" in result.stderr
    result = cli("cv", "t*.csv", "--target", "y", "-o", table)
    assert "would replace it" in result.stderr
    assert table.read_text() == TABLE


def test_another_kind_of_file_is_replaced_when_forced(cli, tmp_path: Path) -> None:
    table, notes = tmp_path / "t.csv", tmp_path / "notes.txt"
    table.write_text(TABLE)
    notes.write_text("mine")
    train = ("train", table, "--target", "y", "--epochs", "2", "-q", "-o")
    assert "no model file; --force" in cli(*train, notes).stderr
    assert notes.read_text() == "mine"
    cli(*train, notes, "--force")
    cli(*train, notes)  # a model takes the place of a model
    (tmp_path / "other.safetensors").write_bytes(notes.read_bytes())
    predict = ("predict", notes, table, "-o", "other.safetensors")
    assert "a model file; --force" in cli(*predict).stderr
    cli(*predict, "--force")
    assert (tmp_path / "other.safetensors").read_text().startswith("prediction")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_devices_pipes_and_long_names_are_refused_before_the_work(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileWriteError, match="a device or a pipe"):
        check_output(str(tmp_path / "pipe"))
    with pytest.raises(FileWriteError, match="a device or a pipe"):
        check_output(os.devnull)
    with pytest.raises(FileWriteError, match="longer than 255 bytes"):
        check_output(str(tmp_path / ("x" * 256)))
    check_output(str(tmp_path / ("x" * 255)))


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(FileWriteError, match="cannot be written to"):
        check_output(str(tmp_path / "m.safetensors"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_terminal_shows_a_curve_and_hostile_labels(encoding: str, cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE.replace("p", f'"{HOSTILE}"'), newline="")

    def run(*words: str) -> str:
        out = cli(*words, PYTHONIOENCODING=encoding, FALLLINE_NUM_THREADS="1")
        assert out.returncode == 0, out.stderr
        return out.stdout + out.stderr

    shown = run("train", "t.csv", "--target", "y", "--epochs", "5", "--report", "r.html")
    shown += run("evaluate", "model.safetensors", "t.csv") + run("info", "model.safetensors")
    shown += run("look", "t.csv", "--target", "y")
    assert r"p\x1b[31m\x85\u202e\u2028</script>\x07" in shown
    assert not set(HOSTILE) - set(printable(HOSTILE)) & set(shown)
    assert "training loss" in shown
    assert "\\u28" not in shown
    page = (tmp_path / "r.html").read_text()
    assert "</script>" not in page
    assert not {"\x1b", "\u202e", "\u2028", "\x07", "\x85"} & set(page)


def test_data_in_a_pipe_stay_as_they_are(cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE.replace("p", f'"{HOSTILE}"'), newline="")
    assert cli("train", "t.csv", "--target", "y", "--epochs", "5", "-q").returncode == 0
    out = cli("predict", "model.safetensors", "t.csv", "--write", "labels", "-q")
    assert set(out.stdout.split("\n")) == {"prediction", "q", HOSTILE, ""}


def test_a_closed_stream_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    show_safely()
    assert sys.stdout is None
    assert isinstance(sys.stderr, Screen)
    sys.stderr.writelines(["a\x1b", "\n"])
    assert sys.stderr.bare.getvalue() == "a\\x1b\n"
