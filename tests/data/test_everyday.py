"""Everyday files: separators, title lines, comments, footers, packing, encodings, JSON, frames."""

import bz2
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.cells import Reading
from fallline.data.reading import read_blocks, read_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.errors import ParameterError, TableError

PLAIN = "a,b\n1.5,x\n2.5,y\n"
ROWS = [("1.5", "x"), ("2.5", "y")]


def read(folder: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read_table(path, **options)
    blocks = list(read_blocks(path, Reading(**options)))  # block by block it is the same
    assert pl.concat([block.frame for block in blocks]).equals(table.frame)
    return table


def refusal(folder: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        read(folder, content, name, **options)
    return str(caught.value).removeprefix(str(folder / name))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("sep=;\na;b\n1.5;x\n2.5;y\n", {}),
        ('"sep=;"\r\na;b\r\n1.5;x\r\n2.5;y\r\n', {}),
        ("a|b\n1.5|x\n2.5|y\n", {}),
        ("a b\n1.5   x\n2.5\ty\n", {"separator": " "}),
        ("a\tb\n1.5\tx\n2.5\ty\n", {"separator": "tab"}),
        ("a~b\n1.5~x\n2.5~y\n", {"separator": "~"}),
        ("A title\n\na,b\n1.5,x\n2.5,y\n", {"skip_lines": 1}),
        ("A title, of two\na;b\n1.5;x\n2.5;y\n", {"skip_lines": 1}),
        ("# one\n# two, three\na,b\n1.5,x\n  # four\n2.5,y\n", {"comment": "#"}),
        ('a,b\n1.5,x\n"# no row, but quoted"\n2.5,y\n', {"comment": "#"}),
        ("a,b\n1.5,x\n2.5,y\nSource: us\n", {"comment": "Source"}),
    ],
)
def test_variants_of_one_table(tmp_path: Path, content: str, options: dict[str, Any]) -> None:
    table = read(tmp_path, content, **options)
    assert table.columns == ["a", "b"]
    assert table.frame.rows() == ROWS
    lines = content.replace("\r", "").split("\n")
    assert [lines[n - 1][:3] for n in table.lines] == ["1.5", "2.5"]


def test_a_comment_mark_inside_quotes_is_no_comment(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n1,"x\n# y"\n2,z\n', comment="#")
    assert table.frame.rows() == [("1", "x\n# y"), ("2", "z")]


def test_titles_and_footers_are_refused_with_their_option(tmp_path: Path) -> None:
    said = refusal(tmp_path, "# made by us\n# station 5\n" + PLAIN)
    assert said.startswith(", line 3: has 2 fields, but line 1 has 1; most lines have 2")
    assert said.endswith("use --skip-lines 2 or --comment '#'")
    quoted = 'Measurements\n"a";"b"\n"1.5";"x"\n"2.5";"y"\n'
    assert "--skip-lines 1" in refusal(tmp_path, quoted)
    assert "(--comment 'Source:')" in refusal(tmp_path, PLAIN + "Source: us\n")


def test_a_row_of_totals(tmp_path: Path) -> None:
    rows = "".join(f"n{i},{i},{i / 2}\n" for i in range(1, 11))
    path = tmp_path / "t.csv"
    for label, last, left in (
        ("Total", "55,27.5", 10),
        ("Average:", "5.5,2.75", 10),
        ("Summe", ",27.5", 10),
        ("Total", "56,28", 11),
    ):
        path.write_text(f"name,a,b\n{rows}{label},{last}\n")
        table = read_table(path)
        assert len(table) == left
        assert sum(len(block) for block in read_blocks(path, Reading())) == left
        assert label in table.notes[0]
        assert ("--comment" in table.notes[0]) == (left == 11)
    path.write_text(f"name,a,b\n{rows}Totals are,1,2\n")
    assert len(read_table(path)) == 11


@pytest.mark.parametrize("way", ["bz2", "xz", "zip"])
def test_packed_files(tmp_path: Path, way: str) -> None:
    path = tmp_path / f"t.csv.{way}"
    if way == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/", "")
            archive.writestr("folder/t.csv", PLAIN)
            archive.writestr("__MACOSX/._t.csv", "x")
    else:
        path.write_bytes((bz2 if way == "bz2" else lzma).compress(PLAIN.encode()))
    assert read(tmp_path, path.read_bytes(), path.name).frame.rows() == ROWS
    damaged = path.read_bytes()[:-20]
    said = refusal(tmp_path, damaged, path.name)
    assert "damaged" in said or "cannot be read" in said


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", PLAIN)
        archive.writestr("b.csv", PLAIN)
    with pytest.raises(TableError, match=r"holds 2 files: a.csv, b.csv; unpack it"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Köln", "cp1252"), ("Œuvre €", "cp1252"), ("東京", "shift_jis"), ("北京市", "gb18030")],
)
def test_the_advice_about_an_encoding_reads_the_file(
    tmp_path: Path, text: str, encoding: str
) -> None:
    data = f"a,b\n1.5,{text}\n2.5,y\n".encode(encoding)
    said = refusal(tmp_path, data)
    assert ", line 2: byte 0x" in said
    assert f"--encoding {encoding} reads {text!r}" in said
    assert read(tmp_path, data, encoding=encoding).texts("b")[0] == text


def test_utf_16_without_a_mark(tmp_path: Path) -> None:
    data = PLAIN.encode("utf-16-le")
    assert "it looks like UTF-16: --encoding utf-16-le" in refusal(tmp_path, data)
    assert read(tmp_path, data, encoding="utf-16-le").frame.rows() == ROWS


def test_json_with_nan_and_arrays(tmp_path: Path) -> None:
    lines = '{"a": NaN, "b": "x"}\n{"a": 2.5, "b": "y", "c": true}\n{"a": Infinity}\n'
    table = read(tmp_path, lines, "t.jsonl")
    assert table.missing("a").tolist() == [True, False, False]
    assert table.frame["c"].to_list() == [None, "true", None]
    array = json.dumps([{"a": 1, "b": "x"}, {"a": 2.5, "b": None}, {"b": "z", "n": 2**70}])
    table = read(tmp_path, array, "t.json")
    assert table.numbers("a").tolist()[:2] == [1.0, 2.5]
    assert table.texts("b").to_list() == ["x", None, "z"]
    assert table.place(1, "a").endswith("t.json, row 2, column 'a'")
    assert "row 2: is not a JSON object" in refusal(tmp_path, '[{"a": 1}, 2]', "t.json")
    assert "is not a JSON array" in refusal(tmp_path, '[{"a": 1}, ', "t.json")


def test_a_column_without_a_name_or_a_cell_is_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,\n1.5,x,\n2.5,y, \n")
    assert table.frame.rows() == ROWS
    assert table.notes == ("column 3 has neither a name nor cells, and is left out",)


def test_options_out_of_range() -> None:
    for options, message in (
        ({"decimal": ";"}, "decimal must be . or ,"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','"),
        ({"separator": "::"}, "separator must be one character"),
        ({"skip_lines": -1}, "skip_lines must be a whole number at least 0"),
    ):
        with pytest.raises(ParameterError, match=message):
            Reading(**options)


# ---- options, kept in the model


def test_the_model_reads_later_files_as_it_read_the_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(1500, 900, 60).round(2), rng.normal(size=60).round(3)
    y = (x / 100 + z).round(2)

    def german(value: float) -> str:
        return f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".") + " €"

    cells = zip(x, z, y, strict=True)
    lines = [f"{german(a)};{b:.3f};{german(c)}" for a, b, c in cells]
    old = tmp_path / "old.csv"
    old.write_text("Preise\n" + "\n".join(["x;z;y", *lines, "% Quelle"]))
    table = read_table(old, skip_lines=1, comment="%", missing=["k.A."])
    model = fl.train_table(table, "y", preset="quick", baseline=False)
    model.save(tmp_path / "m.safetensors")
    loaded = fl.TableModel.load(tmp_path / "m.safetensors")
    assert loaded.reading == {"skip_lines": 1, "comment": "%", "missing": ["k.A."]}
    # the same file, by its path: skipped lines and comments are those of training
    assert loaded.predict(old).values.tolist() == model.predict(table).values.tolist()
    # typed numbers in a frame are the same values
    frame = pl.DataFrame({"x": x, "z": z, "y": y})
    np.testing.assert_allclose(loaded.predict(frame).values, model.predict(table).values)
    assert loaded.evaluate(frame)["rows"] == 60
    # numbers written otherwise are refused, with the cell and the option
    points = tmp_path / "points.csv"
    points.write_text("Preise\nx;z;y\n1234.56;0.5;1\n")
    with pytest.raises(TableError, match=r"line 3, column 'x': '1234.56' is not a number as the "):
        loaded.predict(points)
    again = read_table(points, skip_lines=1, decimal=".")
    one = pl.DataFrame({"x": [1234.56], "z": [0.5]})
    np.testing.assert_allclose(loaded.predict(again).values, loaded.predict(one).values)


# ---- frames


def frames() -> list[Any]:
    rng = np.random.default_rng(1)
    columns = {
        "a": rng.normal(size=50),
        "town": ["Bonn", "Trier"] * 25,
        "y": rng.integers(0, 2, 50),
    }
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    index = rng.permutation(50)
    return [
        pd.DataFrame(columns, index=index),
        pl.DataFrame(columns),
        pl.DataFrame(columns).lazy(),
        pa.table(columns),
    ]


def test_frames_wherever_a_table_is_taken() -> None:
    models = []
    for frame in frames():
        assert fl.read_table(frame).columns == ["a", "town", "y"]
        model = fl.train_table(frame, "y", preset="quick", test=frame, validation=frame)
        models.append(model.network.parameters)
        assert model.evaluate(frame)["rows"] == 50
        found = model.predict(frame).to_frame()
        expected = pl.DataFrame if isinstance(frame, pl.LazyFrame) else type(frame)
        assert isinstance(found, expected)
        assert len(found) == 50
        if hasattr(frame, "index"):
            assert found.index.equals(frame.index)
            assert found["prediction"].dtype == np.int64
    for other in models[1:]:
        np.testing.assert_array_equal(models[0], other)


def test_frames_that_are_odd() -> None:
    pd = pytest.importorskip("pandas")
    mixed = pd.DataFrame({"a": [1, "x", None, 2.5], 7: [True, False, None, True]})
    table = read_table(mixed)
    assert table.columns == ["a", "7"]
    assert table.texts("a").to_list() == ["1", "x", None, "2.5"]
    with pytest.raises(TableError, match="two of its columns are called 'a'"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TableError, match="has no rows"):
        read_table(pl.DataFrame({"a": []}))
    with pytest.raises(TableError, match="or the path of a file, not int"):
        fl.train_table(5, "y")
    series = resolved(read_table(pl.DataFrame({"a": ["1,5", "2,5"], "d": ["x", "y"]})))
    assert series.numbers("a").tolist() == [1.5, 2.5]
