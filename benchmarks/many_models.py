"""200 networks 8-16-1, 1,000 rows, batch 32, momentum, 20 epochs; 100 truth tables."""

import os

import numpy as np
from timing import apart, as_table, serve

import fallline as fl
from fallline import lesson
from fallline.engine import Course, train_many

NETWORKS, EPOCHS, BATCH = 200, 20, 32
OURS = "Fallline, train_many"


def data(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether two features have the same sign."""
    X = np.random.default_rng(0).normal(size=(1000, 8)).astype(dtype)
    return X, (X[:, 0] * X[:, 1] > 0).astype(dtype)


def ours(dtype: str, threads: int):
    """All networks, made and trained."""
    X, y = data(dtype)

    def run() -> float:
        networks = [
            fl.Network(
                [8, 16, 1], hidden="sigmoid", loss="binary_cross_entropy", dtype=dtype, seed=seed
            )
            for seed in range(NETWORKS)
        ]
        rows = networks[0].samples(X, y)
        optimizers = [fl.GradientDescent(0.1, momentum=0.9)] * NETWORKS
        course = Course(BATCH, EPOCHS)
        return train_many(networks, rows, optimizers, range(NETWORKS), course, threads)[-1]

    return run


def by_jax(dtype: str, *, own_orders: bool):
    """One jit over all networks (vmap), permutations from NumPy.

    With ``own_orders`` each network has its own, as Fallline's have, else all share one an epoch.
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    X, y = (jnp.asarray(each) for each in data(dtype))
    generator = np.random.default_rng(0)
    start = [
        jnp.asarray(generator.normal(0, 0.3, shape).astype(dtype))
        for shape in ((NETWORKS, 8, 16), (NETWORKS, 16), (NETWORKS, 16, 1), (NETWORKS, 1))
    ]

    def loss(parameters, x, target):
        W, b, V, c = parameters
        z = (jax.nn.sigmoid(x @ W + b) @ V + c)[:, 0]
        return (jax.nn.softplus(z) - target * z).mean()

    def one(parameters, batches):
        def step(state, rows):
            theta, velocity = state
            value, g = jax.value_and_grad(loss)(theta, X[rows], y[rows])
            velocity = [0.9 * v - 0.1 * d for v, d in zip(velocity, g, strict=True)]
            theta = [p + v for p, v in zip(theta, velocity, strict=True)]
            return (theta, velocity), value

        zeros = [jnp.zeros_like(p) for p in parameters]
        _, values = jax.lax.scan(step, (parameters, zeros), batches)
        return values[-1]

    whole = jax.jit(jax.vmap(one, in_axes=(0, 0 if own_orders else None)))

    def run() -> float:
        seeds = range(NETWORKS if own_orders else 1)
        batches = np.stack([batches_of(np.random.default_rng(seed)) for seed in seeds])
        return float(whole(start, batches if own_orders else batches[0])[-1])

    return run


def batches_of(generator: np.random.Generator) -> np.ndarray:
    """The rows of every batch of a run, but for each epoch's last, shorter one."""
    orders = [generator.permutation(1000) for _ in range(EPOCHS)]
    return np.concatenate([order[: 1000 // BATCH * BATCH].reshape(-1, BATCH) for order in orders])


def truth_tables(threads: int):
    """100 seeds of the truth table, 20,000 epochs each."""

    def run() -> float:
        networks = [lesson.truth_table_network((2,), seed) for seed in range(100)]
        rows = networks[0].samples(lesson.TRAIN_X, lesson.TRAIN_Y)
        optimizers = [fl.GradientDescent(lesson.LEARNING_RATE)] * 100
        course = Course(5, lesson.EPOCHS)
        return train_many(networks, rows, optimizers, range(100), course, threads)[-1]

    return run


def main() -> None:
    """Time all on one thread, then on two, each in a process of its own; print Markdown."""
    each_own, one = "JAX, jit(vmap), an order for each network", "JAX, jit(vmap), one order for all"
    makers = {
        OURS: ours,
        each_own: lambda dtype, threads: by_jax(dtype, own_orders=True),
        one: lambda dtype, threads: by_jax(dtype, own_orders=False),
    }
    tables = "100 seeds of the truth table, 20,000 epochs"
    candidates = {
        f"{name}, {dtype}": lambda threads, make=make, dtype=dtype: make(dtype, threads)
        for dtype in ("float32", "float64")
        for name, make in makers.items()
    }
    serve(candidates | {tables: truth_tables})
    for threads in range(1, min(2, os.cpu_count() or 1) + 1):
        ending = f"{threads} thread{'s' * (threads > 1)}"
        for dtype in ("float32", "float64"):
            medians = apart([f"{name}, {dtype}" for name in makers], 7, threads)
            print(f"### 200 networks 8-16-1, 1,000 rows, batch 32, 20 epochs, {dtype}, {ending}\n")
            print(as_table(medians, f"{OURS}, {dtype}") + "\n", flush=True)
        print(f"### {tables}, {ending}\n")
        print(as_table(apart([tables], 5, threads), tables) + "\n", flush=True)


if __name__ == "__main__":
    main()
