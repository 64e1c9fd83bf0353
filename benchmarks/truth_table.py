"""The truth table, 20,000 epochs: reference, compiled engine, and the notebook's loop."""

import notebook
from timing import alternate, as_table

from fallline import lesson


def run(rounds: int = 9) -> str:
    """Time them; the result as Markdown."""
    X, y = lesson.TRAIN_X, lesson.TRAIN_Y[:, None]
    medians = alternate(
        {
            "Fallline, NumPy reference": lambda: lesson.run_demo(seed=0, engine="numpy"),
            "Fallline, compiled": lambda: lesson.run_demo(seed=0, engine="compiled"),
            "published notebook's loop": lambda: notebook.train(
                X, y, lesson.EPOCHS, lesson.LEARNING_RATE, seed=0
            ),
        },
        rounds,
    )
    return "### Truth table, 3-2-1, float64, 20,000 epochs\n\n" + as_table(
        medians, "Fallline, NumPy reference"
    )


if __name__ == "__main__":
    print(run())
