"""Initialisers, schedules and optimisers: their formulas, written out slowly."""

import math

import numpy as np
import pytest

from fallline.core import initializers
from fallline.core.optimizers import LBFGS, Adam, AdamW, GradientDescent, RMSProp
from fallline.core.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    StepDecay,
    WarmUp,
    as_schedule,
)
from fallline.errors import ParameterError


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("uniform", 1 / 12),
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
    ],
)
def test_initialisers_have_their_variance(name: str, variance: float) -> None:
    W = initializers.get(name)(np.random.default_rng(1), 300, 200)
    assert W.shape == (300, 200)
    assert abs(W.mean()) < 5 * math.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.03)


def test_uniform_is_half_open_around_zero() -> None:
    W = initializers.get("uniform")(np.random.default_rng(1), 300, 200)
    assert W.min() >= -0.5
    assert W.max() < 0.5


def test_zeros_are_refused_with_the_reason() -> None:
    with pytest.raises(ParameterError, match="symmetry"):
        initializers.get("zeros")


def test_schedules_follow_their_equations() -> None:
    assert Constant(0.3)(99) == 0.3
    assert [StepDecay(1.0, every=2)(t) for t in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    assert Exponential(1.0, every=2)(4) == 0.25
    assert Exponential(1.0, every=2)(1) == pytest.approx(math.sqrt(0.5))
    cosine = Cosine(1.0, steps=10, final=0.2)
    assert [cosine(0), cosine(5), cosine(10), cosine(99)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert InverseScaling(1.0)(3) == 0.5
    warm = WarmUp(StepDecay(1.0, every=1), warm_up_steps=4)
    assert [warm(t) for t in range(7)] == [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
    cycle = OneCycle(1.0, steps=100)
    assert cycle(0) == pytest.approx(1 / 25)
    assert cycle(30) == pytest.approx(1.0)
    assert cycle(100) == pytest.approx(1e-4)
    assert all(cycle(t) < cycle(t + 1) for t in range(29))
    assert all(cycle(t) > cycle(t + 1) for t in range(30, 99))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(0.0),
        lambda: Constant(float("nan")),
        lambda: StepDecay(0.1, every=0),
        lambda: Exponential(0.1, every=5, drop=1.5),
        lambda: Cosine(0.1, steps=10, final=-1.0),
        lambda: InverseScaling(0.1, power=-1.0),
        lambda: WarmUp(0.1, warm_up_steps=0),
        lambda: OneCycle(0.1, steps=10, share=1.0),
        lambda: as_schedule("fast"),
        lambda: GradientDescent(-1.0),
        lambda: GradientDescent(0.1, momentum=1.0),
        lambda: GradientDescent(0.1, nesterov="yes"),
        lambda: RMSProp(decay=1.0),
        lambda: Adam(beta_1=1.0),
        lambda: Adam(epsilon=0.0),
        lambda: AdamW(weight_decay=-0.1),
        lambda: LBFGS(memory=0),
    ],
)
def test_values_out_of_range_are_refused(make: object) -> None:
    with pytest.raises(ParameterError, match="must be"):
        make()  # type: ignore[operator]


# Each rule one parameter at a time, straight from its equation, in plain Python.


def descent(g, state, t, eta, theta, weight, momentum=0.0, nesterov=False):
    v = momentum * state.get("v", 0.0) - eta * g
    state["v"] = v
    return momentum * v - eta * g if nesterov else v


def rmsprop(g, state, t, eta, theta, weight):
    state["s"] = 0.9 * state.get("s", 0.0) + 0.1 * g * g
    return -eta * g / (math.sqrt(state["s"]) + 1e-8)


def adam(g, state, t, eta, theta, weight):
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
    m, v = state["m"] / (1 - 0.9**t), state["v"] / (1 - 0.999**t)
    return -eta * m / (math.sqrt(v) + 1e-8)


def adamw(g, state, t, eta, theta, weight):
    return adam(g, state, t, eta, theta, weight) - eta * 0.05 * theta * weight


RULES = [
    (GradientDescent, {}, descent, {}),
    (GradientDescent, {"momentum": 0.9}, descent, {"momentum": 0.9}),
    (
        GradientDescent,
        {"momentum": 0.8, "nesterov": True},
        descent,
        {"momentum": 0.8, "nesterov": True},
    ),
    (RMSProp, {}, rmsprop, {}),
    (Adam, {}, adam, {}),
    (AdamW, {"weight_decay": 0.05}, adamw, {}),
]


@pytest.mark.parametrize("schedule", [0.01, Cosine(0.05, steps=20)])
@pytest.mark.parametrize(("kind", "settings", "rule", "extra"), RULES)
def test_updates_follow_their_equations(kind, settings, rule, extra, schedule, rng) -> None:
    optimizer = kind(learning_rate=schedule, **settings)
    theta = rng.normal(size=5)
    is_weight = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    slow, states = theta.tolist(), [{} for _ in theta]
    state = optimizer.init(theta)
    for step in range(12):
        g = rng.normal(size=5)
        eta = schedule(step) if callable(schedule) else schedule
        slow = [
            t + rule(g[i], states[i], step + 1, eta, t, is_weight[i], **extra)
            for i, t in enumerate(slow)
        ]
        before = theta.copy()
        optimizer.update(theta, g, state, step, is_weight)
        np.testing.assert_allclose(theta, slow, rtol=1e-12)
        np.testing.assert_allclose(theta - before, g, rtol=1e-9, atol=1e-15)
