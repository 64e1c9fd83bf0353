"""The checks of input data, done once: shapes, dtypes, NaN, infinity, allowed targets."""

from functools import cached_property
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.compact import CompactRows
from fallline.core.losses import Loss
from fallline.dataclass import dataclass
from fallline.errors import DataError, ShapeError

__all__ = [
    "AnySamples",
    "CompactSamples",
    "Samples",
    "check_X",
    "check_compact",
    "check_samples",
    "checked_targets",
]


class Weighted:
    """Rows with targets Y (n, n_outputs), and ``weight`` (n,) or None for equal."""

    Y: Array
    weight: Array | None

    def __len__(self) -> int:
        return len(self.Y)

    def mass_of(self, batch: Array | None = None) -> float:
        """The number of these rows (None: all rows), or the sum of their weights."""
        if self.weight is None:
            return float(len(self) if batch is None else len(batch))
        weight = self.weight if batch is None else self.weight[batch]
        return float(weight.sum())


@dataclass(frozen=True, eq=False)
class Samples(Weighted):
    """Checked rows: X (n, n_features), Y (n, n_outputs), and ``weight`` (n,) or None for equal."""

    X: Array
    Y: Array
    weight: Array | None

    @property
    def dense(self) -> "Samples":
        """The samples themselves: see CompactSamples."""
        return self


@dataclass(frozen=True, eq=False)
class CompactSamples(Weighted):
    """Checked rows of a table that are kept compactly."""

    X: CompactRows
    Y: Array
    weight: Array | None

    @cached_property
    def dense(self) -> Samples:
        """The same rows, with their features in an array."""
        return Samples(np.asarray(self.X), self.Y, self.weight)


AnySamples = Samples | CompactSamples


def check_samples(
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    n_features: int,
    n_outputs: int,
    loss: Loss,
    dtype: np.dtype,
) -> Samples:
    """X, y and the weights as arrays that a network of this shape can be trained on.

    Raises ShapeError if the shapes do not fit, DataError if the numbers do not.
    """
    X = check_X(X, n_features, dtype)
    return Samples(X, *checked_targets(y, len(X), sample_weight, n_outputs, loss, dtype))


def checked_targets(
    y: ArrayLike,
    n_rows: int,
    sample_weight: ArrayLike | None,
    n_outputs: int,
    loss: Loss,
    dtype: np.dtype,
) -> tuple[Array, Array | None]:
    """Y (n_rows, n_outputs) and the weights (n_rows,) of ``n_rows`` rows.

    Raises ShapeError if the shapes do not fit, DataError if the numbers do not.
    """
    if n_rows == 0:
        raise DataError("X has no rows; at least one is needed")
    Y = check_targets(y, n_rows, n_outputs, loss, dtype)
    weight = None if sample_weight is None else check_weight(sample_weight, n_rows, dtype)
    check_sum(Y, weight, loss)
    return Y, weight


def check_compact(X: CompactRows, n_features: int, dtype: np.dtype) -> CompactRows:
    """The rows in ``dtype``. Raises ShapeError if the number of features differs."""
    check_width(X.shape, n_features)
    return X.astype(dtype)


def check_X(X: ArrayLike, n_features: int, dtype: np.dtype) -> Array:
    """X as a C-contiguous (n_samples, n_features) array of ``dtype``, finite throughout.

    Raises ShapeError or DataError; the message names the row and column.
    """
    array = as_numbers("X", X, dtype)
    check_width(array.shape, n_features)
    check_finite("X", array)
    return np.ascontiguousarray(array)


def check_width(shape: tuple[int, ...], n_features: int) -> None:
    """Raise ShapeError unless the shape is that of rows of ``n_features``."""
    if len(shape) != 2 or shape[1] != n_features:
        hint = " (a single row is [[...]], with two brackets)" if len(shape) == 1 else ""
        raise ShapeError(
            f"X must have shape (n_samples, {n_features}), one column per input of the network; "
            f"it has shape {shape}{hint}"
        )


def check_targets(y: ArrayLike, n_rows: int, n_outputs: int, loss: Loss, dtype: np.dtype) -> Array:
    """y as a (n_samples, n_outputs) array; class indices become one-hot rows for cross_entropy."""
    Y = as_numbers("y", y, dtype)
    if Y.ndim == 0 or len(Y) != n_rows:
        raise ShapeError(f"X has {n_rows} rows, but y has shape {Y.shape}: one target per row")
    check_finite("y", Y)
    if loss.task == "classes" and (Y.ndim == 1 or (Y.ndim == 2 and Y.shape[1] == 1)):
        return one_hot(Y.reshape(-1), n_outputs, dtype)
    if Y.ndim == 1 and n_outputs == 1:
        Y = Y[:, None]
    if Y.shape != (n_rows, n_outputs):
        raise ShapeError(
            f"y must have shape ({n_rows}, {n_outputs}), one column per output of the network; "
            f"it has shape {Y.shape}"
        )
    check_range(Y, loss)
    return np.ascontiguousarray(Y)


def check_range(Y: Array, loss: Loss) -> None:
    """Raise DataError if a target is outside the range that the loss allows."""
    low, high = loss.target_range
    allowed = f"from {low:g} to {high:g}" if high < np.inf else f"of at least {low:g}"
    refuse(np.less(Y, low) | np.greater(Y, high), Y, f"{loss.name} needs targets {allowed}")
    if loss.task == "classes":
        sums = Y.sum(axis=1)
        refuse(abs(sums - 1) > 1e-5, sums, f"{loss.name} needs class shares that add up to 1")


def refuse(bad: Array, values: Array, rule: str) -> None:
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise DataError(f"{rule}; row {row} of y (counting from 0) has {values[bad][0]:g}")


def one_hot(classes: Array, n_outputs: int, dtype: np.dtype) -> Array:
    """Class indices (n,) as rows of one 1 and zeros (n, n_outputs)."""
    bad = (classes != np.floor(classes)) | (classes < 0) | (classes >= n_outputs)
    refuse(bad, classes, f"cross_entropy needs class numbers from 0 to {n_outputs - 1}")
    Y = np.zeros((len(classes), n_outputs), dtype)
    Y[np.arange(len(classes)), classes.astype(np.intp)] = 1.0
    return Y


def check_weight(sample_weight: ArrayLike, n_rows: int, dtype: np.dtype) -> Array:
    weight = as_numbers("sample_weight", sample_weight, dtype)
    if weight.shape != (n_rows,):
        raise ShapeError(
            f"sample_weight must have shape ({n_rows},), one number per row; it has {weight.shape}"
        )
    check_finite("sample_weight", weight)
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise DataError(f"sample_weight must be at least 0; row {row} has {weight[row]:g}")
    if not weight.any():
        raise DataError("sample_weight is 0 in every row; at least one must be above 0")
    return np.ascontiguousarray(weight)


def check_sum(Y: Array, weight: Array | None, loss: Loss) -> None:
    """Raise DataError if the sum of the losses, or of the weights, overflows the dtype.

    The losses are those of an output of 0, which no sensible network exceeds by much.
    """
    bounded = loss.target_range[1] < np.inf
    if bounded and weight is None:
        return
    limit = float(np.finfo(Y.dtype).max) / 8
    with np.errstate(over="ignore"):
        if weight is not None and not weight.sum() < limit:
            raise DataError(
                f"sample_weight adds up to more than {Y.dtype} holds; divide all of it by a number"
            )
        if bounded:
            return
        values = loss.value(np.zeros_like(Y), Y)
        total = float((values if weight is None else values * weight).sum())
    if not total < limit:
        row = int(abs(Y).max(axis=1).argmax())
        raise DataError(
            f"y is too large: row {row} has {Y[row, 0]:g}, and the {loss.name} of all rows adds up "
            f"to more than {Y.dtype} holds; divide y by a number"
        )


def as_numbers(name: str, values: Any, dtype: np.dtype) -> Array:
    """``values`` as an array of ``dtype``. Raises DataError if that is impossible."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "c":
            raise DataError(f"{name} has complex numbers; real ones are needed")
        with np.errstate(over="ignore"):
            return array.astype(dtype, copy=False)
    except (ValueError, TypeError) as reason:
        if isinstance(reason, DataError):
            raise
        raise DataError(
            f"{name} cannot be read as numbers ({reason}); text columns have to be encoded first, "
            "which `fallline train` does by itself"
        ) from None


def check_finite(name: str, array: Array) -> None:
    """Raise DataError for the first NaN or infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        # A finite sum has finite terms and costs half as much; one that overflows proves nothing.
        if np.isfinite(array.sum()) or np.isfinite(array).all():
            return
    position = np.argwhere(~np.isfinite(array))[0]
    labels = ("row", "column")
    where = ", ".join(f"{label} {i}" for label, i in zip(labels, position, strict=False))
    bad = array[tuple(position)]
    raise DataError(
        f"{name} has {bad} in {where} (counting from 0); every number must be finite, "
        f"so impute or remove such rows, or keep within the range of {array.dtype}"
    )
