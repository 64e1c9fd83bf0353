"""Whole model files that mean something else: a real file with facts and tensors changed."""

import copy
import json
import random
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fallline.arrays import Array
from fallline.saving.modelfile import header_length, with_checksum

__all__ = ["Base", "Mutant"]

Content = dict[str, Any]
Tensors = dict[str, Array]

DTYPES = ["float32", "float64", "int64", "uint8", "bool"]
ADDED = ["best", "optimizer.first", "seen", "layers.9.W", "json.encoding"]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 17, 255, 2**31, -(2**31), 2**63, 10**30, -(10**400)),
    *(0.0, -0.0, 0.5, -3.7, 1e-320, 1e308, -1e308, 1e154),
    *("", "x", "number", "text", "\x00", "\u202e", "\x1b[31m", "a" * 10_000, "1", "float64"),
    *([], [0], ["a"], [[]], [1, 2, 3], [None], list(range(1_000)), {}, {"a": 1}),
]


class Base:
    """A file to make others of."""

    def __init__(self, raw: bytes) -> None:
        header = json.loads(raw[8 : 8 + header_length(raw)])
        self.content: Content = json.loads(header["__metadata__"]["fallline"])
        self.tensors: Tensors = load(raw)
        for name in ("encoding", "training"):
            packed = self.tensors.pop(f"json.{name}", None)
            if packed is not None:
                self.content[name] = json.loads(packed.tobytes())

    def mutant(self, seed: int) -> "Mutant":
        """The file with one to three changes that ``seed`` chooses."""
        chance = random.Random(seed)
        content, tensors = copy.deepcopy(self.content), dict(self.tensors)
        told = []
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            if chance.random() < 0.8:
                told.append(change_fact(content, chance))
            else:
                told.append(change_tensor(tensors, chance))
        content["checksum"] = "sha256:" + "0" * 64
        raw = with_checksum(save(tensors, {"fallline": json.dumps(content)}))
        return Mutant("; ".join(told), raw)


class Mutant:
    """A file, and what was changed in it."""

    def __init__(self, told: str, raw: bytes) -> None:
        self.told, self.raw = told, raw


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value."""
    inner: Any = ()
    if isinstance(node, dict):
        inner = node.items()
    elif isinstance(node, list):
        inner = enumerate(node[:20])
    found = [path] if path else []
    for key, value in inner:
        found += places(value, (*path, key))
    return found


def at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def change_fact(content: Content, chance: random.Random) -> str:
    """Replace, remove, double, swap or nudge one value."""
    known = [path for path in places(content) if path[0] != "checksum"]
    path = chance.choice(known)
    holder, key = at(content, path[:-1]), path[-1]
    how = chance.choice(["replace", "replace", "remove", "double", "swap", "nudge"])
    if how == "remove":
        del holder[key]
    elif how == "double" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif how == "swap":
        holder[key] = copy.deepcopy(at(content, chance.choice(known)))
    elif how == "nudge" and isinstance(holder[key], int | float) and holder[key] is not None:
        holder[key] = holder[key] + chance.choice([-1, 1, 0.5, 1e9])
    else:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    return f"{how} {'.'.join(map(str, path))}: {str(holder)[:80]!r}"


def change_tensor(tensors: Tensors, chance: random.Random) -> str:
    """Another shape, dtype or contents of one tensor; or without it, or with one more."""
    name = chance.choice(sorted(tensors))
    value = tensors[name]
    how = chance.choice(["remove", "shape", "dtype", "value", "empty", "add", "large"])
    if how == "remove":
        del tensors[name]
    elif how == "shape":
        tensors[name] = np.ascontiguousarray(value.reshape(-1)[: max(value.size - 1, 0)])
    elif how == "dtype":
        with np.errstate(all="ignore"):
            tensors[name] = value.astype(chance.choice(DTYPES))
    elif how == "value" and value.size:
        changed = value.copy().reshape(-1)
        with np.errstate(all="ignore"):
            number = np.array(chance.choice([np.nan, np.inf, -np.inf, 1e308, -1, 0, 1e-320]))
            changed[chance.randrange(value.size)] = number.astype(value.dtype)
        tensors[name] = changed.reshape(value.shape)
    elif how == "empty":
        tensors[name] = np.empty(0, value.dtype)
    elif how == "large":
        tensors[name] = np.zeros(100_000, value.dtype)
    else:
        tensors[chance.choice(ADDED)] = np.zeros(chance.choice([0, 1, 7]))
    return f"{how} {name}"
