"""The logits of rows that are kept compactly, by the compiled loop: it looks up the first layer."""

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.samples import CompactSamples, check_compact
from fallline.engine.blocks import blocks_of
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
