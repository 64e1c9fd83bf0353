"""The model file: what goes in comes out, the bytes are fixed, and no damage passes unnoticed."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialise

import fallline as fl
from fallline import atomic, lesson
from fallline.core.network import Network
from fallline.errors import FileWriteError, ModelFileError
from fallline.saving.modelfile import MARK, header_length, read_model, with_checksum


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def raw(path: Path) -> bytes:
    net = Network([2, 3, 2], hidden="gelu", loss="cross_entropy", seed=4, dtype="float32")
    fl.save(net, path)
    return path.read_bytes()


def test_round_trip(path: Path) -> None:
    net = lesson.truth_table_network(seed=3)
    history = fl.train(net, lesson.TRAIN_X, lesson.TRAIN_Y, epochs=20, record_every=5)
    fl.save(net, path, history=history, encoding={"a": [1.5, None]}, training={"seed": 3})
    model = read_model(path)
    assert repr(model.network) == repr(net)
    assert model.network.parameters.tobytes() == net.parameters.tobytes()
    assert model.history == history
    assert model.encoding == {"a": [1.5, None]}
    assert model.training == {"seed": 3}
    assert model.version == fl.__version__
    assert model.checkpoint is None


def test_the_same_network_gives_the_same_bytes(path: Path, raw: bytes) -> None:
    fl.save(fl.load(path), path)
    assert path.read_bytes() == raw


def test_any_safetensors_reader_finds_the_layers(raw: bytes) -> None:
    from safetensors.numpy import load

    tensors = load(raw)
    assert sorted(tensors) == ["layers.1.W", "layers.1.b", "layers.2.W", "layers.2.b"]
    assert tensors["layers.1.W"].shape == (2, 3)


def test_every_changed_byte_is_noticed(path: Path, raw: bytes) -> None:
    for at in range(len(raw)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(raw)
            changed[at] ^= flip
            path.write_bytes(changed)
            with pytest.raises(ModelFileError, match=r"model\.safetensors: "):
                fl.load(path)


def test_every_truncation_is_noticed(path: Path, raw: bytes) -> None:
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(ModelFileError):
            fl.load(path)
    path.write_bytes(raw + b"\0")
    with pytest.raises(ModelFileError):
        fl.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello", "truncated"),
        (b"PK\x03\x04" + b"\0" * 100, "truncated|longer|not a"),
        (struct.pack("<Q", 2) + b"{}", "no checksum"),
        (struct.pack("<Q", 1 << 40) + b"{" + b" " * 50, "truncated"),
        (struct.pack("<Q", 2 << 20) + b"{" * (2 << 20), "longer than"),
        (struct.pack("<Q", 4) + b"abcd", "not a safetensors file"),
    ],
)
def test_files_of_another_kind(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        fl.load(path)


def test_a_foreign_safetensors_file(path: Path) -> None:
    path.write_bytes(serialise({"w": np.zeros(3)}))
    with pytest.raises(ModelFileError, match="not one of Fallline's"):
        fl.load(path)


def forged(raw: bytes, change) -> bytes:
    """The file with its content changed and the checksum made to fit again."""
    from safetensors.numpy import load

    content = json.loads(json.loads(raw[8 : 8 + header_length(raw)])["__metadata__"]["fallline"])
    content["checksum"] = (MARK + b"0" * 64).decode()
    tensors = load(raw)
    change(content, tensors)
    return with_checksum(serialise(tensors, {"fallline": json.dumps(content)}))


FORGERIES = {
    "format": lambda c, t: c.update(format=99),
    "format text": lambda c, t: c.update(format="new"),
    "no network": lambda c, t: c.pop("network"),
    "sizes": lambda c, t: c["network"].update(sizes=[2, 10**9, 2]),
    "sizes text": lambda c, t: c["network"].update(sizes="232"),
    "sizes empty": lambda c, t: c["network"].update(sizes=[]),
    "loss": lambda c, t: c["network"].update(loss="none"),
    "hidden": lambda c, t: c["network"].update(hidden=["relu", "relu"]),
    "dtype": lambda c, t: c["network"].update(dtype="object"),
    "dtype code": lambda c, t: c["network"].update(dtype="f,at,"),
    "missing layer": lambda c, t: t.pop("layers.2.b"),
    "other dtype": lambda c, t: t.update({"layers.1.b": np.zeros(3)}),
    "history": lambda c, t: c.update(history={"epochs_done": 1}),
}


def test_an_epoch_that_is_no_number_is_refused(path: Path) -> None:
    net = Network([1, 1], loss="squared_error")
    fl.save(net, path, history=fl.train(net, [[0.0], [1.0]], [0.0, 1.0], epochs=2))
    epochs = {"history.epoch": np.array([0.0, np.inf])}
    path.write_bytes(forged(path.read_bytes(), lambda content, tensors: tensors.update(epochs)))
    with pytest.raises(ModelFileError, match="do not make a network"):
        fl.load(path)


@pytest.mark.parametrize("name", FORGERIES)
def test_contents_that_make_no_network(name: str, path: Path, raw: bytes) -> None:
    path.write_bytes(forged(raw, FORGERIES[name]))
    with pytest.raises(ModelFileError, match=r"model\.safetensors: "):
        fl.load(path)


def test_a_newer_format_says_so(path: Path, raw: bytes) -> None:
    path.write_bytes(forged(raw, FORGERIES["format"]))
    with pytest.raises(ModelFileError, match="format 99.*install a newer one"):
        fl.load(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        fl.load(tmp_path / "nothing.safetensors")
    with pytest.raises(ModelFileError, match="folder"):
        fl.load(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file(path: Path, raw: bytes, call, monkeypatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(FileWriteError, match=r"No space left on device.*unchanged"):
        fl.save(lesson.truth_table_network(), path)
    monkeypatch.undo()
    assert path.read_bytes() == raw
    assert os.listdir(path.parent) == [path.name]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="No such file or directory"):
        fl.save(lesson.truth_table_network(), tmp_path / "no" / "model.safetensors")


def test_a_new_file_has_ordinary_permissions(path: Path) -> None:
    fl.save(lesson.truth_table_network(), path)
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
