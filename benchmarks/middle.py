"""100,000 x 20, 20-64-64-1 ReLU, Adam, batch 128, float32, one epoch."""

import numpy as np
from compare import compare
from work import Work

TITLE = "100,000 x 20, 20-64-64-1, ReLU, Adam, batch 128, float32, one epoch"


def work() -> Work:
    """The rows are random; whether two features have the same sign is to be learned."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(100_000, 20)).astype(np.float32)
    return Work(
        X,
        (X[:, 0] * X[:, 1] > 0).astype(np.float32),
        (20, 64, 64, 1),
        hidden="relu",
        loss="binary_cross_entropy",
        optimizer="adam",
        learning_rate=0.001,
        batch_size=128,
        epochs=1,
    )


if __name__ == "__main__":
    compare(TITLE, work, rounds=9)
