"""L-BFGS: directions from the last steps and the changes of the gradient along them.

The loss and its gradient are computed by the caller: a call takes them at theta, moves theta on,
and returns what it wants next. So one function serves all that has a gradient: rows in memory, rows
that a cluster keeps, functions of the user's own. It is in float64 whatever the network's dtype,
since a line search compares losses that differ by little.

Sources: Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 7.5. The tests that
end it, the first trial of each search, and when a pair is left out are those of L-BFGS-B 3.0
without bounds (Zhu, Byrd, Lu and Nocedal 1997; Morales and Nocedal 2011).
"""

from fallline.engine.codes import AT_START, EVALUATION, FAILED, FLAT, ITERATION, LEVEL
from fallline.engine.config import kernel
from fallline.engine.kernels.line_search import LENGTH, LOSS_0, SLOPE_0, STEP, begin_search, search
from fallline.engine.kernels.vectors import (
    absolute,
    at,
    fill,
    fma,
    lanes,
    load,
    offset,
    put,
    select,
    square_root,
    store,
    total,
)

__all__ = ["lbfgs"]

# what is kept between two calls, behind the numbers of the line search
WANTED, TRIALS, ITERATIONS, PAIRS, NEWEST, SLOPE, GAMMA = range(LENGTH, LENGTH + 7)
MAX_TRIALS = 20  # of one search
EPSILON = 2.0**-52


@kernel
def dot(a, b, size):
    """The sum of a[i] b[i]."""
    sums = fill(a, 0.0)
    for i in range(0, size, lanes(a)):
        sums = fma(load(a, i), load(b, i), sums)
    return total(sums)


@kernel
def add_times(target, factor, source, size):
    """target <- target + factor source."""
    for i in range(0, size, lanes(target)):
        store(target, i, fma(load(source, i), factor, load(target, i)))


@kernel
def scaled(target, factor, source, size):
    """target <- factor source."""
    for i in range(0, size, lanes(target)):
        store(target, i, load(source, i) * factor)


@kernel
def is_flat(gradient, tolerance, size):
    """Whether no |gradient[i]| is above the tolerance, and none is NaN."""
    steep = fill(gradient, 0.0)
    for i in range(0, size, lanes(gradient)):
        steep = steep + select(absolute(load(gradient, i)) <= tolerance, 0.0, 1.0)
    return total(steep) == 0.0


@kernel
def find_direction(call, pairs, newest, gamma):
    """direction <- -H gradient by the two-loop recursion, algorithm 7.4; H_0 = gamma I."""
    d, size, memory = call.direction, call.size, call.memory
    scaled(d, -1.0, call.gradient, size)
    for j in range(pairs):
        k = (newest + memory - j) % memory
        s, y = offset(call.steps, k * size), offset(call.changes, k * size)
        alpha = at(call.rho, k) * dot(s, d, size)
        put(call.alpha, k, alpha)
        add_times(d, -alpha, y, size)
    scaled(d, gamma, d, size)
    for j in range(pairs - 1, -1, -1):
        k = (newest + memory - j) % memory
        s, y = offset(call.steps, k * size), offset(call.changes, k * size)
        beta = at(call.rho, k) * dot(y, d, size)
        add_times(d, at(call.alpha, k) - beta, s, size)


@kernel
def remember(call, state):
    """Keep the step s and the change y of the gradient in place of the oldest pair.

    Not where rounding may decide the sign of s y.
    """
    size, slope_0, step = call.size, at(state, SLOPE_0), at(state, STEP)
    s_y = (at(state, SLOPE) - slope_0) * step
    if s_y > EPSILON * -slope_0 * step:
        newest = (int(at(state, NEWEST)) + 1) % call.memory
        s, y = offset(call.steps, newest * size), offset(call.changes, newest * size)
        scaled(s, step, call.direction, size)
        scaled(y, 1.0, call.gradient, size)
        add_times(y, -1.0, call.gradient_before, size)
        put(call.rho, newest, 1.0 / s_y)
        put(state, GAMMA, s_y / dot(y, y, size))
        put(state, NEWEST, float(newest))
        put(state, PAIRS, min(float(call.memory), at(state, PAIRS) + 1.0))


@kernel
def forget(state):
    """Leave all pairs: the next direction is that of steepest descent."""
    put(state, PAIRS, 0.0)
    put(state, NEWEST, -1.0)
    put(state, GAMMA, 1.0)


@kernel
def begin_iteration(call, state, loss):
    """A new direction, and the first trial along it; FAILED where none goes down."""
    d, size = call.direction, call.size
    find_direction(call, int(at(state, PAIRS)), int(at(state, NEWEST)), at(state, GAMMA))
    slope = dot(call.gradient, d, size)
    if slope >= 0.0 and at(state, PAIRS) > 0.0:
        forget(state)
        scaled(d, -1.0, call.gradient, size)
        slope = dot(call.gradient, d, size)
    first = at(state, ITERATIONS) == 0.0
    step = min(1.0 / square_root(dot(d, d, size)), 1e10) if first else 1.0
    scaled(call.start, 1.0, call.theta, size)
    scaled(call.gradient_before, 1.0, call.gradient, size)
    begin_search(state, loss, slope, step)
    put(state, TRIALS, 0.0)
    return FAILED if slope >= 0.0 else try_step(call, state)


@kernel
def try_step(call, state):
    """theta <- start + step direction, where the loss is wanted."""
    scaled(call.theta, 1.0, call.start, call.size)
    add_times(call.theta, at(state, STEP), call.direction, call.size)
    put(state, TRIALS, at(state, TRIALS) + 1.0)
    return EVALUATION


@kernel
def go_back(call, state):
    """To the start of a search that found nothing; without the pairs, or not at all."""
    scaled(call.theta, 1.0, call.start, call.size)
    scaled(call.gradient, 1.0, call.gradient_before, call.size)
    if at(state, PAIRS) == 0.0:
        return FAILED
    forget(state)
    return begin_iteration(call, state, at(state, LOSS_0))


@kernel
def after_trial(call, state, loss):
    """The search goes on, or ends: with an iteration, or with nothing."""
    slope = dot(call.gradient, call.direction, call.size)
    put(state, SLOPE, slope)
    if search(state, loss, slope):
        put(state, ITERATIONS, at(state, ITERATIONS) + 1.0)
        return ITERATION
    if at(state, TRIALS) < MAX_TRIALS:
        return try_step(call, state)
    return go_back(call, state)


@kernel
def after_iteration(call, state, loss):
    """The end, where the gradient or the fall of the loss is small; else the next iteration."""
    before = at(state, LOSS_0)
    if is_flat(call.gradient, call.gradient_tolerance, call.size):
        return FLAT
    if before - loss <= call.loss_tolerance * max(abs(before), abs(loss), 1.0):
        return LEVEL
    remember(call, state)
    return begin_iteration(call, state, loss)


def lbfgs(call):
    """Take the loss and its gradient at theta, move theta on, and return what is wanted next.

    EVALUATION: the loss and its gradient at theta. ITERATION: nothing, but that the caller may look
    at theta and stop. FLAT, LEVEL and FAILED are the end.
    """
    state, loss = call.state, call.loss
    last = int(at(state, WANTED))
    if last == EVALUATION:
        wanted = after_trial(call, state, loss)
    elif last == ITERATION:
        wanted = after_iteration(call, state, loss)
    elif last == AT_START and not is_flat(call.gradient, call.gradient_tolerance, call.size):
        forget(state)
        wanted = begin_iteration(call, state, loss)
    else:
        wanted = FLAT if last == AT_START else last
    put(state, WANTED, float(wanted))
    return wanted
