"""A plain multilayer perceptron in ONNX as a network.

Dense layers are Gemm, or MatMul and Add, with constant weights. The functions between them are not
recognised by their operators, which differ from program to program, but by their values: they are
computed at some points and compared with every activation.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core import losses
from fallline.core.activations import ACTIVATIONS, OUTPUTS
from fallline.core.network import Network
from fallline.errors import ModelFileError, ParameterError
from fallline.saving.modelfile import Path_

__all__ = ["from_onnx"]

LOSS_OF = {
    "identity": "squared_error",
    "sigmoid": "binary_cross_entropy",
    "softmax": "cross_entropy",
    "exp": "poisson",
}
POINTS = 201
CLOSE = {"float32": 1e-5, "float64": 1e-10}
N_ROWS = 64


def from_onnx(path: Path_, *, loss: str | None = None) -> Network:
    """The network of an ONNX file that holds a plain multilayer perceptron.

    Dense layers are Gemm, or MatMul and Add, with an activation of Fallline's after each, in any
    operators; shifting and scaling of the inputs becomes part of the first layer. What follows the
    output (labels, pairs of probabilities) is ignored.

    ``loss`` is that of the network; by default the one whose output the graph has: squared_error
    for none, binary_cross_entropy for a sigmoid, cross_entropy for a softmax, poisson for exp. It
    decides the meaning of logits if the graph ends with them. Raises ModelFileError for a file that
    cannot be read, or contains anything else, with the reason; ParameterError for a loss that does
    not fit, and if the package onnx is missing.

    >>> import fallline as fl
    >>> net = fl.Network([4, 8, 3], hidden="tanh", loss="cross_entropy", seed=0)
    >>> exported = fl.export(net, "net.onnx")
    >>> twin = fl.from_onnx("net.onnx")
    >>> twin
    <Network 4-8-3, tanh, softmax, cross_entropy, 67 parameters, float64>
    >>> bool((twin.parameters == net.parameters).all())
    True
    """
    try:
        import onnx
    except ImportError:
        raise ParameterError(
            "reading ONNX needs one more package: pip install 'fallline[onnx]'"
        ) from None
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as reason:
        raise ModelFileError(f"{path}: it cannot be read ({reason.strerror})") from None
    except Exception as reason:  # protobuf and onnx have many
        first = str(reason).strip().split("\n")[0]
        raise ModelFileError(
            f"{path}: this is not an ONNX file, or a damaged one ({first})"
        ) from None
    try:
        return network_of(Graph(onnx, model), loss)
    except NoMLPError as reason:
        raise ModelFileError(f"{path}: the graph is not a plain perceptron: {reason}") from None


class NoMLPError(Exception):
    """The reason why a graph is not such a network."""


@dataclass
class Layer:
    """A dense layer: the value that enters, W and b, and the value that it gives.

    ``dtype`` is that in which W is stored; what is computed with may be wider.
    """

    given: str
    W: Array
    b: Array
    value: str
    dtype: Any


@dataclass
class Graph:
    """An ONNX model, its constants computed."""

    onnx: Any
    model: Any
    constants: dict[str, Array] = field(default_factory=dict)
    makers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.model.graph
        for tensor in graph.initializer:
            self.constants[tensor.name] = self.onnx.numpy_helper.to_array(tensor)
        for node in graph.node:
            self.makers |= dict.fromkeys(node.output, node)
            if all(name in self.constants for name in node.input if name):
                found = self.computed([node], {}, list(node.output))
                self.constants |= dict(zip(node.output, found, strict=True))

    @property
    def nodes(self) -> list[Any]:
        """Those that compute something from the input."""
        return [node for node in self.model.graph.node if node.output[0] not in self.constants]

    @property
    def input(self) -> str:
        """Raises NoMLPError unless there is one."""
        names = [each.name for each in self.model.graph.input if each.name not in self.constants]
        if len(names) != 1:
            raise NoMLPError(f"it has {len(names)} inputs, not one: {', '.join(names[:6])}")
        return str(names[0])

    def computed(self, nodes: Sequence[Any], given: dict[str, Array], names: list[str]) -> Any:
        """The values ``names``, from those ``given`` and the constants, by these nodes."""
        from onnx.reference import ReferenceEvaluator

        helper = self.onnx.helper
        used = {name for node in nodes for name in node.input}
        constants = [
            self.onnx.numpy_helper.from_array(self.constants[name], name)
            for name in sorted(used & self.constants.keys())
        ]
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
            )
            for name, value in given.items()
        ]
        outputs = [self.onnx.ValueInfoProto(name=name) for name in names]
        graph = helper.make_graph(list(nodes), "part", inputs, outputs, constants)
        part = helper.make_model(graph, opset_imports=list(self.model.opset_import))
        return ReferenceEvaluator(part).run(None, given)

    def between(self, start: str, end: str) -> list[Any]:
        """The nodes that make ``end`` of ``start``. Raises NoMLPError for other sources."""
        wanted, seen = [end], set()
        while wanted:
            name = wanted.pop()
            if name == start or name in self.constants or name in seen or not name:
                continue
            seen.add(name)
            if name not in self.makers:
                raise NoMLPError(f"{end!r} is not made of {start!r} alone, but of {name!r} too")
            wanted += self.makers[name].input
        return [node for node in self.nodes if seen & set(node.output)]

    def function(self, start: str, end: str, X: Array) -> Array:
        """The value ``end`` where ``start`` is X."""
        if start == end:
            return X
        with np.errstate(all="ignore"):
            found = self.computed(self.between(start, end), {start: X}, [end])[0]
        return np.asarray(found)


def network_of(graph: Graph, loss: str | None) -> Network:
    layers = dense_layers(graph)
    if not layers:
        raise NoMLPError("it has no Gemm or MatMul with constant weights")
    dtype = layers[0].dtype
    if dtype.name not in CLOSE or any(layer.dtype != dtype for layer in layers):
        raise NoMLPError(f"its weights are {dtype.name}, not all float32 or float64")
    for one, other in pairwise(layers):
        if one.W.shape[1] != other.W.shape[0]:
            raise NoMLPError(f"a layer gives {one.W.shape[1]} values, the next takes others")
    enter(graph, layers[0])
    hidden = [
        named(
            f"what lies between {one.value!r} and {other.given!r}",
            one,
            partial(graph.function, one.value, other.given),
            {name: activation.value for name, activation in ACTIVATIONS.items()},
        )
        for one, other in pairwise(layers)
    ]
    output, name = output_of(graph, layers[-1])
    network = Network(
        [len(layers[0].W), *(len(layer.b) for layer in layers)],
        hidden=hidden,
        loss=loss_of(output, loss),
        dtype=dtype,
    )
    for mine, layer in zip(network.layers, layers, strict=True):
        mine.W[:], mine.b[:] = layer.W, layer.b
    check_all(graph, network, output, name)
    return network


def dense_layers(graph: Graph) -> list[Layer]:
    """In the order of the graph."""
    made: list[Layer] = []
    for node in graph.nodes:
        attributes = {a.name: graph.onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Gemm" and node.input[1] in graph.constants:
            if attributes.get("transA", 0):
                raise NoMLPError("its Gemm transposes the rows")
            W = graph.constants[node.input[1]] * attributes.get("alpha", 1.0)
            W = (W.T if attributes.get("transB", 0) else W).astype(W.dtype)
            b = np.zeros(W.shape[1], W.dtype)
            if len(node.input) > 2 and node.input[2]:
                given = constant(graph, node.input[2])
                b = np.broadcast_to(given * attributes.get("beta", 1.0), (1, len(b)))[0]
            made.append(Layer(node.input[0], W, b.astype(W.dtype), node.output[0], W.dtype))
        elif node.op_type == "MatMul" and node.input[1] in graph.constants:
            W = graph.constants[node.input[1]]
            b, dtype = np.zeros(W.shape[-1], W.dtype), stored_dtype(graph, node.input[1])
            made.append(Layer(node.input[0], W, b, node.output[0], dtype))
            take_bias(graph, made[-1])
        elif node.op_type in ("Gemm", "MatMul", "Conv", "LSTM", "GRU", "RNN", "Attention"):
            raise NoMLPError(f"it has a {node.op_type} without constant weights")
    if any(layer.W.ndim != 2 for layer in made):
        raise NoMLPError("its weights are not all matrices")
    return made


def stored_dtype(graph: Graph, name: str) -> Any:
    """The dtype of a constant before it was widened."""
    maker = graph.makers.get(name)
    if maker is not None and maker.op_type == "Cast":
        return graph.constants[maker.input[0]].dtype
    return graph.constants[name].dtype


def constant(graph: Graph, name: str) -> Array:
    if name not in graph.constants:
        raise NoMLPError(f"{name!r} is not constant")
    return graph.constants[name]


def take_bias(graph: Graph, layer: Layer) -> None:
    """An Add of constants after a MatMul is part of the layer."""
    users = [node for node in graph.nodes if layer.value in node.input]
    if len(users) != 1 or users[0].op_type != "Add":
        return
    others = [name for name in users[0].input if name != layer.value]
    if len(others) == 1 and others[0] in graph.constants:
        b = np.broadcast_to(graph.constants[others[0]], (1, len(layer.b)))[0]
        layer.b, layer.value = b.astype(layer.W.dtype), users[0].output[0]


def enter(graph: Graph, first: Layer) -> None:
    """What happens to the rows before the first layer, which must be a shift and a scale, in it."""
    n = len(first.W)
    rows = np.random.default_rng(0).normal(size=(N_ROWS, n)).astype(input_dtype(graph))
    rows[0], rows[1] = 0.0, 1.0
    try:
        found = graph.function(graph.input, first.given, rows).astype(float)
        shift, scale = found[0], found[1] - found[0]
        same = np.allclose(found, rows * scale + shift, rtol=1e-4, atol=1e-4)
    except NoMLPError:
        raise
    except Exception as reason:  # any operators
        raise NoMLPError(f"its rows cannot be followed to the first layer ({reason})") from None
    if found.shape != rows.shape or not same:
        raise NoMLPError("its rows are changed before the first layer, not only shifted and scaled")
    if not np.array_equal(found, rows):
        W = first.W.astype(float)
        first.b = (first.b + shift @ W).astype(first.W.dtype)
        first.W = (scale[:, None] * W).astype(first.W.dtype)


def input_dtype(graph: Graph) -> Any:
    kind = next(e for e in graph.model.graph.input if e.name == graph.input)
    return graph.onnx.helper.tensor_dtype_to_np_dtype(kind.type.tensor_type.elem_type)


def named(
    what: str,
    layer: Layer,
    function: Callable[[Array], Array],
    known: dict[str, Callable[..., Array]],
) -> str:
    """Which of the known functions it is. Raises NoMLPError for none."""
    Z = logits_for(layer)
    try:
        found = function(Z)
    except NoMLPError:
        raise
    except Exception as reason:  # any operators
        raise NoMLPError(f"{what} cannot be computed ({reason})") from None
    for name, value in known.items():
        if found.shape == Z.shape and close(found, value(Z.copy())):
            return name
    raise NoMLPError(f"{what} is none of {', '.join(known)}")


def logits_for(layer: Layer) -> Array:
    """Points from -8 to 8, in another order for each unit: (n, n_out)."""
    points = np.linspace(-8.0, 8.0, POINTS)
    generator = np.random.default_rng(0)
    shuffled = [generator.permutation(points) for _ in layer.b]
    return np.stack(shuffled, axis=1).astype(layer.W.dtype)


def close(found: Array, expected: Array, slack: float = 1.0) -> bool:
    bound = slack * CLOSE[expected.dtype.name]
    return bool(np.allclose(found, expected, rtol=bound, atol=bound))


def output_of(graph: Graph, last: Layer) -> tuple[str, str]:
    """The output's function, and the name of the graph's output that has it."""
    Z = logits_for(last)
    for output in graph.model.graph.output:
        found = None
        with suppress(Exception):  # labels, or a list of dicts: another output will do
            found = graph.function(last.value, output.name, Z)
        if found is None or found.dtype.kind != "f":
            continue
        for name, value in OUTPUTS.items():
            if matches(name, found, value(Z.copy())):
                return name, str(output.name)
    raise NoMLPError(f"none of its outputs is {', '.join(OUTPUTS)} of the last layer")


def matches(name: str, found: Array, expected: Array, slack: float = 1.0) -> bool:
    """Whether they are the same; two columns may be the two probabilities of a sigmoid."""
    if name == "sigmoid" and expected.shape[1] == 1 and found.shape[1:] == (2,):
        found = found[:, 1:]
    if name == "softmax" and expected.shape[1] < 2:
        return False
    return found.size == expected.size and close(found.reshape(expected.shape), expected, slack)


def loss_of(output: str, loss: str | None) -> str:
    if loss is None:
        return LOSS_OF[output]
    if output not in ("identity", losses.get(loss).output_name):
        raise ParameterError(
            f"the graph's output is {output}, but the loss {loss!r} goes with "
            f"{losses.get(loss).output_name}; leave loss out, or give {LOSS_OF[output]!r}"
        )
    return loss


def check_all(graph: Graph, network: Network, output: str, name: str) -> None:
    """Raise NoMLPError unless graph and network give the same for some rows."""
    shape = (N_ROWS, network.sizes[0])
    rows = np.random.default_rng(1).normal(size=shape).astype(input_dtype(graph))
    found = graph.function(graph.input, name, rows)
    wide = network.copy(found.dtype)
    if not matches(output, found, OUTPUTS[output](wide.logits(rows)), slack=10.0):
        raise NoMLPError("the network made of it predicts otherwise")
