"""Exported models give the intervals of numbers and the sets of classes that the model gives."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.table import Table
from fallline.exporting import c_source
from fallline.exporting.describe import describe
from fallline.exporting.description import Description, Naming
from fallline.exporting.proof import sure_of
from fallline.exporting.rows import made_up

ENDINGS = [".py", ".json", ".c", ".mjs", ".sql", ".onnx"]
TARGETS = ["number", "count", "label", "kind"]
KINDS = ["low", 'mid|"d\\le', "*/ hi'gh"]  # whatever a class may be called
pytestmark = pytest.mark.usefixtures("runners")


def made(n: int, seed: int = 0) -> Table:
    """Rows whose spread grows with b, with gaps."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.uniform(-1, 1, size=n)
    kind = np.digitize(a + 0.8 * rng.normal(size=n), [-1, 1])
    frame = pl.DataFrame(
        {
            "a": [None if i % 17 == 0 else x for i, x in enumerate(a.tolist())],
            "b": b,
            "town": np.where(b > 0.2, "Ulm", "Bern").tolist(),
            "number": 3 * a + np.exp(0.7 * b) * rng.normal(size=n),
            "count": rng.poisson(np.exp(1 + 0.5 * a)).tolist(),
            "label": np.where(kind > 0, "yes", "no").tolist(),
            "kind": [KINDS[k] for k in kind],
        }
    )
    return Table(frame, "made.csv", np.arange(2, n + 2))


@pytest.fixture(scope="module")
def models() -> dict[str, fl.TableModel]:
    """Of each task, with a scale in bins; by class; and "plain": too few rows for a scale."""

    def trained(n: int, target: str, **options: Any) -> fl.TableModel:
        ignore = [name for name in TARGETS if name != target]
        settings: Any = {"interval": 0.9, "baseline": False, "epochs": 4, "hidden": (7,)} | options
        return fl.train_table(made(n), target, ignore=ignore, **settings)

    found = {target: trained(1200, target, preset="quick") for target in TARGETS}
    found["by class"] = trained(1200, "kind", preset="quick", by_class=True)
    found["plain"] = trained(90, "number", preset="standard")
    return found


@pytest.mark.parametrize("target", [*TARGETS, "by class", "plain"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_it_is_proven(
    ending: str, target: str, models: dict[str, fl.TableModel], tmp_path: Path
) -> None:
    assert ("scale" in models[target].facts["interval"]) == (target in ("number", "count"))
    proof = fl.export(models[target], tmp_path / f"m{ending}").proof
    assert proof is not None
    assert proof.difference is not None
    assert proof.difference <= 1e-12


def wrong_ends(model: Description, **change: Any) -> Description:
    assert model.output.interval is not None
    interval = replace(model.output.interval, **change)
    return replace(model, output=replace(model.output, interval=interval))


@pytest.mark.parametrize("change", ["quantile", "bias", "weights", "hinges", "high", "lowest"])
@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".json"])
def test_another_interval_leaves_no_file(
    ending: str,
    change: str,
    models: dict[str, fl.TableModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A part of it is off by 1e-6. JSON is not written from the description."""
    model = models["count"]
    described = describe(model)
    interval: Any = described.output.interval
    value = getattr(interval, change)
    off = (value[0] + 1e-6, *value[1:]) if isinstance(value, tuple) else value + 1e-6
    wrong = wrong_ends(described, **{change: off})
    monkeypatch.setattr("fallline.exporting.export.describe", lambda _: wrong)
    with pytest.raises(fl.ExportError, match="gives the interval"):
        fl.export(model, tmp_path / f"m{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".json"])
def test_another_set_leaves_no_file(
    ending: str,
    models: dict[str, fl.TableModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = models["by class"]
    described = describe(model)
    sets = described.output.sets
    assert sets is not None
    off = replace(sets, quantiles=(sets.quantiles[0] * 0.99, *sets.quantiles[1:]))
    wrong = replace(described, output=replace(described.output, sets=off))
    monkeypatch.setattr("fallline.exporting.export.describe", lambda _: wrong)
    with pytest.raises(fl.ExportError, match=r"gives the set .* instead of \["):
        fl.export(model, tmp_path / f"m{ending}")
    assert not list(tmp_path.iterdir())


def test_json_is_proven_by_what_it_holds(
    models: dict[str, fl.TableModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target, told in (("number", "gives the interval"), ("kind", "gives the set")):
        model = models[target]
        fl.export(model, tmp_path / "m.json")
        kept = json.loads((tmp_path / "m.json").read_text())["training"]["interval"]
        assert kept == model.facts["interval"]
        facts = model.facts | {"interval": kept | {"quantile": kept["quantile"] * 0.99}}
        wrong = replace(describe(model), training=facts)
        with monkeypatch.context() as patch:
            patch.setattr("fallline.exporting.export.describe", lambda _, wrong=wrong: wrong)
            with pytest.raises(fl.ExportError, match=told):
                fl.export(model, tmp_path / "m.json")


@pytest.mark.parametrize("target", ["count", "kind", "by class"])
def test_python_and_sql_give_what_predict_gives(
    target: str, models: dict[str, fl.TableModel], tmp_path: Path
) -> None:
    model, table = models[target], made(200, seed=5)
    for ending in (".py", ".sql"):
        fl.export(model, tmp_path / f"m{ending}", proof=False)
    expected = model.predict(table).to_frame()
    frame = table.frame.select("a", "b", "town")
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE data (a REAL, b REAL, town TEXT)")
    base.executemany("INSERT INTO data VALUES (?, ?, ?)", frame.rows())
    cursor = base.execute((tmp_path / "m.sql").read_text())
    names = [each[0] for each in cursor.description]
    found = cursor.fetchall()
    base.close()
    assert names[4:] == expected.columns
    module = run_path(str(tmp_path / "m.py"))
    if target == "count":
        ends = [row[5:7] for row in found]
        sure = expected.select("lower", "upper").to_numpy()
        assert np.array(ends) == pytest.approx(sure, rel=1e-5, abs=1e-5)
        assert np.array(module["intervals"](frame.to_dicts())) == pytest.approx(np.array(ends))
        assert min(lower for lower, _ in ends) == 0.0
        with pytest.raises(ValueError, match="no sets of classes"):
            module["sets"](frame.to_dicts())
        return
    assert [row[-1] for row in found] == expected["set"].to_list()
    sets = module["sets"](frame.to_dicts())
    assert [
        "|".join(x.replace("\\", "\\\\").replace("|", "\\|") for x in each) for each in sets
    ] == (expected["set"].to_list())
    assert max(map(len, sets)) > 1
    with pytest.raises(ValueError, match="no intervals"):
        module["intervals"](frame.to_dicts())


def test_duckdb_gives_the_same(models: dict[str, fl.TableModel], tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = made(60, seed=5).frame.select("a", "b", "town")
    base = duckdb.connect()
    base.execute("CREATE TABLE data (a DOUBLE, b DOUBLE, town VARCHAR)")
    base.executemany("INSERT INTO data VALUES (?, ?, ?)", frame.rows())
    for target, names in (("number", ["lower", "upper"]), ("kind", ["set"])):
        fl.export(models[target], tmp_path / "m.sql", proof=False)
        found = base.execute((tmp_path / "m.sql").read_text()).fetchall()
        expected = models[target].predict(made(60, seed=5)).to_frame().select(names).rows()
        for row, right in zip(found, expected, strict=True):
            own = row[-len(names) :]
            assert own == (right if target == "kind" else pytest.approx(right, rel=1e-5))


def test_onnx_has_outputs_of_their_own(models: dict[str, fl.TableModel], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    expected = {
        "number": ["prediction", "lower", "upper"],
        "kind": ["label", "probabilities", "set"],
    }
    for target, names in expected.items():
        fl.export(models[target], tmp_path / "m.onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
        assert [each.name for each in session.get_outputs()] == names


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_c_in_float_is_near(models: dict[str, fl.TableModel], tmp_path: Path) -> None:
    described = describe(models["number"])
    naming, rows = Naming("m"), made_up(described, 200)
    for ending, content in c_source.write(described, naming).items():
        text = content.decode()
        (tmp_path / f"m{ending}").write_text("#define M_FLOAT\n" * (ending == ".c") + text)
    found, sure = c_source.run(tmp_path, naming, described, rows), sure_of(described, rows)
    assert found.ends is not None
    assert sure.ends is not None
    difference = np.abs(found.ends - sure.ends).max() / described.output.scale
    assert 1e-12 < difference < 1e-4
