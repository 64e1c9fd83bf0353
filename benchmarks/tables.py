"""Every table of the shared data, trained with nothing but --target, beside the linear model.

    python benchmarks/tables.py [--data ../shared/data] [--seeds 3] [--write docs/results.md]
        [--set preset=best] [--peers]

A fifth of the rows is held out (``--test 0.2``; for adult its own test file), everything else is
left to the defaults. Files without a line of names are given ``--no-header``. The scores are those
of the task's own loss on the rows held out; the seeds draw other splits and other first weights.
``--peers`` adds the defaults of HistGradientBoosting and, where it is installed, of LightGBM in one
thread, on the same rows (one-hot texts, standardised numbers, which trees do not mind).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fallline.data.cells import Reading
from fallline.data.reading import read_whole
from fallline.data.targets import QUANTITIES
from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.preparation import prepare
from fallline.tabular.scoring import MAIN_SCORE, SCORE_NAMES, better, output_scores
from fallline.text import table as text_table

ROOT = Path(__file__).resolve().parents[1]
ADULT_NAMES = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)


@dataclass(frozen=True)
class Job:
    """A table, its target, and how it is read; ``test`` is a file, or None for a fifth."""

    file: str
    target: str
    header: bool = True
    names: str | None = None
    test: str | None = None


JOBS = (
    Job("adult-train.csv", "income", header=False, names=ADULT_NAMES, test="adult-test.csv"),
    Job("auto_imports.csv", "column_26", header=False),
    Job("california_housing.csv", "median_house_value"),
    Job("letter-recognition.data", "Letter"),
    Job("magic04.data", "10"),
    Job("mnist_5k.csv.gz", "column_785", header=False),
    Job("titanic_train.csv", "Survived"),
    Job("winequality-white.csv", "column_12", header=False),
)


@dataclass
class Result:
    """The runs of one table, one a seed."""

    job: Job
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def score(self) -> str:
        """The score that the task is judged by."""
        return MAIN_SCORE[self.runs[0]["task"]]

    def values(self, rival: str) -> list[float]:
        """That score of one rival, on the test rows, a seed."""
        return [run["scores"]["test"][rival][self.score] for run in self.runs]

    def wins(self) -> int:
        """In how many seeds the network is better than the linear model."""
        pairs = zip(self.values("network"), self.values("linear"), strict=True)
        return sum(better(self.score, network, linear) for network, linear in pairs)


def train(job: Job, data: Path, seed: int, extra: dict[str, str]) -> dict[str, Any]:
    """What `fallline train --json` says."""
    command = [sys.executable, "-m", "fallline", "train", str(data / job.file), "--json"]
    command += ["--target", job.target, "--seed", str(seed)]
    command += [] if job.header else ["--no-header"]
    command += ["--names", job.names] if job.names else []
    command += ["--test", "0.2" if job.test is None else str(data / job.test)]
    for name, value in extra.items():
        command += [f"--{name.replace('_', '-')}", value]
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(said.stdout)
    return result


def peers() -> dict[str, tuple[Any, Any]]:
    """Classifier and regressor of each peer that is installed, at their defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    found: dict[str, tuple[Any, Any]] = {
        "HistGradientBoosting": (HistGradientBoostingClassifier(), HistGradientBoostingRegressor())
    }
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor
    except ImportError:
        return found
    quiet: dict[str, Any] = {"n_jobs": 1, "verbose": -1}
    return found | {"LightGBM": (LGBMClassifier(**quiet), LGBMRegressor(**quiet))}


def peer_scores(job: Job, data: Path, seed: int) -> dict[str, dict[str, float]]:
    """The scores of the peers on the test rows that ``fallline train`` has with this seed."""
    names = None if job.names is None else job.names.split(",")
    how = Reading(header=job.header, names=names)
    test = 0.2 if job.test is None else read_whole(str(data / job.test), how)
    rows = prepare(read_whole(str(data / job.file), how), job.target, seed=seed, test=test)
    X, y, _ = rows.part(np.concatenate([rows.train, rows.validation]))
    X_test, y_test, _ = rows.part(rows.test)
    scores = {}
    for name, (classifier, regressor) in peers().items():
        if rows.encoding.task in QUANTITIES:
            output = regressor.fit(X, y).predict(X_test)[:, None]
        else:
            output = classifier.fit(X, y).predict_proba(X_test)
            output = output[:, 1:] if rows.encoding.task == "binary" else output
        scores[name] = output_scores(rows.encoding, y_test, output)
    return scores


def why_not(result: Result) -> str:
    """What the summary says of a network that is not better than the linear model."""
    lines = [line for run in result.runs for line in run["next"] if "has as good a" in line]
    return lines[0] if lines else ""


def line(result: Result) -> tuple[str, ...]:
    """A row of the table of scores."""
    first = result.runs[0]

    def mean(values: list[float]) -> str:
        return f"{np.mean(values):.4g}"

    trivial = [run["scores"]["test"]["trivial"][result.score] for run in result.runs]
    return (
        result.job.file,
        f"{first['rows']:,}",
        str(first["features"]),
        f"{SCORE_NAMES[result.score]}",
        mean(result.values("network")),
        f"{mean(result.values('linear'))} ({LINEAR_NAMES[first['task']].split()[0]})",
        mean(trivial),
        f"{result.wins()} of {len(result.runs)}",
        f"{np.median([run['seconds'] for run in result.runs]):.1f}",
    )


def peer_lines(results: list[Result]) -> list[tuple[str, ...]]:
    """A row for each table: the score of the network, and of each peer, with the gap to it."""
    rows = []
    for result in results:
        own = float(np.mean(result.values("network")))
        cells = [f"{own:.4g}"]
        for name in peers():
            value = float(np.mean(result.values(name)))
            cells.append(f"{value:.4g} ({own / value - 1:+.1%})")
        rows.append((result.job.file, SCORE_NAMES[result.score], *cells))
    return rows


HEADS = ("table", "rows", "features", "score (lower is better)", "network", "linear")
HEADS += ("trivial", "better", "seconds")


def other_line(result: Result) -> tuple[str, ...]:
    """The score that people quote: accuracy, or R2."""
    name = "accuracy" if "accuracy" in result.runs[0]["scores"]["test"]["network"] else "r2"
    cells = [
        f"{np.mean([run['scores']['test'][rival][name] for run in result.runs]):.4f}"
        for rival in ("network", "linear")
    ]
    return result.job.file, SCORE_NAMES[name], *cells


def markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


WHY_NOT = """\
Where the network is not better, the summary of `fallline train` says so. It happens in small
tables: a few hundred rows hardly show more than a linear effect of each feature, and the test rows
are so few that either may come out ahead (`fallline cv` gives the standard errors):"""


def page(results: list[Result], seeds: int) -> str:
    """docs/results.md."""
    worse = [r for r in results if r.wins() < len(r.runs)]
    notes = [
        f"- {r.job.file}, {len(r.runs) - r.wins()} of {len(r.runs)} seeds: {why_not(r)}"
        for r in worse
    ]
    return (
        f"""# Results on real tables

Written by `python benchmarks/tables.py --seeds {seeds} --write docs/results.md`. Every table is
trained with no option but `--target` (and `--no-header` where the file has no line of names); a
fifth of the rows is held out to score (`--test 0.2`; adult has its own test file). The means of
{seeds} seeds, which draw the split, the first weights and the order of the rows; "better" says in
how many of them the network beats logistic, softmax or ridge regression on the same encoded rows.
Seconds are the median of the whole command's work on two shared cores, reading, the linear model
and writing included.

{markdown(HEADS, [line(r) for r in results])}

The same runs by the scores that people quote:

{markdown(("table", "score", "network", "linear"), [other_line(r) for r in results])}

{WHY_NOT if notes else ""}

{chr(10).join(notes)}
""".rstrip()
        + "\n"
    )


def main() -> None:
    """Run and print; write the page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--set", action="append", default=[], help="epochs=30, for --epochs 30")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    extra = dict(text.split("=", 1) for text in options.set)
    data = options.data.resolve()
    results = []
    for job in JOBS:
        if options.only not in job.file:
            continue
        result = Result(job)
        for seed in range(options.seeds):
            began = time.perf_counter()
            result.runs.append(train(job, data, seed, extra))
            if options.peers:
                result.runs[-1]["scores"]["test"] |= peer_scores(job, data, seed)
            print(f"{job.file} {seed}: {time.perf_counter() - began:.1f} s", file=sys.stderr)
        results.append(result)
    print(text_table(HEADS, [line(r) for r in results]))
    if options.peers:
        heads = ("table", "score", "network", *peers())
        print(f"\n{text_table(heads, peer_lines(results))}")
    if options.write:
        options.write.write_text(page(results, options.seeds))


if __name__ == "__main__":
    main()
