"""Every write of every command, failing: nothing half-written under a final name, one clear line.

The file layer is faults.c; it counts the calls that change files in a folder and lets one fail.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fallline as fl
from fallline.atomic import TEMPORARY
from fallline.saving.modelfile import read_model
from tests.forking import Forks, forks

HERE = Path(__file__).parent
ONCE, FROM_HERE, MOVE, KILL = range(4)
TABLE = "a,b,y\n" + "".join(f"{i % 7},{i % 3},{'pq'[i % 2]}\n" for i in range(90))
TRAIN = ["train", "t.csv", "--target", "y", "--epochs", "2", "--preset", "quick", "-q"]
COMMANDS = {
    "train": [*TRAIN, "-o", "out.safetensors"],
    "checkpoint": [*TRAIN, "-o", "out.safetensors", "--checkpoint-every", "1"],
    "report": [*TRAIN, "-o", "out.safetensors", "--report", "out.html"],
    "predict": ["predict", "m.safetensors", "t.csv", "-o", "out.csv"],
    "cv": ["cv", "t.csv", "--target", "y", "--epochs", "2", "--folds", "2", "-o", "out.csv"],
    "sweep": [
        *["sweep", "t.csv", "--target", "y", "--seeds", "1", "--grid", "hidden=2|3 epochs=2"],
        *["--log", "out.jsonl", "-o", "out.csv", "--model", "out.safetensors"],
    ],
    "python": ["export", "m.safetensors", "out.py"],
    "json": ["export", "m.safetensors", "out.json"],
}
RUNS = 2  # of the sweep

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="the file layer that fails needs Linux and a C compiler",
)


class Server:
    """What runs the commands."""

    def __init__(self, forking: Forks) -> None:
        self.forking = forking

    def run(
        self, folder: Path, arguments: list[str], call: int = -1, error: int = 0, action: int = ONCE
    ) -> dict[str, Any]:
        environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
        how = {"call": call, "error": error, "action": action}
        with tempfile.TemporaryFile() as seen:
            more = {"handles": [seen.fileno()], **how}
            done = self.forking.run(arguments, folder, environment, **more)
            seen.seek(0)
            calls = int(seen.read() or 0)
        return {"code": done.returncode, "calls": calls, "out": done.stdout, "err": done.stderr}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    build = ["cc", "-O1", "-shared", "-fPIC", "-w", str(HERE / "faults.c"), "-o", str(library)]
    subprocess.run([*build, "-ldl"], check=True, timeout=60)
    with forks("tests.faults.server", LD_PRELOAD=str(library)) as found:
        yield Server(found)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "t.csv").write_text(TABLE)
    path = folder / "m.safetensors"
    fl.train_table(folder / "t.csv", "y", preset="quick", epochs=2).save(path)
    return path


def made(place: Path, model: Path) -> Path:
    """A folder with a table and a model, and outputs of an earlier run of other contents."""
    place.mkdir()
    (place / "t.csv").write_text(TABLE)
    shutil.copy(model, place / "m.safetensors")
    return place


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        each.name: each.read_bytes() for each in folder.iterdir() if each.name.startswith("out.")
    }


def is_whole(name: str, data: bytes, folder: Path) -> bool:
    """Whether an output is complete, by its kind."""
    if name.endswith(".safetensors"):
        path = folder / "looked-at.safetensors"
        path.write_bytes(data)
        read_model(path)
        path.unlink()
        return True
    if name.endswith(".csv"):
        return data.count(b"\n") in (91, RUNS + 1)
    if name.endswith(".html"):
        return data.endswith(b"</html>\n")
    if name.endswith(".json"):
        return isinstance(json.loads(data), dict)
    if name.endswith(".py"):
        return bool(compile(data, name, "exec"))
    assert name.endswith(".jsonl")
    lines = data.split(b"\n")
    return all(isinstance(json.loads(line), dict) for line in lines[:-1])  # the last may be cut


def check(
    server: Server, model: Path, place: Path, command: str, call: int, error: int, action: int
) -> None:
    folder = made(place, model)
    before: dict[str, bytes] = {}
    if call % 2:  # every other time there is an older file
        assert server.run(folder, COMMANDS[command])["code"] == 0
        (folder / "out.jsonl").unlink(missing_ok=True)
        before = outputs(folder)
    result = server.run(folder, COMMANDS[command], call, error, action)
    where = (command, call, error, action, result)
    folder = folder if folder.exists() else folder.with_name(folder.name + ".moved")
    after = outputs(folder)
    for name, data in after.items():
        assert data == before.get(name) or is_whole(name, data, folder), (name, where)
    assert set(before) <= set(after), where
    stale = [each.name for each in folder.iterdir() if each.name.startswith(TEMPORARY)]
    if action == KILL:
        assert result["code"] == -9, where
        assert server.run(folder, COMMANDS[command])["code"] == 0, where
        assert [each.name for each in folder.iterdir() if each.name.startswith(".")] == [], where
    else:
        assert stale == [], where
        assert result["code"] in (0, 1), where
        assert "fault of Fallline" not in result["err"], where
        lines = [line for line in result["err"].splitlines() if line.startswith("fallline:")]
        assert len(lines) == (result["code"] == 1), where
        if result["code"] == 0:
            assert all(is_whole(name, data, folder) for name, data in after.items()), where
    shutil.rmtree(folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_at_each_write(command: str, server: Server, model: Path, tmp_path) -> None:
    folder = made(tmp_path / "plain", model)
    plain = server.run(folder, COMMANDS[command])
    assert plain["code"] == 0, plain
    assert plain["calls"] >= 4  # a file is created, written, synced and renamed
    for call in range(plain["calls"]):
        place = tmp_path / f"{call}"
        check(server, model, place, command, call, errno.ENOSPC, FROM_HERE)


@pytest.mark.parametrize("action", [MOVE, KILL])
def test_a_folder_that_goes_and_a_process_that_ends(
    action: int, server: Server, model: Path, tmp_path: Path
) -> None:
    for command in ("checkpoint", "predict"):
        calls = server.run(made(tmp_path / command, model), COMMANDS[command])["calls"]
        for call in range(calls):
            place = tmp_path / f"{command}-{call}"
            check(server, model, place, command, call, errno.ENOENT, action)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("error", "action"),
    [
        *((code, ONCE) for code in (errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES)),
        *((code, FROM_HERE) for code in (errno.EROFS, errno.EDQUOT, errno.EIO)),
        (errno.ENOENT, MOVE),
        (0, KILL),
    ],
)
def test_every_fault_at_each_write(
    command: str, error: int, action: int, server: Server, model: Path, tmp_path: Path
) -> None:
    calls = server.run(made(tmp_path / "plain", model), COMMANDS[command])["calls"]
    for call in range(calls):
        check(server, model, tmp_path / f"{call}", command, call, error, action)


def test_two_writers_leave_the_file_of_one(tmp_path: Path) -> None:
    """Four processes write 30 times each: every state that is seen is one writer's whole text."""
    target = tmp_path / "out.txt"
    program = (
        "import sys; from fallline.atomic import write_bytes\n"
        "for _ in range(30): write_bytes(sys.argv[1], sys.argv[2].encode() * 100_000)"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(target), letter]) for letter in "abcd"
    ]
    states = set()
    while any(writer.poll() is None for writer in writers):
        if target.exists():
            states.add(target.read_bytes())
        time.sleep(0.001)
    assert all(writer.returncode == 0 for writer in writers)
    assert states <= {letter.encode() * 100_000 for letter in "abcd"}
    assert os.listdir(tmp_path) == ["out.txt"]
