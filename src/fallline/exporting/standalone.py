"""A trained network, in one file that needs NumPy only. Written by Fallline; regenerate to change.

    predict(rows)        a label or a number for each row
    probabilities(rows)  {label: probability} for each row, where the target has classes
    intervals(rows)      (lower, upper) for each row, where the model has intervals
    sets(rows)           a list of labels for each row, where the model has sets of classes

A row of a table is a dict of its columns, texts, numbers or dates; None, NaN and the usual texts
such as "NA" are missing, and columns that the model does not use are ignored. Where the network was
not trained on a table, a row is a sequence of numbers. A row that cannot be used raises ValueError,
which names the row (from 1) and the column. Numbers in texts have a decimal point and nothing else.
"""

import base64
import datetime
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

MODEL: dict[str, Any] = {}
WEIGHTS = ""  # base64 of the parameters, little-endian: blocks of W, and b, layer by layer

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FIELDS = {
    "%Y": r"(?P<year>\d{4})",
    "%m": r"(?P<month>\d{1,2})",
    "%d": r"(?P<day>\d{1,2})",
    "%H": r"(?P<hour>\d{1,2})",
    "%M": r"(?P<minute>\d{1,2})",
    "%S": r"(?P<second>\d{1,2})",
    "%.f": r"(?P<fraction>\.\d+)?",
    "%z": r"(?P<zone>[+-]\d{2}:?\d{2}|Z)",
}
YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})"
    r"([ T](?P<hour>\d{1,2}):(?P<minute>\d{1,2})(:(?P<second>\d{1,2})(?P<fraction>\.\d+)?)?"
    r"(?P<zone>[+-]\d{2}:?\d{2}|Z)?)?",
    re.ASCII,
)
WORDS = {"true": 1.0, "false": 0.0}
erfc = np.vectorize(math.erfc, otypes=[float])


# ---- the network


def sigmoid(Z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.clip(Z, -700.0, None)))


def softmax(Z: Any) -> Any:
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda Z: np.maximum(Z, 0.0),
    "leaky_relu": lambda Z: np.where(Z > 0, Z, 0.01 * Z),
    "elu": lambda Z: np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0.0))),
    "gelu": lambda Z: Z * 0.5 * erfc(-Z / math.sqrt(2.0)),
    "silu": lambda Z: Z * sigmoid(Z),
    "softplus": lambda Z: np.logaddexp(Z, 0.0),
    "identity": lambda Z: Z,
    "softmax": softmax,
    "exp": lambda Z: np.exp(np.minimum(Z, 709.7817123930504)),
}


@cache
def layers() -> list[tuple[list[tuple[slice, Any]], Any, Callable[[Any], Any]]]:
    """The blocks of W with the inputs of each, b (n_out,) and the activation of each layer.

    The blocks stand along the diagonal of W, so their outputs follow each other.
    """
    theta = np.frombuffer(base64.b64decode(WEIGHTS), MODEL["dtype"]).astype(float)
    made, start = [], 0

    def take(count: int) -> Any:
        nonlocal start
        start += count
        return theta[start - count : start]

    for blocks, n_out, name in zip(
        MODEL["blocks"], MODEL["sizes"][1:], MODEL["activations"], strict=True
    ):
        parts = [
            (slice(row, row + n_rows), take(n_rows * n_columns).reshape(n_rows, n_columns))
            for row, n_rows, _, n_columns in blocks
        ]
        made.append((parts, take(n_out), FUNCTIONS[name]))
    return made


def forward(X: Any) -> Any:
    """The output (n, n_outputs) for encoded rows X (n, n_inputs)."""
    A = np.asarray(X, float)
    with np.errstate(over="ignore", under="ignore"):
        for parts, b, function in layers():
            A = function(np.hstack([A[:, rows] @ W for rows, W in parts]) + b)
    return A


# ---- the rows


def encode(rows: Iterable[Any]) -> Any:
    """X (n, n_inputs): the rows as the network takes them."""
    listed = list(rows)
    columns, n = MODEL["columns"], MODEL["sizes"][0]
    if not listed:
        return np.zeros((0, n))
    if MODEL["plain"]:
        X = np.asarray(listed, dtype=float).reshape(len(listed), -1)
        if X.shape[1] != n or not np.isfinite(X).all():
            raise ValueError(f"each row must be {n} finite numbers")
        return X
    if MODEL["positional"]:
        for number, row in enumerate(listed, 1):
            if len(row) != len(columns):
                raise ValueError(f"row {number}: each row must be {len(columns)} finite numbers")
        cells = [list(column) for column in zip(*listed, strict=True)]
    else:
        cells = [cells_of(listed, column["name"]) for column in columns]
    values = [read(column, own) for column, own in zip(columns, cells, strict=True)]
    parts = []
    for number, column in enumerate(columns):
        parts.append(encoded(number, values[number], cells[number]))
        parts += directed(number, values) if column["directions"] else []
    return np.hstack(parts)


def cells_of(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    for number, row in enumerate(rows, 1):
        if name not in row:
            place = f"row {number}, column {name!r}"
            raise ValueError(f"{place}: the row has no such column; its columns are {list(row)}")
    return [row[name] for row in rows]


def encoded(number: int, values: Sequence[Any], cells: Sequence[Any]) -> Any:
    """The features (n, n_features) of a column, counted from 0, whose ``cells`` have ``values``."""
    column = MODEL["columns"][number]
    name = column["name"]
    if column["kind"] == "text":
        return features_by_code(number)[values]
    x = numbers_of(values)
    absent = np.isnan(x)
    if column["needed"] and absent.any():
        raise ValueError(f"row {int(absent.argmax()) + 1}, column {name!r}: the number is missing")
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [features(x, absent, kind, terms) for kind, terms in runs(number)]
    made = np.hstack([np.zeros((len(x), 0)), *parts])
    if not np.isfinite(made).all():
        row = int(np.isfinite(made).all(axis=1).argmin())
        raise ValueError(f"row {row + 1}, column {name!r}: {cells[row]!r} is too large")
    return made


def numbers_of(values: Sequence[Any]) -> Any:
    """(n, 1), NaN for None."""
    return np.array([math.nan if value is None else value for value in values])[:, None]


def directed(number: int, values: Sequence[Sequence[Any]]) -> list[Any]:
    """The features of a column and the one before together, direction by direction."""
    x, y = (position(at, numbers_of(values[at])) for at in (number - 1, number))
    absent, made = np.isnan(x) | np.isnan(y), []
    for k, direction in enumerate(MODEL["columns"][number]["directions"]):
        along = direction["weights"][0] * x + direction["weights"][1] * y
        made += [features(along, absent, kind, terms) for kind, terms in runs(number, k)]
    return made


def position(number: int, x: Any) -> Any:
    """The numbers of a column as its first feature scales them."""
    _, shift, scale = MODEL["columns"][number]["features"][0]
    with np.errstate(over="ignore"):
        return np.clip((x - shift) / scale, -1e150, 1e150)


def read(column: Mapping[str, Any], cells: Sequence[Any]) -> list[Any]:
    """Each cell as a number, or as a text's code; None for a missing number."""
    reader, missing = READERS[column["kind"]], MODEL["missing"][column["kind"]]
    values = []
    for row, value in enumerate(cells, 1):
        try:
            values.append(reader(column, cell(value, missing)))
        except ValueError as reason:
            raise ValueError(f"row {row}, column {column['name']!r}: {reason}") from None
    return values


def cell(value: Any, missing: Sequence[str]) -> Any:
    """None for what is missing, texts without spaces around them, dates as texts."""
    if type(value) is float:
        return None if math.isnan(value) else value
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, str):
        value = value.strip()
        return None if value in missing else value
    return None if isnan(value) else value


def isnan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def as_number(column: Mapping[str, Any], value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value.lower() in WORDS:
            return WORDS[value.lower()]
        if not NUMBER.fullmatch(value):
            raise ValueError(f"{value!r} is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is too large")
    return None if number in column["missing_numbers"] else number


def as_code(column: Mapping[str, Any], value: Any) -> int:
    """Which category a value is: as it is written, else as a truth value or a number."""
    names: list[str] = column["categories"]
    if value is None:
        return len(names) + 1
    text = str(value)[:1] if column["by_letter"] else str(value)
    if text in names:
        return names.index(text)
    if text.lower() in WORDS:
        return int(dict(column["words"]).get(text.lower(), len(names)))
    number = float(text) if NUMBER.fullmatch(text) else None
    return int(dict(column["numbers"]).get(number, len(names)))


def as_seconds(column: Mapping[str, Any], value: Any) -> float | None:
    return None if value is None else seconds_of(str(value), column["form"])


READERS: dict[str, Callable[[Mapping[str, Any], Any], float | None]] = {
    "number": as_number,
    "text": as_code,
    "date": as_seconds,
}


# ---- the features of a number x (n, 1), and of a text's code


@cache
def runs(number: int, direction: int | None = None) -> list[tuple[str, list[Any]]]:
    """Neighbours of one kind: its name, and each of their terms as an array."""
    column = MODEL["columns"][number]
    owner = column if direction is None else column["directions"][direction]
    neighbours = groupby(owner["features"], lambda feature: feature[0])
    return [
        (kind, [np.array(terms) for terms in zip(*(f[1:] for f in same), strict=True)])
        for kind, same in neighbours
    ]


def features(x: Any, absent: Any, kind: str, terms: Sequence[Any]) -> Any:
    """(n, n_features), 0 if x is missing but for the feature that says so."""
    return absent * 1.0 if kind == "absent" else np.where(absent, 0.0, FEATURES[kind](x, *terms))


def clipped(x: Any, shift: Any, scale: Any) -> Any:
    """Nearly (x - shift) / scale about 0, and never beyond -3 and 3."""
    z = np.clip((x - shift) / scale, -1e150, 1e150)
    return z / np.hypot(1.0, z / 3.0)


FEATURES: dict[str, Callable[..., Any]] = {
    "scaled": lambda x, shift, scale: (x - shift) / scale,
    "clipped": clipped,
    "equal": lambda x, value: x == value,
    # how far x has come from low to high, less the training rows' mean of it
    "ramp": lambda x, low, high, mean: np.clip((x - low) / (high - low), 0.0, 1.0) - mean,
    "wave": lambda x, name, turn: np.where(name == "sin", np.sin(x * turn), np.cos(x * turn)),
}


@cache
def features_by_code(number: int) -> Any:
    """The features (n_codes, n_features) of each code."""
    column = MODEL["columns"][number]
    table = np.zeros((len(column["categories"]) + 2, len(column["features"])))
    for i, (kind, *codes) in enumerate(column["features"]):
        if kind == "sign":
            table[:2, i] = -1.0, 1.0
        else:
            table[codes[0], i] = 1.0
    return table


# ---- dates


def seconds_of(text: str, form: str) -> float:
    """Seconds since 1970 of a date that is written in the form of the training rows, or as ISO."""
    found = date_pattern(form).fullmatch(text.removesuffix(".0")) or YEAR_FIRST.fullmatch(text)
    if found is None and re.search("%[bBpIy]", form):
        return by_strptime(text, form)
    try:
        if found is None:
            raise ValueError
        part = found.groupdict()
        names = ("year", "month", "day", "hour", "minute", "second")
        year, month, day, hour, minute, second = (int(part.get(name) or 0) for name in names)
        whole = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise ValueError(f"{text!r} is not a date of the form {form}") from None
    seconds = (whole - datetime.datetime(1970, 1, 1)).total_seconds()
    milliseconds = int(((part.get("fraction") or ".0")[1:] + "000")[:3])
    zone = (part.get("zone") or "Z").replace(":", "")
    if zone != "Z":
        ahead = 3600 * int(zone[1:3]) + 60 * int(zone[3:5])
        seconds -= ahead if zone[0] == "+" else -ahead
    return (seconds * 1e3 + milliseconds) * 1e-3


def by_strptime(text: str, form: str) -> float:
    """The same for forms with names of months, AM and PM, or years of two digits."""
    try:
        whole = datetime.datetime.strptime(text, form)
    except ValueError:
        raise ValueError(f"{text!r} is not a date of the form {form}") from None
    return (whole - datetime.datetime(1970, 1, 1)).total_seconds()


@cache
def date_pattern(form: str) -> re.Pattern[str]:
    parts = re.split("(" + "|".join(map(re.escape, FIELDS)) + ")", form)
    return re.compile("".join(FIELDS.get(part, re.escape(part)) for part in parts), re.ASCII)


# ---- what it is for


def shares(rows: Iterable[Any]) -> Any:
    """The probability of each class, (n, n_classes)."""
    output = forward(encode(rows))
    return np.hstack([1.0 - output, output]) if MODEL["task"] == "binary" else output


def likeliest(P: Any) -> Any:
    """The number of the label of each row of probabilities P (n, n_classes)."""
    if MODEL["task"] == "binary":
        return (P[:, 1] >= 0.5 if MODEL["half_is_yes"] else P[:, 1] > 0.5).astype(int)
    return P.argmax(axis=1)


def predict(rows: Iterable[Any]) -> list[Any]:
    """The label, or the number, that the network predicts for each row."""
    task, labels = MODEL["task"], MODEL["labels"]
    if task in ("binary", "classes"):
        return [labels[k] for k in likeliest(shares(rows)).tolist()]
    output = forward(encode(rows))
    if task == "labels":
        chosen = output >= 0.5 if MODEL["half_is_yes"] else output > 0.5
        return [[int(yes) for yes in row] for row in chosen.tolist()]
    return in_units(output)


def in_units(output: Any) -> list[Any]:
    """Numbers in the target's own units."""
    output = output * MODEL["scale"] + MODEL["mean"]
    if MODEL["ends"] is not None:  # the training targets' range, and half of it more
        output = np.clip(output, *MODEL["ends"])
    numbers: list[Any] = (output[:, 0] if output.shape[1] == 1 else output).tolist()
    return numbers


def probabilities(rows: Iterable[Any]) -> list[dict[Any, float]]:
    """The probability of each class, for each row."""
    if MODEL["task"] == "numbers":
        raise ValueError("this network predicts numbers, so there are no probabilities")
    labels: Sequence[Any] = MODEL["labels"] or range(MODEL["sizes"][-1])
    return [dict(zip(labels, row, strict=True)) for row in shares(rows).tolist()]


def intervals(rows: Iterable[Any]) -> list[tuple[float, float]]:
    """The ends of the interval of each row, which hold the true value as often as asked for."""
    kept = MODEL["interval"]
    if kept is None:
        raise ValueError("this model has no intervals; train it with --interval")
    X = encode(rows)
    f = forward(X)[:, 0]
    if kept["ends"] is not None:
        f = np.clip(f, *kept["ends"])
    bent = np.column_stack([f, np.maximum(f[:, None] - np.array(kept["knots"]), 0.0)])
    log = kept["bias"] + bent @ np.array(kept["hinges"])
    if kept["weights"]:
        log = log + X @ np.array(kept["weights"])
    half = kept["quantile"] * np.exp(np.clip(log, kept["low"], kept["high"]))
    ends = np.column_stack([f - half, f + half]) * MODEL["scale"] + MODEL["mean"]
    if kept["lowest"] is not None:
        ends[:, 0] = np.maximum(ends[:, 0], kept["lowest"])
    return [(lower, upper) for lower, upper in ends.tolist()]


def sets(rows: Iterable[Any]) -> list[list[Any]]:
    """The labels that each row may have: the sets hold the true one as often as asked for."""
    kept = MODEL["sets"]
    if kept is None:
        raise ValueError("this model has no sets of classes; train it with --interval")
    P = shares(rows)
    taken = np.array(kept["quantiles"]) >= 1.0 - P
    taken[np.arange(len(P)), likeliest(P)] = True
    return [
        [label for label, own in zip(MODEL["labels"], row, strict=True) if own]
        for row in taken.tolist()
    ]
