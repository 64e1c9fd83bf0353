"""How the cost of an epoch grows with rows, width, depth, batch size and threads.

One network, 20-64-64-1 ReLU, Adam, float32, 20,000 rows, batch 128, one thread, of which one thing
at a time is changed. Compiled engine, the epoch alone; the best of several, since what is asked is
what the work costs, not what the neighbours do.
"""

import time

import numpy as np

import fallline as fl
from fallline.engine import Loop

BASE = {"rows": 20_000, "width": 64, "depth": 2, "batch size": 128, "threads": 1}
VALUES = {
    "rows": (200, 2_000, 20_000, 200_000),
    "width": (4, 16, 64, 256, 1_024),
    "depth": (1, 2, 4, 8),
    "batch size": (1, 8, 32, 128, 512, 20_000),
    "threads": (1, 2),
}
SECONDS = 1.0


def milliseconds(case: dict[str, int]) -> float:
    """One epoch."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(case["rows"], 20)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)
    sizes = [20, *[case["width"]] * case["depth"], 1]
    net = fl.Network(sizes, loss="binary_cross_entropy", dtype="float32")
    adam, rows = fl.Adam(), net.samples(X, y)
    loop = Loop(
        net, rows, adam, adam.init(net.parameters), case["batch size"],
        threads=case["threads"],
    )  # fmt: skip
    order, best, step = generator.permutation(len(X)), np.inf, 0
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or best == np.inf:
        began = time.perf_counter()
        step += loop.epoch(order, step, want_loss=True)[1]
        if step > 100:
            best = min(best, time.perf_counter() - began)
    return 1000 * best


def main() -> None:
    """Print one table for each thing that is changed."""
    print("### Cost of an epoch\n\n" + (__doc__ or "").split("\n\n")[1] + "\n")
    for name, values in VALUES.items():
        times = [milliseconds(BASE | {name: value}) for value in values]
        print(f"| {name} | {' | '.join(f'{value:,}' for value in values)} |")
        print("|---|" + "---|" * len(values))
        print(f"| ms | {' | '.join(f'{ms:.3g}' for ms in times)} |\n")


if __name__ == "__main__":
    main()
