"""The truth table, 3-2-1 sigmoid, float64, 20,000 epochs of plain gradient descent."""

import notebook
import numpy as np
from compare import compare
from work import Work

from fallline import lesson

TITLE = "Truth table, 3-2-1, sigmoid, float64, full batch, 20,000 epochs"


def work() -> Work:
    """The notebook's five rows."""
    return Work(
        lesson.TRAIN_X.astype(np.float64),
        lesson.TRAIN_Y.astype(np.float64),
        (3, 2, 1),
        hidden="sigmoid",
        loss="binary_cross_entropy",
        optimizer="sgd",
        learning_rate=lesson.LEARNING_RATE,
        batch_size=5,
        epochs=lesson.EPOCHS,
    )


def published() -> float:
    """The notebook's loop."""
    X, y = lesson.TRAIN_X, lesson.TRAIN_Y[:, None]
    return notebook.train(X, y, lesson.EPOCHS, lesson.LEARNING_RATE, seed=0)[-1][1]


if __name__ == "__main__":
    more = {"published notebook's loop": published}
    compare(TITLE, work, rounds=3, more=more, leave_out=("torch.compile",), max_threads=1)
