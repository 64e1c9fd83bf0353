"""The logits of rows that are kept compactly, by the compiled loop: it looks up the first layer."""

from functools import cached_property

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.compact import CompactRows
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.samples import CompactSamples, check_compact
from fallline.engine.blocks import blocks_of
from fallline.engine.layout import MIN_ROWS, padded
from fallline.engine.loop import Loop, computes
from fallline.engine.predictor import outputs
from fallline.engine.threads import threads_allowed

__all__ = ["Forward", "logits", "predict_proba"]


class Forward:
    """A network as it is now, prepared for many blocks of rows: where its weights are not zero.

    Compact rows go through the engine, and so do the blocks of an ensemble's weights one by one;
    several threads may use it. While it is in use the network must not be changed.
    """

    def __init__(self, network: Network) -> None:
        self.network, self.computes = network, computes(network)

    @cached_property
    def prepared(self) -> tuple[Network, Array | None]:
        """The network with a first layer of whole vectors, and its blocks."""
        wide = with_whole_vectors(self.network)
        return wide, blocks_of(wide)

    def predict_proba(self, X: ArrayLike | CompactRows) -> Array:
        """The output in its own terms (n_samples, n_outputs), as
        :meth:`fallline.Network.predict_proba` gives it, to rounding.
        """
        Z = self.logits(X)
        if not isinstance(X, CompactRows) or not self.computes:
            return self.network.loss.output(Z)
        return outputs(self.network, Z)

    def logits(self, X: ArrayLike | CompactRows) -> Array:
        """The last Z, (n_samples, n_outputs), as :meth:`fallline.Network.logits` gives it."""
        if not isinstance(X, CompactRows) or len(X) == 0 or not self.computes:
            return self.network.logits(X)
        rows = check_compact(X, self.network.sizes[0], self.network.dtype)
        targets = np.zeros((len(rows), self.network.sizes[-1]), self.network.dtype)
        samples = CompactSamples(rows, targets, None)
        stay = GradientDescent(lambda step: 0.0)
        network, blocks = self.prepared
        threads = threads_allowed() if len(rows) > MIN_ROWS else 1
        loop = Loop(network, samples, stay, {}, len(rows), threads=threads, learns=False)
        loop.measuring.set(blocks=blocks)
        with np.errstate(over="ignore", invalid="ignore"):
            return loop.measure(samples)[1]


def predict_proba(network: Network, X: ArrayLike | CompactRows) -> Array:
    """The output of a network, by a :class:`Forward` of its own."""
    return Forward(network).predict_proba(X)


def logits(network: Network, X: ArrayLike | CompactRows) -> Array:
    """The last Z of a network, by a :class:`Forward` of its own."""
    return Forward(network).logits(X)


def with_whole_vectors(network: Network) -> Network:
    """The network, its first layer filled up to whole vectors by neurons that nobody listens to."""
    width = padded(network.sizes[1], network.dtype)
    if width == network.sizes[1]:
        return network
    wide = network.of_sizes([network.sizes[0], width, *network.sizes[2:]])
    for layer, own in zip(wide.layers, network.layers, strict=True):
        n_in, n_out = own.W.shape
        layer.W[:n_in, :n_out], layer.b[:n_out] = own.W, own.b
    return wide
