"""What a step of `distributed.train` costs: 1 and 2 workers, networks of 1e3 to 1e6 parameters."""

import time

import numpy as np
from distributed import Client, LocalCluster

import fallline as fl
from fallline.distributed import train

ROWS, FEATURES, PARTS, STEPS = 20_000, 20, 4, 20


def milliseconds(client: Client, width: int) -> tuple[int, float, float]:
    """Parameters; a full-batch step on the cluster; the same gradient and update here."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(ROWS, FEATURES))
    y = (X[:, 0] > 0).astype(float)
    parts = [(X[i::PARTS], y[i::PARTS]) for i in range(PARTS)]
    net = fl.Network([FEATURES, width, width, 1], loss="binary_cross_entropy")
    marks: list[float] = []
    train(
        net,
        parts,
        client=client,
        epochs=STEPS,
        callback=lambda h: marks.append(time.perf_counter()),
    )
    here: list[float] = []
    fl.train(
        net.copy(), X, y, epochs=5, batch_size=ROWS, engine="numpy",
        callbacks=[lambda p: here.append(time.perf_counter())],
    )  # fmt: skip
    return net.n_parameters, *(1000 * float(np.median(np.diff(m))) for m in (marks, here))


def main() -> None:
    """Print Markdown."""
    print("### A full-batch step over 20,000 rows in 4 parts, float64, processes on one machine\n")
    print("| workers | parameters | ms on the cluster | ms in one process |")
    print("|---|---|---|---|")
    for workers in (1, 2):
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            for width in (16, 128, 512):
                parameters, there, here = milliseconds(client, width)
                print(f"| {workers} | {parameters:,} | {there:.1f} | {here:.1f} |")


if __name__ == "__main__":
    main()
