"""The truth table "first AND last", and the published update with its two slips, as a lesson.

Fallline grew from a public teaching notebook, "Gradient Descent Algorithm in numpy". Its update
averages both weight gradients over one slice too many (slip a), and multiplies the output layer's
weight gradient by the hidden activation's slope a (1 - a) instead of a, which the chain rule
requires (slip b). It is kept here, apart from the core: to reproduce the printed figures, and to
show that :func:`fallline.check_gradients` catches both slips.
"""

import math
import time
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array
from fallline.core.backprop import Backprop
from fallline.core.network import Network
from fallline.core.optimizers import GradientDescent
from fallline.limits import check_integer
from fallline.training.divergence import ran_away, runaway_message
from fallline.training.history import History
from fallline.training.run import train

__all__ = [
    "EPOCHS",
    "LEARNING_RATE",
    "TEST_X",
    "TEST_Y",
    "TRAIN_X",
    "TRAIN_Y",
    "Demo",
    "published_gradient",
    "run_demo",
    "train_as_published",
    "truth_table_network",
]

TRAIN_X: Array = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=float)
TRAIN_Y: Array = np.array([1, 0, 0, 0, 0], dtype=float)
TEST_X: Array = np.array([[0, 1, 1], [1, 1, 1], [0, 1, 0]], dtype=float)
TEST_Y: Array = np.array([0, 1, 0], dtype=float)
EPOCHS = 20_000
LEARNING_RATE = 1.6
RECORD_EVERY = 1_000


def truth_table_network(hidden: tuple[int, ...] = (2,), seed: int = 0) -> Network:
    """The notebook's network: sigmoid in every layer, weights uniform in [-0.5, 0.5), biases 0.

    >>> from fallline import lesson
    >>> lesson.truth_table_network()
    <Network 3-2-1, sigmoid, sigmoid, binary_cross_entropy, 11 parameters, float64>
    """
    return Network(
        [3, *hidden, 1], hidden="sigmoid", loss="binary_cross_entropy", init="uniform", seed=seed
    )


def published_gradient(network: Network, X: Array, Y: Array) -> Array:
    """The notebook's gradient, both slips included, in the layout of ``network.parameters``.

    X is (n_samples, n_features), Y (n_samples, n_outputs). Any number of sigmoid layers is allowed;
    slip (b) belongs to the output layer.

    >>> import fallline as fl
    >>> from fallline.lesson import TRAIN_X, TRAIN_Y, published_gradient, truth_table_network
    >>> net = truth_table_network()
    >>> check = fl.check_gradients(net, TRAIN_X, TRAIN_Y, gradient=published_gradient)
    >>> [(part.layer, part.kind, part.passed) for part in check.parts]
    [(1, 'W', False), (1, 'b', True), (2, 'W', False), (2, 'b', True)]
    >>> round(check.parts[0].ratio, 4)  # a mean over 6 rows in place of 5
    0.8333
    """
    step = Backprop(network, len(X))
    step.load(X)
    step.forward()
    step.backward(Y)
    return with_slips(network, step)


def with_slips(network: Network, step: Backprop) -> Array:
    """Turn the correct gradient of a backward pass into the published one, in place."""
    n_rows = len(step.shares)
    layers = network.views(step.gradient)
    if len(layers) > 1:
        A_prev = step.output.A_prev
        slope = A_prev * (1.0 - A_prev)  # slip b: the slope instead of the activation
        np.matmul(slope.T, step.output.delta, out=layers[-1].W)
    for layer in layers:
        layer.W[:] *= n_rows / (n_rows + 1)  # slip a: the mean over n + 1 slices
    return step.gradient


def train_as_published(
    network: Network, X: Array, y: Array, *, learning_rate: float, epochs: int, record_every: int
) -> History:
    """Full-batch descent along the published gradient; it records and stops as ``train`` does."""
    samples = network.samples(X, y)
    check_integer("epochs", epochs)
    optimizer = GradientDescent(learning_rate)
    step = Backprop(network, len(samples))
    step.load(samples.X)
    state, is_weight = optimizer.init(network.parameters), network.is_weight
    history = History()
    best = network.parameters.copy()
    began = time.perf_counter()
    for epoch in range(epochs):
        step.forward()
        if epoch % record_every == 0:
            loss = step.loss(samples.Y)
            history.record(epoch, loss)
            if ran_away(loss, history.loss[0]):
                history.stopped = "diverged"
                history.message = runaway_message(epoch, loss, history.loss[0], learning_rate)
                network.parameters = best
                epochs = epoch + 1
                break
            if loss == min(history.loss):
                best = network.parameters.copy()
        step.backward(samples.Y)
        gradient = with_slips(network, step)
        optimizer.update(network.parameters, gradient, state, epoch, is_weight)
    history.steps = history.epochs_done = epochs
    history.seconds = time.perf_counter() - began
    return history


class Demo(NamedTuple):
    """The truth table's run: predictions before and after, and the losses between."""

    network: Network
    history: History
    before: Array
    after: Array
    published: bool

    def rows(self, predicted: Array) -> list[dict[str, Any]]:
        """Row, target and prediction of each test row, as plain data."""
        return [
            {"row": [int(x) for x in row], "target": int(target), "predicted": float(p)}
            for row, target, p in zip(TEST_X, TEST_Y, predicted, strict=True)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; a loss that is not finite is None."""
        finite = [loss if math.isfinite(loss) else None for loss in self.history.loss]
        losses = list(zip(self.history.epoch, finite, strict=True))
        return {
            "losses": [list(pair) for pair in losses],
            "loss": losses[-1][1] if losses else None,
            "before": self.rows(self.before),
            "after": self.rows(self.after),
            "seconds": self.history.seconds,
        }


def run_demo(
    *,
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
    hidden: tuple[int, ...] = (2,),
    seed: int = 0,
    as_published: bool = False,
    engine: str = "auto",
) -> Demo:
    """Train the truth table's network like the notebook: correctly, or as published.

    Raises ParameterError for a value out of range.

    >>> from fallline import lesson
    >>> demo = lesson.run_demo(epochs=2_000)
    >>> demo.before.round(2), demo.after.round(2)
    (array([0.54, 0.54, 0.53]), array([0.  , 0.89, 0.  ]))
    """
    network = truth_table_network(hidden, seed)
    before = network.predict_proba(TEST_X)[:, 0]
    if as_published:
        history = train_as_published(
            network,
            TRAIN_X,
            TRAIN_Y,
            learning_rate=learning_rate,
            epochs=epochs,
            record_every=RECORD_EVERY,
        )
    else:
        history = train(
            network,
            TRAIN_X,
            TRAIN_Y,
            optimizer=GradientDescent(learning_rate),
            epochs=epochs,
            record_every=RECORD_EVERY,
            engine=engine,
        )
    return Demo(network, history, before, network.predict_proba(TEST_X)[:, 0], as_published)
