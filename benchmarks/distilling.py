"""How much of a teacher's advantage over the plain network is kept by a network that it taught.

    python benchmarks/distilling.py [--data ../shared/data] [--most 4000] [--seeds 2]
        [--teacher boosting] [--tables adult magic] [--json distilling.jsonl]

The teacher is scikit-learn's HistGradientBoosting at its defaults, or a random forest of 200 trees
with 3 rows a leaf at least (with one row, many probabilities would be 0), in one thread. Networks
of the default recipe are trained on the same rows: on the table's own labels (plain); with the
teacher's out-of-fold labels (5 folds, shuffled) for half of the target, as --soft does it (taught);
on these alone (alone); and on the labels alone that a teacher gives the very rows it was trained on
(in sample). A fifth of the rows is held out and seen by none of them. ``kept`` is the
share of the teacher's advantage, (plain - taught) / (plain - teacher) of the task's own score,
where it has one. The tables are those of benchmarks/tables.py, less the two of many classes, which
take a boosted ensemble minutes, and two of scikit-learn's.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
from interval_coverage import of_file, of_scikit_learn
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from tables import JOBS, ROOT

import fallline as fl
from fallline.arrays import Array
from fallline.data.targets import QUANTITIES
from fallline.tabular.preparation import Prepared, prepare
from fallline.tabular.scoring import MAIN_SCORE, better, output_scores
from fallline.text import table as text_table

FOLDS = 5
LEAD = 0.01  # of the plain network's error: a teacher that leads by less has no lead to keep
LEFT_OUT = ("letter", "mnist")
TOYS = ("breast_cancer", "diabetes")
RIVALS = ("teacher", "plain", "taught", "alone", "in sample")
TAUGHT = RIVALS[2:]


def boosting(numbers: bool, seed: int) -> Any:
    """Gradient boosting at its defaults."""
    kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    return kind(random_state=seed)


def forest(numbers: bool, seed: int) -> Any:
    """A random forest."""
    kind = RandomForestRegressor if numbers else RandomForestClassifier
    return kind(200, min_samples_leaf=3, random_state=seed)


TEACHERS = {"boosting": boosting, "forest": forest}


def soft_frame(data: Prepared, said: Array) -> pl.DataFrame:
    """What a teacher says, as `--soft` takes it."""
    if data.encoding.task in QUANTITIES:
        return pl.DataFrame({"prediction": data.encoding.decode_numbers(said)})
    return pl.DataFrame({label: said[:, k] for k, label in enumerate(data.encoding.classes)})


def one_split(name: str, folder: Path, most: int, seed: int, by: str) -> dict[str, Any]:
    """The score of each rival on the rows that are held out."""
    job = next((job for job in JOBS if job.file == name and not job.source), None)
    table, target = of_scikit_learn(name) if job is None else of_file(job, folder)
    rows = np.random.default_rng(seed).permutation(len(table))[:most]
    cut = len(rows) // 5
    train, test = table.take(np.sort(rows[cut:])), table.take(np.sort(rows[:cut]))
    data = prepare(train, target, validation=0, test=test)
    X, y, _ = data.part(data.train)
    X_test, y_test, _ = data.part(data.test)
    numbers = data.encoding.task in QUANTITIES
    teacher, method = TEACHERS[by](numbers, seed), "predict" if numbers else "predict_proba"
    fitted = clone(teacher).fit(X, y)
    kind = KFold if numbers else StratifiedKFold
    folds = kind(FOLDS, shuffle=True, random_state=seed)
    out_of_fold = cross_val_predict(teacher, X, y, cv=folds, method=method)
    said = getattr(fitted, method)(X_test)
    output = said[:, None] if said.ndim == 1 else said
    output = output[:, 1:] if data.encoding.task == "binary" else output
    score = MAIN_SCORE[data.encoding.task]
    scores = {"teacher": output_scores(data.encoding, y_test, output)[score]}
    apart, within = soft_frame(data, out_of_fold), soft_frame(data, getattr(fitted, method)(X))
    given: dict[str, dict[str, Any]] = {
        "plain": {},
        "taught": {"soft": apart},
        "alone": {"soft": apart, "soft_share": 1.0},
        "in sample": {"soft": within, "soft_share": 1.0},
    }
    seconds = {}
    for rival, options in given.items():
        began = time.process_time()
        model = fl.train_table(train, target, test=test, seed=seed, baseline=False, **options)
        seconds[rival] = time.process_time() - began
        scores[rival] = model.facts["scores"]["test"]["network"][score]
    return {
        "table": name,
        "task": data.encoding.task,
        "teacher": by,
        "score": score,
        "seed": seed,
        "rows": len(train),
        "scores": scores,
        "seconds": seconds,
    }


def kept(scores: dict[str, float], rival: str) -> float:
    """The share of the teacher's advantage; of no meaning where it has hardly any."""
    return (scores["plain"] - scores[rival]) / (scores["plain"] - scores["teacher"])


def line(runs: list[dict[str, Any]]) -> tuple[str, ...]:
    """A table's line: means over the seeds."""
    name = runs[0]["score"]
    mean = {r: float(np.mean([run["scores"][r] for run in runs])) for r in RIVALS}
    lead = abs(mean["teacher"] / mean["plain"] - 1.0)
    ahead = better(name, mean["teacher"], mean["plain"]) and lead >= LEAD
    shares = [f"{kept(mean, r):.0%}" if ahead else "-" for r in TAUGHT]
    return (
        runs[0]["table"],
        f"{runs[0]['rows']:,}",
        name,
        *(f"{mean[r]:.4g}" for r in RIVALS),
        *shares,
    )


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--most", type=int, default=4000, help="rows taken of a table")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--teacher", choices=list(TEACHERS), default="boosting")
    parser.add_argument("--tables", nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="add each run to this file")
    given = parser.parse_args()
    files = [job.file for job in JOBS if not job.source]
    names = [name for name in files if not name.startswith(LEFT_OUT)] + [*TOYS]
    lines = []
    for name in names:
        if given.tables and not name.startswith(tuple(given.tables)):
            continue
        runs = [
            one_split(name, given.data, given.most, seed, given.teacher)
            for seed in range(given.seeds)
        ]
        for run in runs:
            print(json.dumps(run), flush=True)
            if given.json is not None:
                with given.json.open("a") as file:
                    file.write(json.dumps(run) + "\n")
        lines.append(line(runs))
    print(text_table(("table", "rows", "score", *RIVALS, *(f"{r} keeps" for r in TAUGHT)), lines))


if __name__ == "__main__":
    main()
