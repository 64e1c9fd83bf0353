"""A step along a direction that lowers the loss enough: the line search of More and Thuente.

phi(alpha) is the loss at start + alpha direction. The search ends at an alpha with

    phi(alpha) <= phi(0) + mu alpha phi'(0)  and  |phi'(alpha)| <= eta |phi'(0)|,

the strong Wolfe conditions. It keeps an interval between the best step so far, alpha_l, and another
one, alpha_u, and tries the minimum of a cubic or a parabola through what is known at its ends. One
call takes what was found at a trial, and gives the next: the loss is computed elsewhere.

Source: More and Thuente 1994, "Line search algorithms with guaranteed sufficient decrease"; the
constants, and the order of the operations, are those of MINPACK-2's dcsrch in L-BFGS-B 3.0.
"""

import math

from fallline.engine.config import inlined_by_numba, kernel
from fallline.engine.kernels.vectors import at, put

__all__ = ["LENGTH", "STEP", "begin_search", "search"]

# what is kept between two trials
STEP, LOSS_0, SLOPE_0, MODIFIED, BRACKETED, LOWER, UPPER, LEAST, MOST, WIDTH, WIDTH_BEFORE = (
    0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14,
)  # fmt: skip
LENGTH = 15
ALPHA, PHI, SLOPE = 0, 1, 2  # of the ends, from LOWER and UPPER on

MU, ETA, SHORTEST = 1e-3, 0.9, 0.1  # the last is of the interval, relative to its end
LARGEST = 1e10  # step
EXPAND, EXPAND_LEAST = 4.0, 1.1  # how far beyond the trial to look while there is no upper end
SHRINK = 0.66  # the interval is halved where two trials have not made it as small as this


@inlined_by_numba
def put_end(state, end, alpha, phi, slope):
    """One end of the interval."""
    put(state, end + ALPHA, alpha)
    put(state, end + PHI, phi)
    put(state, end + SLOPE, slope)


@kernel
def begin_search(state, phi, slope, step):
    """Start at alpha = 0, where the slope is negative; the first trial is at ``step``."""
    put(state, STEP, step)
    put(state, LOSS_0, phi)
    put(state, SLOPE_0, slope)
    put(state, MODIFIED, 1.0)
    put(state, BRACKETED, 0.0)
    put_end(state, LOWER, 0.0, phi, slope)
    put_end(state, UPPER, 0.0, phi, slope)
    put(state, LEAST, 0.0)
    put(state, MOST, step + EXPAND * step)
    put(state, WIDTH, LARGEST)
    put(state, WIDTH_BEFORE, 2.0 * LARGEST)


@kernel
def search(state, phi, slope):
    """Whether the trial, with its loss and slope, ends the search; else STEP is the next one."""
    step, phi_0, slope_0 = at(state, STEP), at(state, LOSS_0), at(state, SLOPE_0)
    sufficient = MU * slope_0  # the slope of the line that the loss has to be below
    line = phi_0 + step * sufficient
    if phi <= line and slope >= 0.0:
        put(state, MODIFIED, 0.0)
    bracketed, least, most = at(state, BRACKETED) != 0.0, at(state, LEAST), at(state, MOST)
    if bracketed and (step <= least or step >= most or most - least <= SHORTEST * most):
        return True  # no progress: rounding errors, or the interval is short
    if step == LARGEST and phi <= line and slope <= sufficient:
        return True
    if step == 0.0 and (phi > line or slope >= sufficient):
        return True
    if phi <= line and abs(slope) <= ETA * -slope_0:
        return True
    if not (math.isfinite(phi) and math.isfinite(slope)):
        lower = at(state, LOWER + ALPHA)
        put(state, STEP, lower + 0.5 * (step - lower))
        return False
    # While no trial was below the line, psi(alpha) = phi(alpha) - phi(0) - mu alpha phi'(0), whose
    # minimum is below it, takes the place of phi where the trial is better than alpha_l.
    modified = at(state, MODIFIED) != 0.0 and phi <= at(state, LOWER + PHI) and phi > line
    narrow(state, step, phi, slope, sufficient if modified else 0.0)
    next_interval(state, step)
    return False


@inlined_by_numba
def next_interval(state, tried):
    """Halve an interval that hardly shrank, bound the next trial, keep it within the bounds."""
    step, lower, upper = at(state, STEP), at(state, LOWER), at(state, UPPER)
    bracketed = at(state, BRACKETED) != 0.0
    if bracketed:
        width = abs(upper - lower)
        if width >= SHRINK * at(state, WIDTH_BEFORE):
            step = lower + 0.5 * (upper - lower)
        put(state, WIDTH_BEFORE, at(state, WIDTH))
        put(state, WIDTH, width)
        least, most = min(lower, upper), max(lower, upper)
    else:
        least = step + EXPAND_LEAST * (step - lower)
        most = step + EXPAND * (step - lower)
    step = min(max(step, 0.0), LARGEST)
    if bracketed and (step <= least or step >= most or most - least <= SHORTEST * most):
        step = lower
    put(state, STEP, step)
    put(state, LEAST, least)
    put(state, MOST, most)


@inlined_by_numba
def root(theta, a, b):
    """sqrt(theta^2 - a b), scaled so that it does not overflow."""
    scale = max(abs(theta), abs(a), abs(b))
    if scale == 0.0:
        return 0.0
    square = (theta / scale) * (theta / scale) - (a / scale) * (b / scale)
    return scale * math.sqrt(max(0.0, square))


@kernel
def narrow(state, t, f_t, g_t, tilt):
    """Take a trial at t into the interval, and find the next one.

    ``tilt`` is the slope of the line that is subtracted of all losses.
    """
    l, u = at(state, LOWER), at(state, UPPER)
    f_l, f_u = at(state, LOWER + PHI) - l * tilt, at(state, UPPER + PHI) - u * tilt
    g_l, g_u = at(state, LOWER + SLOPE) - tilt, at(state, UPPER + SLOPE) - tilt
    f_t, g_t = f_t - t * tilt, g_t - tilt
    bracketed, turned = at(state, BRACKETED) != 0.0, g_t * (g_l / abs(g_l)) < 0.0
    step = next_trial(
        l, f_l, g_l, u, f_u, g_u, t, f_t, g_t, bracketed, at(state, LEAST), at(state, MOST)
    )
    if f_t > f_l:
        put_end(state, UPPER, t, f_t + t * tilt, g_t + tilt)
    else:
        if turned:
            put_end(state, UPPER, l, f_l + l * tilt, g_l + tilt)
        put_end(state, LOWER, t, f_t + t * tilt, g_t + tilt)
    put(state, BRACKETED, 1.0 if bracketed or turned or f_t > f_l else 0.0)
    put(state, STEP, step)


@kernel
def next_trial(l, f_l, g_l, u, f_u, g_u, t, f_t, g_t, bracketed, least, most):
    """The trial after t: section 4 of the paper, its four cases."""
    theta = 3.0 * (f_l - f_t) / (t - l) + g_l + g_t
    gamma = root(theta, g_l, g_t) if t > l else -root(theta, g_l, g_t)
    if f_t > f_l:
        # A higher loss: the minimum is between. The cubic's where it is closer to l than the
        # parabola's, else the mean of the two.
        cubic = l + ((gamma - g_l) + theta) / (((gamma - g_l) + gamma) + g_t) * (t - l)
        parabola = l + ((g_l / ((f_l - f_t) / (t - l) + g_l)) / 2.0) * (t - l)
        closer = abs(cubic - l) < abs(parabola - l)
        return cubic if closer else cubic + (parabola - cubic) / 2.0
    gamma, secant = -gamma, t + (g_t / (g_t - g_l)) * (l - t)
    if g_t * (g_l / abs(g_l)) < 0.0:
        # A lower loss, and a slope of the other sign: the minimum is between. The cubic's where it
        # is further from t than the secant's, else that.
        cubic = t + ((gamma - g_t) + theta) / (((gamma - g_t) + gamma) + g_l) * (l - t)
        return cubic if abs(cubic - t) > abs(secant - t) else secant
    if abs(g_t) < abs(g_l):
        # A lower loss, and a slope of the same sign that gets smaller: beyond t, where the cubic
        # has a minimum there.
        r = ((gamma - g_t) + theta) / ((gamma + (g_l - g_t)) + gamma)
        beyond = most if t > l else least
        cubic = t + r * (l - t) if r < 0.0 and gamma != 0.0 else beyond
        if not bracketed:
            step = cubic if abs(cubic - t) > abs(secant - t) else secant
            return max(least, min(most, step))
        step = cubic if abs(cubic - t) < abs(secant - t) else secant
        limit = t + SHRINK * (u - t)
        return min(limit, step) if t > l else max(limit, step)
    if bracketed:
        # A lower loss, and a slope of the same sign that does not get smaller: the cubic to u.
        theta = 3.0 * (f_t - f_u) / (u - t) + g_u + g_t
        gamma = -root(theta, g_u, g_t) if t > u else root(theta, g_u, g_t)
        return t + ((gamma - g_t) + theta) / (((gamma - g_t) + gamma) + g_u) * (u - t)
    return most if t > l else least
