"""The differences of two trainings: in data, settings, versions or results."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from fallline.engine.library import code_name
from fallline.tabular.model import TableModel
from fallline.tabular.record import needs_table, versions
from fallline.text import listed
from fallline.training.history import LISTS

__all__ = ["OTHER_CELLS", "Difference", "circumstances", "compare", "differing_data"]

CLOSE = 1e-6  # relative: scores are computed by NumPy, whose last bits a processor may change
FUSED = ("x86-64-v4", "x86-64-v3", "aarch64")
NOT_REPEATED = {"record", "source", "reading", "scores", "against_trivial"}
MOST_NAMED = 5
OTHER_CELLS = "other cells in"


@dataclass(frozen=True)
class Difference:
    """A difference of two trainings: ``kind`` is "data", "settings", "version", "processor" or
    "result"; ``text`` says what differs."""

    kind: str
    text: str


def differing_data(
    record: Mapping[str, Any], name: str, now: Mapping[str, Any]
) -> list[Difference]:
    """How a table differs from the training table; cells that are left out may differ."""
    then, options = record["tables"][name], record["options"]
    types = options.get("types") or {}
    left = {*options.get("ignore", ()), *(each for each, kind in types.items() if kind == "skip")}
    before, after = then["columns"], now["columns"]
    texts = []
    if now["rows"] != then["rows"]:
        texts.append(f"{now['rows']:,} rows, where there were {then['rows']:,}")
    texts += [
        f"{said} {listed(columns, MOST_NAMED)}"
        for said, columns in (
            ("no column", [each for each in before if each not in after]),
            ("a column more,", [each for each in after if each not in before]),
        )
        if columns
    ]
    other = [
        each
        for each in before
        if each not in left and after.get(each, before[each]) != before[each]
    ]
    if other and now["rows"] == then["rows"]:
        texts.append(f"{OTHER_CELLS} {listed(other, MOST_NAMED)}")
    if not texts and list(before) != list(after):
        texts.append("the same columns in another order")
    where = "" if name == "training" else f"{name} table: "
    return [Difference("data", where + text) for text in texts]


def compare(kept: TableModel, again: TableModel) -> list[Difference]:
    """The differences of two models, in the order of their making."""
    return [
        *differing_columns(kept, again),
        *differing_facts(kept, again),
        *differing_history(kept, again),
        *differing_parameters(kept, again),
        *differing_tensors(kept, again),
        *differing_scores(kept, again),
    ]


def differing_columns(kept: TableModel, again: TableModel) -> list[Difference]:
    """Columns that are encoded differently."""
    one, other = as_json(kept.encoding.to_dict()), as_json(again.encoding.to_dict())
    if one == other:
        return []
    pairs = zip_longest(one.get("columns", []), other.get("columns", []))
    names = [str((a or b)["name"]) for a, b in pairs if a != b]
    what = f"the encoding of {listed(names, MOST_NAMED)}" if names else "the encoding of the target"
    return [Difference("result", f"{what} is another")]


def as_json(value: Any) -> Any:
    """Plain data as it is read from a file."""
    return json.loads(json.dumps(value))


def differing_facts(kept: TableModel, again: TableModel) -> list[Difference]:
    """Settings of the run and calibration that differ from what the options give."""
    before, after = as_json(kept.facts), as_json(again.facts)
    untold = set(NOT_REPEATED)
    if test_table_lacks(kept, again):
        untold |= {"rows", "test_rows"}
    names = [
        name
        for name in {**after, **before}
        if name not in untold and not close(before.get(name), after.get(name))
    ]
    return [
        Difference(
            "settings",
            f"{name.replace('_', ' ')} is {short(after.get(name))}, in the file "
            f"{short(before.get(name))}",
        )
        for name in names
    ]


def test_table_lacks(kept: TableModel, again: TableModel) -> bool:
    """Whether the first training had a test table that was not given again."""
    return needs_table(kept.facts["record"], "test") and again.facts["test_rows"] == 0


def short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def close(one: Any, other: Any) -> bool:
    """Whether plain data are the same, numbers to within rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and abs(one - other) <= CLOSE * max(abs(one), abs(other), 1.0)
    return bool(one == other)


def differing_history(kept: TableModel, again: TableModel) -> list[Difference]:
    """The first recorded epoch that differs."""
    one, other = kept.history, again.history
    for epoch, pair in enumerate(zip_longest(records(one), records(other))):
        if pair[0] != pair[1]:
            if None in pair:
                text = f"{len(other.epoch)} epochs were trained, in the file {len(one.epoch)}"
            else:
                text = f"the losses part at epoch {epoch}"
            return [Difference("result", text)]
    if one.best_epoch != other.best_epoch:
        text = f"the best epoch is {other.best_epoch}, in the file {one.best_epoch}"
        return [Difference("result", text)]
    return []


def records(history: Any) -> list[tuple[float, ...]]:
    """The record of each epoch."""
    lists = [each for name in LISTS if (each := getattr(history, name))]
    return list(zip(*lists, strict=False))


def differing_parameters(kept: TableModel, again: TableModel) -> list[Difference]:
    """Networks with different bits, and how much they differ."""
    one, other = kept.network, again.network
    if repr(one) != repr(other):
        return [Difference("result", f"the network is {other!r}, in the file {one!r}")]
    a, b = one.parameters, other.parameters
    if a.tobytes() == b.tobytes():
        return []
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    largest = float(apart.max()) / max(float(np.abs(b).max()), 1e-300)
    count = int((a != b).sum())
    return [
        Difference(
            "result",
            f"{count:,} of {len(a):,} parameters have other bits; they are at most "
            f"{largest:.1g} of the largest parameter apart",
        )
    ]


def differing_tensors(kept: TableModel, again: TableModel) -> list[Difference]:
    """Other numbers in a file: fingerprints of the rows, means of their features."""
    pairs: list[tuple[str, Any, Any]] = [
        ("the fingerprints of the training rows", kept.seen, again.seen),
        ("the means of the training rows", kept.means, again.means),
    ]
    return [
        Difference("result", f"{what} are other ones")
        for what, one, other in pairs
        if not np.array_equal(getattr(one, "hashes", one), getattr(other, "hashes", other))
    ]


def differing_scores(kept: TableModel, again: TableModel) -> list[Difference]:
    """Scores in the file that the model does not have, and missing doubts."""
    claimed, found = kept.facts.get("scores", {}), again.facts["scores"]
    parts = [part for part in claimed if part not in found]
    parts = [part for part in parts if not (part == "test" and test_table_lacks(kept, again))]
    texts = [f"there are no {part.replace('_', ' ')} rows to have scores on" for part in parts]
    for part, by_rival in found.items():
        where, own = part.replace("_", " "), claimed.get(part, {})
        for rival, scores in by_rival.items():
            texts += [
                f"{where} {name.replace('_', ' ')} of {rival} is {value:.6g}, in the file "
                f"{short(own.get(rival, {}).get(name))}"
                for name, value in scores.items()
                if (rival == "network" or rival in own)
                and not close(own.get(rival, {}).get(name), value)
            ]
        compared = as_json(again.facts["against_trivial"][part])
        if not close(kept.facts.get("against_trivial", {}).get(part), compared):
            texts.append(f"{where}: the network against the trivial guess is another comparison")
    return [Difference("result", text) for text in texts]


def circumstances(record: Mapping[str, Any]) -> list[Difference]:
    """Versions and code that are not those of the first training."""
    now, then = versions(), record["versions"]
    found = [
        Difference("version", f"{name} {now[name]}, trained by {name} {then[name]}")
        for name in now
        if name in then and now[name] != then[name]
    ]
    code = code_name()
    if code != record["code"] and not {code, record["code"]} <= set(FUSED):
        found.append(Difference("processor", f"computed by {code}, trained by {record['code']}"))
    return found
