"""What the playground computes is what Fallline computes."""

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest

import fallline as fl
from fallline.core.schedules import as_schedule, spanning
from fallline.errors import FalllineError, ParameterError
from fallline.lesson import TRAIN_X, TRAIN_Y, published_gradient, train_as_published
from fallline.playground import exports, landscape, microscope, whole_runs
from fallline.playground.descent import Descent
from fallline.playground.problems import make_problem
from fallline.playground.session import Session
from fallline.playground.setup import (
    DATA_KINDS,
    OPTIMIZERS,
    SCHEDULES,
    DataSetup,
    NetworkSetup,
    Setup,
    TrainingSetup,
    make_optimizer,
    read_setup,
)
from fallline.playground.starts import start_from_arrays

from .conftest import Client

MADE = ["truth_table", "and", "or", "xor", "circles", "moons", "spirals", "gaussians", "iris"]
MADE += ["plane", "bump", "digits"]


def setup(kind: str = "moons", **training: object) -> Setup:
    chosen = {"optimizer": "adam", "learning_rate": 0.03, "batch_size": 16, "epochs": 10}
    return Setup(
        DataSetup(kind=kind, n=60),
        NetworkSetup((5,), ("tanh",), "", seed=3),
        TrainingSetup(**(chosen | training)),
    )


def descent(kind: str = "moons", **training: object) -> Descent:
    made = setup(kind, **training)
    return Descent(made, make_problem(made.data, None, None))


def trained(made: Descent) -> fl.Network:
    """The same run by fl.train."""
    network = Descent(made.setup, made.problem).network
    training = made.setup.training
    fl.train(
        network,
        made.problem.X,
        made.targets(made.problem.y),
        optimizer=made.optimizer,
        epochs=training.epochs,
        batch_size=made.batch_size,
        seed=made.setup.network.seed,
        l2=training.l2,
        l1=training.l1,
        engine="numpy",
    )
    return network


@pytest.mark.parametrize("kind", MADE)
def test_a_run_is_that_of_train(kind: str) -> None:
    made = descent(kind)
    assert whole_runs.retrain(made, 60.0)
    assert made.epoch == 10
    # Adam divides the almost empty pixels' gradients by their own size: rounding shows sooner
    close = 1e-6 if kind == "digits" else 1e-9
    assert np.allclose(made.network.parameters, trained(made).parameters, rtol=close, atol=close)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_steps_by_hand_are_those_of_a_run(optimizer: str, schedule: str) -> None:
    made = descent(optimizer=optimizer, schedule=schedule, l2=0.01, l1=0.001, epochs=4)
    made.step("batch")
    made.step("batch")
    made.advance(1, 60.0)  # the rest of the first epoch
    made.step("epoch")
    for _ in range(-(-len(made.rows) // 16)):
        made.step("batch")
    made.advance(1, 60.0)
    assert made.epoch == 4
    assert np.allclose(made.network.parameters, trained(made).parameters, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_has_the_rates_that_it_has_in_train_and_sweep(schedule: str) -> None:
    for steps in (1, 10, 1_000):
        training = TrainingSetup(schedule=schedule, learning_rate=0.4)
        rate = make_optimizer(training, steps).rate
        expected = as_schedule(spanning(schedule, 0.4, steps))
        assert [rate(t) for t in range(steps)] == [expected(t) for t in range(steps)]


def test_the_rate_halves_every_eighth_and_falls_every_quarter_of_a_run() -> None:
    def rates(schedule: str, steps: int, *at: int) -> list[float]:
        made = make_optimizer(TrainingSetup(schedule=schedule, learning_rate=0.4), steps)
        return [made.rate(t) for t in at]

    assert rates("exponential", 1_000, 0, 125, 250) == pytest.approx([0.4, 0.2, 0.1])
    assert rates("step", 1_000, 249, 250, 500) == [0.4, 0.2, 0.1]
    assert rates("step", 10, 2, 3, 6) == [0.4, 0.2, 0.1]  # a quarter of 10 steps is 3, rounded up


def test_back_is_exact() -> None:
    made = descent()
    states = []
    for kind in ("sample", "batch", "epoch", "sample", "batch"):
        states.append((made.network.parameters.copy(), made.epoch, made.part_of_epoch))
        made.step(kind)
    end = made.network.parameters.copy()
    for theta, epoch, part in reversed(states):
        made.back()
        assert np.array_equal(made.network.parameters, theta)
        assert (made.epoch, made.part_of_epoch) == (epoch, part)
    with pytest.raises(ParameterError, match="no earlier step"):
        made.back()
    for kind in ("sample", "batch", "epoch", "sample", "batch"):
        made.step(kind)
    assert np.array_equal(made.network.parameters, end)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["sample", "batch"])
def test_the_microscope_shows_the_step_that_is_taken(optimizer: str, kind: str) -> None:
    made = descent("gaussians", optimizer=optimizer, l2=0.01)
    made.step("batch")
    shown, rows = microscope.traced(made, kind)
    assert len(rows) == (1 if kind == "sample" else 16)
    made.step(kind)
    new = np.concatenate([np.r_[x.new_W.ravel(), x.new_b.ravel()] for x in shown.layers])
    assert np.allclose(new, made.network.parameters, rtol=1e-13, atol=1e-15)


def test_trace_goes_on_from_a_state() -> None:
    made = descent()
    made.step("batch")
    rows = made.next_rows("batch")
    X, Y, state = made.rows.X[rows], made.rows.Y[rows], made.position.state
    first = fl.trace(made.network, X, Y, made.optimizer)
    later = fl.trace(made.network, X, Y, made.optimizer, state=state, step=1)
    assert not np.allclose(first.layers[0].step_W, later.layers[0].step_W)
    made.step("batch")
    assert np.allclose(later.layers[0].new_W, made.network.layers[0].W, rtol=1e-13)


def test_the_slips_are_the_lessons() -> None:
    made = Descent(
        Setup(training=TrainingSetup(gradient="published", epochs=50)),
        make_problem(DataSetup(), None, None),
    )
    network = made.network.copy()
    assert np.array_equal(made.gradient(), published_gradient(network, TRAIN_X, TRAIN_Y[:, None]))
    found = microscope.check(made, "central")
    assert not found["passed"]
    assert found["parts"][0]["ratio"] == pytest.approx(5 / 6)
    shown, _ = microscope.traced(made, "batch")
    made.step("epoch")
    assert np.array_equal(shown.layers[1].new_W, made.network.layers[1].W)
    made.advance(49, 60.0)
    train_as_published(network, TRAIN_X, TRAIN_Y, learning_rate=1.6, epochs=50, record_every=10)
    assert np.array_equal(made.network.parameters, network.parameters)
    with pytest.raises(ParameterError, match="sigmoid"):
        descent(gradient="published")


@pytest.mark.parametrize("method", ["complex_step", "central"])
def test_the_check_passes_where_the_gradient_is_right(method: str) -> None:
    assert microscope.check(descent("iris"), method)["passed"]


@pytest.mark.parametrize("epochs", [1, 2, 10, 1000, 20_000])
def test_the_records_of_a_run(epochs: int) -> None:
    marks = whole_runs.records(epochs)
    assert marks[-1] == epochs
    assert marks[0] >= 1
    assert marks == sorted(set(marks))


def test_divergence_stops_with_advice() -> None:
    made = descent("bump", optimizer="gradient_descent", learning_rate=1000.0)
    made.advance(1000, 60.0)
    assert "learning_rate 1000 is too large" in made.message
    assert np.isfinite(made.network.parameters).all()
    made.arrange(setup("bump", optimizer="gradient_descent", learning_rate=0.01))
    made.advance(5, 60.0)
    assert not made.message


def test_most_seeds_find_the_truth_table() -> None:
    truth = Setup(training=TrainingSetup(epochs=2000))
    results = list(whole_runs.seed_results(truth, make_problem(truth.data, None, None), 60.0))
    assert [result["seed"] for result in results] == list(range(100))
    assert sum(result["found"] for result in results) > 90


def test_the_landscape_has_the_present_loss_in_its_middle() -> None:
    made = descent()
    made.advance(20, 60.0)
    facts = landscape.landscape(made)
    middle = facts["size"] // 2
    assert facts["loss"][middle][middle] == pytest.approx(made.track.train[-1])
    assert facts["path"][-1] == pytest.approx([0, 0], abs=1e-12)
    fresh = landscape.landscape(descent())
    assert len(fresh["path"]) == 1


@pytest.mark.parametrize("kind", ["truth_table", "gaussians", "plane", "iris"])
def test_the_script_repeats_the_run(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = descent(kind, schedule="cosine", l1=0.002)
    whole_runs.retrain(made, 60.0)
    script = base64.b64decode(exports.export(made, "script")["content"]).decode()
    names: dict[str, object] = {}
    exec(script, names)
    network = names["net"]
    assert isinstance(network, fl.Network)
    assert np.allclose(network.parameters, made.network.parameters, rtol=1e-9, atol=1e-12)
    assert "loss" in capsys.readouterr().out
    notebook = json.loads(base64.b64decode(exports.export(made, "notebook")["content"]))
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert "\n\n".join(cells) + "\n" == script


def test_the_model_file_is_the_network(tmp_path) -> None:
    made = descent("iris")
    made.step("epoch")
    path = tmp_path / "model.safetensors"
    path.write_bytes(base64.b64decode(exports.export(made, "model")["content"]))
    assert np.array_equal(fl.load(path).parameters, made.network.parameters)


def test_a_setup_is_read_back_as_it_was() -> None:
    made = setup("drawn")
    made = replace(made, data=replace(made.data, points=((0.0, 1.0, 1.0), (1.0, 0.0, 0.0))))
    assert read_setup(json.loads(json.dumps(made.as_dict()))) == made


def test_every_made_set_is_seeded_and_split() -> None:
    for kind in set(DATA_KINDS) - {"table", "given", "drawn"}:
        data = DataSetup(kind=kind, n=100, test=0.25, seed=5)
        first, again = (make_problem(data, None, None) for _ in range(2))
        assert np.array_equal(first.X, again.X)
        assert len(first.X_test) > 0
        assert np.isfinite(first.X).all()


def test_a_network_of_ones_own_starts_as_it_is() -> None:
    network = fl.Network([2, 3, 1], hidden="tanh", loss="squared_error", dtype="float32")
    network.parameters = np.arange(network.n_parameters) / 10
    X = np.random.default_rng(0).normal(size=(20, 2))
    start = start_from_arrays(network, X, X[:, 0])
    session = Session(start)
    session.take(start.setup)
    given = session.there()
    assert np.array_equal(given.network.parameters, network.parameters)
    given.step("epoch")
    assert not np.array_equal(given.network.parameters, network.parameters)
    session.take(replace(start.setup, network=replace(start.setup.network, hidden=(4,))))
    assert session.there().network.sizes == (2, 4, 1)
    with pytest.raises(ParameterError, match="or none of them"):
        start_from_arrays(network, X, None)
    with pytest.raises(FalllineError):
        start_from_arrays(network, X * np.nan, X[:, 0])


@pytest.mark.parametrize("loss", ["poisson", "quantile(0.9)", "pinball"])
def test_parts_of_ones_own_are_shown_as_they_are(loss: str) -> None:
    fl.register_activation("bent", lambda Z: Z / (1 + abs(Z)), lambda Z, A: 1 / (1 + abs(Z)) ** 2)
    fl.register_loss("pinball", lambda A, Y: abs(A - Y).sum(axis=1), lambda A, Y: np.sign(A - Y))
    X = np.random.default_rng(0).normal(size=(30, 2))
    network = fl.Network([2, 3, 1], hidden="bent", loss=loss, seed=1)
    start = start_from_arrays(network, X, np.round(np.exp(X[:, 0])))
    session = Session(start)
    session.take(replace(start.setup, training=replace(start.setup.training, epochs=5)))
    made = session.there()
    assert whole_runs.retrain(made, 60.0)
    trained = network.copy()
    fl.train(
        trained, X, np.round(np.exp(X[:, 0])), optimizer=made.optimizer, epochs=5, engine="numpy"
    )
    assert np.allclose(made.network.parameters, trained.parameters, rtol=1e-9)
    assert microscope.next_update(made, "batch")["loss_name"] == loss
    assert session.frame(playing=False)


def test_inputs_are_functions_of_the_points() -> None:
    plain = make_problem(DataSetup(kind="circles", n=50), None, None)
    names = ("x2", "x1²", "x1 x2", "sin πx1")
    made = make_problem(DataSetup(kind="circles", n=50, inputs=names), None, None)
    x1, x2 = plain.X.T
    assert np.array_equal(made.X, np.column_stack([x2, x1**2, x1 * x2, np.sin(np.pi * x1)]))
    assert made.features == names
    assert np.array_equal(made.plane[0], plain.X)
    assert make_problem(DataSetup(kind="iris", inputs=names), None, None).plane is None
    given = Setup().as_dict()
    for wrong in (["x1", "x1"], [], ["x3"], "x1"):
        given["data"]["inputs"] = wrong
        with pytest.raises(ParameterError, match="data.inputs"):
            read_setup(given)


def test_frames_tell_what_is_there(client: Client) -> None:
    first = client.begin(training={"learning_rate": 1.0})
    network = fl.Network(
        [3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", init="uniform", seed=0
    )
    assert np.array_equal(first["theta"], network.parameters)
    loss, gradient = fl.loss_and_gradient(network, TRAIN_X, TRAIN_Y)
    assert first["loss"][0] == pytest.approx(loss, rel=1e-14)
    assert np.allclose(first["gradient"], gradient, rtol=1e-13)
    facts = client.ask({"type": "microscope", "kind": "batch"})
    expected = fl.trace(network, TRAIN_X, TRAIN_Y, fl.GradientDescent(1.0)).as_dict()
    for shown, layer in zip(facts["layers"], expected["layers"], strict=True):
        for name, values in layer.items():
            assert shown[name] == values, name
    client.send({"type": "set", "parameter": 4, "value": 0.25})
    changed = client.frame()
    assert changed["theta"][4] == 0.25
    client.send({"type": "back"})
    assert np.array_equal(client.frame()["theta"], first["theta"])


def test_retraining_again_and_again_loses_none(client: Client) -> None:
    """As many answers as questions, each the whole run; the speed is a benchmark's matter."""
    client.begin()
    for k in range(40):
        client.setup["training"]["learning_rate"] = 1.0 + k / 40
        client.send({"type": "retrain", "id": 100 + k, "setup": client.setup})
        frame = client.frame()
        while frame["playing"]:
            frame = client.frame()
        assert frame["epoch"] == 20_000
        assert client.until("retrained")["id"] == 100 + k
    assert math.isclose(frame["rate"], 1.0 + 39 / 40)


def test_seeds_are_told_piece_by_piece(client: Client) -> None:
    client.begin(training={"epochs": 500})
    client.send({"type": "seeds", "id": 5, "setup": client.setup})
    results: list[dict] = []
    done = False
    while not done:
        message = client.until("seeds")
        results += message["results"]
        done = message.get("done", False)
    assert len(results) == 100


WRONG_PARTS = {
    "sum": [(1, "W"), (1, "b"), (2, "W"), (2, "b")],
    "no_slope": [(1, "W"), (1, "b")],
    "z_for_a": [(2, "W")],
    "no_bias": [(1, "b"), (2, "b")],
    "sign": [(1, "W"), (1, "b")],
}


@pytest.mark.parametrize("kind", WRONG_PARTS)
def test_a_wrong_gradient_is_wrong_where_it_says(kind: str) -> None:
    made = Descent(
        Setup(training=TrainingSetup(gradient=kind)), make_problem(DataSetup(), None, None)
    )
    found = microscope.check(made, "complex_step")
    wrong = [(part["layer"], part["kind"]) for part in found["parts"] if not part["passed"]]
    assert wrong == WRONG_PARTS[kind]
    before = made.network.parameters.copy()
    gradient = made.gradient()
    made.step("epoch")
    assert np.allclose(made.network.parameters, before - 1.6 * gradient)


def test_targets_are_those_of_the_page() -> None:
    targets = (0, 1, 0, 1, 0, 1, 0, 1)
    made = make_problem(DataSetup(targets=targets), None, None)
    assert np.array_equal([*made.y, *made.y_test], targets)
    with pytest.raises(ParameterError, match="8 zeros and ones"):
        make_problem(DataSetup(targets=(1, 0)), None, None)
