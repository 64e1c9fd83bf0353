"""200 networks 8-16-1, 1,000 rows, batch 32, momentum, 20 epochs; 100 truth tables."""

import numpy as np
from timing import alternate, as_table
from work import threads_here

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
    """Time all on one thread, then on two, and print the result as Markdown."""
    threads = threads_here(2)
    if threads is None:
        return
    ending = f"{threads} thread{'s' * (threads > 1)}"
    for dtype in ("float32", "float64"):
        found = {OURS: ours(dtype, threads)}
        try:
            found["JAX, jit(vmap), an order for each network"] = by_jax(dtype, own_orders=True)
            found["JAX, jit(vmap), one order for all"] = by_jax(dtype, own_orders=False)
        except ImportError:
            print("(JAX is not installed: left out)\n")
        print(f"### 200 networks 8-16-1, 1,000 rows, batch 32, 20 epochs, {dtype}, {ending}\n")
        print(as_table(alternate(found, 7), OURS) + "\n")
    print(f"### 100 seeds of the truth table, 20,000 epochs, {ending}\n")
    print(as_table(alternate({OURS: truth_tables(threads)}, 5), OURS) + "\n")


if __name__ == "__main__":
    main()
