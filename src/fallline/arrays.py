"""The one array type that every signature uses."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

__all__ = ["Array", "ArrayLike"]
