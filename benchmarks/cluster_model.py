"""The model of docs/scaling.md: fitted to what cluster_steps.py measured, held against the rest.

A step of W workers on a network of n parameters with a batch of B rows in P parts takes

    T = (a B + d P) n / min(W, cores) + l_0 + l_1 W + (e_0 + e_1 W) n

seconds: a for a row's gradient per parameter, d for a part's sum per parameter, l_0 and l_1 for a
step's and a message's own time, e_0 and e_1 for a parameter that travels there and back, once and
for each worker. The first two are fitted to the time that the workers compute, the others to what
is left of a step, with 1 and 2 workers; 3 and 4 workers are what the model is held against.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from cluster_steps import PARTS
from scipy.optimize import nnls

from fallline.distributed.cluster_rows import FAN_OUT, groups_of

BANDWIDTH = 1.25e9  # bytes a second, of a 10 Gbit/s network
MACHINES = 100


def quickest(files: list[Path]) -> list[dict[str, Any]]:
    """Of several rounds the quickest step each: the one that other programs disturbed least."""
    best: dict[Any, dict[str, Any]] = {}
    for point in [point for file in files for point in json.loads(file.read_text())]:
        place = point["workers"], point["parameters"], point["rows"]
        if place not in best or point["step"] < best[place]["step"]:
            best[place] = point
    return list(best.values())


def terms(point: dict[str, Any], cores: int) -> tuple[list[float], list[float]]:
    """What a, d and what l_0, l_1, e_0, e_1 are multiplied with."""
    W, n, B = point["workers"], point["parameters"], point["rows"]
    return [B * n / min(W, cores), PARTS * n / min(W, cores)], [1.0, W, n, n * W]


def fitted(points: list[dict[str, Any]], cores: int) -> np.ndarray:
    """The six constants, none of them negative, by errors relative to the time of the step."""
    found = []
    for part in (0, 1):
        times = [
            point["computing"] if part == 0 else point["step"] - point["computing"]
            for point in points
        ]
        steps = np.array(
            [time if part else point["step"] for time, point in zip(times, points, strict=True)]
        )
        rows = np.array([terms(point, cores)[part] for point in points]) / steps[:, None]
        scale = rows.max(axis=0)
        found.append(nnls(rows / scale, np.array(times) / steps)[0] / scale)
    return np.concatenate(found)


def seconds(point: dict[str, Any], constants: np.ndarray, cores: int) -> float:
    """The model's time of a step."""
    return float(np.dot(np.concatenate(terms(point, cores)), constants))


def levels(n_stations: int) -> int:
    """How many times the parameters are handed on until all stations have them."""
    if n_stations == 0:
        return 0
    return 1 + max(levels(len(g) - 1) for g in groups_of(list(range(n_stations)), FAN_OUT))


def hundred(constants: np.ndarray, n: float, B: float, cores: int) -> tuple[float, float, float]:
    """Seconds of a step on 100 machines, the same work on one, and the least B for 80 %."""
    a, d, start, message, once, each = constants
    travel = once + FAN_OUT * (each + 16.0 / BANDWIDTH)
    beside = levels(MACHINES) * (start + FAN_OUT * message + travel * n)
    alone = (a * B + d * MACHINES) * n / cores
    least = beside * 4.0 * cores * MACHINES / (a * n)
    return alone / MACHINES + beside, alone, least


def main() -> None:
    """Print Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="+", help="from cluster_steps.py --json")
    points = quickest(parser.parse_args().files)
    cores = os.cpu_count() or 1
    constants = fitted([point for point in points if point["workers"] <= 2], cores)
    names = ("a", "d", "l_0", "l_1", "e_0", "e_1")
    for name, value in zip(names, constants, strict=True):
        print(f"- {name}: {value:.3g}")
    print("\n| workers | parameters | rows | ms a step | computing | MB out | MB in | model ms |")
    print("|---|---|---|---|---|---|---|---|")
    for point in points:
        model = seconds(point, constants, cores)
        print(
            f"| {point['workers']} | {point['parameters']:,} | {point['rows']:,} "
            f"| {1000 * point['step']:,.1f} | {100 * point['computing'] / point['step']:.0f} % "
            f"| {point['sent'] / 1e6:,.3g} | {point['received'] / 1e6:,.3g} "
            f"| {1000 * model:,.1f} ({model / point['step']:.2f}) |"
        )
    print(f"\n| parameters | rows for 80 % on {MACHINES} machines | a step then (s) | on one (s) |")
    print("|---|---|---|---|")
    for n in (1e3, 1e4, 1e5, 1e6, 1e7):
        least = hundred(constants, n, 1.0, 4)[2]
        step, alone, _ = hundred(constants, n, least, 4)
        print(f"| {n:,.0f} | {least:,.0f} | {step:,.3f} | {alone:,.2f} |")


if __name__ == "__main__":
    main()
