"""The optimisers' updates in compiled loops; the equations are those of fallline.optimizers."""

import math

from fallline.engine.config import kernel


@kernel
def update(code, theta, g, first, second, rate, t, knobs, is_weight):
    """Move theta one step along the gradient g; t counts from 1.

    ``first`` and ``second`` are the state (velocity; mean, mean square), ``knobs`` the optimiser's
    own numbers: momentum, or decay and epsilon, or beta_1, beta_2, epsilon, weight_decay and
    whether epsilon is added to the uncorrected root. They and the rate come in float64; what
    enters the loops is cast to the dtype of theta first.
    """
    n = len(theta)
    cast = theta.dtype.type
    eta = cast(rate)
    if code == 0:
        for i in range(n):
            theta[i] -= eta * g[i]
    elif code == 1:
        mu = cast(knobs[0])
        for i in range(n):
            first[i] = mu * first[i] - eta * g[i]
            theta[i] += first[i]
    elif code == 2:
        mu = cast(knobs[0])
        for i in range(n):
            first[i] = mu * first[i] - eta * g[i]
            theta[i] += mu * first[i] - eta * g[i]
    elif code == 3:
        rho, rest, epsilon = cast(knobs[0]), cast(1.0 - knobs[0]), cast(knobs[1])
        for i in range(n):
            second[i] = rho * second[i] + rest * (g[i] * g[i])
            theta[i] -= eta * g[i] / (math.sqrt(second[i]) + epsilon)
    else:
        adam(code == 5, theta, g, first, second, rate, t, knobs, is_weight)


@kernel
def adam(decays, theta, g, first, second, rate, t, knobs, is_weight):
    """Adam, and AdamW where ``decays``."""
    cast = theta.dtype.type
    beta_1, rest_1 = cast(knobs[0]), cast(1.0 - knobs[0])
    beta_2, rest_2 = cast(knobs[1]), cast(1.0 - knobs[1])
    correction = 1.0 / math.sqrt(1.0 - knobs[1] ** t)
    root_scale = cast(correction)
    epsilon = cast(knobs[2] * correction if knobs[4] > 0 else knobs[2])
    size = cast(rate / (1.0 - knobs[0] ** t))
    shrink = cast(rate * knobs[3] if decays else 0.0)
    for i in range(len(theta)):
        first[i] = beta_1 * first[i] + rest_1 * g[i]
        second[i] = beta_2 * second[i] + rest_2 * (g[i] * g[i])
        step = size * first[i] / (math.sqrt(second[i]) * root_scale + epsilon)
        theta[i] -= step + shrink * is_weight[i] * theta[i]
