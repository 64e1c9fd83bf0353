"""One row's way through a network: every number adds up, and the text fits a terminal."""

import json

import numpy as np
import pytest

import fallline as fl
from fallline.core.network import Network
from fallline.errors import DataError, ShapeError


def test_every_term_adds_up(rng: np.random.Generator) -> None:
    net = Network([4, 30, 3], hidden="tanh", loss="cross_entropy", seed=3)
    x = rng.normal(size=4)
    result = fl.trace_row(net, x, ["a", "b", "c", "d"])
    for layer in result.layers:
        np.testing.assert_allclose(layer.terms.sum(axis=0) + layer.b, layer.Z, atol=1e-12)
    np.testing.assert_allclose(result.output, net.predict_proba([x])[0])
    np.testing.assert_allclose(result.layers[0].A, np.tanh(result.layers[0].Z))
    text = str(result)
    assert "... and 18 neurons less active" in text
    assert "softmax(z)" in text
    assert max(map(len, text.splitlines())) <= 80
    assert json.loads(json.dumps(result.as_dict()))["names"] == ["a", "b", "c", "d"]


def test_wrong_rows_are_refused() -> None:
    net = Network([2, 1], loss="huber")
    with pytest.raises(ShapeError, match="one row, not 2"):
        fl.trace_row(net, [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ShapeError):
        fl.trace_row(net, [1.0])
    with pytest.raises(ShapeError, match="names has 1 names for 2 inputs"):
        fl.trace_row(net, [1.0, 2.0], ["a"])
    with pytest.raises(DataError):
        fl.trace_row(net, [1.0, float("nan")])
