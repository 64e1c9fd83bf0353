"""MLPClassifier: scikit-learn's, over the core."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.estimators.base import BaseMLP, partial_fit_where_stochastic
from fallline.estimators.constraints import CLASSIFIER
from fallline.estimators.from_network import classifier_from_network
from fallline.estimators.labels import binarizer_of
from fallline.estimators.on_cluster import is_collection, mapped

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron that predicts classes, trained on the cross-entropy.

    It replaces ``sklearn.neural_network.MLPClassifier``; the parameters down to ``max_fun`` have
    scikit-learn's names, defaults and meaning, and the same ``random_state`` gives the same weights
    to rounding.

    Parameters
    ----------
    hidden_layer_sizes : neurons of each hidden layer; one number for a single layer.
    activation : "relu", "logistic", "tanh" or "identity"; also "sigmoid" (the same as "logistic"),
        "leaky_relu", "elu", "gelu", "silu", "softplus", an ``Activation`` of your own, or a list
        with one for each hidden layer.
    solver : "adam", "sgd" or "lbfgs".
    alpha : L2 on the weights, divided by the rows (or the weight) of a batch.
    batch_size : rows per step; "auto" means 200, or all if there are fewer.
    learning_rate : of sgd: "constant", "invscaling" or "adaptive".
    learning_rate_init, power_t : the rate, and its exponent for "invscaling".
    max_iter : the maximum number of epochs (lbfgs: iterations).
    shuffle, random_state : whether rows are shuffled before each epoch; the seed or generator of
        weights, split and shuffles.
    tol, n_iter_no_change : stop after more than ``n_iter_no_change`` epochs that improve by less
        than ``tol``.
    verbose, warm_start : print each epoch; continue from the last weights.
    momentum, nesterovs_momentum : of sgd.
    early_stopping, validation_fraction : hold rows out, stop by their score and keep the best
        weights.
    beta_1, beta_2, epsilon : of adam.
    max_fun : the maximum number of evaluations of lbfgs.
    class_weight : a weight for each class, or "balanced".
    label_smoothing : s in [0, 1): the targets become (1 - s) y + s / n_classes.
    dropout : the share of each hidden layer's activations that a step sets to 0.
    early_stopping_metric : the metric of early stopping: "loss", a scorer's name or a scorer; by
        default accuracy.
    callbacks : called after each epoch with a ``fallline.training.run.Progress``; True stops.
    optimizer : an optimiser of the core, such as ``RMSProp(0.01)``, in place of ``solver``.
    schedule : a schedule of the core, such as ``Cosine(0.01, steps=2000)``, in place of
        ``learning_rate`` and ``learning_rate_init``.
    weight_decay : decoupled, as in AdamW; of adam.
    keep_every : keep the weights every ``keep_every`` epochs, for ``staged_predict``.
    n_jobs : threads of the compiled engine and of large predictions; by default the available
        cores. The result has the same bits with any number.
    engine : "auto", "numpy" or "compiled".
    preset : "quick", "standard" or "best": encode X by :class:`fallline.PiecewiseLinear` and train
        as ``fallline train`` does. The preset sets everything else but ``random_state``,
        ``validation_fraction``, ``class_weight``, ``label_smoothing``, ``callbacks``, ``n_jobs``
        and ``engine``. Over folds each row is held out once, and ``validation_fraction`` does not
        matter; with ``validation_data`` there is one network and no folds. None trains as
        scikit-learn does.

    Attributes
    ----------
    classes_, coefs_, intercepts_, loss_, best_loss_, loss_curve_, validation_scores_,
    best_validation_score_, t_, n_iter_, n_layers_, n_outputs_, out_activation_, n_features_in_,
    feature_names_in_ : as in scikit-learn.
    validation_loss_curve_ : the loss of the validation rows after each epoch.
    history_ : a ``fallline.History`` with all of them, the learning rate, and why training ended.
    encoder_ : the encoding of X, with a preset.
    kept_weights_ : (epoch, coefs, intercepts) of the epochs that ``keep_every`` names.

    >>> import fallline as fl
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fl.MLPClassifier(8, solver="lbfgs", alpha=0.1, max_iter=1_000, random_state=0)
    >>> round(model.fit(X, y).score(X, y), 2)
    0.99
    """

    _parameter_constraints = CLASSIFIER
    loss = "log_loss"

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        dropout: float = 0.0,
        early_stopping_metric: Any = None,
        callbacks: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        weight_decay: float = 0.0,
        keep_every: int | None = None,
        n_jobs: int | None = None,
        engine: str = "auto",
        preset: str | None = None,
    ) -> None:
        self._keep_parameters(locals())

    # ---- targets

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, y

    def _check_classes(self, classes: Array) -> None:
        """Raise ValueError for classes that the fitted network does not have."""
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if np.setdiff1d(classes, self.classes_, assume_unique=True).size:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _targets(self, y: Any) -> Array:
        """One column per class, one for two classes, one per label of a multilabel target."""
        if self._label_binarizer.y_type_ not in ("binary", "multiclass"):
            Y: Array = np.asarray(self._label_binarizer.transform(y), dtype=bool)
            return Y
        found = np.searchsorted(self.classes_, y)  # the labels have been checked
        several = len(self.classes_) > 2
        columns: Array = np.arange(len(self.classes_)) if several else np.ones(1, int)
        chosen: Array = found[:, None] == columns
        return chosen

    def _core_loss(self) -> str:
        several = self._label_binarizer.y_type_ == "multiclass"
        return "cross_entropy" if several else "binary_cross_entropy"

    def _smoothed(self, Y: Array) -> Array:
        if self.label_smoothing == 0:
            return Y
        classes = Y.shape[1] if self._core_loss() == "cross_entropy" else 2
        share = Y.dtype.type(self.label_smoothing)
        softer: Array = (1 - share) * Y + share / classes
        return softer

    def _step_weight(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs all rows at once, which partial_fit does not see; "
                "give a weight for each class, or the sample_weight of compute_sample_weight"
            )
        by_class: Array = compute_sample_weight(self.class_weight, y)
        return by_class if weight is None else by_class * weight

    # ---- fitting and predicting

    @partial_fit_where_stochastic  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> "MLPClassifier":
        """One more epoch over the given rows.

        ``classes`` (n_classes,) names every class of all calls; the first call needs it. The other
        parameters are those of :meth:`fit`. Not available for lbfgs.
        """
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer = binarizer_of(y if several else classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> Any:
        """The class of each row, (n_samples,); for multilabel targets (n_samples, n_classes)."""
        if is_collection(X):
            return mapped(self, "predict", X)
        return self._labels(self._output(X))

    def _labels(self, output: Array) -> Any:
        """What ``predict`` makes of the network's output."""
        if output.shape[1] > 1 and self.out_activation_ == "softmax":
            return self.classes_[output.argmax(axis=1)]
        if output.shape[1] == 1 and len(self.classes_) == 2:
            return self.classes_[(output[:, 0] > 0.5).astype(np.intp)]
        flat = output[:, 0] if output.shape[1] == 1 else output
        return self._label_binarizer.inverse_transform(flat)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (n_samples, n_classes), in the order of ``classes_``."""
        if is_collection(X):
            return mapped(self, "predict_proba", X)
        return both_classes(self._output(X))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of ``predict_proba``."""
        probabilities: Array = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities, out=probabilities)

    def staged_predict(self, X: Any) -> Iterator[Any]:
        """What ``predict`` gave after each of the epochs kept by ``keep_every``."""
        return (self._labels(output) for output in self._staged(X))

    def staged_predict_proba(self, X: Any) -> Iterator[Array]:
        """What ``predict_proba`` gave after each of the epochs kept by ``keep_every``."""
        return (both_classes(output) for output in self._staged(X))

    @classmethod
    def from_network(cls, network: Network, *, classes: Any = None) -> "MLPClassifier":
        """A fitted classifier from a network of the core with a cross-entropy loss.

        ``classes`` are the labels in the order of the outputs; by default 0, 1, .... Several
        outputs of a binary_cross_entropy network are separate labels (multilabel). Raises
        ValueError for another loss, or another number of classes.
        """
        model: MLPClassifier = classifier_from_network(cls, network, classes)
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def both_classes(output: Array) -> Array:
    """A single probability p as the pair 1 - p, p."""
    if output.shape[1] != 1:
        return output
    pair = np.empty((len(output), 2), output.dtype)
    np.subtract(1, output[:, 0], out=pair[:, 0])
    pair[:, 1] = output[:, 0]
    return pair
