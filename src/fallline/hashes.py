"""The hash that identifies rows and tables: BLAKE2b, 16 bytes."""

import hashlib
from typing import Any

__all__ = ["SIZE", "digest", "is_digest", "new_hash"]

SIZE = 16


def new_hash() -> Any:
    """A new hash, to be fed by its ``update``."""
    return hashlib.blake2b(digest_size=SIZE)


def digest(hash_: Any) -> str:
    """The hash of everything fed so far, as 32 hexadecimal digits."""
    return str(hash_.hexdigest())


def is_digest(value: Any) -> bool:
    """Whether a value is the text of such a hash.

    >>> is_digest(digest(new_hash())), is_digest("x")
    (True, False)
    """
    return (
        isinstance(value, str)
        and len(value) == 2 * SIZE
        and all(letter in "0123456789abcdef" for letter in value)
    )
