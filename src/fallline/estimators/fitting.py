"""One fit by the estimator's solver: its rows, its validation rows, and who computes the steps."""

from contextlib import nullcontext
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.blas import one_blas_thread
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.penalties import Penalty
from fallline.core.samples import Samples
from fallline.engine import compiled_before, obstacles, serves
from fallline.engine.minimizer import minimizes
from fallline.errors import warn
from fallline.estimators.callbacks import Watchers
from fallline.estimators.lbfgs import minimise, objective_in_memory
from fallline.estimators.rows import Data, SparseRows, as_rows, dense
from fallline.estimators.scoring import ValidationRows
from fallline.estimators.solver import Solver, is_stochastic
from fallline.estimators.steps import Epochs, Order, OrderedSetup
from fallline.estimators.stochastic import StochasticFit
from fallline.training.choice import PAYS_ABOVE, choose_engine
from fallline.training.position import Position

__all__ = ["as_numbers", "solve"]

PAYS_ABOVE_ONCE_COMPILED = 0.005  # seconds of the reference, for one fit


def solve(
    model: Any,
    network: Network,
    data: Data,
    watchers: Watchers,
    incremental: bool,
    validation_data: Any,
) -> None:
    """Train with the solver, or the optimizer, of the estimator."""
    if is_stochastic(model):
        validation = (
            None if validation_data is None else validation_rows(model, validation_data, network)
        )
        descend(model, network, data, validation, watchers, incremental)
    else:
        refuse_for_lbfgs(model, validation_data)
        fit_by_lbfgs(model, network, data, watchers)


def refuse_for_lbfgs(model: Any, validation_data: Any) -> None:
    """Raise ValueError for what only makes sense in steps on batches."""
    given = {
        "validation_data": validation_data is not None,
        "weight_decay": model.weight_decay > 0,
        "schedule": model.schedule is not None,
        "dropout": model.dropout > 0,
    }
    for name, is_given in given.items():
        if is_given:
            raise ValueError(f"{name} does not go with lbfgs; use solver='adam' or 'sgd'")


def descend(
    model: Any,
    network: Network,
    data: Data,
    validation: ValidationRows | None,
    watchers: Watchers,
    incremental: bool,
) -> None:
    if model.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if not incremental or not hasattr(model, "_optimizer"):
        model._optimizer = Solver(model, network)
    if model.early_stopping and validation is None:
        data, validation = split(model, network, data)
    rows = rows_of(model, network, data, incremental)
    size = rows_per_batch(model, len(rows))
    order = Order(np.arange(len(rows)), model._random_state if model.shuffle else None)
    position = Position(step=model._optimizer.t, state=model._optimizer.state)
    setup = OrderedSetup(
        network=network,
        rows=rows,
        optimizer=model._optimizer.optimizer,
        position=position,
        batch_size=size,
        penalty=Penalty(float(model.alpha)),
        penalty_per_mass=True,
        dropout=float(model.dropout),
        seed=int(model._random_state.randint(2**31)) if model.dropout > 0 else 0,
        threads=model._threads(),
        source=order,
    )
    max_epochs = 1 if incremental else model.max_iter
    by_engine = compiled(model, network, rows, setup.optimizer, size, max_epochs)
    loss_scale = loss_scale_of(model, network)
    epochs = Epochs(setup, compiled=by_engine, loss_scale=loss_scale)
    without_blas = by_engine and loss_scale == 1.0
    with nullcontext() if without_blas else one_blas_thread():  # to find BLAS takes 15 ms
        StochasticFit(model, network, epochs, validation, watchers).run(incremental=incremental)


def fit_by_lbfgs(model: Any, network: Network, data: Data, watchers: Watchers) -> None:
    """Run L-BFGS in float64, whatever the network's dtype."""
    wide = network if network.dtype == np.float64 else network.copy("float64")
    watchers.network = wide
    rows = rows_of(model, wide, data, incremental=False)
    plain = GradientDescent(0.1)  # what the engine is asked for: steps on all rows
    by_engine = compiled(model, wide, rows, plain, len(rows), model.max_iter)
    objective = objective_in_memory(
        wide, rows, float(model.alpha), compiled=by_engine, threads=model._threads()
    )
    # SciPy's part, and the reference, go by BLAS; the engine does without
    with nullcontext() if by_engine and minimizes() else one_blas_thread():
        minimise(model, objective, loss_scale_of(model, network), watchers)
    network.parameters = wide.parameters


def validation_rows(model: Any, validation_data: Any, network: Network) -> ValidationRows:
    """``validation_data`` as rows to measure. Raises ValueError where it does not fit."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
        raise ValueError("validation_data must be a pair (X, y)")
    X, y = model._validate_input(validation_data[0], validation_data[1], True, False)
    Y = as_numbers(model._targets(y), network)
    return ValidationRows(Samples(dense(X, network.dtype), Y, None), y)


def split(model: Any, network: Network, data: Data) -> tuple[Data, ValidationRows]:
    """Training and validation rows, by scikit-learn's own split of the same generator."""
    from sklearn.model_selection import train_test_split  # the base classes do not load it

    stratify = data.Y if network.loss.task == "binary" and model.n_outputs_ == 1 else None
    train, test = train_test_split(
        np.arange(len(data.Y)),
        random_state=model._random_state,
        test_size=model.validation_fraction,
        stratify=stratify,
    )
    if len(test) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    left = data.at(test)
    numbers = as_numbers(left.Y, network)
    validation = ValidationRows(Samples(dense(left.X, network.dtype), numbers, left.weight), left.y)
    return data.at(train), validation


def rows_of(model: Any, network: Network, data: Data, incremental: bool) -> Samples:
    """The training rows as the core takes them."""
    numbers = model._smoothed(as_numbers(data.Y, network))
    weight = model._step_weight(data.y, data.weight, incremental)
    if weight is not None:
        weight = np.ascontiguousarray(weight, dtype=network.dtype)
    fill = dense if model.engine == "compiled" else as_rows
    return Samples(fill(data.X, network.dtype), numbers, weight)


def as_numbers(Y: Array, network: Network) -> Array:
    """Targets in the dtype and layout of the core."""
    return np.ascontiguousarray(Y, dtype=network.dtype)


def loss_scale_of(model: Any, network: Network) -> float:
    """scikit-learn averages the squared error over the outputs, and sums every other loss."""
    return 1.0 / model.n_outputs_ if network.loss.name == "squared_error" else 1.0


def rows_per_batch(model: Any, n_rows: int) -> int:
    if model.batch_size == "auto":
        return min(200, n_rows)
    if model.batch_size > n_rows:
        warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return int(min(model.batch_size, n_rows))


def compiled(
    model: Any, network: Network, rows: Samples, optimizer: Any, batch_size: int, epochs: int
) -> bool:
    """Whether the engine runs this fit, by the core's rule; earlier where it need not compile.

    Programs fit often in one process, and importing scikit-learn takes longer than loading the
    engine. What the process fitted before has no say, so that a fit's bits do not depend on it.
    Raises ValueError where the engine is asked for and does not serve.
    """
    if model.engine == "compiled" and not serves(network, optimizer):
        missing = obstacles(network) or [f"the optimiser {type(optimizer).__name__}"]
        raise ValueError(f"engine='compiled' does not have {', '.join(missing)}; use engine='auto'")
    if isinstance(rows.X, SparseRows):
        return False
    above = PAYS_ABOVE_ONCE_COMPILED if compiled_before(network.dtype) else PAYS_ABOVE
    chosen = choose_engine(model.engine, network, rows, batch_size, epochs, pays_above=above)
    return chosen and serves(network, optimizer)
