"""`fallline look`: what would be made of a table, without training; options kept by the model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
TABLE = """\
id;price;share;day;when;town;odd
1;1.234,50 €;5 %;15.03.2021;01/02/2021;Bonn;1
2;900,00 €;12,5 %;16.03.2021;02/03/2021;Köln;2
3;-;3 %;17.03.2021;03/04/2021;Bonn;oops
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = TABLE.splitlines()
    more = [
        row.replace("oops", str(i) if i > 1 else "oops").replace(
            f"{k + 1};", f"{3 * i + k + 1};", 1
        )
        for i in range(12)
        for k, row in enumerate(rows[1:])
    ]
    file = tmp_path / "t.csv"
    file.write_text("\n".join([rows[0], *more]), encoding="utf-8")
    return file


def test_every_column_is_shown(cli: Run, path: Path) -> None:
    done = cli("look", path.name, "--target", "price")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("t.csv: 36 rows, 7 columns\n")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    found = json.loads(cli("look", path.name, "--target", "price", "--json").stdout)
    assert (found["source"], found["rows"]) == ("t.csv", 36)
    columns = {column["name"]: column for column in found["columns"]}
    assert list(columns) == ["id", "price", "share", "day", "when", "town", "odd"]
    assert {name: column["kind"] for name, column in columns.items()} == {
        "id": "skip",
        "price": "target",
        "share": "number",
        "day": "date",
        "when": "refused",
        "town": "text",
        "odd": "refused",
    }
    price = columns["price"]
    assert price["examples"] == ["1.234,50 €", "900,00 €", "-"]
    assert (price["missing"], price["odd"]) == (12, ["-"])
    assert "decimal comma, thousands '.', unit €" in price["use"]
    assert "percent, so 5 % is 0.05" in columns["share"]["use"]
    assert "line 2, column 'when': '01/02/2021' may be day/month" in columns["when"]["use"]
    assert "--types 'when'=date:%d/%m/%Y" in columns["when"]["use"]
    assert "--missing 'oops'" in columns["odd"]["use"]


def test_the_options_that_are_named_read_the_table(cli: Run, path: Path) -> None:
    options = ("--types", "when=date:%d/%m/%Y", "--missing", "oops")
    found = json.loads(cli("look", path.name, "--target", "price", *options, "--json").stdout)
    assert [c["name"] for c in found["columns"] if c["kind"] == "refused"] == []
    train = ("train", path.name, "--target", "price", "--preset", "quick", *options)
    refused = cli(*train[:-4])
    assert refused.returncode == 1
    assert "line 4, column 'odd': 'oops' is not a number" in refused.stderr
    done = cli(*train)
    assert done.returncode == 0, done.stderr
    assert "read as numbers (decimal comma, thousands '.', unit €)" in " ".join(done.stdout.split())
    # the model keeps the options: `predict` needs none of them
    done = cli("predict", "model.safetensors", path.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 37
    wrong = cli("predict", "model.safetensors", path.name, "--types", "town=text")
    assert wrong.returncode == 2
    assert "only how dates are written can be said here" in wrong.stderr
    wrong = cli("predict", "model.safetensors", path.name, "--types", "when=date:%m-%d")
    assert "'01/02/2021' is not a date as the others are (%m-%d)" in wrong.stderr


def test_a_layout_is_kept_and_can_be_overridden(cli: Run, tmp_path: Path) -> None:
    rows = [f"{i * 37 % 101}|{i % 7}|{(i * 37 % 101) / 2}" for i in range(60)]
    (tmp_path / "old.csv").write_text("\n".join(["A title", "a|b|y", *rows, "# end"]))
    layout = ("--skip-lines", "1", "--comment", "#", "--separator", "|")
    train = cli("train", "old.csv", "--target", "y", "--preset", "quick", *layout)
    assert train.returncode == 0, train.stderr
    again = cli("evaluate", "model.safetensors", "old.csv", "--json")
    assert json.loads(again.stdout)["rows"] == 60
    (tmp_path / "new.csv").write_text("\n".join(["a,b,y", *(r.replace("|", ",") for r in rows)]))
    other = cli(
        "evaluate", "model.safetensors", "new.csv", "--json", "--separator", ",", "--skip-lines", 0
    )
    assert other.returncode == 0, other.stderr
    assert json.loads(other.stdout)["scores"] == json.loads(again.stdout)["scores"]
    info = cli("info", "model.safetensors")
    assert all(len(line) <= 80 for line in info.stdout.splitlines())
