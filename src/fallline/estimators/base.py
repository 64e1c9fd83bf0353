"""What both estimators share: fitting, the forward pass, the way to the core and back."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fallline.arrays import Array
from fallline.engine import compiled_before, serves, threads_allowed
from fallline.estimators import drawing
from fallline.estimators.blas import one_blas_thread
from fallline.estimators.descending import Descending
from fallline.estimators.epochs import Epochs, Order, OrderedDescent
from fallline.estimators.forward import ROWS_AT_ONCE, by_pieces, is_plain, one_piece, values
from fallline.estimators.layers import cut, draw, hidden_names, hidden_sizes
from fallline.estimators.lbfgs import Objective, minimise
from fallline.estimators.rows import SparseRows, as_rows, dense
from fallline.estimators.scoring import Held
from fallline.estimators.solver import Solver
from fallline.estimators.watching import Watchers
from fallline.history import History
from fallline.network import Network
from fallline.optimizers import LBFGS, GradientDescent
from fallline.position import Position
from fallline.samples import Samples
from fallline.training import Settings

__all__ = ["BaseMLP"]

PAYS_ABOVE = 0.005  # seconds of the reference, for one fit


def is_stochastic(model: Any) -> bool:
    """Whether the estimator goes by gradient steps, so that partial_fit makes sense."""
    if model.optimizer is not None:
        return not isinstance(model.optimizer, LBFGS)
    return bool(model.solver != "lbfgs")


def can_fit_partially(model: Any) -> bool:
    """True, or AttributeError with the reason."""
    if not is_stochastic(model):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{model.optimizer or model.solver} is not stochastic."
        )
    return True


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """The common part of :class:`MLPClassifier` and :class:`MLPRegressor`."""

    def _keep_parameters(self, given: dict[str, Any]) -> None:
        """Keep the constructor's parameters as attributes, untouched."""
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
        X : (n_samples, n_features) array, sparse matrix or frame; float32 is kept, all else
            becomes float64.
        y : (n_samples,) or (n_samples, n_outputs) labels, or numbers for the regressor.
        sample_weight : (n_samples,), weights of the rows in the loss.
        validation_data : a pair (X, y) to measure after each epoch, into
            ``validation_loss_curve_`` and ``validation_scores_``; with ``early_stopping`` it takes
            the place of the split.

        Returns the estimator. Raises ValueError for data or parameters that are not allowed, and
        where the weights become infinite. Warns with ConvergenceWarning where ``max_iter`` ends
        the fit.
        """
        return self._fit(X, y, sample_weight, incremental=False, validation_data=validation_data)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, incremental: bool, validation_data: Any = None
    ) -> "BaseMLP":
        hidden = hidden_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        Y = self._targets(y)
        self.n_outputs_ = Y.shape[1]
        self._random_state = check_random_state(self.random_state)
        sizes = [X.shape[1], *hidden, self.n_outputs_]
        network = self._new_network(sizes, X.dtype) if first else self._network_to_go_on(sizes)
        if first:
            self._start(network)
        self._start_records()
        self._network = network
        self.coefs_, self.intercepts_ = cut(network.parameters, network.sizes)
        watchers = Watchers(self, network, X, y, weight)
        with one_blas_thread():
            self._solve(network, (X, y, Y, weight), watchers, incremental, validation_data)
        if not np.isfinite(network.parameters).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        self._functions = (self.activation, self.out_activation_, self._layer_functions())
        watchers.end()
        return self

    def _solve(
        self,
        network: Network,
        data: tuple[Any, Any, Array, Array | None],
        watchers: Watchers,
        incremental: bool,
        validation_data: Any,
    ) -> None:
        """Train with the solver, or the optimizer, of the estimator."""
        if is_stochastic(self):
            held = None if validation_data is None else self._held_out(validation_data, network)
            self._descend(network, data, held, watchers, incremental)
        else:
            self._refuse_for_lbfgs(validation_data)
            self._lbfgs(network, data, watchers)

    def _refuse_for_lbfgs(self, validation_data: Any) -> None:
        """Raise ValueError for what only makes sense in steps on batches."""
        given = {
            "validation_data": validation_data is not None,
            "weight_decay": self.weight_decay > 0,
            "schedule": self.schedule is not None,
            "dropout": self.dropout > 0,
        }
        for name, is_given in given.items():
            if is_given:
                raise ValueError(f"{name} does not go with lbfgs; use solver='adam' or 'sgd'")

    def _new_network(self, sizes: list[int], dtype: Any) -> Network:
        names = hidden_names(self.activation, len(sizes) - 2)
        network = Network(sizes, hidden=names, loss=self._core_loss(), dtype=dtype)
        draw(network, self._random_state)
        return network

    def _network_to_go_on(self, sizes: list[int]) -> Network:
        """The network of the last fit, with whatever ``coefs_`` and ``intercepts_`` hold now."""
        network = self._network_of()
        if list(network.sizes) != sizes:
            old, new = ("-".join(map(str, s)) for s in (network.sizes, sizes))
            raise ValueError(
                f"the fitted network is {old}, so it cannot be fitted further as {new}; "
                "keep hidden_layer_sizes and the number of outputs, or set warm_start=False"
            )
        return network

    def _network_of(self) -> Network:
        network: Network | None = getattr(self, "_network", None)
        if network is None or not self._holds(network):
            sizes = [len(self.coefs_[0]), *(W.shape[1] for W in self.coefs_)]
            names = hidden_names(self.activation, len(sizes) - 2)
            dtype = self.coefs_[0].dtype
            network = Network(sizes, hidden=names, loss=self._core_loss(), dtype=dtype)
            for layer, W, b in zip(network.layers, self.coefs_, self.intercepts_, strict=True):
                layer.W[:], layer.b[:] = W, b
        return network

    def _holds(self, network: Network) -> bool:
        """Whether ``coefs_`` and ``intercepts_`` are still the views of this network."""
        names = hidden_names(self.activation, len(network.hidden))
        if tuple(names) != network.hidden or network.loss.name != self._core_loss():
            return False
        shared = zip(network.layers, self.coefs_, self.intercepts_, strict=False)
        return len(self.coefs_) == len(network.layers) and all(
            same_memory(layer.W, W) and same_memory(layer.b, b) for layer, W, b in shared
        )

    def _start(self, network: Network) -> None:
        """The fitted attributes before the first epoch."""
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(network.sizes)
        name = network.loss.output_name
        self.out_activation_ = "logistic" if name == "sigmoid" else name
        self.history_ = History()
        self.kept_weights_: list[Any] = []
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.__dict__.pop("_best_theta", None)
        if is_stochastic(self):
            self._no_improvement_count = 0
            stops = self.early_stopping
            self.validation_scores_: list[float] | None = [] if stops else None
            self.best_validation_score_ = -np.inf if stops else None
            self.best_loss_ = None if stops else np.inf

    def _start_records(self) -> None:
        """Records that a program which set the weights by hand has not made."""
        first = {
            "n_iter_": 0,
            "t_": 0,
            "history_": History(),
            "kept_weights_": [],
            "loss_curve_": [],
            "validation_loss_curve_": [],
            "validation_scores_": None,
            "_no_improvement_count": 0,
        }
        for name, value in first.items():
            if not hasattr(self, name) and (is_stochastic(self) or "validation" not in name):
                setattr(self, name, value)
        if is_stochastic(self) and self.early_stopping:
            if getattr(self, "best_validation_score_", None) is None:
                self.best_validation_score_ = -np.inf
        elif is_stochastic(self) and getattr(self, "best_loss_", None) is None:
            self.best_loss_ = np.inf

    def _held_out(self, validation_data: Any, network: Network) -> Held:
        """``validation_data`` as rows to measure. Raises ValueError where it does not fit."""
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise ValueError("validation_data must be a pair (X, y)")
        X, y = self._validate_input(validation_data[0], validation_data[1], True, False)
        Y = self._as_numbers(self._targets(y), network)
        return Held(Samples(dense(X, network.dtype), Y, None), y)

    def _as_numbers(self, Y: Array, network: Network) -> Array:
        return np.ascontiguousarray(Y, dtype=network.dtype)

    def _rows(
        self, network: Network, X: Any, y: Any, Y: Array, weight: Array | None, incremental: bool
    ) -> Samples:
        """The training rows as the core takes them."""
        numbers = self._smoothed(self._as_numbers(Y, network))
        weight = self._step_weight(y, weight, incremental)
        if weight is not None:
            weight = np.ascontiguousarray(weight, dtype=network.dtype)
        return Samples(as_rows(X, network.dtype), numbers, weight)

    def _loss_scale(self, network: Network) -> float:
        """scikit-learn averages the squared error over the outputs, and sums every other loss."""
        return 1.0 / self.n_outputs_ if network.loss.name == "squared_error" else 1.0

    def _descend(
        self,
        network: Network,
        data: tuple[Any, Any, Array, Array | None],
        held: Held | None,
        watchers: Watchers,
        incremental: bool,
    ) -> None:
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = Solver(self, network)
        if self.early_stopping and held is None:
            data, held = self._split(network, *data)
        rows = self._rows(network, *data, incremental)
        size = self._rows_per_batch(len(rows))
        order = Order(np.arange(len(rows)), self._random_state if self.shuffle else None)
        position = Position(step=self._optimizer.t, state=self._optimizer.state)
        descent = OrderedDescent(
            network=network,
            rows=rows,
            optimizer=self._optimizer.optimizer,
            position=position,
            batch_size=size,
            l2=float(self.alpha),
            l2_per_mass=True,
            dropout=float(self.dropout),
            seed=int(self._random_state.randint(2**31)) if self.dropout > 0 else 0,
            threads=self._threads(),
            source=order,
        )
        most = 1 if incremental else self.max_iter
        epochs = Epochs(
            descent,
            compiled=self._compiled(network, rows, descent.optimizer, size, most),
            loss_scale=self._loss_scale(network),
        )
        Descending(self, network, epochs, held, watchers).run(incremental=incremental)

    def _compiled(
        self, network: Network, rows: Samples, optimizer: Any, batch_size: int, epochs: int
    ) -> bool:
        """Whether the engine runs this fit, by the core's rule; earlier where it need not compile.

        Programs fit often in one process, and importing scikit-learn takes longer than loading the
        engine. What the process fitted before has no say, so that a fit's bits do not depend on it.
        Raises ValueError where the engine is asked for and does not serve.
        """
        if self.engine == "compiled" and not serves(network, optimizer):
            raise ValueError(
                f"engine='compiled' does not serve {type(optimizer).__name__} with "
                f"{', '.join(network.activations)} and {network.loss.name}; use engine='auto'"
            )
        if isinstance(rows.X, SparseRows):
            return False
        settings = Settings(
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            seed=0,
            l2=float(self.alpha),
            keep="last",
            record_every=1,
            stop=(),
            callbacks=(),
            dropout=float(self.dropout),
            engine=self.engine,
            threads=None,
        )
        if self.engine == "auto" and settings.reference_seconds(network, rows) > PAYS_ABOVE:
            return serves(network, optimizer) and (
                compiled_before(network.dtype) or settings.compiled(network, rows)
            )
        return settings.compiled(network, rows)

    def _split(
        self, network: Network, X: Any, y: Any, Y: Array, weight: Array | None
    ) -> tuple[tuple[Any, Any, Array, Array | None], Held]:
        """Training and held-out rows, by scikit-learn's own split of the same generator."""
        stratify = Y if network.loss.task == "binary" and self.n_outputs_ == 1 else None
        train, test = train_test_split(
            np.arange(X.shape[0]),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=stratify,
        )
        if len(test) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        weights = (None, None) if weight is None else (weight[train], weight[test])
        numbers = self._as_numbers(Y[test], network)
        held = Held(Samples(dense(X[test], network.dtype), numbers, weights[1]), y[test])
        return (X[train], y[train], Y[train], weights[0]), held

    def _rows_per_batch(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, n_rows)
        if self.batch_size > n_rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. "
                "It is going to be clipped",
                stacklevel=7,
            )
        return int(min(self.batch_size, n_rows))

    def _lbfgs(
        self, network: Network, data: tuple[Any, Any, Array, Array | None], watchers: Watchers
    ) -> None:
        wide = network
        if network.dtype != np.float64:
            wide = Network(network.sizes, hidden=network.hidden, loss=network.loss.name)
            wide.parameters = network.parameters
        watchers.network = wide
        rows = self._rows(wide, *data, incremental=False)
        plain = GradientDescent(0.1)  # what the engine is asked for: steps on all rows
        compiled = self._compiled(wide, rows, plain, len(rows), self.max_iter)
        threads = self._threads()
        objective = Objective(wide, rows, float(self.alpha), compiled=compiled, threads=threads)
        minimise(self, objective, self._loss_scale(network), watchers)
        network.parameters = wide.parameters

    @property
    def _best_coefs(self) -> list[Array]:
        return self._best()[0]

    @property
    def _best_intercepts(self) -> list[Array]:
        return self._best()[1]

    def _best(self) -> tuple[list[Array], list[Array]]:
        """The weights early stopping holds for the best so far; without it, the present ones."""
        best = getattr(self, "_best_theta", None)
        sizes = [len(self.coefs_[0]), *(W.shape[1] for W in self.coefs_)]
        return (self.coefs_, self.intercepts_) if best is None else cut(best, sizes)

    # ---- predicting

    def _output(self, X: Any) -> Array:
        """The network's output (n_samples, n_outputs); a plain array of rows takes a short way."""
        coefs = self.__dict__.get("coefs_")
        if (
            coefs is None
            or "feature_names_in_" in self.__dict__
            or not is_plain(X, coefs[0].dtype, self.n_features_in_)
        ):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
            return self._output_of(X)
        return self._forward(X, coefs, self.intercepts_)

    def _output_of(self, X: Any) -> Array:
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
        """How many threads may work: ``n_jobs``, by default the cores that may be used."""
        return threads_allowed() if self.n_jobs is None else int(effective_n_jobs(self.n_jobs))

    def _layer_functions(self) -> Any:
        """The function of every layer, looked up anew only where a name has changed."""
        known = self.__dict__.get("_functions")
        if known and known[0] is self.activation and known[1] is self.out_activation_:
            return known[2]
        names = hidden_names(self.activation, len(self.coefs_) - 1)
        output = "sigmoid" if self.out_activation_ == "logistic" else self.out_activation_
        return values(names, output)

    # ---- the core's network, and the records

    def to_network(self) -> Network:
        """The fitted network as one of the core, on its own copy of the weights.

        The core knows no class names: ``predict`` of a classifier's network gives positions in
        ``classes_``. Raises NotFittedError before a fit.
        """
        check_is_fitted(self)
        return self._network_of().copy()

    def _staged(self, X: Any) -> Iterator[Array]:
        check_is_fitted(self)
        if self.keep_every is None:
            raise ValueError("no weights were kept; set keep_every=1 to keep those of every epoch")
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        for _, coefs, intercepts in self.kept_weights_:
            yield self._forward(X, coefs, intercepts)

    # ---- what scikit-learn asks of an estimator

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        for name in ("_network", "_functions"):
            state.pop(name, None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
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
        network = self._network_of()
        Y = self._as_numbers(np.reshape(y, (len(y), -1)), network)
        weight = None if sample_weight is None else np.asarray(sample_weight, network.dtype)
        objective = Objective(network, Samples(dense(X, network.dtype), Y, weight), self.alpha)
        self._network = network
        self.coefs_, self.intercepts_ = cut(network.parameters, network.sizes)
        return objective(np.asarray(packed_coef_inter))


def same_memory(a: Array, b: Any) -> bool:
    """Whether two arrays are the same view."""
    return (
        isinstance(b, np.ndarray)
        and a.shape == b.shape
        and a.dtype == b.dtype
        and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    )


partial_fit_where_stochastic = available_if(can_fit_partially)
