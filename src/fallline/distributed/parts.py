"""The parts of the rows: from the user's Dask collections or pairs to checked samples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.samples import AnySamples, Samples
from fallline.errors import DataError, ParameterError, ShapeError

__all__ = ["Architecture", "Encoder", "Part", "PartSource", "prepare_part", "sources_of"]

MAX_NAMED = 8
Encoder = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Architecture:
    """What a worker needs to rebuild the network; the parameters are sent separately."""

    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    loss: str
    dtype: str

    @staticmethod
    def of(network: Network) -> "Architecture":
        """That of a network."""
        return Architecture(network.sizes, network.hidden, network.loss.name, network.dtype.name)

    def network(self) -> Network:
        """A network of this architecture."""
        return Network(self.sizes, hidden=self.hidden, loss=self.loss, dtype=self.dtype)


@dataclass(frozen=True)
class PartSource:
    """Where the rows of a part come from.

    ``rows`` is a tuple (X, y) or (X, y, weight) of arrays or frames, of futures of such, or a
    function that gives such a tuple where the part is kept. ``local`` says whether this process has
    the numbers and so has to send them. ``encode`` makes the network's targets of y, and weights of
    y and those that there are.
    """

    rows: Any
    local: bool
    target: str | None = None
    weight: str | None = None
    columns: tuple[str, ...] | None = None
    encode: Encoder | None = None


@dataclass(frozen=True)
class Part:
    """The checked rows of a part, where they are kept, and their columns where these have names."""

    samples: AnySamples
    columns: tuple[str, ...] | None

    def facts(self) -> tuple[int, float, tuple[str, ...] | None]:
        """Its number of rows, the sum of their weights, and the columns."""
        return len(self.samples), self.samples.mass_of(), self.columns


# ---- here


def sources_of(client: Any, X: Any, y: Any, sample_weight: Any) -> list[PartSource]:
    """The sources of the parts.

    Raises ParameterError or ShapeError for rows that cannot be used.
    """
    if is_frame(X):
        return frame_sources(client, X, y, sample_weight)
    if hasattr(X, "to_delayed"):
        return array_sources(client, X, y, sample_weight)
    if y is not None:
        raise ParameterError(
            "with y, X must be a Dask array or DataFrame; else give a list of pairs (X, y)"
        )
    if isinstance(X, np.ndarray) or not isinstance(X, Iterable):
        raise ParameterError("without y, the parts must be a list of pairs (X, y)")
    if sample_weight is not None:
        raise ParameterError("with a list of parts, write (X, y, weight) for each")
    return [one_source(client, part) for part in X]


def is_frame(X: Any) -> bool:
    """Whether it is a Dask DataFrame."""
    return hasattr(X, "to_delayed") and hasattr(X, "columns")


def one_source(client: Any, part: Any) -> PartSource:
    """A part that was given separately."""
    if callable(part) and not hasattr(part, "key"):
        return PartSource(part, local=False)
    if hasattr(part, "key"):  # a future, or delayed
        return PartSource(on_cluster(client, part), local=False)
    if not isinstance(part, tuple | list) or len(part) not in (2, 3):
        raise ParameterError("parts must be a list of pairs (X, y), or (X, y, weight)")
    there = [hasattr(each, "key") for each in part]
    columns = columns_of(part[0]) if not there[0] else None
    rows = tuple(
        on_cluster(client, each) if far else each for each, far in zip(part, there, strict=True)
    )
    return PartSource(rows, local=not any(there), columns=columns)


def on_cluster(client: Any, each: Any) -> Any:
    """A future of it."""
    return client.compute(each) if hasattr(each, "dask") else each


def array_sources(client: Any, X: Any, y: Any, sample_weight: Any) -> list[PartSource]:
    """The chunks of Dask arrays."""
    others = [each for each in (y, sample_weight) if each is not None]
    if y is None or not all(hasattr(each, "to_delayed") for each in others):
        raise ParameterError("X is a Dask array, so y and sample_weight must be Dask arrays too")
    if (
        len(X.chunks) != 2
        or len(X.chunks[1]) != 1
        or any(X.chunks[0] != o.chunks[0] for o in others)
    ):
        raise ShapeError(
            f"X has chunks {X.chunks} and y {y.chunks}: chunks of whole rows, the same in "
            "both, are needed; use X.rechunk({1: -1}) and y.rechunk({0: X.chunks[0]})"
        )
    chunks = [client.compute(each.to_delayed().ravel().tolist()) for each in (X, *others)]
    return [PartSource(rows, local=False) for rows in zip(*chunks, strict=True)]


def frame_sources(client: Any, X: Any, y: Any, sample_weight: Any) -> list[PartSource]:
    """The partitions of a Dask DataFrame; y and the weights are columns of it, or Series."""
    names = [each for each in (y, sample_weight) if isinstance(each, str)]
    for name in names:
        if name not in X.columns:
            raise ParameterError(f"there is no column {name!r}; there are {some(X.columns)}")
    series = [each for each in (y, sample_weight) if each is not None and not isinstance(each, str)]
    if y is None or not all(hasattr(each, "to_delayed") for each in series):
        raise ParameterError(
            "X is a Dask DataFrame, so y and sample_weight must be names of columns or Dask Series"
        )
    if any(each.npartitions != X.npartitions for each in series):
        raise ShapeError(
            f"X has {X.npartitions} partitions; y and sample_weight need the same number"
        )
    parts = [client.compute(list(each.to_delayed())) for each in (X, *series)]
    columns = tuple(str(name) for name in X.columns if name not in names)
    options: dict[str, Any] = {
        "target": y if isinstance(y, str) else None,
        "weight": sample_weight if isinstance(sample_weight, str) else None,
        "columns": columns,
    }
    return [PartSource(rows, local=False, **options) for rows in zip(*parts, strict=True)]


def check_columns(all_columns: list[tuple[str, ...] | None]) -> None:
    """Raise ShapeError if the parts have different columns."""
    for number, columns in enumerate(all_columns):
        if columns != all_columns[0]:
            raise different(number, columns, all_columns[0])


def different(
    number: int, columns: tuple[str, ...] | None, expected: tuple[str, ...] | None
) -> ShapeError:
    """What is wrong with the columns of a part."""
    return ShapeError(
        f"part {number} (counting from 0) has the columns {some(columns)}, the first one "
        f"{some(expected)}: every part needs the same, in the same order"
    )


def some(names: Any) -> str:
    """The first few names."""
    if names is None:
        return "without names"
    shown = [str(name) for name in names]
    rest = len(shown) - MAX_NAMED
    return ", ".join(shown[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")


# ---- where the part is kept


def prepare_part(architecture: Architecture, number: int, source: PartSource, rows: Any) -> Part:
    """A part's rows, checked where they are kept. Raises ShapeError or DataError, with its number.

    ``rows`` are those of the source, once its futures have come.
    """
    values = list(rows() if callable(rows) else rows)
    X = values.pop(0)
    y = column(number, X, source.target) if source.target else values.pop(0)
    weight = (
        column(number, X, source.weight) if source.weight else values.pop(0) if values else None
    )
    if source.encode is not None:
        y, weight = source.encode(y, weight)
    named = [name for name in (source.target, source.weight) if name is not None]
    columns = columns_of(X, without=named)
    if source.columns is not None and columns != source.columns:
        raise different(number, columns, source.columns)
    if columns is not None:
        X = X[list(columns)] if named else X
    network = network_there(architecture)
    if len(X) == 0:  # such as a partition that a filter has emptied
        nothing = np.zeros((0, network.sizes[0]), network.dtype)
        targets = np.zeros((0, network.sizes[-1]), network.dtype)
        return Part(Samples(nothing, targets, None), columns)
    try:
        checked = network.rows(
            X if isinstance(X, CompactRows) else np.asarray(X),
            np.asarray(y),
            None if weight is None else np.asarray(weight),
        )
    except (ShapeError, DataError) as error:
        raise type(error)(f"part {number} (counting from 0): {error}") from None
    return Part(checked, columns)


def network_there(architecture: Architecture) -> Network:
    """The network on a worker. Raises ParameterError for parts that are known here only."""
    try:
        return architecture.network()
    except ParameterError as error:
        raise ParameterError(
            f"a worker cannot build the network ({error}); activations and losses of your own have "
            "to be registered on the workers too: client.run(a function that registers them)"
        ) from None


def column(number: int, frame: Any, name: str) -> Any:
    """A column of a frame."""
    if name not in frame.columns:
        raise ShapeError(
            f"part {number} (counting from 0) has no column {name!r}; it has {some(frame.columns)}"
        )
    return frame[name]


def columns_of(X: Any, without: Iterable[str] = ()) -> tuple[str, ...] | None:
    """The names of a frame's columns."""
    if not hasattr(X, "columns"):
        return None
    return tuple(str(name) for name in X.columns if name not in set(without))
