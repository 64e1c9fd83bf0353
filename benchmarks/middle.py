"""100,000 x 20, 20-64-64-1 ReLU, Adam, batch 128, float32, one epoch: engine against reference."""

import numpy as np
from timing import alternate, as_table

import fallline as fl


def run(rounds: int = 7) -> str:
    """Time both; the result as Markdown."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(100_000, 20)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)

    def one_epoch(engine: str) -> fl.History:
        net = fl.Network([20, 64, 64, 1], loss="binary_cross_entropy", dtype="float32")
        return fl.train(net, X, y, epochs=1, batch_size=128, engine=engine)

    medians = alternate(
        {
            "Fallline, compiled": lambda: one_epoch("compiled"),
            "Fallline, NumPy reference": lambda: one_epoch("numpy"),
        },
        rounds,
    )
    title = "### 100,000 x 20, 20-64-64-1, ReLU, Adam, batch 128, float32, one epoch\n\n"
    return title + as_table(medians, "Fallline, compiled")


if __name__ == "__main__":
    print(run())
