"""The temperature of the lowest loss, against all that could be tried."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.temperature import best_temperature, refinement


def problem(name: str, factor: float, k: int = 3) -> tuple[fl.core.losses.Loss, np.ndarray, ...]:
    """A loss, logits that are ``factor`` times too sure, targets, and uneven weights."""
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(500, 1 if name == "binary_cross_entropy" else k))
    loss = fl.Network([2, Z.shape[1]], loss=name).loss
    P = loss.output(Z)
    if name == "binary_cross_entropy":
        Y = (rng.random((500, 1)) < P).astype(float)
    else:
        Y = np.eye(k)[[rng.choice(k, p=p) for p in P]]
    shares = rng.random(500)
    return loss, factor * Z, Y, shares / shares.sum()


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("factor", [0.7, 1.0, 2.0, 3.5])
def test_it_is_the_best_of_all(name: str, factor: float) -> None:
    loss, Z, Y, shares = problem(name, factor)
    T = best_temperature(loss, Z, Y, shares)
    losses = [float(shares @ loss.value(Z / t, Y)) for t in np.geomspace(0.5, 4.0, 3001)]
    found = refinement(loss, Z, Y, shares)
    assert found == pytest.approx(float(shares @ loss.value(Z / T, Y)), rel=1e-14)
    assert found == pytest.approx(min(losses), rel=1e-4)
    assert pytest.approx(factor, rel=0.2) == T


def test_it_stays_within_its_range() -> None:
    loss, Z, Y, shares = problem("cross_entropy", 100.0)
    assert best_temperature(loss, Z, Y, shares) == 4.0
    assert best_temperature(loss, Z / 1e4, Y, shares) == 0.5
    assert best_temperature(loss, np.where(Y > 0, 50.0, -50.0), Y, shares) <= 4.0


def test_shares_of_classes_and_float32_are_taken_too() -> None:
    loss, Z, Y, shares = problem("cross_entropy", 2.0)
    soft = 0.9 * Y + 0.1 / 3
    assert best_temperature(loss, Z, soft, shares) > best_temperature(loss, Z, Y, shares)
    narrow = best_temperature(loss, Z.astype(np.float32), Y, shares)
    assert narrow == best_temperature(loss, Z, Y, shares)


def test_numbers_have_none() -> None:
    loss = fl.Network([2, 1], loss="squared_error").loss
    Z, Y = np.array([[2.0], [4.0]]), np.array([[1.0], [2.0]])
    assert best_temperature(loss, Z, Y, np.full(2, 0.5)) == 1.0
    assert refinement(loss, Z, Y, np.full(2, 0.5)) == 1.25
