"""A model as one ONNX graph: raw columns in, label and probabilities, or the number, out.

Everything is computed in float64; the weights are stored in the network's dtype. Only operators
that onnxruntime has in float64 are used; the others (Elu, Softplus, Erf) are spelled out.
"""

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fallline import __version__
from fallline.arrays import Array
from fallline.engine.blocks import cut_blocks
from fallline.errors import ParameterError
from fallline.exporting.description import (
    Absent,
    Clipped,
    Column,
    Dense,
    Description,
    Equal,
    Feature,
    Interval,
    Label,
    Naming,
    OneOf,
    Ramp,
    Scaled,
    Sets,
    Sign,
    Wave,
    is_text,
)
from fallline.exporting.normal import NEAR, OVER, TAIL, UNDER
from fallline.exporting.rows import Rows
from fallline.exporting.running import Found, NoRunnerError, RunError

__all__ = ["run", "write"]

OPSET, OPSET_OF_PATTERNS = 17, 20  # the second where first letters are looked at
IR_VERSION, IR_OF_PATTERNS = 8, 9
ML_OPSET = 2
OLDEST_RUNTIME = (1, 17)
FIRST_OUTPUTS = ("label", "probabilities", "prediction", "lower", "upper", "set")


class Graph:
    """Nodes, constants and inputs as they come; every name but those of inputs is its own."""

    def __init__(self, taken: Sequence[str]) -> None:
        import onnx

        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.known: dict[tuple[Any, ...], str] = {}
        self.stem = "fallline"
        while any(name.startswith(self.stem) for name in taken):
            self.stem += "_"

    def name(self) -> str:
        return f"{self.stem}.{len(self.nodes) + len(self.constants)}"

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The output of a new node."""
        name = self.name()
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, inputs, [name], domain=domain, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        """An array of numbers, each kept once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = self.name()
            self.constants.append(self.onnx.numpy_helper.from_array(array, self.known[key]))
        return self.known[key]

    def texts(self, values: Sequence[str]) -> str:
        name = self.name()
        array = np.array(values, dtype=object)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def number(self, condition: str) -> str:
        """1 and 0 for true and false."""
        return self.op("Cast", condition, to=self.onnx.TensorProto.DOUBLE)

    # onnxruntime leaves out "Mul 1", "Div 1" and "Sub 0", and looks at a single constant in
    # float32: 1 + 1e-9 would be lost. Twice as much is not 1, and "0 - x" is not left out.

    def times(self, x: str, factor: Any) -> str:
        if not nearly_one(factor):
            return self.op("Mul", x, self.constant(factor))
        twice = self.op("Mul", x, self.constant(2.0 * np.asarray(factor)))
        return self.op("Mul", twice, self.constant(0.5))

    def over(self, x: str, divisor: Any) -> str:
        if not nearly_one(divisor):
            return self.op("Div", x, self.constant(divisor))
        half = self.op("Div", x, self.constant(2.0 * np.asarray(divisor)))
        return self.op("Mul", half, self.constant(2.0))

    def less(self, x: str, shift: Any) -> str:
        if np.size(shift) > 1:
            return self.op("Sub", x, self.constant(shift))
        return self.op("Neg", self.op("Sub", self.constant(shift), x))

    def where(self, condition: str, yes: str, no: str) -> str:
        return self.op("Where", condition, yes, no)

    def within(self, x: str, low: Any, high: Any) -> str:
        return self.op("Max", self.op("Min", x, self.constant(high)), self.constant(low))


def nearly_one(value: Any) -> bool:
    """Whether it is a single number that only float32 takes for 1."""
    return np.size(value) == 1 and 0.0 < abs(float(np.ravel(value)[0]) - 1.0) < 1e-6


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """The model. Raises ParameterError if the package onnx is missing, or a label is not a text."""
    model.require(ACTIVATIONS, "ONNX")
    try:
        import onnx
    except ImportError:
        raise ParameterError(
            "writing ONNX needs one more package: pip install 'fallline[onnx]'"
        ) from None
    names = input_names(model)
    graph = Graph(names)
    a = x = inputs(graph, model, names)
    for layer in model.layers:
        a = activated(graph, dense(graph, a, layer), layer.activation)
    outputs = results(graph, model, x, a, names)
    helper = onnx.helper
    made = helper.make_graph(graph.nodes, "fallline", graph.inputs, outputs, graph.constants)
    patterns = any(column.by_letter for column in model.columns)
    opset = OPSET_OF_PATTERNS if patterns else OPSET
    versions = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    whole = helper.make_model(
        made,
        opset_imports=versions,
        ir_version=IR_OF_PATTERNS if patterns else IR_VERSION,
        producer_name="fallline",
        producer_version=__version__,
    )
    facts = {
        "target": model.output.target,
        "columns": [
            {"input": name, "name": column.name, "kind": column.kind}
            for name, column in zip(names, model.columns, strict=True)
        ]
        if not model.positional
        else [column.name for column in model.columns],
    }
    helper.set_model_props(whole, {"fallline": json.dumps(facts)})
    onnx.checker.check_model(whole, full_check=True)
    return {".onnx": whole.SerializeToString()}


# ---- inputs


def input_names(model: Description) -> list[str]:
    """The columns' names, or their numbers where a name cannot stand; X for a row of numbers."""
    if model.positional:
        return ["X"]
    names: list[str] = []
    for number, column in enumerate(model.columns, start=1):
        name = column.name if good_name(column.name) else f"column {number}"
        while name in names:
            name += "_"
        names.append(name)
    return names


def good_name(name: str) -> bool:
    """Whether programs in C can ask for it: it is not empty, and has no NUL."""
    return bool(name) and is_text(name) and "\0" not in name


def inputs(graph: Graph, model: Description, names: Sequence[str]) -> str:
    """The network's inputs (n, n_inputs)."""
    helper, types = graph.onnx.helper, graph.onnx.TensorProto
    if model.positional:
        n = len(model.columns)
        graph.inputs.append(helper.make_tensor_value_info("X", types.DOUBLE, ["n", n]))
        if model.is_plain:
            return "X"
        single = [graph.op("Gather", "X", graph.constant([i], np.int64), axis=1) for i in range(n)]
    else:
        single = []
        for name, column in zip(names, model.columns, strict=True):
            kind = types.STRING if column.kind == "text" else types.DOUBLE
            graph.inputs.append(helper.make_tensor_value_info(name, kind, ["n"]))
            single.append(graph.op("Reshape", name, graph.constant([-1, 1], np.int64)))
    blocks: list[str] = []
    before = None
    for x, column in zip(single, model.columns, strict=True):
        if column.kind == "text":
            blocks += text_blocks(graph, x, column)
            continue
        own = number_of(graph, x, column)
        blocks += number_blocks(graph, own.absent, own.known, column.features)
        if before is not None and column.directions:
            blocks += direction_blocks(graph, before, own)
        before = own
    return graph.op("Concat", *blocks, axis=1)


class Numbers(NamedTuple):
    """A column: whether each number (n, 1) is missing, and the numbers, 0 for those."""

    column: Column
    absent: str
    known: str


def number_of(graph: Graph, x: str, column: Column) -> Numbers:
    """The numbers of x (n, 1)."""
    if column.kind == "date":  # from days to seconds, by whole milliseconds
        shifted = graph.op("Mul", x, graph.constant(86_400_000.0))
        whole = graph.op("Floor", graph.op("Add", shifted, graph.constant(0.5)))
        x = graph.op("Mul", whole, graph.constant(1e-3))
    for mark in column.missing_numbers:
        x = graph.where(graph.op("Equal", x, graph.constant(mark)), graph.constant(np.nan), x)
    absent = graph.op("IsNaN", x)
    known = graph.where(absent, graph.constant(0.0 if not column.needed else np.nan), x)
    return Numbers(column, absent, known)


def direction_blocks(graph: Graph, before: Numbers, own: Numbers) -> list[str]:
    """The features of two columns together, which the second one has."""
    scaled_pair = [
        graph.within(scaled(graph, each.known, [each.column.scaling]), -1e150, 1e150)
        for each in (before, own)
    ]
    absent = graph.op("Or", before.absent, own.absent)
    blocks = []
    for each in own.column.directions:
        parts = (graph.times(p, w) for p, w in zip(scaled_pair, each.weights, strict=True))
        blocks += number_blocks(graph, absent, graph.op("Add", *parts), each.features)
    return blocks


def number_blocks(graph: Graph, absent: str, known: str, features: Sequence[Feature]) -> list[str]:
    """The features of known numbers (n, 1); NaN for an infinity."""
    zero, finite = graph.constant(0.0), graph.op("Sub", known, known)  # 0, or NaN for an infinity
    made = []
    for kind, group in groupby(features, type):
        if kind is Absent:
            made.append(graph.number(absent))
            continue
        block = graph.where(absent, zero, NUMBER_BLOCKS[kind](graph, known, list(group)))
        made.append(graph.op("Add", block, finite))
    return made


def terms(features: Sequence[Any], *names: str) -> list[list[list[float]]]:
    """Each attribute of the features as a row (1, n_features)."""
    return [[[getattr(feature, name) for feature in features]] for name in names]


def scaled(graph: Graph, x: str, features: Sequence[Feature]) -> str:
    shift, scale = terms(features, "shift", "scale")
    return graph.over(graph.less(x, shift), scale)


def clipped(graph: Graph, x: str, features: Sequence[Feature]) -> str:
    z = graph.within(scaled(graph, x, features), -1e150, 1e150)
    third = graph.op("Div", z, graph.constant(3.0))
    square = graph.op("Add", graph.op("Mul", third, third), graph.constant(1.0))
    return graph.op("Div", z, graph.op("Sqrt", square))


def ramps(graph: Graph, x: str, features: Sequence[Feature]) -> str:
    low, high, center = (np.array(part) for part in terms(features, "low", "high", "center"))
    part = graph.over(graph.less(x, low), high - low)
    return graph.less(graph.within(part, 0.0, 1.0), center)


def equals(graph: Graph, x: str, features: Sequence[Feature]) -> str:
    (values,) = terms(features, "value")
    return graph.number(graph.op("Equal", x, graph.constant(values)))


def waves(graph: Graph, x: str, features: Sequence[Any]) -> str:
    """cos a = 1 - 2 sin^2(a / 2), since not every onnxruntime has the cosine in float64."""
    made = []
    for wave in features:
        if wave.function == "sin":
            made.append(graph.op("Sin", graph.op("Mul", x, graph.constant(wave.turn))))
            continue
        angle = graph.op("Mul", x, graph.constant(wave.turn))
        half = graph.op("Sin", graph.op("Mul", angle, graph.constant(0.5)))
        square = graph.op("Mul", graph.op("Mul", half, half), graph.constant(2.0))
        made.append(graph.op("Sub", graph.constant(1.0), square))
    return graph.op("Concat", *made, axis=1)


NUMBER_BLOCKS: dict[type, Callable[[Graph, str, Sequence[Any]], str]] = {
    Scaled: scaled,
    Clipped: clipped,
    Ramp: ramps,
    Equal: equals,
    Wave: waves,
}


def text_blocks(graph: Graph, x: str, column: Column) -> list[str]:
    """The features of texts x (n, 1)."""
    code = letter_code(graph, x, column) if column.by_letter else text_code(graph, x, column)
    made = []
    for feature in column.features:
        if isinstance(feature, Sign):
            first, second = (is_code(graph, code, k) for k in (0, 1))
            made.append(graph.op("Sub", second, first))
        elif isinstance(feature, OneOf):
            each = [is_code(graph, code, k) for k in feature.codes]
            made.append(each[0] if len(each) == 1 else graph.op("Add", *each))
    return made


def is_code(graph: Graph, code: str, k: int) -> str:
    return graph.number(graph.op("Equal", code, graph.constant(k, np.int64)))


def text_code(graph: Graph, x: str, column: Column) -> str:
    """The code of each text: of a category, in the usual spellings of a value, or of a gap."""
    keys = {text: k for k, text in enumerate(column.categories)}
    for word, k in column.words:
        keys = dict.fromkeys((word, word.upper(), word.title()), k) | keys
    for number, k in column.numbers:
        whole = [str(int(number))] if number == int(number) else []
        keys = dict.fromkeys([repr(number), *whole], k) | keys
    keys |= dict.fromkeys(["", *column.missing], column.absent)
    return encoded(graph, x, keys, column.other)


def encoded(graph: Graph, x: str, keys: dict[str, int], other: int) -> str:
    good = {text: k for text, k in keys.items() if is_text(text)}
    return graph.op(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        keys_strings=list(good),
        values_int64s=list(good.values()),
        default_int64=other,
    )


def letter_code(graph: Graph, x: str, column: Column) -> str:
    """The code of each text's first letter."""
    keys = dict.fromkeys(["", *column.missing], column.absent)
    code = encoded(graph, x, keys, column.other)
    gap = graph.op("Equal", code, graph.constant(column.absent, np.int64))
    for k, letter in enumerate(column.categories):
        if is_text(letter):
            pattern = rf"(?s)\x{{{ord(letter):x}}}.*"
            begins = graph.op("RegexFullMatch", x, pattern=pattern)
            code = graph.where(begins, graph.constant(k, np.int64), code)
    return graph.where(gap, graph.constant(column.absent, np.int64), code)


# ---- the network


def dense(graph: Graph, a: str, layer: Dense) -> str:
    """A W + b; the members of an ensemble each by their own block of W."""
    products = []
    for (row, n_rows, *_), block in zip(
        layer.blocks, cut_blocks(layer.W, layer.blocks), strict=True
    ):
        inputs = a if n_rows == len(layer.W) else between(graph, a, row, row + n_rows)
        products.append(graph.op("MatMul", inputs, weights(graph, block)))
    Z = products[0] if len(products) == 1 else graph.op("Concat", *products, axis=1)
    return graph.op("Add", Z, weights(graph, layer.b))


def weights(graph: Graph, part: Array) -> str:
    """Parameters in the network's dtype, for arithmetic in float64."""
    kept = graph.constant(part, part.dtype)
    return kept if part.dtype == np.float64 else graph.number(kept)


def between(graph: Graph, a: str, start: int, stop: int) -> str:
    """The columns from ``start`` up to, but not with, ``stop``."""
    start_, stop_, axis = (graph.constant([each], np.int64) for each in (start, stop, 1))
    return graph.op("Slice", a, start_, stop_, axis)


def activated(graph: Graph, z: str, activation: str) -> str:
    return ACTIVATIONS[activation](graph, z)


def leaky_relu(graph: Graph, z: str) -> str:
    """By hand, since the operator's slope is a float32."""
    below = graph.op("Mul", z, graph.constant(0.01))
    return graph.where(graph.op("Greater", z, graph.constant(0.0)), z, below)


def elu(graph: Graph, z: str) -> str:
    power = graph.op("Exp", graph.op("Min", z, graph.constant(0.0)))
    below = graph.op("Sub", power, graph.constant(1.0))
    return graph.where(graph.op("Greater", z, graph.constant(0.0)), z, below)


def softplus(graph: Graph, z: str) -> str:
    power = graph.op("Exp", graph.op("Neg", graph.op("Abs", z)))
    rest = graph.op("Log", graph.op("Add", power, graph.constant(1.0)))
    return graph.op("Add", graph.op("Max", z, graph.constant(0.0)), rest)


def gelu(graph: Graph, z: str) -> str:
    """z Phi(z) by the rational function of :mod:`fallline.exporting.normal`."""
    x = graph.op("Min", graph.op("Abs", z), graph.constant(38.0))
    half = graph.op("Mul", graph.op("Mul", x, x), graph.constant(-0.5))
    density = graph.op("Exp", half)
    near = graph.op("Div", horner(graph, OVER, x), horner(graph, UNDER, x))
    rest = graph.op("Add", x, graph.constant(0.65))
    for k in (4.0, 3.0, 2.0, 1.0):
        rest = graph.op("Add", x, graph.op("Div", graph.constant(k), rest))
    far = graph.op("Div", graph.constant(1.0 / TAIL), rest)
    share = graph.where(graph.op("Less", x, graph.constant(NEAR)), near, far)
    below = graph.op("Mul", density, share)
    above = graph.op("Sub", graph.constant(1.0), below)
    positive = graph.op("Greater", z, graph.constant(0.0))
    return graph.op("Mul", z, graph.where(positive, above, below))


def horner(graph: Graph, coefficients: Sequence[float], x: str) -> str:
    value = graph.constant(coefficients[0])
    for c in coefficients[1:]:
        value = graph.op("Add", graph.op("Mul", value, x), graph.constant(c))
    return value


def silu(graph: Graph, z: str) -> str:
    """z / (1 + e^-z): onnxruntime 1.20 fuses z sigmoid(z) into one that it lacks in float64."""
    power = graph.op("Exp", graph.op("Neg", z))
    return graph.op("Div", z, graph.op("Add", power, graph.constant(1.0)))


def exp(graph: Graph, z: str) -> str:
    return graph.op("Exp", graph.op("Min", z, graph.constant(709.7817123930504)))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "sigmoid": lambda graph, z: graph.op("Sigmoid", z),
    "tanh": lambda graph, z: graph.op("Tanh", z),
    "relu": lambda graph, z: graph.op("Relu", z),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "silu": silu,
    "softplus": softplus,
    "identity": lambda graph, z: z,
    "softmax": lambda graph, z: graph.op("Softmax", z, axis=1),
    "exp": exp,
}


# ---- outputs


def results(graph: Graph, model: Description, x: str, a: str, taken: Sequence[str]) -> list[Any]:
    """The outputs: label (n,) and probabilities (n, n_classes), or prediction (n,).

    After them lower and upper (n,), or set (n, n_classes), where the model has intervals or sets;
    x (n, n_inputs) are the network's inputs.
    """
    output, k = model.output, len(model.layers[-1].b)
    names = {first: free(first, taken) for first in FIRST_OUTPUTS}
    double, f = graph.onnx.TensorProto.DOUBLE, a
    if output.task == "numbers":
        if (output.scale, output.mean) != (1.0, 0.0):
            a = graph.times(a, output.scale)
            a = graph.op("Add", a, graph.constant(output.mean))
        if output.ends is not None:
            a = graph.within(a, *output.ends)
        if k > 1:
            return [named(graph, a, names["prediction"], double, ["n", k])]
        columns = {"prediction": a}
        if output.interval is not None:
            columns |= interval_ends(graph, model, output.interval, x, f)
        flat = graph.constant([-1], np.int64)
        return [
            named(graph, graph.op("Reshape", value, flat), names[name], double, ["n"])
            for name, value in columns.items()
        ]
    above = "GreaterOrEqual" if output.half_is_yes else "Greater"
    if output.task == "labels":
        yes = graph.op(above, a, graph.constant(0.5))
        integer = graph.onnx.TensorProto.INT64
        label = named(graph, graph.op("Cast", yes, to=integer), names["label"], integer, ["n", k])
        return [label, named(graph, a, names["probabilities"], double, ["n", k])]
    if output.task == "binary":
        yes = graph.op("Reshape", a, graph.constant([-1], np.int64))
        chosen = graph.op(above, yes, graph.constant(0.5))
        index = graph.op("Cast", chosen, to=graph.onnx.TensorProto.INT64)
        a = graph.op("Concat", graph.op("Sub", graph.constant(1.0), a), a, axis=1)
    else:
        index = graph.op("ArgMax", a, axis=1, keepdims=0)
    labels, kind = label_array(graph, output.labels)
    n = model.n_results
    made = [
        named(graph, graph.op("Gather", labels, index), names["label"], kind, ["n"]),
        named(graph, a, names["probabilities"], double, ["n", n]),
    ]
    if output.sets is not None:
        members = set_members(graph, output.sets, a, index)
        made.append(named(graph, members, names["set"], graph.onnx.TensorProto.BOOL, ["n", n]))
    return made


def interval_ends(
    graph: Graph, model: Description, interval: Interval, x: str, f: str
) -> dict[str, str]:
    """The lower and the upper ends (n, 1), of the network's inputs x and output f (n, 1)."""
    if interval.ends is not None:
        f = graph.within(f, *interval.ends)
    hinges = np.array(interval.hinges)[:, None]
    bent = f
    if interval.knots:
        over = graph.less(f, [interval.knots])
        bent = graph.op("Concat", f, graph.op("Max", over, graph.constant(0.0)), axis=1)
    log = graph.op("MatMul", bent, graph.constant(hinges))
    log = graph.op("Add", log, graph.constant(interval.bias))
    if interval.weights:
        weights = np.array(interval.weights)[:, None]
        log = graph.op("Add", log, graph.op("MatMul", x, graph.constant(weights)))
    sigma = graph.op("Exp", graph.within(log, interval.low, interval.high))
    half = graph.times(sigma, interval.quantile)
    made = {}
    for name, sign in (("lower", "Sub"), ("upper", "Add")):
        end = graph.times(graph.op(sign, f, half), model.output.scale)
        made[name] = graph.op("Add", end, graph.constant(model.output.mean))
    if interval.lowest is not None:
        made["lower"] = graph.op("Max", made["lower"], graph.constant(interval.lowest))
    return made


def set_members(graph: Graph, sets: Sets, shares: str, index: str) -> str:
    """Whether each class is in the set, (n, n_classes); ``index`` (n,) is that of the likeliest."""
    rest = graph.op("Sub", graph.constant(1.0), shares)
    near = graph.op("LessOrEqual", rest, graph.constant([sets.quantiles]))
    column = graph.op("Reshape", index, graph.constant([-1, 1], np.int64))
    numbers = graph.constant([range(len(sets.quantiles))], np.int64)
    return graph.op("Or", near, graph.op("Equal", column, numbers))


def free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def named(graph: Graph, value: str, name: str, kind: int, shape: list[Any]) -> Any:
    """An output: the value under its name."""
    graph.nodes.append(graph.onnx.helper.make_node("Identity", [value], [name]))
    return graph.onnx.helper.make_tensor_value_info(name, kind, shape)


def label_array(graph: Graph, labels: Sequence[Label]) -> tuple[str, int]:
    """The labels as whole numbers, truth values, numbers or texts, and their type."""
    types = graph.onnx.TensorProto
    for kind, dtype, code in (
        (bool, np.bool_, types.BOOL),
        (int, np.int64, types.INT64),
        (float, np.float64, types.DOUBLE),
    ):
        if all(type(label) is kind for label in labels):
            return graph.constant(labels, dtype), code
    listed = [str(label) for label in labels]
    for label in listed:
        if not is_text(label):
            raise ParameterError(
                f"the label {label!r} holds a character that ONNX cannot write; rename it"
            )
    return graph.texts(listed), types.STRING


# ---- running it


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """The predictions of onnxruntime for the graph."""
    try:
        import onnxruntime
    except ImportError:
        raise NoRunnerError("onnxruntime is not installed (pip install onnxruntime)") from None
    version = onnxruntime.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_RUNTIME:
        oldest = ".".join(map(str, OLDEST_RUNTIME))
        raise NoRunnerError(f"onnxruntime here is {version}; {oldest} or newer is needed")
    try:
        session = onnxruntime.InferenceSession(
            str(folder / f"{naming.stem}.onnx"), providers=["CPUExecutionProvider"]
        )
        found = session.run(None, fed(model, rows))
    except Exception as reason:  # onnxruntime has many, without a common base class
        raise RunError(f"onnxruntime {onnxruntime.__version__}: {reason}") from None
    output = model.output
    if output.task == "numbers":
        numbers = np.asarray(found[0], dtype=float).reshape(len(rows), -1)
        return Found(numbers, ends=None if output.interval is None else np.column_stack(found[1:]))
    labels = found[0].tolist() if output.has_classes else None
    return Found(found[1], labels, members=None if output.sets is None else found[2])


def fed(model: Description, rows: Rows) -> dict[str, Array]:
    if model.positional:
        return {"X": np.array(rows.cells, dtype=float)}
    parts: dict[str, Array] = {}
    columns = zip(*rows.cells, strict=True)
    for name, column, cells in zip(input_names(model), model.columns, columns, strict=True):
        if column.kind == "text":
            parts[name] = np.array(["" if cell is None else cell for cell in cells], dtype=object)
        else:
            parts[name] = np.array([np.nan if c is None else c for c in cells], dtype=float)
    return parts
