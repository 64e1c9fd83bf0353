"""The logits of rows that are kept compactly, by the compiled loop: it looks up the first layer."""

from itertools import pairwise

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.samples import CompactSamples, check_compact
from fallline.engine.layout import padded
from fallline.engine.loop import Loop, computes
from fallline.engine.threads import threads_allowed

__all__ = ["logits", "predict_proba"]


def predict_proba(network: Network, X: ArrayLike | CompactRows) -> Array:
    """The output in its own terms (n_samples, n_outputs), as :meth:`fallline.Network.predict_proba`
    gives it, to rounding.

    Compact rows go through the engine, and so do the blocks of an ensemble's weights one by one.
    """
    return network.loss.output(logits(network, X))


def logits(network: Network, X: ArrayLike | CompactRows) -> Array:
    """The last Z, (n_samples, n_outputs), as :meth:`fallline.Network.logits` gives it."""
    if not isinstance(X, CompactRows) or len(X) == 0 or not computes(network):
        return network.logits(X)
    rows = check_compact(X, network.sizes[0], network.dtype)
    network = with_whole_vectors(network)
    targets = np.zeros((len(rows), network.sizes[-1]), network.dtype)
    samples = CompactSamples(rows, targets, None)
    stay = GradientDescent(lambda step: 0.0)
    loop = Loop(network, samples, stay, {}, len(rows), threads=threads_allowed())
    loop.measuring.set(blocks=blocks_of(network))
    with np.errstate(over="ignore", invalid="ignore"):
        return loop.measure(samples)[1]


def with_whole_vectors(network: Network) -> Network:
    """The network, its first layer filled up to whole vectors by neurons that nobody listens to."""
    width = padded(network.sizes[1], network.dtype)
    if width == network.sizes[1]:
        return network
    sizes = [network.sizes[0], width, *network.sizes[2:]]
    wide = Network(sizes, hidden=network.hidden, loss=network.loss.name, dtype=network.dtype)
    for layer, own in zip(wide.layers, network.layers, strict=True):
        n_in, n_out = own.W.shape
        layer.block[:] = 0.0
        layer.W[:n_in, :n_out], layer.b[:n_out] = own.W, own.b
    return wide


def blocks_of(network: Network) -> Array | None:
    """The blocks of all layers, as kernels.blocks reads them; None where each is one."""
    found = [blocks_along_diagonal(layer.W) for layer in network.layers[1:]]
    if all(len(blocks) == 1 for blocks in found):
        return None
    first = [(0, network.sizes[0], 0, network.sizes[1])]
    numbers: list[int] = []
    for blocks in [first, *found]:
        numbers += [len(blocks), *(number for block in blocks for number in block)]
    return np.array(numbers, dtype=np.int64)


def blocks_along_diagonal(W: Array) -> list[tuple[int, int, int, int]]:
    """First row, rows, first column, columns of the blocks outside of which W (n, m) is 0.

    They follow each other along the diagonal; W itself is one where there are no others.

    >>> import numpy as np
    >>> blocks_along_diagonal(np.array([[1, 2, 0], [3, 4, 0], [0, 0, 5]]))
    [(0, 2, 0, 2), (2, 1, 2, 1)]
    """
    n, m = W.shape
    used = W != 0
    some = used.any(axis=1)
    low = np.where(some, used.argmax(axis=1), m)
    high = np.where(some, m - used[:, ::-1].argmax(axis=1), 0)
    reached = np.maximum.accumulate(high)  # columns up to here belong to the rows so far
    ahead = np.minimum.accumulate(low[::-1])[::-1]  # columns from here on to the rows that follow
    cuts = [i for i in range(1, n) if 0 < reached[i - 1] <= ahead[i] < m]
    rows = [0, *cuts, n]
    columns = [0, *(int(reached[i - 1]) for i in cuts), m]
    return [
        (a, b - a, c, d - c)
        for (a, b), (c, d) in zip(pairwise(rows), pairwise(columns), strict=True)
    ]
