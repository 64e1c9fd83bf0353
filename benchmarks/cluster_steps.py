"""What a step of `distributed.train` costs, and the model of it in docs/scaling.md.

1 to 4 workers on one machine, networks of about 1e3 to 1e7 parameters, full batches in 12 parts,
float64. A step is the gradient of the batch: theta to the workers, their computing, one sum back.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from distributed.comm import tcp

import fallline as fl
from fallline.distributed.client import local_client
from fallline.distributed.cluster_rows import ClusterRows

FEATURES, PARTS = 20, 12
WIDTHS = {1e3: 23, 1e4: 90, 1e5: 305, 1e6: 988, 1e7: 3150}
ROWS = {1e3: 96_000, 1e4: 48_000, 1e5: 6_000, 1e6: 960, 1e7: 240}
STEPS = {1e3: 40, 1e4: 20, 1e5: 20, 1e6: 10, 1e7: 5}


@dataclass(frozen=True)
class Point:
    """What was measured: seconds and bytes of one step."""

    workers: int
    parameters: int
    rows: int
    step: float
    computing: float  # of the worker that computes longest
    computing_in_all: float
    sent: float
    received: float


@contextmanager
def counted_bytes() -> Iterator[dict[str, int]]:
    """Counts what this process sends and receives over TCP."""
    counts = {"sent": 0, "received": 0}
    write, read = tcp.TCP.write, tcp.read_bytes_rw

    async def counting_write(self: Any, *arguments: Any, **more: Any) -> int:
        n: int = await write(self, *arguments, **more)
        counts["sent"] += n
        return n

    async def counting_read(stream: Any, n: int) -> Any:
        counts["received"] += n
        return await read(stream, n)

    tcp.TCP.write, tcp.read_bytes_rw = counting_write, counting_read
    try:
        yield counts
    finally:
        tcp.TCP.write, tcp.read_bytes_rw = write, read


def measure(client: Any, workers: int, size: float, rows: int) -> Point:
    """The quickest of the steps of one network: the one that other programs disturbed least."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, FEATURES))
    y = (X[:, 0] > 0).astype(float)
    net = fl.Network([FEATURES, WIDTHS[size], WIDTHS[size], 1], loss="binary_cross_entropy")
    there = ClusterRows(client, net, [(X[i::PARTS], y[i::PARTS]) for i in range(PARTS)], None)
    there.use_engine("compiled")
    for _ in range(3):
        there.gradient(None)
    best = (float("inf"), np.zeros(workers))
    with counted_bytes() as counts:
        for _ in range(STEPS[size]):
            before, busy = counts.copy(), np.array(there.seconds_computing())
            asked = counts["sent"] - before["sent"], counts["received"] - before["received"]
            began = time.perf_counter()
            there.gradient(None)
            step = time.perf_counter() - began
            whole = counts["sent"] - before["sent"], counts["received"] - before["received"]
            busy = np.array(there.seconds_computing()) - busy
            best = min(best, (step, busy), key=lambda pair: pair[0])
    step, busy = best
    sent, received = (float(w - a) for w, a in zip(whole, asked, strict=True))
    return Point(
        workers, net.n_parameters, rows, step, float(busy.max()), float(busy.sum()), sent, received
    )


def as_line(point: Point) -> str:
    """A line of the table."""
    beside = point.step - point.computing
    return (
        f"| {point.workers} | {point.parameters:,} | {point.rows:,} | {1000 * point.step:,.1f} "
        f"| {100 * point.computing / point.step:.0f} % | {1000 * beside:,.1f} "
        f"| {point.sent / 1e6:,.3g} | {point.received / 1e6:,.3g} |"
    )


def main() -> None:
    """Print Markdown; --json FILE keeps the numbers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    points = []
    print(f"### A step on one machine of {os.cpu_count()} cores, {PARTS} parts, float64\n")
    print("| workers | parameters | rows | ms a step | computing | ms beside | MB out | MB in |")
    print("|---|---|---|---|---|---|---|---|")
    for workers in options.workers:
        with local_client(workers) as client:
            few = [measure(client, workers, 1e3, PARTS)]  # next to no work: what a step costs
            for point in [*few, *(measure(client, workers, s, ROWS[s]) for s in WIDTHS)]:
                points.append(point)
                print(as_line(point), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(point) for point in points], indent=1))


if __name__ == "__main__":
    main()
