"""Predictions over a Dask collection, computed lazily, each chunk on its worker."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.reading import table_of_frame
from fallline.distributed.parts import Architecture, is_frame, some
from fallline.errors import ParameterError, ShapeError, TableError
from fallline.tabular.model import TableModel

__all__ = ["mapped", "predict", "predict_proba"]


def predict(network: Network | TableModel, X: Any) -> Any:
    """``network.predict`` for every row of a Dask array or DataFrame, as a Dask array.

    A :class:`fallline.TableModel` takes a DataFrame with its table's columns, in any order, and
    gives one of ``prediction`` and, for classes, the probability of each. Nothing is computed
    before the result is requested, and each chunk is computed on its worker. A network takes the
    columns of a DataFrame in their order. Raises ParameterError for anything but a Dask collection,
    ShapeError or TableError if the columns do not fit.
    """
    if isinstance(network, TableModel):
        return by_table_model(network, X)
    return mapped(by_network(network, "predict"), X, network.sizes[0])


def predict_proba(network: Network, X: Any) -> Any:
    """The output in its own terms, (n_samples, n_outputs), for every row, as :func:`predict`."""
    return mapped(by_network(network, "predict_proba"), X, network.sizes[0])


def by_table_model(model: TableModel, X: Any) -> Any:
    """Predictions of a table, partition by partition."""
    if not is_frame(X):
        raise ParameterError("a model of a table predicts a Dask DataFrame with its columns")
    needed = [column.name for column in model.encoding.cells]
    missing = [name for name in needed if name not in X.columns]
    if missing:
        raise TableError(f"the frame has no column {missing[0]!r}; it has {some(X.columns)}")
    label = "object" if model.encoding.classes else "float64"
    shares = [(f"probability of {name}", "float64") for name in model.encoding.classes]
    light = replace(model, data=None, folds=None, scored=[])
    ends = [("lower", "float64"), ("upper", "float64")] if not shares else [("set", "object")]
    sure = ends if model.conformal is not None else []
    meta = [("prediction", label), *shares, *sure]
    return X[needed].map_partitions(predicted_rows, light, meta=meta)


def predicted_rows(frame: Any, model: TableModel) -> Any:
    """The predictions of a partition, a frame with the same index."""
    columns = model.predict(table_of_frame(frame)).columns()
    return type(frame)(columns, index=frame.index)


def by_network(network: Network, method: str) -> Callable[[Array], Array]:
    """A function of rows that can be sent, with the current parameters."""
    return partial(predicted, Architecture.of(network), np.array(network.parameters), method)


def predicted(architecture: Architecture, theta: Array, method: str, X: Array) -> Array:
    """The predictions of some rows."""
    network = architecture.network()
    network.parameters = theta
    result: Array = getattr(network, method)(X)
    return result


def mapped(function: Callable[[Array], Array], X: Any, n_features: int) -> Any:
    """``function`` of every chunk of rows; it gives (n,) or (n, k) for (n, n_features)."""
    if not hasattr(X, "to_delayed"):
        raise ParameterError("X must be a Dask array or DataFrame")
    rows = X.to_dask_array() if is_frame(X) else X
    if rows.ndim != 2 or rows.shape[1] != n_features:
        shown = f" ({some(X.columns)})" if is_frame(X) else ""
        raise ShapeError(
            f"X has shape {rows.shape}{shown}; (n_samples, {n_features}) is needed, one column per "
            "input of the network"
        )
    rows = rows.rechunk({1: -1})
    example = function(np.zeros((1, n_features)))
    shape: dict[str, Any] = {"drop_axis": 1}
    if example.ndim == 2:
        shape = {"chunks": (rows.chunks[0], (example.shape[1],))}
    return rows.map_blocks(function, dtype=example.dtype, meta=example[:0], **shape)
