"""Encoders as scikit-learn transformers, and the estimators' presets."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_friedman1
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import fallline as fl
from fallline.errors import ParameterError, TableError

FAILS = {
    "check_sample_weight_equivalence_on_dense_data": "rows are held out",
    "check_regressors_train": "sets alpha, which is the preset's",
    "check_class_weight_classifiers": "sets max_iter, which is the preset's",
}


def expected(estimator: Any) -> dict[str, str]:
    return {} if isinstance(estimator, fl.PiecewiseLinear) else FAILS


CHECKS = parametrize_with_checks(
    [
        fl.PiecewiseLinear(),
        fl.MLPClassifier(preset="quick", random_state=0),
        fl.MLPRegressor(preset="quick", random_state=0),
    ],
    expected_failed_checks=expected,
)
NAMES, CASES = CHECKS.args  # of scikit-learn 1.9.0 a generator, which pytest 9 warns of


@pytest.mark.parametrize(NAMES, list(CASES), **CHECKS.kwargs)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("kind", [fl.MLPClassifier, fl.MLPRegressor])
def test_a_preset_of_another_name_is_refused(kind: Any) -> None:
    with pytest.raises(ParameterError, match="one of quick, standard, best; not 'fast'"):
        kind(preset="fast").fit([[0.0], [1.0]], [0, 1])


def test_a_preset_beats_the_defaults_where_the_target_bends() -> None:
    X, y = make_friedman1(600, noise=0.5, random_state=0)
    X[:, 3] = np.exp(5 * X[:, 3])  # of another scale than the others
    preset = cross_val_score(fl.MLPRegressor(preset="standard", random_state=0), X, y).mean()
    assert preset > 0.85
    model = fl.MLPRegressor(preset="standard", random_state=0).fit(X, y)
    assert len(model.coefs_[0]) == len(model.encoder_.get_feature_names_out())
    assert len(model.intercepts_[0]) % (8 * 64) == 0  # over folds
    assert model.n_features_in_ == 10
    assert (model.predict(X) == pickle.loads(pickle.dumps(model)).predict(X)).all()
    assert (clone(model).fit(X, y).predict(X) == model.predict(X)).all()
    assert np.abs(model.predict(1e30 * X)).max() < 1e3  # clipped


def test_best_is_the_mean_over_folds() -> None:
    X, y = make_friedman1(300, noise=0.5, random_state=0)
    X_new, y_new = make_friedman1(500, noise=0.0, random_state=1)
    scores = {}
    for preset in ("standard", "best"):
        model = fl.MLPRegressor(preset=preset, random_state=1).fit(X, y)
        scores[preset] = model.score(X_new, y_new)
    assert model.coefs_[1].shape == (8 * (64 + 128), 8 * (64 + 128))
    assert scores["best"] > scores["standard"]


def test_classes_weights_and_validation_rows() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["bad", "good"])[y]
    model = fl.MLPClassifier(preset="quick", random_state=1)
    model.fit(X[100:], names[100:], validation_data=(X[:100], names[:100]))
    assert model.score(X[:100], names[:100]) > 0.9
    assert len(model.validation_loss_curve_) == model.n_iter_
    weighted = fl.MLPClassifier(preset="quick", random_state=1, class_weight={"bad": 9, "good": 1})
    weighted.fit(X[100:], names[100:], validation_data=(X[:100], names[:100]))
    assert weighted.predict_proba(X)[:, 0].mean() > model.predict_proba(X)[:, 0].mean()


def test_the_folds_have_the_same_bits_on_any_number_of_threads() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = X @ [1.0, 2.0, 3.0, 4.0] + np.random.default_rng(1).normal(size=300)
    models = [
        fl.MLPRegressor(preset="standard", random_state=1, n_jobs=n).fit(X, y) for n in (1, 2)
    ]
    assert np.array_equal(models[0].predict(X), models[1].predict(X))
    assert models[0].to_network().sizes[1] == 8 * (64 + 2)  # and the linear members


def test_a_preset_is_as_good_as_training_on_the_table() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    names = [f"x{i}" for i in range(X.shape[1])]
    losses: dict[str, list[float]] = {"table": [], "estimator": []}
    for seed in range(3):
        held = np.random.default_rng(seed).random(len(X)) < 0.3
        frame = pd.DataFrame(X, columns=names).assign(y=y)
        table = fl.train_table(frame[~held], "y", seed=seed, baseline=False)
        model = fl.MLPClassifier(preset="standard", random_state=seed).fit(X[~held], y[~held])
        by_table = table.predict(frame[held]).probabilities
        for name, found in (("table", by_table), ("estimator", model.predict_proba(X[held]))):
            losses[name].append(log_loss(y[held], found))
    assert np.mean(losses["estimator"]) < 1.1 * np.mean(losses["table"])


def rises(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, np.abs(X[:, 0]) + 0.1 * rng.normal(size=n)


def test_every_loss_and_several_outputs_over_folds() -> None:
    X, y = rises()
    for settings in ({"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.5}):
        model = fl.MLPRegressor(preset="standard", random_state=0, **settings).fit(X, y)
        assert model.score(X, y) > 0.8
    counts = np.random.default_rng(1).poisson(np.exp(y))
    model = fl.MLPRegressor(preset="standard", random_state=0, loss="poisson").fit(X, counts)
    assert np.corrcoef(model.predict(X), np.exp(y))[0, 1] > 0.9
    both = fl.MLPRegressor(preset="standard", random_state=0).fit(X, np.stack([y, 1e6 * y], axis=1))
    assert both.predict(X).shape == (300, 2)
    assert both.score(X, np.stack([y, 1e6 * y], axis=1)) > 0.9


def test_labels_that_are_several_smoothed_or_weighted_over_folds() -> None:
    X, y = rises()
    labels = np.stack([y > 0.5, y > 1.0], axis=1).astype(int)
    several = fl.MLPClassifier(preset="standard", random_state=0).fit(X, labels)
    assert several.score(X, labels) > 0.85
    kinds = np.digitize(y, [0.4, 0.9])
    sharp, smooth = (
        fl.MLPClassifier(preset="standard", random_state=0, label_smoothing=s).fit(X, kinds)
        for s in (0.0, 0.3)
    )
    assert sharp.predict_proba(X).max(axis=1).mean() > smooth.predict_proba(X).max(axis=1).mean()
    weight = np.where(kinds == 0, 20.0, 1.0)
    weighted = fl.MLPClassifier(preset="standard", random_state=0).fit(X, kinds, weight)
    assert weighted.predict_proba(X)[:, 0].mean() > sharp.predict_proba(X)[:, 0].mean() + 0.03


def test_what_a_preset_refuses() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(ValueError, match="alpha is the preset's own to choose"):
        fl.MLPClassifier(preset="quick", alpha=0.1).fit(X, y)
    with pytest.raises(ValueError, match="preset"):
        fl.MLPClassifier(preset="quik").fit(X, y)
    assert not hasattr(fl.MLPClassifier(preset="quick"), "partial_fit")
    with pytest.raises(ValueError, match="no word for the encoding"):
        fl.to_sklearn(fl.MLPClassifier(preset="quick", random_state=0).fit(X, y))
    plain = fl.MLPClassifier(preset="quick", random_state=0).fit(X, y).set_params(preset=None)
    plain.set_params(max_iter=2, hidden_layer_sizes=(3,))
    with pytest.warns(UserWarning, match="Maximum iterations"):
        plain.fit(X, y)
    assert not hasattr(plain, "encoder_")
    assert plain.coefs_[0].shape == (30, 3)


# ---- the encoders


def test_piecewise_linear_in_a_pipeline() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.sin(3 * X[:, 0])
    X[::7, 1] = np.nan
    X = np.hstack([X, np.ones((300, 1))])  # a column that says nothing
    pipeline = make_pipeline(
        fl.PiecewiseLinear(bins=16),
        fl.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=2_000),
    )
    assert pipeline.fit(X, y).score(X, y) > 0.95  # linear in the bins
    encoder = pipeline[0]
    assert [len(edges) for edges in encoder.edges_] == [17, 17, 0]
    names = encoder.get_feature_names_out()
    assert len(names) == encoder.transform(X).shape[1] == 17 + 18
    assert names[-1] == "x1 is missing"
    assert encoder.starts_at_zero_.sum() == 32
    bins_only = fl.PiecewiseLinear(bins=16, scaled=False).fit(X)
    assert bins_only.transform(X).shape[1] == 16 + 17


def test_table_encoder_takes_frames() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bern", "Graz"], 200),
            "sex": rng.choice(["f", "m"], 200),
            "cars": rng.normal(size=200),
            "same": 1.0,
        }
    )
    encoder = fl.TableEncoder(bins=4).set_output(transform="pandas")
    found = encoder.fit_transform(X)
    assert list(found.columns[:4]) == ["town=Bern", "town=Graz", "town=Ulm", "sex: f or m"]
    assert found.shape == (200, 3 + 1 + 5)
    assert encoder.notes_ == ["column 'same' is set aside: it is 1 in every training row"]
    assert list(encoder.feature_names_in_) == ["town", "sex", "cars", "same"]
    new = X.head(2).assign(town="Rom", cars=1e9)
    assert np.isfinite(encoder.transform(new)).all(axis=None)
    with pytest.raises(TableError, match="row 1, column 'cars'"):
        encoder.transform(X.head(2).assign(cars=["many", "few"]))
    with pytest.raises(TableError, match="no column can be used"):
        fl.TableEncoder().fit(X[["same"]])
    typed = fl.TableEncoder(types={"cars": "skip"}).fit(X)
    assert len(typed.get_feature_names_out()) == 4


def test_columns_with_long_tails_reach_farther_where_the_target_follows_them() -> None:
    x = np.exp(np.random.default_rng(7).normal(size=300) * 2.0)
    X = np.column_stack([np.full(300, 5.0), np.linspace(0, 1, 300), x])
    y = 3.0 * x + np.sin(np.arange(300))
    follows = fl.MLPRegressor(preset="quick", random_state=0).fit(X, y).encoder_.columns_
    bent = (
        fl.MLPRegressor(preset="quick", random_state=0).fit(X, np.minimum(y, 3.0)).encoder_.columns_
    )
    assert follows[0] is None
    assert follows[1] == bent[1]
    assert follows[2].spread > 5 * bent[2].spread
    assert follows[2].edges == bent[2].edges
