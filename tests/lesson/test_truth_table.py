"""The truth table: the figures that the notebook printed, and those of the right gradient."""

import numpy as np
import pytest

from fallline import lesson
from fallline.core.activations import sigmoid


def test_the_rows() -> None:
    X = np.concatenate([lesson.TRAIN_X, lesson.TEST_X])
    y = np.concatenate([lesson.TRAIN_Y, lesson.TEST_Y])
    np.testing.assert_array_equal(y, X[:, 0] * X[:, 2])
    assert len({tuple(row) for row in X}) == 8


@pytest.fixture(scope="module")
def runs() -> dict[bool, tuple[np.ndarray, np.ndarray]]:
    """Losses at epoch 19,000 and test predictions of seeds 0..99, right and as published.

    All seeds run at once, in arrays with a leading seed axis: the figures of 200 whole runs in a
    few seconds. `test_one_run_is_the_demo` ties them to the real thing.
    """
    return {slips: train_all(slips) for slips in (False, True)}


def train_all(slips: bool) -> tuple[np.ndarray, np.ndarray]:
    nets = [lesson.truth_table_network(seed=seed) for seed in range(100)]
    W1, b1 = (np.stack([getattr(n.layers[0], k) for n in nets]) for k in ("W", "b"))
    W2, b2 = (np.stack([getattr(n.layers[1], k) for n in nets]) for k in ("W", "b"))
    b1, b2 = b1[:, None], b2[:, None]
    X, Y, rate = lesson.TRAIN_X, lesson.TRAIN_Y[:, None], lesson.LEARNING_RATE
    part = 5 / 6 if slips else 1.0
    for epoch in range(lesson.EPOCHS):
        A1 = sigmoid(X @ W1 + b1)
        Z2 = A1 @ W2 + b2
        if epoch == 19_000:
            losses = np.mean(np.logaddexp(0, Z2) - Y * Z2, axis=(1, 2))
        d2 = (sigmoid(Z2) - Y) / 5
        slope = A1 * (1 - A1)
        d1 = (d2 @ W2.transpose(0, 2, 1)) * slope
        W2 = W2 - rate * part * ((slope if slips else A1).transpose(0, 2, 1) @ d2)
        W1 = W1 - rate * part * (X.T @ d1)
        b1 = b1 - rate * d1.sum(axis=1, keepdims=True)
        b2 = b2 - rate * d2.sum(axis=1, keepdims=True)
    predicted = sigmoid(sigmoid(lesson.TEST_X @ W1 + b1) @ W2 + b2)[:, :, 0]
    return losses, predicted


def test_median_losses(runs) -> None:
    assert np.median(runs[False][0]) == pytest.approx(0.00011, abs=0.00002)
    assert np.median(runs[True][0]) == pytest.approx(0.0088, abs=0.0002)
    assert np.median(runs[True][0]) / np.median(runs[False][0]) == pytest.approx(78, abs=1.5)


def test_every_seed_classifies_the_test_rows(runs) -> None:
    for _, predicted in runs.values():
        np.testing.assert_array_equal(predicted > 0.5, np.tile(lesson.TEST_Y == 1, (100, 1)))


def test_median_predictions_are_the_printed_ones(runs) -> None:
    printed = [0.00494, 0.95437, 0.00487]
    np.testing.assert_allclose(np.median(runs[True][1], axis=0), printed, atol=0.004)


@pytest.mark.parametrize("slips", [False, True])
def test_one_run_is_the_demo(runs, slips: bool) -> None:
    losses, predicted = runs[slips]
    demo = lesson.run_demo(seed=7, as_published=slips)
    assert demo.history.epoch == list(range(0, 20_000, 1_000))
    assert demo.history.loss[-1] == pytest.approx(losses[7], rel=1e-6)
    np.testing.assert_allclose(demo.after, predicted[7], rtol=1e-6)
    assert demo.history.loss[0] == pytest.approx(0.70, abs=0.06)
    data = demo.as_dict()
    assert data["losses"][-1] == [19_000, data["loss"]]
    assert data["after"][1]["row"] == [1, 1, 1]
    assert data["after"][1]["target"] == 1
