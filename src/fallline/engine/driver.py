"""The compiled training loop: whole epochs of forward, backward, update."""

from fallline.engine.config import kernel
from fallline.engine.functions import activate, loss_delta, output, row_loss, times_slope
from fallline.engine.products import affine, back_through, weight_gradient
from fallline.engine.updates import update


@kernel
def padded(length):
    """The next multiple of 8: elementwise loops then have no rest that no vector holds."""
    return (length + 7) // 8 * 8


@kernel
def forward(theta, sizes, starts, codes, A0, n, Z_room, A_room, width):
    """Z of every layer and A of every hidden one, in their part of the rooms."""
    last = len(sizes) - 2
    A = A0
    for l in range(last + 1):
        n_in, n_out = sizes[l], sizes[l + 1]
        start = starts[l]
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        b = theta[start + n_in * n_out : start + (n_in + 1) * n_out]
        low, high = width[l], width[l] + n * n_out
        affine(A, W, b, Z_room[low:high].reshape(n, n_out))
        end = low + padded(n * n_out)
        if l < last:
            activate(codes[l], Z_room[low:end], A_room[low:end])
            A = A_room[low:high].reshape(n, n_out)


@kernel
def backward(theta, g, sizes, starts, codes, A0, n, Z_room, A_room, D_room, width):
    """dW and db of every layer into g, from the delta of the last one."""
    for l in range(len(sizes) - 2, -1, -1):
        n_in, n_out = sizes[l], sizes[l + 1]
        start = starts[l]
        delta = D_room[width[l] : width[l] + n * n_out].reshape(n, n_out)
        dW = g[start : start + n_in * n_out].reshape(n_in, n_out)
        db = g[start + n_in * n_out : start + (n_in + 1) * n_out]
        if l == 0:
            weight_gradient(A0, delta, dW, db)
            return
        low, high = width[l - 1], width[l - 1] + n * n_in
        weight_gradient(A_room[low:high].reshape(n, n_in), delta, dW, db)
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        back_through(delta, W, D_room[low:high].reshape(n, n_in))
        end = low + padded(n * n_in)
        times_slope(codes[l - 1], Z_room[low:end], A_room[low:end], D_room[low:end])


@kernel
def penalise(theta, g, is_weight, l2):
    """g += l2 W; returns l2 / 2 times the sum of squared weights."""
    strength = theta.dtype.type(l2)
    total = 0.0
    for i in range(len(theta)):
        w = theta[i] * is_weight[i]
        g[i] += strength * w
        total += w * w
    return 0.5 * l2 * total


@kernel
def share_out(shares, weight, rows, equal):
    """Each row's share of the batch's mean; returns the batch's mass (rows, or sum of weights)."""
    n = len(rows)
    if len(weight) == 0:
        for i in range(n):
            shares[i] = equal / n
        return float(n)
    total = 0.0
    for i in range(n):
        total += weight[rows[i]]
    for i in range(n):
        shares[i] = weight[rows[i]] / total if total > 0 else 0 * equal
    return total


@kernel
def steps(
    theta, g, first, second, is_weight,
    sizes, starts, codes, loss_code,
    X, Y, weight, order, batch_size, epochs, gather, want_loss,
    optimizer, rates, step, knobs, l2, l2_per_mass,
    X_room, Y_room, shares, Z_room, A_room, D_room, width,
):  # fmt: skip
    """Run ``epochs`` passes over ``order``; returns the last one's loss and mass, and the steps.

    With ``want_loss`` the loss is the mean of the batches' losses, each before its update, and the
    run ends early at a batch whose loss is not finite; else it is 0. ``rates`` holds one rate for
    all steps, or one for each. ``gather`` copies the rows of a batch; a full batch in order needs
    no copy.
    """
    n_rows, n_outputs = len(order), Y.shape[1]
    one = theta.dtype.type(1.0)
    last = len(sizes) - 2
    mean, mass = 0.0, 0.0
    done = 0
    for _ in range(epochs):
        total, mass = 0.0, 0.0
        for begin in range(0, n_rows, batch_size):
            rows = order[begin : begin + batch_size]
            n = len(rows)
            if gather:
                for i in range(n):
                    X_room[i] = X[rows[i]]
                    Y_room[i] = Y[rows[i]]
                A0, T = X_room[:n], Y_room[:n]
            else:
                A0, T = X[:n], Y[:n]
            part = share_out(shares, weight, rows, one)
            forward(theta, sizes, starts, codes, A0, n, Z_room, A_room, width)
            low, high = width[last], width[last] + n * n_outputs
            Z = Z_room[low:high].reshape(n, n_outputs)
            delta = D_room[low:high].reshape(n, n_outputs)
            loss = 0.0
            if want_loss:
                for i in range(n):
                    loss += shares[i] * row_loss(loss_code, Z[i], T[i])
            end = high if loss_code == 2 else low + padded(n * n_outputs)
            output(loss_code, Z_room[low:end], A_room[low:end], n_outputs)
            loss_delta(loss_code, A_room[low:high].reshape(n, n_outputs), T, shares, delta)
            backward(theta, g, sizes, starts, codes, A0, n, Z_room, A_room, D_room, width)
            if l2 > 0:
                loss += penalise(theta, g, is_weight, l2 / part if l2_per_mass and part > 0 else l2)
            rate = rates[0] if len(rates) == 1 else rates[done]
            done += 1
            update(optimizer, theta, g, first, second, rate, step + done, knobs, is_weight)
            if want_loss:
                if loss - loss != 0.0:  # infinite or NaN
                    return loss, part, done
                total += part * loss
                mass += part
        mean = total / mass if mass > 0 else 0.0  # no mass: no loss wanted, or no weight
    return mean, mass, done
