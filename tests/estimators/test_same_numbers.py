"""The same random_state gives scikit-learn's weights and loss curve, to rounding."""

import numpy as np
import pytest
from sklearn import neural_network as scikit

import fallline as fl
from tests.estimators import data

PROBLEMS = {
    "classes": ("MLPClassifier", data.X_CLASSES, data.Y_CLASSES, {}),
    "binary": ("MLPClassifier", data.X_CLASSES, data.Y_BINARY, {}),
    "labels": ("MLPClassifier", data.X_CLASSES, data.Y_LABELS, {}),
    "numbers": ("MLPRegressor", data.X_NUMBERS, data.Y_NUMBERS, {}),
    "two numbers": ("MLPRegressor", data.X_NUMBERS, data.Y_TWO_NUMBERS, {}),
    "counts": ("MLPRegressor", data.X_NUMBERS, data.Y_COUNTS, {"loss": "poisson"}),
}
SETTINGS = {
    "adam relu": {},
    "adam tanh": {"activation": "tanh"},
    "adam logistic": {"activation": "logistic", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    "adam identity": {"activation": "identity"},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "sgd plain": {"solver": "sgd", "momentum": 0.0, "alpha": 1.0},
    "sgd momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "sgd whole momentum": {"solver": "sgd", "momentum": 1.0, "max_iter": 3},
    "sgd invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.25},
    "sgd adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.05,
        "max_iter": 120,
        "tol": 0.05,
    },
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs tanh": {"solver": "lbfgs", "activation": "tanh"},
    "early stopping": {"early_stopping": True, "max_iter": 40, "tol": 0.01},
    "in order": {"shuffle": False},
    "small batches": {"batch_size": 17, "hidden_layer_sizes": (10, 5)},
    "no hidden layer": {"hidden_layer_sizes": ()},
}
BASE = {"max_iter": 15, "random_state": 7, "hidden_layer_sizes": (12,)}


def pair(problem: str, **settings):
    """scikit-learn's estimator and ours, with X and y."""
    name, X, y, extra = PROBLEMS[problem]
    engine = settings.pop("engine", "numpy")
    settings = BASE | extra | settings
    theirs = getattr(scikit, name)(**settings)
    return theirs, getattr(fl, name)(**settings, engine=engine), X, y


def flat(model) -> np.ndarray:
    return np.concatenate([part.ravel() for part in model.coefs_ + model.intercepts_])


def assert_same(ours, theirs, rtol: float = 1e-8) -> None:
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    scale = abs(flat(theirs)).max()
    np.testing.assert_allclose(flat(ours), flat(theirs), rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.out_activation_ == theirs.out_activation_
    if theirs.solver != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
        assert (ours.best_loss_ is None) == (theirs.best_loss_ is None)
        assert ours._no_improvement_count == theirs._no_improvement_count
    if getattr(theirs, "validation_scores_", None) is not None:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=rtol)
        assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    ("problem", "settings"),
    [
        (problem, settings)
        for problem in PROBLEMS
        for settings in SETTINGS
        # there scikit-learn's loss and gradient do not belong together: see test_behaviour
        if not (problem == "two numbers" and "lbfgs" in settings)
    ],
)
def test_weights_and_losses(problem: str, settings: str, weighted: bool) -> None:
    theirs, ours, X, y = pair(problem, **SETTINGS[settings])
    weight = data.WEIGHT if weighted else None
    theirs.fit(X, y, sample_weight=weight)
    ours.fit(X, y, sample_weight=weight)
    assert_same(ours, theirs, rtol=1e-6 if "lbfgs" in settings else 1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("settings", ["adam relu", "sgd adaptive", "small batches"])
@pytest.mark.parametrize("problem", ["classes", "two numbers"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_compiled_engine(problem: str, settings: str, weighted: bool) -> None:
    theirs, ours, X, y = pair(problem, **SETTINGS[settings], engine="compiled")
    weight = data.WEIGHT if weighted else None
    theirs.fit(X, y, sample_weight=weight)
    ours.fit(X, y, sample_weight=weight)
    assert_same(ours, theirs)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start_goes_on_as_there(solver: str) -> None:
    theirs, ours, X, y = pair("classes", warm_start=True, solver=solver, max_iter=4)
    for _ in range(3):
        theirs.fit(X, y)
        ours.fit(X, y)
        assert_same(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("problem", ["classes", "numbers"])
def test_partial_fit_goes_on_as_there(problem: str, solver: str) -> None:
    theirs, ours, X, y = pair(problem, solver=solver, learning_rate="invscaling")
    more = {"classes": [0, 1, 2]} if problem == "classes" else {}
    for rows in (slice(0, 60), slice(60, 200), slice(0, 200)):
        theirs.partial_fit(X[rows], y[rows], **more)
        ours.partial_fit(X[rows], y[rows], **more)
        assert_same(ours, theirs)
        assert ours._optimizer.learning_rate == pytest.approx(theirs._optimizer.learning_rate)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_shared_generator_is_drawn_from_in_the_same_order() -> None:
    theirs, ours, X, y = pair("binary", early_stopping=True, max_iter=5)
    generators = np.random.RandomState(3), np.random.RandomState(3)
    theirs.set_params(random_state=generators[0]).fit(X, y)
    ours.set_params(random_state=generators[1]).fit(X, y)
    assert_same(ours, theirs)
    assert generators[0].uniform() == generators[1].uniform()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("problem", ["classes", "numbers"])
def test_float32_stays_float32(problem: str, solver: str) -> None:
    theirs, ours, X, y = pair(problem, solver=solver)
    X = X.astype(np.float32)
    theirs.fit(X, y)
    ours.fit(X, y)
    assert {part.dtype for part in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=1e-4)
    if problem == "numbers":
        assert ours.predict(X).dtype == np.float32


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_from_the_same_weights(problem: str) -> None:
    theirs, _, X, y = pair(problem, solver="lbfgs", max_iter=200, tol=1e-2)
    theirs.fit(X, y)
    ours = fl.from_sklearn(theirs)
    again = fl.to_sklearn(ours)
    np.testing.assert_array_equal(again.predict(X), theirs.predict(X))
    if problem in ("numbers", "two numbers", "counts"):
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-12)
    else:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        expected = theirs.predict_proba(X)
        np.testing.assert_allclose(ours.predict_proba(X), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours.predict_proba(X[:1]), expected[:1], rtol=0, atol=1e-12)
    # SciPy's sigmoid, which is theirs, gives 0 for what is below 1e-308
    expected = theirs._forward_pass_fast(X)
    np.testing.assert_allclose(ours._forward_pass_fast(X), expected, rtol=1e-9, atol=1e-307)
