"""Estimators on Dask collections: as a fit in memory; predictions chunk by chunk."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fallline import MLPClassifier, MLPRegressor, Network
from fallline.errors import ParameterError, ShapeError

pytest.importorskip("distributed", reason="Dask is not installed")
array = pytest.importorskip("dask.array", reason="dask.array is not installed")
from fallline import distributed  # noqa: E402
from fallline.distributed.client import local_client  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own; fits that end by max_iter


@pytest.fixture(scope="module")
def cluster():
    with local_client(2) as client:
        yield client


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(300, 4))
    return X, np.array(["a", "b", "c"])[(X[:, 0] > 0) * 1 + (X[:, 1] * X[:, 0] > 0)]


def chunks(*arrays: np.ndarray) -> list:
    sizes = (90, 10, 200)
    return [array.from_array(a, chunks=(sizes, *a.shape[1:])) for a in arrays]


CASES = {
    "three classes": (MLPClassifier, {"max_iter": 12}),
    "lbfgs": (MLPClassifier, {"solver": "lbfgs", "max_iter": 12}),
    "balanced": (MLPClassifier, {"class_weight": "balanced", "max_iter": 5, "batch_size": 50}),
    "smoothed": (MLPClassifier, {"label_smoothing": 0.2, "max_iter": 5, "solver": "sgd"}),
    "numbers": (MLPRegressor, {"max_iter": 8, "batch_size": 60}),
    "several numbers": (MLPRegressor, {"max_iter": 8, "batch_size": 1000}),
}


@pytest.mark.parametrize("case", CASES)
def test_fits_as_in_memory(cluster, problem, rng, case) -> None:
    kind, settings = CASES[case]
    X, y = problem
    if kind is MLPRegressor:
        y = X[:, :2] ** 2 if case.startswith("several") else X[:, 0] * X[:, 1]
    weight = rng.uniform(0.5, 2, len(X))
    fixed = {"hidden_layer_sizes": (6,), "random_state": 3, "alpha": 0.1}
    here = kind(**fixed, **settings).fit(X, y, weight)
    with cluster.as_current():
        there = kind(**fixed, **settings).fit(*chunks(X, y, weight))
        predicted = there.predict(chunks(X)[0]).compute()
        np.testing.assert_array_equal(predicted, there.predict(X))
        if kind is MLPClassifier:
            shares = there.predict_proba(chunks(X)[0])
            assert shares.shape == (300, 3)
            np.testing.assert_array_equal(shares.compute(), there.predict_proba(X))
            assert there.classes_.tolist() == here.classes_.tolist()
    assert there.n_iter_ == here.n_iter_
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=1e-9)
    for a, b in zip(there.coefs_, here.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_two_classes_stop_as_in_memory(cluster, problem) -> None:
    X, _ = problem
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    settings = {"hidden_layer_sizes": (8,), "random_state": 1, "max_iter": 150}
    settings |= {"early_stopping": True, "learning_rate_init": 0.03}
    held = X[:60], y[:60]
    here = MLPClassifier(**settings).fit(X[60:], y[60:], validation_data=held)
    with cluster.as_current():
        there = MLPClassifier(**settings).fit(
            array.from_array(X[60:], chunks=(100, 4)),
            array.from_array(y[60:], chunks=100),
            validation_data=held,
        )
    assert there.n_iter_ == here.n_iter_ < 150
    assert there.validation_scores_ == here.validation_scores_


def test_frames_keep_their_names(cluster, problem) -> None:
    pandas = pytest.importorskip("pandas")
    frames = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    X, y = problem
    table = pandas.DataFrame(X, columns=list("pqrs"))
    there = frames.from_pandas(table, npartitions=3)
    labels = frames.from_pandas(pandas.Series(y), npartitions=3)
    with cluster.as_current():
        model = MLPClassifier((5,), max_iter=3, random_state=0).fit(there, labels)
        predicted = model.predict(there).compute()
    assert model.feature_names_in_.tolist() == list("pqrs")
    np.testing.assert_array_equal(predicted, model.predict(table))
    here = MLPClassifier((5,), max_iter=3, random_state=0).fit(table, y)
    np.testing.assert_allclose(model.coefs_[0], here.coefs_[0], rtol=1e-7, atol=1e-10)


def test_what_a_collection_cannot_have(cluster, problem) -> None:
    X, y = chunks(*problem)
    with cluster.as_current():
        for settings, message in (
            ({"dropout": 0.5}, "dropout does not go with a Dask collection"),
            ({"early_stopping": True}, "needs validation_data"),
        ):
            with pytest.raises(ValueError, match=message):
                MLPClassifier(**settings).fit(X, y)
        with pytest.raises(ValueError, match="use fit for a Dask collection"):
            MLPClassifier().partial_fit(X, y, classes=["a", "b", "c"])
        with pytest.raises(ValueError, match="one class only"):
            MLPClassifier().fit(X, array.zeros_like(y, dtype=int))


def test_it_warns_as_in_memory(cluster, problem) -> None:
    with cluster.as_current(), pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPClassifier((2,), max_iter=1).fit(*chunks(*problem))


def test_a_network_predicts_lazily(cluster, problem) -> None:
    X, _ = problem
    net = Network([4, 3, 2], loss="squared_error", seed=0)
    for method in ("predict", "predict_proba"):
        lazily = getattr(distributed, method)(net, chunks(X)[0])
        assert lazily.chunks == ((90, 10, 200), (2,))
        with cluster.as_current():
            np.testing.assert_array_equal(lazily.compute(), getattr(net, method)(X))
    one = Network([4, 1], loss="binary_cross_entropy", seed=0)
    assert distributed.predict(one, chunks(X)[0]).shape == (300,)
    with pytest.raises(ShapeError, match=r"\(n_samples, 4\) is needed"):
        distributed.predict(net, chunks(X[:, :3])[0])
    with pytest.raises(ParameterError, match="Dask array or DataFrame"):
        distributed.predict(net, X)
