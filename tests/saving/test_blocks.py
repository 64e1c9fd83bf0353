"""Ensembles in model files: blocks without the zeros between them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.errors import ModelFileError
from fallline.saving.blocks import packed, unpacked
from fallline.saving.modelfile import header_length, read_model
from fallline.tabular.ensemble import merged


def ensemble(n: int = 8, width: int = 32) -> fl.Network:
    nets = [
        fl.Network(
            [5, width, width, 1], hidden="silu", loss="squared_error", seed=s, dtype="float32"
        )
        for s in range(n)
    ]
    return merged(nets, [1 / n] * n)


def facts(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + header_length(raw)])
    content: dict[str, Any] = json.loads(header["__metadata__"]["fallline"])
    return content


def test_an_ensemble_is_kept_without_its_zeros(tmp_path: Path) -> None:
    net, path = ensemble(), tmp_path / "m.safetensors"
    fl.save(net, path)
    assert path.stat().st_size < net.parameters.nbytes / 4
    assert facts(path)["format"] == 3
    assert facts(path)["network"]["blocks"] == {"2": [[32] * 8, [32] * 8]}
    again = fl.load(path)
    assert again.parameters.tobytes() == net.parameters.tobytes()
    fl.save(again, tmp_path / "n.safetensors")
    assert (tmp_path / "n.safetensors").read_bytes() == path.read_bytes()


def test_other_networks_are_kept_as_ever(tmp_path: Path) -> None:
    fl.save(fl.Network([5, 8, 8, 1], hidden="relu", loss="squared_error", seed=0), tmp_path / "m")
    assert facts(tmp_path / "m")["format"] == 1
    assert "blocks" not in facts(tmp_path / "m")["network"]
    assert packed(np.ones((4, 4))) is None
    assert packed(np.eye(65)) is None  # more blocks than a reader takes
    negative = np.eye(4)
    negative[0, 3] = -0.0
    assert packed(negative) is None
    assert packed(np.eye(4)) is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_of_unlike_sizes(dtype: str) -> None:
    W = np.zeros((6, 9), dtype)
    W[:1, :4], W[1:4, 4:6], W[4:, 6:] = 1.5, np.arange(1, 7).reshape(3, 2), -2.0
    found = packed(W)
    assert found is not None
    numbers, sizes = found
    assert sizes == [[1, 3, 2], [4, 2, 3]]
    back = unpacked(numbers, sizes, (6, 9))
    assert back.dtype == W.dtype
    np.testing.assert_array_equal(back, W)


@pytest.mark.parametrize(
    "sizes",
    [
        None, [], [[2, 1]], [[2, 1], [2]], [[2, 1], [1, 1]], [[2, 1], [2, "1"]], [[2, 1], [2, 1.0]],
        [[3, 0, 0], [1, 1, 1]], [[4, -1], [2, 1]], [[True, 2], [2, 1]], [[10**30, 1], [2, 1]],
        {"2": 1}, [[1] * 3 * 10**5, [1] * 3],
    ],
)  # fmt: skip
def test_blocks_that_make_no_weights(sizes: Any) -> None:
    with pytest.raises(ModelFileError, match="its blocks"):
        unpacked(np.ones(5), sizes, (3, 3))


def test_a_forged_file_makes_no_more_than_64_times_its_weights(tmp_path: Path) -> None:
    from tests.saving.test_modelfile import forged

    fl.save(ensemble(), tmp_path / "m.safetensors")
    raw = (tmp_path / "m.safetensors").read_bytes()

    def huge(content: dict[str, Any], tensors: dict[str, Any]) -> None:
        n = 50_000
        content["network"]["sizes"] = [5, n, n, 1]
        content["network"]["blocks"] = {"2": [[1] * n, [1] * n]}
        tensors["layers.2.W"] = np.ones(n, "float32")

    for change, said in ((huge, "its blocks"), (wrong_layer, "its contents")):
        (tmp_path / "f.safetensors").write_bytes(forged(raw, change))
        with pytest.raises(ModelFileError, match=said):
            read_model(tmp_path / "f.safetensors")


def wrong_layer(content: dict[str, Any], tensors: dict[str, Any]) -> None:
    content["network"]["blocks"] = {"9": [[1], [1]]}
