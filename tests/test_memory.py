"""Where memory is limited (`ulimit -v`) a command says so in a line, or works."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fallline import memory
from fallline.cli.app import main
from fallline.data.reading import read_table
from fallline.errors import FalllineError

HOUSING = Path(__file__).parents[1] / "examples" / "housing.csv"
TRAIN = ("train", str(HOUSING), "--target", "median_house_value", "--epochs", "2")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others limit nothing")
@pytest.mark.parametrize(
    ("kilobytes", "words", "said"),
    [
        (700_000, TRAIN, "reading a table takes an address space of at least 1.4 GB, and this"),
        (700_000, ("predict", "m.safetensors", "t.csv"), "raise the limit (ulimit -v unlimited)"),
        (3_000_000, (*TRAIN, "--report", "r.html"), "drawing the pictures of a report takes"),
        (700_000, ("demo", "--epochs", "10", "-q"), None),
    ],
)
def test_a_limit_is_told_of(kilobytes: int, words: tuple[str, ...], said: str, tmp_path) -> None:
    command = shlex.join([sys.executable, "-m", "fallline", *words])
    done = subprocess.run(
        ["sh", "-c", f"ulimit -v {kilobytes}; exec {command}"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if said is None:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_which_there_is_no_room_is_not_begun(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    monkeypatch.setattr(memory, "address_space", lambda: 1.9e9)
    with pytest.raises(FalllineError, match=r"reading 200 MB at once .* 2 GB, .* \(--large\)"):
        read_table(path)


class PanicException(BaseException):  # as Rust's is called
    pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 3 GiB"), "not enough memory (Unable to allocate 3 GiB): "),
        (MemoryError(), "there is not enough memory: this process is limited to 2 GB (ulimit -v)"),
        (PanicException("failed to spawn"), "fallline: a library gave up: failed to spawn"),
    ],
)
def test_what_a_library_cannot_get(error: BaseException, said: str, monkeypatch, capsys) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("fallline.cli.app.app", fail)
    monkeypatch.setattr("fallline.cli.app.show_safely", lambda: None)
    monkeypatch.setattr(memory, "address_space", lambda: 2e9)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert said in capsys.readouterr().err
