"""Whole files with another meaning, through all that takes a model: a clear error, or an answer."""

import io
import os
import resource
import time
import warnings
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.cli import info
from fallline.errors import FalllineError
from tests.saving.mutants import Base

SECONDS, BYTES = 1.0, 100_000_000
ENDINGS = (".py", ".json", ".c", ".sql", ".mjs", ".onnx")


def table(n: int = 80) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + rng.integers(0, 700, n).astype("timedelta64[D]")
    number = rng.normal(size=n).round(2)
    return pl.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, number),
            "many": rng.normal(size=n).round(3),
            "pair": np.where(rng.random(n) < 0.5, "on", "off"),
            "town": rng.choice(["Bonn", "Trier", "Köln", "Ulm"], n),
            "day": days,
            "label": np.where(number > 0, "yes", "no"),
            "kind": rng.choice(["a", "b", "c"], n),
            "count": rng.poisson(2.0, n),
            "lat": rng.uniform(46, 49, n),
            "lon": rng.uniform(7, 10, n),
        }
    ).with_columns(pl.col("number").fill_nan(None))


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Base]]:
    """A model of each task and preset, and a checkpoint, as files."""
    folder, found = tmp_path_factory.mktemp("bases"), []
    for target in ("label", "kind", "many", "count"):
        others = [name for name in ("label", "kind", "count") if name != target]
        task = "counts" if target == "count" else None
        for preset in ("quick", "standard"):
            path = folder / f"{target}-{preset}.safetensors"
            options: Any = {"ignore": others, "task": task, "preset": preset, "epochs": 2}
            options |= {"interval": 0.8} if preset == "quick" else {}
            fl.train_table(table(), target, **options).save(path)
            found.append((target, Base(path.read_bytes())))
    path = folder / "run.safetensors"
    fl.train(checkpointed(), *rows(), epochs=2, checkpoint=fl.Checkpoint(path), **SETTINGS)
    found.append(("", Base(path.read_bytes())))
    return found


SETTINGS: dict[str, Any] = {"batch_size": 16, "optimizer": fl.Adam(0.01), "dropout": 0.1}


def checkpointed() -> fl.Network:
    return fl.Network([3, 4, 1], hidden="tanh", loss="squared_error", seed=0)


def rows() -> tuple[Any, Any]:
    X = np.random.default_rng(1).normal(size=(40, 3))
    return X, X.sum(axis=1)


def use(path: Path, target: str, sample: pl.DataFrame, ending: str) -> None:
    """All that a person does with a model file; of the exports one."""
    with redirect_stdout(io.StringIO()):
        info.tell(str(path), json=False)
        info.write_card(str(path), None, force=False)
    if not target:
        fl.train(checkpointed(), *rows(), epochs=3, checkpoint=fl.Checkpoint(path), **SETTINGS)
        return
    model = fl.TableModel.load(path)
    model.predict(sample)
    model.evaluate(sample)
    fl.export(path, path.with_suffix(ending), proof=False)


def try_mutants(bases: list[tuple[str, Base]], folder: Path, seeds: range) -> Counter[str]:
    """Each seed's file: how many were refused and how many passed; all that failed are told."""
    sample, counts, failed = table(12), Counter[str](), list[str]()
    for seed in seeds:
        target, base = bases[seed % len(bases)]
        ending = ENDINGS[seed // len(bases) % len(ENDINGS)]
        mutant = base.mutant(seed)
        path = folder / "m.safetensors"
        path.write_bytes(mutant.raw)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use(path, target, sample, ending)
            how = "used"
        except FalllineError:
            how = "refused"
        except Exception as error:
            how = f"{type(error).__name__}: {error}"[:200]
        counts[how if how in ("used", "refused") else "failed"] += 1
        took = time.process_time() - began
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if how not in ("used", "refused") or took > SECONDS or grown > BYTES:
            failed.append(f"seed {seed}, {mutant.told}: {how}, {took:.2f} s, {grown:,} bytes")
    assert not failed, "\n".join(failed)
    return counts


def test_whole_files_of_another_meaning(bases: list[tuple[str, Base]], tmp_path: Path) -> None:
    counts = try_mutants(bases, tmp_path, range(450))
    assert min(counts.values()) > 50, counts  # both ends are reached


@pytest.mark.long
def test_two_hundred_thousand_of_them(bases: list[tuple[str, Base]], tmp_path: Path) -> None:
    """FALLLINE_MUTANTS sets another number, and FALLLINE_MUTANTS_FROM the first seed."""
    first = int(os.environ.get("FALLLINE_MUTANTS_FROM", "1000"))
    n = int(os.environ.get("FALLLINE_MUTANTS", "200000"))
    counts = try_mutants(bases, tmp_path, range(first, first + n))
    assert sum(counts.values()) == n
