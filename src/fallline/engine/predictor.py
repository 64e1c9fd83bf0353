"""Prediction for a service: one row, or a few, in microseconds."""

from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.network import Network
from fallline.core.samples import check_X
from fallline.engine.blocks import blocks_of
from fallline.engine.codes import OUTPUTS
from fallline.engine.functions import activation_codes
from fallline.engine.layout import aligned, lanes, padded
from fallline.engine.library import function
from fallline.engine.loop import obstacles
from fallline.engine.records import PREDICT, Record
from fallline.errors import ParameterError

__all__ = ["Predictor"]


class Predictor:
    """A copy of a network, ready to predict single rows by the compiled engine.

    Later changes of the network have no effect. Each thread needs its own Predictor. For many rows
    use :meth:`fallline.Network.predict_proba`, which takes half the time per row from a few dozen
    rows on. Raises ParameterError for an activation or loss that the engine does not have.

    >>> import fallline as fl
    >>> net = fl.Network([2, 3, 1], loss="binary_cross_entropy", seed=0)
    >>> predictor = fl.Predictor(net)
    >>> predictor.predict_proba([0.5, 1.0]).shape, net.predict_proba([[0.5, 1.0]]).shape
    ((1,), (1, 1))
    """

    def __init__(self, network: Network) -> None:
        check_compiled(network)
        wide = [padded(size, network.dtype) for size in network.sizes]
        weights = aligned(
            sum((n_in + 1) * w for n_in, w in zip(network.sizes, wide[1:], strict=False)),
            network.dtype,
        )
        begin = 0
        for layer, w in zip(network.layers, wide[1:], strict=True):
            n_in, n_out = layer.W.shape
            block = weights[begin : begin + (n_in + 1) * w].reshape(n_in + 1, w)
            block[:, :n_out] = layer.block
            begin += block.size
        self._lay_out(network, weights)

    def __getstate__(self) -> tuple[Network, Array]:
        """What a copy, here or in another process, is laid out from: addresses are not the same."""
        return self.network, self.weights

    def __setstate__(self, state: tuple[Network, Array]) -> None:
        check_compiled(state[0])
        self._lay_out(*state)

    def _lay_out(self, network: Network, weights: Array) -> None:
        self.network, self.weights, self.dtype = network, weights, network.dtype
        self.n_outputs, self.row_shape = network.sizes[-1], network.sizes[:1]
        wide = [padded(size, self.dtype) for size in network.sizes]
        width = max(wide) + lanes(self.dtype)
        self.record = Record(
            PREDICT, self.dtype, weights=weights, sizes=np.array(network.sizes),
            n_layers=len(network.layers), codes=np.array([*activation_codes(network), 0]),
            output=OUTPUTS.index(network.loss.output_name),
            workspace=aligned(3 * width, self.dtype), width=width, blocks=blocks_of(network),
        )  # fmt: skip
        self._run = function("predict", self.dtype)
        # a single row is copied here, since getting an array's address takes longer
        row: Array = np.zeros((1, network.sizes[0]), self.dtype)
        out: Array = np.zeros((1, self.n_outputs), self.dtype)
        self.row: Array = row[0]
        self.row_out: Array = out[0]
        self.single = self.record.copy(X=row, n_rows=1, out=out)
        self.single_address = self.single.address

    def predict_proba(self, X: ArrayLike) -> Array:
        """The output in its own terms: (n_outputs,) for one row, (n, n_outputs) for several.

        Raises ShapeError and DataError as :meth:`fallline.Network.predict_proba` does.
        """
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

    def run(self, rows: Array, out: Array) -> bool:
        """The bare kernel: rows (n, n_features) and out (n, n_outputs) of the network's dtype.

        Nothing is checked; False where a number is not finite.
        """
        self.record.set(X=rows, n_rows=len(rows), out=out)
        return self._run(self.record.address) == 1

    def predict(self, X: ArrayLike) -> Any:
        """The class, 0 or 1, or the numbers, as :meth:`fallline.Network.predict`, for each row."""
        output = self.predict_proba(X)
        decided = self.network.decide(np.atleast_2d(output))
        return decided[0] if output.ndim == 1 else decided


def check_compiled(network: Network) -> None:
    """Raise ParameterError if the network has a function that is not compiled."""
    reasons = obstacles(network)
    if reasons:
        raise ParameterError(
            f"the compiled engine does not have {', '.join(reasons)}, which this network uses: "
            "predict with the network itself"
        )
