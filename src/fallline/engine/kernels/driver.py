"""The compiled training loop: whole epochs of forward, backward, update, by a crew of threads.

A batch is cut into parts and theta into segments, both by rules that look at the problem alone.
The crew shares them out; what they computed is added up in the order of the parts. So the bits do
not depend on the size of the crew.
"""

from fallline.engine.config import entry, inlined
from fallline.engine.kernels.backprop import (
    give_logits,
    loss_and_gradient,
    take_inputs,
    take_shares,
    take_targets,
)
from fallline.engine.kernels.barrier import wait
from fallline.engine.kernels.optimizers import add_part, sum_of_parts, update
from fallline.engine.kernels.vectors import address, at, offset, put
from fallline.engine.layout import ROW


@inlined
def mass_of(weight, weighted, order, n):
    """A batch's part in the epoch's mean: its number of rows, or the sum of their weights."""
    if not weighted:
        return float(n)
    total = 0.0
    for i in range(n):
        total += at(weight, at(order, i))
    return total


@inlined
def part_length(n, most_parts, least_rows):
    """Rows in a part of a batch of n: up to ``most_parts`` parts of whole ``least_rows``."""
    length = (n + most_parts - 1) // most_parts
    return (length + least_rows - 1) // least_rows * least_rows


@inlined
def gradient_of_part(
    theta, X, Y, weight, weighted, order, first_row, n, mass, room, plan, G, add, want_loss,
    resident, learn, rate, keys, out, give,
):  # fmt: skip
    """The gradient of ``n`` rows of ``order`` from ``first_row`` on; returns their loss.

    It goes block by block; where they are ``resident`` they are one block, in the room already.
    Unless it is to ``learn``, there is no gradient; ``give`` writes the logits to ``out``.
    """
    lost, block = 0.0, at(plan, ROW)
    for begin in range(0, n, block):
        rows, count = offset(order, first_row + begin), min(block, n - begin)
        if not resident:
            take_inputs(X, rows, count, room, plan)
            take_targets(Y, rows, count, room, plan)
            take_shares(weight, weighted, rows, count, mass, room, plan)
        lost += loss_and_gradient(
            theta, count, room, plan, G, add or begin > 0, want_loss,
            learn, rate, keys, first_row + begin,
        )  # fmt: skip
        if give:
            give_logits(out, first_row + begin, count, room, plan)
    return lost


@entry
def steps(
    me, crew, counters,
    thetas, Gs, firsts, seconds, are_weights, segment, most_parts, least_rows,
    all_lost, all_costs, Xs, Ys, weights, orders, n_rows, batch_size, epochs, one_block,
    want_loss, sum_before, mass_before,
    optimizer, rates, step, all_knobs, l2, l1, per_mass, learn, dropout, all_keys, n_layers, outs,
    rooms, plans, n_runs, results,
):  # fmt: skip
    """Run ``epochs`` passes of ``n_rows``; sum of losses, mass and steps go to ``results``.

    Of ``n_runs`` networks, one after the other: they share the data and the settings, and each has
    its part of ``thetas``, ``firsts``, ``seconds``, ``orders``, ``rates`` and ``results``.

    ``orders`` holds one order of the rows for each epoch, or one for all.

    Called at once by every thread of the crew, with its number ``me`` and its own ``rooms``; the
    rest is common. With ``want_loss`` the sum is that of the batches' losses in the last epoch,
    each before its update and times its batch's mass (``sum_before`` and ``mass_before`` are those
    of the epoch's batches before these), and the run ends early at a batch whose loss is not
    finite. ``rates`` holds one rate for all steps, or one for each. ``one_block``: the rows are one
    batch and one block, which stays in the room. Unless they are to ``learn``, nothing is updated.
    ``outs``, where it has room, takes the logits of a batch.
    """
    # Addresses from here on: an array that is handed on costs an atomic count of its users.
    thetas_, G, firsts_, seconds_ = address(thetas), address(Gs), address(firsts), address(seconds)
    is_weight, room, plan, counter = (
        address(are_weights),
        address(rooms),
        address(plans),
        address(counters),
    )
    X, Y, orders_, weight = address(Xs), address(Ys), address(orders), address(weights)
    rates_, knobs, losses, costs = (
        address(rates),
        address(all_knobs),
        address(all_lost),
        address(all_costs),
    )
    keys_, out, results_ = address(all_keys), address(outs), address(results)
    weighted, give = len(weights) > 0, len(outs) > 0
    size, n_orders = len(thetas) // n_runs, len(orders) // n_runs
    n_rates, n_keys = len(rates) // n_runs, len(all_keys) // n_runs
    order_step = n_rows if n_orders > n_rows else 0
    rate_step = 1 if n_rates > 1 else 0
    n_segments = (size + segment - 1) // segment if learn else 0
    block, penalised = at(plan, ROW), l2 > 0 or l1 > 0
    usual_length = part_length(batch_size, most_parts, least_rows)
    turns = 0
    for r in range(n_runs):
        theta, order = offset(thetas_, r * size), offset(orders_, r * n_orders)
        first, second = offset(firsts_, r * size), offset(seconds_, r * size)
        rate_of, keys = offset(rates_, r * n_rates), offset(keys_, r * n_keys)
        total, mass, done, broken = 0.0, 0.0, 0, False
        for epoch in range(epochs):
            total, mass = sum_before, mass_before
            for begin in range(0, n_rows, batch_size):
                rows, n = offset(order, epoch * order_step + begin), min(batch_size, n_rows - begin)
                part_mass = mass_of(weight, weighted, rows, n)
                length = usual_length
                if n < batch_size:
                    length = part_length(n, most_parts, least_rows)
                n_parts = 0
                while n_parts * length < n:
                    p = n_parts
                    n_parts += 1
                    if crew > 1 and p % crew != me:
                        continue
                    # Alone, a part of one block may be added to the sum as it comes: the same
                    # numbers. A longer part is summed up first, as a crew does it.
                    at_once = crew == 1 and (p == 0 or length <= block)
                    G_part = G if at_once else offset(G, (p if crew > 1 else 1) * size)
                    lost = gradient_of_part(
                        theta, X, Y, weight, weighted, rows, p * length,
                        min(length, n - p * length), part_mass, room, plan,
                        G_part, at_once and p > 0, want_loss, one_block and epoch > 0,
                        learn, dropout, offset(keys, done * n_layers), out, give,
                    )  # fmt: skip
                    put(losses, p, lost)
                    if learn and crew == 1 and not at_once:
                        add_part(G, G_part, size)
                turns += 1
                wait(counter, crew, turns)
                loss = 0.0  # added up here: past the next meeting the others write to it again
                if want_loss:
                    for p in range(n_parts):
                        loss += at(losses, p)
                share = 1.0 / part_mass if per_mass and part_mass > 0 else 1.0
                rate = at(rate_of, done * rate_step)
                done += 1
                for s in range(me, n_segments, crew):
                    low, high = s * segment, min(size, (s + 1) * segment)
                    if crew > 1 or penalised:
                        put(costs, s, sum_of_parts(
                            G, low, high, n_parts if crew > 1 else 1, size,
                            theta, is_weight, l2 * share, l1 * share,
                        ))  # fmt: skip
                    update(
                        optimizer, theta, G, first, second, is_weight, low, high,
                        rate, step + done, knobs,
                    )  # fmt: skip
                turns += 1
                wait(counter, crew, turns)
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
            if broken:
                break
        put(results_, 3 * r, total)
        put(results_, 3 * r + 1, mass)
        put(results_, 3 * r + 2, float(done))
