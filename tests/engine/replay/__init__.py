"""Calls of the compiled engine, recorded to be made again elsewhere: another processor, a browser.

The file is of 8-byte words, low byte first: how many calls; for each call the name of its function
(128 bytes, zeros at the end) and how many fields its record has; for each field a kind and a value.
Kind 0: the value is the field. Else it is the length in bytes of an array, of floats (kind 8),
single floats (4) or whole numbers (1), and its bytes before and after the call follow, each padded
to whole words.
"""

import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import fallline as fl
from fallline.engine import library, logits
from fallline.engine.records import LAY_OUT, Record
from fallline.lesson import TRAIN_X, TRAIN_Y
from fallline.tabular.ensemble import merged
from tests.engine.made_rows import made_rows

__all__ = ["record_calls"]

KINDS = {np.dtype(np.float64): 8, np.dtype(np.float32): 4}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
OPTIMIZERS: list[Any] = [
    fl.GradientDescent(0.05), fl.GradientDescent(0.05, momentum=0.9),
    fl.GradientDescent(0.05, momentum=0.9, nesterov=True), fl.RMSProp(0.01), fl.Adam(0.01),
    fl.AdamW(0.01),
]  # fmt: skip


def record_calls(path: Path, monkeypatch: Any) -> int:
    """Write the calls of a run of everything the engine has; how many there are."""
    with recorded(monkeypatch) as calls:
        for dtype in ("float64", "float32"):
            work(dtype)
    with path.open("wb") as file:
        file.write(struct.pack("<q", len(calls)))
        for call in calls:
            file.write(call)
    return len(calls)


@contextmanager
def recorded(monkeypatch: Any) -> Iterator[list[bytes]]:
    """The calls made meanwhile."""
    calls: list[bytes] = []
    records: Any = weakref.WeakValueDictionary()
    of_library, make = library.from_library, Record.__init__

    def remember(self: Record, *given: Any, **values: Any) -> None:
        make(self, *given, **values)
        records[self.address] = self

    def watched(*key: Any) -> Any:
        function, symbol = of_library(*key), library.symbol_of(*key)

        def call(address: int) -> int:
            record = records[address]
            before, whole = copies(record), list(record.whole)
            result = function(address)
            calls.append(as_bytes(symbol, record, whole, before))
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Record, "__init__", remember)
        patch.setattr(library, "from_library", watched)
        patch.setattr(library, "made", {})
        yield calls


def copies(record: Record) -> dict[str, Any]:
    return {name: None if each is None else each.copy() for name, each in record.arrays.items()}


def as_bytes(symbol: str, record: Record, whole: list[int], before: dict[str, Any]) -> bytes:
    """One call, as the file has it."""
    fields = record.structure.fields
    parts = [symbol.encode().ljust(128, b"\0"), struct.pack("<q", len(fields))]
    for field, value in zip(fields, whole, strict=True):
        array = before.get(field.name)
        if array is None:
            parts.append(struct.pack("<qq", 0, value))
            continue
        parts.append(struct.pack("<qq", KINDS.get(array.dtype, 1), array.nbytes))
        for each in (array, record.arrays[field.name]):
            parts.append(each.tobytes() + bytes(-array.nbytes % 8))
    return b"".join(parts)


def work(dtype: str) -> None:
    """Something of everything: functions, optimisers, penalties, a sweep, predictions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 20))
    targets = {
        "squared_error": X[:, 0], "binary_cross_entropy": (X[:, 0] > 0).astype(float),
        "cross_entropy": rng.integers(0, 3, 150), "absolute_error": X[:, 1], "huber": X[:, 2],
        "poisson": abs(X[:, 3]),
    }  # fmt: skip
    table = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", dtype=dtype)
    descent = fl.GradientDescent(1.6)
    fl.train(table, TRAIN_X, TRAIN_Y, optimizer=descent, epochs=500, threads=1)
    fl.Predictor(table).predict_proba(TRAIN_X)
    for hidden in ACTIVATIONS:
        net = fl.Network([20, 16, 16, 1], hidden=hidden, loss="huber", seed=1, dtype=dtype)
        fl.train(net, X, X[:, 0], epochs=2, batch_size=64, threads=1)
        fl.Predictor(net).predict_proba(X[:3])
    for loss, y in targets.items():
        k = 3 if loss == "cross_entropy" else 1
        net = fl.Network([20, 64, 64, k], hidden="relu", loss=loss, seed=1, dtype=dtype)
        fl.train(net, X, y, epochs=2, batch_size=150, threads=1, validation=(X, y))
        fl.Predictor(net).predict_proba(X[:3])
        fl.sweep(X, y, {"hidden": [3, (16, 8)], "epochs": 2}, seeds=8, dtype=dtype, threads=1)
    for optimizer in OPTIMIZERS:
        net = fl.Network([20, 9, 1], hidden="silu", loss="squared_error", seed=1, dtype=dtype)
        fl.train(
            net, X, X[:, 0], optimizer=optimizer, epochs=3, batch_size=40, threads=1, l2=0.01,
            l1=0.001, dropout=0.1, sample_weight=rng.uniform(0.5, 1.5, 150),
        )  # fmt: skip
    net = fl.Network([20, 9, 1], hidden="tanh", loss="huber", seed=1, dtype=dtype)
    fl.train(net, X, X[:, 0], optimizer=fl.LBFGS(memory=3), epochs=6, threads=1)
    rows = made_rows(150, rng, dtype)
    nets = [
        fl.Network([17, 16, 16, 1], hidden="silu", loss="huber", seed=seed, dtype=dtype)
        for seed in (1, 2)
    ]
    for net in nets:
        fl.train(net, rows, X[:, 0], epochs=3, batch_size=64, threads=1, dropout=0.1)
    ensemble = merged(nets, [0.5, 0.5])
    logits(ensemble, rows)
    fl.Predictor(ensemble).predict_proba(np.asarray(rows[:3]))
    fl.Predictor(ensemble, rows.map).predict_proba(rows[:3])
    plan, length = np.zeros(8 + 8 * 3, np.int64), np.zeros(1, np.int64)
    record = Record(
        LAY_OUT, dtype, sizes=np.array([20, 9, 5, 2]), codes=np.array([3, 6]), n_layers=3, loss=2,
        samples=50, plan=plan, length=length, workspace=np.zeros(20_000, dtype),
    )  # fmt: skip
    library.function("lay_out", dtype)(record.address)
