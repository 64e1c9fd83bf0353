"""The optimisers' updates in compiled code; the equations are those of fallline.core.optimizers."""

from fallline.engine.codes import ADAMW, DESCENT, MOMENTUM, NESTEROV, RMSPROP
from fallline.engine.config import inlined_by_llvm, kernel
from fallline.engine.kernels.vectors import (
    at,
    fma,
    lanes,
    load,
    number,
    select,
    square_root,
    store,
    wide_total,
)


@kernel
def add_part(G, part, size):
    """G <- G + part."""
    for i in range(0, size, lanes(G)):
        store(G, i, load(G, i) + load(part, i))


@kernel
def sum_of_parts(G, begin, end, n_parts, part, theta, is_weight, l2, l1):
    """G <- the sum of its parts in order, plus the penalty's slope; returns the penalty.

    The parts lie ``part`` numbers apart.
    """
    cost, half = 0.0, 0.5 * l2
    for i in range(begin, end, lanes(G)):
        g = load(G, i)
        for c in range(1, n_parts):
            g = g + load(G, c * part + i)
        if l2 > 0 or l1 > 0:
            w = load(theta, i) * load(is_weight, i)
            sign = select(w > 0.0, w * 0.0 + 1.0, select(w < 0.0, w * 0.0 - 1.0, w))
            g = g + (w * l2 + sign * l1)
            cost += half * wide_total(w * w) + l1 * wide_total(w * sign)
        store(G, i, g)
    return cost


@inlined_by_llvm
def update(code, theta, G, first, second, is_weight, begin, end, rate, t, hyperparameters):
    """Move theta[begin:end] one step along the gradient; t counts from 1.

    ``first`` and ``second`` are the state (velocity; mean, mean square), ``hyperparameters`` the
    optimiser's own numbers: momentum, or decay and epsilon, or beta_1, beta_2, epsilon,
    weight_decay and whether epsilon is added to the uncorrected root. They and the rate come in
    float64; what enters the loops is cast to the dtype of theta first.
    """
    L = lanes(theta)
    eta, mu = number(theta, rate), number(theta, at(hyperparameters, 0))
    if code == DESCENT:
        for i in range(begin, end, L):
            store(theta, i, fma(load(G, i), -eta, load(theta, i)))
    elif code == MOMENTUM:
        for i in range(begin, end, L):
            v = fma(load(first, i), mu, -(load(G, i) * eta))
            store(first, i, v)
            store(theta, i, load(theta, i) + v)
    elif code == NESTEROV:
        for i in range(begin, end, L):
            change = load(G, i) * eta
            v = fma(load(first, i), mu, -change)
            store(first, i, v)
            store(theta, i, load(theta, i) + fma(v, mu, -change))
    elif code == RMSPROP:
        rest, epsilon = (
            number(theta, 1.0 - at(hyperparameters, 0)),
            number(theta, at(hyperparameters, 1)),
        )
        for i in range(begin, end, L):
            g = load(G, i)
            s = fma(load(second, i), mu, (g * g) * rest)
            store(second, i, s)
            store(theta, i, load(theta, i) - g * eta / (square_root(s) + epsilon))
    else:
        adam(
            code == ADAMW, theta, G, first, second, is_weight, begin, end, rate, t, hyperparameters
        )


@kernel
def power(x, n):
    """x to the power of a whole number from 0 on, by squaring; C's pow has other bits elsewhere."""
    found = 1.0
    while n > 0:
        if n & 1:
            found *= x
        x *= x
        n >>= 1
    return found


@kernel
def adam(decays, theta, G, first, second, is_weight, begin, end, rate, t, hyperparameters):
    """Adam, and AdamW where ``decays``."""
    beta_1, rest_1 = (
        number(theta, at(hyperparameters, 0)),
        number(theta, 1.0 - at(hyperparameters, 0)),
    )
    beta_2, rest_2 = (
        number(theta, at(hyperparameters, 1)),
        number(theta, 1.0 - at(hyperparameters, 1)),
    )
    correction = 1.0 / square_root(1.0 - power(at(hyperparameters, 1), t))
    root_scale = number(theta, correction)
    epsilon = number(
        theta,
        at(hyperparameters, 2) * correction
        if at(hyperparameters, 4) > 0
        else at(hyperparameters, 2),
    )
    size = number(theta, rate / (1.0 - power(at(hyperparameters, 0), t)))
    shrink = number(theta, rate * at(hyperparameters, 3))
    for i in range(begin, end, lanes(theta)):
        g = load(G, i)
        m = fma(load(first, i), beta_1, g * rest_1)
        v = fma(load(second, i), beta_2, (g * g) * rest_2)
        store(first, i, m)
        store(second, i, v)
        old = load(theta, i)
        step = m * size / fma(square_root(v), root_scale, epsilon)
        if decays:
            step = fma(load(is_weight, i) * old, shrink, step)
        store(theta, i, old - step)
