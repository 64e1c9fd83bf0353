"""MLPRegressor: scikit-learn's, over the core."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.estimators.base import BaseMLP, partial_fit_where_stochastic
from fallline.estimators.constraints import REGRESSOR
from fallline.estimators.from_network import regressor_from_network
from fallline.estimators.on_cluster import is_collection, mapped

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron that predicts numbers.

    It replaces ``sklearn.neural_network.MLPRegressor``; the parameters down to ``max_fun`` have
    scikit-learn's names, defaults and meaning, and the same ``random_state`` gives the same weights
    to rounding. :class:`MLPClassifier` describes the parameters that both have.

    Parameters
    ----------
    loss : "squared_error" or "poisson"; also "absolute_error", "huber" (with the bend at an error
        of 1) and "quantile". With several outputs they are summed over the outputs, but ``loss_``
        is the squared error averaged over them, as in scikit-learn.
    quantile : in (0, 1), the quantile that loss="quantile" predicts.
    early_stopping_metric : by default R2.

    Attributes
    ----------
    coefs_, intercepts_, loss_, best_loss_, loss_curve_, validation_scores_,
    best_validation_score_, t_, n_iter_, n_layers_, n_outputs_, out_activation_, n_features_in_,
    feature_names_in_ : as in scikit-learn.
    validation_loss_curve_, history_, kept_weights_ : as of :class:`MLPClassifier`.

    >>> import fallline as fl
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> model = fl.MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", max_iter=5_000)
    >>> round(model.set_params(random_state=0).fit(X, y / 100).score(X, y / 100), 2)
    1.0
    """

    _parameter_constraints = REGRESSOR

    def __init__(
        self,
        loss: str = "squared_error",
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
        quantile: float = 0.5,
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

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("loss='poisson' needs targets of at least 0; y has negative ones")
        return X, y

    def _targets(self, y: Any) -> Array:
        return np.asarray(y).reshape(len(y), -1)

    def _core_loss(self) -> str:
        return f"quantile({float(self.quantile)!r})" if self.loss == "quantile" else str(self.loss)

    @partial_fit_where_stochastic  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MLPRegressor":
        """One more epoch over the given rows; not available for lbfgs.

        Parameters as of :meth:`fit`.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> Any:
        """The predicted numbers, (n_samples,) or (n_samples, n_outputs)."""
        if is_collection(X):
            return mapped(self, "predict", X)
        return one_column(self._output(X))

    def staged_predict(self, X: Any) -> Iterator[Array]:
        """What ``predict`` gave after each of the epochs kept by ``keep_every``."""
        return (one_column(output) for output in self._staged(X))

    @classmethod
    def from_network(cls, network: Network) -> "MLPRegressor":
        """A fitted regressor from a network of the core with a loss for numbers.

        Raises ValueError for another loss.
        """
        model: MLPRegressor = regressor_from_network(cls, network)
        return model


def one_column(output: Array) -> Array:
    """(n, 1) as (n,)."""
    return output[:, 0] if output.shape[1] == 1 else output
