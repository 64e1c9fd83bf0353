"""Checkpoints that are whole files but mean nothing a run can go on from: each is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

import fallline as fl
from fallline.errors import ModelFileError
from fallline.saving import modelfile

X = np.random.default_rng(0).normal(size=(60, 5))
Y = np.sin(X[:, 0])


def train(path: Path, epochs: int) -> fl.History:
    net = fl.Network([5, 4, 1], hidden="tanh", loss="squared_error", seed=0)
    return fl.train(
        net, X, Y, epochs=epochs, batch_size=20, optimizer=fl.Adam(0.01),
        validation=(X[:9], Y[:9]), checkpoint=fl.Checkpoint(path),
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "run.safetensors"
    train(path, 3)
    return path.read_bytes()


def rewritten(raw: bytes, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> bytes:
    """The file with its facts and tensors changed, and a checksum that fits."""
    header = json.loads(raw[8 : 8 + modelfile.header_length(raw)])
    content = json.loads(header["__metadata__"]["fallline"])
    tensors = {name: array.copy() for name, array in load(raw).items()}
    change(content, tensors)
    content["checksum"] = "sha256:" + "0" * 64
    return modelfile.with_checksum(save(tensors, {"fallline": json.dumps(content)}))


def fact(name: str, value: Any) -> Callable[..., Any]:
    return lambda content, tensors: content["checkpoint"].update({name: value})


def top(name: str, value: Any) -> Callable[..., Any]:
    return lambda content, tensors: content.update({name: value})


def history(name: str, value: Any) -> Callable[..., Any]:
    return lambda content, tensors: content["history"].update({name: value})


def generator(name: str, value: Any) -> Callable[..., Any]:
    return lambda content, tensors: content["checkpoint"]["generator"]["state"].update(
        {name: value}
    )


def tensor(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    return lambda content, tensors: tensors.update({name: change(tensors[name])})


def without(name: str) -> Callable[..., Any]:
    return lambda content, tensors: tensors.pop(name)


CASES = {
    "a text for an epoch": (fact("epoch", "3"), "epoch is '3', no count"),
    "an epoch below 0": (fact("epoch", -5), "epoch is -5, no count"),
    "half an epoch": (fact("epoch", 2.5), "epoch is 2.5, no count"),
    "no epoch": (fact("epoch", None), "epoch is None, no count"),
    "an epoch beyond counting": (fact("epoch", 10**30), "no count"),
    "true for a step": (fact("step", True), "step is True, no count"),
    "NaN for a step": (fact("step", float("nan")), "step is nan, no count"),
    "a text for a loss": (fact("first_loss", "x"), "first_loss is 'x', no number"),
    "a list for a loss": (fact("best_loss", [1]), r"best_loss is \[1\], no number"),
    "a loss beyond floats": (fact("first_loss", -(10**400)), "first_loss is -1000.*, no number"),
    "true for a loss": (fact("best_loss", True), "best_loss is True, no number"),
    "a text for the best": (fact("best_epoch", "q"), "best_epoch is 'q', no count"),
    "no generator": (fact("generator", None), "state cannot be read"),
    "another generator": (fact("generator", {"bit_generator": "MT19937"}), "cannot be read"),
    "a state below 0": (generator("state", -1), "state cannot be read"),
    "a state too large": (generator("state", 10**60), "state cannot be read"),
    "a list of facts": (top("checkpoint", [1, 2]), r"checkpoint is \[1, 2\], no group"),
    "a list of settings": (top("training", [1, 2]), r"training is \[1, 2\], no group"),
    "a number for a history": (top("history", 3), "history is 3, no group"),
    "an unknown fact": (history("zzz", 3), "zzz"),
    "a text for seconds": (history("seconds", "x"), "seconds is 'x', no number"),
    "a text for steps": (history("steps", "x"), "steps is 'x', no count"),
    "a short history": (tensor("history.loss", lambda a: a[:1]), "3 epochs, but loss for 1"),
    "an endless epoch": (tensor("history.epoch", lambda a: a + np.inf), "infinity"),
    "a short state": (tensor("optimizer.mean", lambda a: a[:1]), r"of shape \(1,\)"),
    "a state of another dtype": (
        tensor("optimizer.mean", lambda a: a.astype(np.float32)), "float32 of shape",
    ),
    "a state of NaN": (tensor("optimizer.mean", lambda a: a * np.nan), "mean holds numbers"),
    "half a state": (without("optimizer.mean"), "mean_square of the optimiser, whose state is"),
    "a short best": (tensor("best", lambda a: a[:1]), r"best is float64 of shape \(1,\)"),
    "a best of NaN": (tensor("best", lambda a: a * np.nan), "best holds numbers"),
    "weights of NaN": (tensor("layers.1.W", lambda a: a * np.nan), "layers.1.W holds numbers"),
    "half a character": (history("message", "\ud800"), "header cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_by_name(name: str, base: bytes, tmp_path: Path) -> None:
    change, message = CASES[name]
    path = tmp_path / "run.safetensors"
    path.write_bytes(rewritten(base, change))
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match=message) as refused:
        train(path, 5)
    assert str(refused.value).startswith(str(path))
    assert path.read_bytes() == before


def test_the_file_as_it_was_goes_on(base: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(rewritten(base, lambda content, tensors: None))
    assert train(path, 5).epochs_done == 5


def test_losses_written_as_whole_numbers_are_numbers(base: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    for name in ("best_loss", "first_loss"):
        path.write_bytes(rewritten(base, fact(name, 3)))
        assert train(path, 5).epochs_done == 5


def test_histories_that_earlier_versions_left_uneven_are_read(base: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"

    def lists(stopped: str) -> dict[str, int]:
        def change(content: dict[str, Any], tensors: dict[str, Any]) -> None:
            content["history"]["stopped"] = stopped
            for name in ("validation_loss", "validation_score"):
                tensors[f"history.{name}"] = tensors[f"history.{name}"][:2].copy()

        path.write_bytes(rewritten(base, change))
        history = modelfile.read_model(path).history
        return {name: len(getattr(history, name)) for name in modelfile.LISTS}

    assert set(lists("interrupted").values()) == {2}
    assert set(lists("diverged").values()) == {3}
    with pytest.raises(ModelFileError, match="has 3 epochs, but validation_loss for 2"):
        lists("epochs")


def test_what_is_no_model_is_not_read_to_its_end(tmp_path: Path) -> None:
    huge = tmp_path / "huge.safetensors"
    with huge.open("wb") as file:  # 1 TB that takes no room
        file.truncate(1 << 40)
    with pytest.raises(ModelFileError, match="not a safetensors file"):
        fl.load(huge)
    if Path("/dev/zero").exists():
        with pytest.raises(ModelFileError, match="a device or a pipe"):
            fl.load("/dev/zero")
