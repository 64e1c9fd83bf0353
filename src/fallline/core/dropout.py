r"""Dropout: each training step sets a share of the hidden activations to 0, drawn for each row.

.. math:: A \leftarrow A \odot M / (1 - p), \qquad M_{ij} = 0 \text{ with probability } p

The others are scaled up, so that prediction needs no change. Source: Srivastava et al. 2014 (JMLR
15:1929, section 4; in the form that scales at training time, as section 10 mentions).

Each M_ij is a hash of the seed, the step, the layer, the row's place in its batch and the neuron,
not the next number of a generator, so the reference, the compiled engine, any number of threads and
a resumed run draw the same masks. The hash is the 32-bit "lowbias32" of Wellons 2018
(nullprogram.com/blog/2018/07/31), whose top 24 bits are compared with p.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.core.constants import BITS, NEURON, ROUNDS, ROW

__all__ = ["NO_DROPOUT", "Dropout", "keys_of", "mask"]

LOW = 0xFFFFFFFF


def keys_of(seed: int, first_step: int, n_steps: int, n_layers: int) -> Array:
    """32 bits for each step and layer, (n_steps, n_layers), by the finaliser of SplitMix64."""
    steps = np.arange(first_step, first_step + n_steps, dtype=np.uint64)[:, None]
    layers = np.arange(n_layers, dtype=np.uint64)
    x = steps * np.uint64(0xD1B54A32D192ED03) + layers * np.uint64(0x8CB92BA72F3D8DD7)
    x += np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    keys: Array = (x ^ (x >> np.uint64(31))) & np.uint64(LOW)
    return keys.astype(np.int64)


def mask(key: Any, n_rows: int, n_neurons: int, rate: float) -> Array:
    """M / (1 - p), (n_rows, n_neurons)."""
    rows = np.arange(n_rows, dtype=np.uint64)[:, None] * np.uint64(ROW)
    neurons = np.arange(n_neurons, dtype=np.uint64) * np.uint64(NEURON)
    x = (rows + neurons + np.uint64(key)) & np.uint64(LOW)
    for shift, factor in ROUNDS:
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(LOW)
    kept = (x >> np.uint64(32 - BITS)) >= np.uint64(round(rate * 2**BITS))
    scaled: Array = kept / (1.0 - rate)
    return scaled


class Dropout(NamedTuple):
    """Dropout of the share ``rate`` of the hidden activations, by masks drawn from ``seed``."""

    rate: float = 0.0
    seed: int = 0

    def masks(self, hidden: Sequence[int], n_rows: int, step: int) -> list[Array] | None:
        """The mask of each hidden layer at a step, by numbers of neurons; None without dropout."""
        if self.rate == 0.0:
            return None
        keys = keys_of(self.seed, step, 1, len(hidden))[0]
        return [mask(key, n_rows, size, self.rate) for key, size in zip(keys, hidden, strict=True)]


NO_DROPOUT = Dropout()
