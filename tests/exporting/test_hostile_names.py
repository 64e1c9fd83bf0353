"""Names and texts of a table may hold anything; nothing of them becomes code, in any format.

Every export here is also proven: what was written runs, and predicts what Fallline predicts.
"""

import json
import re
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.columns import NumberColumn, TextColumn
from fallline.exporting.describe import describe
from fallline.exporting.rows import made_up

PAYLOADS = [
    "'; DROP TABLE data; --",
    '"; DROP TABLE data; --',
    '"]; import os; os.system("touch pwned"); ["',
    "'''\nimport os; os.system('touch pwned')\n'''",
    '"""\nopen("pwned", "w")\n"""',
    '*/ #include <stdlib.h>\nint pwned(void) { return system("touch pwned"); } /*',
    '\\"; system("touch pwned"); //',
    "??/\nint pwned; ??'",
    "</script><script>globalThis.pwned = 1</script>",
    "${globalThis.pwned = 1}`;globalThis.pwned = 1;`",
    "\u2028globalThis.pwned = 1;\u2029",
    "__proto__",
    "constructor",
    "\\",
    "\\u0022",
    "%s%n{0}{pwned}",
    "a\r\nb\tc\x1b[31m",
    "int",
    "x0",
    "label",
    "set",
    "fallline.1",
    "fallline_row",
    "MODEL: dict[str, Any] = {}\nWEIGHTS = ",
    'const WEIGHTS = "";',
    "é\U0001f600\ufeff\u202e",
]
LABELS = ["'; DROP TABLE data; --", '"\\\n*/\u2028.', "${globalThis.pwned = 1}"]
NUL, HALF = "nul\0; pwned", "half\ud800'\"\\"
ENDINGS = [".py", ".json", ".c", ".mjs", ".sql", ".onnx"]
NEEDS = {".c": "cc", ".mjs": "node"}


@pytest.fixture(scope="module")
def hostile() -> fl.TableModel:
    """Columns called by all payloads, of numbers and of texts; categories and labels alike, which
    stand in sets too."""
    rng = np.random.default_rng(0)
    n = 40 * len(PAYLOADS)
    columns: dict[str, Any] = {
        name: rng.normal(size=n).round(3) if i % 2 else rng.permutation(PAYLOADS * 40)
        for i, name in enumerate(PAYLOADS)
    }
    target = "'\";--*/\u2028\n\\"
    columns[target] = [LABELS[i] for i in rng.integers(0, 3, n)]
    frame = pl.DataFrame(columns)
    return fl.train_table(
        frame, target, preset="quick", hidden=[4], epochs=1, baseline=False, interval=0.9
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_of_a_name_becomes_code(
    ending: str, hostile: fl.TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending in NEEDS and shutil.which(NEEDS[ending]) is None:
        pytest.skip(f"there is no {NEEDS[ending]}")
    monkeypatch.chdir(tmp_path)
    described = describe(hostile)
    assert {c.name for c in described.columns} == set(PAYLOADS)
    texts = [c for c in described.columns if c.kind == "text"]
    assert all(set(c.categories) == {t.strip() for t in PAYLOADS} for c in texts)
    table = "x'\"; DROP TABLE data; --" if ending == ".sql" else None
    made = fl.export(hostile, tmp_path / f"m{ending}", table=table)
    assert made.proof is not None
    assert made.proof.difference is not None
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(Path(f).name for f in made.files)
    written = (tmp_path / f"m{ending}").read_bytes()
    if ending in (".py", ".mjs", ".c"):
        written.decode("ascii")
    if ending == ".mjs":
        assert b"</script" not in written


def with_names(model: fl.TableModel, changes: dict[int, str], text: str) -> fl.TableModel:
    """The model with some columns' names replaced, and one category."""
    columns = list(model.encoding.columns)
    for i, name in changes.items():
        columns[i] = replace(columns[i], name=name)
    column = columns[0]
    assert isinstance(column, TextColumn)
    columns[0] = replace(column, categories=(text, *column.categories[1:]))
    return replace(model, encoding=replace(model.encoding, columns=tuple(columns)))


@pytest.mark.parametrize("text", [NUL, HALF], ids=["NUL", "half"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_no_text_can_hold(
    ending: str, text: str, hostile: fl.TableModel, tmp_path: Path
) -> None:
    """NUL and halves of characters: SQL refuses them, all others are right."""
    if ending in NEEDS and shutil.which(NEEDS[ending]) is None:
        pytest.skip(f"there is no {NEEDS[ending]}")
    model = with_names(hostile, {0: text, 1: text + "number"}, text)
    assert isinstance(model.encoding.columns[1], NumberColumn)
    if ending == ".sql":
        with pytest.raises(fl.ParameterError, match="a character that SQL cannot write"):
            fl.export(model, tmp_path / f"m{ending}")
        assert list(tmp_path.iterdir()) == []
        return
    if ending == ".c" and "\0" in text:  # a category that no C string can be
        made = fl.export(model, tmp_path / "m.c", proof=False)
        command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c", "m.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        return
    made = fl.export(model, tmp_path / f"m{ending}")
    assert made.proof is not None
    assert made.proof.difference is not None


def test_python_gives_the_names_back(hostile: fl.TableModel, tmp_path: Path) -> None:
    fl.export(hostile, tmp_path / "m.py")
    module = run_path(str(tmp_path / "m.py"))
    described = describe(hostile)
    rows = made_up(described, 5).as_dicts()
    shares = module["probabilities"](rows)
    assert [list(row) for row in shares] == [sorted(LABELS)] * 5
    assert [c["name"] for c in module["MODEL"]["columns"]] == [c.name for c in described.columns]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_javascript_gives_the_names_back(hostile: fl.TableModel, tmp_path: Path) -> None:
    fl.export(hostile, tmp_path / "m.mjs")
    rows = made_up(describe(hostile), 5).as_dicts()
    (tmp_path / "try.mjs").write_text(
        'import { labels, predict } from "./m.mjs";'
        f"const rows = JSON.parse({json.dumps(json.dumps(rows))});"
        "console.log(JSON.stringify([labels, predict(rows), globalThis.pwned ?? null]));"
    )
    said = subprocess.run(
        ["node", "try.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    labels, predicted, pwned = json.loads(said.stdout)
    assert labels == sorted(LABELS)
    assert set(predicted) <= set(LABELS)
    assert pwned is None


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_c_gives_the_names_back(hostile: fl.TableModel, tmp_path: Path) -> None:
    fl.export(hostile, tmp_path / "m.c")
    n = len(PAYLOADS)
    (tmp_path / "main.c").write_text(
        '#include "m.h"\n#include <stdio.h>\nint main(void)\n{\n    int i;\n'
        f'    for (i = 0; i < {n}; i++)\n        printf("%s%c", m_columns[i], 0);\n'
        '    for (i = 0; i < 3; i++)\n        printf("%s%c", m_labels[i], 0);\n    return 0;\n}\n'
    )
    subprocess.run(["cc", "main.c", "m.c", "-lm", "-o", "m"], cwd=tmp_path, check=True)
    said = subprocess.run(["./m"], cwd=tmp_path, capture_output=True, check=True)
    names = [c.name for c in describe(hostile).columns]
    assert said.stdout.decode().split("\0")[:-1] == [*names, *sorted(LABELS)]
    header = (tmp_path / "m.h").read_text()
    fields = re.findall(r"^    (?:double|const char \*) ?(\w+); /\*", header, re.MULTILINE)
    assert len(set(fields)) == n
    assert "int" not in fields


def test_sql_leaves_the_table_as_it_was(hostile: fl.TableModel, tmp_path: Path) -> None:
    fl.export(hostile, tmp_path / "m.sql")
    described = describe(hostile)
    rows = made_up(described, 20)
    names = [c.name for c in described.columns]
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE data ({listed})")
    marks = ", ".join("?" * len(names))
    base.executemany(f"INSERT INTO data VALUES ({marks})", rows.as_sequences())
    found = base.execute((tmp_path / "m.sql").read_bytes().decode())
    got = [column[0] for column in found.description]
    shares = [f"probability of {label}" for label in sorted(LABELS)]
    assert got[-5:] == ["prediction", *shares, "set"]
    assert {row[-5] for row in found} <= set(LABELS)
    assert base.execute("SELECT count(*) FROM data").fetchone() == (20,)
    base.close()
