"""Fitted models to and from scikit-learn's classes, and to and from networks of the core."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from fallline.estimators.classifier import MLPClassifier
from fallline.estimators.layers import SCIKIT_NAMES
from fallline.estimators.regressor import MLPRegressor

__all__ = ["from_sklearn", "to_sklearn"]

CARRIED = (  # the attributes of a fit of scikit-learn, without those that are made here
    "n_features_in_",
    "feature_names_in_",
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "classes_",
    "_label_binarizer",
    "_no_improvement_count",
    "_random_state",
)


def from_sklearn(model: Any) -> Any:
    """A fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn as Fallline's.

    Parameters, weights and records are copied; the optimiser's state is not, so ``partial_fit``
    starts with a new one. Raises TypeError for another class, NotFittedError for a model that is
    not fitted.

    >>> import fallline as fl
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(8, solver="lbfgs", max_iter=1_000, random_state=0).fit(X, y)
    >>> ours = fl.from_sklearn(model)
    >>> bool((ours.predict(X) == model.predict(X)).all())
    True
    """
    from sklearn import neural_network

    pairs: dict[type, type] = {
        neural_network.MLPClassifier: MLPClassifier,
        neural_network.MLPRegressor: MLPRegressor,
    }
    return carried_over(model, pairs, model_parameters(model))


def to_sklearn(model: Any) -> Any:
    """A fitted ``MLPClassifier`` or ``MLPRegressor`` of Fallline as scikit-learn's.

    Raises ValueError for parts of a prediction that scikit-learn lacks (custom activations or
    losses, different activations per layer); settings that only matter in training are dropped.
    Raises TypeError for another class, NotFittedError for a model that is not fitted.

    >>> import fallline as fl
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fl.MLPClassifier(8, solver="lbfgs", max_iter=1_000, random_state=0).fit(X, y)
    >>> theirs = fl.to_sklearn(model)
    >>> type(theirs).__module__
    'sklearn.neural_network._multilayer_perceptron'
    >>> bool((theirs.predict(X) == model.predict(X)).all())
    True
    """
    from sklearn import neural_network

    pairs: dict[type, type] = {
        MLPClassifier: neural_network.MLPClassifier,
        MLPRegressor: neural_network.MLPRegressor,
    }
    if "encoder_" in getattr(model, "__dict__", {}):
        raise ValueError(
            "scikit-learn's estimator has no word for the encoding of a preset; put "
            "fallline.PiecewiseLinear and an estimator without preset into a Pipeline"
        )
    parameters = model_parameters(model)
    known = set(neural_network.MLPRegressor().get_params())
    parameters = {name: value for name, value in parameters.items() if name in known}
    parameters["activation"] = one_scikit_activation(parameters["activation"])
    if parameters.get("loss", "poisson") not in ("squared_error", "poisson"):
        parameters["loss"] = "squared_error"  # predicts with the same output, the identity
    return carried_over(model, pairs, parameters)


def model_parameters(model: Any) -> dict[str, Any]:
    return model.get_params(deep=False) if hasattr(model, "get_params") else {}


def carried_over(model: Any, pairs: dict[type, type], parameters: dict[str, Any]) -> Any:
    if type(model) not in pairs:
        names = " or ".join(f"{cls.__module__.split('.')[0]}'s {cls.__name__}" for cls in pairs)
        raise TypeError(f"needs {names}, not {type(model).__name__}")
    check_is_fitted(model)
    twin = pairs[type(model)](**parameters)
    for name in CARRIED:
        if hasattr(model, name):
            value = getattr(model, name)
            setattr(twin, name, list(value) if isinstance(value, list) else value)
    twin.coefs_ = [W.copy() for W in model.coefs_]
    twin.intercepts_ = [b.copy() for b in model.intercepts_]
    if "fallline" not in type(twin).__module__:
        twin._best_coefs = [W.copy() for W in model.coefs_]
        twin._best_intercepts = [b.copy() for b in model.intercepts_]
    return twin


def one_scikit_activation(activation: Any) -> str:
    """The one activation of all hidden layers, by scikit-learn's name."""
    names = [activation] if isinstance(activation, str) else list(activation)
    scikit = {"logistic" if name == "sigmoid" else name for name in names} or {"relu"}
    if len(scikit) > 1 or not scikit <= set(SCIKIT_NAMES):
        raise ValueError(
            f"scikit-learn has one activation for all hidden layers, out of {SCIKIT_NAMES}; "
            f"this model has {activation!r}"
        )
    return str(scikit.pop())
