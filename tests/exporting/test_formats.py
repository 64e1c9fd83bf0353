"""Every format predicts what Fallline predicts, and proves it before the file is there."""

import csv
import datetime
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS
from fallline.exporting import c_source, formats, proof, running
from fallline.exporting.describe import describe
from fallline.exporting.description import Naming
from fallline.exporting.rows import made_up
from fallline.tabular.ensemble import merged

ENDINGS = [".py", ".json", ".c", ".mjs", ".sql", ".onnx"]
LOSSES = [
    ("binary_cross_entropy", 1),
    ("binary_cross_entropy", 3),
    ("cross_entropy", 3),
    ("poisson", 1),
    ("huber", 2),
]
pytestmark = pytest.mark.usefixtures("runners")


def write_table(path: Path, n: int = 300) -> Path:
    """Everything a column can be: numbers in bins, recurring values, pairs, codes, dates, gaps."""
    rng = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        names = "when day size kind flag few code level month lat lon y t k"
        writer.writerow(names.split())
        for i in range(n):
            moment = datetime.datetime(2021, 1, 5) + datetime.timedelta(hours=37.3 * i)
            size = rng.normal(5, 2)
            row = [
                moment.isoformat(" ", "milliseconds"),
                moment.strftime("%d.%m.%Y"),
                f"{size:.3e}",
                ["oak", "ash", "élan", "x" * (i % 7 + 1)][i % 4],
                ["True", "False"][i % 2],
                int(rng.integers(0, 5)),
                f"{'ABC'[i % 3]}{i}",
                [0.1, 0.1, 0.1, 0.3, rng.normal()][i % 5],
                moment.strftime("%d-%b-%Y"),
                f"{rng.uniform(46, 49):.3f}",
                f"{rng.uniform(7, 10):.3f}",
            ]
            for j in range(len(row)):
                if rng.random() < 0.06:
                    row[j] = ["", "NA", "?", "-999"][i % 4] if j == 2 else ["", "NA", "?"][i % 3]
            writer.writerow(
                [*row, ["no", "yes"][int(size > 5)], f"{size * 3 + rng.normal():.2f}", i % 3]
            )
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A model of each task, with bins and without, in both dtypes."""
    path = write_table(tmp_path_factory.mktemp("table") / "t.csv")
    table = fl.read_table(path, missing=["-999"])
    made = {}
    for target, dtype, bins in (
        ("y", "float32", None),
        ("t", "float64", None),
        ("k", "float64", 0),
        ("kind", "float32", 0),
    ):
        model = fl.train_table(
            table, target, preset="quick", hidden=[9, 5], epochs=3, baseline=False, bins=bins
        )
        model.network = model.network.copy(dtype)
        made[target] = model
    return made


@pytest.mark.parametrize("target", ["y", "t", "k", "kind"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_is_proven(
    ending: str, target: str, models: dict[str, Any], tmp_path: Path
) -> None:
    model = models[target]
    made = fl.export(model, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.rows == 1000
    assert made.proof.difference is not None
    assert made.proof.difference <= 1e-12
    assert made.size == sum(Path(name).stat().st_size for name in made.files)
    assert (made.proof.rounding is None) == (model.network.dtype == np.float64)


@pytest.mark.parametrize(("loss", "n_outputs"), LOSSES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_network_is_proven(
    ending: str, loss: str, n_outputs: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    network = fl.Network([4, 6, n_outputs], hidden="tanh", loss=loss, seed=1)
    network.parameters = rng.normal(size=network.n_parameters)
    made = fl.export(network, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.difference is not None


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ensemble_is_proven_and_its_zeros_are_left_out(
    ending: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    members = [
        fl.Network([4, 20, 20, 2], hidden="silu", loss="squared_error", seed=seed)
        for seed in range(8)
    ]
    for each in members:
        each.parameters = rng.normal(size=each.n_parameters) / 4
    one = merged(members, [1 / 8] * 8)
    assert [len(layer.blocks) for layer in describe(one).layers] == [1, 8, 1]
    made = fl.export(one, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.difference is not None
    assert made.proof.difference <= 1e-12
    one.layers[1].W[one.layers[1].W == 0.0] = 1e-3
    full = fl.export(one, tmp_path / f"full{ending}")
    assert full.proof is not None
    if ending != ".json":  # plain matrices
        assert made.size < full.size / 2


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_activation_is_proven(
    ending: str, activation: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Between small numbers, so that no other error hides its own."""
    network = fl.Network([3, 8, 1], hidden=activation, loss="squared_error", seed=1)
    network.parameters = rng.normal(size=network.n_parameters)
    network.layers[-1].W[:] *= 1e-3
    made = fl.export(network, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.difference is not None


def test_the_rows_hold_everything(models: dict[str, Any]) -> None:
    described = describe(models["t"])
    rows = made_up(described, 1000)
    for column, cells in zip(rows.columns, zip(*rows.cells, strict=True), strict=True):
        known = [cell for cell in cells if cell is not None]
        assert 0 < len(known) < 1000
        if column.kind == "text":
            ending = "123" if column.by_letter else ""
            assert {name + ending for name in column.categories} <= set(known)
            assert "no such category" in known
        elif column.kind == "number":
            assert {f.value for f in column.features if hasattr(f, "value")} <= set(known)
            assert min(known) <= -1e300
            assert max(known) >= 1e300


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_predicts_otherwise_leaves_no_file(
    ending: str, models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bias of what is written is off by 1e-6; an older file stays."""
    model = models["t"]
    described = describe(model)
    *first, last = described.layers
    wrong = replace(described, layers=(*first, replace(last, b=last.b + 1e-6)))
    monkeypatch.setattr("fallline.exporting.export.describe", lambda _: wrong)
    (tmp_path / f"m{ending}").write_text("older")
    with pytest.raises(fl.ExportError, match="predicts something else than Fallline"):
        fl.export(model, tmp_path / f"m{ending}")
    assert [p.name for p in tmp_path.iterdir()] == [f"m{ending}"]
    assert (tmp_path / f"m{ending}").read_text() == "older"
    made = fl.export(model, tmp_path / f"m{ending}", proof=False)
    assert made.proof is None


def test_a_wrong_label_is_found(models: dict[str, Any], tmp_path: Path) -> None:
    described = describe(models["k"])
    rows = made_up(described, 50)
    expected, _ = proof.reference(described, rows, "float64")
    right = [described.output.labels[int(k)] for k in expected.argmax(axis=1)]
    proof.check_labels(right, expected, described, rows)
    with pytest.raises(fl.ExportError, match="predicts '9' instead of"):
        proof.check_labels(["9", *right[1:]], expected, described, rows)


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (".c", "there is no C compiler (cc, gcc, clang) on this machine"),
        (".mjs", "there is no Node (node, nodejs) on this machine"),
        (".onnx", "onnxruntime is not installed (pip install onnxruntime)"),
    ],
)
def test_without_a_runner_it_says_so(
    ending: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    monkeypatch.setattr(running.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    made = fl.export(network, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert str(made.proof) == f"not proven: {why}"
    assert (tmp_path / f"m{ending}").exists()


@pytest.mark.parametrize(
    ("ending", "script", "why"),
    [
        (".c", "exit 1", "the C compiler does not work (cc: 1)"),
        (".mjs", "echo v12.22.9", "Node here is v12.22.9; 18 or newer is needed"),
    ],
)
def test_a_runner_that_will_not_do(
    ending: str, script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cc", "node"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    network = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    assert str(fl.export(network, tmp_path / f"m{ending}").proof) == f"not proven: {why}"


def test_without_onnx_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    network = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    for work in (lambda: fl.export(network, tmp_path / "m.onnx"), lambda: fl.from_onnx("m.onnx")):
        with pytest.raises(fl.ParameterError, match=r"pip install 'fallline\[onnx\]'"):
            work()


def test_format_names_and_endings(tmp_path: Path) -> None:
    network = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    assert fl.export(network, tmp_path / "m.txt", format="json").format == "json"
    assert fl.export(network, tmp_path / "m.JS").format == "javascript"
    with pytest.raises(fl.ParameterError, match="the ending says what to write, and must be .py"):
        fl.export(network, tmp_path / "m.doc")
    with pytest.raises(fl.ParameterError, match=r"a table is named for SQL, and .*m.c is written"):
        fl.export(network, tmp_path / "m.c", table="shop.orders")
    with pytest.raises(fl.ParameterError, match="format"):
        fl.export(network, tmp_path / "m.py", format="cobol")
    with pytest.raises(fl.ParameterError, match="a fitted estimator or the path"):
        fl.export(3, tmp_path / "m.py")
    assert {ending for each in formats.FORMATS for ending in each.endings} == {*ENDINGS, ".js"}


# ---- C


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_c_in_float_is_near(models: dict[str, Any], tmp_path: Path) -> None:
    """-D..._FLOAT computes the network in float, for processors without double."""
    described = describe(models["y"])
    naming, rows = Naming("m"), made_up(described, 200)
    for ending, content in c_source.write(described, naming).items():
        text = content.decode()
        if ending == ".c":
            text = "#define M_FLOAT\n" + text
        (tmp_path / f"m{ending}").write_text(text)
    found = c_source.run(tmp_path, naming, described, rows)
    expected, _ = proof.reference(described, rows, "float64")
    difference = np.abs(found.numbers - expected).max()
    assert 1e-12 < difference < 1e-5


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_c_refuses_what_predict_refuses(models: dict[str, Any], tmp_path: Path) -> None:
    """An infinite number: the column's number is returned, and out is as it was."""
    fl.export(models["t"], tmp_path / "m.c")
    (tmp_path / "main.c").write_text(
        '#include "m.h"\n#include <math.h>\n#include <stdio.h>\nint main(void)\n{\n'
        "    struct m_row row = {0};\n    double out[1] = {7};\n    row.size = INFINITY;\n"
        '    printf("%d %g %s", m_predict(&row, out), out[0], m_columns[2]);\n    return 0;\n}\n'
    )
    command = ["cc", "-std=c99", "main.c", "m.c", "-lm", "-o", "m"]
    subprocess.run(command, cwd=tmp_path, check=True)
    said = subprocess.run(["./m"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "3 7 size"
    with pytest.raises(fl.ParameterError, match="a C file's name must be made of"):
        fl.export(models["t"], tmp_path / 'a"b.c')
    (tmp_path / "own.h").write_text("int own;\n")
    with pytest.raises(fl.FileWriteError, match=r"own.h: this file, which would be written too"):
        fl.export(models["t"], tmp_path / "own.c")
    assert (tmp_path / "own.h").read_text() == "int own;\n"
    assert not (tmp_path / "own.c").exists()
    fl.export(models["t"], tmp_path / "m.c")  # over the ones before
    made = fl.export(models["t"], tmp_path / "3-d.c")
    assert [Path(name).name for name in made.files] == ["3-d.c", "3-d.h"]
    assert "int model_3_d_predict(" in (tmp_path / "3-d.h").read_text()


# ---- JavaScript


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_javascript_reads_rows_as_python_does(models: dict[str, Any], tmp_path: Path) -> None:
    """Texts as they would stand in a CSV file, dates in every form, truth values, marks."""
    fl.export(models["t"], tmp_path / "m.py")
    fl.export(models["t"], tmp_path / "m.mjs")
    base = {
        "when": "2021-03-05 10:20:30.125",
        "day": "05.03.2021",
        "size": "4.5",
        "kind": "oak",
        "flag": "True",
        "few": 3,
        "code": "B17",
        "level": 0.1,
        "month": "05-Mar-2021",
        "lat": "47.5",
        "lon": 8.25,
        "y": "yes",
        "k": "1",
    }
    rows = [base] + [
        base | change
        for change in (
            {"flag": True},
            {"flag": "FALSE"},
            {"flag": 1},
            {"flag": False, "size": True},
            {"size": " 4.5e0 ", "few": "3.0"},
            {"size": "-", "kind": "n/a", "code": None},
            {"size": "unknown", "kind": "unknown", "when": "TBD"},
            {"size": -999, "few": None},
            {"k": 1.0, "code": "élan"},
            {"lat": "", "lon": 1e300},
            {"lat": -1e300},
            {"when": "2021-03-05", "day": "2021-03-05", "month": "2021/03/05"},
            {"when": "2021-03-05T10:20:30.125+01:00", "month": "2021-03-05 10:20"},
        )
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    script = (
        'import { predict } from "./m.mjs"; import { readFileSync } from "node:fs";'
        'console.log(JSON.stringify(predict(JSON.parse(readFileSync("rows.json")))));'
    )
    (tmp_path / "try.mjs").write_text(script)
    said = subprocess.run(
        ["node", "try.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = run_path(str(tmp_path / "m.py"))["predict"](rows)
    np.testing.assert_allclose(json.loads(said.stdout), expected, rtol=1e-12)
    table = fl.read_table(csv_of(rows, tmp_path / "rows.csv"), missing=["-999"])
    forms = [i for i in range(len(rows)) if i not in (11,)]
    own = models["t"].predict(table.take(forms)).values
    np.testing.assert_allclose(np.array(expected)[forms], own, rtol=1e-9)


def csv_of(rows: list[dict[str, Any]], path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": "big"}, 'row 1, column "size": "big" is not a number'),
        ({"when": "31.02.2021"}, 'row 1, column "when": "31.02.2021" is not a date'),
        ({"day": "31.02.2021"}, 'row 1, column "day": "31.02.2021" is not a date'),
        (None, 'row 1, column "when": the row has no such column'),
    ],
)
def test_javascript_names_what_cannot_be_used(
    change: Any, told: str, models: dict[str, Any], tmp_path: Path
) -> None:
    fl.export(models["t"], tmp_path / "m.mjs")
    described = describe(models["t"])
    row = made_up(described, 1).as_dicts()[0] | (change or {})
    if change is None:
        del row["when"]
    script = (
        'import { predict } from "./m.mjs";'
        f"try {{ predict([{json.dumps(row)}]); }} catch (e) {{ console.log(e.message); }}"
    )
    (tmp_path / "try.mjs").write_text(script)
    said = subprocess.run(
        ["node", "try.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(told)
