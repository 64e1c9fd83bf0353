"""What the page computes by itself is what Fallline computes: in Node, over all that it offers."""

import base64
import json
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.dropout import keys_of
from fallline.data.encoding import Encoding
from fallline.lesson import TRAIN_X, TRAIN_Y, published_gradient, train_as_published
from fallline.playground.single_file import DATA
from fallline.playground.starts import start_from_arrays, start_from_table
from fallline.saving.modelfile import read_model

from .node import Computing, PageError, needs_node
from .problems import Data, make_problem

pytestmark = needs_node

MADE = ["truth_table", "and", "or", "xor", "circles", "moons", "spirals", "gaussians", "iris"]
MADE += ["plane", "bump", "digits"]
ACTIVATIONS = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus"]
ACTIVATIONS += ["identity"]
LOSSES = ["squared_error", "absolute_error", "huber", "poisson", "binary_cross_entropy"]
LOSSES += ["cross_entropy", "quantile(0.9)"]
OPTIMIZERS = ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw"]
SCHEDULES = ["constant", "step", "exponential", "cosine", "inverse_scaling", "warm_up"]
SCHEDULES += ["one_cycle"]
STARTS = ["", "uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "zeros"]
RATES = {"gradient_descent": 0.1, "momentum": 0.02, "nesterov": 0.02, "rmsprop": 0.003}


@dataclass(frozen=True)
class Run:
    """A setup of the page, in Python's words."""

    data: dict[str, Any] = field(default_factory=lambda: {"kind": "moons", "n": 60})
    hidden: tuple[int, ...] = (5,)
    activation: str = "tanh"
    init: str = ""
    seed: int = 3
    loss: str = "auto"
    optimizer: str = "adam"
    schedule: str = "constant"
    epochs: int = 1_000
    batch_size: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def setup(self) -> dict[str, Any]:
        training = {
            "loss": self.loss, "optimizer": self.optimizer, "schedule": self.schedule,
            "learning_rate": RATES.get(self.optimizer, 0.01), "epochs": self.epochs,
            "batch_size": self.batch_size, **self.more,
        }  # fmt: skip
        network = {
            "hidden": self.hidden, "activations": [self.activation] * len(self.hidden),
            "init": self.init, "seed": self.seed,
        }  # fmt: skip
        return {"data": self.data, "network": network, "training": training}

    def steps_of(self, n_rows: int) -> int:
        return self.epochs * -(-n_rows // min(self.batch_size or n_rows, n_rows))

    def optimizer_for(self, n_rows: int) -> Any:
        training = self.setup["training"]
        name, more = self.optimizer, {}
        if name in ("momentum", "nesterov"):
            more = {"momentum": training.get("momentum", 0.9), "nesterov": name == "nesterov"}
            name = "gradient_descent"
        rate = training["learning_rate"]
        return fl.optimizers.by_name(name, rate, self.schedule, self.steps_of(n_rows), **more)

    def trained(self, found: dict[str, Any]) -> tuple[fl.Network, fl.Network]:
        """The network at its start and, by ``fl.train``, at its end, on the page's rows."""
        X, y = np.array(found["problem"]["X"]), np.array(found["problem"]["y"])
        usual = {
            "binary": "binary_cross_entropy", "classes": "cross_entropy",
            "numbers": "squared_error",
        }  # fmt: skip
        loss = usual[found["problem"]["task"]] if self.loss == "auto" else self.loss
        init = None if self.init in ("", "zeros") else self.init
        network = fl.Network(
            found["sizes"], hidden=self.activation, loss=loss, init=init, seed=self.seed
        )
        if self.init == "zeros":
            network.parameters[:] = 0
        start = network.copy()
        Y = y if found["sizes"][-1] == 1 or loss == "cross_entropy" else np.eye(3)[y.astype(int)]
        fl.train(
            network, X, Y, optimizer=self.optimizer_for(len(X)), epochs=self.epochs,
            batch_size=min(self.batch_size or len(X), len(X)), seed=self.seed,
            l2=self.more.get("l2", 0.0), l1=self.more.get("l1", 0.0),
            dropout=self.more.get("dropout", 0.0), engine="numpy",
        )  # fmt: skip
        return start, network


def difference(found: dict[str, Any], network: fl.Network) -> float:
    """The largest difference, relative to the largest parameter."""
    theta = np.array(found["theta"])
    return float(abs(theta - network.parameters).max() / max(1.0, abs(theta).max()))


# ---- random numbers


@pytest.mark.parametrize("seed", [0, 1, 99, 123_456_789, 2**31 - 1])
def test_random_numbers_are_those_of_numpy_to_the_bit(compute: Computing, seed: int) -> None:
    draws = [
        ["random"], ["uniform", -0.5, 0.5, 5], ["normal", 0, 0.3, 20_000], ["permutation", 7],
        ["permutation", 200], ["standardNormal"], ["random"], ["permutation", 1],
    ]  # fmt: skip
    g = np.random.default_rng(seed)
    expected = [
        g.random(), g.uniform(-0.5, 0.5, 5), g.normal(0, 0.3, 20_000), g.permutation(7),
        g.permutation(200), g.standard_normal(), g.random(), g.permutation(1),
    ]  # fmt: skip
    for found, wanted in zip(compute("random", seed=seed, draws=draws), expected, strict=True):
        assert np.array_equal(found, wanted)


# ---- data


@pytest.mark.parametrize("kind", MADE)
def test_every_data_set_is_that_of_python(compute: Computing, kind: str) -> None:
    for more in ({}, {"noise": 0.2, "test": 0.5, "seed": 7}, {"test": 0, "seed": 2}):
        data = {"kind": kind, "n": 90} | more
        found = compute("run", setup={"data": data, "training": {"epochs": 1}})["problem"]
        made = make_problem(Data(**data))
        assert found["task"] == made.task
        assert tuple(found["features"]) == made.features
        assert tuple(found["classes"]) == made.classes
        for name in ("X", "y", "X_test", "y_test"):
            expected = getattr(made, name)
            shape = expected.shape
            assert np.allclose(np.reshape(found[name], shape), expected, rtol=0, atol=1e-15), name


def test_inputs_are_functions_of_the_points(compute: Computing) -> None:
    inputs = ("x2", "x1²", "x1 x2", "sin πx1")
    data = {"kind": "circles", "n": 50, "inputs": inputs}
    found = compute("run", setup={"data": data, "training": {"epochs": 1}})["problem"]
    assert np.allclose(found["X"], make_problem(Data(**data)).X, rtol=0, atol=1e-15)
    for wrong in (["x1", "x1"], [], ["x3"], "x1"):
        with pytest.raises(PageError, match=r"data\.inputs"):
            compute("run", setup={"data": {"inputs": wrong}})


def test_rows_are_edited(compute: Computing) -> None:
    rows = [[0, 1, 0, 0.5, 1], [1, 0, 1, 1, 0], [0, -2, 1, 0, 0]]
    setup = {"data": {"kind": "truth_table", "rows": rows}, "training": {"epochs": 1}}
    found = compute("run", setup=setup)["problem"]
    assert found["X"] == [[1, 0, 0.5], [-2, 1, 0]]
    assert (found["y"], found["X_test"], found["y_test"]) == ([1, 0], [[0, 1, 1]], [0])
    logic = {"kind": "xor", "noise": 0, "rows": [[0, 1, 1, 1], [0, 2, 1, 0]], "inputs": ["x1 x2"]}
    assert compute("run", setup=setup | {"data": logic})["problem"]["X"] == [[1], [2]]
    for wrong in (
        [[0, 1, 0, 1]],
        [[0, 1, 0, 1, 2]],
        [[2, 1, 0, 1, 1]],
        [[1, 1, 0, 1, 1]],
        [[0, 101, 0, 1, 1]],
    ):
        with pytest.raises(PageError, match=r"data\.rows"):
            compute("run", setup={"data": {"rows": wrong}})


def test_an_address_of_an_earlier_version_keeps_its_targets(compute: Computing) -> None:
    data = {"kind": "truth_table", "targets": [0, 1, 1, 0, 0, 1, 0, 1]}
    found = compute("run", setup={"data": data, "training": {"epochs": 1}})["problem"]
    assert found["y"] + found["y_test"] == data["targets"]
    assert compute("run", setup={"data": data | {"targets": []}})["problem"]["y"] == [1, 0, 0, 0, 0]
    with pytest.raises(PageError, match="zeros and ones"):
        compute("run", setup={"data": {"targets": [1]}})


# ---- whole runs


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("truth_table", 1.0), ("and", 1.0), ("or", 1.0), ("xor", 1.0), ("circles", 0.95),
        ("moons", 0.9), ("spirals", 0.95), ("gaussians", 1.0), ("iris", 0.91), ("digits", 0.95),
        ("plane", 0.95), ("bump", 0.92),
    ],
)  # fmt: skip
def test_each_optimiser_learns_each_data_set_at_its_usual_rate(
    compute: Computing, kind: str, least: float
) -> None:
    # the scores of the test rows, of all rows where there are none
    seeds = [0] if kind == "digits" else [0, 1]
    for optimizer in ("gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw"):
        scores = compute("usual", kind=kind, optimizer=optimizer, seeds=seeds)
        assert min(scores) >= least, (kind, optimizer, scores)


def runs() -> list[Run]:
    """Everything once, the other choices going round."""
    made = [Run({"kind": kind, "n": 60}, epochs=1_000, batch_size=0) for kind in MADE[:-1]]
    made.append(Run({"kind": "digits", "n": 60}, hidden=(4,), epochs=20, batch_size=64,
                    optimizer="gradient_descent"))  # fmt: skip
    optimizers, schedules = cycle(OPTIMIZERS), cycle(SCHEDULES)
    for activation in ACTIVATIONS:
        made.append(Run(activation=activation, optimizer=next(optimizers), seed=1))
    for loss in LOSSES:
        kind = {"binary_cross_entropy": "circles", "cross_entropy": "gaussians",
                "poisson": "xor"}.get(loss, "plane")  # fmt: skip
        made.append(Run({"kind": kind, "n": 60}, loss=loss, schedule=next(schedules)))
    for optimizer in OPTIMIZERS:
        for schedule in SCHEDULES:
            made.append(Run(optimizer=optimizer, schedule=schedule, batch_size=16, epochs=250))
    for init in STARTS:
        for seed in (0, 12, 99):
            made.append(Run(hidden=(4, 3), init=init, seed=seed, epochs=300))
    penalties = {"l2": 0.01, "l1": 0.001}
    made += [
        # near its end Adam divides small differences of gradients by small numbers
        Run(more={"l2": 0.01}, optimizer="momentum"),
        Run(more={"l2": 0.01}, batch_size=7, epochs=100),
        # a weight that L1 has brought to zero jumps about it, so a last bit is soon seen
        Run(more=penalties, optimizer="gradient_descent", epochs=50),
        Run(more=penalties, epochs=50),
        Run(more={"dropout": 0.2}), Run(more={"dropout": 0.5}, batch_size=16, hidden=(8, 8)),
        Run({"kind": "gaussians", "n": 60}, loss="squared_error"),
        Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto", "gradient_descent",
            epochs=20_000, more={"learning_rate": 1.6}),
        Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 5, "auto", "gradient_descent",
            "cosine", epochs=1_000, more={"learning_rate": 1.6}),
        Run({"kind": "iris"}, hidden=()), Run(optimizer="momentum", more={"momentum": 0.5}),
    ]  # fmt: skip
    return made


@pytest.mark.parametrize("run", runs(), ids=lambda run: "-".join(map(str, (
    run.data["kind"], run.activation, run.loss, run.optimizer, run.schedule, run.init or "usual",
    run.seed, run.batch_size, *run.more))))  # fmt: skip
def test_a_run_is_that_of_train(compute: Computing, run: Run) -> None:
    found = compute("run", setup=run.setup)
    assert found["done"]
    assert found["epoch"] == run.epochs
    assert found["message"] == ""
    start, network = run.trained(found)
    assert np.array_equal(found["first"], start.parameters)
    assert difference(found, network) < 1e-9
    losses = found["track"]["train"]
    assert losses[0] != losses[-1] or run.init == "zeros"


def test_a_run_that_diverges_stops_with_advice(compute: Computing) -> None:
    run = Run({"kind": "bump", "n": 60}, optimizer="gradient_descent",
              more={"learning_rate": 1000.0})  # fmt: skip
    found = compute("run", setup=run.setup)
    assert "learning_rate 1000 is too large" in found["message"]
    assert np.isfinite(found["theta"]).all()


# ---- steps by hand


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_steps_by_hand_are_those_of_a_run(
    compute: Computing, optimizer: str, schedule: str
) -> None:
    run = Run(optimizer=optimizer, schedule=schedule, epochs=4, batch_size=16,
              more={"l2": 0.01, "l1": 0.001})  # fmt: skip
    steps = ["batch", "batch", 1, "epoch", "batch", "batch", "batch", 1]
    found = compute("steps", setup=run.setup, steps=steps)
    assert found["epoch"] == 4
    whole = compute("run", setup=run.setup)
    assert np.allclose(found["thetas"][-1], whole["theta"], rtol=1e-12, atol=1e-14)


def test_back_is_exact(compute: Computing) -> None:
    kinds = ["sample", "batch", "epoch", "sample", "batch"]
    found = compute("steps", setup=Run(batch_size=16).setup, steps=[*kinds, *["back"] * 5, *kinds])
    thetas = found["thetas"]
    assert thetas[5:11] == thetas[5::-1]
    assert thetas[10:] == thetas[:6]
    with pytest.raises(PageError, match="no earlier step"):
        compute("steps", setup=Run().setup, steps=["back"])


# ---- messages


def talk(compute: Computing, *messages: dict[str, Any], start: Any = None) -> list[Any]:
    return compute("talk", messages=list(messages), start=start or {})


def fact(said: list[Any], kind: str) -> Any:
    assert not [m for m in said if m["type"] == "error"], said
    return [m for m in said if m["type"] == kind][-1]


def number(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "run",
    [
        Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto", "gradient_descent"),
        Run(optimizer="momentum", batch_size=16, more={"l2": 0.01, "l1": 0.002}),
        Run(optimizer="nesterov", batch_size=16, activation="gelu"),
        Run({"kind": "gaussians", "n": 60}, (4, 3), "silu", optimizer="rmsprop"),
        Run({"kind": "gaussians", "n": 60}, (4,), "elu", loss="squared_error", optimizer="adamw"),
        Run({"kind": "plane", "n": 60}, (4,), "softplus", loss="huber"),
        Run({"kind": "plane", "n": 60}, (4,), "leaky_relu", loss="absolute_error"),
        Run({"kind": "xor", "n": 60}, (4,), "relu", loss="poisson", schedule="one_cycle"),
        Run({"kind": "iris"}, (3,), "identity", schedule="warm_up"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sample", "batch"])
def test_the_microscope_shows_the_numbers_of_trace(compute: Computing, run: Run, kind: str) -> None:
    messages = [{"type": "setup", "setup": run.setup}, {"type": "step", "kind": "batch"}]
    said = talk(compute, *messages, {"type": "microscope", "kind": kind, "id": 1})
    facts, frame = fact(said, "microscope")["facts"], fact(said, "frame")
    found = compute("run", setup=run.setup | {"training": run.setup["training"] | {"epochs": 1}})
    start, _ = Run(**{**asdict(run), "epochs": 1}).trained(found)
    start.parameters = np.array(frame["theta"])
    X, y = np.array(found["problem"]["X"]), np.array(found["problem"]["y"])
    rows = compute("steps", setup=run.setup, steps=["batch"])["rows"]
    rows = rows[:1] if kind == "sample" else rows
    assert facts["rows"] == rows[:12]
    Y = y if found["sizes"][-1] == 1 or start.loss.name == "cross_entropy" else np.eye(3)[
        y.astype(int)
    ]  # fmt: skip
    state = {
        name: np.concatenate([np.r_[np.ravel(part["W"]), part["b"]] for part in layers])
        for name, layers in facts["state"].items()
    }
    more = {name: run.more.get(name, 0.0) for name in ("l2", "l1")}
    whole = run.optimizer_for(len(X))
    traced = fl.trace(start, X[rows], Y[rows], whole, state=state, step=facts["step"], **more)
    expected = traced.as_dict()
    for name in ("loss", "new_loss", "learning_rate", "losses", "X", "Y"):
        shown = np.array(expected[name])[:12] if name in ("losses", "X", "Y") else expected[name]
        assert np.allclose(facts[name], shown, rtol=1e-12, atol=1e-12), name
    per_row = ("A_prev", "Z", "A", "delta", "dW_per_sample", "db_per_sample")
    for layer, wanted in zip(facts["layers"], expected["layers"], strict=True):
        for name, values in wanted.items():
            shown = values[:12] if name in per_row else values
            if name == "activation":
                assert layer[name] == values
            else:
                assert np.allclose(layer[name], shown, rtol=1e-12, atol=1e-12), name


@pytest.mark.parametrize("gradient", ["published", "sum", "no_slope", "z_for_a", "no_bias", "sign"])
def test_a_wrong_gradient_is_used_shown_and_found(compute: Computing, gradient: str) -> None:
    run = Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto", "gradient_descent",
              epochs=50, more={"learning_rate": 0.5, "gradient": gradient})  # fmt: skip
    said = talk(
        compute, {"type": "setup", "setup": run.setup},
        *({"type": "check", "method": method, "id": 1} for method in ("complex_step", "central")),
        {"type": "microscope", "kind": "batch"}, {"type": "step", "kind": "epoch"},
    )  # fmt: skip
    assert [m["facts"]["passed"] for m in said if m["type"] == "check"] == [False, False]
    facts, frame = fact(said, "microscope")["facts"], fact(said, "frame")
    new = np.concatenate([np.r_[np.ravel(x["new_W"]), x["new_b"]] for x in facts["layers"]])
    assert np.allclose(new, frame["theta"], rtol=1e-13)
    assert facts["gradient"] == gradient


def test_the_published_gradient_is_the_lessons(compute: Computing) -> None:
    run = Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto", "gradient_descent",
              epochs=500, more={"learning_rate": 1.6, "gradient": "published"})  # fmt: skip
    said = talk(compute, {"type": "setup", "setup": run.setup},
                {"type": "check", "method": "complex_step"})  # fmt: skip
    network = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", init="uniform")
    wanted = published_gradient(network, TRAIN_X, TRAIN_Y[:, None])
    assert np.allclose(fact(said, "frame")["gradient"], wanted, rtol=1e-13)
    parts = fact(said, "check")["facts"]["parts"]
    expected = fl.check_gradients(network, TRAIN_X, TRAIN_Y, gradient=published_gradient)
    for part, theirs in zip(parts, expected.parts, strict=True):
        assert (part["layer"], part["kind"], part["passed"]) == (
            theirs.layer, theirs.kind, theirs.passed,
        )  # fmt: skip
    assert parts[0]["ratio"] == pytest.approx(5 / 6)
    found = compute("run", setup=run.setup)
    train_as_published(network, TRAIN_X, TRAIN_Y, learning_rate=1.6, epochs=500, record_every=10)
    assert difference(found, network) < 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("method", ["complex_step", "central"])
def test_the_check_passes_where_the_gradient_is_right(
    compute: Computing, activation: str, method: str
) -> None:
    losses = ["auto", "squared_error", "absolute_error", "huber", "poisson", "quantile(0.9)"]
    for loss in losses:
        run = Run({"kind": "xor" if loss == "poisson" else "circles", "n": 40}, (4, 3),
                  activation, loss=loss, more={"l2": 0.01, "l1": 0.002})  # fmt: skip
        said = talk(compute, {"type": "setup", "setup": run.setup},
                    {"type": "check", "method": method})  # fmt: skip
        facts = fact(said, "check")["facts"]
        assert facts["passed"], (loss, facts["worst"])
        assert sum(part["checked"] for part in facts["parts"]) > 20


def test_frames_tell_what_is_there(compute: Computing) -> None:
    run = Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto", "gradient_descent")
    said = talk(compute, {"type": "setup", "setup": run.setup, "id": 4},
                {"type": "look", "parameter": 4, "row": 2},
                {"type": "set", "parameter": 4, "value": 0.25}, {"type": "back"})  # fmt: skip
    frames = [m for m in said if m["type"] == "frame"]
    network = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", init="uniform")
    loss, gradient = fl.loss_and_gradient(network, TRAIN_X, TRAIN_Y)
    assert np.array_equal(frames[0]["theta"], network.parameters)
    assert frames[0]["loss"][0] == pytest.approx(loss, rel=1e-14)
    assert np.allclose(frames[0]["gradient"], gradient, rtol=1e-13)
    assert np.allclose(frames[0]["outputs"]["train"], network.predict_proba(TRAIN_X), rtol=1e-13)
    assert frames[1]["row"]["x"] == TRAIN_X[2].tolist()
    assert frames[2]["theta"][4] == 0.25
    assert frames[3]["theta"] == frames[0]["theta"]
    problem = fact(said, "problem")
    assert (problem["id"], problem["n_train"], problem["sizes"]) == (4, 5, [3, 2, 1])
    assert len(frames[0]["maps"]) == 3 * 48 * 48


FIRST_PICTURES = [
    Run({"kind": kind, "n": 40}, hidden, activation, init, loss=loss, batch_size=batch, more=more)
    for kind, loss, hidden, activation, init, batch, more in [
        ("truth_table", "auto", (2,), "sigmoid", "uniform", 0, {}),
        ("truth_table", "auto", (2,), "sigmoid", "uniform", 0, {"gradient": "published"}),
        ("xor", "squared_error", (4, 3), "tanh", "", 0, {"l2": 0.01, "l1": 0.002}),
        ("gaussians", "cross_entropy", (5,), "relu", "he_normal", 8, {"dropout": 0.2}),
        ("plane", "huber", (), "identity", "zeros", 0, {}),
        ("bump", "quantile(0.9)", (3,), "gelu", "", 4, {"optimizer": "adamw"}),
    ]
]  # fmt: skip


@pytest.mark.parametrize("run", FIRST_PICTURES, ids=str)
def test_the_first_picture_is_the_sessions(compute: Computing, run: Run) -> None:
    made = compute("first", setup=run.setup)
    said = next(message for message in made["said"] if message["type"] == "frame")
    first = made["picture"]["frame"]
    assert made["same"]
    assert made["picture"]["setup"] == made["said"][0]["setup"]
    assert first.keys() == said.keys()
    for name, value in said.items():
        if name in ("loss", "score", "gradient"):
            assert np.allclose(np.array(first[name], float), np.array(value, float),
                               rtol=1e-13, atol=1e-16, equal_nan=True), name  # fmt: skip
        elif name == "curve":
            assert first[name]["epoch"] == value["epoch"] == [0]
        else:
            assert first[name] == value, name


def test_the_pages_own_tables_have_no_notes(compute: Computing) -> None:
    """Three pixels of the digits are 0 in every row; for this set no remark is needed."""
    for kind in ("iris", "digits"):
        said = talk(compute, {"type": "setup", "setup": Run({"kind": kind}).setup})
        assert fact(said, "problem")["notes"] == []


def test_what_needs_the_engine_has_no_first_picture(compute: Computing) -> None:
    large = Run({"kind": "moons", "n": 2_000}, (64, 64))
    for run in (Run({"kind": "iris"}), Run({"kind": "digits"}), large):
        assert compute("first", setup=run.setup)["picture"] is None


def test_most_seeds_find_the_truth_table(compute: Computing) -> None:
    for more in ({}, {"batch_size": 2}, {"schedule": "cosine"}, {"dropout": 0.01}):
        rate = {"learning_rate": 1.6, **more}
        run = Run({"kind": "truth_table"}, (2,), "sigmoid", "uniform", 0, "auto",
                  "gradient_descent", epochs=1_500, more=rate)  # fmt: skip
        said = talk(compute, {"type": "setup", "setup": run.setup},
                    {"type": "seeds", "setup": run.setup, "id": 5})  # fmt: skip
        results = [result for m in said if m["type"] == "seeds" for result in m["results"]]
        assert fact(said, "seeds")["done"]
        assert [result["seed"] for result in results] == list(range(100))
        assert sum(result["found"] for result in results) > 85
        alone = {**run.setup, "network": run.setup["network"] | {"seed": 42}}
        loss = compute("run", setup=alone)["track"]["train"][-1]
        assert results[42]["loss"][0] == pytest.approx(loss, rel=1e-9)


def test_the_landscape_is_that_of_the_path(compute: Computing) -> None:
    run = Run(more={"l2": 0.01}, epochs=60)
    said = talk(compute, {"type": "retrain", "setup": run.setup}, {"type": "landscape"})
    facts, frame = fact(said, "landscape")["facts"], fact(said, "frame")
    middle = facts["size"] // 2
    assert facts["loss"][middle][middle] == pytest.approx(frame["loss"][0])
    assert facts["path"][-1] == pytest.approx([0, 0], abs=1e-12)
    thetas = np.array(compute("run", setup=run.setup)["track"]["theta"])
    _, spread, axes = np.linalg.svd(thetas - thetas[-1], full_matrices=False)
    path = (thetas - thetas[-1]) @ axes[:2].T
    assert np.allclose(np.abs(facts["path"]), np.abs(path), rtol=1e-6, atol=1e-7)
    assert np.allclose(facts["spread"], (spread**2 / (spread**2).sum())[:2], rtol=1e-6)
    fresh = fact(talk(compute, {"type": "setup", "setup": run.setup}, {"type": "landscape"}),
                 "landscape")["facts"]  # fmt: skip
    assert len(fresh["path"]) == 1
    assert fresh["spread"] is None


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"type": "hack"}, "no message of type"),
        ({"type": "__proto__"}, "no message of type"),
        (None, "no message of type"),
        ({"type": "setup"}, "setup must be an object"),
        ({"type": "setup", "setup": {"data": {"kind": "x"}}}, "data.kind must be one of"),
        ({"type": "setup", "setup": {"data": {"n": 1e9}}}, "whole number from 10 to 2,000"),
        ({"type": "setup", "setup": {"hack": {}}}, "fields data, network, training"),
        ({"type": "setup", "setup": {"network": {"hidden": [65]}}}, "from 1 to 64"),
        ({"type": "setup", "setup": {"network": {"hidden": [2, 2]}}}, "one activation for each"),
        ({"type": "setup", "setup": {"training": {"learning_rate": "1"}}}, "must be a number"),
        ({"type": "setup", "setup": {"data": {"kind": "table"}}}, "no table is here yet"),
        ({"type": "setup", "setup": {"data": {"kind": "given"}}}, "no rows were given"),
        ({"type": "setup", "setup": {"data": {"kind": "drawn"}}}, "draw at least two points"),
        ({"type": "setup", "setup": {"training": {"loss": "cross_entropy"},
                                     "data": {"kind": "plane"}}}, "needs classes"),
        ({"type": "setup", "setup": {"training": {"gradient": "published"},
                                     "data": {"kind": "iris"}}}, "sigmoid in every layer"),
        ({"type": "step", "kind": "x"}, "send a setup first"),
        ({"type": "table", "name": "t", "text": "a,b\n1,2,3\n"}, "t, line 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(compute: Computing, message: Any, told: str) -> None:
    said = talk(compute, message, {"type": "setup", "setup": {}, "id": 3})
    assert said[0]["type"] == "error"
    assert told in said[0]["message"]
    assert "fault" not in said[0]["message"]
    assert fact([m for m in said if m["type"] != "error"], "frame")["epoch"] == 0


# ---- rows that the user gives

TABLE = "size,weight,colour,kind\n" + "".join(
    f"{i % 9 + i / 100},{i * 7 % 11 if i % 13 else ''},{'red' if i % 2 else 'green'},"
    f"{'a' if i % 9 > 4 else 'b'}\n"
    for i in range(120)
)


@pytest.mark.parametrize("target", ["kind", "size", "colour"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_a_plain_table_is_encoded_as_by_train(
    compute: Computing, target: str, mark: str, tmp_path
) -> None:
    text = TABLE.replace(",", mark)
    found = compute("table", name="own.csv", text=text, data={"kind": "table", "target": target})
    path = tmp_path / "own.csv"
    path.write_text(text)
    start = start_from_table(fl.read_table(path), target)
    assert start.given is not None
    assert start.numbers is not None
    for name in ("task", "features", "classes", "encoding"):
        wanted = json.loads(json.dumps(start.given[name]))
        if name == "encoding":
            wanted.pop("spellings"), found[name].pop("spellings")
            wanted.pop("notes"), found[name].pop("notes")
        assert found[name] == wanted, name
    given = compute("run", setup=start.setup, start={**start.as_dict(), "rows": base64.b64encode(
        start.numbers.tobytes()).decode()})["problem"]  # fmt: skip
    for name in ("X", "y", "X_test", "y_test"):
        assert found[name] == given[name], name


def test_json_lines_are_read(compute: Computing) -> None:
    text = "\n".join(json.dumps({"a": i % 5, "b": i % 7, "k": "xy"[i % 2]}) for i in range(40))
    found = compute("table", name="t.jsonl", text=text, data={"kind": "table"})
    assert found["features"] == ["a", "b"]
    assert found["classes"] == ["x", "y"]


def test_what_is_doubtful_in_a_table_is_told(compute: Computing) -> None:
    rows = [
        f'{i},2024-{i % 12 + 1:02}-{i % 28 + 1:02},"{i},5",word{i},{i % 3},{"ab"[i % 2]}'
        for i in range(60)
    ]
    text = "id,day,price,word,x,kind\n" + "\n".join(rows)
    found = compute("table", name="shop 1.csv", text=text, data={"kind": "table"})
    assert found["features"] == ["x"]
    notes = "\n".join(found["notes"])
    for part in ("'id' is set aside: it looks like a row number", "looks like dates",
                 "numbers written in another way", "its texts all differ",
                 "fallline train 'shop 1.csv' --target kind"):  # fmt: skip
        assert part in notes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"), ("a,b\n", "no rows"), ("a,a\n1,2\n", "two columns"),
        ("a,\n1,2\n", "name every column"), ('a,b\n1,"2\n', "line"), ("\0", "not packed"),
        ("a,y\n1,2\n", "fewer than 2 rows"), ("a,y\n1,2\n2,2\n", "only one value"),
        ('{"a": [1]}\n', "lists or objects"), ("{a}\n", "line 1: this is no JSON"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_told(compute: Computing, text: str, told: str) -> None:
    with pytest.raises(PageError, match=told):
        compute("table", name="t.csv", text=text, data={"kind": "table"})


def test_a_network_of_ones_own_starts_as_it_is(compute: Computing) -> None:
    network = fl.Network([2, 3, 1], hidden="tanh", loss="squared_error", dtype="float32")
    network.parameters = np.arange(network.n_parameters) / 10
    X = np.random.default_rng(0).normal(size=(20, 2))
    start = start_from_arrays(network, X, X[:, 0])
    assert start.numbers is not None
    rows = base64.b64encode(start.numbers.tobytes()).decode()
    given = {**start.as_dict(), "rows": rows}
    setup = {**start.setup, "training": {**start.setup["training"], "epochs": 5}}
    found = compute("run", setup=setup, start=given)
    assert np.array_equal(found["first"], network.parameters)
    assert np.array_equal(found["problem"]["X"], X)
    twin = network.copy("float64")
    fl.train(twin, X, X[:, 0], optimizer=fl.GradientDescent(0.1), epochs=5, engine="numpy")
    assert difference(found, twin) < 1e-12
    wider = {**setup, "network": {**setup["network"], "hidden": [4]}}
    assert compute("run", setup=wider, start=given)["sizes"] == [2, 4, 1]


# ---- taking away


def exported(compute: Computing, run: Run, kind: str) -> tuple[bytes, list[float]]:
    said = talk(compute, {"type": "retrain", "setup": run.setup}, {"type": "export", "kind": kind})
    facts = fact(said, "export")["facts"]
    return base64.b64decode(facts["content"]), fact(said, "frame")["theta"]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kind", ["truth_table", "gaussians", "plane", "iris", "xor"])
def test_the_script_repeats_the_run(
    compute: Computing, kind: str, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    optimizer = OPTIMIZERS[SCHEDULES.index(schedule) % len(OPTIMIZERS)]
    zeros = "zeros" if kind == "xor" else ""
    data = {"kind": kind, "n": 60, "noise": 0 if kind == "xor" else 0.1}
    run = Run(data, epochs=10, schedule=schedule, optimizer=optimizer, batch_size=16,
              init=zeros, more={"l1": 0.002, "dropout": 0.1})  # fmt: skip
    script, theta = exported(compute, run, "script")
    names: dict[str, Any] = {}
    exec(script.decode(), names)
    assert np.allclose(names["net"].parameters, theta, rtol=1e-9, atol=1e-12)
    assert "loss" in capsys.readouterr().out
    notebook = json.loads(exported(compute, run, "notebook")[0])
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert "\n\n".join(cells) + "\n" == script.decode()


def test_the_model_file_is_the_network(compute: Computing, tmp_path) -> None:
    content, theta = exported(compute, Run({"kind": "iris"}, epochs=20), "model")
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert fl.load(path).parameters.tolist() == theta
    encoding = Encoding.from_dict(read_model(path).encoding)
    assert encoding.classes == ("setosa", "versicolor", "virginica")
    table = fl.read_table(DATA / "iris.csv")
    found = compute("run", setup={"data": {"kind": "iris", "test": 0}, "training": {"epochs": 1}})
    assert encoding.transform(table).shape == np.shape(found["problem"]["X"])


def test_dropouts_keys_are_pythons(compute: Computing) -> None:
    run = Run(more={"dropout": 0.3}, epochs=3, batch_size=16)
    found = compute("run", setup=run.setup)
    other = compute("run", setup={**run.setup, "network": run.setup["network"] | {"seed": 4}})
    assert keys_of(3, 0, 1, 1)[0, 0] != keys_of(4, 0, 1, 1)[0, 0]
    assert found["theta"] != other["theta"]
