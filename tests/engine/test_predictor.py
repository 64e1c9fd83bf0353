"""Prediction of single rows, against Network.predict_proba."""

import copy
import pickle

import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS
from fallline.core.losses import LOSSES
from fallline.errors import DataError, ShapeError
from tests.conftest import shaken


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_as_the_network(hidden: str, loss: str, dtype: str, rng: np.random.Generator) -> None:
    close = {"rtol": 1e-4, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-14}
    for sizes in ([1, 2], [3, 9, 5, 3], [17, 33, 8, 19]):
        net = shaken(fl.Network(sizes, hidden=hidden, loss=loss, seed=1, dtype=dtype), rng)
        predictor = fl.Predictor(net)
        X = rng.normal(size=(6, sizes[0]))
        expected = net.predict_proba(X)
        np.testing.assert_allclose(predictor.predict_proba(X), expected, **close)
        np.testing.assert_allclose(predictor.predict_proba(X[2]), expected[2], **close)
        assert predictor.predict_proba(X[2].astype(dtype)).dtype == dtype
        np.testing.assert_allclose(predictor.predict(X), net.predict(X), **close)
        np.testing.assert_allclose(predictor.predict(X[2]), net.predict(X)[2], **close)


def test_it_keeps_the_network_of_its_making(rng: np.random.Generator) -> None:
    net = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    predictor, x = fl.Predictor(net), np.array([0.5, -1.0])
    before = predictor.predict_proba(x)
    net.parameters[:] = 0.0
    np.testing.assert_array_equal(predictor.predict_proba(x), before)


def test_a_copy_or_a_pickle_of_it_predicts_the_same(rng: np.random.Generator) -> None:
    net = fl.Network([4, 5, 2], loss="cross_entropy", seed=0)
    predictor, X = fl.Predictor(net), rng.normal(size=(3, 4))
    before = predictor.predict_proba(X)
    net.parameters[:] = 0.0
    for twin in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        np.testing.assert_array_equal(twin.predict_proba(X), before)
        np.testing.assert_array_equal(twin.predict_proba(X[1]), predictor.predict_proba(X[1]))


def test_bad_rows_are_refused_as_by_the_network() -> None:
    predictor = fl.Predictor(fl.Network([2, 3, 1], loss="squared_error", seed=0))
    with pytest.raises(DataError, match="row 0, column 1"):
        predictor.predict_proba(np.array([0.5, np.nan]))
    with pytest.raises(DataError, match="row 1, column 0"):
        predictor.predict_proba([[0.5, 1.0], [np.inf, 0.0]])
    with pytest.raises(ShapeError, match="one column per input"):
        predictor.predict_proba(np.array([0.5, 1.0, 2.0]))
