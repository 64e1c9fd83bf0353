"""The rows that a model was trained on, in a few bytes per row: hashes of the encoded rows.

If there are many rows, those with the smallest hashes are kept, a random sample of the distinct
rows. In another table the same part is compared, and the share found estimates that of all rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fallline.arrays import Array
from fallline.core.compact import Rows, dense_parts

__all__ = ["Fingerprints", "row_hashes"]

MOST = 1 << 16
PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, vol. 3, section 6.4
HALF = np.uint64(32)


@dataclass(frozen=True)
class Fingerprints:
    """``hashes`` (k,) uint32, ascending and distinct, at most MOST."""

    hashes: NDArray[np.uint32]

    @staticmethod
    def of(X: Rows, y: Array) -> "Fingerprints":
        """The fingerprints of encoded rows X (n, m) with their targets y (n,)."""
        return Fingerprints(np.unique(row_hashes(X, y))[:MOST])

    @property
    def limit(self) -> int:
        """The largest hash that would have been kept."""
        return int(self.hashes[-1]) if len(self.hashes) == MOST else 2**32 - 1

    def share_seen(self, X: Rows, y: Array) -> float:
        """Roughly which share of the rows X (n, m), y (n,) is among them."""
        hashes = row_hashes(X, y)
        looked_at = hashes[hashes <= self.limit]
        if looked_at.size == 0 or self.hashes.size == 0:
            return 0.0
        places = np.minimum(np.searchsorted(self.hashes, looked_at), len(self.hashes) - 1)
        return float(np.mean(self.hashes[places] == looked_at))


def row_hashes(X: Rows, y: Array) -> NDArray[np.uint32]:
    """(n,) a hash of each row's float64 bits, the same for the same numbers."""
    parts, start = [], 0
    for part in dense_parts(X):
        parts.append(hashes_of(part, y[start : start + len(part)]))
        start += len(part)
    return np.concatenate(parts)


def hashes_of(X: Array, y: Array) -> NDArray[np.uint32]:
    """``row_hashes`` of an array."""
    total = np.zeros(len(X), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for j in range(X.shape[1] + 1):
            column = y if j == X.shape[1] else X[:, j]
            bits = (np.ascontiguousarray(column, dtype=np.float64) + 0.0).view(np.uint64)
            bits = (bits ^ (bits >> HALF)) * PRIME
            total = (total ^ (bits >> HALF) ^ bits) * PRIME + np.uint64(j + 1)
    return (total >> HALF).astype(np.uint32)
