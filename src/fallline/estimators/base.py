"""The common part of both estimators: fitting, forward pass, conversion to the core and back."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.samples import Samples
from fallline.engine import threads_allowed
from fallline.estimators import drawing
from fallline.estimators.callbacks import Watchers
from fallline.estimators.fitting import as_numbers, solve
from fallline.estimators.forward import ROWS_AT_ONCE, by_pieces, is_plain, one_piece, values
from fallline.estimators.layers import cut, hidden_names, hidden_sizes
from fallline.estimators.lbfgs import objective_in_memory
from fallline.estimators.networks import (
    complete_records,
    network_of,
    network_to_go_on,
    new_network,
    start,
)
from fallline.estimators.on_cluster import fit_collection, is_collection
from fallline.estimators.rows import Data, dense
from fallline.estimators.solver import is_stochastic

__all__ = ["BaseMLP"]


def can_fit_partially(model: Any) -> bool:
    """True, or AttributeError with the reason."""
    if model.preset is not None:
        raise AttributeError(
            "partial_fit does not go with a preset, which has to see all rows at once."
        )
    if not is_stochastic(model):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{model.optimizer or model.solver} is not stochastic."
        )
    return True


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """The common part of :class:`MLPClassifier` and :class:`MLPRegressor`."""

    def _keep_parameters(self, given: dict[str, Any]) -> None:
        """Store the constructor's parameters as attributes, unchanged."""
        for name in self._parameter_constraints:
            setattr(self, name, given[name])

    # ---- what the two differ in

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """X and y checked; y as the user's labels or numbers."""

    @abstractmethod
    def _targets(self, y: Any) -> Array:
        """y as the network's targets (n_samples, n_outputs)."""

    @abstractmethod
    def _core_loss(self) -> str:
        """The name of the core's loss."""

    def _smoothed(self, Y: Array) -> Array:
        return Y

    def _step_weight(self, y: Any, weight: Array | None, incremental: bool) -> Array | None:
        """The weight of each row in the loss."""
        return weight

    # ---- fitting

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> "BaseMLP":
        """Fit the network to X and y, from new weights unless ``warm_start``.

        Parameters
        ----------
        X : (n_samples, n_features) array, sparse matrix or frame; float32 is kept, all else becomes
            float64. A Dask array or DataFrame, with y and the weights in the same form, is fitted
            where its chunks are, on the cluster of the current ``distributed.Client``; predictions
            for one are Dask arrays.
        y : (n_samples,) or (n_samples, n_outputs) labels, or numbers for the regressor.
        sample_weight : (n_samples,), weights of the rows in the loss.
        validation_data : a pair (X, y) to measure after each epoch, into ``validation_loss_curve_``
            and ``validation_scores_``; with ``early_stopping`` it replaces the split.

        Returns the estimator. Raises ValueError for data or parameters that are not allowed, and
        if the weights become infinite. Warns with ConvergenceWarning if ``max_iter`` ends the fit.
        """
        return self._fit(X, y, sample_weight, incremental=False, validation_data=validation_data)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, incremental: bool, validation_data: Any = None
    ) -> "BaseMLP":
        if is_collection(X):
            fit_collection(self, X, y, sample_weight, validation_data, incremental=incremental)
            return self
        for name in ("encoder_", "_preset_activation"):  # what an earlier fit by a preset has left
            self.__dict__.pop(name, None)
        hidden = hidden_sizes(self.hidden_layer_sizes)
        if self.preset is not None:
            from fallline.estimators import presets  # loads Polars

            presets.check_parameters(self)
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        given = X, y
        X, y = self._validate_input(X, y, incremental, reset=first)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        Y = self._targets(y)
        self.n_outputs_ = Y.shape[1]
        self._random_state = check_random_state(self.random_state)
        if self.preset is not None:
            step_weight = self._step_weight(y, weight, incremental)
            presets.fit_by_preset(self, X, Y * 1.0, step_weight, self._pair(validation_data))
            return self
        sizes = [X.shape[1], *hidden, self.n_outputs_]
        network = new_network(self, sizes, X.dtype) if first else network_to_go_on(self, sizes)
        if first:
            start(self, network)
        complete_records(self)
        self._network = network
        self.coefs_, self.intercepts_ = cut(network.parameters, network.sizes)
        watchers = Watchers(self, network, *given, weight)
        solve(self, network, Data(X, y, Y, weight), watchers, incremental, validation_data)
        if not np.isfinite(network.parameters).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        self._functions = (self._activation, self.out_activation_, self._layer_functions())
        watchers.end()
        return self

    def _pair(self, validation_data: Any) -> Any:
        """Validation rows as an array, with the network's targets."""
        if validation_data is None:
            return None
        X, y = validation_data
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return X, self._targets(np.asarray(y)) * 1.0

    @property
    def _best_coefs(self) -> list[Array]:
        return self._best()[0]

    @property
    def _best_intercepts(self) -> list[Array]:
        return self._best()[1]

    def _best(self) -> tuple[list[Array], list[Array]]:
        """The best weights so far according to early stopping; without it, the current ones."""
        best = getattr(self, "_best_theta", None)
        sizes = [len(self.coefs_[0]), *(W.shape[1] for W in self.coefs_)]
        return (self.coefs_, self.intercepts_) if best is None else cut(best, sizes)

    # ---- predicting

    def _output(self, X: Any) -> Array:
        """The network's output (n_samples, n_outputs); a plain array of rows has a shortcut."""
        coefs = self.__dict__.get("coefs_")
        if (
            coefs is None
            or "feature_names_in_" in self.__dict__
            or "encoder_" in self.__dict__
            or not is_plain(X, coefs[0].dtype, self.n_features_in_)
        ):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
            return self._output_of(X)
        return self._forward(X, coefs, self.intercepts_)

    def _output_of(self, X: Any) -> Array:
        if "encoder_" in self.__dict__:
            from fallline.estimators import presets

            return presets.output(self, X)
        if X.dtype.kind != "f":
            X = X.astype(self.coefs_[0].dtype)
        if hasattr(X, "tocsr"):
            X = X.tocsr()
        with np.errstate(over="ignore", invalid="ignore"):
            return self._forward(X, self.coefs_, self.intercepts_)

    def _forward(self, X: Any, coefs: list[Array], intercepts: list[Array]) -> Array:
        functions = self._layer_functions()
        if X.shape[0] <= ROWS_AT_ONCE:
            return one_piece(X, coefs, intercepts, functions)
        return by_pieces(X, coefs, intercepts, functions, self._threads())

    def _threads(self) -> int:
        """The maximum number of threads: ``n_jobs``, by default the available cores."""
        return threads_allowed() if self.n_jobs is None else int(effective_n_jobs(self.n_jobs))

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> Array:
        """The network's output, under the name that programs for scikit-learn use."""
        return self._output(X) if check_input else self._output_of(X)

    @property
    def _activation(self) -> Any:
        """Of the hidden layers: as given, or the preset's."""
        return self.__dict__.get("_preset_activation", self.activation)

    def _layer_functions(self) -> Any:
        """The function of every layer, looked up again only if a name has changed."""
        known = self.__dict__.get("_functions")
        if known and known[0] is self._activation and known[1] is self.out_activation_:
            return known[2]
        names = hidden_names(self._activation, len(self.coefs_) - 1)
        output = "sigmoid" if self.out_activation_ == "logistic" else self.out_activation_
        return values(names, output)

    # ---- the core's network, and the records

    def to_network(self) -> Network:
        """The fitted network as a network of the core, with its own copy of the weights.

        The core knows no class names: ``predict`` of a classifier's network gives positions in
        ``classes_``. Raises NotFittedError before a fit.
        """
        check_is_fitted(self)
        return network_of(self).copy()

    def _staged(self, X: Any) -> Iterator[Array]:
        check_is_fitted(self)
        if self.keep_every is None:
            raise ValueError("no weights were kept; set keep_every=1 to keep those of every epoch")
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        for _, coefs, intercepts in self.kept_weights_:
            yield self._forward(X, coefs, intercepts)

    # ---- what scikit-learn requires of an estimator

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        for name in ("_network", "_functions"):
            state.pop(name, None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.preset is None
        return tags

    def _html_repr(self) -> str:
        return str(super()._html_repr()) + drawing.of_estimator(self)

    def _loss_grad_lbfgs(
        self, packed_coef_inter: Array, X: Any, y: Array, sample_weight: Any, *buffers: Any
    ) -> tuple[float, Array]:
        """Loss and packed gradient at packed weights, as programs for scikit-learn call it.

        ``y`` are the binarised targets; further arguments, scikit-learn's buffers, are not needed.
        ``coefs_`` and ``intercepts_`` are set to the packed weights.
        """
        network = network_of(self)
        Y = as_numbers(np.reshape(y, (len(y), -1)), network)
        weight = None if sample_weight is None else np.asarray(sample_weight, network.dtype)
        rows = Samples(dense(X, network.dtype), Y, weight)
        objective = objective_in_memory(network, rows, self.alpha)
        self._network = network
        self.coefs_, self.intercepts_ = cut(network.parameters, network.sizes)
        return objective.at_packed(np.asarray(packed_coef_inter))


partial_fit_where_stochastic = available_if(can_fit_partially)
