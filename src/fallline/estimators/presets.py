"""Fitting an estimator by a preset of tables: its encoding, its network, its training."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.splits import each_fold, folds, holdout
from fallline.estimators.encoders import PiecewiseLinear
from fallline.estimators.layers import cut
from fallline.estimators.networks import start
from fallline.tabular.baselines import start_bins_at_zero
from fallline.tabular.ensemble import merged, tempered_loss
from fallline.tabular.recipes import PRESETS, Plan, Recipe, best_of, plan
from fallline.training.history import History
from fallline.training.run import train

__all__ = ["check_parameters", "encoded", "fit_by_preset"]

# The parameters that a preset leaves to the user; it sets all others.
OPEN = {
    "preset", "random_state", "validation_fraction", "class_weight", "label_smoothing", "loss",
    "quantile", "verbose", "callbacks", "n_jobs", "engine",
}  # fmt: skip
SCALED = ("squared_error", "absolute_error", "quantile")  # their values have a unit


def check_parameters(model: Any) -> None:
    """Raise ValueError for a parameter that a preset sets itself."""
    defaults = inspect.signature(type(model).__init__).parameters
    for name, value in model.get_params(deep=False).items():
        default = defaults[name].default
        if name not in OPEN and value is not default and value != default:
            raise ValueError(
                f"{name} is the preset's own to choose: leave it out with preset="
                f"{model.preset!r}, or set preset=None"
            )


def fit_by_preset(model: Any, X: Any, Y: Array, weight: Array | None, validation: Any) -> None:
    """Fit the estimator to X (n, n_features) and the network's targets Y (n, n_outputs).

    ``validation`` is a pair (X, Y), or None to hold out ``validation_fraction`` of the rows.
    """
    if hasattr(X, "tocsr"):
        raise ValueError("a preset needs X as a dense array; leave preset out for a sparse matrix")
    if len(X) < 2:
        raise ValueError(f"a preset holds rows out to go by; n_samples={len(X)} is too few")
    seed = int(model._random_state.randint(2**31))
    if validation is None:
        draw = np.random.default_rng(seed)
        rest, out = holdout(len(X), model.validation_fraction, draw, classes_of(model, Y))
        validation = X[out], Y[out]
        X, Y, weight = X[rest], Y[rest], None if weight is None else weight[rest]
    encoder = PiecewiseLinear().set_output(transform="default").fit(np.asarray(X, np.float64))
    if len(encoder.get_feature_names_out()) == 0:
        raise ValueError(
            "every column of X is the same in all rows; there is nothing to learn from"
        )
    shift, scale = unit_of(model, Y)
    rows = encode(encoder, X), (Y - shift) / scale, weight
    held = encode(encoder, validation[0]), (validation[1] - shift) / scale
    asked = {"preset": model.preset, "hidden": None}
    planned = plan(PRESETS[model.preset], asked, len(X), rows[0].shape[1])
    one = partial(trained, model, encoder)
    if planned.n_folds == 1:
        found = [one(recipe, rows, held, seed) for recipe in planned.recipes]
        losses = {run[2]: loss_of(run) for run in found}
        network, history, chosen, _ = found[list(losses).index(best_of(losses))]
    else:
        strata = classes_of(model, Y)
        network, history, chosen, _ = over_folds(one, planned, rows, held, seed, strata)
    last = network.layers[-1]
    last.W[:] = last.W * scale
    last.b[:] = last.b * scale + shift
    keep(model, network, history, encoder, chosen)


def classes_of(model: Any, Y: Array) -> Array | None:
    """(n,) the class of each row, for stratified splits; None without classes."""
    if not model._core_loss().endswith("cross_entropy"):
        return None
    return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]


Trained = tuple[Network, History, Recipe, float]
"""A network, its history, its recipe, and its loss on the rows held out."""


def loss_of(run: Trained) -> float:
    return run[3]


def over_folds(
    one: Callable[..., Trained],
    planned: Plan,
    rows: tuple[CompactRows, Array, Array | None],
    held: tuple[CompactRows, Array],
    seed: int,
    strata: Array | None,
) -> Trained:
    """The mean of networks that are each trained on all folds but one, and the first one's history.

    Each network chooses its epoch by the rows held out. The recipe is the one with the lowest mean
    validation loss over the folds on which all are compared.
    """
    X, Y, weight = rows
    fold_of = folds(len(X), planned.n_folds, np.random.default_rng(seed), strata)
    runs: dict[Recipe, list[Trained]] = {recipe: [] for recipe in planned.recipes}
    for fold, (kept, out) in enumerate(each_fold(fold_of)):
        part = X[kept], Y[kept], None if weight is None else weight[kept]
        watched = CompactRows.joined([X[out], held[0]]), np.concatenate([Y[out], held[1]])
        if fold == planned.compared_on:
            runs = {best: runs[best] for best in [best_recipe(runs)]}
        for recipe, done in runs.items():
            done.append(one(recipe, part, watched, seed + fold))
    best = runs[best_recipe(runs)]
    networks = [network for network, *_ in best]
    return merged(networks, [1.0 / len(networks)] * len(networks)), *best[0][1:]


def best_recipe(runs: Mapping[Recipe, Sequence[Trained]]) -> Recipe:
    """The best by the mean validation loss over the folds."""
    return best_of(
        {recipe: float(np.mean([loss_of(run) for run in runs[recipe]])) for recipe in runs}
    )


def trained(
    model: Any,
    encoder: PiecewiseLinear,
    recipe: Recipe,
    rows: tuple[CompactRows, Array, Array | None],
    held: tuple[CompactRows, Array],
    seed: int,
) -> Trained:
    """One network, trained by one recipe."""
    X, Y, weight = rows
    task = "numbers" if classes_of(model, Y) is None else "classes"
    recipe = recipe.for_rows(len(X), task)
    sizes = [X.shape[1], *recipe.hidden, Y.shape[1]]
    network = Network(
        sizes, hidden=recipe.activation, loss=model._core_loss(), seed=seed, dtype=recipe.dtype
    )
    start_bins_at_zero(network, encoder.starts_at_zero_)
    history = train(
        network,
        X,
        Y,
        sample_weight=weight,
        validation=held,
        optimizer=recipe.build(len(X)),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        l2=recipe.l2 or 0.0,
        l1=recipe.l1,
        dropout=recipe.dropout or 0.0,
        stop=recipe.stops(),
        callbacks=model.callbacks or (),
        engine=model.engine,
        threads=model._threads(),
    )
    return network, history, recipe, tempered_loss(network, *held)


def unit_of(model: Any, Y: Array) -> tuple[Array, Array]:
    """The shift and scale of targets for training, (n_outputs,) each."""
    if model._core_loss().split("(")[0] not in SCALED:
        return np.zeros(Y.shape[1]), np.ones(Y.shape[1])
    spread = Y.std(axis=0)
    return Y.mean(axis=0), np.where(spread > 0, spread, 1.0)


def encode(encoder: PiecewiseLinear, X: Array) -> CompactRows:
    return encoder._compact(np.asarray(X, np.float64), np.dtype(np.float32))


def encoded(model: Any, X: Any) -> Array:
    """X in the form that the network of a preset takes."""
    return np.asarray(encode(model.encoder_, X.toarray() if hasattr(X, "toarray") else X))


def keep(
    model: Any, network: Network, history: History, encoder: PiecewiseLinear, recipe: Recipe
) -> None:
    """The fitted attributes."""
    start(model, network)
    model.encoder_, model._preset_activation = encoder, recipe.activation
    model._network, model.history_ = network, replace(history)
    model.coefs_, model.intercepts_ = cut(network.parameters, network.sizes)
    model.n_iter_ = history.epochs_done
    model.loss_curve_ = list(history.loss)
    model.validation_loss_curve_ = list(history.validation_loss)
    model.loss_ = history.loss[-1] if history.loss else np.nan
    model.best_loss_ = min(history.loss, default=np.nan)
