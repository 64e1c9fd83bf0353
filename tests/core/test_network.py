"""The network: layout, initial values, predictions, and the checks at the door."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.network import ROWS_AT_ONCE, Network
from fallline.errors import DataError, ParameterError, ShapeError


def test_layout_is_w_then_b_layer_by_layer() -> None:
    net = Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    net.parameters = np.arange(11.0)
    first, second = net.layers
    np.testing.assert_array_equal(first.W, [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(first.b, [6, 7])
    np.testing.assert_array_equal(second.W, [[8], [9]])
    np.testing.assert_array_equal(second.b, [10])
    np.testing.assert_array_equal(net.is_weight, [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0])
    first.W[0, 0] = 99.0
    assert net.parameters[0] == 99.0
    assert net.activations == ("sigmoid", "sigmoid")


def test_forward_is_the_formula(rng: np.random.Generator) -> None:
    net = Network([3, 4, 2], hidden="tanh", loss="cross_entropy", seed=5)
    X = rng.normal(size=(6, 3))
    A = np.tanh(X @ net.layers[0].W + net.layers[0].b)
    Z = A @ net.layers[1].W + net.layers[1].b
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.logits(X), Z, rtol=1e-13)
    np.testing.assert_allclose(net.predict_proba(X), P, rtol=1e-13)
    np.testing.assert_array_equal(net.predict(X), P.argmax(axis=1))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("binary_cross_entropy", "sigmoid"),
        ("squared_error", "identity"),
        ("absolute_error", "identity"),
        ("huber", "identity"),
        ("poisson", "exp"),
    ],
)
def test_the_loss_sets_the_output(loss: str, kind: str) -> None:
    net = Network([2, 3, 1], loss=loss)
    assert net.activations[-1] == kind
    predicted = net.predict([[0.5, -1.0], [1.0, 2.0]])
    assert predicted.shape == (2,)
    if loss == "binary_cross_entropy":
        assert set(predicted) <= {0, 1}


def test_several_outputs_keep_their_columns() -> None:
    assert Network([2, 3], loss="squared_error").predict([[1.0, 2.0]]).shape == (1, 3)


def test_seeds_repeat_and_differ() -> None:
    make = lambda seed: Network([3, 4, 1], loss="squared_error", seed=seed).parameters  # noqa: E731
    np.testing.assert_array_equal(make(1), make(1))
    assert not np.array_equal(make(1), make(2))


def test_one_activation_per_layer() -> None:
    net = Network([2, 3, 4, 1], hidden=["relu", "tanh"], loss="squared_error")
    assert net.activations == ("relu", "tanh", "identity")
    assert "2-3-4-1" in repr(net)


def test_many_rows_are_predicted_in_pieces() -> None:
    net = Network([2, 3, 1], loss="squared_error", seed=1)
    X = np.random.default_rng(0).normal(size=(ROWS_AT_ONCE + 5, 2))
    together = net.predict(X)
    np.testing.assert_allclose(together[-5:], net.predict(X[-5:]), rtol=1e-12)
    assert len(net.predict(np.empty((0, 2)))) == 0


def test_float32_stays_float32() -> None:
    net = Network([2, 3, 1], loss="squared_error", dtype="float32")
    assert net.parameters.dtype == np.float32
    assert net.predict_proba([[1.0, 2.0]]).dtype == np.float32


def test_a_copy_in_another_dtype_keeps_the_rest() -> None:
    net = Network([3, 2, 1], hidden="tanh", loss="huber", init="uniform", seed=4)
    small = net.copy(dtype="float32")
    assert (small.sizes, small.hidden, small.loss) == (net.sizes, net.hidden, net.loss)
    assert (small.init, small.seed, small.dtype) == ("uniform", 4, np.dtype("float32"))
    np.testing.assert_array_equal(small.parameters, net.parameters.astype("float32"))
    assert small.copy().dtype == np.dtype("float32")
    with pytest.raises(ParameterError, match="dtype must be"):
        net.copy(dtype="int8")


def test_copy_is_independent() -> None:
    net = Network([2, 3, 1], loss="squared_error", seed=1)
    twin = net.copy()
    twin.parameters[:] = 0.0
    assert net.parameters.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [3]}, "sizes must list"),
        ({"sizes": "3-2-1"}, "sizes must list"),
        ({"sizes": [3, 0, 1]}, r"sizes\[1\] must be a whole number at least 1, not 0"),
        ({"sizes": [3, 2.5, 1]}, r"sizes\[1\] must be a whole number"),
        ({"hidden": "sigmod"}, "did you mean 'sigmoid'"),
        ({"hidden": ["relu", "relu"]}, "names 2 activations, but there are 1 hidden layers"),
        ({"loss": "mse"}, "loss must be one of"),
        ({"loss": "cross_entropy"}, "at least 2"),
        ({"init": "zeros"}, "symmetry"),
        ({"init": "ones"}, "init must be one of"),
        ({"seed": -1}, "seed must be a whole number at least 0"),
        ({"dtype": "int8"}, "dtype must be"),
        ({"dtype": "nonsense"}, "dtype must be"),
    ],
)
def test_what_is_not_allowed_is_refused(change: dict, message: str) -> None:
    good = {"sizes": [3, 2, 1], "hidden": "relu", "loss": "squared_error"}
    with pytest.raises(ParameterError, match=message):
        Network(**(good | change))


NET = Network([3, 2, 1], loss="squared_error")


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([1.0, 2.0, 3.0], ShapeError, r"two brackets"),
        ([[1.0, 2.0]], ShapeError, r"\(n_samples, 3\).*\(1, 2\)"),
        ([[1.0, 2.0, np.nan]], DataError, "X has nan in row 0, column 2"),
        ([[1.0, 2.0, 3.0], [np.inf, 0.0, 0.0]], DataError, "X has inf in row 1, column 0"),
        ([["a", "b", "c"]], DataError, "text columns"),
        ([[1j, 0, 0]], DataError, "complex"),
        ([[1.0, 2.0], [1.0]], DataError, "cannot be read as numbers"),
    ],
)
def test_bad_X_is_refused(X: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        NET.predict(X)


@pytest.mark.parametrize(
    ("loss", "n_outputs", "y", "error", "message"),
    [
        ("squared_error", 1, [1.0], ShapeError, "X has 2 rows, but y has shape"),
        ("squared_error", 1, 3.0, ShapeError, "one target per row"),
        ("squared_error", 2, [1.0, 2.0], ShapeError, r"y must have shape \(2, 2\)"),
        ("squared_error", 1, [1.0, np.nan], DataError, "y has nan in row 1"),
        ("squared_error", 1, ["yes", "no"], DataError, "y cannot be read"),
        ("binary_cross_entropy", 1, [0.0, 2.0], DataError, "row 1 of y .* has 2"),
        ("cross_entropy", 3, [0, 3], DataError, "class numbers from 0 to 2; row 1"),
        ("cross_entropy", 3, [0, 0.5], DataError, "class numbers"),
        ("cross_entropy", 2, [[0.5, 0.5], [0.5, 0.4]], DataError, "add up to 1; row 1"),
        ("poisson", 1, [1.0, -1.0], DataError, "at least 0; row 1"),
    ],
)
def test_bad_y_is_refused(loss, n_outputs, y, error, message) -> None:
    net = Network([1, n_outputs], loss=loss)
    with pytest.raises(error, match=message):
        fl.train(net, [[0.0], [1.0]], y, epochs=1)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ([1.0], ShapeError, "sample_weight must have shape"),
        ([1.0, -1.0], DataError, "row 1 has -1"),
        ([0.0, 0.0], DataError, "0 in every row"),
        ([1.0, np.inf], DataError, "sample_weight has inf"),
    ],
)
def test_bad_weights_are_refused(weight, error, message) -> None:
    with pytest.raises(error, match=message):
        fl.train(Network([1, 1], loss="huber"), [[0.0], [1.0]], [0, 1], sample_weight=weight)


def test_parameters_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="9 parameters|11 parameters"):
        Network([3, 2, 1], loss="huber").parameters = np.zeros(3)


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        fl.train(NET.copy(), np.empty((0, 3)), [])
