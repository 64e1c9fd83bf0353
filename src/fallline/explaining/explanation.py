"""Why a model predicts what it predicts: by column for each row, and in general."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.data.targets import QUANTITIES
from fallline.errors import ParameterError, warn
from fallline.explaining.bars import bars
from fallline.explaining.dependence import Dependence, partial_dependence
from fallline.explaining.features import added_up, sample
from fallline.explaining.importance import Importance, importances
from fallline.explaining.integrated_gradients import (
    NODES,
    TOLERANCE,
    Head,
    integrated_gradients,
    linear_head,
    output_head,
)
from fallline.explaining.interactions import Interaction, interactions
from fallline.explaining.subject import Subject, subject_of
from fallline.limits import check_flag, check_integer
from fallline.text import figure

__all__ = ["Explanation", "explain"]

STEPS = 4_096
LEADING = 5


@dataclass(frozen=True)
class Explanation:
    r"""What each column adds to a prediction, row by row; printable, and plain data by ``as_dict``.

    ``attributions`` (n, n_columns) and ``base`` (n,), what is explained at the baseline, add up to
    ``value`` (n,), what is explained of the row, up to ``gap`` (n,). ``explained`` says for each
    row what is explained, such as "log-odds of yes", and in which unit. ``columns`` are the names,
    ``cells`` the row's texts, ``rows`` (n,) the positions in the table, ``steps`` (n,) how many
    gradients were computed, ``baseline`` the start of the line to the row, in words. ``predicted``
    are the labels, or the numbers, and ``probability`` (n,) those of the labels, None for numbers.

    >>> import fallline as fl
    >>> net = fl.Network([2, 1], loss="squared_error")
    >>> net.parameters = [2.0, -1.0, 0.5]
    >>> print(fl.explain(net, [[1.0, 3.0]], baseline=[[0.0, 0.0]]))
    ROW 1  the output -0.5
    column  value     adds
    base           +0.5000
    x1          3  -3.0000  █████████████████████████████████
    x0          1  +2.0000                                   ██████████████████████
    sum            -0.5000  gap 0: 1 gradient
    """

    columns: tuple[str, ...]
    rows: Array
    cells: tuple[tuple[str, ...], ...]
    attributions: Array
    base: Array
    value: Array
    gap: Array
    steps: Array
    explained: tuple[str, ...]
    predicted: tuple[Any, ...]
    probability: Array | None
    baseline: str
    subject: Subject = field(repr=False)
    head_of: Callable[[int], Head] = field(repr=False)
    seed: int = 0

    @property
    def strength(self) -> Array:
        """(n_columns,) the mean of the absolute attributions over the rows."""
        means: Array = np.abs(self.attributions).mean(axis=0)
        return means

    def leading(self, most: int = LEADING) -> list[str]:
        """The columns with the greatest strength, the greatest first."""
        return [self.columns[i] for i in np.argsort(-self.strength, kind="stable")[:most]]

    def importances(self, y: ArrayLike | None = None) -> list[Importance]:
        """How much the loss rises when a column is shuffled over the table's rows, with 95 % ends.

        The rows should not be training rows. ``y`` (n_rows,) are the targets of all rows of an
        array as ``Network.samples`` takes them; a table has them in its target column. Raises
        ParameterError if there are none.
        """
        subject = self.subject
        if subject.sample_y is not None:
            targets: Array = subject.sample_y
        elif y is None:
            raise ParameterError(
                f"how important a column is shows against {subject.target!r}, which the table "
                "does not have; for arrays give the targets y"
            )
        else:
            targets = np.asarray(y)[sample(len(np.asarray(y)), self.seed)]
        network = subject.network.copy("float64")
        return importances(network, subject.columns, subject.sample_X, targets, self.seed)

    def dependence(self, column: str) -> Dependence | None:
        """The mean prediction with the column set to each of its values, and the curves of single
        rows.

        In the target's unit, or probabilities. A place has no curves: its values are the
        coordinates of rows. None for a column that cannot be set to one value: a date with cycles.
        """
        subject = self.subject
        if column not in self.columns:
            raise ParameterError(f"{column!r} is not one of the model's columns")
        network = subject.network.copy("float64")
        found = partial_dependence(network, subject.columns, subject.sample_X, column, self.seed)
        if found is not None and subject.task in QUANTITIES:
            for part in (found.predicted, found.curves):
                part[:] = part * subject.scale + subject.mean
        return found

    def interactions(self, most: int = LEADING) -> list[Interaction]:
        """Friedman's H of each pair of the ``most`` leading columns, the largest first.

        Of what is explained of the first row.
        """
        subject, head = self.subject, self.head_of(0)
        network = subject.network.copy("float64")

        def value(Z: Array) -> Array:
            return head.value(Z, np.zeros(len(Z), dtype=np.intp))

        return interactions(
            network, subject.columns, subject.sample_X, self.leading(most), value, self.seed
        )

    def as_dict(self) -> dict[str, Any]:
        """Numbers, texts and nested lists only, for JSON."""
        rows = [
            {
                "row": int(self.rows[i]),
                "explained": self.explained[i],
                "prediction": self.predicted[i],
                **({} if self.probability is None else {"probability": float(self.probability[i])}),
                "base": float(self.base[i]),
                "columns": [
                    {"column": name, "value": cell, "adds": float(a)}
                    for name, cell, a in zip(
                        self.columns, self.cells[i], self.attributions[i], strict=True
                    )
                ],
                "value": float(self.value[i]),
                "gap": float(self.gap[i]),
                "gradients": int(self.steps[i]),
            }
            for i in range(len(self.rows))
        ]
        return {"baseline": self.baseline, "rows": rows}

    def text(self, number: int, *, plain: bool = False) -> str:
        """The bars of the row at ``number`` among those explained, in 80 columns.

        ``plain``: only in ASCII characters.
        """
        return bars(
            f"ROW {self.rows[number] + 1}  {self.heading(number)}",
            list(zip(self.columns, self.cells[number], self.attributions[number], strict=True)),
            base=self.base[number],
            value=self.value[number],
            gap=f"gap {self.gap[number]:.1g}: {gradients(int(self.steps[number]))}",
            plain=plain,
        )

    def heading(self, number: int) -> str:
        """The prediction for a row, and what is explained."""
        explained = f"{self.explained[number]} {figure(float(self.value[number]))}"
        if self.probability is None:
            return explained
        share = self.probability[number]
        return f"predicted {self.predicted[number]} ({share:.3g}); {explained}"

    def __str__(self) -> str:
        return "\n\n".join(self.text(i) for i in range(len(self.rows)))


def gradients(n: int) -> str:
    return f"{n:,} gradient{'s' * (n != 1)}"


def explain(
    model: Any,
    table: Any,
    rows: Any = None,
    baseline: Any = None,
    *,
    output: Any = None,
    probability: bool = False,
    steps: int = STEPS,
    seed: int = 0,
) -> Explanation:
    r"""Why the model predicts what it does: integrated gradients of each row, by column.

    .. math::
        a_i = (x_i - x'_i) \int_0^1 \frac{\partial f}{\partial x_i}\bigl(x' + t (x - x')\bigr) dt

    for the features x of a row and x' of the baseline, those of a column added up: the one-hots of
    a text, the bins of a number, the waves of a date. They add up to f(x) - f(x') to within 1e-6 of
    the sum of their absolute values. This is checked; a warning says for which rows ``steps`` did
    not suffice. The network is computed in float64.

    Parameters
    ----------
    model : a table's model, a fitted ``MLPClassifier`` or ``MLPRegressor``, or a network.
    table : the rows, as ``model.predict`` takes them: a table, a frame, the path of a file, or an
        array (n_rows, n_columns).
    rows : the positions, counted from 0, of those to explain; None for all.
    baseline : rows of the same kind as ``table``, the means of whose features are x'. None for the
        training rows, or for the rows of ``table`` if the model does not store the means of its
        training rows (estimators, networks, older files).
    output : the class to explain, or the number of the output if there are several. The default is
        the second of two classes, and the predicted class of each row if there are more.
    probability : explain the probability of the class (for counts, the rate). The default explains
        what the columns add up to before the output activation: the logarithm of the odds, or of
        the rate. With more than two classes it is the logit of the class minus the mean of all
        logits, since softmax does not determine the mean.
    steps : the maximum number of gradients per row, at least 15.
    seed : for drawing rows for statements about the whole table.

    Raises ParameterError, and what ``model.predict`` raises for a table that does not fit.

    Source: Sundararajan, Taly and Yan 2017 (arXiv:1703.01365).

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y
    >>> net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    >>> history = fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=500)
    >>> found = fl.explain(net, TRAIN_X, rows=[0])
    >>> found.explained, found.attributions.shape, found.leading(2)
    (('log-odds of 1',), (1, 3), ['x2', 'x0'])
    >>> bool(abs(found.base + found.attributions.sum(axis=1) - found.value)[0] < 1e-6)
    True
    """
    if check_integer("steps", steps) < len(NODES):
        raise ParameterError(f"steps must be at least {len(NODES)}, not {steps}")
    seed = check_integer("seed", seed)
    check_flag("probability", probability)
    subject = subject_of(model, table, rows, baseline, seed)
    Z = subject.network.copy("float64").logits(subject.X)
    chosen = chosen_outputs(subject, Z, output)
    head = head_of(subject, chosen, probability=probability)
    found = integrated_gradients(subject.network, subject.X, subject.baseline, head, steps)
    worst = int(np.argmax(found.relative_gap))
    if found.relative_gap[worst] > TOLERANCE:
        warn(
            f"row {subject.rows[worst]}: {steps:,} gradients leave a gap of "
            f"{found.gap[worst]:.2g} between what the columns add and the output; give more steps"
        )
    predicted, shares = predictions(subject, Z)
    names = tuple(name_of(subject, int(k), probability=probability) for k in chosen)
    return Explanation(
        tuple(column.name for column in subject.columns),
        subject.rows,
        subject.cells,
        added_up(found.inputs, subject.columns),
        found.base,
        found.value,
        found.gap,
        found.steps,
        names,
        predicted,
        shares,
        subject.baseline_name,
        subject,
        lambda i: head_of(subject, chosen[i : i + 1], probability=probability),
        seed,
    )


# ---- what is explained


def chosen_outputs(subject: Subject, Z: Array, output: Any) -> Array:
    """(n,) the class, or the number of the output, that is explained for each row."""
    task, n_outputs = subject.task, Z.shape[1]
    if task in ("binary", "classes"):
        if output is None:
            return np.ones(len(Z), dtype=np.intp) if task == "binary" else Z.argmax(axis=1)
        if str(output) not in subject.classes:
            known = ", ".join(subject.classes[:12])
            raise ParameterError(f"output must be one of the classes, {known}; not {output!r}")
        return np.full(len(Z), subject.classes.index(str(output)))
    if output is None:
        if n_outputs > 1:
            raise ParameterError(
                f"this model has {n_outputs} outputs: say which to explain, output=0 to "
                f"{n_outputs - 1}"
            )
        output = 0
    whole = isinstance(output, int | np.integer) and not isinstance(output, bool)
    if not whole or not 0 <= output < n_outputs:
        raise ParameterError(f"output must be from 0 to {n_outputs - 1}, not {output!r}")
    return np.full(len(Z), int(output))


def head_of(subject: Subject, chosen: Array, *, probability: bool) -> Head:
    """What is explained, as a function of the logits."""
    task, n_outputs = subject.task, subject.network.sizes[-1]
    if probability and task != "numbers":
        if task == "binary":  # 1 - p of the first class is sigmoid(-z)
            return binary_probability(chosen)
        scale = np.full(len(chosen), subject.scale if task == "counts" else 1.0)
        return output_head(subject.network.loss.output_name, chosen, scale)
    if task == "binary":
        return linear_head(np.where(chosen == 1, 1.0, -1.0)[:, None])
    weights = np.eye(n_outputs)[chosen]
    if task == "classes":
        weights -= 1.0 / n_outputs
    if task == "numbers":
        return linear_head(weights * subject.scale, subject.mean)
    return linear_head(weights, log(subject.scale) if task == "counts" else 0.0)


def binary_probability(chosen: Array) -> Head:
    """The probability of one of two classes from one logit: sigmoid(z) or sigmoid(-z)."""
    sign = np.where(chosen == 1, 1.0, -1.0)
    one = output_head("sigmoid", np.zeros(len(chosen), dtype=np.intp), np.ones(len(chosen)))

    def value(Z: Array, rows: Array) -> Array:
        return one.value(sign[rows, None] * Z, rows)

    def slope(Z: Array, rows: Array) -> Array:
        return sign[rows, None] * one.slope(sign[rows, None] * Z, rows)

    return Head(value, slope, linear=False)


def name_of(subject: Subject, k: int, *, probability: bool) -> str:
    """What is explained, in words."""
    task = subject.task
    if task in ("binary", "classes"):
        odds = "log-odds" if task == "binary" else "logit"
        return f"{'probability' if probability else odds} of {subject.classes[k]}"
    several = subject.network.sizes[-1] > 1
    target = f"output {k}" if several else subject.target
    if task == "labels":
        return f"{'probability' if probability else 'log-odds'} of {target}"
    return target if task == "numbers" or probability else f"logarithm of {target}"


def predictions(subject: Subject, Z: Array) -> tuple[tuple[Any, ...], Array | None]:
    """The label of each row and its probability, or its number and None."""
    output = subject.network.loss.output(Z)
    if subject.task in ("binary", "classes"):
        shares = np.hstack([1.0 - output, output]) if subject.task == "binary" else output
        k = shares.argmax(axis=1)
        return tuple(subject.classes[i] for i in k), shares[np.arange(len(k)), k]
    if subject.task == "labels":
        return tuple((output >= 0.5).astype(int).tolist()), None
    numbers = output * subject.scale + subject.mean
    return tuple(numbers[:, 0].tolist() if numbers.shape[1] == 1 else numbers.tolist()), None
