"""Draw an example of every figure anew: python docs/pictures/gallery.py (needs matplotlib)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import fallline as fl
from fallline import lesson, plots

HERE = Path(__file__).parent
XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
XOR_Y = np.array([0.0, 1, 1, 0])


def keep(ax: plt.Axes, name: str, folder: Path, format: str) -> None:
    """Save the figure of the axes, and close it."""
    ax.figure.savefig(folder / f"{name}.{format}", metadata=NO_DATE.get(format), dpi=110)
    plt.close(ax.figure)


NO_DATE = {"svg": {"Date": None}}  # the same bytes every time


def spirals(n: int = 90, noise: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of points that wind round each other: X (2 n, 2), y (2 n,)."""
    rng = np.random.default_rng(0)
    turn = np.linspace(0.6, 3.2, n) * np.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 10
    X = np.concatenate([arm, -arm]) + rng.normal(0, noise, (2 * n, 2))
    return X, np.repeat([0.0, 1.0], n)


def trained_truth_table(epochs: int = 2_000) -> tuple[fl.Network, fl.History, plots.PathRecorder]:
    """The lesson's network, its history, and the way it took."""
    net = lesson.truth_table_network(seed=0)
    path = plots.PathRecorder(net)
    rate = fl.GradientDescent(lesson.LEARNING_RATE)
    history = fl.train(
        net,
        lesson.TRAIN_X,
        lesson.TRAIN_Y,
        optimizer=rate,
        epochs=epochs,
        record_every=10,
        callbacks=[path],
    )
    return net, history, path


def draw_all(folder: Path, format: str = "svg") -> None:
    """One picture of each kind, in this folder."""
    X, y = lesson.TRAIN_X, lesson.TRAIN_Y
    net, _, path = trained_truth_table()
    ax = plots.network_diagram(net, inputs=["first", "middle", "last"], outputs=["both"])
    keep(ax, "network-diagram", folder, format)
    runs = {}
    for rate in (0.1, 1.6, 20.0):
        start = lesson.truth_table_network(seed=0)
        runs[f"learning rate {rate:g}"] = fl.train(
            start, X, y, optimizer=fl.GradientDescent(rate), epochs=1_000, record_every=5
        )
    keep(plots.loss_curves(runs), "loss-curves", folder, format)
    keep(plots.activation_shapes(["sigmoid", "tanh", "relu"]), "activation-shapes", folder, format)
    keep(plots.loss_landscape(net, X, y, path=path), "loss-landscape", folder, "png")
    keep(plots.gradient_heat_map(lesson.truth_table_network(), X, y), "heat-map", folder, format)

    X, y = spirals()
    deep = fl.Network([2, 16, 16, 16, 16, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
    keep(plots.gradient_flow(deep, X, y), "gradient-flow", folder, format)
    net = fl.Network([2, 24, 24, 1], hidden="tanh", loss="binary_cross_entropy", seed=0)
    fl.train(net, X, y, optimizer=fl.Adam(0.01), epochs=400, record_every=400)
    keep(plots.decision_surface(net, X, y), "decision-surface", folder, "png")

    net = fl.Network([2, 2, 1], hidden="tanh", loss="binary_cross_entropy", seed=2)
    path = plots.PathRecorder(net)
    rate = fl.GradientDescent(0.5)
    fl.train(net, XOR_X, XOR_Y, optimizer=rate, epochs=400, record_every=4, callbacks=[path])
    plots.animate_descent(net, XOR_X, XOR_Y, path, folder / "descent.gif", frames=40)


if __name__ == "__main__":
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "fallline"
    draw_all(HERE)
