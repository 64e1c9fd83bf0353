"""The first layer by lookup against the same layer as a matrix product."""

import copy
import pickle

import numpy as np
import pytest

import fallline as fl
from fallline.core.network import Network
from fallline.engine import Gradient, logits, predict_proba
from fallline.engine.blocks import blocks_along_diagonal, blocks_of
from fallline.errors import DataError, ParameterError, ShapeError
from fallline.tabular.ensemble import merged
from tests.conftest import targets_for
from tests.engine.made_rows import made_rows


def trained(network: Network, rows, y, **settings) -> tuple[np.ndarray, fl.History]:
    history = fl.train(network, rows, y, **settings)
    return network.parameters.copy(), history


SETTINGS = {
    "small batches": {"batch_size": 32, "optimizer": fl.AdamW(1e-2)},
    "full batch": {"optimizer": fl.GradientDescent(0.1)},
    "long parts": {"batch_size": 300, "optimizer": fl.Adam(1e-2), "threads": 2},
    "penalties": {"batch_size": 70, "l2": 0.01, "l1": 0.01, "optimizer": fl.RMSProp(1e-3)},
    "dropout": {"batch_size": 64, "dropout": 0.3, "optimizer": fl.AdamW(1e-2), "threads": 2},
    "lbfgs": {"optimizer": fl.LBFGS()},
}


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("name", SETTINGS)
def test_training_by_lookup_is_training_on_the_features(
    name: str, loss: str, rng: np.random.Generator
) -> None:
    rows = made_rows(333, rng)
    weight = rng.random(len(rows)) if name == "penalties" else None
    for hidden in ([8], [64, 16], [72, 8], [5]):

        def make(hidden=hidden) -> Network:
            k = 3 if loss == "cross_entropy" else 1
            return Network([17, *hidden, k], hidden="silu", loss=loss, seed=4)

        y = targets_for(make(), len(rows), np.random.default_rng(1))
        settings = SETTINGS[name] | {"epochs": 5, "sample_weight": weight, "seed": 3}
        settings["validation"] = rows[:100], y[:100]
        dense = settings | {"validation": (np.asarray(rows[:100]), y[:100])}
        theta, history = trained(make(), rows, y, **settings)
        reference, slow = trained(make(), rows, y, **settings, engine="numpy")
        by_product, _ = trained(make(), np.asarray(rows), y, **dense)
        by_reference, _ = trained(make(), np.asarray(rows), y, **dense, engine="numpy")
        assert np.array_equal(reference, by_reference)
        np.testing.assert_allclose(theta, reference, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(theta, by_product, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(history.loss, slow.loss, rtol=1e-9)
        np.testing.assert_allclose(history.validation_loss, slow.validation_loss, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_threads(dtype: str, rng: np.random.Generator) -> None:
    rows, y = made_rows(1000, rng, dtype), rng.normal(size=1000)
    found = []
    for threads in (1, 2, 3):
        net = Network([17, 128, 32, 1], loss="squared_error", dtype=dtype)
        settings = {"batch_size": 400, "dropout": 0.1, "epochs": 6}
        found.append(trained(net, rows, y, threads=threads, **settings)[0])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_gradient_of_some_rows(rng: np.random.Generator) -> None:
    rows, y = made_rows(200, rng), rng.normal(size=200)
    net = Network([17, 24, 1], hidden="tanh", loss="squared_error")
    looked_up = Gradient(net, net.rows(rows, y))
    product = Gradient(net, net.samples(np.asarray(rows), y))
    for batch in (None, np.arange(0, 200, 3), np.array([5])):
        loss, gradient = looked_up(batch)
        expected_loss, expected = product(batch)
        assert loss == pytest.approx(expected_loss, rel=1e-12)
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-14)


def test_a_run_that_diverged_leaves_nothing_behind(rng: np.random.Generator) -> None:
    rows, y = made_rows(100, rng), rng.normal(size=100)
    net = Network([17, 8, 1], loss="squared_error")
    gradient = Gradient(net, net.rows(rows, y))
    sound = gradient()[1]
    kept = net.parameters.copy()
    net.parameters[:] = np.nan
    gradient()
    net.parameters[:] = kept
    assert np.array_equal(gradient()[1], sound)


@pytest.mark.parametrize("hidden", [[8], [16, 5], [9, 8]])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "binary_cross_entropy"])
def test_prediction_by_lookup(hidden: list[int], loss: str, rng: np.random.Generator) -> None:
    rows = made_rows(300, rng)
    k = 3 if loss == "cross_entropy" else 1
    net = Network([17, *hidden, k], hidden="silu", loss=loss, seed=1)
    X = np.asarray(rows)
    np.testing.assert_allclose(logits(net, rows), net.logits(X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(predict_proba(net, rows), net.predict_proba(X), rtol=1e-9)
    assert np.array_equal(logits(net, X), net.logits(X))
    assert logits(net, rows[:0]).shape == (0, k)
    assert np.array_equal(logits(net, rows)[7:8], logits(net, rows[7:8]))


def test_an_ensemble_is_predicted_block_by_block(rng: np.random.Generator) -> None:
    rows = made_rows(300, rng)
    widths = [(16, 8), (7, 5), (16, 8)]
    members = [
        Network([17, *width, 2], hidden="silu", loss="cross_entropy", seed=s)
        for s, width in enumerate(widths)
    ]
    one = merged(members, [0.2, 0.3, 0.5])
    blocks = blocks_of(one)
    assert blocks is not None
    assert blocks.tolist() == [
        1, 0, 17, 0, 39,
        3, 0, 16, 0, 8, 16, 7, 8, 5, 23, 16, 13, 8,
        1, 0, 21, 0, 2,
    ]  # fmt: skip
    X = np.asarray(rows)
    expected = sum(w * net.logits(X) for net, w in zip(members, [0.2, 0.3, 0.5], strict=True))
    np.testing.assert_allclose(logits(one, rows), expected, rtol=1e-9, atol=1e-12)
    predictor = fl.Predictor(one)
    np.testing.assert_allclose(predictor.predict_proba(X), one.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(predictor.predict_proba(X[5]), one.predict_proba(X)[5], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("hidden", [[8], [16, 5], [9, 33, 8]])
def test_a_predictor_of_compact_rows_has_the_bits_of_many_rows(
    hidden: list[int], loss: str, dtype: str, rng: np.random.Generator
) -> None:
    rows, k = made_rows(150, rng, dtype), 3 if loss == "cross_entropy" else 1
    nets = [
        Network([17, *hidden, k], hidden="silu", loss=loss, seed=s, dtype=dtype) for s in range(3)
    ]
    for net in (nets[0], merged(nets, [0.2, 0.3, 0.5])):
        expected = predict_proba(net, rows)
        predictor = fl.Predictor(net, rows.map)
        net.parameters[:] = 0.0
        twins = predictor, copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))
        for each in twins:
            assert each.predict_proba(rows).tobytes() == expected.tobytes()
            assert each.predict_proba(rows[7:8]).tobytes() == expected[7:8].tobytes()


def test_a_predictor_takes_rows_of_its_own_map(rng: np.random.Generator) -> None:
    rows = made_rows(5, rng)
    net = Network([17, 8, 1], loss="squared_error", seed=1)
    predictor = fl.Predictor(net, rows.map)
    rows.numbers[2, 1] = np.nan
    with pytest.raises(DataError, match="row 2, column 6"):
        predictor.predict_proba(rows)
    with pytest.raises(ParameterError, match="compact rows of that map"):
        predictor.predict_proba(np.zeros(17))
    with pytest.raises(ParameterError, match="compact rows of that map"):
        fl.Predictor(net).predict_proba(rows)
    with pytest.raises(ShapeError, match="17 features, the network 4 inputs"):
        fl.Predictor(Network([4, 8, 1], loss="squared_error"), rows.map)


def test_blocks_are_cut_where_all_else_is_zero() -> None:
    whole = np.ones((3, 2))
    assert blocks_along_diagonal(whole) == [(0, 3, 0, 2)]
    assert blocks_along_diagonal(np.zeros((3, 2))) == [(0, 3, 0, 2)]
    assert blocks_along_diagonal(np.eye(3)) == [(0, 1, 0, 1), (1, 1, 1, 1), (2, 1, 2, 1)]
    corner = np.eye(3)
    corner[2, 0] = 1
    assert blocks_along_diagonal(corner) == [(0, 3, 0, 3)]
    anti = np.eye(3)[::-1]
    assert blocks_along_diagonal(anti) == [(0, 3, 0, 3)]
    dead = np.array([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    found = blocks_along_diagonal(dead)
    inside = np.zeros_like(dead, dtype=bool)
    for i, m, j, n in found:
        inside[i : i + m, j : j + n] = True
    assert not dead[~inside].any()
    assert (sum(m for _, m, _, _ in found), sum(n for _, _, _, n in found)) == dead.shape
