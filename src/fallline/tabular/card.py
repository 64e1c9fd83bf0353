"""A model card in Markdown, from the model file: what the model predicts, how good it is, and its
limits.

Source of the idea: Mitchell et al. 2019, Model Cards for Model Reporting
(doi:10.1145/3287560.3287596). Names and texts of the table appear unchanged, whatever they contain.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fallline.data.columns import (
    CellColumn,
    DateColumn,
    NumberColumn,
    SkippedColumn,
    TextColumn,
)
from fallline.data.targets import QUANTITIES
from fallline.hashes import digest, new_hash
from fallline.tabular import intervals
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.honesty import honesty
from fallline.tabular.model import TableModel
from fallline.tabular.novelty import value_text
from fallline.tabular.record import APART, needs_table
from fallline.tabular.scoring import SCORE_NAMES
from fallline.text import figure, one_line

__all__ = ["escaped", "model_card"]

# What CommonMark or GitHub's tables, links, formulas and names would obey within a line, and at its
# beginning; a backslash before it makes it plain
SPECIAL = re.compile(
    r"""[\\`*\[\]|~$@^]|(?<![^\W_])_|_(?![^\W_])|:(?=//|\w+:)|(?<=www)\.|^[-+](?!\d)|^[=\#]"""
    r"""|(?<=^\d)[.)](?!\d)|(?<=^\d\d)[.)](?!\d)|(?<=^\d{3})[.)](?!\d)"""
)
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
LONGEST = 60
MOST_CATEGORIES, MOST_CLASSES = 12, 30
TASKS = {"binary": "one of two classes", "classes": "one of {} classes", "numbers": "a number",
         "counts": "a count"}  # fmt: skip


def model_card(model: TableModel, name: str = "model.safetensors", version: str = "") -> str:
    r"""The card of a model. ``name`` is that of its file, for the commands; ``version`` that of
    Fallline.

    >>> import fallline as fl
    >>> from pathlib import Path
    >>> rows = [f"{i * 37 % 101},{i % 7},{'yes' if i % 7 > 3 else 'no'}" for i in range(200)]
    >>> size = Path("days.csv").write_text("\n".join(["cars,weekday,late", *rows]))
    >>> model = fl.train_table("days.csv", "late", preset="quick")
    >>> fl.model_card(model, "late.safetensors").split("\n")[2]
    'A network of 1,153 parameters that predicts late, one of two classes, from 2 columns.'
    """
    parts = [
        f"# {escaped(model.encoding.target)}",
        introduction(model),
        *chapter("What it predicts", predicts(model)),
        *chapter("From which columns", columns(model)),
        *chapter("What it was trained on", rows(model)),
        *chapter("How good it is", scores(model)),
        *chapter("How sure it is", sure(model)),
        *chapter("Where it ends", limits(model)),
        *chapter("How it was made", settings(model, version)),
        *chapter("How to use it", use(model, name)),
        *chapter("How to verify it", verifying(model, name)),
    ]
    return "\n\n".join(parts) + "\n"


def chapter(title: str, parts: Iterable[str]) -> list[str]:
    return [f"## {title}", *parts]


# ---- Markdown


def escaped(text: str, most: int = LONGEST) -> str:
    r"""A text that Markdown shows unchanged, in one line of at most ``most`` characters.

    >>> print(escaped("a|b *c* <img> [x](y)"))
    a\|b \*c\* &lt;img&gt; \[x\]\(y\)
    """
    line = one_line(text)
    line = line if len(line) <= most else line[: most - 3] + "..."
    shown = re.sub("[&<>]", lambda found: ENTITIES[found[0]], SPECIAL.sub(r"\\\g<0>", line))
    # blanks at the ends and repeated blanks would be lost
    return re.sub(r"^ | $|(?<= ) ", "&nbsp;", shown)


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def bullets(lines: Iterable[str]) -> str:
    """A list; its lines are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def sentence(text: str) -> str:
    """A text of Fallline as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def code(text: str, language: str = "sh") -> str:
    """A block of code, in a fence that nothing inside it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


# ---- the chapters


def introduction(model: TableModel) -> str:
    encoding, used = model.encoding, used_columns(model)
    what = TASKS[encoding.task].format(len(encoding.classes))
    noun = "column" if len(used) == 1 else "columns"
    return (
        f"A network of {model.network.n_parameters:,} parameters that predicts "
        f"{escaped(encoding.target)}, {what}, from {len(used)} {noun}."
    )


def used_columns(model: TableModel) -> list[CellColumn]:
    return [column for column in model.encoding.cells if column.features]


def predicts(model: TableModel) -> list[str]:
    encoding = model.encoding
    if encoding.task not in QUANTITIES:
        shares = [] if model.class_shares is None else model.class_shares.tolist()
        pairs = list(zip(encoding.classes, shares, strict=True))
        lines = [(escaped(label), f"{share:.1%}") for label, share in pairs[:MOST_CLASSES]]
        if len(pairs) > MOST_CLASSES:
            lines.append((f"{len(pairs) - MOST_CLASSES} more", ""))
        extra = []
        if encoding.task == "binary":
            extra = [f"The probability of {escaped(encoding.classes[1])} is what AUC and "
                     "calibration are of."]  # fmt: skip
        return [
            "The class of a row, and the probability of each class.",
            table(("class", "share of the training rows"), lines),
            *extra,
        ]
    ends = model.facts.get("target_range")
    span = "" if ends is None else f" It was {figure(ends[0])} to {figure(ends[1])} in training."
    kind = "A count, its expected value" if encoding.task == "counts" else "A number"
    return [f"{kind}, in the units of the column {escaped(encoding.target)}.{span}"]


def columns(model: TableModel) -> list[str]:
    lines = [
        (escaped(column.name), column.kind, training_values(column), gaps(column))
        for column in used_columns(model)
    ]
    skipped = [
        f"{escaped(column.name)} ({escaped(column.reason)})"
        for column in model.encoding.columns
        if isinstance(column, SkippedColumn)
    ]
    left = [f"Not used: {'; '.join(skipped)}."] if skipped else []
    return [table(("column", "kind", "in the training rows", "missing cells"), lines), *left]


def training_values(column: CellColumn) -> str:
    """The content of a column in the training rows: the range, or the categories."""
    if isinstance(column, TextColumn):
        shown = ", ".join(map(escaped, column.categories[:MOST_CATEGORIES]))
        more = len(column.categories) - MOST_CATEGORIES
        shown += f" and {more} more" if more > 0 else ""
        if column.by_letter:
            shown = f"first letters {shown}"
        return f"{shown}, and rare others" if column.has_other else shown
    if isinstance(column, NumberColumn | DateColumn) and column.low is not None:
        is_date = isinstance(column, DateColumn)
        ends = (value_text(end, is_date=is_date) for end in (column.low, column.high))
        return escaped(" to ".join(ends))
    return ""


def gaps(column: CellColumn) -> str:
    return "known" if getattr(column, "has_missing", True) else "none in training"


def rows(model: TableModel) -> list[str]:
    facts = model.facts
    counts = [
        ("all with a target", "rows"),
        ("trained on", "training_rows"),
        ("chose the epoch", "validation_rows"),
        ("calibrated the intervals", "calibration_rows"),
        ("tested", "test_rows"),
        ("set aside without a target", "set_aside"),
    ]
    lines = [(what, f"{facts[name]:,}") for what, name in counts if facts.get(name)]
    found = [f"The rows of {escaped(facts.get('source', 'a table'))}.", table(("rows", ""), lines)]
    record = facts.get("record")
    if record is not None:
        split = record["options"].get("split")
        held = {"random": "at random", "time": "as the last ones"}.get(split)
        classes = "" if model.encoding.task in QUANTITIES else ", class by class"
        classes = classes if held == "at random" else ""
        found.append(f"Rows were held out {escaped(held or 'by a rule of their own')}{classes}.")
    if "soft" in facts:
        found.append(
            "It learned from the soft labels of another model as well, in "
            f"{escaped(facts['soft']['source'])}."
        )
    if "folds" in facts:
        found.append(
            f"It is the mean of {facts.get('members', 0):,} members over {facts['folds']} folds: "
            "each row trained all of them but those of its own fold."
        )
    if record is not None and record["tables"]["training"]["columns"]:
        found.append(
            f"Fingerprint of the table: `{fingerprint_of(record['tables']['training'])}` (BLAKE2b "
            "of its columns' names and cells, in order)."
        )
    return found


def fingerprint_of(contents: Any) -> str:
    """One hash of the hashes of a table's columns, with their names."""
    found = new_hash()
    for name, each in contents["columns"].items():
        found.update(f"{len(name)}:{name}{each}".encode())
    return digest(found)


def scores(model: TableModel) -> list[str]:
    facts, encoding = model.facts, model.encoding
    if not facts.get("scores"):
        return ["It was not scored. `fallline evaluate` scores it on rows that have the target."]
    heads = {"network": "this network", "linear": LINEAR_NAMES[encoding.task]}
    heads["trivial"] = "trivial guess"
    found = []
    for part, by_rival in facts["scores"].items():
        rivals = [name for name in heads if name in by_rival]
        lines = [
            (SCORE_NAMES[name], *(score_text(by_rival[rival].get(name)) for rival in rivals))
            for name in by_rival["network"]
        ]
        count = facts.get(f"{part}_rows")
        where = part.replace("_", " ") + ("" if count is None else f" ({count:,} rows)")
        found.append(table((where, *(heads[name] for name in rivals)), lines))
        doubts = honesty(part, facts)
        if doubts:
            found.append(bullets(map(sentence, doubts)))
    return found


def score_text(value: float | None) -> str:
    return "" if value is None else figure(value)


def sure(model: TableModel) -> list[str]:
    facts, encoding = model.facts, model.encoding
    lines = []
    if "interval" in facts:
        lines.append(sentence(intervals.in_words(facts, encoding)))
    else:
        kind = "intervals" if encoding.task in QUANTITIES else "sets"
        lines.append(f"It gives no {kind}: training with `--interval 0.9` makes them.")
    if encoding.task not in QUANTITIES:
        lines.append(
            f"Its logits are divided by a temperature of {facts['temperature']:.3g}, so that its "
            "probabilities fit rows held out."
            if facts.get("temperature", 1.0) != 1.0
            else "Its probabilities are those of the network; no temperature made them fit better."
        )
    return [bullets(lines)]


def limits(model: TableModel) -> list[str]:
    facts = model.facts
    used = used_columns(model)
    lines = [
        f"It knows rows like those of {escaped(facts.get('source', 'its table'))}. On rows from "
        "another place or a later time the scores above say little: score it again."
    ]
    if any(isinstance(column, NumberColumn | DateColumn) for column in used):
        lines.append(
            "It has seen no numbers outside the ranges above. `predict` counts the cells that are."
        )
    texts = [column for column in used if isinstance(column, TextColumn) and column.categories]
    if any(column.has_other for column in texts):
        lines.append("Where training had rare other texts, those that are new count as such.")
    if not all(column.has_other for column in texts):
        lines.append("If it had none, a new text counts as no category at all.")
    if any(gaps(column) != "known" for column in used):
        lines.append("A missing cell in a column without any in training counts as an average one.")
    ends = model.ends()
    if ends is not None:
        lines.append(
            f"Predictions are held to {figure(ends[0])} to {figure(ends[1])}; `--extrapolate` lets "
            "them go."
        )
    lines += [
        "A column that matters need not be a cause.",
        "Whether its errors affect some people more than others has not been examined.",
    ]
    return [bullets(lines)]


def settings(model: TableModel, version: str) -> list[str]:
    facts, history, network = model.facts, model.history, model.network
    record = facts.get("record")
    named: list[tuple[str, Any]] = [
        ("network", "-".join(map(str, network.sizes))),
        ("activations", ", ".join(network.activations)),
        ("loss", network.loss.name),
        ("numbers", str(network.dtype)),
        ("preset", facts.get("preset")),
        ("optimizer", facts.get("optimizer")),
        ("batch size", facts.get("batch_size")),
        ("l2", facts.get("l2")),
        ("l1", facts.get("l1")),
        ("dropout", facts.get("dropout")),
        ("weights", facts.get("weights")),
        ("class weights", facts.get("class_weight")),
        ("seed", facts.get("seed")),
        ("runs", facts.get("runs")),
        ("recipes compared, by validation loss", compared(facts, "compared")),
        ("those near the best, on more folds", compared(facts, "near")),
        ("variants of the best, by validation loss", compared(facts, "variants")),
        ("a deeper network, by validation loss", compared(facts, "deeper")),
        ("epochs", history.epochs_done),
        ("best epoch", history.best_epoch),
        ("ended", history.message),
    ]
    if record is not None:
        given = record["versions"].items()
        named.append(("versions", ", ".join(f"{name} {number}" for name, number in given)))
        named.append(("computed by", record["code"]))
    elif version:
        named.append(("versions", f"fallline {version}"))
    lines = [
        (name, escaped(f"{value:g}" if isinstance(value, float) else str(value), 1_000))
        for name, value in named
        if value is not None
    ]
    return [table(("setting", "value"), lines)]


def compared(facts: Mapping[str, Any], name: str) -> str | None:
    """The recipes and their validation losses; None where there was one."""
    losses = facts.get(name, {})
    return ", ".join(f"{name} ({figure(loss)})" for name, loss in losses.items()) or None


def use(model: TableModel, name: str) -> list[str]:
    file = shlex.quote(one_line(name))
    commands = [
        f"fallline predict {file} new.csv -o predicted.csv",
        f"fallline evaluate {file} new.csv     # where the target is known",
        f"fallline explain {file} new.csv --row 1",
    ]
    python = [
        "import fallline as fl",
        f"model = fl.TableModel.load({one_line(name)!r})",
        'model.predict("new.csv").to_frame()',
    ]
    return [code("\n".join(commands)), code("\n".join(python), "python")]


def verifying(model: TableModel, name: str) -> list[str]:
    record = model.facts.get("record")
    if record is None:
        return ["Its file does not say with which options it was trained, so it cannot be."]
    apart = "".join(f" --{part} {part.upper()}" for part in APART if needs_table(record, part))
    there = " --cluster tcp://HOST:PORT" if record["place"] == "cluster" else ""
    rows = "files" if there else "table"
    command = f"fallline verify {shlex.quote(one_line(name))} {rows.upper()}{apart}{there}"
    return [
        f"With the {rows} that it was trained on, this trains it again and compares every bit:",
        code(command),
    ]
