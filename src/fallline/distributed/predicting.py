"""Predictions over a Dask collection, lazily: each chunk where it lies."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.distributed.parts import Architecture, is_frame, some
from fallline.errors import ParameterError, ShapeError
from fallline.network import Network

__all__ = ["mapped", "predict", "predict_proba"]


def predict(network: Network, X: Any) -> Any:
    """What ``network.predict`` gives for every row of a Dask array or DataFrame, as a Dask array.

    Nothing is computed before the result is asked for, and each chunk where it lies. The columns
    of a DataFrame are taken in their order. Raises ParameterError for what is no Dask collection,
    ShapeError where the columns do not fit.
    """
    return mapped(by_network(network, "predict"), X, network.sizes[0])


def predict_proba(network: Network, X: Any) -> Any:
    """The output in its own terms, (n_samples, n_outputs), for every row, as :func:`predict`."""
    return mapped(by_network(network, "predict_proba"), X, network.sizes[0])


def by_network(network: Network, method: str) -> Callable[[Array], Array]:
    """A function of rows that can be sent; the parameters are those of this moment."""
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
