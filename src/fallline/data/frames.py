"""DataFrames of pandas and Polars, and Arrow tables: in as a table, out as the same kind.

Anything with ``__arrow_c_stream__`` (the Arrow PyCapsule interface) is taken without a copy. pandas
needs pyarrow for that only if a column holds more than numbers and texts.
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fallline.errors import TableError

__all__ = ["as_kind_of", "is_frame", "polars_frame"]


def is_frame(value: Any) -> bool:
    """Whether a value is a DataFrame or an Arrow table, and not a path."""
    return (
        isinstance(value, pl.DataFrame | pl.LazyFrame)
        or hasattr(value, "__arrow_c_stream__")
        or (is_pandas(value))
    )


def is_pandas(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def polars_frame(frame: Any) -> pl.DataFrame:
    """The columns of a frame, without the index of a pandas frame. Raises TableError."""
    if isinstance(frame, pl.DataFrame):
        return frame.clone()
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if is_pandas(frame):
        return from_pandas(frame)
    try:
        return pl.DataFrame(frame)
    except Exception as reason:  # each library has its own
        first = str(reason).split("\n")[0]
        raise TableError(f"the frame cannot be read ({first})") from None


def from_pandas(frame: Any) -> pl.DataFrame:
    """Column by column, so that one of several kinds of values becomes texts.

    Names that are not texts become texts. Raises TableError if two names are the same.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TableError(f"the frame: two of its columns are called {twice!r}")
    columns = [pandas_series(name, frame.iloc[:, number]) for number, name in enumerate(names)]
    return pl.DataFrame(columns)


def pandas_series(name: str, values: Any) -> pl.Series:
    try:
        return pl.Series(name, pl.from_pandas(values.reset_index(drop=True)))
    except Exception:  # Arrow is not installed, or refuses a column of several kinds of objects
        gaps = values.isna()
        cells = [None if gap else str(v) for v, gap in zip(values, gaps, strict=True)]
        return pl.Series(name, cells, dtype=pl.String)


def as_kind_of(columns: Mapping[str, Any], given: Any) -> Any:
    """Columns of one length as a frame of the kind of ``given``; a Polars frame if that is none.

    A pandas frame keeps its index.
    """
    plain = {
        name: values.tolist()
        if isinstance(values, np.ndarray) and values.dtype == object
        else values
        for name, values in columns.items()
    }
    if is_pandas(given):
        return sys.modules["pandas"].DataFrame(plain, index=given.index)
    frame = pl.DataFrame(plain)
    if type(given).__module__.split(".")[0] == "pyarrow":
        return frame.to_arrow()
    return frame
