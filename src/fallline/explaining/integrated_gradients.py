r"""Integrated gradients: what each input contributes to an output, against a baseline.

.. math::
    a_i = (x_i - x'_i) \int_0^1 \frac{\partial f}{\partial x_i}\bigl(x' + t (x - x')\bigr) dt,
    \qquad \sum_i a_i = f(x) - f(x')

On the line from the baseline x' to x the first pre-activation is linear in t,

.. math:: Z_1(t) = x' W_1 + b_1 + t u, \qquad u = (x - x') W_1

so a step along it costs no product with the inputs, forward or back: the gradients with respect to
Z_1 are added up over t, and the sum D gives a = (x - x') * (D W_1^T). The line is cut where a
piecewise-linear layer has a kink; if all layers are piecewise linear, the gradient is constant on a
piece, and one gradient per piece gives the exact integral. Otherwise a piece is a panel of the
Gauss-Kronrod rule of 15 points. A panel is halved while it does not add up to the difference of f
at its ends, or the rule's 7 Gauss points alone differ from all 15 for any input. Everything is in
float64.

Sources: Sundararajan, Taly and Yan 2017 (arXiv:1703.01365), equation 1 and proposition 1; Kronrod's
points as in QUADPACK, Piessens et al. 1983, dqk15.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fallline.arrays import Array
from fallline.core import activations
from fallline.core.network import Network

__all__ = [
    "NODES",
    "TOLERANCE",
    "Attributions",
    "Head",
    "integrated_gradients",
    "linear_head",
    "output_head",
]

TOLERANCE = 1e-6  # of the sum of a row's absolute attributions: larger gaps are reported
AIM = 0.1  # of it: panels are halved until the gap is smaller
GAUSS_AIM = 1e-4  # by which 7 points may differ from 15, whose error is about its power 1.5
ROUNDING = 1e-13  # of the output's size: halving does not improve on this
POINTS_AT_ONCE = 2048
CELLS_AT_ONCE = 4_000_000
PIECEWISE_LINEAR = ("relu", "leaky_relu", "identity")

HALF = np.array([
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144691693013, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0.0,
])  # fmt: skip
KRONROD = np.array([
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
    0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
    0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
])  # fmt: skip
GAUSS = np.array([
    0.0, 0.129484966168869693270611432679082, 0.0, 0.279705391489276667901467771423780,
    0.0, 0.381830050505118944950369775488975, 0.0, 0.417959183673469387755102040816327,
])  # fmt: skip


def mirrored(half: Array, sign: float = 1.0) -> Array:
    """The values of all 15 points, from those of the first half and the middle."""
    return np.concatenate([half, sign * half[-2::-1]])


NODES = (1.0 - mirrored(HALF, -1.0)) / 2.0  # of [0, 1]
WEIGHTS = np.stack([mirrored(KRONROD), mirrored(GAUSS)]) / 2.0
MIDDLE = 7


@dataclass(frozen=True)
class Head:
    """What is explained, as a function of the logits Z (m, n_outputs) of given rows.

    ``value(Z, rows)`` is (m,), ``slope(Z, rows)`` (m, n_outputs) its derivative by Z; ``rows`` (m,)
    are positions among the rows explained, each of which may have its own class. ``linear``: the
    slope does not depend on Z.
    """

    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    linear: bool


def linear_head(weights: Array, shift: float = 0.0) -> Head:
    """The sum of weights (n_rows, n_outputs) times logits, plus ``shift``."""
    return Head(
        lambda Z, rows: (Z * weights[rows]).sum(axis=1) + shift,
        lambda Z, rows: weights[rows],
        linear=True,
    )


def output_head(name: str, outputs: Array, scale: Array) -> Head:
    """The network's output number ``outputs[row]`` times ``scale[row]``, both (n_rows,).

    ``name`` is the output activation's: "sigmoid", "softmax", "exp" or "identity".
    """
    function = activations.OUTPUTS[name]

    def value(Z: Array, rows: Array) -> Array:
        A = function(Z)
        return A[np.arange(len(A)), outputs[rows]] * scale[rows]

    def slope(Z: Array, rows: Array) -> Array:
        A, each, k = function(Z), np.arange(len(Z)), outputs[rows]
        a = A[each, k]
        if name == "softmax":  # da_k / dz_j = a_k (1 if j = k else 0) - a_k a_j
            S = -a[:, None] * A
            S[each, k] += a
        else:
            S = np.zeros_like(A)
            S[each, k] = {"sigmoid": a * (1.0 - a), "exp": a, "identity": np.ones_like(a)}[name]
        return S * scale[rows, None]

    return Head(value, slope, linear=False)


@dataclass(frozen=True)
class Attributions:
    """The contribution of each input: ``inputs`` (n, n_features), which add up to value - base.

    ``base``, ``value`` (n,): f at the baseline and at the rows. ``gap`` (n,): |base + the inputs'
    sum - value|. ``steps`` (n,): how many gradients were computed.
    """

    inputs: Array
    base: Array
    value: Array
    gap: Array
    steps: Array

    @property
    def relative_gap(self) -> Array:
        """(n,) the gap as a share of the sum of the absolute attributions."""
        size = np.abs(self.inputs).sum(axis=1)
        floor = ROUNDING / TOLERANCE * (np.abs(self.base) + np.abs(self.value))
        relative: Array = self.gap / np.maximum(np.maximum(size, floor), np.finfo(float).tiny)
        return relative


def integrated_gradients(
    network: Network, X: Array, baseline: Array, head: Head, steps: int
) -> Attributions:
    """The integrated gradients of each row of X (n, n_features) from ``baseline`` (n_features,).

    ``steps`` is the maximum number of gradients per row; if it does not suffice, the row has a gap.
    """
    network = network.copy("float64")
    at_once = max(1, CELLS_AT_ONCE // (sum(network.sizes[1:]) * max(network.sizes[1:])))
    found = []
    for start in range(0, len(X), at_once):
        part = X[start : start + at_once]
        found.append(of_part(Lines(network, part, baseline, head_from(head, start)), steps))
    names = ("inputs", "base", "value", "gap", "steps")
    return Attributions(*(np.concatenate([getattr(one, name) for one in found]) for name in names))


def head_from(head: Head, start: int) -> Head:
    """The head for rows that are counted from ``start``."""
    return Head(
        lambda Z, rows: head.value(Z, rows + start),
        lambda Z, rows: head.slope(Z, rows + start),
        head.linear,
    )


def of_part(lines: "Lines", steps: int) -> Attributions:
    """For a block of rows."""
    sums = np.zeros_like(lines.u)
    rows = np.arange(len(sums))
    used = np.zeros(len(sums), dtype=np.intp)
    Integral(lines, rows, steps).add_to(sums, used)
    inputs = lines.attributions(rows, sums)
    gap = np.abs(lines.base + inputs.sum(axis=1) - lines.value)
    return Attributions(inputs, lines.base, lines.value, gap, used)


class Lines:
    """The lines from the baseline to the rows, and the network along them."""

    def __init__(self, network: Network, X: Array, baseline: Array, head: Head) -> None:
        self.layers, self.head = network.layers, head
        self.away = X - baseline
        first = self.layers[0]
        self.start = baseline @ first.W + first.b
        self.u = self.away @ first.W
        self.exact = head.linear and all(name in PIECEWISE_LINEAR for name in network.hidden)
        rows = np.arange(len(X))
        self.base, self.value = (self.values(rows, np.full(len(X), t)) for t in (0.0, 1.0))

    def forward(self, rows: Array, t: Array, layers: int | None = None) -> tuple[list[Array], ...]:
        """Z and A of the layers at the points t (m,) of the lines of ``rows`` (m,).

        Only for the first ``layers`` layers; the last Z has no A.
        """
        Z, A = [self.start + t[:, None] * self.u[rows]], []
        for before, layer in zip(self.layers, self.layers[1:layers], strict=False):
            A.append(before.value(Z[-1]))
            Z.append(A[-1] @ layer.W + layer.b)
        return Z, A

    def values(self, rows: Array, t: Array) -> Array:
        """f (m,) at the points."""
        found = np.empty(len(t))
        for start in range(0, len(t), POINTS_AT_ONCE):
            part = slice(start, start + POINTS_AT_ONCE)
            Z, _ = self.forward(rows[part], t[part])
            found[part] = self.head.value(Z[-1], rows[part])
        return found

    def gradients(self, rows: Array, t: Array) -> tuple[Array, Array]:
        """df/dZ_1 (m, n_first) and f (m,) at the points: the chain rule, from the last layer."""
        Z, A = self.forward(rows, t)
        delta = self.head.slope(Z[-1], rows)
        for number in reversed(range(1, len(self.layers))):
            slope = self.layers[number - 1].slope_of()(Z[number - 1], A[number - 1])
            delta = (delta @ self.layers[number].W.T) * slope
        return delta, self.head.value(Z[-1], rows)

    def attributions(self, rows: Array, sums: Array) -> Array:
        """(m, n_features) of the integrals ``sums`` (m, n_first) of df/dZ_1."""
        found: Array = self.away[rows] * (sums @ self.layers[0].W.T)
        return found

    def cuts(self, rows: Array) -> tuple[Array, Array]:
        """The lines' ends and the kinks between them: rows (m,) and t (m,), in order.

        The kinks are those of all layers before which everything is piecewise linear.
        """
        at = np.repeat(rows, 2)
        t = np.tile([0.0, 1.0], len(rows))
        for number, layer in enumerate(self.layers[:-1]):
            seams = seams_of(layer.activation)
            if seams:
                Z = self.forward(at, t, number + 1)[0][-1]
                same = at[1:] == at[:-1]
                for seam in seams:
                    low, high = Z[:-1] - seam, Z[1:] - seam
                    piece, neuron = np.nonzero((low * high < 0.0) & same[:, None])
                    share = low[piece, neuron] / (low[piece, neuron] - high[piece, neuron])
                    more = t[piece] + share * (t[piece + 1] - t[piece])
                    at, t = np.append(at, at[piece]), np.append(t, more)
                order = np.lexsort((t, at))
                at, t = at[order], t[order]
            if layer.activation not in PIECEWISE_LINEAR:
                break
        return at, t


def seams_of(name: str) -> tuple[float, ...]:
    """The points where the pieces of a hidden activation meet."""
    return activations.get(name).seams


@dataclass(frozen=True)
class Panels:
    """Pieces of the lines: ``rows``, ``low``, ``high`` (m,), and f at both ends."""

    rows: Array
    low: Array
    high: Array
    f_low: Array
    f_high: Array


class Integral:
    """The integrals of df/dZ_1 along the lines of some rows, panel by panel."""

    def __init__(self, lines: Lines, rows: Array, steps: int) -> None:
        self.lines, self.rows, self.steps = lines, rows, steps

    def add_to(self, sums: Array, used: Array) -> None:
        """Add the integrals to ``sums`` (n, n_first), and the gradients taken to ``used`` (n,)."""
        at, t = self.lines.cuts(self.rows)
        each = 1 if self.lines.exact else len(NODES)
        pieces = np.bincount(at, minlength=len(used)) - 1
        kept = (each * pieces[at] <= self.steps) | (t == 0.0) | (t == 1.0)
        at, t = at[kept], t[kept]
        pieces_only = self.lines.exact & (pieces[at] <= self.steps)
        self.add_pieces(at[pieces_only], t[pieces_only], sums, used)
        at, t = at[~pieces_only], t[~pieces_only]
        f = self.lines.values(at, t)
        inside = apart(at, t)
        ends = (at[:-1], t[:-1], t[1:], f[:-1], f[1:])
        self.add_panels(Panels(*(values[inside] for values in ends)), sums, used)

    def add_pieces(self, at: Array, t: Array, sums: Array, used: Array) -> None:
        """One gradient between two cuts ``t`` (m,) of the rows ``at`` (m,), where f is linear."""
        inside = apart(at, t)
        rows, width = at[:-1][inside], np.diff(t)[inside]
        middle = t[:-1][inside] + width / 2.0
        for start in range(0, len(rows), POINTS_AT_ONCE):
            part = slice(start, start + POINTS_AT_ONCE)
            D, _ = self.lines.gradients(rows[part], middle[part])
            np.add.at(sums, rows[part], D * width[part, None])
        used += np.bincount(rows, minlength=len(used))

    def add_panels(self, panels: Panels, sums: Array, used: Array) -> None:
        """Halve panels until each row adds up, or its steps are used up."""
        left = np.zeros(len(sums))  # the gaps of the panels that are not halved
        while len(panels.rows):
            D, differ, middle = self.rule(panels)
            along = (self.lines.u[panels.rows] * D).sum(axis=1)
            gaps = np.abs(panels.f_high - panels.f_low - along)
            used += len(NODES) * np.bincount(panels.rows, minlength=len(used))
            whole = sums.copy()
            np.add.at(whole, panels.rows, D)
            halved = self.too_coarse(panels, gaps, differ, left, whole, used)
            stay = ~halved
            np.add.at(sums, panels.rows[stay], D[stay])
            np.add.at(left, panels.rows[stay], gaps[stay])
            panels = halves(taken(panels, halved), middle[halved])

    def rule(self, panels: Panels) -> tuple[Array, Array, Array]:
        """For each panel: the integral (m, n_first), 7 points against 15 (m,), f in the middle."""
        m, n_first = len(panels.rows), self.lines.u.shape[1]
        D, differ, middle = np.empty((m, n_first)), np.empty(m), np.empty(m)
        at_once = POINTS_AT_ONCE // len(NODES)
        for start in range(0, m, at_once):
            part = slice(start, start + at_once)
            rows, low = panels.rows[part], panels.low[part]
            width = panels.high[part] - low
            t = low[:, None] + width[:, None] * NODES
            G, f = self.lines.gradients(np.repeat(rows, len(NODES)), t.ravel())
            G = G.reshape(len(rows), len(NODES), n_first)
            both = WEIGHTS @ G * width[:, None, None]
            D[part] = both[:, 0]
            off = self.lines.attributions(rows, both[:, 0] - both[:, 1])
            differ[part] = np.abs(off).max(axis=1)
            middle[part] = f.reshape(len(rows), len(NODES))[:, MIDDLE]
        return D, differ, middle

    def too_coarse(
        self, panels: Panels, gaps: Array, differ: Array, left: Array, whole: Array, used: Array
    ) -> Array:
        """(m,) which panels to halve; none of a row whose steps would not suffice."""
        n = len(left)
        size = np.zeros(n)
        rows = np.unique(panels.rows)
        size[rows] = np.abs(self.lines.attributions(rows, whole[rows])).sum(axis=1)
        noise = ROUNDING * (np.abs(self.lines.base) + np.abs(self.lines.value))
        aim = AIM * TOLERANCE * size + noise
        count = np.bincount(panels.rows, minlength=n)
        open_ = left + np.bincount(panels.rows, gaps, n) > aim
        at = panels.rows
        halved = open_[at] & (gaps > (aim / (2.0 * np.maximum(count, 1)))[at])
        halved |= differ > (GAUSS_AIM * size + noise)[at]
        halved &= panels.high - panels.low > 1e-12  # where the halves would not be distinct numbers
        needed = used + 2 * len(NODES) * np.bincount(at[halved], minlength=n)
        return halved & (needed <= self.steps)[at]


def apart(at: Array, t: Array) -> Array:
    """(m - 1,) whether a cut and the next belong to one row and differ."""
    different: Array = (at[1:] == at[:-1]) & (t[1:] > t[:-1])
    return different


def taken(panels: Panels, which: Array) -> Panels:
    return Panels(**{name: values[which] for name, values in vars(panels).items()})


def halves(panels: Panels, middle: Array) -> Panels:
    """Both halves of each panel; ``middle`` (m,) is f there."""
    between = (panels.low + panels.high) / 2.0
    return Panels(
        np.tile(panels.rows, 2),
        np.append(panels.low, between),
        np.append(between, panels.high),
        np.append(panels.f_low, middle),
        np.append(middle, panels.f_high),
    )
