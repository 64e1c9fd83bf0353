"""`fallline info`: what a model file contains."""

import json as json_
import textwrap
from pathlib import Path
from typing import Any

from fallline.atomic import write_bytes
from fallline.cli.outputs import check_output
from fallline.cli.train import columns_text, scores_text
from fallline.errors import ParameterError
from fallline.saving.modelfile import Model, read_model
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.card import model_card
from fallline.tabular.intervals import in_words
from fallline.tabular.model import TableModel
from fallline.tabular.record import in_words as in_words_of_record


def run(path: str, *, card: bool, output: str | None, force: bool, json: bool) -> None:
    """Read and print, or write a card."""
    if card and json:
        raise ParameterError("--card writes Markdown, --json one JSON object: choose one")
    if output is not None and not card:
        raise ParameterError("--output is where the card goes: give --card too")
    if card:
        write_card(path, output, force=force)
    else:
        tell(path, json=json)


def write_card(path: str, output: str | None, *, force: bool) -> None:
    """The card of a model, into a file or on the screen."""
    if output is not None:
        check_output(output, inputs=[path], force=force)
    model = read_model(path)
    card = model_card(TableModel.of_file(path, model), Path(path).name, model.version)
    if output is None:
        print(card, end="")
    else:
        write_bytes(output, card.encode())


def tell(path: str, *, json: bool) -> None:
    """The facts, on the screen."""
    model = read_model(path)
    encoding = None
    if model.encoding is not None:
        encoding = TableModel.of_file(path, model).encoding
    facts = as_dict(model)
    if json:
        print(json_.dumps(facts))
        return
    scores = facts.pop("scores", {})
    if encoding is not None and "interval" in facts:
        facts["interval"] = in_words(facts, encoding)
    for name in ("class_shares", "against_trivial", "penalty"):
        facts.pop(name, None)
    if "record" in facts:
        facts["record"] = in_words_of_record(facts["record"])
    print(f"{path}\n")
    for name, value in facts.items():
        if value is not None and value != {}:
            print(entry(name.replace("_", " "), text(value)))
    if encoding is None:
        return
    for part, by_rival in scores.items():
        print(f"\n{scores_text(part.replace('_', ' '), by_rival, LINEAR_NAMES[facts['task']])}")
    print(f"\n{columns_text(encoding.describe())}")


def entry(name: str, value: str) -> str:
    """A name and its value, in lines of 80 characters."""
    return textwrap.fill(
        f"{name:<22}{value}",
        80,
        subsequent_indent=" " * 22,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_dict(model: Model) -> dict[str, Any]:
    """The facts that people ask for."""
    network, history = model.network, model.history
    encoding = model.encoding or {}
    facts: dict[str, Any] = {
        "fallline": model.version,
        "kind": "checkpoint" if model.checkpoint is not None else "model",
        "network": "-".join(str(size) for size in network.sizes),
        "activations": list(network.activations),
        "loss": network.loss.name,
        "parameters": network.n_parameters,
        "dtype": str(network.dtype),
    }
    if encoding:
        facts["target"] = encoding.get("target")
        facts["task"] = encoding.get("task")
    if history is not None:
        facts |= {
            "epochs": history.epochs_done,
            "best_epoch": history.best_epoch,
            "seconds": round(history.seconds, 3),
            "ended": history.message,
        }
    return facts | (model.training or {})


def text(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{k.replace('_', ' ')} {text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)
