"""ONNX: what onnxruntime sees of an export, and plain perceptrons of other programs read in."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS

helper, numpy_helper, Types = onnx.helper, onnx.numpy_helper, onnx.TensorProto
EXAMPLES = Path(__file__).parents[2] / "examples"


def session_of(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_a_table_by_its_columns(tmp_path: Path) -> None:
    table = fl.read_table(EXAMPLES / "housing.csv").take(np.arange(2000))
    model = fl.train_table(table, "ocean_proximity", preset="quick", epochs=3, baseline=False)
    fl.export(model, tmp_path / "m.onnx")
    session = session_of(tmp_path / "m.onnx")
    used = [name for name in table.columns if name != "ocean_proximity"]
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        (name, "tensor(double)", ["n"]) for name in used
    ]
    label, shares = session.run(None, {name: table.numbers(name) for name in used})
    expected = model.predict(table)
    np.testing.assert_allclose(shares, expected.probabilities, atol=2e-6)
    assert (label == expected.values).mean() > 0.999
    assert [o.name for o in session.get_outputs()] == ["label", "probabilities"]
    stored = onnx.load(tmp_path / "m.onnx")
    assert stored.ir_version == 8
    assert [(o.domain, o.version) for o in stored.opset_import] == [("", 17), ("ai.onnx.ml", 2)]
    facts = json.loads(stored.metadata_props[0].value)
    assert facts["target"] == "ocean_proximity"
    assert [column["kind"] for column in facts["columns"]] == ["number"] * 9


def test_labels_keep_their_type(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(80, 3))
    for labels in (np.array([3, 7]), np.array(["a", "b", "c"]), np.array([False, True])):
        y = labels[(np.arange(80) % len(labels))]
        model = fl.MLPClassifier(5, max_iter=400, solver="lbfgs", random_state=0).fit(X, y)
        fl.export(model, tmp_path / "m.onnx")
        session = session_of(tmp_path / "m.onnx")
        label, shares = session.run(None, {"X": X})
        assert label.tolist() == model.predict(X).tolist()
        np.testing.assert_allclose(shares, model.predict_proba(X), atol=1e-12)


def test_names_that_the_graph_has_itself(tmp_path: Path) -> None:
    import polars as pl

    rng = np.random.default_rng(0)
    names = ["label", "probabilities", "fallline.0", "prediction"]
    frame = pl.DataFrame({n: rng.normal(size=60) for n in names} | {"y": ["a", "b"] * 30})
    model = fl.train_table(frame, "y", preset="quick", epochs=2, baseline=False)
    fl.export(model, tmp_path / "m.onnx")
    session = session_of(tmp_path / "m.onnx")
    assert [i.name for i in session.get_inputs()] == names
    assert [o.name for o in session.get_outputs()] == ["label_", "probabilities_"]


def test_constants_that_float32_takes_for_one(tmp_path: Path) -> None:
    """onnxruntime leaves out what multiplies by 1 or subtracts 0, and looks in float32."""
    import polars as pl

    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=60) for name in ("a", "b", "y")}
    model = fl.train_table(
        pl.DataFrame(columns), "y", preset="quick", epochs=2, baseline=False, bins=0
    )
    one = 1.0 + 1e-9
    a, b = model.encoding.columns
    made = replace(a, mean=1e-60, scale=one), replace(b, mean=0.0, scale=2.0 - one)
    model.encoding = replace(model.encoding, columns=made, target_scale=one, target_mean=0.0)
    proof = fl.export(model, tmp_path / "m.onnx").proof
    assert proof is not None
    assert proof.difference is not None


# ---- reading


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(
    ("loss", "k"),
    [
        ("binary_cross_entropy", 1),
        ("binary_cross_entropy", 3),
        ("cross_entropy", 3),
        ("poisson", 1),
        ("squared_error", 2),
    ],
)
def test_an_export_comes_back(
    loss: str, k: int, activation: str, dtype: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    network = fl.Network([4, 6, 5, k], hidden=activation, loss=loss, seed=1, dtype=dtype)
    network.parameters = rng.normal(size=network.n_parameters)
    fl.export(network, tmp_path / "m.onnx", proof=False)
    twin = fl.from_onnx(tmp_path / "m.onnx")
    assert repr(twin) == repr(network)
    assert np.array_equal(twin.parameters, network.parameters)


class Maker:
    """Builds graphs as other programs do."""

    def __init__(self, *sizes: int, dtype: Any = np.float32) -> None:
        rng = np.random.default_rng(1)
        self.sizes, self.dtype = sizes, dtype
        self.W = [rng.normal(size=s).astype(dtype) for s in pairwise(sizes)]
        self.b = [rng.normal(size=n).astype(dtype) for n in sizes[1:]]
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value, self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def gemm(self, value: str, l: int) -> str:
        """As PyTorch writes Linear."""
        W, b = self.constant(self.W[l].T), self.constant(self.b[l])
        return self.op("Gemm", value, W, b, alpha=1.0, beta=1.0, transB=1)

    def matmul(self, value: str, l: int) -> str:
        """As scikit-learn's converter does."""
        product = self.op("MatMul", value, self.constant(self.W[l]))
        return self.op("Add", product, self.constant(self.b[l][None]))

    def save(self, path: Path, outputs: Sequence[tuple[str, int, int]]) -> Path:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        given = [helper.make_tensor_value_info("x", kind, [None, self.sizes[0]])]
        made = [helper.make_tensor_value_info(name, t, [None] * n) for name, t, n in outputs]
        graph = helper.make_graph(self.nodes, "g", given, made, self.constants)
        versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=8)
        onnx.save(model, path)
        return path

    def check(self, network: fl.Network) -> None:
        for layer, W, b in zip(network.layers, self.W, self.b, strict=True):
            assert np.array_equal(layer.W, W)
            assert np.array_equal(layer.b, b)


def test_linear_layers_of_pytorch(tmp_path: Path) -> None:
    made = Maker(4, 5, 6, 3)
    z = made.gemm("x", 0)
    root = made.op("Div", z, made.constant(np.sqrt(2.0)))  # GELU, exact
    share = made.op("Add", made.op("Erf", root), made.constant(1.0))
    a = made.op("Mul", made.op("Mul", z, share), made.constant(0.5))
    z = made.gemm(a, 1)
    a = made.op("Mul", z, made.op("Sigmoid", z))  # SiLU
    logits = made.gemm(made.op("Dropout", a), 2)
    path = made.save(tmp_path / "m.onnx", [(logits, Types.FLOAT, 2)])
    network = fl.from_onnx(path, loss="cross_entropy")
    assert network.hidden == ("gelu", "silu")
    assert network.loss.name == "cross_entropy"
    made.check(network)
    assert fl.from_onnx(path).loss.name == "squared_error"
    X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    found = session_of(path).run(None, {"x": X})[0]
    np.testing.assert_allclose(network.logits(X), found, rtol=1e-4, atol=1e-5)


def test_a_classifier_of_scikit_learn(tmp_path: Path) -> None:
    """The rows are scaled first; a sigmoid becomes two probabilities and a label."""
    made = Maker(3, 4, 1)
    shifted = made.op("Sub", "x", made.constant([1.0, 2.0, 3.0]))
    scaled = made.op("Div", shifted, made.constant([2.0, 4.0, 8.0]))
    a = made.op("Tanh", made.matmul(scaled, 0))
    p = made.op("Sigmoid", made.matmul(a, 1))
    pair = made.op("Concat", made.op("Sub", made.constant(1.0), p), p, axis=1)
    label = made.op("ArgMax", pair, axis=1, keepdims=0)
    outputs = [(label, Types.INT64, 1), (pair, Types.FLOAT, 2)]
    path = made.save(tmp_path / "m.onnx", outputs)
    network = fl.from_onnx(path)
    assert network.hidden == ("tanh",)
    assert network.loss.name == "binary_cross_entropy"
    X = np.random.default_rng(0).normal(2, 3, size=(50, 3)).astype(np.float32)
    found = session_of(path).run(None, {"x": X})
    np.testing.assert_allclose(network.predict_proba(X)[:, 0], found[1][:, 1], atol=1e-6)
    assert network.predict(X).tolist() == found[0].tolist()


def skip_connection(made: Maker) -> str:
    a = made.op("Relu", made.gemm("x", 0))
    return made.gemm(made.op("Add", a, "x"), 1)


def unknown_activation(made: Maker) -> str:
    return made.gemm(made.op("HardSigmoid", made.gemm("x", 0)), 1)


def no_layer(made: Maker) -> str:
    return made.op("Relu", "x")


def squared_rows(made: Maker) -> str:
    return made.gemm(made.op("Mul", "x", "x"), 0)


def other_output(made: Maker) -> str:
    return made.op("HardSigmoid", made.gemm("x", 0))


def changing_weights(made: Maker) -> str:
    return made.op("MatMul", made.gemm("x", 0), "x")


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (skip_connection, "is not made of .* alone, but of 'x' too"),
        (unknown_activation, "what lies between .* is none of sigmoid, tanh, relu"),
        (no_layer, "it has no Gemm or MatMul with constant weights"),
        (squared_rows, "its rows are changed before the first layer"),
        (other_output, "none of its outputs is sigmoid, identity, softmax, exp of the last layer"),
        (changing_weights, "it has a MatMul without constant weights"),
    ],
)
def test_what_is_no_perceptron_is_told(build: Any, why: str, tmp_path: Path) -> None:
    made = Maker(4, 4, 4)
    path = made.save(tmp_path / "m.onnx", [(build(made), Types.FLOAT, 2)])
    with pytest.raises(fl.ModelFileError, match=f"not a plain perceptron: .*{why}"):
        fl.from_onnx(path)


def test_what_is_no_onnx_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07no graph at all")
    with pytest.raises(fl.ModelFileError, match="not an ONNX file, or a damaged one"):
        fl.from_onnx(tmp_path / "m.onnx")
    with pytest.raises(fl.ModelFileError, match=r"it cannot be read \(No such file"):
        fl.from_onnx(tmp_path / "none.onnx")
    network = fl.Network([2, 1], loss="binary_cross_entropy", seed=0)
    fl.export(network, tmp_path / "m.onnx")
    with pytest.raises(fl.ParameterError, match="the graph's output is sigmoid, but the loss"):
        fl.from_onnx(tmp_path / "m.onnx", loss="poisson")
