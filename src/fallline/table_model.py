"""From a table to a trained network and back: split, encoding, training, prediction, scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fallline import metrics
from fallline.arrays import Array
from fallline.encoding import Encoding
from fallline.errors import ModelFileError, TableError
from fallline.history import History
from fallline.limits import check_integer, check_number
from fallline.modelfile import Path_, read_model, save
from fallline.network import Network
from fallline.optimizers import LBFGS, Adam, Optimizer
from fallline.splits import holdout
from fallline.stopping import Patience
from fallline.tables import Table
from fallline.targets import guess_task, rows_with_target, strata
from fallline.training import Progress, train

__all__ = ["Predictions", "Prepared", "TableModel", "new_network", "prepare", "train_table"]

LOSS_FOR = {
    "binary": "binary_cross_entropy",
    "classes": "cross_entropy",
    "numbers": "squared_error",
}


@dataclass(frozen=True)
class Prepared:
    """A table's usable rows, encoded; ``kept`` and ``held`` are positions in X and y.

    ``set_aside`` counts the rows whose target is missing.
    """

    encoding: Encoding
    X: Array
    y: Array
    kept: Array
    held: Array
    set_aside: int


@dataclass(frozen=True)
class Predictions:
    """``values`` (n,): numbers in the target's own units, or class labels.

    ``probabilities`` (n, n_classes), in the order of ``classes``; None for numbers.
    """

    values: Array
    classes: list[str]
    probabilities: Array | None

    def columns(self) -> dict[str, Array]:
        """The columns of a table of predictions."""
        result = {"prediction": self.values}
        if self.probabilities is not None:
            for i, label in enumerate(self.classes):
                result[f"probability of {label}"] = self.probabilities[:, i]
        return result


@dataclass
class TableModel:
    """A network with the encoding of its table; ``facts`` tell how it was trained.

    ``notes`` are what a person should know of the last table that passed through.
    """

    network: Network
    encoding: Encoding
    history: History
    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def predict(self, table: Table) -> Predictions:
        """Predict every row, in order. Raises TableError for a table that does not fit."""
        X = self.encoding.transform(table, self.network.dtype)
        return self.decode(self.network.predict_proba(X))

    def decode(self, output: Array) -> Predictions:
        """The network's output in the terms of the table's target."""
        encoding = self.encoding
        if encoding.task == "numbers":
            return Predictions(encoding.decode_numbers(output[:, 0]), [], None)
        shares = np.hstack([1.0 - output, output]) if encoding.task == "binary" else output
        labels = encoding.decode_classes(shares.argmax(axis=1))
        return Predictions(np.asarray(labels, dtype=object), list(encoding.classes), shares)

    def evaluate(self, table: Table) -> dict[str, Any]:
        """Scores on the rows that have a target, beside those of the trivial guess.

        Plain data: ``rows``, ``set_aside``, ``scores``, ``trivial_guess``, ``notes``.
        Raises TableError for a table that does not fit or has no target.
        """
        rows, set_aside = rows_with_target(table, self.encoding.target)
        usable = table.take(rows)
        y, notes = self.encoding.encode_target(usable)
        X = self.encoding.transform(usable, self.network.dtype)
        return {
            "rows": len(y),
            "set_aside": set_aside,
            "scores": self.scores(X, y),
            "trivial_guess": self.trivial_scores(y),
            "notes": notes,
        }

    def scores(self, X: Array, y: Array) -> dict[str, float]:
        """Scores of the network on encoded rows."""
        Z = self.network.logits(X)
        output = self.network.loss.output(Z)
        if self.encoding.task == "numbers":
            return number_scores(
                self.encoding.decode_numbers(y), self.encoding.decode_numbers(output[:, 0])
            )
        samples = self.network.samples(X, y)
        loss = float(self.network.loss.value(Z, samples.Y).mean())
        predicted = self.network.decide(output)
        return class_scores(y, predicted, loss, output[:, 0] if output.shape[1] == 1 else None)

    def trivial_scores(self, y: Array) -> dict[str, float]:
        """Scores of always guessing the training rows' mean, or their commonest class."""
        if self.encoding.task == "numbers":
            guess = np.zeros_like(y)  # the mean, standardised
            return number_scores(
                self.encoding.decode_numbers(y), self.encoding.decode_numbers(guess)
            )
        commonest = int(np.argmax(self.facts["class_shares"]))
        shares = np.maximum(self.facts["class_shares"], 1e-15)
        loss = float(-np.log(shares[y.astype(np.intp)]).mean())
        return class_scores(y, np.full_like(y, commonest), loss, None)

    def save(self, path: Path_) -> None:
        """Write the model file. Raises FileWriteError where that fails."""
        save(
            self.network,
            path,
            history=self.history,
            encoding=self.encoding.to_dict(),
            training=self.facts,
        )

    @classmethod
    def load(cls, path: Path_) -> "TableModel":
        """Read a model file. Raises ModelFileError, also for one that was not made from a table."""
        model = read_model(path)
        if model.encoding is None or model.history is None or model.training is None:
            raise ModelFileError(
                f"{path}: this model was not trained from a table, so it cannot read one; "
                "use fallline.load in Python"
            )
        try:
            encoding = Encoding.from_dict(model.encoding)
        except (ValueError, KeyError, TypeError) as reason:
            raise ModelFileError(f"{path}: its encoding cannot be read ({reason})") from None
        if encoding.n_features != model.network.sizes[0]:
            raise ModelFileError(
                f"{path}: its encoding gives {encoding.n_features} inputs, "
                f"its network has {model.network.sizes[0]}"
            )
        return cls(model.network, encoding, model.history, model.training)


def number_scores(y: Array, predicted: Array) -> dict[str, float]:
    return {
        "r2": metrics.r2(y, predicted),
        "rmse": metrics.root_mean_squared_error(y, predicted),
        "mae": metrics.mean_absolute_error(y, predicted),
    }


def class_scores(
    y: Array, predicted: Array, loss: float, probability: Array | None
) -> dict[str, float]:
    scores = {"accuracy": metrics.accuracy(y, predicted), "log_loss": loss}
    area = None if probability is None else metrics.roc_auc(y, probability)
    return scores if area is None else scores | {"roc_auc": area}


def prepare(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    validation: float = 0.15,
    seed: int = 0,
    dtype: Any = "float64",
) -> Prepared:
    """Split the rows that have a target, fit the encoding on the kept part, and encode all.

    Classes are held out in their proportions. Raises TableError for a table that cannot be used,
    ParameterError for a value out of range.
    """
    check_number("validation", validation)
    rows, set_aside = rows_with_target(table, target)
    usable = table.take(rows)
    everything = np.arange(len(rows))
    task = task or guess_task(usable, target, everything)
    generator = np.random.default_rng(check_integer("seed", seed))
    kept, held = holdout(len(rows), validation, generator, strata(usable, target, everything, task))
    if len(kept) < 2 or len(held) < 1:
        raise TableError(
            f"{table.source}: {len(rows)} rows with a value in {target!r} are too few to train on "
            "and to hold some out"
        )
    encoding = Encoding.fit(usable, target, rows=kept, task=task, types=types or {})
    X = encoding.transform(usable, np.dtype(dtype))
    y, _ = encoding.encode_target(usable)
    return Prepared(encoding, X, y, kept, held, set_aside)


def new_network(
    encoding: Encoding, hidden: Sequence[int], activation: str, seed: int, dtype: Any = "float64"
) -> Network:
    """A network with the inputs, outputs and loss that the encoding asks for."""
    n_outputs = len(encoding.classes) if encoding.task == "classes" else 1
    return Network(
        [encoding.n_features, *hidden, n_outputs],
        hidden=activation,
        loss=LOSS_FOR[encoding.task],
        seed=seed,
        dtype=dtype,
    )


def train_table(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    l2: float = 0.0,
    validation: float = 0.15,
    patience: int = 20,
    seed: int = 0,
    callbacks: Sequence[Callable[[Progress], Any]] = (),
) -> TableModel:
    """Train a network on a table; the best epoch's parameters, by validation loss, are kept.

    ``table`` comes from :func:`fallline.read_table`; ``task`` is "binary", "classes" or
    "numbers", recognised by default; ``types`` overrides the kind of a column ("number", "text",
    "skip"). The encoding is fitted on the training rows alone. The other parameters are those of
    :func:`fallline.train`. Raises TableError or ParameterError.
    """
    data = prepare(table, target, task=task, types=types, validation=validation, seed=seed)
    network = new_network(data.encoding, hidden, activation, seed)
    X, y, kept, held = data.X, data.y, data.kept, data.held
    optimizer = optimizer or Adam()
    history = train(
        network,
        X[kept],
        y[kept],
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        l2=l2,
        validation=(X[held], y[held]),
        stop=Patience(patience),
        callbacks=callbacks,
    )
    facts: dict[str, Any] = {
        "source": Path(table.source).name,
        "rows": len(y),
        "training_rows": len(kept),
        "validation_rows": len(held),
        "set_aside": data.set_aside,
        "optimizer": repr(optimizer),
        "batch_size": batch_size,
        "l2": l2,
        "seed": seed,
        "validation": validation,
    }
    if data.encoding.task != "numbers":
        counts = np.bincount(y[kept].astype(np.intp), minlength=len(data.encoding.classes))
        facts["class_shares"] = (counts / counts.sum()).tolist()
    model = TableModel(network, data.encoding, history, facts, list(data.encoding.notes))
    facts["validation_scores"] = model.scores(X[held], y[held])
    facts["trivial_guess"] = model.trivial_scores(y[held])
    return model
