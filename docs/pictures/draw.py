"""Draw the pictures of README and docs anew: python docs/pictures/draw.py (needs matplotlib)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from fallline import lesson

HERE = Path(__file__).parent
BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito's palette: distinct to colour-blind readers


def losses(as_published: bool, seeds: int) -> tuple[list[int], np.ndarray]:
    """The recorded epochs, and the loss of each seed at each of them."""
    runs = [lesson.run_demo(seed=seed, as_published=as_published).history for seed in range(seeds)]
    return runs[0].epoch, np.array([run.loss for run in runs])


def two_gradients(seeds: int = 100) -> None:
    """The truth table's loss over the epochs, with the right gradient and as published."""
    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    for as_published, colour, name in (
        (True, ORANGE, "as published, two slips"),
        (False, BLUE, "the right gradient"),
    ):
        epochs, values = losses(as_published, seeds)
        axes.plot(epochs, values.T, color=colour, alpha=0.08, linewidth=0.8)
        median = np.median(values, axis=0)
        axes.plot(epochs, median, color=colour, linewidth=2.2, label=name)
        axes.annotate(
            f"{median[-1]:.5f}".rstrip("0"),
            (epochs[-1], median[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
        )
    axes.set(yscale="log", xlabel="epoch", ylabel="loss", xlim=(0, 20_900))
    axes.set_title(f"The truth table from {seeds} seeds, and their median", fontsize=11)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE / "two-gradients.svg", metadata={"Date": None})


if __name__ == "__main__":
    mpl.rcParams["svg.hashsalt"] = "fallline"
    two_gradients()
