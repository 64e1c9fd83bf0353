"""The report of a training on a table: one self-contained HTML file, also the model card."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from fallline import __version__
from fallline.arrays import Array
from fallline.atomic import write_bytes
from fallline.core.compact import Rows
from fallline.data.columns import BinnedColumn
from fallline.data.targets import QUANTITIES
from fallline.errors import ParameterError
from fallline.explaining.dependence import partial_dependence
from fallline.explaining.importance import importances
from fallline.report import charts
from fallline.report.page import code, escape, figure, page, section, table
from fallline.tabular.advice import advice
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.evaluation import (
    calibration,
    confusion,
    doubt,
    intervals,
    roc_curve,
    shares_of_classes,
)
from fallline.tabular.intervals import in_words
from fallline.tabular.model import Scored, TableModel
from fallline.tabular.preparation import Prepared
from fallline.tabular.scoring import SCORE_NAMES, better
from fallline.text import figure as number
from fallline.text import one_line

__all__ = ["check_available", "write_report"]

MAX_BARS = 15
MAX_CURVES = 4
MAX_CLASSES = 30
PACKAGES = ("numpy", "scipy", "polars", "numba", "safetensors")

SCORED_ON = {
    "out_of_fold": ", each predicted by a member that was not trained on it, but whose epoch it "
    "helped to choose; if there is little to learn, the scores are 1 or 2 % too good",
    "validation": ", which the network was not trained on; they chose the best epoch, so the "
    "scores flatter it a little",
    "test": ", which the network was not trained on",
    "training": ", which the network was trained on, so the scores say nothing about others",
}

check_available = charts.available


def write_report(model: TableModel, path: str | os.PathLike[str], command: str = "") -> None:
    """Write the page about ``model``, as returned by :func:`fallline.train_table`.

    ``command`` is the command that repeats the run. Raises FileWriteError if the file cannot be
    written, ParameterError for a model that was loaded: its rows are not in the file.
    """
    if model.data is None:
        raise ParameterError("a report needs the rows: write it from the model that was trained")
    write_bytes(path, report_html(model, model.data, command).encode())


def report_html(model: TableModel, data: Prepared, command: str) -> str:
    part = model.scored[-1]
    X, y, _ = data.part(part.rows)
    where = f"{len(y):,} {part.name.replace('_', '-')} rows"
    output = part.output
    known = where if model.folds is None else f"{len(y):,} training rows"
    target = model.encoding.target
    return page(
        f"{target}: a network by Fallline",
        [
            introduction(model),
            section("Scores", *scores(model, data, part, where)),
            section("Training", training(model)),
            section("Where it is wrong", errors(model, y, output, where)),
            *coverage_part(model, X, y, output, where),
            section("Which columns matter", *columns_that_matter(model, np.asarray(X), y, known)),
            section("The network", network_part(model)),
            section("The table", *table_part(model)),
            section("What to know before using it", limits(model, part.name, where)),
            section("How to repeat it", *repeat(model, command)),
        ],
    )


def introduction(model: TableModel) -> str:
    facts, encoding = model.facts, model.encoding
    what = {
        "binary": f"one of two classes, {' or '.join(encoding.classes)}",
        "classes": f"one of {len(encoding.classes)} classes",
        "numbers": "a number",
        "counts": "a count",
    }[encoding.task]
    shape = "-".join(str(size) for size in model.network.sizes)
    lead = (
        f"A {shape} network ({model.network.n_parameters:,} parameters) that predicts "
        f"{encoding.target}, {what}, from {used_columns(model)} columns of {facts['source']}. "
        f"Trained on {facts['training_rows']:,} rows in {model.history.seconds:.1f} s."
    )
    return f'<h1>{escape(encoding.target)}</h1>\n<p class="lead">{escape(lead)}</p>'


def used_columns(model: TableModel) -> int:
    return sum(1 for column in model.encoding.cells if column.features)


def scores(model: TableModel, data: Prepared, part: Scored, where: str) -> list[str]:
    found, y = model.facts["scores"][part.name], data.y[part.rows]
    ends = {"network": intervals(model.encoding, y, part.output)}
    if part.linear is not None:
        ends["linear"] = intervals(model.encoding, y, part.linear)
    heads = {"network": "this network", "linear": LINEAR_NAMES[model.encoding.task]}
    heads["trivial"] = "trivial guess"
    models = [name for name in heads if name in found]
    rows, best = [], set()
    for i, score in enumerate(found["network"]):
        values = [found[name].get(score) for name in models]
        cells = [SCORE_NAMES[score]]
        for name, value in zip(models, values, strict=True):
            span = ends.get(name, {}).get(score)
            interval = f"\n{number(span[0])} to {number(span[1])}" if span else ""
            cells.append("" if value is None else number(value) + interval)
        rows.append(cells)
        known = [j for j, value in enumerate(values) if value is not None]
        winner = known[0]
        for j in known[1:]:
            winner = j if better(score, values[j], values[winner]) else winner
        best.add((i, winner + 1))
    note = (
        f"On {where}{SCORED_ON[part.name]}. Below each score is its 95 % bootstrap interval. The "
        "best score of a line is green."
    )
    return [table(["", *(heads[name] for name in models)], rows, best), small(note)]


def small(text: str) -> str:
    return f'<p class="small">{escape(text)}</p>'


def training(model: TableModel) -> str:
    history = model.history
    caption = f"{history.epochs_done} epochs: {history.message}. "
    caption += "Both curves are the loss of the data, without the penalty on the weights (l2, l1)."
    drawing = charts.svg(charts.losses(model.data_history), "training and validation loss")
    return grid(figure(drawing, caption))


def grid(*figures: str) -> str:
    return f'<div class="charts">{"".join(figures)}</div>' if any(figures) else ""


def errors(model: TableModel, y: Array, output: Array, where: str) -> str:
    encoding = model.encoding
    if encoding.task in QUANTITIES:
        actual, predicted = encoding.decode_numbers(y), encoding.decode_numbers(output[:, 0])
        return grid(
            figure(
                charts.svg(charts.predictions(actual, predicted), "predicted against actual"),
                f"Predicted against actual, on {where}; a point on the dashed line is right.",
            ),
            figure(
                charts.svg(charts.residuals(predicted, actual - predicted), "residuals"),
                "Residuals against predictions: a pattern means something is not learned.",
            ),
        )
    found = calibration(encoding, y, output)
    parts = []
    if len(encoding.classes) <= MAX_CLASSES:
        counts = confusion(encoding, y, output)
        parts.append(
            figure(
                charts.svg(charts.confusion(counts, encoding.classes), "confusion matrix"),
                f"Rows by class and prediction, on {where}; the shade is the share of the class.",
            )
        )
    if encoding.task == "binary":
        parts.append(
            figure(
                charts.svg(charts.roc(*roc_curve(y, output[:, 0])), "ROC curve"),
                f"The share of {encoding.classes[1]} that is found, against the share of the "
                "others that is taken for it.",
            )
        )
    parts.append(
        figure(
            charts.svg(charts.calibration(found), "calibration"),
            "How often predictions of each probability came true, by tenths of the rows; the mean "
            f"distance from the dashed line is {found['error']:.3f}."
            + temperature_text(model, y, output),
        )
    )
    return grid(*parts)


def temperature_text(model: TableModel, y: Array, output: Array) -> str:
    """The effect of the temperature on the calibration; nothing without a temperature.

    Softmax of logits times t is proportional to the t-th powers of the probabilities.
    """
    t = model.facts.get("temperature", 1.0)
    if t == 1.0:
        return ""
    powers = shares_of_classes(model.encoding, output).astype(np.float64) ** t
    before = powers / powers.sum(axis=1, keepdims=True)
    before = before[:, 1:] if model.encoding.task == "binary" else before
    error = calibration(model.encoding, y, before)["error"]
    return f" The logits are divided by a temperature of {t:.3g}; undivided it was {error:.3f}."


def coverage_part(model: TableModel, X: Rows, y: Array, output: Array, where: str) -> list[str]:
    """How often intervals or sets contain the target; no section without them."""
    found = model.coverage_on(X, y, output)
    if found is None:
        return []
    lead = (
        f"{in_words(model.facts, model.encoding)}. On {where} they contain {found['coverage']:.3f} "
        "of the targets."
    )
    parts = [f"<p>{escape(lead[:1].upper() + lead[1:])}</p>"]
    if "sizes" not in found:
        heads = ["prediction", "rows", "in the interval", "mean width"]
        rows = [
            [
                f"{number(part['from'])} to {number(part['to'])}",
                f"{part['rows']:,}",
                f"{part['coverage']:.3f}",
                number(part["mean_width"]),
            ]
            for part in found["parts"]
        ]
        note = "By fifths of the predictions. "
    else:
        heads = ["class", "rows", "in the set", "mean size"]
        by_class = zip(model.encoding.classes, found["parts"], strict=True)
        rows = [
            [one_line(name), f"{p['rows']:,}", f"{p['coverage']:.3f}", f"{p['mean_size']:.2f}"]
            for name, p in by_class
            if p["rows"]
        ]
        note = (
            f"By the actual class. The predicted class alone is right for {found['accuracy']:.3f}. "
        )
    if model.scored[-1].name == "out_of_fold":
        note += "They were calibrated on these rows, so the overall coverage is the level by "
        note += "construction."
    return [section("How sure it is", *parts, table(heads, rows), small(note))]


def columns_that_matter(model: TableModel, X: Array, y: Array, where: str) -> list[str]:
    encoding, network = model.encoding, model.network
    ranked = importances(network, encoding.columns, X, y)
    drawing = charts.svg(charts.importance(ranked[:MAX_BARS]), "permutation importance")
    figures = [
        figure(
            drawing,
            f"How much the loss rises when a column of the {where} is shuffled (mean of five "
            "times), with the 95 % interval over the rows.",
        )
    ]
    output, what = dependence_of(model)
    for item in ranked[:MAX_CURVES]:
        found = partial_dependence(network, encoding.columns, X, item.column)
        if found is None:
            continue
        if encoding.task in QUANTITIES:
            for part in (found.predicted, found.curves):
                part[:] = encoding.decode_numbers(part)
        spec = charts.dependence(found, output, what)
        drawing = charts.svg(spec, f"partial dependence on {item.column}")
        figures.append(figure(drawing, found.caption))
    return [
        grid(*figures),
        small("Both figures change one column at a time, so they understate correlated columns."),
    ]


def dependence_of(model: TableModel) -> tuple[int, str]:
    """The output that the curves show, and its name."""
    encoding = model.encoding
    if encoding.task in QUANTITIES:
        return 0, f"predicted {encoding.target}"
    if encoding.task == "binary":
        return 0, f"probability of {encoding.classes[1]}"
    commonest = int(np.argmax(model.facts["class_shares"]))
    return commonest, f"probability of {encoding.classes[commonest]}"


def network_part(model: TableModel) -> str:
    encoding = model.encoding
    outputs = list(encoding.classes) if encoding.task == "classes" else [encoding.target]
    spec = charts.drawing(model.network, encoding.feature_names, outputs)
    return grid(
        figure(
            charts.svg(spec, "the network and its weights"),
            f"At most {charts.MAX_NEURONS} neurons of each layer, those with the largest weights. "
            "A wider line is a larger weight; small weights are left out.",
        )
    )


def table_part(model: TableModel) -> list[str]:
    columns = [[one_line(text) for text in column] for column in model.encoding.describe()]
    notes = "".join(f"<li>{escape(note)}</li>" for note in model.notes)
    facts = model.facts
    calibrating = f"{n:,} to calibrate, " if (n := facts.get("calibration_rows")) else ""
    counts = (
        f"{facts['rows']:,} rows: {facts['training_rows']:,} to train on, "
        f"{facts['validation_rows']:,} to validate, {calibrating}{facts['test_rows']:,} to test; "
        f"{facts['set_aside']:,} more set aside because they have no target."
    )
    return [
        f"<p>{escape(counts)}</p>",
        table(["column", "kind", "encoded as"], columns),
        *bins_part(model),
        f'<ul class="small">{notes}</ul>' if notes else "",
    ]


def bins_part(model: TableModel) -> list[str]:
    """The edges of the bins of the columns of numbers."""
    columns = [c for c in model.encoding.cells if isinstance(c, BinnedColumn) and c.edges]
    if not columns:
        return []
    shown = columns[:MAX_BARS]
    caption = "The edges of the bins, from the lowest to the highest training value. The network "
    caption += "can bend at each edge. The edges are denser where there are more rows."
    if len(shown) < len(columns):
        caption += f" The first {len(shown)} of {len(columns)} columns."
    return [grid(figure(charts.svg(charts.bins(shown), "the edges of the bins"), caption))]


def limits(model: TableModel, part: str, where: str) -> str:
    facts, unsure = model.facts, doubt(model.facts["against_trivial"][part])
    lines = [
        f"The network knows rows like those of {facts['source']}. For rows from another place or a "
        "later time, the scores above say little; score it again with `fallline evaluate`.",
        f"The scores are of {where}"
        + ("." if part == "test" else "; hold out test rows with --test for an unbiased score."),
        *([] if unsure is None else [unsure[:1].upper() + unsure[1:] + "."]),
        "A column that matters need not be a cause. Nobody has checked whether the errors affect "
        "some people more than others.",
        *advice(model.encoding.task, facts, model.data_history),
    ]
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def repeat(model: TableModel, command: str) -> list[str]:
    facts = model.facts
    installed = [f"{name} {found}" for name in PACKAGES if (found := version_of(name))]
    settings = [
        f"optimizer {facts['optimizer']}",
        f"batch size {facts['batch_size']}, l2 {facts['l2']:g}, l1 {facts.get('l1', 0.0):g}",
        f"seed {facts['seed']}",
        f"fallline {__version__}, Python {platform.python_version()}, {', '.join(installed)}",
        f"{platform.system()} on {platform.machine()}",
    ]
    return [code(command) if command else "", code("\n".join(settings))]


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
