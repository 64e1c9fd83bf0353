"""The same work by other libraries, each in the way that is quickest for it."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from work import Work


def glorot(sizes: tuple[int, ...], dtype: np.dtype) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases to start from."""
    generator = np.random.default_rng(0)
    return [
        (
            generator.normal(0, np.sqrt(2 / (n_in + n_out)), (n_in, n_out)).astype(dtype),
            np.zeros(n_out, dtype),
        )
        for n_in, n_out in pairwise(sizes)
    ]


def by_jax(work: Work, threads: int) -> Callable[[], float]:
    """All epochs in one jit: a scan over the batches of NumPy's permutations."""
    import os

    os.environ.setdefault("XLA_FLAGS", "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false")
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}[work.hidden]
    X, y = jnp.asarray(work.X), jnp.asarray(work.y)
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in glorot(work.sizes, work.X.dtype)]

    def loss(parameters, x, y):
        for W, b in parameters[:-1]:
            x = activation(x @ W + b)
        W, b = parameters[-1]
        z = x @ W + b
        if work.loss == "cross_entropy":
            rows = jnp.arange(len(y))
            return (jax.nn.logsumexp(z, axis=1) - z[rows, y]).mean()
        return (jax.nn.softplus(z[:, 0]) - y * z[:, 0]).mean()

    def update(state, gradient):
        parameters, first, second, t = state
        tree = jax.tree_util.tree_map
        t = t + 1
        if work.optimizer == "adam":
            first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
            second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
            size, root = work.learning_rate / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
            parameters = tree(
                lambda p, m, v: p - (size * m / (jnp.sqrt(v) * root + 1e-8)).astype(p.dtype),
                parameters,
                first,
                second,
            )
        elif work.momentum > 0:
            first = tree(lambda v, g: work.momentum * v - work.learning_rate * g, first, gradient)
            parameters = tree(jnp.add, parameters, first)
        else:
            parameters = tree(lambda p, g: p - work.learning_rate * g, parameters, gradient)
        return parameters, first, second, t

    full = work.batch_size >= len(work.X)

    def step(state, rows):
        x, target = (X, y) if full else (X[rows], y[rows])
        value, gradient = jax.value_and_grad(loss)(state[0], x, target)
        return update(state, gradient), value

    @jax.jit
    def whole(parameters, batches):
        zeros = jax.tree_util.tree_map(jnp.zeros_like, parameters)
        state = (parameters, zeros, zeros, jnp.float32(0))
        if full:
            state, values = jax.lax.scan(step, state, None, length=work.epochs)
        else:
            state, values = jax.lax.scan(step, state, batches)
        return values[-1], state[0]

    def run() -> float:
        orders = work.orders()
        n = len(work.X) // work.batch_size * work.batch_size or len(work.X)  # whole batches only
        batches = orders[:, :n].reshape(-1, min(work.batch_size, n))
        value, _ = whole(parameters, batches)
        return float(value)

    return run


def by_torch(work: Work, threads: int, *, compiled: bool = False) -> Callable[[], float]:
    """Eager or compiled steps; the fused Adam; the data as tensors in memory."""
    import torch

    torch.set_num_threads(threads)
    X, y = torch.from_numpy(work.X), torch.from_numpy(work.y)
    activation = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}
    classes = work.loss == "cross_entropy"
    loss_of = torch.nn.CrossEntropyLoss() if classes else torch.nn.BCEWithLogitsLoss()

    def run() -> float:
        torch.manual_seed(0)
        layers: list[torch.nn.Module] = []
        for n_in, n_out in pairwise(work.sizes):
            layers += [torch.nn.Linear(n_in, n_out, dtype=X.dtype), activation[work.hidden]()]
        net = torch.nn.Sequential(*layers[:-1])
        if work.optimizer == "adam":
            optimizer = torch.optim.Adam(net.parameters(), lr=work.learning_rate, fused=True)
        else:
            optimizer = torch.optim.SGD(
                net.parameters(), lr=work.learning_rate, momentum=work.momentum, fused=True
            )

        def forward(x, target):
            z = net(x)
            return loss_of(z if classes else z[:, 0], target)

        step = torch.compile(forward) if compiled else forward
        value = torch.tensor(0.0)
        for epoch in range(work.epochs):
            if work.batch_size >= len(X):
                batches = [slice(None)]
            else:
                order = torch.from_numpy(work.orders()[epoch])
                batches = list(order.split(work.batch_size))
            for rows in batches:
                optimizer.zero_grad(set_to_none=True)
                value = step(X[rows], y[rows])
                value.backward()
                optimizer.step()
        return float(value)

    return run


def by_sklearn(work: Work, threads: int) -> Callable[[], float]:
    """MLPClassifier; its single hidden activation and its two optimisers suffice here."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    def run() -> float:
        model = MLPClassifier(
            work.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(work.hidden, work.hidden),
            solver=work.optimizer,
            alpha=0.0,
            batch_size=min(work.batch_size, len(work.X)),
            learning_rate_init=work.learning_rate,
            momentum=work.momentum,
            nesterovs_momentum=False,
            max_iter=work.epochs,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(work.X, work.y)
        return float(model.loss_)

    return run
