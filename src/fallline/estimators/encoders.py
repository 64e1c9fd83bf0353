"""The encodings of tables as scikit-learn transformers: for arrays of numbers, and for frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from fallline.arrays import Array
from fallline.core.compact import CompactRows
from fallline.data.binning import binned_column, bins_each, bins_for, levels_each, with_bins
from fallline.data.columns import BinnedColumn, NumberColumn, zero_mask
from fallline.data.compact import compact_numbers
from fallline.data.encoding import Encoding, fit_column
from fallline.data.reading import table_of_frame
from fallline.errors import TableError
from fallline.limits import check_integer

__all__ = ["PiecewiseLinear", "TableEncoder"]


class PiecewiseLinear(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""The piecewise-linear encoding of numbers, for a network to learn from.

    A column of numbers becomes its components in bins with edges e_0 < ... < e_k, which are
    quantiles of the training rows,

    .. math:: c_j(x) = \operatorname{clip}\left(\frac{x - e_j}{e_{j+1} - e_j}, 0, 1\right)

    minus their means over the training rows. Before them come the number itself, as z / sqrt(1 + (z
    / 3)^2) with z = (x - median) / (interquartile range), and 0 or 1 for each recurring value of a
    column in which one value has over 40 % of the rows; after them, if numbers are missing (NaN) in
    training rows, whether the number is missing. A column of two values is -1 and 1, one of a
    single value gives no feature. Any number can be encoded.

    Parameters
    ----------
    bins : the maximum number of bins of a column; None for a number that suits the rows: half the
        root of their number, from 8 to 48, fewer above 50,000 rows; all columns together have at
        most about 1,024.
    scaled : whether to give the number and its recurring values in addition to the bins.

    Attributes
    ----------
    columns_ : the encoding of each column; None for one that is the same in all rows.
    edges_ : the edges (k + 1,) of each column's bins; an empty array for none.
    n_features_in_, feature_names_in_ : as in every transformer.

    Source: Gorishniy, Rubachev and Babenko 2022 (arXiv:2203.05556, section 3.2).

    >>> import fallline as fl
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> encoder = fl.PiecewiseLinear(bins=2, scaled=False).fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0 from 0 to 2', 'x0 from 2 to 4']
    >>> (encoder.transform([[0.0], [1.0], [3.0], [100.0]]) + [0.7, 0.3]).tolist()  # less the means
    [[0.0, 0.0], [0.5, 0.0], [1.0, 0.5], [1.0, 1.0]]
    """

    def __init__(self, bins: int | None = None, *, scaled: bool = True) -> None:
        self.bins = bins
        self.scaled = scaled

    def fit(self, X: Any, y: Any = None) -> "PiecewiseLinear":
        """Choose the bins from X (n_samples, n_features), NaN if a number is missing."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        names = names or [f"x{i}" for i in range(X.shape[1])]
        each = bins_each(most_bins(self.bins, len(X)), X.shape[1]), levels_each(X.shape[1])
        self.columns_ = [column_of(name, X[:, i], *each) for i, name in enumerate(names)]
        self.edges_ = [np.array(getattr(column, "edges", ())) for column in self.columns_]
        return self

    def transform(self, X: Any) -> Array:
        """The features (n_samples, n_features_out) of X, in float64."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        parts = [np.zeros((len(X), 0))]
        for i, column in enumerate(self.columns_):
            if column is not None:
                part = np.zeros((len(X), len(column.features)))
                column.fill_values(X[:, i], part)
                parts.append(part[:, self._shown(column)])
        return np.concatenate(parts, axis=1)

    def _compact(self, X: Any, dtype: np.dtype) -> CompactRows:
        """The features of X with its scaled numbers, kept compactly, for training."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return compact_numbers(self.columns_, X, dtype)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The name of each feature (n_features_out,)."""
        check_is_fitted(self)
        names = [
            np.array(column.features, dtype=object)[self._shown(column)]
            for column in self.columns_
            if column is not None
        ]
        return np.concatenate([np.zeros(0, dtype=object), *names])

    @property
    def starts_at_zero_(self) -> Array:
        """(n_features_out,) whether a feature is a bin; those best start with weights of zero."""
        parts = [np.zeros(0, dtype=bool)]
        for column in self.columns_:
            if column is not None:
                parts.append(zero_mask([column])[self._shown(column)])
        return np.concatenate(parts)

    def _shown(self, column: BinnedColumn) -> slice:
        """Which of a column's features are used."""
        return slice(0 if self.scaled else column.starts_at_zero.start, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def most_bins(bins: int | None, n_rows: int) -> int:
    """The maximum number of bins, as given or suited to the rows. Raises ParameterError."""
    return bins_for(n_rows) if bins is None else max(check_integer("bins", bins), 1)


def column_of(name: str, values: Array, bins: int, levels: int) -> BinnedColumn | None:
    """A column of numbers in bins; None if it has a single value, or none."""
    known = values[~np.isnan(values)]
    if len(known) == 0 or known.min() == known.max():
        return None
    plain = NumberColumn(name, float(known.mean()), 1.0, len(known) < len(values))
    return binned_column(plain, values, bins, levels)


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The encoding that ``fallline train`` uses for the columns of a table, as a transformer.

    Numbers are encoded as by :class:`PiecewiseLinear`, a text of two categories as -1 and 1, other
    texts one-hot, dates by their time and their place in the year, the week and the day. Latitude
    and longitude, known by their names, also by the position along six directions between them.
    Columns that cannot be used are set aside, and ``notes_`` say why.

    Parameters
    ----------
    bins : the maximum number of bins of a column of numbers; None for a number that suits the rows.
    types : {column: "number", "text", "date" or "skip"}, which overrides the recognition.

    Attributes
    ----------
    notes_ : what was set aside, and why; and what is read as a place.
    n_features_in_, feature_names_in_ : as in every transformer.

    >>> import fallline as fl
    >>> import pandas as pd
    >>> X = pd.DataFrame({"town": ["Ulm", "Bern", "Ulm", "Bern"], "cars": [1.0, 2.0, 3.0, 4.0]})
    >>> encoder = fl.TableEncoder(bins=2).set_output(transform="pandas")
    >>> encoder.fit_transform(X).columns.tolist()
    ['town: Bern or Ulm', 'cars', 'cars from 1 to 2.5', 'cars from 2.5 to 4']
    """

    def __init__(self, bins: int | None = None, *, types: Mapping[str, str] | None = None) -> None:
        self.bins = bins
        self.types = types

    def fit(self, X: Any, y: Any = None) -> "TableEncoder":
        """Choose the encoding of each column of a frame X (n_samples, n_columns).

        Raises TableError for a frame that cannot be used.
        """
        table, types = table_of_frame(X), dict(self.types or {})
        table.require(list(types))
        found = [fit_column(table, table, name, types.get(name)) for name in table.columns]
        notes = tuple(
            f"column {column.name!r} {note}" for column, note in found if note is not None
        )
        plain = Encoding("", "classes", tuple(column for column, _ in found), notes=notes)
        self._encoding = with_bins(plain, table, most_bins(self.bins, len(table)), types)
        self.notes_ = list(self._encoding.notes)
        if self._encoding.n_features == 0:
            raise TableError(f"no column can be used; {'; '.join(self.notes_)}")
        self.feature_names_in_ = np.array(table.columns, dtype=object)
        self.n_features_in_ = len(table.columns)
        return self

    def transform(self, X: Any) -> Array:
        """The features (n_samples, n_features_out) of a frame with the same columns, in float64.

        Raises TableError, naming row and column, for a cell that cannot be used.
        """
        check_is_fitted(self)
        return self._encoding.transform(table_of_frame(X))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The name of each feature (n_features_out,)."""
        check_is_fitted(self)
        return np.array(self._encoding.feature_names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
