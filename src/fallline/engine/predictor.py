"""Prediction for a service: one row, or a few, in microseconds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.compact import CompactRows, FeatureMap
from fallline.core.network import Layer, Network
from fallline.core.samples import check_X
from fallline.engine.blocks import Block, blocks_along_diagonal, blocks_of, cut_blocks
from fallline.engine.codes import OUTPUTS
from fallline.engine.functions import activation_codes
from fallline.engine.layout import aligned, lanes, padded
from fallline.engine.library import function
from fallline.engine.lookups import fields_of, map_of
from fallline.engine.loop import obstacles
from fallline.engine.records import PREDICT, Record
from fallline.errors import ParameterError, ShapeError

__all__ = ["Predictor", "outputs"]


class Predictor:
    """A copy of a network, ready to predict single rows by the compiled engine.

    With ``features`` it predicts compact rows of that map (:mod:`fallline.core.compact`): the
    tables that these look up are made once. They take the place of the first layer's weights, and
    two rows a column more. Of an ensemble's layers only the blocks are kept.

    Later changes of the network have no effect. Each thread needs its own Predictor. For many rows
    use :meth:`fallline.Network.predict_proba`, which takes half the time per row from a few dozen
    rows on. Raises ParameterError for an activation or loss that the engine does not have.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], loss="binary_cross_entropy", seed=0)
    >>> predictor = fl.Predictor(net)
    >>> predictor.predict_proba([0.5, 1.0]).shape, net.predict_proba([[0.5, 1.0]]).shape
    ((1,), (1, 1))
    """

    def __init__(self, network: Network, features: FeatureMap | None = None) -> None:
        check_compiled(network)
        blocks = blocks_of(network)
        weights = [packed(layer, blocks_along_diagonal(layer.W)) for layer in network.layers[1:]]
        first, tables = packed(network.layers[0], []), None
        if features is None:
            weights = [first, *weights]
        else:
            tables = tables_of(network, features, first)
        self._lay_out(network, one_array(weights, network.dtype), blocks, features, tables)

    def __getstate__(self) -> tuple[Any, ...]:
        """What a copy, here or in another process, is laid out from: addresses are not the same."""
        return self.network, self.weights, self.blocks, self.features, self.tables

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        check_compiled(state[0])
        self._lay_out(*state)

    def _lay_out(
        self,
        network: Network,
        weights: Array,
        blocks: Array | None,
        features: FeatureMap | None,
        tables: Array | None,
    ) -> None:
        self.network, self.weights, self.dtype = network, weights, network.dtype
        self.blocks, self.features, self.tables = blocks, features, tables
        self.n_outputs, self.row_shape = network.sizes[-1], network.sizes[:1]
        width = max(padded(size, self.dtype) for size in network.sizes) + lanes(self.dtype)
        self.record = Record(
            PREDICT, self.dtype, weights=weights, sizes=np.array(network.sizes),
            n_layers=len(network.layers), codes=np.array([*activation_codes(network), 0]),
            output=OUTPUTS.index(network.loss.output_name),
            workspace=aligned(3 * width, self.dtype), width=width, blocks=blocks,
            **({} if features is None else {**map_of(features), "lookup_space": tables}),
        )  # fmt: skip
        self._run = function("predict", self.dtype)
        # a single row is copied here, since getting an array's address takes longer
        row: Array = np.zeros((1, network.sizes[0]), self.dtype)
        out: Array = np.zeros((1, self.n_outputs), self.dtype)
        self.row: Array = row[0]
        self.row_out: Array = out[0]
        self.single = self.record.copy(X=row, n_rows=1, out=out)
        self.single_address = self.single.address

    def predict_proba(self, X: ArrayLike | CompactRows) -> Array:
        """The output in its own terms: (n_outputs,) for one row, (n, n_outputs) for several.

        Raises ShapeError and DataError as :meth:`fallline.Network.predict_proba` does, and
        ParameterError for rows of another map than ``features``.
        """
        if self.features is not None or isinstance(X, CompactRows):
            return self._of_compact(X)
        if isinstance(X, np.ndarray) and X.dtype is self.dtype and X.shape == self.row_shape:
            self.row[:] = X
            if self._run(self.single_address):
                return self.row_out.copy()
        given = np.asarray(X)
        one_row = given.ndim == 1
        rows = check_X([given] if one_row else given, self.row_shape[0], self.dtype)
        out = np.empty((len(rows), self.n_outputs), self.dtype)
        if not self.run(rows, out):
            check_X(rows, self.row_shape[0], self.dtype)  # says which number it is
        return out[0] if one_row else out

    def _of_compact(self, X: Any) -> Array:
        """The output of compact rows (n, n_outputs)."""
        if not isinstance(X, CompactRows) or X.map != self.features:
            raise ParameterError(
                "a Predictor with features takes compact rows of that map and no others; "
                "leave features out for rows of numbers"
            )
        rows = X.astype(self.dtype)
        out = np.empty((len(rows), self.n_outputs), self.dtype)
        if not self.run(rows, out):
            check_X(np.asarray(rows), self.row_shape[0], self.dtype)
        return out

    def run(self, rows: Array | CompactRows, out: Array) -> bool:
        """The bare kernel: rows (n, n_features) and out (n, n_outputs) of the network's dtype.

        Nothing is checked; False where a number is not finite.
        """
        self.record.set(**fields_of(rows), n_rows=len(rows), out=out)
        return self._run(self.record.address) == 1

    def bound(self, rows: Array | CompactRows, out: Array) -> Callable[[], bool]:
        """``run`` for these very arrays, whose numbers may change from call to call."""
        record, run = self.record.copy(**fields_of(rows), n_rows=len(rows), out=out), self._run
        return lambda: run(record.address) == 1

    def predict(self, X: ArrayLike | CompactRows) -> Any:
        """The class, 0 or 1, or the numbers, as :meth:`fallline.Network.predict`, for each row."""
        output = self.predict_proba(X)
        decided = self.network.decide(np.atleast_2d(output))
        return decided[0] if output.ndim == 1 else decided


def outputs(network: Network, Z: Array) -> Array:
    """The output of a network's loss for logits Z (n, n_outputs) of its dtype."""
    k, out = network.sizes[-1], np.empty_like(Z)
    width = padded(k, Z.dtype) + lanes(Z.dtype)
    record = Record(
        PREDICT, Z.dtype, sizes=np.array([k]), n_layers=0, codes=np.zeros(1, np.int64),
        output=OUTPUTS.index(network.loss.output_name), X=Z, n_rows=len(Z), out=out,
        workspace=aligned(3 * width, Z.dtype), width=width,
    )  # fmt: skip
    function("predict", Z.dtype)(record.address)
    return out


def packed(layer: Layer, blocks: Sequence[Block]) -> Array:
    """W over b of a layer as kernels.predict reads it, (numbers,): columns in whole vectors.

    Of several blocks each comes by itself, and then b.
    """
    dtype = layer.W.dtype
    if len(blocks) < 2:
        return widened(layer.block, dtype)
    parts = [*cut_blocks(layer.W, blocks), layer.b[None]]
    return np.concatenate([widened(part, dtype) for part in parts])


def widened(block: Array, dtype: Any) -> Array:
    """The rows (m, n), each filled up with zeros to whole vectors, as one array."""
    wide: Array = np.zeros((len(block), padded(block.shape[1], dtype)), dtype)
    wide[:, : block.shape[1]] = block
    return wide.ravel()


def one_array(parts: Sequence[Array], dtype: Any) -> Array:
    """The parts one after the other, from where a vector may be read in one go."""
    whole = aligned(sum(map(len, parts)), dtype)
    if parts:
        np.concatenate(parts, out=whole)
    return whole


def tables_of(network: Network, features: FeatureMap, first: Array) -> Array:
    """The tables of the first layer, whose padded weights over the bias are ``first``."""
    if features.n_features != network.sizes[0]:
        raise ShapeError(
            f"features has {features.n_features} features, the network {network.sizes[0]} inputs"
        )
    width = padded(network.sizes[1], network.dtype)
    n_rows = int(features.starts[-1]) + len(features.numbers) + 1
    tables = aligned(n_rows * width, network.dtype)
    record = Record(
        PREDICT, network.dtype, weights=first, sizes=np.array(network.sizes), make_tables=True,
        lookup_space=tables, **map_of(features),
    )  # fmt: skip
    function("predict", network.dtype)(record.address)
    return tables


def check_compiled(network: Network) -> None:
    """Raise ParameterError if the network has a function that is not compiled."""
    reasons = obstacles(network)
    if reasons:
        raise ParameterError(
            f"the compiled engine does not have {', '.join(reasons)}, which this network uses: "
            "predict with the network itself"
        )
