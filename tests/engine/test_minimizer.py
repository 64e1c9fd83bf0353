"""L-BFGS in compiled code against SciPy's, on the same losses and gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import fallline as fl
from fallline.core.penalties import Penalty
from fallline.engine import Gradient, library
from fallline.engine.minimizer import KEPT, minimizes
from fallline.training import lbfgs
from fallline.training.lbfgs import Minimum

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
pytestmark = pytest.mark.skipif(
    library.shared() is None, reason="no library: python -m fallline.engine.build makes it"
)


def both(
    loss: Loss, start: Any, tolerance: float = 1e-6, **settings: Any
) -> tuple[list[Minimum], list[list[float]]]:
    """The minima by the engine and by SciPy, and the loss after each iteration of both."""
    minima, courses = [], []
    for compiled in (True, False):
        course: list[float] = []

        def note(theta: np.ndarray, loss: float, course: list[float] = course) -> bool:
            course.append(loss)
            return False

        minima.append(
            lbfgs.minimize(
                loss, np.array(start, float), gradient_tolerance=tolerance, after_iteration=note,
                compiled=compiled, **{"max_iterations": 500, **settings},
            )
        )  # fmt: skip
        courses.append(course)
    return minima, courses


def ends(minimum: Minimum) -> tuple[Any, ...]:
    return minimum.status, minimum.message, minimum.iterations, minimum.evaluations


def quadratic(theta: np.ndarray) -> tuple[float, np.ndarray]:
    factors = 10.0 ** np.linspace(-1, 1, len(theta))
    return float(0.5 * theta @ (factors * theta)), factors * theta


def rosenbrock(theta: np.ndarray) -> tuple[float, np.ndarray]:
    return rosen(theta), rosen_der(theta)


def test_the_library_has_it() -> None:
    assert minimizes()


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 30])
@pytest.mark.parametrize("loss", [quadratic, rosenbrock])
def test_the_iterations_are_scipys(loss: Loss, n: int) -> None:
    if loss is rosenbrock and n == 1:
        pytest.skip("it takes two numbers")
    (ours, theirs), (course, other) = both(loss, np.full(n, -1.2))
    shared = min(len(course), len(other), 25)  # rounding grows, and the loss falls towards 0
    np.testing.assert_allclose(course[:shared], other[:shared], rtol=1e-6, atol=1e-12)
    if len(course) < 25:
        assert ends(ours) == ends(theirs)
    assert ours.status == theirs.status == 0
    assert ours.loss < 1e-8


NETWORKS = [
    (loss, hidden)
    for loss in ("squared_error", "binary_cross_entropy", "cross_entropy", "huber", "poisson")
    for hidden in ("tanh", "relu", "sigmoid")
]


@pytest.mark.parametrize(("loss", "hidden"), NETWORKS)
def test_networks_end_where_scipy_ends(loss: str, hidden: str, rng: np.random.Generator) -> None:
    X = rng.normal(size=(150, 4))
    y = {
        "squared_error": X[:, 0] * X[:, 1], "binary_cross_entropy": (X[:, 0] > 0) * 1.0,
        "cross_entropy": (X[:, :3]).argmax(axis=1), "huber": X[:, 2] ** 2,
        "poisson": np.floor(np.exp(X[:, 3])),
    }[loss]  # fmt: skip
    n_outputs = 3 if loss == "cross_entropy" else 1
    net = fl.Network([4, 8, n_outputs], hidden=hidden, loss=loss, seed=1)
    gradient = Gradient(net, net.rows(X, y), penalty=Penalty(0.1))
    start = net.parameters.copy()

    def at(theta: np.ndarray) -> tuple[float, np.ndarray]:
        net.parameters = theta
        return gradient()

    (ours, theirs), (course, other) = both(at, start, 1e-5)
    np.testing.assert_allclose(course[:15], other[:15], rtol=1e-9)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-4)
    assert ours.loss == at(ours.theta)[0]
    assert (np.diff(course) <= 0).all()


def test_the_limits_are_scipys() -> None:
    for settings in ({"max_iterations": 3}, {"max_evaluations": 4}, {"memory": 1}, {"memory": 3}):
        (ours, theirs), _ = both(rosenbrock, np.full(4, -1.2), **settings)
        assert ends(ours)[:2] == ends(theirs)[:2]
        if "memory" not in settings:
            assert ends(ours) == ends(theirs)
    (ours, theirs), _ = both(rosenbrock, np.full(4, -1.2), loss_tolerance=1e-2)
    assert ends(ours) == ends(theirs)
    assert "RELATIVE REDUCTION" in ours.message
    (ours, theirs), _ = both(rosenbrock, np.ones(4))
    assert ends(ours) == ends(theirs) == (0, lbfgs.MESSAGES["flat"], 0, 1)


def test_after_iteration_may_end_it() -> None:
    minimum = lbfgs.minimize(
        quadratic, np.ones(9), max_iterations=50, gradient_tolerance=1e-9,
        after_iteration=lambda theta, loss: loss < 0.5,
    )  # fmt: skip
    assert minimum.message == lbfgs.MESSAGES["callback"]
    assert minimum.loss < 0.5
    assert minimum.loss == quadratic(minimum.theta)[0]


def test_a_gradient_that_is_wrong_ends_where_it_began() -> None:
    (ours, theirs), _ = both(lambda theta: (float(theta @ theta), -2 * theta), np.ones(3))
    assert (ours.status, theirs.status) == (2, 2)
    assert (ours.iterations, ours.loss, ours.theta.tolist()) == (0, 3.0, [1.0, 1.0, 1.0])
    nothing = lbfgs.minimize(
        lambda theta: (np.nan, theta * np.nan), np.ones(2), max_iterations=9,
        gradient_tolerance=1e-9,
    )  # fmt: skip
    assert (nothing.status, nothing.message) == (2, lbfgs.MESSAGES["failed"])


def test_a_trial_without_a_finite_loss_is_taken_back() -> None:
    def barrier(theta: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float((3 * theta - np.log(theta)).sum()), 3 - 1 / theta

    (ours, theirs), _ = both(barrier, [1e-3, 5.0])
    np.testing.assert_allclose(ours.theta, [1 / 3, 1 / 3], rtol=1e-4)
    assert ours.status == 0
    assert theirs.status == 2  # where SciPy ends


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_bits_do_not_depend_on_the_threads(dtype: str, rng: np.random.Generator) -> None:
    X, ends = rng.normal(size=(3000, 20)), []
    for threads in (1, 2):
        net = fl.Network([20, 64, 64, 1], hidden="silu", loss="huber", seed=1, dtype=dtype)
        history = fl.train(net, X, X[:, 0] * X[:, 1], optimizer=fl.LBFGS(), epochs=12, l2=1e-3,
                           threads=threads)  # fmt: skip
        ends.append((net.parameters.tobytes(), history.loss))
    assert ends[0] == ends[1]
    assert len(ends[0][1]) == 12


def test_scipy_serves_the_reference_and_where_there_is_no_library(monkeypatch) -> None:
    called = []
    monkeypatch.setattr(lbfgs, "by_scipy", lambda *given, **named: (called.append(1), found)[1])
    found = Minimum(np.zeros(9), 0.0, 1, 2, 0, "")
    settings = {"max_iterations": 9, "gradient_tolerance": 1e-9}
    lbfgs.minimize(quadratic, np.ones(9), **settings)
    assert not called
    assert lbfgs.minimize(quadratic, np.ones(9), compiled=False, **settings) is found
    monkeypatch.setattr(lbfgs, "minimizes", lambda: False)
    assert lbfgs.minimize(quadratic, np.ones(9), **settings) is found
    assert len(called) == 2


def test_the_record_has_room_for_what_is_kept() -> None:
    from fallline.engine.kernels import lbfgs as kernel
    from fallline.engine.kernels import line_search
    from fallline.engine.minimizer import LOSS_0
    from fallline.engine.records import LBFGS

    state = {field.name: field.shape for field in LBFGS.fields}["state"]
    assert state == f"({KEPT},)"
    assert kernel.GAMMA + 1 == KEPT
    assert line_search.LOSS_0 == LOSS_0
