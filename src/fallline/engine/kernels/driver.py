"""The compiled training loop: whole epochs of forward, backward, update, by a team of threads.

A batch is cut into parts and theta into segments, both by rules that look at the problem alone.
The team shares them out; what they computed is added up in the order of the parts. So the bits do
not depend on the size of the team.
"""

import math

from fallline.engine.config import inlined_by_numba
from fallline.engine.kernels.backprop import (
    fetch_rows,
    give_logits,
    loss_and_gradient,
    take_inputs,
    take_shares,
    take_targets,
)
from fallline.engine.kernels.barrier import wait
from fallline.engine.kernels.lookup import (
    clear_gradient,
    make_tables,
    take_numbers,
    to_weights,
)
from fallline.engine.kernels.optimizers import add_part, sum_of_parts, update
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import at, lanes, load, offset, put, store
from fallline.engine.layout import LAYERS_BEGIN, N_OUT, ROW, part_length


@inlined_by_numba
def mass_of(weight, weighted, order, n):
    """A batch's part in the epoch's mean: its number of rows, or the sum of their weights."""
    if not weighted:
        return float(n)
    total = 0.0
    for i in range(n):
        total += at(weight, at(order, i))
    return total


part_rows = inlined_by_numba(part_length)


@inlined_by_numba
def gradient_of_part(call, theta, order, first_row, n, mass, G, add, resident, keys, want_loss):
    """The gradient of ``n`` rows of ``order`` from ``first_row`` on; returns their loss.

    It goes block by block; ``resident`` rows are one block, in the workspace already.
    Unless the call is to learn, there is no gradient.
    """
    workspace, plan, weighted = call.workspace, call.plan, is_given(call.weight)
    learn, give, looked_up = call.learn != 0, is_given(call.logits), is_given(call.lookups)
    lost, block = 0.0, at(plan, ROW)
    if looked_up and learn:
        clear_gradient(call, plan)
    for begin in range(0, n, block):
        rows, count = offset(order, first_row + begin), min(block, n - begin)
        if not resident:
            if looked_up:
                take_numbers(call, rows, count, plan)
            else:
                take_inputs(call.X, rows, count, workspace, plan)
            take_targets(call.Y, rows, count, workspace, plan)
            take_shares(call.weight, weighted, rows, count, mass, workspace, plan)
        lost += loss_and_gradient(
            call, theta, rows, count, workspace, plan, G, add or begin > 0, want_loss,
            learn, call.dropout, keys, first_row + begin,
        )  # fmt: skip
        if give:
            give_logits(call.logits, first_row + begin, count, workspace, plan)
    if looked_up and learn:
        to_weights(call, G, add)
    return lost


@inlined_by_numba
def copy_segments(source, target, size, segment, thread, n_threads):
    """target <- source, the segments of one thread."""
    for begin in range(thread * segment, size, n_threads * segment):
        for i in range(begin, min(size, begin + segment), lanes(source)):
            store(target, i, load(source, i))


def train(call):
    """Passes of whole batches over the rows; sum of losses, mass and steps go to ``results``.

    Of ``n_runs`` networks, one after the other, which share the data and the settings.

    Called at once by every thread of the team. The loss is the sum of the batches' losses in the
    last epoch, each before its update and times its batch's mass.
    """
    thread, n_threads, counter, size = call.thread, call.n_threads, call.barrier, call.size
    G, is_weight, losses, costs = call.gradient, call.is_weight, call.losses, call.costs
    n_rows, batch_size, segment = call.n_rows, call.batch_size, call.segment
    learn, weighted, every = call.learn != 0, is_given(call.weight), call.every
    per_mass, l2, l1 = call.penalty_per_mass != 0, call.l2, call.l1
    looked_up = is_given(call.lookups)
    order_step = n_rows if call.n_order > n_rows else 0
    rate_step = 1 if call.n_rates > 1 else 0
    n_segments = (size + segment - 1) // segment if learn else 0
    block, penalised = at(call.plan, ROW), l2 > 0 or l1 > 0
    usual_length = part_rows(batch_size)
    barriers = 0
    lowest, lowest_epoch, n_recorded = math.inf, 0, 0
    if every > 0:
        lowest = at(call.lowest, 0)
    for r in range(call.n_runs):
        theta, order = offset(call.theta, r * size), offset(call.orders, r * call.n_order)
        first, second = offset(call.first, r * size), offset(call.second, r * size)
        rate_of, keys = offset(call.rates, r * call.n_rates), offset(call.keys, r * call.n_keys)
        total, mass, done, broken = 0.0, 0.0, 0, False
        for epoch in range(call.epochs):
            total, mass = call.sum_before, call.mass_before
            recorded = every > 0 and (call.first_epoch + epoch) % every == 0
            want_loss = call.want_loss != 0 or recorded
            if recorded:
                copy_segments(theta, call.before, size, segment, thread, n_threads)
            for begin in range(0, n_rows, batch_size):
                rows, n = offset(order, epoch * order_step + begin), min(batch_size, n_rows - begin)
                part_mass = mass_of(call.weight, weighted, rows, n)
                length = usual_length
                if n < batch_size:
                    length = part_rows(n)
                if looked_up:
                    make_tables(call, theta, at(call.plan, LAYERS_BEGIN + N_OUT))
                n_parts = 0
                while n_parts * length < n:
                    p = n_parts
                    n_parts += 1
                    if n_threads > 1 and p % n_threads != thread:
                        continue
                    # Alone, a part of one block may be added to the sum as it comes: the same
                    # numbers. A longer part is summed up first, as a team does it.
                    at_once = n_threads == 1 and (p == 0 or length <= block)
                    G_part = G if at_once else offset(G, (p if n_threads > 1 else 1) * size)
                    # The same part of the next batch, one half before and one after: at once they
                    # would wait for each other. Rows that are looked up are short.
                    ahead = batch_size + p * length
                    n_ahead = min(length, n_rows - begin - ahead) if not looked_up else 0
                    fetch_rows(call, offset(rows, ahead), n_ahead // 2, call.plan)
                    lost = gradient_of_part(
                        call, theta, rows, p * length, min(length, n - p * length), part_mass,
                        G_part, at_once and p > 0, call.one_block != 0 and epoch > 0,
                        offset(keys, done * call.n_hidden), want_loss,
                    )  # fmt: skip
                    put(losses, p, lost)
                    fetch_rows(call, offset(rows, ahead + n_ahead // 2), n_ahead // 2, call.plan)
                    if learn and n_threads == 1 and not at_once:
                        add_part(G, G_part, size)
                barriers += 1
                wait(counter, n_threads, barriers)
                loss = 0.0  # added up here: past the next barrier the others write to it again
                if want_loss:
                    for p in range(n_parts):
                        loss += at(losses, p)
                share = 1.0 / part_mass if per_mass and part_mass > 0 else 1.0
                rate = at(rate_of, done * rate_step)
                done += 1
                for s in range(thread, n_segments, n_threads):
                    low, high = s * segment, min(size, (s + 1) * segment)
                    if n_threads > 1 or penalised:
                        put(costs, s, sum_of_parts(
                            G, low, high, n_parts if n_threads > 1 else 1, size,
                            theta, is_weight, l2 * share, l1 * share,
                        ))  # fmt: skip
                    update(
                        call.optimizer, theta, G, first, second, is_weight, low, high,
                        rate, call.step + done, call.hyperparameters,
                    )  # fmt: skip
                barriers += 1
                wait(counter, n_threads, barriers)
                if want_loss:
                    if penalised:
                        cost = 0.0
                        for s in range(n_segments):
                            cost += at(costs, s)
                        loss += cost
                    if loss - loss != 0.0:  # infinite or NaN
                        total = loss
                        broken = True
                        break
                    total += part_mass * loss
                    mass += part_mass
            if recorded and not broken:
                loss = total / mass if mass > 0 else 0.0
                put(call.recorded, n_recorded, loss)
                n_recorded += 1
                if loss < lowest:
                    lowest, lowest_epoch = loss, call.first_epoch + epoch
                    copy_segments(call.before, call.best, size, segment, thread, n_threads)
                broken = not loss < call.limit
            if broken:
                break
        put(call.results, 3 * r, total)
        put(call.results, 3 * r + 1, mass)
        put(call.results, 3 * r + 2, float(done))
    if every > 0 and thread == 0:
        put(call.lowest, 0, lowest)
        put(call.lowest, 1, float(lowest_epoch))
        put(call.lowest, 2, float(n_recorded))
    return 0
