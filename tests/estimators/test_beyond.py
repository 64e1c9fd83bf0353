"""What scikit-learn's own classes do not have."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_pinball_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fallline as fl
from fallline import MLPClassifier, MLPRegressor
from fallline.core.activations import Activation
from tests.estimators import data

EARLY = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = data.X_CLASSES, data.Y_CLASSES


def same(a, b, rtol: float = 1e-9) -> None:
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


# ---- activations


@EARLY
def test_one_activation_per_layer() -> None:
    model = MLPClassifier((6, 5), ["tanh", "relu"], max_iter=3, random_state=0).fit(X, Y)
    A = np.maximum(np.tanh(X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1], -np.inf)
    A = np.maximum(A + model.intercepts_[1], 0) @ model.coefs_[2] + model.intercepts_[2]
    E = np.exp(A - A.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), E / E.sum(axis=1, keepdims=True))
    assert model.to_network().activations == ("tanh", "relu", "softmax")
    with pytest.raises(ValueError, match="activation names 1 activations, but"):
        MLPClassifier((6, 5), ["tanh"]).fit(X, Y)
    with pytest.raises(ValueError, match="activation must be one of logistic, sigmoid, tanh"):
        MLPClassifier((6, 5), ["tanh", "nonsense"]).fit(X, Y)


@EARLY
@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "softplus", "leaky_relu", "sigmoid"])
def test_more_activations(name: str) -> None:
    model = MLPClassifier(20, name, learning_rate_init=0.02, max_iter=60, random_state=0)
    assert model.fit(X, Y).score(X, Y) > 0.75


@EARLY
def test_an_activation_of_ones_own() -> None:
    square = Activation("square", square_value, square_slope)
    model = MLPRegressor(hidden_layer_sizes=8, activation=square, solver="lbfgs", random_state=0)
    line = np.linspace(-1, 1, 50)[:, None]
    assert model.fit(line, line[:, 0] ** 2).score(line, line[:, 0] ** 2) > 0.999
    with pytest.raises(ValueError, match="another activation named 'square'"):
        MLPRegressor(activation=Activation("square", square_slope, square_slope)).fit(
            line, [0] * 50
        )
    with pytest.raises(ValueError, match="does not have the activation 'square'"):
        model.set_params(engine="compiled", solver="adam").fit(line, line[:, 0])


def square_value(Z, out=None):
    return np.multiply(Z, Z, out=out)


def square_slope(Z, A, out=None):
    return np.multiply(Z, 2.0, out=out)


# ---- classes


@EARLY
def test_class_weight_is_a_sample_weight() -> None:
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    by_class = MLPClassifier(8, class_weight=weights, max_iter=5, random_state=0).fit(X, Y)
    by_row = MLPClassifier(8, max_iter=5, random_state=0)
    by_row.fit(X, Y, sample_weight=np.vectorize(weights.get)(Y))
    same(by_class, by_row)
    both = MLPClassifier(8, class_weight=weights, max_iter=5, random_state=0)
    both.fit(X, Y, sample_weight=data.WEIGHT)
    by_row.fit(X, Y, sample_weight=np.vectorize(weights.get)(Y) * data.WEIGHT)
    same(both, by_row)


@EARLY
def test_balanced_classes_help_the_rare_one() -> None:
    generator = np.random.default_rng(0)
    rare = generator.normal(size=(1000, 2)) + 1.0 * (np.arange(1000) < 50)[:, None]
    is_rare = (np.arange(1000) < 50).astype(int)
    recall = {
        weight: np.mean(
            MLPClassifier(8, class_weight=weight, random_state=0)
            .fit(rare, is_rare)
            .predict(rare[:50])
        )
        for weight in (None, "balanced")
    }
    assert recall["balanced"] > 0.6
    assert recall[None] < 0.3
    with pytest.raises(ValueError, match="needs all rows at once, which partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(rare, is_rare, classes=[0, 1])


@EARLY
@pytest.mark.parametrize(("y", "low", "high"), [(Y, 0.1, 0.8), (data.Y_BINARY, 0.15, 0.85)])
def test_label_smoothing_keeps_probabilities_from_the_ends(y, low: float, high: float) -> None:
    settings = {"solver": "lbfgs", "alpha": 0.0, "random_state": 0, "max_iter": 500}
    few, labels = X[:12], y[:12]  # few enough to be learned by heart
    model = MLPClassifier(30, label_smoothing=0.3, **settings).fit(few, labels)
    assert model.score(few, labels) == 1
    np.testing.assert_allclose(model.predict_proba(few).max(axis=1), high, atol=0.02)
    np.testing.assert_allclose(model.predict_proba(few).min(axis=1), low, atol=0.02)


# ---- losses for numbers


@EARLY
def test_the_median_by_absolute_error_and_by_quantile() -> None:
    generator = np.random.default_rng(0)
    x = np.zeros((999, 1))
    y = generator.exponential(size=999)
    settings = {"hidden_layer_sizes": (), "alpha": 0, "max_iter": 400, "n_iter_no_change": 400}
    settings |= {"learning_rate_init": 0.01, "random_state": 0}
    for extra, expected in (
        ({"loss": "absolute_error"}, np.median(y)),
        ({"loss": "quantile"}, np.median(y)),
        ({"loss": "quantile", "quantile": 0.9}, np.quantile(y, 0.9)),
        ({"loss": "squared_error"}, np.mean(y)),
    ):
        model = MLPRegressor(**extra, **settings).fit(x, y)
        assert model.predict(x[:1])[0] == pytest.approx(expected, abs=0.05)
        if "quantile" in extra:
            assert model.loss_ == pytest.approx(
                mean_pinball_loss(y, model.predict(x), alpha=0.9), rel=0.02
            )


@EARLY
def test_huber_shrugs_at_outliers() -> None:
    x = np.linspace(-1, 1, 200)[:, None]
    y = x[:, 0].copy()
    y[::20] += 30.0
    errors = {
        loss: abs(
            MLPRegressor(loss, (), max_iter=2000, learning_rate_init=0.01, random_state=0)
            .fit(x, y)
            .predict(x)
            - x[:, 0]
        ).mean()
        for loss in ("huber", "squared_error")
    }
    assert errors["huber"] < 0.2
    assert errors["squared_error"] > 1.0


# ---- held-out rows


@EARLY
def test_validation_data_in_fit() -> None:
    train, test = slice(0, 120), slice(120, 200)
    model = MLPClassifier(8, max_iter=6, random_state=0)
    model.fit(X[train], Y[train], validation_data=(X[test], Y[test]))
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 6
    assert model.validation_scores_[-1] == model.score(X[test], Y[test])
    share = model.predict_proba(X[test])[np.arange(80), Y[test]]
    assert model.validation_loss_curve_[-1] == pytest.approx(-np.log(share).mean())
    assert model.best_validation_score_ is None
    plain = MLPClassifier(8, max_iter=6, random_state=0).fit(X[train], Y[train])
    same(model, plain)  # measuring changes nothing
    with pytest.raises(ValueError, match="must be a pair"):
        model.fit(X, Y, validation_data=X)
    with pytest.raises(ValueError, match="`y` has classes not in"):
        model.fit(X[train], Y[train], validation_data=(X[test], Y[test] + 5))


@EARLY
@pytest.mark.parametrize("metric", ["loss", "roc_auc_ovr", "f1_macro"])
def test_early_stopping_by_another_metric(metric: str) -> None:
    settings = {"early_stopping": True, "early_stopping_metric": metric, "random_state": 0}
    model = MLPClassifier(20, learning_rate_init=0.02, max_iter=40, **settings)
    model.fit(X[:150], Y[:150], validation_data=(X[150:], Y[150:]))
    assert model.best_validation_score_ == max(model.validation_scores_)
    best = int(np.argmax(model.validation_scores_))
    assert model.history_.best_epoch == best
    if metric == "loss":
        share = model.predict_proba(X[150:])[np.arange(50), Y[150:]]
        assert -model.best_validation_score_ == pytest.approx(-np.log(share).mean())
        assert min(model.validation_loss_curve_) == pytest.approx(-np.log(share).mean())


@EARLY
def test_early_stopping_by_a_scorer_of_ones_own() -> None:
    def scorer(estimator, X, y) -> float:
        return -float(abs(estimator.predict(X) - y).max())

    model = MLPRegressor(early_stopping=True, early_stopping_metric=scorer, max_iter=5)
    model.fit(data.X_NUMBERS, data.Y_NUMBERS)
    assert max(model.validation_scores_) < 0
    with pytest.raises(ValueError, match="'nonsense' is not a valid scoring value"):
        model.set_params(early_stopping_metric="nonsense").fit(data.X_NUMBERS, data.Y_NUMBERS)


# ---- optimisers and schedules of the core


@EARLY
def test_an_optimizer_of_the_core() -> None:
    settings = {"max_iter": 5, "random_state": 0, "hidden_layer_sizes": 8}
    by_name = MLPClassifier(solver="sgd", learning_rate_init=0.1, momentum=0.0, **settings)
    by_object = MLPClassifier(optimizer=fl.GradientDescent(0.1), **settings)
    same(by_name.fit(X, Y), by_object.fit(X, Y))
    assert MLPClassifier(optimizer=fl.RMSProp(0.01), **settings).fit(X, Y).loss_ < 1.1
    assert hasattr(by_object, "partial_fit")
    lbfgs = MLPClassifier(optimizer=fl.LBFGS(), max_iter=300, random_state=0)
    assert lbfgs.fit(X, Y).score(X, Y) == 1
    assert not hasattr(lbfgs, "partial_fit")


@EARLY
def test_a_schedule_of_the_core() -> None:
    schedule = fl.Cosine(0.02, steps=10)
    model = MLPClassifier(8, schedule=schedule, max_iter=10, random_state=0).fit(X, Y)
    expected = [schedule(step) for step in range(10)]
    correction = [np.sqrt(1 - 0.999**t) / (1 - 0.9**t) for t in range(1, 11)]
    np.testing.assert_allclose(model.history_.learning_rate, np.multiply(expected, correction))
    both = MLPClassifier(8, optimizer=fl.GradientDescent(1.0), schedule=schedule, max_iter=10)
    assert both.fit(X, Y).history_.learning_rate == pytest.approx(expected)
    with pytest.raises(ValueError, match="follows a schedule, so it cannot be set"):
        model._optimizer.learning_rate = 0.1


@EARLY
def test_weight_decay_is_adamw() -> None:
    settings = {"max_iter": 4, "random_state": 0, "hidden_layer_sizes": 8, "alpha": 0.0}
    decayed = MLPClassifier(weight_decay=0.1, **settings).fit(X, Y)
    core = fl.AdamW(0.001, weight_decay=0.1, epsilon_hat=True)
    same(decayed, MLPClassifier(optimizer=core, **settings).fit(X, Y))
    for wrong in ({"solver": "sgd"}, {"optimizer": fl.RMSProp()}, {"solver": "lbfgs"}):
        with pytest.raises(ValueError, match="weight_decay"):
            MLPClassifier(weight_decay=0.1, **wrong).fit(X, Y)


# ---- watching


@EARLY
def test_callbacks_of_the_core() -> None:
    seen = []

    def watch(progress) -> bool:
        seen.append((progress.epoch, progress.epochs, progress.history.loss[-1]))
        return progress.epoch == 3

    for solver in ("adam", "lbfgs"):
        seen.clear()
        model = MLPClassifier(8, solver=solver, callbacks=[watch], max_iter=50, random_state=0)
        model.fit(X, Y)
        assert seen == [(i, 50, model.loss_curve_[i]) for i in range(4)]
        assert model.n_iter_ == 4
        assert model.history_.stopped == "callback"


@EARLY
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_of_scikit_learn(solver: str) -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(8, solver=solver, max_iter=5, random_state=0).set_callbacks(monitor)
    model.fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 5
    assert rows[-1]["accuracy"] == model.score(X, Y)
    assert rows[0]["accuracy"] != rows[-1]["accuracy"]


@EARLY
def test_scorers_get_on_with_column_names() -> None:
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(8, early_stopping=True, early_stopping_metric="f1_macro", max_iter=4)
    model.set_callbacks(monitor).fit(frame, Y)  # a warning would be an error here
    assert len(model.validation_scores_) == 4
    assert len(monitor.get_logs().data) == 5  # four epochs and the whole fit


@EARLY
def test_a_callback_of_scikit_learn_may_stop_the_fit() -> None:
    class Stop:
        def setup(self, estimator, context) -> None: ...
        def teardown(self, estimator, context) -> None: ...
        def on_fit_task_begin(self, estimator, context) -> None: ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None) -> bool:
            return context.task_name == "epoch" and context.task_id == 2

    model = MLPClassifier(8, random_state=0).set_callbacks(Stop()).fit(X, Y)
    assert model.n_iter_ == 3
    assert not [name for name in vars(model) if "callback_fit" in name]


@EARLY
def test_staged_predictions() -> None:
    model = MLPClassifier(8, keep_every=2, max_iter=6, random_state=0).fit(X, Y)
    assert [epoch for epoch, _, _ in model.kept_weights_] == [1, 3, 5]
    stages = list(model.staged_predict_proba(X))
    np.testing.assert_array_equal(stages[-1], model.predict_proba(X))
    np.testing.assert_array_equal(list(model.staged_predict(X))[-1], model.predict(X))
    half_way = MLPClassifier(8, max_iter=4, random_state=0).fit(X, Y)
    np.testing.assert_allclose(stages[1], half_way.predict_proba(X))
    numbers = MLPRegressor(keep_every=1, max_iter=3, solver="lbfgs", random_state=0)
    assert len(list(numbers.fit(X, Y).staged_predict(X))) == 3
    with pytest.raises(ValueError, match="set keep_every=1"):
        list(half_way.staged_predict(X))


def test_history_tells_why_training_ended() -> None:
    model = MLPClassifier(tol=1.0, random_state=0).fit(X, Y)
    assert model.history_.loss == model.loss_curve_
    assert model.history_.steps == model._optimizer.t == model.n_iter_
    assert str(model.history_).startswith(f"loss {model.loss_:.6g} at epoch {model.n_iter_ - 1}")


# ---- to the core and back


@EARLY
@pytest.mark.parametrize("y", [Y, data.Y_BINARY, data.Y_LABELS], ids=["three", "two", "labels"])
def test_classifier_to_network_and_back(y, tmp_path) -> None:
    model = MLPClassifier((6, 5), ["tanh", "gelu"], max_iter=5, random_state=0).fit(X, y)
    network = model.to_network()
    np.testing.assert_allclose(network.predict_proba(X), model._output(X))
    fl.save(network, tmp_path / "net.safetensors")
    back = MLPClassifier.from_network(fl.load(tmp_path / "net.safetensors"))
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_allclose(back.predict_proba(X), model.predict_proba(X))
    if y.ndim == 1:
        names = np.array(["a", "b", "c"])[: len(model.classes_)]
        named = MLPClassifier.from_network(network, classes=names)
        np.testing.assert_array_equal(named.predict(X), names[model.predict(X)])
        assert back.partial_fit(X, y).n_iter_ == 1
        with pytest.raises(ValueError, match="different labels"):
            MLPClassifier.from_network(network, classes=["a"])
        with pytest.raises(ValueError, match="sorted order"):
            MLPClassifier.from_network(network, classes=names[::-1])


@EARLY
def test_regressor_to_network_and_back() -> None:
    model = MLPRegressor("quantile", quantile=0.2, max_iter=3, random_state=0)
    model.fit(data.X_NUMBERS, data.Y_NUMBERS)
    back = MLPRegressor.from_network(model.to_network())
    np.testing.assert_allclose(back.predict(data.X_NUMBERS), model.predict(data.X_NUMBERS))
    assert back.get_params()["quantile"] == 0.2
    with pytest.raises(ValueError, match="use MLPClassifier"):
        MLPRegressor.from_network(fl.Network([2, 1], loss="binary_cross_entropy"))
    with pytest.raises(ValueError, match="use MLPRegressor"):
        MLPClassifier.from_network(fl.Network([2, 1], loss="huber"))
    with pytest.raises(NotFittedError):
        MLPRegressor().to_network()


@EARLY
def test_to_scikit_learn_only_what_it_can_express() -> None:
    model = MLPClassifier(5, "sigmoid", class_weight="balanced", max_iter=2).fit(X, Y)
    twin = fl.to_sklearn(model)
    assert type(twin).__module__.startswith("sklearn")
    np.testing.assert_allclose(twin.predict_proba(X), model.predict_proba(X))
    twin.partial_fit(X, Y)
    with pytest.raises(ValueError, match="one activation for all hidden layers"):
        fl.to_sklearn(MLPClassifier(5, "gelu", max_iter=2).fit(X, Y))
    with pytest.raises(TypeError, match="not LogisticRegression"):
        fl.from_sklearn(LogisticRegression().fit(X, Y))
    with pytest.raises(NotFittedError):
        fl.to_sklearn(MLPClassifier())


# ---- the picture


@EARLY
def test_html_draws_the_network() -> None:
    model = MLPClassifier((100, 3), ["tanh", "relu"], max_iter=2)
    before = model._repr_html_()
    assert 'aria-label="network ? - 100 - 3 - ?"' in before
    after = make_pipeline(StandardScaler(), model).fit(X, Y)[-1]._repr_html_()
    assert 'aria-label="network 8 - 100 - 3 - 3"' in after
    drawn = re.findall("<circle", after[after.index("<svg role") :])
    assert len(drawn) == 8 + 7 + 3 + 3
    for name in ("inputs", "tanh", "relu", "softmax"):
        assert f">{name}</text>" in after
    assert "<svg role" not in MLPClassifier(hidden_layer_sizes="wrong")._repr_html_()


# ---- dropout and threads


@EARLY
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_dropout(engine: str) -> None:
    settings = {"max_iter": 30, "random_state": 0, "learning_rate_init": 0.01, "engine": engine}
    plain = MLPClassifier(40, **settings).fit(X, Y)
    dropped = MLPClassifier(40, dropout=0.5, **settings).fit(X, Y)
    again = MLPClassifier(40, dropout=0.5, **settings).fit(X, Y)
    np.testing.assert_array_equal(dropped.coefs_[0], again.coefs_[0])
    other = MLPClassifier(40, dropout=0.5, **settings | {"random_state": 1}).fit(X, Y)
    assert other.loss_curve_ != dropped.loss_curve_
    assert dropped.loss_ > plain.loss_  # it learns the rows less by heart
    assert dropped.score(X, Y) > 0.7
    np.testing.assert_array_equal(dropped.predict_proba(X), dropped.predict_proba(X))
    with pytest.raises(ValueError, match="dropout does not go with lbfgs"):
        MLPClassifier(dropout=0.5, solver="lbfgs").fit(X, Y)


@EARLY
def test_dropout_is_the_same_by_reference_and_engine() -> None:
    settings = {"dropout": 0.3, "max_iter": 5, "random_state": 3, "batch_size": 50}
    models = [MLPClassifier((9, 7), **settings, engine=e).fit(X, Y) for e in ("numpy", "compiled")]
    same(*models, rtol=1e-8)


@EARLY
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_any_number_of_threads_gives_the_same_bits(solver: str, monkeypatch) -> None:
    from fallline.engine import loop, threads

    monkeypatch.setattr(loop, "MIN_SECONDS_OF_STEP", 0.0)
    monkeypatch.setattr(loop, "MIN_SECONDS_OF_CALL", -1.0)
    monkeypatch.setattr(threads, "threads_allowed", lambda: 8)
    rows = np.tile(X, (5, 1))
    models = [
        MLPClassifier(
            30, solver=solver, max_iter=3, n_jobs=n, engine="compiled", random_state=0
        ).fit(rows, np.tile(Y, 5))
        for n in (1, 2, 3)
    ]
    for model in models[1:]:
        assert model.coefs_[0].tobytes() == models[0].coefs_[0].tobytes()
        assert model.loss_curve_ == models[0].loss_curve_
        np.testing.assert_array_equal(model.predict_proba(rows), models[0].predict_proba(rows))
