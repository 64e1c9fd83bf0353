"""What programs for scikit-learn's networks rely on: each test would hold for its classes too."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fallline import MLPClassifier, MLPRegressor
from fallline.estimators.rows import SparsePass
from tests.estimators import data

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
BOTH = pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
EARLY = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- the weights and the gradient


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_first_weights_lie_within_glorots_bound(activation: str) -> None:
    model = MLPClassifier(50, activation, random_state=0, learning_rate_init=1e-12)
    model.partial_fit(data.X_DIGITS, data.Y_DIGITS, classes=[0, 1, 2])
    factor = 2 if activation == "logistic" else 6
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        bound = np.sqrt(factor / sum(W.shape))
        assert 0.9 * bound < abs(W).max() <= bound
        assert 0.5 * bound < abs(b).max() <= bound


@EARLY
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_labels", [2, 3])
def test_loss_grad_lbfgs_is_the_derivative(activation: str, n_labels: int) -> None:
    generator = np.random.default_rng(1)
    X = generator.normal(size=(6, 4))
    y = np.arange(6) % n_labels
    model = MLPClassifier(5, activation, solver="lbfgs", max_iter=1, random_state=1).fit(X, y)
    theta = np.hstack([part.ravel() for part in model.coefs_ + model.intercepts_])
    Y = model._label_binarizer.transform(y)

    def loss_at(t: np.ndarray) -> float:
        return model._loss_grad_lbfgs(t, X, Y, None, [], [], [], [])[0]

    gradient = model._loss_grad_lbfgs(theta, X, Y, None, [], [], [], [])[1]
    step = 1e-5
    for i in range(len(theta)):
        e = np.zeros_like(theta)
        e[i] = step
        numeric = (loss_at(theta + e) - loss_at(theta - e)) / (2 * step)
        assert numeric == pytest.approx(gradient[i], abs=1e-7)


def test_one_step_worked_by_hand() -> None:
    model = MLPClassifier(2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1)
    model.set_params(momentum=0, random_state=1, max_iter=1)
    model.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([[0.1], [0.2]])]
    model.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    model.n_outputs_, model.n_features_in_, model.n_layers_ = 1, 3, 3
    model.out_activation_, model.t_, model.n_iter_ = "logistic", 0, 0
    model.best_loss_, model.loss_curve_, model._no_improvement_count = np.inf, [], 0
    x = np.array([[0.6, 0.8, 0.7]])
    model.partial_fit(x, [0], classes=[0, 1])

    h = 1 / (1 + np.exp(-np.array([0.75, 0.3])))
    p = 1 / (1 + np.exp(-(0.1 * h[0] + 0.2 * h[1] + 1)))
    delta = p * np.array([0.1, 0.2]) * h * (1 - h)
    W = np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]])
    np.testing.assert_allclose(model.coefs_[0], W - 0.1 * (np.outer(x[0], delta) + 0.1 * W))
    np.testing.assert_allclose(
        model.coefs_[1][:, 0], [0.1 - 0.1 * (h[0] * p + 0.01), 0.2 - 0.1 * (h[1] * p + 0.02)]
    )
    np.testing.assert_allclose(model.intercepts_[0], 0.1 - 0.1 * delta)
    np.testing.assert_allclose(model.intercepts_[1], 1 - 0.1 * p)


@EARLY
def test_more_alpha_means_smaller_weights() -> None:
    sizes = [
        [abs(W).sum() for W in model.coefs_]
        for model in (
            MLPClassifier(10, alpha=alpha, random_state=1).fit(data.X_TWO, data.Y_TWO)
            for alpha in (0, 1, 10)
        )
    ]
    assert np.all(np.diff(sizes, axis=0) < 0)


# ---- how well the solvers do


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lbfgs_learns_digits_and_numbers(activation: str) -> None:
    for X, y in ((data.X_TWO, data.Y_TWO), (data.X_DIGITS, data.Y_DIGITS)):
        model = MLPClassifier(50, activation, solver="lbfgs", max_iter=150, random_state=1)
        assert model.fit(X, y).score(X, y) > 0.95
        assert model.predict(X).dtype == y.dtype
    model = MLPRegressor("squared_error", 50, activation, solver="lbfgs", random_state=1, tol=1e-2)
    score = model.fit(data.X_NUMBERS, data.Y_NUMBERS).score(data.X_NUMBERS, data.Y_NUMBERS)
    assert score > 0.95


@EARLY
def test_adam_and_sgd_learn_digits_and_diabetes() -> None:
    for settings in ({"learning_rate_init": 0.01}, {"solver": "sgd", "learning_rate_init": 0.2}):
        model = MLPClassifier(random_state=1, max_iter=100, **settings)
        assert model.fit(data.X_DIGITS, data.Y_DIGITS).score(data.X_DIGITS, data.Y_DIGITS) > 0.98
    X, y = load_diabetes(return_X_y=True)
    for settings in ({"learning_rate_init": 0.01}, {"solver": "sgd", "learning_rate_init": 0.02}):
        model = MLPRegressor(random_state=1, **settings)
        model = make_pipeline(StandardScaler(), model)
        assert model.fit(X, (y - y.mean()) / y.std()).score(X, (y - y.mean()) / y.std()) > 0.55


def test_multilabel() -> None:
    X, Y = data.X_CLASSES, data.Y_LABELS
    model = MLPClassifier(50, solver="lbfgs", max_iter=300, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.97
    probability = model.predict_proba(X)
    np.testing.assert_array_equal(probability > 0.5, Y)
    assert abs(probability.sum(axis=1) - 1).max() > 0.1  # not a softmax
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), probability)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    sparse = MLPClassifier(50, solver="lbfgs", max_iter=300, random_state=0)
    predicted = sparse.fit(X, scipy.sparse.csr_array(Y)).predict(X)
    np.testing.assert_array_equal(predicted.toarray(), model.predict(X))


def test_the_loss_of_several_outputs() -> None:
    """L-BFGS minimises the sum that its gradient belongs to; loss_ is averaged over outputs."""
    X, Y = data.X_NUMBERS, data.Y_TWO_NUMBERS
    model = MLPRegressor(solver="lbfgs", alpha=0.5, random_state=1, tol=1e-3, max_iter=500)
    error = model.fit(X, Y).predict(X) - Y
    penalty = 0.25 / len(X) * sum(np.sum(W**2) for W in model.coefs_)
    assert model.loss_ == pytest.approx(0.5 * np.mean(error**2) + penalty)
    assert model.score(X, Y) > 0.99


def test_poisson_without_hidden_layer_is_the_linear_model() -> None:
    X = np.linspace(0, 1, 100)[:, None]
    y = np.random.default_rng(3).poisson(np.exp(X[:, 0] + 1))
    linear = PoissonRegressor(alpha=0, tol=1e-7).fit(X, y)
    model = MLPRegressor("poisson", (), alpha=0, solver="lbfgs", tol=1e-7, random_state=0)
    np.testing.assert_allclose(model.fit(X, y).predict(X), linear.predict(X), rtol=1e-4)


# ---- fit, partial_fit, warm start


@EARLY
@pytest.mark.parametrize("momentum", [0, 0.9])
def test_partial_fit_equals_fit(momentum: float) -> None:
    settings = {"solver": "sgd", "random_state": 1, "learning_rate_init": 0.01}
    X, y = data.X_NUMBERS, data.Y_NUMBERS
    settings |= {"batch_size": len(X), "momentum": momentum}
    whole = MLPRegressor(max_iter=100, n_iter_no_change=1000, **settings).fit(X, y)
    by_and_by = MLPRegressor(**settings)
    for _ in range(100):
        by_and_by.partial_fit(X, y)
    np.testing.assert_allclose(by_and_by.predict(X), whole.predict(X))


def test_partial_fit_with_classes() -> None:
    model = MLPClassifier(random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit([[1.0]], ["a"])
    model.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    model.partial_fit([[4]], ["d"])
    assert list(model.classes_) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit([[4]], ["d"], classes=["a", "b"])
    with pytest.raises(ValueError, match="`y` has classes not in"):
        model.partial_fit([[4]], ["e"])


@BOTH
def test_partial_fit_is_there_for_stochastic_solvers_only(Estimator) -> None:
    assert hasattr(Estimator(solver="sgd"), "partial_fit")
    assert not hasattr(Estimator(solver="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="does not support early_stopping"):
        Estimator(early_stopping=True).partial_fit([[1.0], [2.0]], [0, 1], **classes_for(Estimator))


def classes_for(Estimator) -> dict:
    return {"classes": [0, 1]} if Estimator is MLPClassifier else {}


@EARLY
@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_warm_start_takes_max_iter_anew(Estimator, solver: str) -> None:
    model = Estimator(
        solver=solver, warm_start=True, max_iter=4, n_iter_no_change=np.inf, random_state=0
    )
    X, y = data.X_IRIS, data.Y_IRIS
    model.fit(X, y)
    first = model.loss_
    assert model.n_iter_ == 4
    with pytest.warns(ConvergenceWarning):
        model.set_params(max_iter=6).fit(X, y)
    assert model.n_iter_ == 6
    assert model.loss_ < first


def test_warm_start_wants_the_same_classes_and_sizes() -> None:
    X, y = data.X_IRIS, data.Y_IRIS
    model = MLPClassifier(2, solver="lbfgs", warm_start=True, tol=0.1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=re.escape("Previously got [0 1 2], `y` has [0 1]")):
        model.fit(X, np.minimum(y, 1))
    with pytest.raises(ValueError, match="the fitted network is 4-2-3, so it cannot be fitted"):
        model.set_params(hidden_layer_sizes=5).fit(X, y)


@EARLY
def test_adaptive_rate_ends_below_a_millionth() -> None:
    settings = {"tol": 0.5, "max_iter": 3000, "solver": "sgd", "learning_rate": "adaptive"}
    model = MLPClassifier(**settings).fit([[3, 2], [1, 6]], [1, 0])
    assert model.n_iter_ < 3000
    assert model._optimizer.learning_rate < 1e-6


@EARLY
def test_programs_may_set_the_learning_rate_between_calls() -> None:
    X, y = data.X_TWO, data.Y_TWO
    for solver, name in (("sgd", "learning_rate"), ("adam", "learning_rate_init")):
        model = MLPClassifier(5, solver=solver, random_state=0)
        model.partial_fit(X, y, classes=[0, 1])
        setattr(model._optimizer, name, 1e-300)
        before = [W.copy() for W in model.coefs_]
        model._optimizer.state = {k: 0 * v for k, v in model._optimizer.state.items()}
        model.partial_fit(X, y)
        np.testing.assert_array_equal(model.coefs_[0], before[0])


# ---- stopping


@pytest.mark.parametrize("n_iter_no_change", [1, 2, 10])
def test_stops_after_more_than_n_iter_no_change_epochs(n_iter_no_change: int) -> None:
    model = MLPClassifier(tol=10.0, n_iter_no_change=n_iter_no_change, random_state=0)
    model.fit(data.X_TWO, data.Y_TWO)
    assert model._no_improvement_count == n_iter_no_change + 1
    assert model.n_iter_ == n_iter_no_change + 2  # the first epoch always improves
    assert model.history_.stopped == "rule"


def test_no_stop_with_infinite_patience() -> None:
    model = MLPClassifier(tol=1e9, n_iter_no_change=np.inf, max_iter=50, solver="sgd")
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(50\) reached"):
        model.fit(data.X_TWO, data.Y_TWO)
    assert (model.n_iter_, model._no_improvement_count) == (50, 49)


@BOTH
def test_early_stopping_keeps_the_best(Estimator) -> None:
    model = Estimator(tol=0.02, max_iter=3000, early_stopping=True, random_state=0)
    model.fit(data.X_TWO, data.Y_TWO)
    assert model.n_iter_ < 3000
    assert model.best_loss_ is None
    assert max(model.validation_scores_) == model.best_validation_score_
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    model = Estimator(tol=0.2, max_iter=3000).fit(data.X_TWO, data.Y_TWO)
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_)


def test_early_stopping_with_strings_and_too_few_rows() -> None:
    labels = np.array(["a", "b", "c"], dtype=object)[data.Y_CLASSES]
    model = MLPClassifier(early_stopping=True, tol=0.1, random_state=0)
    model.fit(data.X_CLASSES, labels)
    assert np.isfinite(model.validation_scores_).all()
    with pytest.raises(ValueError, match="The validation set is too small"):
        MLPRegressor(early_stopping=True).fit(data.X_NUMBERS[:2], data.Y_NUMBERS[:2])
    with pytest.raises(ValueError, match=r"only 1 member.*\['True'\]"):
        MLPClassifier(early_stopping=True).fit([[1], [2], [3], [4]], [0, 0, 0, 1])


def test_diverging() -> None:
    settings = {"solver": "sgd", "learning_rate_init": 1.0, "activation": "identity"}
    settings |= {"max_iter": 20, "random_state": 0}
    X, y = 100 * data.X_IRIS, data.Y_IRIS
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(**settings).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="the best weights are kept"):
        model = MLPRegressor(early_stopping=True, **settings).fit(X, y)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_verbose(solver: str, capsys) -> None:
    model = MLPClassifier(2, solver=solver, verbose=True, tol=0.5, random_state=0)
    model.fit([[3, 2], [1, 6]], [1, 0])
    printed = capsys.readouterr().out
    assert f"Iteration 1, loss = {model.loss_curve_[0]:.8f}\n" in printed
    if solver == "sgd":
        assert "Training loss did not improve more than tol=0.500000 for 10" in printed


def test_max_fun_limits_lbfgs() -> None:
    model = MLPClassifier(solver="lbfgs", max_fun=10, random_state=1)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"):
        model.fit(data.X_DIGITS, data.Y_DIGITS)
    assert model.n_iter_ <= 10


def test_batch_larger_than_the_data_is_clipped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        MLPClassifier(batch_size=1000, tol=10.0).fit(data.X_TWO, data.Y_TWO)


@EARLY
def test_interrupted(monkeypatch) -> None:
    def interrupt(progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    model = MLPClassifier(callbacks=[interrupt], random_state=0)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(data.X_TWO, data.Y_TWO)
    assert model.n_iter_ == 3
    assert model.history_.stopped == "interrupted"
    assert model.history_.uneven() is None


@EARLY
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_batches_without_weight_do_no_harm(engine: str) -> None:
    """scikit-learn divides by zero there."""
    X, Y = data.X_NUMBERS, data.Y_TWO_NUMBERS
    weight = np.where(np.arange(200) % 4 == 0, 0.0, 1.0)
    model = MLPRegressor(batch_size=1, max_iter=5, random_state=0, engine=engine)
    model.fit(X, Y, sample_weight=weight)
    assert model.loss_curve_[-1] < model.loss_curve_[0] < 1.0


# ---- data of every kind


def test_sparse_equals_dense() -> None:
    X, y = data.X_TWO, data.Y_TWO
    dense = MLPClassifier(15, solver="lbfgs", random_state=1).fit(X, y)
    for kind in (scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array):
        sparse = MLPClassifier(15, solver="lbfgs", random_state=1).fit(kind(X), y)
        np.testing.assert_allclose(sparse.predict_proba(kind(X)), dense.predict_proba(X))


@EARLY
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "lbfgs"},
        {"dropout": 0.2},
        {"batch_size": 1000},
        {"hidden_layer_sizes": (6, 5)},
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:Got `batch_size`")
def test_a_wide_sparse_matrix_stays_sparse(settings: dict, dtype: type, monkeypatch) -> None:
    X, y = scipy.sparse.csr_array(data.X_DIGITS.astype(dtype)), data.Y_DIGITS
    common = {"max_iter": 5, "batch_size": 50, "random_state": 0, "activation": "tanh"} | settings
    filled = MLPClassifier(**common).fit(X, y, sample_weight=data.WEIGHT)
    monkeypatch.setattr("fallline.estimators.rows.MIN_COLUMNS", 1)
    monkeypatch.setattr("fallline.estimators.rows.MAX_DENSITY", 1.0)
    monkeypatch.setattr(SparsePass, "loss", counted := Counted(SparsePass.loss))
    sparse = MLPClassifier(**common).fit(X, y, sample_weight=data.WEIGHT)
    assert counted.calls > 0
    engine = MLPClassifier(**common, engine="compiled")  # which takes dense rows only
    engine.fit(X, y, sample_weight=data.WEIGHT)
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(engine.coefs_[0], filled.coefs_[0], atol=tolerance)
    np.testing.assert_allclose(sparse.coefs_[0], filled.coefs_[0], atol=tolerance)
    np.testing.assert_allclose(sparse.loss_curve_, filled.loss_curve_, rtol=tolerance)


class Counted:
    """A method that counts its calls."""

    def __init__(self, method) -> None:
        self.method, self.calls = method, 0

    def __get__(self, instance, owner):
        def call(*args):
            self.calls += 1
            return self.method(instance, *args)

        return call


@EARLY
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@BOTH
def test_frames_keep_their_column_names(Estimator, frame) -> None:
    names = list("abcdefgh")
    X = frame(dict(zip(names, data.X_CLASSES.T, strict=True)))
    model = Estimator(5, max_iter=3) if Estimator is MLPClassifier else Estimator(max_iter=3)
    model.set_params(early_stopping=True, random_state=0).fit(X, data.Y_CLASSES)
    assert list(model.feature_names_in_) == names
    assert model.predict(X).shape == (200,)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(data.X_CLASSES)


def test_one_row_by_the_short_way_and_by_the_long() -> None:
    model = MLPClassifier(20, tol=0.1, random_state=0).fit(data.X_DIGITS, data.Y_DIGITS)
    row = data.X_DIGITS[:1]
    expected = model.predict_proba(data.X_DIGITS)[:1]
    np.testing.assert_allclose(model.predict_proba(row), expected, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(row.tolist()), expected, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(row.astype(np.float32)), expected, rtol=1e-5)
    for bad, message in (
        (np.full((1, 64), np.nan), "contains NaN"),
        (np.full((1, 64), np.inf), "contains infinity"),
        (row[:, :3], "X has 3 features, but MLPClassifier is expecting 64"),
        (row[0], "Expected 2D array, got 1D array"),
        (row[:0], "Found array with 0 sample"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict_proba(bad)
    huge = np.full((1, 64), 1e200)  # its square overflows, the row is finite
    assert np.isfinite(model.predict_proba(huge)).all()
    with pytest.raises(NotFittedError):
        MLPClassifier().predict_proba(row)


def test_weights_set_by_hand_are_used() -> None:
    model = MLPRegressor(hidden_layer_sizes=3, tol=1.0, random_state=0).fit(
        data.X_NUMBERS, data.Y_NUMBERS
    )
    model.coefs_ = [0 * W for W in model.coefs_]
    model.intercepts_ = [np.zeros(3), np.full(1, 7.0)]
    np.testing.assert_array_equal(model.predict(data.X_NUMBERS), np.full(200, 7.0))
    model.coefs_[1] = np.ones((3, 1))
    model.intercepts_[0][:] = 1.0
    np.testing.assert_array_equal(model.predict(data.X_NUMBERS), np.full(200, 10.0))
    model.partial_fit(data.X_NUMBERS, data.Y_NUMBERS)
    assert abs(model.predict(data.X_NUMBERS) - 10).max() < 1
    np.testing.assert_array_equal(model.to_network().predict(data.X_NUMBERS[:5]).shape, (5,))


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_a_copy_goes_on_by_itself(way: str) -> None:
    model = MLPRegressor(hidden_layer_sizes=42, random_state=42, learning_rate_init=0.01, tol=0.1)
    model.fit([[2.0]], [4.0])
    twin = pickle.loads(pickle.dumps(model)) if way == "pickle" else copy.deepcopy(model)
    before = model.predict([[2.0]])
    for _ in range(200):
        twin.partial_fit([[2.0]], [1.0])
    np.testing.assert_allclose(twin.predict([[2.0]]), [1.0], rtol=1e-3)
    np.testing.assert_array_equal(model.predict([[2.0]]), before)


# ---- what surrounds an estimator


@EARLY
def test_the_tools_of_scikit_learn() -> None:
    X, y = data.X_CLASSES, data.Y_CLASSES
    model = MLPClassifier(8, max_iter=20, random_state=0)
    pipe = make_pipeline(StandardScaler(), model).set_output(transform="pandas")
    grid = GridSearchCV(pipe, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.4
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    calibrated = CalibratedClassifierCV(model, cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    model.fit(X, y)
    assert permutation_importance(model, X, y, n_repeats=2).importances_mean.shape == (8,)
    assert partial_dependence(model, X, [0], kind="average")["average"].shape[0] == 3
    assert BaggingClassifier(model, n_estimators=2).fit(X, y).predict(X).shape == (200,)
    assert clone(model).get_params() == model.get_params()


@EARLY
def test_metadata_routing() -> None:
    X, y, weight = data.X_CLASSES, data.Y_CLASSES, data.WEIGHT
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(8, max_iter=5, random_state=0)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        grid = GridSearchCV(model, {"alpha": [0.1]}, cv=2)
        grid.fit(X, y, sample_weight=weight)
    expected = MLPClassifier(8, max_iter=5, random_state=0, alpha=0.1)
    expected.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(grid.best_estimator_.coefs_[0], expected.coefs_[0])


# ---- the programs of the user guide


def test_user_guide() -> None:
    model = MLPClassifier(solver="lbfgs", alpha=1e-5, hidden_layer_sizes=(5, 2), random_state=1)
    model.fit([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    np.testing.assert_array_equal(model.predict([[2.0, 2.0], [-1.0, -2.0]]), [1, 0])
    assert [W.shape for W in model.coefs_] == [(2, 5), (5, 2), (2, 1)]
    expected = [[1.967e-04, 9.998e-01], [1.967e-04, 9.998e-01]]  # as printed there
    np.testing.assert_allclose(model.predict_proba([[2.0, 2.0], [1.0, 2.0]]), expected, rtol=1e-3)
    model = MLPClassifier(solver="lbfgs", alpha=1e-5, hidden_layer_sizes=(15,), random_state=1)
    model.fit([[0.0, 0.0], [1.0, 1.0]], [[0, 1], [1, 1]])
    np.testing.assert_array_equal(model.predict([[1.0, 2.0]]), [[1, 1]])
    np.testing.assert_array_equal(model.predict([[0.0, 0.0]]), [[0, 1]])
