"""Custom parts: registered in a few lines, checked, trained, saved; refused where wrong."""

import re
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import fallline as fl
from fallline.arrays import Array
from fallline.core import activations, initializers, losses
from fallline.errors import ModelFileError, ParameterError, ShapeError

TABLES = (activations.ACTIVATIONS, losses.LOSSES, initializers.INITIALIZERS)


def mish(Z: Array) -> Array:
    return Z * np.tanh(np.log1p(np.exp(Z)))


def mish_slope(Z: Array, A: Array) -> Array:
    t = np.tanh(np.log1p(np.exp(Z)))
    return t + Z * (1 - t**2) / (1 + np.exp(-Z))


def data(n: int = 12) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 3))
    return X, np.sin(X[:, 0]) + X[:, 1] ** 2


def network(**settings: object) -> fl.Network:
    return fl.Network([3, 6, 1], **({"loss": "squared_error", "seed": 1} | settings))


def test_an_activation_trains_and_passes_the_check() -> None:
    fl.register_activation("mish", mish, mish_slope)
    X, y = data()
    net = network(hidden="mish")
    check = fl.check_gradients(net, X, y)
    assert check.method == "complex_step"
    assert check.passed, check
    history = fl.train(net, X, y, optimizer=fl.Adam(0.02), epochs=300)
    assert history.loss[-1] < 0.05 * history.loss[0]
    assert net.copy().hidden == ("mish",)
    trace = fl.trace(net, X, y)
    np.testing.assert_allclose(trace.layers[0].A, mish(trace.layers[0].Z))


def test_float32_stays_float32() -> None:
    fl.register_activation("mish", mish, mish_slope)
    X, y = data()
    net = network(hidden="mish", dtype="float32")
    fl.train(net, X, y, epochs=2)
    assert net.predict(X).dtype == np.float32


def test_a_wrong_slope_is_found() -> None:
    fl.register_activation("mish", mish, lambda Z, A: 0.9 * mish_slope(Z, A))
    check = fl.check_gradients(network(hidden="mish"), *data())
    assert [part.passed for part in check.parts] == [False, False, True, True]


def test_real_functions_are_checked_by_differences() -> None:
    """|z| of a complex number is its modulus, so the complex step would find a slope of 0."""
    softsign = fl.register_activation(
        "softsign",
        lambda Z: Z / (1 + np.abs(Z)),
        lambda Z, A: (1 - np.abs(A)) ** 2,
        seams=[0.0],  # |z| has one formula on each side
    )
    assert not softsign.analytic
    check = fl.check_gradients(network(hidden="softsign"), *data())
    assert check.method == "central"
    assert check.passed, check


def test_kinks_are_left_out() -> None:
    fl.register_activation(
        "hat",
        lambda Z: np.where(Z.real > 0, Z, -Z),
        lambda Z, A: np.where(Z > 0, 1.0, -1.0),
        kinks=[0.0],
    )
    check = fl.check_gradients(network(hidden="hat"), np.zeros((2, 3)), [0.0, 1.0])
    assert check.passed
    assert sum(part.at_kink for part in check.parts) == 6  # the biases; no row has an input


def test_a_loss_of_ones_own() -> None:
    fl.register_loss(
        "log_cosh",
        lambda Z, Y: np.logaddexp(Z - Y, Y - Z) - np.log(2),
        lambda A, Y: np.tanh(A - Y),
    )
    X, y = data()
    net = network(loss="log_cosh")
    assert fl.check_gradients(net, X, y).passed
    history = fl.train(net, X, y, optimizer=fl.Adam(0.02), epochs=300)
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert history.loss[0] == pytest.approx(np.mean(np.log(np.cosh(network().predict(X) - y))))


def test_a_loss_for_classes_takes_class_numbers() -> None:
    """Cross-entropy written anew equals the built-in one."""
    fl.register_loss(
        "own_entropy",
        lambda Z, Y: np.log(np.exp(Z).sum(axis=1)) - (Y * Z).sum(axis=1),
        lambda A, Y: A - Y,
        output="softmax",
    )
    X, _ = data()
    y = np.arange(12) % 4
    own, known = (
        fl.Network([3, 5, 4], loss=loss, seed=2) for loss in ("own_entropy", "cross_entropy")
    )
    assert fl.check_gradients(own, X, y).passed
    for net in (own, known):
        fl.train(net, X, y, epochs=20)
    np.testing.assert_allclose(own.parameters, known.parameters, rtol=1e-9)
    with pytest.raises(ParameterError, match="loss 'own_entropy' needs one output per class"):
        fl.Network([3, 1], loss="own_entropy")


def test_an_initialiser_of_ones_own() -> None:
    fl.register_initializer("wide", lambda g, n_in, n_out: g.normal(0, 2, (n_in, n_out)))
    assert fl.Network([50, 40], loss="squared_error", init="wide").parameters.std() > 1.5


@dataclass(frozen=True)
class SignDescent:
    """theta <- theta - eta sign(g)."""

    learning_rate: float = 0.01

    def init(self, theta: Array) -> dict[str, Array]:
        return {}

    def update(self, theta, gradient, state, step, is_weight) -> None:
        gradient[:] = -self.learning_rate * np.sign(gradient)
        theta += gradient


def test_optimisers_and_schedules_need_no_name() -> None:
    X, y = data()
    net = network()
    before = net.parameters.copy()
    fl.train(net, X, y, optimizer=SignDescent(), epochs=1)
    np.testing.assert_allclose(np.abs(net.parameters - before)[:3], 0.01)
    history = fl.train(net, X, y, optimizer=fl.Adam(lambda step: 0.1 / (1 + step)), epochs=3)
    assert history.learning_rate == pytest.approx([0.1, 0.05, 0.1 / 3])
    with pytest.raises(ParameterError, match="fails at step 0: ZeroDivisionError"):
        fl.Adam(lambda step: 1 / step)
    with pytest.raises(ParameterError, match="at step 0 it gives nan"):
        fl.Adam(lambda step: float("nan"))
    with pytest.raises(ParameterError, match="optimizer must be an optimiser"):
        fl.train(net, X, y, optimizer=object())


class FormerName:
    """An optimiser written when ``init`` was called ``start``."""

    learning_rate = 0.01

    def start(self, theta: Array) -> dict[str, Array]:
        return {"steps": np.zeros(1)}

    def update(self, theta, gradient, state, step, is_weight) -> None:
        state["steps"] += 1
        gradient[:] = -self.learning_rate * np.sign(gradient)
        theta += gradient


def test_an_optimisers_init_may_be_called_start() -> None:
    X, y = data()
    old, new = network(), network()
    fl.train(old, X, y, optimizer=FormerName(), epochs=5)
    fl.train(new, X, y, optimizer=SignDescent(), epochs=5)
    np.testing.assert_array_equal(old.parameters, new.parameters)
    traced = fl.trace(old, X, y, FormerName())
    np.testing.assert_allclose(np.abs(traced.layers[0].step_W), 0.01)
    model = fl.MLPRegressor(hidden_layer_sizes=(2,), optimizer=FormerName())
    assert model.partial_fit(X, y).n_iter_ == 1


def test_an_optimiser_without_init_is_refused() -> None:
    class NoInit:
        learning_rate = 0.1

        def update(self, theta, gradient, state, step, is_weight) -> None: ...

    with pytest.raises(ParameterError, match=r"needs a method init\(theta\)"):
        fl.train(network(), *data(), optimizer=NoInit())


def test_a_schedule_of_ones_own_is_compiled_too() -> None:
    X, y = data()
    nets = [network(), network()]
    for net, engine in zip(nets, ("numpy", "compiled"), strict=True):
        rate = fl.GradientDescent(lambda step: 0.05 / (1 + step))
        fl.train(net, X, y, optimizer=rate, epochs=30, engine=engine)
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-9)


OWN_LOSSES = {
    "quarter": (lambda Z, Y: (Z - Y) ** 2 / 4, lambda A, Y: (A - Y) / 2, "identity"),
    "by_row": (lambda Z, Y: ((Z - Y) ** 2).sum(axis=1) / 4, lambda A, Y: (A - Y) / 2, "identity"),
    "brier": (
        lambda Z, Y: np.square(1 / (1 + np.exp(-Z)) - Y),
        lambda A, Y: 2 * (A - Y) * A * (1 - A),
        "sigmoid",
    ),
    "deviance": (lambda Z, Y: np.exp(Z) - Y * Z, lambda A, Y: A - Y, "exp"),
    "nll": (
        lambda Z, Y: np.log(np.exp(Z).sum(axis=1)) - (Y * Z).sum(axis=1),
        lambda A, Y: A - Y,
        "softmax",
    ),
}


# each is compiled, which takes seconds: in float32 a loss by element and one by row are enough
LONG = [pytest.param(loss, "float32", marks=pytest.mark.long) for loss in ("quarter", "by_row")]
SHORT = [("brier", "float32"), ("deviance", "float32"), ("nll", "float32")]


@pytest.mark.parametrize(
    ("loss", "dtype"), [*((loss, "float64") for loss in OWN_LOSSES), *SHORT, *LONG]
)
def test_the_engine_takes_custom_parts(loss: str, dtype: str, rng: np.random.Generator) -> None:
    value, delta, output = OWN_LOSSES[loss]
    fl.register_activation("mish", mish, mish_slope)
    fl.register_loss(loss, value, delta, output=output)
    X, y = rng.normal(size=(70, 4)), rng.integers(0, 2, 70)
    weight = rng.random(70)
    outputs = 2 if output == "softmax" else 1
    nets = []
    for engine in ("numpy", "compiled"):
        net = fl.Network([4, 7, outputs], hidden="mish", loss=loss, seed=1, dtype=dtype)
        settings = {"optimizer": fl.Adam(0.01), "l2": 0.01, "dropout": 0.1, "engine": engine}
        fl.train(net, X, y, epochs=4, batch_size=30, sample_weight=weight, **settings)
        fl.train(net, X, y, epochs=4, batch_size=70, **settings)
        nets.append(net)
    same = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=same, atol=same / 100)
    np.testing.assert_allclose(
        fl.Predictor(nets[1]).predict_proba(X), nets[1].predict_proba(X), rtol=same
    )


def test_the_engine_keeps_the_function_that_a_network_was_made_with(
    rng: np.random.Generator,
) -> None:
    X, _ = data()
    fl.register_activation("double", lambda Z: 2.0 * Z, lambda Z, A: np.full_like(Z, 2.0))
    net = network(hidden="double")
    fl.register_activation("double", lambda Z: 3.0 * Z, lambda Z, A: np.full_like(Z, 3.0))
    assert_allclose = np.testing.assert_allclose
    assert_allclose(fl.Predictor(net).predict_proba(X), net.predict_proba(X), rtol=1e-12)


def helper(Z: np.ndarray) -> np.ndarray:
    return np.tanh(Z)


def test_the_compiled_engine_says_what_it_lacks_and_why() -> None:
    fl.register_activation("mine", lambda Z: 2 * helper(Z), lambda Z, A: 2 - A**2 / 2)
    fl.register_activation("centred", lambda Z: Z - np.mean(Z), lambda Z, A: np.full_like(Z, 0.9))
    X, y = data()
    for name, why in (("mine", "helper"), ("centred", "other numbers than in plain Python")):
        net = network(hidden=name)
        with pytest.raises(ParameterError, match=f"the activation '{name}' .*{why}"):
            fl.train(net, X, y, engine="compiled")
        with pytest.raises(ParameterError, match=f"does not have the activation '{name}' .*{why}"):
            fl.Predictor(net)
        fl.train(net, X, y, epochs=2)  # auto: the reference


@pytest.mark.parametrize(
    ("kind", "register"),
    [
        ("activation", lambda: fl.register_activation("mish", mish, mish_slope)),
        ("loss", lambda: fl.register_loss("half", lambda Z, Y: (Z - Y) ** 2 / 4, np.subtract)),
        ("initializer", lambda: fl.register_initializer("ones", lambda g, i, o: np.ones((i, o)))),
    ],
)
def test_model_files_load_once_the_part_is_registered(kind, register, tmp_path) -> None:
    register()
    name = {"activation": "mish", "loss": "half", "initializer": "ones"}[kind]
    setting = {"activation": "hidden", "loss": "loss", "initializer": "init"}[kind]
    net = network(**{setting: name})
    path = tmp_path / "own.safetensors"
    fl.save(net, path)
    X, _ = data()
    np.testing.assert_array_equal(fl.load(path).predict(X), net.predict(X))
    for table in TABLES:
        table.pop(name, None)
    with pytest.raises(ModelFileError, match=f"register_{kind}\\('{name}', ...\\) before loading"):
        fl.load(path)
    result = subprocess.run(
        [sys.executable, "-m", "fallline", "info", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"its {kind} '{name}' is not one of this version's" in re.sub(r"\s+", " ", result.stderr)


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda: fl.register_activation("tanh", mish, mish_slope), "a built-in activation named"),
        (lambda: fl.register_activation("my act", mish, mish_slope), "must be a word of letters"),
        (lambda: fl.register_loss("huber", mish, mish), "there is a built-in loss"),
        (lambda: fl.register_initializer("zeros", mish), "there is a built-in initializer"),
        (lambda: fl.register_activation("a", mish, mish), r"slope\(Z, A\) fails when it is tried"),
        (lambda: fl.register_activation("a", np.sum, mish_slope), "the shape of its argument"),
        (lambda: fl.register_activation("a", np.sqrt, mish_slope), "not finite when it is tried"),
        (
            lambda: fl.register_activation("a", lambda Z: np.exp(Z, out=Z), mish_slope),
            "writes into its argument",
        ),
        (lambda: fl.register_activation("a", mish, mish_slope, seams=3), "must be a list of num"),
        (lambda: fl.register_loss("a", np.subtract, np.subtract, output="relu"), "output must be"),
        (
            lambda: fl.register_loss("a", lambda Z, Y: np.ones(7), np.subtract),
            r"one number per sample, \(2,\), or per output, \(2, 3\)",
        ),
        (lambda: fl.register_initializer("a", lambda g, i, o: g.random(3)), r"of shape \(3, 2\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
def test_wrong_parts_are_refused_at_once(register, message: str) -> None:
    before = [dict(table) for table in TABLES]
    with pytest.raises(ParameterError, match=message):
        register()
    assert [dict(table) for table in TABLES] == before


def test_a_shape_that_is_wrong_later_is_named() -> None:
    fl.register_activation("odd", lambda Z: Z if len(Z) == 2 else Z[:1], lambda Z, A: A)
    with pytest.raises(ShapeError, match="activation 'odd': value"):
        network(hidden="odd").predict(data()[0])


def test_a_name_of_ones_own_may_be_given_again() -> None:
    fl.register_activation("a", mish, mish_slope)
    old = network(hidden="a")
    fl.register_activation("a", np.tanh, lambda Z, A: 1 - A * A)
    X, _ = data()
    new = network(hidden="a")
    assert not np.allclose(old.predict(X), new.predict(X))
    np.testing.assert_array_equal(new.predict(X), network(hidden="tanh", init=None).predict(X))
