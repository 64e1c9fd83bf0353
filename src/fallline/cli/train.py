"""`fallline train`: a table to a model file, with a progress bar and a summary."""

import json as json_
import shlex
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fallline.cli.colour import say
from fallline.cli.groups import Checkpoints, Display, Place, ReadingOptions
from fallline.cli.outputs import check_output
from fallline.cli.plots import loss_curve
from fallline.cli.progress import Bar
from fallline.data.reading import memory_needed
from fallline.errors import (
    DivergenceWarning,
    FalllineError,
    InterruptedWarning,
    ParameterError,
)
from fallline.limits import check_integer
from fallline.saving.checkpointing import RunCheckpoint
from fallline.tabular.advice import advice
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.honesty import honesty
from fallline.tabular.model import TableModel
from fallline.tabular.scoring import MAIN_SCORE, SCORE_NAMES
from fallline.tabular.train import train_table
from fallline.text import figure, remark
from fallline.text import table as text_table

LARGE = 1 << 30

__all__ = ["columns_text", "cut", "run", "score_name", "scores_text"]


def run(
    paths: list[str],
    target: str,
    output: str,
    options: Any,
    checkpoints: Checkpoints,
    place: Place,
    report: str | None,
    reading: ReadingOptions,
    display: Display,
    *,
    force: bool,
) -> None:
    """Read, train, write, print; ``options`` are those of ``train_table``."""
    began = time.perf_counter()
    check_output(output, inputs=paths, model=True, force=force)
    if report is not None:
        from fallline.report import check_available, write_report

        check_output(report, "--report", inputs=[*paths, output], force=force)
        check_available()
    if place.cluster is not None and place.large:
        raise ParameterError("--large reads the files here, --cluster on the workers: choose one")
    keeper = checkpoint_for(output, checkpoints)
    with (
        warnings.catch_warnings(),
        Bar(shown=not (display.quiet or display.json)) as bar,
    ):
        warnings.simplefilter("ignore", DivergenceWarning)
        warnings.simplefilter("ignore", InterruptedWarning)
        showing = {"on_run": bar.on_run, "checkpoint": keeper}
        model = trained(paths, target, place, reading, options | showing)
    model.save(output)
    if report is not None:
        write_report(model, report, shlex.join(["fallline", *sys.argv[1:]]))
    seconds = time.perf_counter() - began
    if display.json:
        print(json_.dumps(as_dict(model, output, seconds)))
    elif display.quiet:
        print(result_line(model, output))
    else:
        say(summary(model, output, report, seconds))
    end(model, output, keeper)


def trained(
    paths: list[str], target: str, place: Place, reading: ReadingOptions, options: Any
) -> TableModel:
    """The model, trained on a cluster, block by block, or in memory."""
    if place.cluster is not None:
        from fallline.cli.cluster import train_on_cluster

        return train_on_cluster(place.cluster, paths, target, reading.reading(), options)
    if in_blocks(paths, place.large):
        from fallline.tabular.large import train_large

        return train_large(paths, target, how=reading.reading(), **options)
    return train_table(reading.table(paths), target, **options)


def in_blocks(paths: list[str], large: bool | None) -> bool:
    """Whether to train block by block: as given, or if the table would take over 1 GiB."""
    return memory_needed(paths) > LARGE if large is None else large


def checkpoint_for(output: str, checkpoints: Checkpoints) -> RunCheckpoint:
    """The checkpoint beside the model file."""
    every = checkpoints.checkpoint_every
    if every is not None:
        check_integer("--checkpoint-every", every, limit="checkpoint_every")
    path = Path(output)
    return RunCheckpoint(
        path.with_name(f"{path.stem}.checkpoint.safetensors"), every, checkpoints.resume
    )


def end(model: TableModel, output: str, keeper: RunCheckpoint) -> None:
    """Report a run that did not reach its end; otherwise remove the checkpoint."""
    if model.history.stopped == "diverged":
        raise FalllineError(f"{model.history.message}.\n{output} holds the best parameters so far.")
    if model.history.stopped == "interrupted":
        again = "; the same command with --resume continues" if keeper_written(keeper) else ""
        raise FalllineError(f"interrupted; {output} holds the best parameters so far{again}.")
    keeper.remove(model.facts["runs"])


def keeper_written(keeper: RunCheckpoint) -> bool:
    return Path(keeper.path).exists()


def as_dict(model: TableModel, output: str, seconds: float) -> dict[str, Any]:
    """The summary as plain data."""
    history = model.history
    return {
        "model": output,
        "task": model.encoding.task,
        "target": model.encoding.target,
        "classes": list(model.encoding.classes),
        "columns": [
            {"name": name, "kind": kind, "encoded": how}
            for name, kind, how in model.encoding.describe()
        ],
        "features": model.encoding.n_features,
        "parameters": model.network.n_parameters,
        "notes": model.notes,
        "epochs": history.epochs_done,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "message": history.message,
        "next": advice(model.encoding.task, model.facts, model.data_history),
        "seconds": seconds,
        **model.facts,
    }


def summary(model: TableModel, output: str, report: str | None, seconds: float) -> str:
    """How the table was understood, what was done, and the results."""
    facts, encoding, history = model.facts, model.encoding, model.history
    shape = "-".join(str(size) for size in model.network.sizes)
    best = "none" if history.best_epoch is None else history.best_epoch
    if "members" in facts:
        of_runs = (
            f"the mean of {facts['members']} members over {facts['folds']} folds; the first:\n"
        )
    else:
        of_runs = f"the best of {facts['runs']} runs; " if facts["runs"] > 1 else ""
    linear = LINEAR_NAMES[encoding.task]
    parts = [
        rows_text(facts),
        f"target {encoding.target}: {task_text(model)}",
        f"\n{columns_text(encoding.describe())}",
        *([""] if model.notes else []),
        *(remark("note", note) for note in model.notes),
        f"\nnetwork {shape}, {model.network.n_parameters:,} parameters{preset_text(facts)}",
        f"{of_runs}{history.epochs_done} epochs, best {best}: {history.message}",
        *compared_texts(facts),
        f"\n{loss_curve(model.data_history)}",
    ]
    for name, scores in facts["scores"].items():
        rows = f"{name.replace('_', ' ')} ({facts[f'{name}_rows']:,} rows)"
        parts.append(f"\n{scores_text(rows, scores, linear, positive_of(encoding))}")
        parts += [remark("note", line) for line in honesty(name, facts)]
    written = output if report is None else f"{output} and {report}"
    parts.append(f"\n{written} written, {seconds:.1f} s in all")
    parts += [remark("next", line) for line in advice(encoding.task, facts, model.data_history)]
    return "\n".join(parts)


def preset_text(facts: Mapping[str, Any]) -> str:
    """The preset, where a time limit may have chosen it."""
    limited = facts.get("record", {}).get("options", {}).get("seconds") is not None
    return f", preset {facts['preset']}" if limited else ""


def compared_texts(facts: Mapping[str, Any]) -> list[str]:
    """The recipes that were compared, and the variants of the best one, with validation losses."""
    headings = {
        "compared": "recipes compared",
        "near": "those near the best, on more folds",
        "variants": "variants of the best",
        "deeper": "a deeper network",
    }
    return [
        "\n" + text_table((heading, "validation loss"), [(r, figure(v)) for r, v in found.items()])
        for name, heading in headings.items()
        if (found := facts.get(name))
    ]


def result_line(model: TableModel, output: str) -> str:
    """The result in one line: the file, and the main score of the last part that was scored."""
    part, scores = list(model.facts["scores"].items())[-1]
    name = MAIN_SCORE[model.encoding.task]
    return (
        f"{output}: {part.replace('_', ' ')} {SCORE_NAMES[name]} {figure(scores['network'][name])}"
    )


def positive_of(encoding: Any) -> str | None:
    """The class that AUC and calibration refer to, if there are two."""
    return encoding.classes[1] if encoding.task == "binary" else None


def rows_text(facts: dict[str, Any]) -> str:
    tested = f", {facts['test_rows']:,} to test" if facts["test_rows"] else ""
    validated = f"{facts['validation_rows']:,} to validate"
    if "folds" in facts:
        validated = f"in {facts['folds']} folds"
    if "calibration_rows" in facts:
        validated += f", {facts['calibration_rows']:,} to calibrate"
    aside = f"; {facts['set_aside']:,} more set aside (no target)" if facts["set_aside"] else ""
    return (
        f"{facts['source']}: {facts['rows']:,} rows ({facts['training_rows']:,} to train on, "
        f"{validated}{tested}){aside}"
    )


def columns_text(columns: list[tuple[str, str, str]], most: int = 40) -> str:
    """The first ``most`` columns, without those set aside, which have a note each."""
    shown = [column for column in columns if column[1] != "skip"]
    more = []
    if len(shown) > most:
        more = [(f"... {len(shown) - most + 1:,} more", "", "")]
        shown = shown[: most - 1]
    listed = [(cut(name, 26), kind, how) for name, kind, how in [*shown, *more]]
    left = 80 - max((len(name) + len(kind) for name, kind, _ in listed), default=0) - 4
    rows = [(name, kind, cut(how, left)) for name, kind, how in listed]
    return text_table(("column", "kind", "encoded as"), rows)


def cut(text: str, most: int) -> str:
    """A text of at most ``most`` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def task_text(model: TableModel) -> str:
    """The task as understood, and how to change it."""
    encoding = model.encoding
    if encoding.task == "numbers":
        return "numbers, so a regression (--task classes for classes)"
    if encoding.task == "counts":
        return "counts, so a Poisson regression (--task numbers for an ordinary one)"
    shown = ", ".join(encoding.classes[:10]) + (", ..." if len(encoding.classes) > 10 else "")
    return f"{len(encoding.classes)} classes: {shown}"


def scores_text(
    where: str, scores: dict[str, dict[str, float]], linear: str, positive: str | None = None
) -> str:
    """The scores of the network and its competitors; ``positive`` is the class of the AUC."""
    heads = {"network": "network", "linear": linear, "trivial": "trivial guess"}
    models = [name for name in heads if name in scores]
    rows = [
        (score_name(score, positive), *(number(scores[model].get(score)) for model in models))
        for score in scores["network"]
    ]
    return text_table((where, *(heads[model] for model in models)), rows)


def score_name(score: str, positive: str | None) -> str:
    """The name of a score, with the class that it refers to."""
    name = SCORE_NAMES[score]
    if score != "roc_auc" or positive is None:
        return name
    return f"{name} of {cut(positive, 20)}"


def number(value: float | None) -> str:
    return "" if value is None else figure(value)
