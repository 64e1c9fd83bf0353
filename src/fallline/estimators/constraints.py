"""The allowed values of each parameter, in scikit-learn's form, for its checks and messages."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from fallline.core.activations import ACTIVATIONS, Activation
from fallline.core.optimizers import LBFGS

__all__ = ["CLASSIFIER", "REGRESSOR"]


def at_least(low: float, kind: type = Real) -> Any:
    return Interval(kind, low, None, closed="left")


def share(closed: str) -> Any:
    return Interval(Real, 0, 1, closed=closed)


COMMON: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", at_least(1, Integral)],
    "activation": [StrOptions({"logistic", *ACTIVATIONS}), "array-like", Activation],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [at_least(0)],
    "batch_size": [StrOptions({"auto"}), at_least(1, Integral)],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [at_least(0)],
    "max_iter": [at_least(1, Integral)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [at_least(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [share("both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [share("left")],
    "beta_1": [share("left")],
    "beta_2": [share("left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [at_least(1, Integral), Options(Real, {np.inf})],
    "max_fun": [at_least(1, Integral)],
    "dropout": [share("left")],
    "early_stopping_metric": [str, callable, None],
    "callbacks": [list, tuple, None],
    "optimizer": [
        HasMethods(["init", "update"]),
        HasMethods(["start", "update"]),  # the former name of init
        LBFGS,
        None,
    ],
    "schedule": [callable, None],
    "weight_decay": [at_least(0)],
    "keep_every": [at_least(1, Integral), None],
    "n_jobs": [Integral, None],
    "engine": [StrOptions({"auto", "numpy", "compiled"})],
    "preset": [str, None],  # its name is checked by tabular.recipes, which takes 7 ms to import
}
CLASSIFIER = COMMON | {
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
    "label_smoothing": [share("left")],
}
REGRESSOR = COMMON | {
    "loss": [StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"})],
    "quantile": [share("neither")],
}
