"""`fallline evaluate`: scores on a table that has the target, with intervals."""

import json as json_
from collections.abc import Mapping
from typing import Any

from fallline.cli.colour import say
from fallline.cli.groups import ReadingOptions
from fallline.cli.novelty import tell_new
from fallline.cli.train import score_name
from fallline.tabular.model import TableModel
from fallline.text import figure, remark
from fallline.text import table as text_table

MAX_CLASSES = 12


def run(
    model_path: str,
    paths: list[str],
    reading: ReadingOptions,
    *,
    seed: int,
    extrapolate: bool,
    forms: Mapping[str, str],
    quiet: bool,
    json: bool,
) -> None:
    """Score and print; what is new to the model goes to standard error."""
    model = TableModel.load(model_path)
    table = reading.table(paths, before=model.reading, forms=forms)
    result = model.evaluate(table, seed=seed, extrapolate=extrapolate)
    if not (quiet or json):
        tell_new(model.new_cells(table), model.encoding)
    if json:
        print(json_.dumps(result))
        return
    notes = [] if quiet else [remark("note", note) for note in result["notes"]]
    say("\n".join([*notes, as_text(result, table.source, model)]))


def as_text(result: dict[str, Any], source: str, model: TableModel) -> str:
    """The scores with their intervals, then the kinds of errors."""
    aside = f", {result['set_aside']} set aside (no target)" if result["set_aside"] else ""
    parts = [
        f"{source}: {result['rows']:,} rows{aside}",
        f"\n{scores_text(result, model.encoding.target)}",
    ]
    if "coverage" in result:
        parts.append(f"\n{coverage_text(result['coverage'], model.encoding.classes)}")
    if "confusion" in result:
        parts.append(f"\n{confusion_text(result['confusion'], model.encoding.classes)}")
        parts.append(f"\n{calibration_text(result['calibration'], result.get('positive'))}")
    else:
        parts.append(f"\n{residuals_text(result['residuals'])}")
    return "\n".join(parts)


def scores_text(result: dict[str, Any], target: str) -> str:
    trivial = result["trivial_guess"]
    rows = [
        (
            score_name(name, result.get("positive")),
            figure(value),
            interval_text(result["intervals"].get(name)),
            figure(trivial[name]) if name in trivial else "",
        )
        for name, value in result["scores"].items()
    ]
    return text_table((target, "network", "95 % interval", "trivial guess"), rows)


def interval_text(ends: list[float] | None) -> str:
    return "" if ends is None else f"{figure(ends[0])} to {figure(ends[1])}"


def coverage_text(found: dict[str, Any], classes: tuple[str, ...]) -> str:
    """How often intervals or sets contain the target, by fifths of the predictions or by class."""
    level, hold = f"{found['level']:.4g} asked for", f"{found['coverage']:.3f}"
    if "sizes" not in found:
        rows = [
            (
                f"{figure(part['from'])} to {figure(part['to'])}",
                f"{part['rows']:,}",
                f"{part['coverage']:.3f}",
                figure(part["mean_width"]),
            )
            for part in found["parts"]
        ]
        table = text_table(("prediction", "rows", "in interval", "mean width"), rows)
        return (
            f"{table}\nintervals hold {hold} of the targets, {level}; "
            f"mean width {figure(found['mean_width'])}"
        )
    by_class = zip(classes, found["parts"], strict=True)
    shown = [(name, part) for name, part in by_class if part["rows"]]
    least = sorted(shown, key=lambda pair: pair[1]["coverage"])[:MAX_CLASSES]
    shown = [pair for pair in shown if pair in least]
    rows = [
        (name, f"{part['rows']:,}", f"{part['coverage']:.3f}", f"{part['mean_size']:.2f}")
        for name, part in shown
    ]
    more = "" if len(classes) <= MAX_CLASSES else " (least often)"
    table = text_table((f"actual{more}", "rows", "in set", "mean size"), rows)
    return (
        f"{table}\nsets hold {hold} of the targets, {level}; mean size "
        f"{found['mean_size']:.2f}; the class predicted alone is right for {found['accuracy']:.3f}"
    )


def confusion_text(counts: list[list[int]], classes: tuple[str, ...]) -> str:
    """The whole matrix if there are few classes, else the most common mistakes."""
    if len(classes) <= MAX_CLASSES:
        rows = [(name, *(f"{n:,}" for n in row)) for name, row in zip(classes, counts, strict=True)]
        return text_table(("actual \\ predicted", *classes), rows)
    mistakes = [
        (n, classes[i], classes[j])
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if i != j and n
    ]
    shown = sorted(mistakes, key=lambda m: (-m[0], m[1], m[2]))[:10]
    rows = [(actual, predicted, f"{n:,}") for n, actual, predicted in shown]
    return text_table(("actual", "predicted", "rows (the commonest mistakes)"), rows)


def calibration_text(found: dict[str, Any], positive: str | None) -> str:
    what = f"probability of {positive}" if positive else "probability of the class predicted"
    bins = zip(found["predicted"], found["observed"], found["rows"], strict=True)
    rows = [(f"{p:.3f}", f"{o:.3f}", f"{n:,}") for p, o, n in bins]
    table = text_table((what, "came true", "rows"), rows)
    return f"{table}\nmean distance {found['error']:.3f}"


def residuals_text(found: dict[str, Any]) -> str:
    rows = [(level, figure(value)) for level, value in found["quantiles"].items()]
    table = text_table(("actual - predicted", "quantile"), rows)
    return (
        f"{table}\nmean {figure(found['mean'])}, standard deviation "
        f"{figure(found['standard_deviation'])}; farthest off: {found['worst_place']}"
    )
