"""Tiny networks on a few rows: which of them kernels.unrolled takes, and their arrays."""

import math
from itertools import accumulate
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.core.penalties import NO_PENALTY, Penalty
from fallline.core.samples import AnySamples, Samples
from fallline.engine.codes import ACTIVATIONS, GELU, LOSSES, SILU
from fallline.engine.functions import activation_codes, loss_code
from fallline.engine.layout import aligned, lanes
from fallline.engine.library import available, function
from fallline.engine.loop import rates_of
from fallline.engine.records import DESCEND, Record
from fallline.engine.watch import Watch

__all__ = ["Tiny", "unrolls"]

# 28 parameters: 3.5 ms instead of 9 for 20,000 epochs; 99, which no registers hold: 18 for 13
MAX_PARAMETERS = 32
MAX_EPOCHS = 100_000  # of a call, less than a tenth of a second: Ctrl-C is heard between calls
OTHERS = (GELU, SILU)  # their slopes need z


def unrolls(
    network: Network, rows: AnySamples, optimizer: Any, penalty: Penalty, dropout: float
) -> bool:
    """Whether full batches of these rows, by these steps, can go unrolled: see kernels.unrolled.

    A layer of half a vector or more is left out: kernels.backprop adds up its gradient row by row.
    """
    L, codes = lanes(network.dtype), activation_codes(network)
    return (
        network.n_parameters <= MAX_PARAMETERS
        and len(rows) <= L
        and isinstance(rows, Samples)
        and all(2 * n_out < L for n_out in network.sizes[1:])
        and all(code < len(ACTIVATIONS) and code not in OTHERS for code in codes)
        and loss_code(network.loss, network.dtype) < len(LOSSES)
        and network.loss.name != "cross_entropy"
        and type(optimizer) is GradientDescent
        and optimizer.momentum == 0
        and penalty == NO_PENALTY
        and dropout == 0
        and available("descend", *kind_of(network))
    )


def kind_of(network: Network) -> tuple[Any, ...]:
    """What the code is made for: dtype, sizes, numbers of the activations, and of the loss."""
    loss = loss_code(network.loss, network.dtype)
    return network.dtype, tuple(network.sizes), tuple(activation_codes(network)), loss


class Tiny:
    """The rows of a run, one in each lane, and a place for theta."""

    def __init__(self, network: Network, rows: Samples) -> None:
        self.network = network
        self.run = function("descend", *kind_of(network))
        n, (n_rows, n_inputs) = network.n_parameters, rows.X.shape
        weight = [1.0] * n_rows if rows.weight is None else rows.weight.tolist()
        mass = sum(weight)  # in order, as the driver adds them
        counts, L = (n, n, n, n_inputs, network.sizes[-1], 1), lanes(network.dtype)
        vectors = aligned(sum(counts) * L, network.dtype).reshape(-1, L)
        self.theta, self.best, before, X, Y, shares = (
            vectors[end - count : end]
            for count, end in zip(counts, accumulate(counts), strict=True)
        )
        X[:, :n_rows], Y[:, :n_rows] = rows.X.T, rows.Y.T
        if mass > 0:
            shares[0, :n_rows] = np.array(weight) / mass
        self.record = Record(
            DESCEND, network.dtype, theta=self.theta, X=X, Y=Y, mass=mass, best=self.best,
            before=before, shares=shares,
        )  # fmt: skip

    def descend(self, epochs: int, optimizer: Any, step: int, watch: Watch | None = None) -> int:
        """Up to ``epochs`` steps on all rows, of which ``step`` is the first; how many it took."""
        epochs = min(epochs, MAX_EPOCHS)
        self.call(epochs, rates_of(optimizer, step, epochs), watch)
        self.network.parameters[:] = self.theta[:, 0]
        return epochs if watch is None else watch.out_of(self.record, epochs, self.best[:, 0])

    def loss(self) -> float:
        """The loss at the network's parameters."""
        watch = Watch(0, 1, math.inf, math.inf)
        self.call(1, np.zeros(1), watch)
        watch.out_of(self.record, 1, self.best[:, 0])
        return float(watch.losses[0])

    def call(self, epochs: int, rates: Array, watch: Watch | None) -> None:
        """Steps from the network's parameters, at one rate or one for each."""
        self.theta[:] = self.network.parameters[:, None]
        self.record.set(rates=rates, n_rates=len(rates), epochs=epochs, every=0)
        if watch is not None:
            watch.into(self.record, epochs)
        self.run(self.record.address)
