"""The truth table "first AND last": the task this project grew from, with the published slips.

``truth_table`` has the data, the network, its demonstration and the published update.
"""

from fallline.lesson.truth_table import (
    EPOCHS,
    LEARNING_RATE,
    TEST_X,
    TEST_Y,
    TRAIN_X,
    TRAIN_Y,
    Demo,
    published_gradient,
    run_demo,
    train_as_published,
    truth_table_network,
    with_slips,
)

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
    "with_slips",
]
