"""100,000 x 20, 20-64-64-1 ReLU, Adam, batch 128, float32, one epoch."""

import sys

from work import Work, candidates, pin

TITLE = "100,000 x 20, 20-64-64-1, ReLU, Adam, batch 128, float32, one epoch"


def work() -> Work:
    """The rows are random; whether two features have the same sign is to be learned."""
    import numpy as np

    generator = np.random.default_rng(0)
    X = generator.normal(size=(100_000, 20)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)
    return Work(
        X,
        y,
        (20, 64, 64, 1),
        hidden="relu",
        loss="binary_cross_entropy",
        optimizer="adam",
        learning_rate=0.001,
        batch_size=128,
        epochs=1,
    )


def main(threads: int, rounds: int = 7) -> None:
    """Time all and print the result as Markdown."""
    pin(threads)
    from timing import alternate, as_table

    medians = alternate(candidates(work(), threads), rounds)
    print(f"### {TITLE}, {threads} thread{'s' * (threads > 1)}\n")
    print(as_table(medians, "Fallline, compiled"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
