"""Reading: every cell arrives, or the file is refused with its line."""

import contextlib
import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fallline as fl
from fallline.data.cells import MISSING
from fallline.data.reading import read_table
from fallline.data.table import Table, parse_numbers, show
from fallline.data.writing import write_csv
from fallline.errors import FileWriteError, ParameterError, ShapeError, TableError

ADULT = """\
39, State-gov, 77516, Bachelors, Male, <=50K
50, Self-emp-not-inc, 83311, Bachelors, Male, <=50K
54, ?, 180211, Some-college, Male, >50K
"""
TITANIC = """\
PassengerId,Survived,Name,Age
1,0,"Braund, Mr. Owen Harris",22
2,1,"Cumings, Mrs. John Bradley (Florence ""Briggs"" Thayer)",38
6,0,"Moran, Mr. James",
"""


def read(folder: Path, content: str | bytes, **options: object) -> Table:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)  # type: ignore[arg-type]


def rows(table: Table) -> list[tuple[str | None, ...]]:
    return table.frame.rows()


def refusal(folder: Path, content: str | bytes, **options: object) -> str:
    with pytest.raises(TableError) as caught:
        read(folder, content, **options)
    message = str(caught.value)
    assert message.startswith(f"{folder / 't.csv'}")
    assert "\n" not in message
    assert len(message) - len(str(folder)) < 240
    return message.removeprefix(f"{folder / 't.csv'}")


def test_a_table_without_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, ADULT, header=False)
    assert table.columns == [f"column_{i}" for i in range(1, 7)]
    assert rows(table)[2] == ("54", None, "180211", "Some-college", "Male", ">50K")
    assert table.lines.tolist() == [1, 2, 3]


def test_names_given(tmp_path: Path) -> None:
    names = ["age", "work", "weight", "school", "sex", "income"]
    assert read(tmp_path, ADULT, header=False, names=names).columns == names
    assert read(tmp_path, "a,b\n1,2\n", names=["x", "y"]).columns == ["x", "y"]
    assert "has 6 columns, but 2 names" in refusal(tmp_path, ADULT, header=False, names=["a", "b"])


def test_quoted_fields(tmp_path: Path) -> None:
    table = read(tmp_path, TITANIC)
    assert len(table) == 3
    assert table.cell(0, "Name") == "Braund, Mr. Owen Harris"
    assert table.cell(1, "Name") == 'Cumings, Mrs. John Bradley (Florence "Briggs" Thayer)'
    assert table.cell(2, "Age") is None


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n')
    assert rows(table) == [("1", "x\ny"), ("2", "z")]
    assert table.lines.tolist() == [2, 5]
    assert table.take([1]).place(0, "a").endswith("t.csv, line 5, column 'a'")
    assert ", line 6: has 1 field, but line 1 has 2" in refusal(
        tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n3\n'
    )


@pytest.mark.parametrize(
    "content",
    [
        'a, b\n1, "x,y"\n',
        'a,b\n1,"x,y" \n',
        'a,b\r\n1,"x,y"\r\n',
        'a;b\n1;"x,y"\n',
        'a\tb\n1\t "x,y"\n',
        '\n  \n"a","b"\n"1","x,y"\n\n   \n',
        "\ufeffa;b\n1;x,y",
    ],
)
def test_variants_of_one_table(tmp_path: Path, content: str) -> None:
    table = read(tmp_path, content)
    assert table.columns == ["a", "b"]
    assert rows(table) == [("1", "x,y")]


def test_separators_inside_quotes_do_not_count(tmp_path: Path) -> None:
    assert read(tmp_path, '"a,b,c";d\n1;2\n').columns == ["a,b,c", "d"]


def test_one_column(tmp_path: Path) -> None:
    assert rows(read(tmp_path, 'a\n1\n\n""\n  \n2\n')) == [("1",), (None,), (None,), ("2",)]


def test_line_ends(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        table = read(tmp_path, end.join(["a,b", "1,2", "3,4", "", ""]))
        assert rows(table) == [("1", "2"), ("3", "4")]
        assert table.lines.tolist() == [2, 3]


def test_missing_cells(tmp_path: Path) -> None:
    content = "a,b\n" + "".join(f"x, {text} \n" for text in MISSING)
    assert all(row == ("x", None) for row in rows(read(tmp_path, content)))
    table = read(tmp_path, "a,b\n-9,NA\n,1\n", missing=["-9"])
    assert rows(table) == [(None, None), (None, "1")]  # besides the usual marks


def test_marks_are_the_same_in_training_and_prediction(tmp_path: Path) -> None:
    lines = [f"{['NA', '-9', str(i)][i % 3]},{i % 2}" for i in range(90)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,y", *lines]))
    table = read_table(path, missing=["-9"])
    assert int(table.missing("a").sum()) == 60
    model = fl.train_table(table, "y", preset="quick", epochs=2)
    assert model.reading == {"missing": ["-9"]}
    np.testing.assert_array_equal(
        model.predict(path).probabilities, model.predict(table).probabilities
    )
    for wrong in ("-9", [-9]):
        with pytest.raises(ParameterError, match=r"missing must be a list of texts such as"):
            read_table(path, missing=wrong)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": is empty"),
        (b" \n\n", ": is empty"),
        (b"a,b\n", ": has a line of column names, but no rows"),
        (b"a,b\n1,2\n3\n", ", line 3: has 1 field, but line 1 has 2"),
        (b"a,b\n1,2\n3,4,5\n", ", line 3: has 3 fields, but line 1 has 2"),
        (b"a,b\n\n1,2,\n", ", line 3: has 3 fields, but line 1 has 2"),
        (b"a,b\n1,caf\xe9\n", ", line 2: byte 0xe9 is not UTF-8; --encoding cp1252 reads 'caf"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], ": is not text in utf-16 ("),
        (b"a,b\n1,\x002\n", ", line 2: holds a NUL byte"),
        (b"\x1f\x8b\x08\x00", ": the archive is damaged ("),
        (b"PK\x03\x04\x00", ": cannot be read as an Excel workbook ("),
        (b"PAR1\x00", ": cannot be read as a Parquet file ("),
        (b"a,b,a\n1,2,3\n", ": columns 1 and 3 are both 'a'"),
        (b"a, \n1,2\n", ": column 2 has no name"),
        (b",a\nx,2\n", "(if the first line is data, use --no-header)"),
        (b",a\n1,2\n1,3\n", ": column 1 has no name"),
        (b'a,b\n1,"x\n3,4\n', ", line 2: the quote opened here is never closed"),
        (b'a,b\n1,x"y"\n', ", line 2: a quote is in the middle of a field"),
        (b'a,b\n1,"x"y\n', ", line 2: a quote is in the middle of a field"),
        (b'a,b\n1,5"\n2,6"\n', ", line 2: a quote is in the middle of a field"),
        (b'"a,b\n', ", line 1: the quote opened here is never closed"),
        (b'"', ", line 1: the quote opened here is never closed"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refusal(tmp_path, content)


def test_no_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"none\.csv: there is no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(TableError, match="cannot be read"):
        read_table("a\0b")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root
    with pytest.raises(TableError, match=r"cannot be read \(Permission denied\)"):
        read_table(tmp_path / "t.csv")


def test_numbers_are_decimal_and_ascii() -> None:
    good = {"1e5": 1e5, "+3": 3.0, "-.5": -0.5, "1.": 1.0, "1e-400": 0.0, "1e999": np.inf}
    assert parse_numbers(list(good)).tolist() == list(good.values())
    bad = ["1_000", "1,000", "0x10", "1 000", "", "x", "1e", "--1", "١", "nan", "-NAN"]
    assert np.isnan(parse_numbers(bad)).all()
    assert parse_numbers([]).shape == (0,)


def test_table_access(tmp_path: Path) -> None:
    table = read(tmp_path, "text,n\nx,1\n?,2\ny,\nx,z\n")
    assert table.missing("text").tolist() == [False, True, False, False]
    assert table.missing("n").tolist() == [False, False, True, False]
    np.testing.assert_array_equal(table.numbers("n"), [1, 2, np.nan, np.nan])
    assert table.counts("text") == [("x", 2), ("y", 1)]
    assert table.codes("text", {"y": 5}).tolist() == [-1, -2, 5, -1]
    assert table.codes("text", {}).tolist() == [-1, -2, -1, -1]
    assert rows(table.take([2, 0])) == [("y", None), ("x", "1")]


def test_columns_that_lack_are_all_named(tmp_path: Path) -> None:
    table = read(tmp_path, "Age,Fare\n1,2\n")
    table.require(["Age"])
    with pytest.raises(TableError) as caught:
        table.require(["age", "sex"])
    assert "'age' (did you mean 'Age'?), 'sex'; its 2 columns are: Age, Fare" in str(caught.value)


def test_show_is_short() -> None:
    assert show("x" * 100) == repr("x" * 37 + "...")
    assert show("a\nb") == r"'a\nb'"


def test_write_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    values = np.array([0.1, 1e-20])
    write_csv(path, {"prediction": ['a,"b"', "c\rd"], "p": values, "n": [1, None]})
    assert path.read_bytes() == b'prediction,p,n\n"a,""b""",0.1,1\n"c\rd",1e-20,\n'
    table = read_table(path)
    assert table.numbers("p").tolist() == values.tolist()
    assert os.listdir(tmp_path) == ["out.csv"]
    write_csv(path, {"a": [None, "x"]})
    assert rows(read_table(path)) == [(None,), ("x",)]


def test_write_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileWriteError, match="cannot be written"):
        write_csv(tmp_path / "none" / "out.csv", {"a": [1]})
    with pytest.raises(ShapeError, match="differ in length"):
        write_csv(None, {"a": [1], "b": []})
    assert capsys.readouterr().out == ""
    write_csv(None, {"a": [1]})
    assert capsys.readouterr().out == "a\n1\n"


def test_the_package_does_not_load_polars() -> None:
    code = "import sys, fallline; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Where str.strip and Polars differ (control characters 28 to 31), neither is the right answer.
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1c\x1d\x1e\x1f"))
nasty = st.text(st.sampled_from('",;\t \n\ra?é'), max_size=6)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(cells | nasty, min_size=n, max_size=n), min_size=1, max_size=8)
    ),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_is_read_cell_for_cell(
    tmp_path_factory: pytest.TempPathFactory, grid: list[list[str]], separator: str, end: str
) -> None:
    names = [f"c{i}" for i in range(len(grid[0]))]
    text = io.StringIO(newline="")
    if len(names) == 1:
        separator = ","  # what a file of one column is read with
    # The csv module leaves a lone carriage return unquoted where lines end in \n.
    bare = end == "\n" and any("\r" in cell for row in grid for cell in row)
    writer = csv.writer(
        text,
        delimiter=separator,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL,
    )
    writer.writerows([names, *grid])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.getvalue().encode())
    if any("\0" in cell for row in grid for cell in row):
        with pytest.raises(TableError, match="NUL"):
            read_table(path)
        return
    expected = [
        tuple(None if cell.strip() in MISSING else cell.strip() for cell in row) for row in grid
    ]
    if len(names) == 1 and any(mark in cell for row in grid for cell in row for mark in ";\t|"):
        # A column of texts with separators in them may as well be a title above a table.
        with contextlib.suppress(TableError):
            assert rows(read_table(path)) == expected
        return
    table = read_table(path)
    assert table.columns == names
    assert rows(table) == expected


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=40) | st.text(st.sampled_from('",;\t \n\ra1'), max_size=30))
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    for header in (True, False):
        try:
            table = read_table(path, header=header)
        except TableError:
            continue
        assert len(table.lines) == len(table) > 0
        assert (np.diff(table.lines) > 0).all()
