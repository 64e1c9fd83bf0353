"""One row of a table after another, answered in microseconds: for a service."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.data.encoding import Encoding
from fallline.data.one_row import RowEncoder
from fallline.data.targets import QUANTITIES
from fallline.engine import Predictor
from fallline.errors import ParameterError

__all__ = ["RowPredictor"]


class RowPredictor:
    """A copy of a table's model, ready to predict rows one by one by the compiled engine.

    A row is a mapping {column: cell}: a number, a text as in a file, a date, or None if it is
    missing. It is read as in a frame of one row, and the answer has the bits that
    :meth:`fallline.TableModel.predict` gives for it (up to rounding where no column is in bins).
    Other columns are ignored. Each thread needs its own; ``model.predictor()`` makes one.

    >>> import fallline as fl
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"cars": range(200), "late": ["no", "yes"] * 100})
    >>> model = fl.train_table(frame, "late", preset="quick", epochs=1)
    >>> predictor = model.predictor()
    >>> predictor.predict_proba({"cars": 12}).shape
    (2,)
    >>> predictor.predict({"cars": 12}) in ("no", "yes")
    True
    """

    def __init__(
        self,
        network: Network,
        encoding: Encoding,
        reading: Mapping[str, Any],
        limits: tuple[float, float] | None,
    ) -> None:
        encode = RowEncoder(encoding, network.dtype, reading)
        self.__setstate__((encode, Predictor(network, encode.row.map), limits))

    def __getstate__(self) -> tuple[Any, ...]:
        """What a copy, here or in another process, is made from: it needs arrays of its own."""
        return self.encode, self.predictor, self.limits

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.encode, self.predictor, self.limits = state
        self.encoding = self.encode.encoding
        out = np.empty((1, self.predictor.n_outputs), self.predictor.dtype)
        self.out: Array = out[0]
        self.run = self.predictor.bound(self.encode.row, out)

    def output(self, cells: Mapping[str, Any]) -> Array:
        """The network's output (n_outputs,), numbers limited as by ``TableModel.predict``."""
        self.encode(cells)
        self.run()
        return self.out if self.limits is None else np.clip(self.out, *self.limits)

    def predict_proba(self, cells: Mapping[str, Any]) -> Array:
        """The probability of each class, (n_classes,), in the order of ``encoding.classes``.

        Raises TableError if a column is missing or a cell cannot be used, ParameterError for a
        model of numbers.
        """
        if self.encoding.task in QUANTITIES:
            raise ParameterError(
                f"{self.encoding.target!r} is predicted as a number, so there are no probabilities"
            )
        output = self.output(cells)
        if self.encoding.task != "binary":
            return output.copy()
        shares: Array = np.array([1.0 - output[0], output[0]], output.dtype)
        return shares

    def predict(self, cells: Mapping[str, Any]) -> Any:
        """The label of the likeliest class, or the number in the target's own units.

        Raises TableError if a column is missing or a cell cannot be used.
        """
        if self.encoding.task in QUANTITIES:
            return float(self.encoding.decode_numbers(self.output(cells))[0])
        return self.encoding.classes[int(self.predict_proba(cells).argmax())]
