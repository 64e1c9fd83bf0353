"""How often intervals and sets of classes hold the truth on rows that were held out.

    python benchmarks/interval_coverage.py [--data ../shared/data] [--splits 20] [--level 0.9]
        [--tables auto california] [--set preset=quick] [--json coverage.jsonl]

The tables are those of benchmarks/tables.py and, of scikit-learn's, breast cancer, diabetes, digits
and wine. A fifth of the rows is held out, of large tables 4,000 (``--most`` rows are taken in all);
each split draws other rows and other first weights. ``fifths`` is the lowest and the highest mean
coverage of a fifth of the predictions, for classes of a class. ``chance`` is the standard deviation
that the count of rows alone gives the coverage of one split: sqrt(c (1 - c) (1 / test + 1 /
calibration)). ``expected`` is the median of what ``lowest`` is for scores that are drawn alike and
never equal: then the rows that are held of one split have a beta-binomial distribution, whatever
the network is like (Vovk 2012, arXiv:1209.2673).
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import betabinom
from tables import JOBS, Job

import fallline as fl
from fallline.data.cells import Reading
from fallline.data.reading import read_whole
from fallline.data.table import Table
from fallline.text import table as text_table

ROOT = Path(__file__).resolve().parents[1]
TOYS = ("breast_cancer", "diabetes", "digits", "wine")
TEST = 0.2


def of_file(job: Job, data: Path) -> tuple[Table, str]:
    """The table of a job, and its target."""
    names = None if job.names is None else job.names.split(",")
    return read_whole([str(data / job.file)], Reading(header=job.header, names=names)), job.target


def of_scikit_learn(name: str) -> tuple[Table, str]:
    """One of scikit-learn's own tables."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")(as_frame=True).frame
    frame = pl.DataFrame({column: found[column].to_numpy() for column in found})
    return Table(frame, name, np.arange(len(frame))), "target"


def one_split(
    table: Table, target: str, split: int, most: int, options: dict[str, Any]
) -> dict[str, Any]:
    """Train on one split, and count on its test rows."""
    rng = np.random.default_rng(1000 + split)
    rows = np.sort(rng.permutation(len(table))[:most])
    began = time.perf_counter()
    model = fl.train_table(
        table.take(rows), target, test=TEST, seed=split, baseline=False, **options
    )
    seconds = time.perf_counter() - began
    assert model.data is not None
    X, y, _ = model.data.part(model.data.test)
    found = model.coverage_on(X, y, model.held(model.network.predict_proba(X)))
    assert found is not None
    spread = None
    if "mean_width" in found:
        spread = found["mean_width"] / float(np.std(model.encoding.decode_numbers(y)))
    kept = model.facts["interval"]
    return found | {
        "task": model.encoding.task,
        "test": len(y),
        "rows": kept["rows"],
        "method": kept["method"],
        "width": found.get("mean_size", spread),
        "seconds": seconds,
    }


def expected_lowest(test: int, rows: int, splits: int, level: float) -> float:
    """The median of the lowest coverage of so many splits, by the count of rows alone."""
    k = math.ceil((rows + 1) * level * (1.0 - 1e-12))
    held = betabinom(test, k, rows + 1 - k).cdf(np.arange(test + 1))
    return float(np.argmax(1.0 - (1.0 - held) ** splits >= 0.5)) / test


def line(name: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    """The line of a table."""
    coverage = np.array([run["coverage"] for run in runs])
    parts = np.array([[p["coverage"] for p in run["parts"]] for run in runs], dtype=float)
    by_part = np.nanmean(parts, axis=0)
    first, c = runs[0], coverage.mean()
    chance = np.sqrt(c * (1 - c) * (1 / first["test"] + 1 / first["rows"]))
    accuracy = [run["accuracy"] for run in runs if "accuracy" in run]
    return (
        name,
        first["task"],
        first["method"],
        f"{first['rows']:,}",
        f"{first['test']:,}",
        str(len(runs)),
        f"{c:.3f}",
        f"{coverage.min():.3f}",
        f"{expected_lowest(first['test'], first['rows'], len(runs), first['level']):.3f}",
        f"{chance:.3f}",
        f"{by_part.min():.2f} to {by_part.max():.2f}",
        f"{np.mean([run['width'] for run in runs]):.2f}",
        f"{np.mean(accuracy):.3f}" if accuracy else "",
        f"{np.mean([run['seconds'] for run in runs]):.1f}",
    )


def sources(data: Path) -> list[tuple[str, Callable[[], tuple[Table, str]], str | None]]:
    """Names, what gives the table and its target, and the task where it is not recognised."""
    files = [
        (job.file.split(".")[0], partial(of_file, job, data)) for job in JOBS if not job.source
    ]
    own = [(name, partial(of_scikit_learn, name)) for name in TOYS]
    quality = dict(files)["winequality-white"]
    return [
        *((name, source, None) for name, source in [*files, *own]),
        ("quality as numbers", quality, "numbers"),
    ]


def value_of(text: str) -> Any:
    """A setting's value: a number where it is one."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


HEADS = ("table", "task", "method", "calibration", "test", "splits", "coverage", "lowest",
         "expected", "chance", "fifths", "width", "accuracy", "s")  # fmt: skip


def main() -> None:
    """Run what was asked for, and print a line a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--level", type=float, default=0.9)
    parser.add_argument("--most", type=int, default=20_000)
    parser.add_argument("--tables", nargs="*", default=[])
    parser.add_argument("--set", nargs="*", default=[], help="option=value")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    given = {name: value_of(text) for name, text in (one.split("=", 1) for one in asked.set)}
    lines = []
    for name, source, task in sources(asked.data):
        if asked.tables and not any(name.startswith(wanted) for wanted in asked.tables):
            continue
        table, target = source()
        options = given | {"interval": asked.level, "task": task}
        runs = []
        for split in range(asked.splits):
            runs.append(one_split(table, target, split, asked.most, options))
            if asked.json is not None:
                with asked.json.open("a") as file:
                    print(json.dumps({"table": name, "split": split, **runs[-1]}), file=file)
        lines.append(line(name, runs))
        print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    print(text_table(HEADS, lines))


if __name__ == "__main__":
    main()
