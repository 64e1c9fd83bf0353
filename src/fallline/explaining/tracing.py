"""One update with every number named: forward, loss, backward, per-sample gradients, update."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.arrays import Array, ArrayLike
from fallline.core.backprop import Backprop, by_layer, own_losses, per_sample_gradients
from fallline.core.losses import LOSSES, error
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent, Optimizer, init_state, rate_at
from fallline.core.penalties import Penalty, check_penalty
from fallline.core.samples import Samples
from fallline.text import matrix, side_by_side
from fallline.training.settings import check_optimizer

__all__ = ["LayerTrace", "Trace", "trace"]


@dataclass(frozen=True)
class LayerTrace:
    """The numbers of one layer in one update; n rows, n_in inputs, n_out neurons.

    ``A_prev`` (n, n_in), ``Z``, ``A``, ``delta`` (n, n_out); ``W`` (n_in, n_out), ``b`` (n_out,);
    ``dW_per_sample`` (n, n_in, n_out), ``db_per_sample`` (n, n_out); ``dW``, ``db`` their mean;
    ``step_W``, ``step_b`` what the optimiser adds; ``new_W``, ``new_b`` the result.
    ``delta`` is dLoss_i/dZ of each row's own loss, so the per-sample gradient of row i is
    outer(A_prev[i], delta[i]).
    """

    layer: int
    activation: str
    A_prev: Array
    W: Array
    b: Array
    Z: Array
    A: Array
    delta: Array
    dW_per_sample: Array
    db_per_sample: Array
    dW: Array
    db: Array
    step_W: Array
    step_b: Array
    new_W: Array
    new_b: Array


@dataclass(frozen=True)
class Trace:
    """One update of a network, number by number; printable, and plain data by ``as_dict``.

    ``X`` (n, n_features) and ``Y`` (n, n_outputs) are the rows, ``shares`` (n,) their parts in the
    mean, ``losses`` (n,) each row's loss, ``loss`` and ``new_loss`` the loss before and after.

    >>> import fallline as fl
    >>> net = fl.Network([1, 1], loss="squared_error")
    >>> net.parameters = [2.0, 0.0]
    >>> print(fl.trace(net, [[1.0], [2.0]], [1.0, 2.0]))
    ROWS (a line is a sample)
    X              Y
    [ 1.000000 ]   [ 1.000000 ]
    [ 2.000000 ]   [ 2.000000 ]
    <BLANKLINE>
    FORWARD  layer 1: Z1 = X @ W1 + b1, A1 = identity(Z1)
    W1             b1             Z1             A1
    [ 2.000000 ]   [ 0.000000 ]   [ 2.000000 ]   [ 2.000000 ]
                                  [ 4.000000 ]   [ 4.000000 ]
    <BLANKLINE>
    LOSS  squared_error, one number per row, then their mean
    [ 0.500000 ]
    [ 2.000000 ]
    mean = 1.25
    <BLANKLINE>
    BACKWARD  layer 1: delta1 = dLoss/dZ1, dW1 of row i = outer(X[i], delta1[i])
    delta1 = A1 - Y
    [ 1.000000 ]
    [ 2.000000 ]
    dW1 of row 0   dW1 of row 1
    [ 1.000000 ]   [ 4.000000 ]
    mean dW1       mean db1
    [ 2.500000 ]   [ 1.500000 ]
    <BLANKLINE>
    UPDATE  new = old + step, by
    GradientDescent(learning_rate=0.1, momentum=0.0, nesterov=False)
    <BLANKLINE>
    UPDATE  layer 1
    old W1         step            new W1
    [ 2.000000 ]   [ -0.250000 ]   [ 1.750000 ]
    old b1         step            new b1
    [ 0.000000 ]   [ -0.150000 ]   [ -0.150000 ]
    <BLANKLINE>
    loss before 1.25, after 0.545625
    """

    X: Array
    Y: Array
    shares: Array
    losses: Array
    loss: float
    new_loss: float
    l2: float
    l1: float
    loss_name: str
    optimizer: str
    learning_rate: float
    layers: tuple[LayerTrace, ...]

    def as_dict(self) -> dict[str, Any]:
        """Numbers, strings and nested lists only, for JSON."""
        facts = {k: plain(v) for k, v in vars(self).items() if k != "layers"}
        layers = [{k: plain(v) for k, v in vars(layer).items()} for layer in self.layers]
        return facts | {"layers": layers}

    def __str__(self) -> str:
        return "\n\n".join(
            [
                self._rows(),
                *(forward_text(layer) for layer in self.layers),
                self._losses(),
                *(backward_text(layer, self.delta_rule(layer)) for layer in reversed(self.layers)),
                f"UPDATE  new = old + step, by\n{self.optimizer}",
                *(update_text(layer) for layer in self.layers),
                f"loss before {self.loss:.6g}, after {self.new_loss:.6g}",
            ]
        )

    def delta_rule(self, layer: LayerTrace) -> str:
        """The formula of a layer's delta, in Python's notation."""
        n = layer.layer
        if n < len(self.layers):
            return f"(delta{n + 1} @ W{n + 1}.T) * {slope_rule(layer.activation, n)}"
        loss = LOSSES.get(self.loss_name)
        return f"A{n} - Y" if loss is not None and loss.delta is error else f"dLoss/dZ{n}"

    def _rows(self) -> str:
        blocks = [("X", matrix(self.X)), ("Y", matrix(self.Y))]
        return f"ROWS (a line is a sample)\n{side_by_side(blocks)}"

    def _losses(self) -> str:
        penalty = f" + l2 / 2 sum W^2 (l2 = {self.l2:g})" if self.l2 else ""
        penalty += f" + l1 sum |W| (l1 = {self.l1:g})" if self.l1 else ""
        return (
            f"LOSS  {self.loss_name}, one number per row, then their mean{penalty}\n"
            f"{matrix(self.losses[:, None])}\nmean = {self.loss:.10g}"
        )


def forward_text(layer: LayerTrace) -> str:
    n = layer.layer
    blocks = [
        (f"W{n}", matrix(layer.W)),
        (f"b{n}", matrix(layer.b)),
        (f"Z{n}", matrix(layer.Z)),
        (f"A{n}", matrix(layer.A)),
    ]
    source = "X" if n == 1 else f"A{n - 1}"
    head = f"FORWARD  layer {n}: Z{n} = {source} @ W{n} + b{n}, A{n} = {layer.activation}(Z{n})"
    return f"{head}\n{side_by_side(blocks)}"


SLOPES = {
    "sigmoid": "A{n} * (1 - A{n})",
    "tanh": "(1 - A{n}**2)",
    "relu": "(Z{n} > 0)",
    "identity": "1",
}


def slope_rule(activation: str, n: int) -> str:
    """The derivative of a layer's activation, in terms of its A or Z."""
    return SLOPES.get(activation, activation + "'(Z{n})").format(n=n)


def backward_text(layer: LayerTrace, delta: str) -> str:
    n = layer.layer
    source = "X" if n == 1 else f"A{n - 1}"
    samples = [
        (f"dW{n} of row {i}", matrix(dW)) for i, dW in enumerate(layer.dW_per_sample[:MAX_SAMPLES])
    ]
    left_out = len(layer.dW_per_sample) - len(samples)
    more = f"\n... and {left_out} rows more" if left_out > 0 else ""
    means = [(f"mean dW{n}", matrix(layer.dW)), (f"mean db{n}", matrix(layer.db))]
    return (
        f"BACKWARD  layer {n}: delta{n} = dLoss/dZ{n}, dW{n} of row i = "
        f"outer({source}[i], delta{n}[i])\n"
        f"{side_by_side([(f'delta{n} = {delta}', matrix(layer.delta))])}\n"
        f"{side_by_side(samples)}{more}\n{side_by_side(means)}"
    )


MAX_SAMPLES = 6


def update_text(layer: LayerTrace) -> str:
    n = layer.layer
    weights = (f"old W{n}", layer.W), ("step", layer.step_W), (f"new W{n}", layer.new_W)
    biases = (f"old b{n}", layer.b), ("step", layer.step_b), (f"new b{n}", layer.new_b)
    return "\n".join(
        [
            f"UPDATE  layer {n}",
            side_by_side([(title, matrix(values)) for title, values in weights]),
            side_by_side([(title, matrix(values)) for title, values in biases]),
        ]
    )


def plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def trace(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    optimizer: Optimizer | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    state: Mapping[str, Array] | None = None,
    step: int = 0,
) -> Trace:
    """One update on all rows of X and y, with every number; the network does not change.

    ``optimizer`` is GradientDescent(0.1) by default. It starts from its initial state at step 0,
    or from ``state`` (as its ``init`` gives it; not changed) at the given ``step``. The other
    parameters are those of :func:`fallline.train`. Raises ParameterError, ShapeError or DataError
    for bad input.

    >>> import fallline as fl
    >>> net = fl.Network([1, 1], loss="squared_error")
    >>> net.parameters = [2.0, 0.0]
    >>> traced = fl.trace(net, [[1.0], [2.0]], [1.0, 2.0], fl.GradientDescent(0.1))
    >>> layer = traced.layers[0]
    >>> layer.delta[:, 0], layer.dW, layer.step_W, layer.new_W
    (array([1., 2.]), array([[2.5]]), array([[-0.25]]), array([[1.75]]))
    >>> traced.loss, round(traced.new_loss, 6)
    (1.25, 0.545625)
    """
    optimizer = GradientDescent(learning_rate=0.1) if optimizer is None else optimizer
    check_optimizer(optimizer)
    penalty = check_penalty(l2, l1)
    samples = network.samples(X, y, sample_weight)
    old, new = network.copy(), network.copy()
    passed, loss = pass_over(new, samples, penalty)
    gradient, step_taken = passed.gradient.copy(), passed.gradient
    own_state = init_state(optimizer, old.parameters)
    for name, values in (state or {}).items():
        own_state[name] = np.array(values, dtype=new.dtype)
    optimizer.update(new.parameters, step_taken, own_state, step, new.is_weight)
    after = pass_over(new, samples, penalty)
    return Trace(
        X=samples.X,
        Y=samples.Y,
        shares=passed.shares[:, 0],
        losses=network.loss.value(passed.output.Z, samples.Y),
        loss=loss,
        new_loss=after[1],
        l2=l2,
        l1=l1,
        loss_name=network.loss.name,
        optimizer=repr(optimizer),
        learning_rate=rate_at(optimizer, step),
        layers=layer_traces(old, new, samples, passed, gradient, step_taken, penalty),
    )


def pass_over(network: Network, samples: Samples, penalty: Penalty) -> tuple[Backprop, float]:
    """Forward and backward pass over all rows, and the loss."""
    step = Backprop(network, len(samples), penalty)
    step.load(samples.X, samples.weight)
    step.forward()
    loss = step.loss(samples.Y)
    step.backward(samples.Y)
    return step, loss


def layer_traces(
    old: Network,
    new: Network,
    samples: Samples,
    step: Backprop,
    gradient: Array,
    step_taken: Array,
    penalty: Penalty,
) -> tuple[LayerTrace, ...]:
    """Cut the flat vectors of an update into layers."""
    stack = per_sample_gradients(old, samples.X, samples.Y, penalty)
    parts = zip(
        old.layers,
        new.layers,
        old.views(gradient),
        old.views(step_taken),
        by_layer(old, stack),
        step.layers,
        own_losses(old, samples.X, samples.Y).layers,
        strict=True,
    )
    return tuple(
        LayerTrace(
            layer=before.number,
            activation=before.activation,
            A_prev=passed.A_prev.copy(),
            W=before.W,
            b=before.b,
            Z=passed.Z,
            A=passed.A,
            delta=own.delta,
            dW_per_sample=block[:, :-1],
            db_per_sample=block[:, -1],
            dW=mean.W,
            db=mean.b,
            step_W=change.W,
            step_b=change.b,
            new_W=after.W,
            new_b=after.b,
        )
        for before, after, mean, change, block, passed, own in parts
    )
