"""A trained network, in one file that needs NumPy only. Written by Fallline; regenerate to change.

    predict(rows)        a label or a number for each row
    probabilities(rows)  {label: probability} for each row, where the target has classes

A row of a table is a dict of its columns, texts or numbers; None, NaN and the usual texts such as
"NA" are missing, and columns that the model does not use are ignored. Where the network was not
trained on a table, a row is a sequence of numbers. A row that cannot be used raises ValueError,
which names the row (from 1) and the column.
"""

import base64
import datetime
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

MODEL: dict[str, Any] = {}
WEIGHTS = ""  # base64 of the parameters, little-endian: W (n_in, n_out) and b, layer by layer

MISSING = {"", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
CYCLES = {"year": 365.2425 * 86_400.0, "week": 7 * 86_400.0, "day": 86_400.0}
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
    "exp": lambda Z: np.exp(np.minimum(Z, 709.0)),
}


@cache
def layers() -> list[tuple[Any, Any, Callable[[Any], Any]]]:
    """W (n_in, n_out), b (n_out,) and the activation of each layer."""
    theta = np.frombuffer(base64.b64decode(WEIGHTS), MODEL["dtype"]).astype(float)
    made, start = [], 0
    sizes = MODEL["sizes"]
    for n_in, n_out, name in zip(sizes[:-1], sizes[1:], MODEL["activations"], strict=True):
        middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
        W = theta[start:middle].reshape(n_in, n_out)
        made.append((W, theta[middle:stop], FUNCTIONS[name]))
        start = stop
    return made


def forward(X: Any) -> Any:
    """The output (n, n_outputs) for encoded rows X (n, n_inputs)."""
    A = np.asarray(X, MODEL["dtype"]).astype(float)
    with np.errstate(over="ignore", under="ignore"):
        for W, b, function in layers():
            A = function(A @ W + b)
    return A


# ---- the rows


def encode(rows: Iterable[Any]) -> Any:
    """X (n, n_inputs): the rows as the network takes them."""
    listed = list(rows)
    columns = MODEL["columns"]
    if columns is not None:
        return np.array([encoded(row, i) for i, row in enumerate(listed, 1)]).reshape(
            len(listed), MODEL["sizes"][0]
        )
    X = np.asarray(listed, dtype=float)
    X = X.reshape(len(listed), -1) if X.size else np.zeros((0, MODEL["sizes"][0]))
    if X.shape[1] != MODEL["sizes"][0] or not np.isfinite(X).all():
        raise ValueError(f"each row must be {MODEL['sizes'][0]} finite numbers")
    return X


def encoded(row: Mapping[str, Any], number: int) -> list[float]:
    features: list[float] = []
    for column in MODEL["columns"]:
        name = column["name"]
        place = f"row {number}, column {name!r}"
        if name not in row:
            raise ValueError(f"{place}: the row has no such column; its columns are {list(row)}")
        value = cell(row[name])
        features += ENCODERS[column["kind"]](column, value, place)
    return features


def cell(value: Any) -> Any:
    """None for what is missing, texts without spaces around them, dates as texts."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, str):
        value = value.strip()
        return None if value in MISSING else value
    return None if isnan(value) else value


def isnan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def as_number(column: Mapping[str, Any], value: Any, place: str) -> list[float]:
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise ValueError(f"{place}: {value!r} is not a number")
    if "binned" in column:
        features = in_bins(column["binned"], None if value is None else float(value), place)
        return features + [float(value is None)] * column["has_missing"]
    if value is None:
        return [0.0, 1.0] if column["has_missing"] else [0.0]
    scaled = (float(value) - column["mean"]) / column["scale"]
    if not math.isfinite(scaled):
        raise ValueError(f"{place}: {value!r} is too large")
    return [scaled, 0.0] if column["has_missing"] else [scaled]


def in_bins(bins: Mapping[str, Any], value: float | None, place: str) -> list[float]:
    """A number scaled and clipped, as one of its recurring values, and by its part of each bin."""
    levels, edges, centers = bins["levels"], bins["edges"], bins["centers"]
    if value is None:
        return [0.0] * (1 + len(levels) + len(centers))
    if not math.isfinite(value):
        raise ValueError(f"{place}: {value!r} is too large")
    scaled = (value - bins["median"]) / bins["spread"]
    scaled = min(max(scaled, -1e150), 1e150)
    clipped = scaled / math.hypot(1.0, scaled / 3.0)
    parts = [
        min(max((value - low) / (high - low), 0.0), 1.0) - center
        for low, high, center in zip(edges[:-1], edges[1:], centers, strict=True)
    ]
    return [clipped, *(float(value == level) for level in levels), *parts]


def as_text(column: Mapping[str, Any], value: Any, place: str) -> list[float]:
    names = [*column["categories"], *["other"] * column["has_other"]]
    features = [0.0] * (len(names) + column["has_missing"])
    if value is None and column["has_missing"]:
        features[-1] = 1.0
    elif (place_of := category(column, value)) is not None:
        features[place_of] = 1.0
    elif column["has_other"]:
        features[len(names) - 1] = 1.0
    if column.get("pair", False):  # -1 for the first, 1 for the second
        return [features[1] - features[0], *features[2:]]
    return features


def category(column: Mapping[str, Any], value: Any) -> int | None:
    """Which category a value is: as it is written, else as a truth value or a number."""
    names: list[str] = column["categories"]
    if value is None:
        return None
    text = str(value)[:1] if column["by_letter"] else str(value)
    if text in names:
        return names.index(text)
    same = [i for i, name in enumerate(names) if alike(text, name)]
    return same[0] if len(same) == 1 else None


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same truth value or number: True and true, 2 and 2.0."""
    if {one.lower(), other.lower()} <= {"true", "false"}:
        return one.lower() == other.lower()
    numbers = NUMBER.fullmatch(one) and NUMBER.fullmatch(other)
    return bool(numbers) and float(one) == float(other)


def as_date(column: Mapping[str, Any], value: Any, place: str) -> list[float]:
    cycles, missing = column["cycles"], [float(value is None)] * column["has_missing"]
    if value is None:
        return [0.0] * (1 + 2 * len(cycles)) + missing
    seconds = seconds_of(str(value), column["form"], place)
    features = [(seconds - column["mean"]) / column["scale"]]
    for cycle in cycles:
        angle = seconds * (2 * math.pi / CYCLES[cycle])
        features += [math.sin(angle), math.cos(angle)]
    return features + missing


def seconds_of(text: str, form: str, place: str) -> float:
    """Seconds since 1970 of a date that is written in the form of the training rows, or as ISO."""
    if re.match(r"\d{4}-\d{2}-\d{2}", text) and not form.startswith("%Y"):
        form = "%Y-%m-%d" if len(text) == 10 else "%Y-%m-%d %H:%M:%S"
    if re.search("%[bBpIy]", form):
        return by_strptime(text, form, place)
    found = date_pattern(form).fullmatch(text)
    try:
        if found is None:
            raise ValueError
        part = found.groupdict()
        names = ("year", "month", "day", "hour", "minute", "second")
        year, month, day, hour, minute, second = (int(part.get(name) or 0) for name in names)
        whole = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise ValueError(f"{place}: {text!r} is not a date of the form {form}") from None
    seconds = (whole - datetime.datetime(1970, 1, 1)).total_seconds()
    milliseconds = int(((part.get("fraction") or ".0")[1:] + "000")[:3])
    zone = (part.get("zone") or "Z").replace(":", "")
    if zone != "Z":
        ahead = 3600 * int(zone[1:3]) + 60 * int(zone[3:5])
        seconds -= ahead if zone[0] == "+" else -ahead
    return (seconds * 1e3 + milliseconds) / 1e3


def by_strptime(text: str, form: str, place: str) -> float:
    """The same for forms with names of months, AM and PM, or years of two digits."""
    try:
        whole = datetime.datetime.strptime(text, form)
    except ValueError:
        raise ValueError(f"{place}: {text!r} is not a date of the form {form}") from None
    return (whole - datetime.datetime(1970, 1, 1)).total_seconds()


@cache
def date_pattern(form: str) -> re.Pattern[str]:
    parts = re.split("(" + "|".join(map(re.escape, FIELDS)) + ")", form)
    return re.compile("".join(FIELDS.get(part, re.escape(part)) for part in parts))


ENCODERS: dict[str, Callable[[Mapping[str, Any], Any, str], list[float]]] = {
    "number": as_number,
    "text": as_text,
    "date": as_date,
}


# ---- what it is for


def shares(rows: Iterable[Any]) -> Any:
    """The probability of each class, (n, n_classes)."""
    output = forward(encode(rows))
    return np.hstack([1.0 - output, output]) if MODEL["task"] == "binary" else output


def predict(rows: Iterable[Any]) -> list[Any]:
    """The label, or the number, that the network predicts for each row."""
    if MODEL["task"] in ("binary", "classes"):
        return [MODEL["classes"][k] for k in shares(rows).argmax(axis=1).tolist()]
    output = forward(encode(rows)) * MODEL["target_scale"] + MODEL["target_mean"]
    if MODEL.get("target_ends") is not None:  # the training targets' range, and half of it more
        output = np.clip(output, *MODEL["target_ends"])
    numbers: list[Any] = (output[:, 0] if output.shape[1] == 1 else output).tolist()
    return numbers


def probabilities(rows: Iterable[Any]) -> list[dict[Any, float]]:
    """The probability of each class, for each row."""
    if MODEL["task"] not in ("binary", "classes"):
        raise ValueError("this network predicts numbers, so there are no probabilities")
    classes: Sequence[Any] = MODEL["classes"]
    return [dict(zip(classes, row, strict=True)) for row in shares(rows).tolist()]
