"""Many networks as one: members over folds, their weights, and the one network they make.

Every row trains all members but those of its own fold, which predict it: the out-of-fold
predictions. These determine the weight of each kind of member, and give an unbiased score without
holding rows out. The logits of the members are averaged, so that all of them together are one
network again: the first layers side by side, the others in blocks along the diagonal. It has one
file and one ``predict``, and is exported and traced like any network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import mean_loss, shares_of
from fallline.core.compact import CompactRows, Rows
from fallline.core.network import Network
from fallline.core.samples import AnySamples
from fallline.core.temperature import best_temperature, has_temperature, refinement
from fallline.data.encoding import Encoding
from fallline.engine import logits
from fallline.tabular.baselines import LOSS_FOR, minimise, ridge

__all__ = [
    "Mixture",
    "choose_weights",
    "cooled",
    "linear_member",
    "loss_of",
    "merged",
    "temperature_of",
    "tempered_loss",
]

ROUNDS = 20
CHANCE = 3.84
ENOUGH = 1e-3  # of the loss: a temperature that gains less is not used


def merged(
    members: Sequence[Network], weights: Sequence[float], temperature: float = 1.0
) -> Network:
    """One network with the weighted mean of the members' logits, divided by ``temperature``.

    The members have the same inputs, outputs, loss, dtype and activations, layer by layer.

    >>> import fallline as fl
    >>> import numpy as np
    >>> nets = [fl.Network([3, 4, 1], hidden="silu", loss="squared_error", seed=s) for s in (0, 1)]
    >>> one, X = merged(nets, [0.25, 0.75]), np.ones((1, 3))
    >>> expected = 0.25 * nets[0].logits(X) + 0.75 * nets[1].logits(X)
    >>> one.sizes, bool(abs(one.logits(X) - expected).max() < 1e-12)
    ((3, 8, 1), True)
    """
    first = members[0]
    widths = [[net.sizes[l] for net in members] for l in range(1, len(first.sizes) - 1)]
    sizes = [first.sizes[0], *(sum(each) for each in widths), first.sizes[-1]]
    one = first.of_sizes(sizes)
    last = len(one.layers) - 1
    for l, layer in enumerate(one.layers):
        rows = columns = 0
        for net, weight in zip(members, weights, strict=True):
            own, share = net.layers[l], weight / temperature if l == last else 1.0
            n_in, n_out = own.W.shape
            down = slice(None) if l == 0 else slice(rows, rows + n_in)
            across = slice(None) if l == last else slice(columns, columns + n_out)
            layer.W[down, across] += share * own.W
            layer.b[across] += share * own.b
            rows, columns = rows + n_in, columns + n_out
    return one


def linear_member(
    encoding: Encoding, like: Network, X: Rows, y: Array, weight: Array | None
) -> Network:
    """The linear model of the inputs that are not bins, as a network with the hidden layers of
    ``like``, all of relu or of silu.

    It is one exactly, since f(z) - f(-z) = z for both: the hidden layers hold z and -z.
    """
    n_in, k = like.sizes[0], like.sizes[-1]
    used = ~encoding.starts_at_zero
    plain = Network([int(used.sum()), k], loss=LOSS_FOR[encoding.task])
    kept = X.without_bins() if isinstance(X, CompactRows) else X[:, used]
    rows = np.asarray(kept, dtype=np.float64)
    if encoding.task == "numbers":
        plain.parameters = ridge(rows, y, weight)
    else:
        found = minimise(plain, rows, y, weight)
        if found is None:
            raise KeyboardInterrupt
        plain.parameters = found
    made = like.of_sizes([n_in, *(2 * k for _ in like.hidden), k])
    sign, eye = np.array([1.0, -1.0]), np.eye(k)
    first, *middle, last = made.layers
    first.W[used] = np.kron(sign, plain.layers[0].W)
    first.b[:] = np.kron(sign, plain.layers[0].b)
    for layer in middle:
        layer.W[:] = np.kron(np.outer(sign, sign), eye)
    last.W[:] = np.kron(sign[:, None], eye)
    return made


def choose_weights(network: Network, outputs: Sequence[Array], rows: AnySamples) -> Array:
    """The weight of each kind of member, (n_kinds,) with sum 1, by the loss of its logits.

    Greedy, with repetition: each of 20 rounds adds the kind that lowers the loss of the mean most.
    Source: Caruana et al. 2004 (doi:10.1145/1015330.1015432).
    """
    counts = np.zeros(len(outputs))
    total = np.zeros_like(outputs[0])
    best, kept = np.inf, counts
    for round_ in range(1, ROUNDS + 1):
        losses = [loss_of(network, (total + each) / round_, rows) for each in outputs]
        chosen = int(np.argmin(losses))
        counts, total = counts + np.eye(len(outputs))[chosen], total + outputs[chosen]
        if losses[chosen] < best:
            best, kept = losses[chosen], counts
    weights: Array = kept / kept.sum()
    return weights


@dataclass(frozen=True)
class Mixture:
    """Kinds of members with the same activations, and the mean of their logits."""

    kinds: Array  # their numbers
    weights: Array  # of each, with sum 1
    temperatures: Array  # that divide the logits of each
    mean: Array  # (n_rows, n_outputs)
    temperature: float  # that divides the mean

    @classmethod
    def of(cls, network: Network, kinds: Array, outputs: Array, rows: AnySamples) -> "Mixture":
        """By the out-of-fold logits ``outputs`` (n_kinds, n_rows, n_outputs)."""
        cooled = np.array([temperature_of(network, Z, rows) for Z in outputs])
        outputs = outputs / cooled[:, None, None].astype(network.dtype)
        weights = choose_weights(network, list(outputs), rows)
        mean = np.tensordot(weights.astype(network.dtype), outputs, axes=1)
        return cls(kinds, weights, cooled, mean, temperature_of(network, mean, rows))

    @property
    def logits(self) -> Array:
        return self.mean / self.temperature

    @property
    def first(self) -> int:
        """Where the kind of the largest weight stands among them."""
        return int(np.argmax(self.weights))


def temperature_of(network: Network, Z: Array, rows: AnySamples) -> float:
    """The divisor of the logits of classes for the lowest loss; 1 if little is gained."""
    shares = shares_of(len(rows), rows.weight)
    temperature = best_temperature(network.loss, Z, rows.Y, shares)
    before, after = (loss_of(network, Z / t, rows) for t in (1.0, temperature))
    return temperature if after < (1.0 - ENOUGH) * before else 1.0


def tempered_loss(network: Network, Z: Array, rows: AnySamples) -> float:
    """The loss of the logits of rows held out, after the temperature that is best for it: what
    recipes are compared by, since one that is too sure of itself is mended so.
    """
    return refinement(network.loss, Z, rows.Y, shares_of(len(rows), None))


def cooled(network: Network, X: Rows, y: Array) -> float:
    """Divide the logits of classes by the temperature of the lowest loss on rows held out, and
    return it; 1 if the gain is within chance.

    The last layer is scaled in place. Twice the log likelihood that one parameter gains by chance
    is below 3.84 in 19 of 20 cases (a chi-squared value of one degree of freedom, Wilks 1938), so
    the mean loss has to fall by more than 3.84 / (2 n) as well as by a thousandth. Source: Guo,
    Pleiss, Sun and Weinberger 2017 (arXiv:1706.04599).
    """
    if not has_temperature(network.loss):
        return 1.0
    rows, Z = network.rows(X, y), logits(network, X)
    temperature = temperature_of(network, Z, rows)
    gain = loss_of(network, Z, rows) - loss_of(network, Z / temperature, rows)
    if gain <= CHANCE / (2 * len(rows)):
        return 1.0
    last = network.layers[-1]
    last.W[:] /= temperature
    last.b[:] /= temperature
    return temperature


def loss_of(network: Network, Z: Array, rows: AnySamples) -> float:
    """The mean loss of logits Z (n, n_outputs), weighted by the rows."""
    return mean_loss(network, Z, rows.Y, shares_of(len(rows), rows.weight))
