"""Attributions add up for every task and activation, and are right where the answer is known."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS
from fallline.errors import DataError, ParameterError
from fallline.explaining import integrated_gradients as steps_of
from fallline.explaining.explanation import Explanation
from fallline.explaining.integrated_gradients import (
    KRONROD,
    NODES,
    TOLERANCE,
    WEIGHTS,
    integrated_gradients,
    linear_head,
    output_head,
)

LOSSES = {
    "squared_error": [6, 9, 7, 1],
    "binary_cross_entropy": [6, 9, 7, 1],
    "cross_entropy": [6, 9, 7, 3],
    "poisson": [6, 9, 7, 1],
}
HOSTILE = "x\x1b[31m<b>&\n\u202ename"


def network(hidden: str, loss: str = "squared_error", dtype: str = "float64") -> fl.Network:
    net = fl.Network(LOSSES[loss], hidden=hidden, loss=loss, seed=3, dtype=dtype)
    generator = np.random.default_rng(5)
    net.parameters = 1.5 * net.parameters + 0.2 * generator.normal(size=net.n_parameters)
    return net


X = np.random.default_rng(0).normal(size=(12, 6))


def added(found: Explanation) -> np.ndarray:
    return found.base + found.attributions.sum(axis=1)


# ---- the mathematics


@pytest.mark.parametrize("probability", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_attributions_add_up(hidden: str, loss: str, probability: bool) -> None:
    net = network(hidden, loss)
    found = fl.explain(net, X, probability=probability)
    size = np.abs(found.attributions).sum(axis=1)
    Z = net.logits(X)
    if loss == "cross_entropy":
        k = Z.argmax(axis=1)
        centred = Z - Z.mean(axis=1, keepdims=True)
        value = (net.predict_proba(X) if probability else centred)[np.arange(len(X)), k]
    else:
        value = (net.predict_proba(X) if probability else Z)[:, 0]
    np.testing.assert_allclose(found.value, value, rtol=1e-12, atol=1e-14)
    assert np.all(np.abs(added(found) - value) <= TOLERANCE * size)
    np.testing.assert_allclose(found.gap, np.abs(added(found) - found.value), atol=1e-12)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_attributions_are_the_integral(hidden: str) -> None:
    """Against 20,000 midpoints and the derivative by differences of the same network."""
    net = network(hidden)
    found = fl.explain(net, X, rows=[4])
    base = X.mean(axis=0)
    n = 20_000
    points = base + (np.arange(n)[:, None] + 0.5) / n * (X[4] - base)
    step = 1e-6
    for i in range(6):
        moved = np.zeros(6)
        moved[i] = step
        slope = (net.logits(points + moved) - net.logits(points - moved))[:, 0] / (2 * step)
        expected = (X[4] - base)[i] * slope.mean()
        assert found.attributions[0, i] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_network_linear_in_pieces_takes_one_gradient_a_piece_and_is_exact() -> None:
    net = network("relu")
    found = fl.explain(net, X)
    assert found.gap.max() < 1e-13
    assert found.steps.max() <= 2 * (9 + 7)
    assert fl.explain(network("identity"), X).steps.tolist() == [1] * len(X)


def test_what_adds_nothing_to_the_sum_is_integrated_as_well() -> None:
    """Two inputs whose effects cancel all along the line: the sum alone would show no error."""
    net = fl.Network([2, 2, 1], hidden="tanh", loss="squared_error")
    net.parameters = [30.0, 0.0, 0.0, 30.0, -14.0, -14.0, 1.0, -1.0, 0.0]
    found = fl.explain(net, [[1.0, 1.0]], baseline=[[0.0, 0.0]])
    exact = np.tanh(16.0) - np.tanh(-14.0)
    np.testing.assert_allclose(found.attributions, [[exact, -exact]], rtol=1e-6)


def test_a_linear_network_gets_its_weights_times_the_distance() -> None:
    net = fl.Network([6, 1], loss="binary_cross_entropy", seed=1)
    base = np.arange(6.0)
    found = fl.explain(net, X, baseline=base[None, :])
    np.testing.assert_allclose(
        found.attributions, net.layers[0].W[:, 0] * (X - base), rtol=1e-15, atol=0
    )
    np.testing.assert_allclose(
        fl.explain(net, X, output="0", baseline=base[None, :]).attributions, -found.attributions
    )


def test_a_float32_network_is_explained_in_float64() -> None:
    found = fl.explain(network("silu", dtype="float32"), X)
    assert found.attributions.dtype == np.float64
    assert np.all(found.gap <= TOLERANCE * np.abs(found.attributions).sum(axis=1))


def test_the_rule_is_exact_for_polynomials() -> None:
    for degree in range(23):
        assert WEIGHTS[0] @ NODES**degree == pytest.approx(1 / (degree + 1), abs=1e-15)
    for degree in range(14):
        assert WEIGHTS[1] @ NODES**degree == pytest.approx(1 / (degree + 1), abs=1e-15)
    assert abs(WEIGHTS[1] @ NODES**14 - 1 / 15) > 1e-10
    assert len(KRONROD) == 8


def test_too_few_steps_are_told() -> None:
    net = network("tanh")
    net.parameters[:] *= 8
    with pytest.warns(UserWarning, match="give more steps"):
        found = fl.explain(net, X, steps=15)
    assert found.steps.max() == 15
    assert fl.explain(net, X).gap.max() < found.gap.max()


def test_more_pieces_than_steps_are_told() -> None:
    net = fl.Network([6, 60, 60, 1], hidden="relu", loss="squared_error", seed=0)
    with pytest.warns(UserWarning, match="give more steps"):
        found = fl.explain(net, X, steps=15)
    assert found.steps.max() <= 15
    assert fl.explain(net, X).steps.min() > 15
    with pytest.raises(ParameterError, match="at least 15"):
        fl.explain(net, X, steps=14)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_rows_taken_in_parts_are_those_taken_at_once(loss: str, monkeypatch) -> None:
    net = network("silu", loss)
    whole = fl.explain(net, X)
    monkeypatch.setattr(steps_of, "CELLS_AT_ONCE", 5 * 9 * sum(net.sizes[1:]))
    parts = fl.explain(net, X)
    np.testing.assert_allclose(parts.attributions, whole.attributions, rtol=1e-12)
    assert parts.explained == whole.explained


def test_a_row_at_the_baseline_adds_nothing() -> None:
    found = fl.explain(network("gelu"), X, rows=[2], baseline=X[2:3])
    assert not found.attributions.any()
    assert found.gap[0] == 0


def test_each_row_may_have_an_output_of_its_own() -> None:
    net = network("tanh", "cross_entropy")
    k = np.array([0, 1, 2])
    ones = np.ones(3)
    for head in (linear_head(np.eye(3)[k]), output_head("softmax", k, ones)):
        whole = integrated_gradients(net, X[:3], X.mean(axis=0), head, 4096)
        assert whole.relative_gap.max() < TOLERANCE
    Z = net.logits(X[:3])
    np.testing.assert_allclose(
        output_head("softmax", k, ones).value(Z, k), net.predict_proba(X[:3])[k, k]
    )


# ---- tables


def table(task: str = "classes") -> pl.DataFrame:
    generator = np.random.default_rng(1)
    n = 300
    x, z = generator.normal(size=(2, n))
    town = generator.choice(["Ulm", "Bern", "Graz"], n)
    score = x + (town == "Ulm") + 0.3 * generator.normal(size=n)
    target = {
        "numbers": 100 + 10 * score,
        "binary": np.where(score > 0, "yes", "no"),
        "classes": np.where(score > 1, "high", np.where(score > 0, "mid", "low")),
        "counts": generator.poisson(np.exp(0.5 * score)),
    }[task]
    gaps = pl.Series([None if i % 17 == 0 else v for i, v in enumerate(z)], dtype=pl.Float64)
    frame = pl.DataFrame({HOSTILE: x, "town": town, "noise": gaps})
    return frame.with_columns(y=pl.Series(target))


def trained(task: str) -> tuple[fl.TableModel, pl.DataFrame]:
    frame = table(task)
    return fl.train_table(frame, "y", task=task, preset="quick", epochs=15), frame


@pytest.mark.parametrize("task", ["numbers", "binary", "classes", "counts"])
def test_a_table_is_explained_in_its_own_columns(task: str) -> None:
    model, frame = trained(task)
    found = fl.explain(model, frame, rows=[0, 17, 5])
    assert found.columns == (HOSTILE, "town", "noise")
    assert found.baseline == "the means of the training rows"
    assert found.cells[0][2] == "missing"
    assert np.all(np.abs(added(found) - found.value) <= 1e-6 * abs(found.attributions).sum(axis=1))
    predicted = model.predict(frame[[0, 17, 5]], extrapolate=True)
    if task in ("numbers", "counts"):
        value = found.value if task == "numbers" else np.exp(found.value)
        np.testing.assert_allclose(value, predicted.values, rtol=1e-4)
        np.testing.assert_allclose(np.array(found.predicted), predicted.values, rtol=1e-4)
    else:
        assert found.predicted == tuple(predicted.values)
        assert predicted.probabilities is not None
        np.testing.assert_allclose(found.probability, predicted.probabilities.max(axis=1), 1e-4)
    if task != "counts":
        assert fl.explain(model, frame).leading(1) == [HOSTILE]


def test_one_hots_add_up_and_the_baseline_outlives_the_file(tmp_path) -> None:
    model, frame = trained("binary")
    head = linear_head(np.ones((1, 1)))
    part = model.encoding.transform(fl.read_table(frame[[7]]), np.float64)
    assert model.means is not None
    features = integrated_gradients(model.network, part, model.means, head, 4096).inputs[0]
    found = fl.explain(model, frame, rows=[7])
    names = model.encoding.feature_names
    towns = [i for i, name in enumerate(names) if name.startswith("town=")]
    assert len(towns) == 3
    assert found.attributions[0, 1] == pytest.approx(features[towns].sum(), rel=1e-12)
    model.save(tmp_path / "m.safetensors")
    loaded = fl.TableModel.load(tmp_path / "m.safetensors")
    again = fl.explain(loaded, frame, rows=[7])
    assert again.attributions.tolist() == found.attributions.tolist()
    loaded.means = None  # as in an older file
    assert fl.explain(loaded, frame, rows=[7]).baseline == "the means of the table's rows"
    with pytest.raises(ParameterError, match="one row alone"):
        fl.explain(loaded, frame[[7]])


def test_chosen_rows_are_a_baseline_and_classes_are_chosen() -> None:
    model, frame = trained("classes")
    found = fl.explain(model, frame, [3], frame[[8]], output="low", probability=True)
    shares = model.predict(frame[[3, 8]]).probabilities
    assert shares is not None
    k = model.encoding.classes.index("low")
    np.testing.assert_allclose([found.value[0], found.base[0]], shares[:, k], rtol=1e-4)
    assert found.explained == ("probability of low",)
    with pytest.raises(ParameterError, match="high, low, mid; not 'none'"):
        fl.explain(model, frame, output="none")
    with pytest.raises(ParameterError, match="rows 0 to 299"):
        fl.explain(model, frame, rows=[300])
    with pytest.raises(ParameterError, match="not str"):
        fl.explain("model", frame)


def test_names_and_cells_stay_text_in_the_bars() -> None:
    model, frame = trained("numbers")
    text = str(fl.explain(model, frame, rows=[0, 1]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "x\\x1b[31m<b>&\\n" in text
    assert all(len(line) <= 80 for line in text.split("\n"))
    plain = fl.explain(model, frame, rows=[0]).text(0, plain=True)
    assert plain.isascii()


def test_others_are_added_up_in_the_bars() -> None:
    net = fl.Network([30, 1], loss="squared_error", seed=0)
    x = np.random.default_rng(0).normal(size=(1, 30))
    found = fl.explain(net, x, baseline=np.zeros((1, 30)))
    lines = found.text(0).split("\n")
    [others] = [line for line in lines if line.startswith("20 others")]
    rest = np.sort(abs(found.attributions[0]))[:20]
    sizes = found.attributions[0][abs(found.attributions[0]) <= rest[-1]].sum()
    assert float(others.split()[2]) == pytest.approx(sizes, abs=1e-3)


# ---- estimators


@pytest.mark.parametrize("preset", [None, "quick"])
def test_estimators_are_explained(preset: str | None) -> None:
    generator = np.random.default_rng(2)
    frame = pd.DataFrame(generator.normal(size=(200, 3)), columns=["a", "b", "c"])
    y = np.where(frame["b"] > 0, "up", "down")
    options = {"solver": "lbfgs"} if preset is None else {"preset": preset}
    model = fl.MLPClassifier(random_state=0, **options).fit(frame, y)
    found = fl.explain(model, frame, rows=[1, 2])
    assert found.columns == ("a", "b", "c")
    assert found.explained == ("log-odds of up",) * 2
    assert found.leading(1) == ["b"]
    assert found.predicted == tuple(model.predict(frame[1:3]))
    shuffled = frame[["c", "a", "b"]]
    assert fl.explain(model, shuffled, rows=[1, 2]).attributions.tolist() == (
        found.attributions.tolist()
    )
    with pytest.raises(DataError, match="has no column 'c'"):
        fl.explain(model, frame[["a", "b"]])
    ranked = found.importances(np.searchsorted(["down", "up"], y))
    assert ranked[0].column == "b"


def test_of_several_outputs_one_is_chosen() -> None:
    net = fl.Network([6, 4, 2], hidden="tanh", loss="squared_error", seed=0)
    with pytest.raises(ParameterError, match="output=0 to 1"):
        fl.explain(net, X)
    np.testing.assert_allclose(fl.explain(net, X, output=1).value, net.logits(X)[:, 1])
    with pytest.raises(ParameterError, match="from 0 to 1"):
        fl.explain(net, X, output=2)


# ---- what a model goes by in general


def exact(weights: list[float]) -> tuple[fl.Network, np.ndarray]:
    """A network with x0 x1 times the first weight, by (x0 + x1)^2 - (x0 - x1)^2, plus x0 + x1."""
    generator = np.random.default_rng(4)
    rows = generator.normal(size=(400, 3))
    net = fl.Network([3, 40, 1], hidden="tanh", loss="squared_error", seed=0)
    y = weights[0] * rows[:, 0] * rows[:, 1] + weights[1] * (rows[:, 0] + rows[:, 1])
    fl.train(net, rows, y, epochs=400, optimizer=fl.LBFGS())
    return net, rows


def test_a_product_interacts_and_a_sum_does_not() -> None:
    net, rows = exact([1.0, 0.0])
    [first, *rest] = fl.explain(net, rows).interactions(3)
    assert set(first.columns) == {"x0", "x1"}
    assert first.h > 0.9
    assert all(pair.size < 0.1 * first.size for pair in rest)
    additive, rows = exact([0.0, 1.0])
    assert all(pair.h < 0.1 for pair in fl.explain(additive, rows).interactions(2))
    linear = fl.Network([3, 1], loss="squared_error", seed=0)
    assert all(pair.h == 0 for pair in fl.explain(linear, rows).interactions(3))


def test_a_column_of_noise_is_of_no_importance() -> None:
    model, _ = trained("numbers")
    generator = np.random.default_rng(9)
    frame = table("numbers")
    held_out = frame.with_columns(noise=pl.Series(generator.normal(size=len(frame))))
    found = {i.column: i for i in fl.explain(model, held_out, rows=[0]).importances()}
    low, high = found["noise"].interval
    assert low <= 0 <= high
    low, high = found[HOSTILE].interval
    assert 0 < low < found[HOSTILE].rise < high
    with pytest.raises(ParameterError, match="shows against 'y'"):
        fl.explain(model, frame.drop("y")).importances()


def test_curves_of_single_rows_have_the_mean_of_the_dependence() -> None:
    model, frame = trained("numbers")
    found = fl.explain(model, frame[:30], rows=[0]).dependence(HOSTILE)
    assert found is not None
    assert found.curves.shape == (30, *found.predicted.shape)
    np.testing.assert_allclose(found.curves.mean(axis=0), found.predicted, rtol=1e-9)
    at = frame[:30].with_columns(pl.lit(float(found.values[3])).alias(HOSTILE))
    expected = model.predict(at, extrapolate=True).values
    np.testing.assert_allclose(found.curves[:, 3, 0], expected, rtol=1e-3)
