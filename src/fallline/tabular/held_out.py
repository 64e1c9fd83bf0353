"""The rows for judging a model: out-of-fold, validation and test rows, and their scores."""

import numpy as np

from fallline.arrays import Array
from fallline.engine import predict_proba
from fallline.tabular.baselines import fit_linear
from fallline.tabular.evaluation import against_trivial
from fallline.tabular.model import Folds, Scored, TableModel
from fallline.tabular.preparation import Prepared
from fallline.tabular.scoring import output_scores

__all__ = ["add_scores"]


def add_scores(model: TableModel, data: Prepared, *, baseline: bool) -> None:
    """Score the network, the trivial guess and the linear model on rows not used in training.

    These are the out-of-fold rows, or else the validation rows; and the test rows. If no rows are
    held out, the training rows are scored, which says little.
    """
    baseline = baseline and model.history.stopped != "interrupted"
    model.data, model.scored = data, scored_parts(model, data, baseline=baseline)
    model.facts["scores"], model.facts["against_trivial"] = {}, {}
    for part in model.scored:
        y = data.y[part.rows]
        scores = {
            "network": output_scores(model.encoding, y, part.output),
            "trivial": model.trivial_scores(y),
        }
        if part.linear is not None:
            scores["linear"] = output_scores(data.linear_encoding, y, part.linear)
        model.facts["scores"][part.name] = scores
        found = against_trivial(model.encoding, y, part.output, model.class_shares)
        model.facts["against_trivial"][part.name] = found


def scored_parts(model: TableModel, data: Prepared, *, baseline: bool) -> list[Scored]:
    """The parts of the rows to score, the most reliable one last, with their predictions."""
    trained = data.train
    parts: list[Scored] = []
    if model.folds is not None:
        trained = np.sort(np.concatenate([data.train, data.validation]))
        rows = np.flatnonzero(model.folds.number >= 0)
        linear = linear_out_of_fold(data, trained, model.folds) if baseline else None
        linear = None if linear is None else linear[rows]
        parts.append(Scored("out_of_fold", rows, model.held(model.folds.output[rows]), linear))
    network = fit_linear(data.linear_encoding, *data.linear_part(trained)) if baseline else None
    named = {"test": data.test}
    if model.folds is None:
        named = {"validation": data.validation, **named}
    named = {name: rows for name, rows in named.items() if len(rows)}
    if not parts and not named:
        named = {"training": data.train}
    for name, rows in named.items():
        output = model.held(predict_proba(model.network, data.X[rows]))
        linear = None if network is None else network.predict_proba(data.linear_X[rows])
        parts.append(Scored(name, rows, output, linear))
    return parts


def linear_out_of_fold(data: Prepared, rows: Array, folds: Folds) -> Array | None:
    """The predictions of the other folds' linear models for each row; None if Ctrl-C ended them."""
    output: Array | None = None
    for number in range(folds.number.max() + 1):
        others, held = rows[folds.number[rows] != number], folds.number == number
        network = fit_linear(data.linear_encoding, *data.linear_part(others))
        if network is None:
            return None
        found = network.predict_proba(data.linear_X[held])
        if output is None:
            output = np.full((len(data.X), found.shape[1]), np.nan)
        output[held] = found
    return output
