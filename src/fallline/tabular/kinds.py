"""Checks of the kinds of values: small functions, and others that combine them."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Fits", "has", "is_text", "list_of", "optional", "table_of"]

Fits = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def optional(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def list_of(fits: Fits) -> Fits:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def table_of(keys: tuple[str, ...] | Mapping[str, Any] | None, fits: Fits) -> Fits:
    """Whether a value is a mapping from some of these keys, or any, to values that fit."""
    return lambda value: (
        isinstance(value, dict)
        and (keys is None or all(key in keys for key in value))
        and all(map(fits, value.values()))
    )


def has(keys: Mapping[str, Fits], value: Any) -> bool:
    """Whether a value is a mapping from exactly these keys, each to a value that fits."""
    return (
        isinstance(value, dict)
        and set(value) == set(keys)
        and all(fits(value[name]) for name, fits in keys.items())
    )
