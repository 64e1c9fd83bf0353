"""Activations and losses in compiled loops, by the formulas of fallline.activations and .losses.

They are told apart by number, so that one compiled driver serves them all: see engine.codes.
"""

import math

from fallline.engine.config import kernel
from fallline.engine.exponential import exp, expm1, tanh

LEAK = 0.01
SQRT_HALF = math.sqrt(0.5)
SQRT_2_PI = math.sqrt(2.0 * math.pi)


@kernel
def sigmoid(z):
    """1 / (1 + e^-z); 0 below -709.78, where e^-z is infinite."""
    return 1.0 / (1.0 + exp(-z))


@kernel
def softplus(z):
    """max(z, 0) + log(1 + e^-|z|)."""
    return max(z, 0.0) + math.log1p(exp(-abs(z)))


@kernel
def activate(code, z_all, a_all):
    """A = f(Z), for flat arrays."""
    n = len(z_all)
    if code == 0:
        for i in range(n):
            a_all[i] = z_all[i]
    elif code == 1:
        for i in range(n):
            a_all[i] = sigmoid(z_all[i])
    elif code == 2:
        for i in range(n):
            a_all[i] = tanh(z_all[i])
    elif code == 3:
        for i in range(n):
            z = z_all[i]
            a_all[i] = z if z > 0 else 0 * z  # NaN stays NaN
    elif code == 4:
        for i in range(n):
            z = z_all[i]
            a_all[i] = z if z > 0 else LEAK * z
    elif code == 5:
        for i in range(n):
            z = z_all[i]
            a_all[i] = z if z > 0 else expm1(z)
    elif code == 6:
        for i in range(n):
            z = z_all[i]
            a_all[i] = z * 0.5 * math.erfc(-z * SQRT_HALF)
    elif code == 7:
        for i in range(n):
            a_all[i] = z_all[i] * sigmoid(z_all[i])
    else:
        for i in range(n):
            a_all[i] = softplus(z_all[i])


@kernel
def times_slope(code, z_all, a_all, delta):
    """delta <- delta * f'(Z), for flat arrays."""
    n = len(z_all)
    if code == 1:
        for i in range(n):
            delta[i] *= a_all[i] * (1 - a_all[i])
    elif code == 2:
        for i in range(n):
            delta[i] *= 1 - a_all[i] * a_all[i]
    elif code == 3:
        for i in range(n):
            delta[i] = delta[i] if z_all[i] > 0 else 0
    elif code == 4:
        for i in range(n):
            delta[i] = delta[i] if z_all[i] > 0 else LEAK * delta[i]
    elif code == 5:
        for i in range(n):
            delta[i] = delta[i] if z_all[i] > 0 else delta[i] * (a_all[i] + 1)
    elif code == 6:
        for i in range(n):
            z = min(max(z_all[i], -40.0), 40.0)
            cdf = 0.5 * math.erfc(-z * SQRT_HALF)
            delta[i] *= cdf + z * exp(-0.5 * z * z) / SQRT_2_PI
    elif code == 7:
        for i in range(n):
            s = sigmoid(z_all[i])
            delta[i] *= s + a_all[i] * (1 - s)
    elif code == 8:
        for i in range(n):
            delta[i] *= sigmoid(z_all[i])


@kernel
def output(code, z_all, a_all, k):
    """A = the loss's own output of Z, for flat arrays of rows of ``k``."""
    n = len(z_all)
    if code == 1:
        for i in range(n):
            a_all[i] = sigmoid(z_all[i])
    elif code == 2:
        for i in range(0, n - k + 1, k):
            softmax(z_all[i : i + k], a_all[i : i + k])
    elif code == 5:
        for i in range(n):
            a_all[i] = exp(min(z_all[i], 709.7))
    else:
        for i in range(n):
            a_all[i] = z_all[i]


@kernel
def loss_delta(code, A, Y, shares, delta):
    """delta = dLoss_i/dz_ik times the row's share of the mean."""
    n, k = A.shape
    for i in range(n):
        a, y, d, share = A[i], Y[i], delta[i], shares[i]
        for j in range(k):
            e = a[j] - y[j]
            if code == 3:
                e = (e > 0) * 1.0 - (e < 0) * 1.0 + 0 * e
            elif code == 4:
                e = min(max(e, -1.0), 1.0) + 0 * e
            d[j] = e * share


@kernel
def softmax(z, a):
    """e^(z - max z) over its sum, for one row."""
    m = z[0]
    for j in range(1, len(z)):
        m = max(m, z[j])
    total = 0.0
    for j in range(len(z)):
        a[j] = exp(z[j] - m)
        total += a[j]
    for j in range(len(z)):
        a[j] /= total


@kernel
def row_loss(code, z, y):
    """The loss of one row from its logits, added up in float64."""
    total = 0.0
    if code == 2:
        m = z[0]
        for j in range(1, len(z)):
            m = max(m, z[j])
        powers = 0.0
        for j in range(len(z)):
            powers += exp(z[j] - m)
        rest = math.log(powers)
        for j in range(len(z)):
            total += y[j] * (rest - (z[j] - m))
        return total
    for j in range(len(z)):
        e = z[j] - y[j]
        if code == 0:
            total += 0.5 * e * e
        elif code == 1:
            total += (max(z[j], 0.0) - y[j] * z[j]) + math.log1p(exp(-abs(z[j])))
        elif code == 3:
            total += abs(e)
        elif code == 4:
            total += 0.5 * e * e if abs(e) <= 1 else abs(e) - 0.5
        else:
            y_log_y = y[j] * math.log(y[j]) if y[j] > 0 else 0.0
            total += (exp(min(z[j], 709.7)) - y[j] * z[j]) + (y_log_y - y[j])
    return total
