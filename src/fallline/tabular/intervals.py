"""Intervals and sets for a model of a table: the rows that calibrate them, and how often they
contain the truth.

An ensemble over folds has out-of-fold outputs of all its rows, so it needs no others: the scores
are those of the rows under the members that they did not train, and sigma is fitted for each fold
on the other folds' residuals. This approximates CV+ (Barber, Candès, Ramdas and Tibshirani 2021,
arXiv:1905.02928), which keeps every fold's network apart and takes a quantile over all of them for
each prediction; its proven coverage is 1 - 2 alpha. Here the mean of the members, one network,
stands for each of them, and nothing is proven. Two small effects oppose each other: the mean is
more accurate than a single member, and the out-of-fold rows chose their member's epoch.
docs/how-to/intervals.md has the coverage measured.

A single network, in memory, in blocks or on a cluster, sets rows aside that neither train it
nor choose its epoch. Its sigma is fitted on the validation rows, so the guarantee of split
conformal prediction holds exactly.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.data.encoding import Encoding
from fallline.data.targets import QUANTITIES
from fallline.engine import predict_proba
from fallline.errors import ParameterError
from fallline.limits import check_flag, check_number
from fallline.tabular.conformal import (
    Conformal,
    Scale,
    conformal_quantile,
    fit_scale,
    quantiles_by_class,
    rows_needed,
)
from fallline.tabular.evaluation import shares_of_classes
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions
from fallline.tabular.preparation import Prepared
from fallline.tabular.samples import MOST_CALIBRATION
from fallline.tabular.survey import CALIBRATION_ROWS

__all__ = [
    "MIN_ROWS_FOR_SCALE",
    "add_interval",
    "asked_level",
    "calibration_share",
    "check_by_class",
    "check_calibration",
    "check_enough",
]

MIN_ROWS_FOR_SCALE, MOST_ROWS_FOR_SCALE = 100, 10_000


def asked_level(options: TableOptions) -> float | None:
    """The level of the intervals that are asked for; None for none.

    Raises ParameterError for a level that is none, and for ``by_class`` without a level.
    """
    by_class = check_flag("by_class", options["by_class"])
    if options["interval"] is not None:
        return check_number("interval", options["interval"])
    if by_class:
        raise ParameterError("by_class is of sets of classes: give their level, interval=0.9, too")
    return None


def check_by_class(options: TableOptions, encoding: Encoding) -> None:
    """Raise ParameterError, before training, for ``by_class`` where the target has numbers."""
    if options["by_class"] and encoding.task in QUANTITIES:
        raise ParameterError(f"by_class is of sets of classes, and {encoding.target!r} has numbers")


def check_calibration(options: TableOptions, data: Prepared) -> None:
    """Raise ParameterError, before training, where rows were kept apart that do not suffice."""
    check_by_class(options, data.encoding)
    if options["interval"] is not None:
        check_enough(options["interval"], len(data.calibration))


def calibration_share(n_rows: int) -> float:
    """The share of ``n_rows`` rows to keep apart: 2,000 rows, at most three tenths.

    The coverage of one model on new rows varies by about sqrt(level (1 - level) / rows): 0.7 % for
    a level of 90 % and 2,000 rows.
    """
    return min(MOST_CALIBRATION, CALIBRATION_ROWS / n_rows)


def check_enough(level: float, rows: int) -> None:
    """Raise ParameterError, before training, if the rows are too few for the level."""
    if rows < rows_needed(level):
        raise ParameterError(
            f"interval {level:g} needs {rows_needed(level):,} rows to calibrate on, and there are "
            f"{rows:,}: ask for a lower level, or give more rows"
        )


def add_interval(
    model: TableModel, data: Prepared, level: float | None, *, by_class: bool = False
) -> None:
    """Calibrate the model, and store the result in its facts; ``by_class``: each class separately.

    None for ``level`` asks for nothing. Where Ctrl-C or a time limit left too few rows out of fold,
    a note says so instead.
    """
    if level is None:
        return
    rows, output, fold = calibration_rows(model, data)
    if len(rows) < rows_needed(level):
        model.notes.append(
            f"training ended with {len(rows):,} rows to calibrate on, too few for an interval of "
            f"{level:g}: the model has none"
        )
        return
    method = "split" if fold is None else "out of fold"
    y = data.y[rows]
    if model.encoding.task not in QUANTITIES:
        shares = shares_of_classes(model.encoding, output)
        scores = 1.0 - shares[np.arange(len(y)), y.astype(np.intp)]
        found = Conformal(level, method, len(rows), conformal_quantile(scores, level))
        if by_class:
            own = quantiles_by_class(scores, y, len(model.encoding.classes), level)
            found = replace(found, by_class=tuple(own))
            model.notes += always_in(model.encoding, y, level)
    else:
        residual = y - output[:, 0]
        sigma, scale = scales(model, data, rows, output[:, 0], residual, fold)
        quantile = conformal_quantile(np.abs(residual) / sigma, level)
        found = Conformal(level, method, len(rows), quantile, scale)
    model.facts["interval"] = found.to_dict()


def always_in(encoding: Encoding, y: Array, level: float) -> list[str]:
    """A note on classes y (n,) with too few rows for calibration, which every set contains."""
    counts = np.bincount(y.astype(np.intp), minlength=len(encoding.classes))
    few = [
        f"{label!r} ({count:,})"
        for label, count in zip(encoding.classes, counts.tolist(), strict=True)
        if count < rows_needed(level)
    ]
    if not few:
        return []
    more = f" and {len(few) - 5} more" if len(few) > 5 else ""
    return [
        f"every set has the class {', '.join(few[:5])}{more}: {rows_needed(level):,} rows to "
        f"calibrate on are needed for {level:g}"
    ]


def calibration_rows(model: TableModel, data: Prepared) -> tuple[Array, Array, Array | None]:
    """Positions (n,), outputs (n, n_outputs) of networks that they did not train, and folds."""
    if model.folds is not None:
        rows = np.flatnonzero(model.folds.number >= 0)
        output, fold = model.folds.output[rows], model.folds.number[rows]
        return rows, model.held(output.astype(np.float64)), fold
    return data.calibration, output_of(model, data, data.calibration), None


def output_of(model: TableModel, data: Prepared, rows: Array) -> Array:
    """The network's output on these rows, (n, n_outputs), in float64."""
    return model.held(predict_proba(model.network, data.X[rows]).astype(np.float64))


def scales(
    model: TableModel,
    data: Prepared,
    rows: Array,
    output: Array,
    residual: Array,
    fold: Array | None,
) -> tuple[Array | float, Scale | None]:
    """sigma of each row (n,), by a scale that the row had no part in, and the scale to keep."""
    if fold is None:
        known = data.validation
        if len(known) < MIN_ROWS_FOR_SCALE:
            return 1.0, None
        known = known[:: -(-len(known) // MOST_ROWS_FOR_SCALE)]
        predicted = output_of(model, data, known)[:, 0]
        scale = fit_scale(np.asarray(data.X[known]), predicted, data.y[known] - predicted)
        return scale(np.asarray(data.X[rows]), output), scale
    if len(rows) < MIN_ROWS_FOR_SCALE or fold.max() == fold.min():
        return 1.0, None
    X = np.asarray(data.X[rows])
    sigma = np.empty(len(rows))
    for number in np.unique(fold):
        held, others = fold == number, fold != number
        scale = fit_scale(X[others], output[others], residual[others])
        sigma[held] = scale(X[held], output[held])
    return sigma, fit_scale(X, output, residual)


def kind_of(encoding: Encoding) -> str:
    """The output of a model with an interval: "intervals" of numbers or "sets" of classes."""
    return "intervals" if encoding.task in QUANTITIES else "sets"


def in_words(facts: dict[str, Any], encoding: Encoding) -> str:
    """The fact ``interval`` in a line."""
    found = facts["interval"]
    rows = "out-of-fold rows" if found["method"] == "out of fold" else "rows kept apart"
    by_row = ", their width by the row" if "scale" in found else ""
    by_row = ", each class apart" if "by_class" in found else by_row
    return (
        f"{kind_of(encoding)} that contain the true value for {found['level']:.4g} of new rows, "
        f"calibrated on {found['rows']:,} {rows}{by_row}"
    )
