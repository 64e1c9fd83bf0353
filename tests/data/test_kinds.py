"""Each kind of cell that people have, over CSV, JSON lines, Parquet and Excel: the right values."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.cells import Reading
from fallline.data.dates import column_seconds, find_form
from fallline.data.reading import read_table, read_whole
from fallline.data.recognition import resolved
from fallline.errors import TableError

from .workbooks import write_workbook

FORMATS = ("csv", "jsonl", "parquet", "xlsx")
Cells = Sequence[object]


def write(folder: Path, form: str, **columns: Cells) -> Path:
    """The columns in a file of that format, with the types that it has."""
    path = folder / f"t.{form}"
    rows = list(zip(*columns.values(), strict=True))
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(columns), *rows])
    elif form == "jsonl":
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        path.write_text("\n".join(lines))
    elif form == "parquet":
        pl.DataFrame(columns, strict=False).write_parquet(path)
    else:
        write_workbook(path, {"Sheet1": [list(columns), *rows]})
    return path


KINDS: dict[str, tuple[list[str], list[float | None]]] = {
    "decimal comma": (["1,5", "2", "100,0", "0,125"], [1.5, 2, 100, 0.125]),
    "thousands and a comma": (["1.234,5", "12.000,25", "7", "0,5"], [1234.5, 12000.25, 7, 0.5]),
    "thousands and a point": (["1,234.5", "12,000.25", "7", "0.5"], [1234.5, 12000.25, 7, 0.5]),
    "Indian groups": (["12,34,567.5", "1,00,000", "7", "0.5"], [1234567.5, 100000, 7, 0.5]),
    "blanks between thousands": (["1 234", "12 345,5", "7", "8,25"], [1234, 12345.5, 7, 8.25]),
    "narrow blanks": (["1\u202f234", "12\u00a0345", "7", "8"], [1234, 12345, 7, 8]),
    "Swiss apostrophes": (["1'234.5", "12’345", "7", "8.5"], [1234.5, 12345, 7, 8.5]),
    "percent": (["5%", "12.5 %", "0%", "-3%"], [0.05, 0.125, 0, -0.03]),
    "currency": (["$1,200", "$900.50", "-$3", "($4)"], [1200, 900.5, -3, -4]),
    "a unit": (["12 kg", "13.5 kg", "0.5kg", "7 kg"], [12, 13.5, 0.5, 7]),
    "brackets": (["(12)", "3", "(0.5)", "7"], [-12, 3, -0.5, 7]),
    "a typographic minus": (["−12", "3", "–0.5", "7"], [-12, 3, -0.5, 7]),
    "Fortran": (["1.5D+01", "7.25D-01", "1.0D+00", "2.0D+02"], [15, 0.725, 1, 200]),
    "a comma and an exponent": (["1,5e3", "2,5E-1", "3", "4"], [1500, 0.25, 3, 4]),
    "marks for missing": (["1", "-", "n.a.", "2.5"], [1, None, None, 2.5]),
    "more marks": (["1", "None", "<NA>", "2.5"], [1, None, None, 2.5]),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_as_people_write_them(tmp_path: Path, kind: str, form: str) -> None:
    texts, values = KINDS[kind]
    path = write(tmp_path, form, x=texts * 5, town=["Bonn", "Trier"] * 10)
    table = resolved(read_table(path))
    expected = [np.nan if value is None else value for value in values] * 5
    np.testing.assert_allclose(table.numbers("x"), expected, rtol=1e-12)
    assert table.texts("town").to_list() == ["Bonn", "Trier"] * 10
    assert any("'x'" in note for note in table.notes)  # what was taken is told


DOUBTFUL = {
    "thousands or decimals": (["1,234", "5,678"], "'1,234' may be thousands", "--thousands ,"),
    "point and comma": (["1.5", "2,5"], "'2,5' has a decimal comma", "--decimal ,"),
    "days or months": (["01/02/2020", "03/04/2020"], "may be day/month", "=date:%d/%m/%Y"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_is_doubtful_is_refused_with_cell_and_option(
    tmp_path: Path, kind: str, form: str
) -> None:
    texts, why, option = DOUBTFUL[kind]
    path = write(tmp_path, form, x=texts * 10, y=[1, 2] * 10)

    def recognised() -> None:
        find_form(resolved(read_table(path)), "x")

    with pytest.raises(TableError) as caught:
        recognised()
    message = str(caught.value)
    assert f"t.{form}, " in message
    assert "column 'x': " in message
    assert why in message
    assert option in message


OPEN = ["1.234", "2.500", "999"] * 10


@pytest.mark.parametrize("form", ["jsonl", "parquet", "xlsx"])
def test_points_that_may_separate_thousands_are_asked_for(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form, x=OPEN, y=["a", "b", "c"] * 10)
    with pytest.raises(TableError) as caught:
        resolved(read_table(path))
    assert "column 'x': '1.234' may be thousands or have a decimal point" in str(caught.value)
    for options, value in (
        ({"thousands": "."}, 1234.0),
        ({"decimal": ","}, 1234.0),
        ({"decimal": "."}, 1.234),
    ):
        assert resolved(read_table(path, **options)).numbers("x")[0] == value  # type: ignore[arg-type]


def test_other_columns_and_the_separator_tell_what_a_point_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text, value in (
        ("x;z\n" + "1.234;0,5\n-999;1,25\n" * 10, 1234.0),
        ("x;z\n" + "1.234;0.5\n-999;1.25\n" * 10, 1.234),
        ("x,z\n" + "1.234,a\n-999,b\n" * 10, 1.234),
    ):
        path.write_text(text)
        assert resolved(read_table(path)).numbers("x")[0] == value
    path.write_text("x;z\n" + "-1.234;a\n999;b\n" * 10)
    with pytest.raises(TableError, match=r"'-1.234' may be thousands or have a decimal point"):
        resolved(read_table(path))


@pytest.mark.parametrize("form", FORMATS)
def test_several_units_are_refused_where_they_are_no_categories(tmp_path: Path, form: str) -> None:
    cells = [f"{i} kg" if i % 2 else f"{i} g" for i in range(40)]
    path = write(tmp_path, form, x=cells, y=[1, 2] * 20)
    with pytest.raises(TableError, match=r"'0 g' is a number with another unit .*'0 g', '1 kg'"):
        resolved(read_table(path))
    few = write(tmp_path, form, x=["1st", "2nd", "3rd", "1st"] * 10, y=[1, 2] * 20)
    table = resolved(read_table(few))
    assert table.texts("x").to_list()[:3] == ["1st", "2nd", "3rd"]
    assert "'x' is read as text: its numbers have several units" in table.notes[0]


@pytest.mark.parametrize("form", FORMATS)
def test_numbered_categories_are_texts(tmp_path: Path, form: str) -> None:
    cells = ["1. < HS Grad", "2. HS Grad", "3. Some College", "4. College Grad"] * 10
    path = write(tmp_path, form, x=cells, y=[1, 2] * 20)
    assert resolved(read_table(path)).texts("x").to_list()[:4] == cells[:4]


@pytest.mark.parametrize("form", FORMATS)
def test_all_odd_texts_are_told_at_once(tmp_path: Path, form: str) -> None:
    cells = [*map(str, range(40)), "soon", "later", "later"]
    path = write(tmp_path, form, x=cells, y=[1, 2, 3] * 14 + [1])
    with pytest.raises(TableError) as caught:
        resolved(read_table(path))
    message = str(caught.value)
    assert "'later' is not a number, while 40 others are (2 such texts: 'later', 'soon')" in message
    assert "--missing 'later' --missing 'soon'" in message
    two = write(tmp_path, form, x=cells, z=cells, y=[1, 2, 3] * 14 + [1])
    with pytest.raises(TableError, match=r"\(1 more column has such cells: `fallline look`"):
        resolved(read_table(two))
    read = read_table(path, missing=["soon", "later"])
    assert int(resolved(read).missing("x").sum()) == 3


# ---- values, not spellings


def column_as(form: str, cells: Cells, spelled: Sequence[str]) -> Cells:
    """Typed where the format has types, else the spelling of a CSV file."""
    return spelled if form == "csv" else cells


VALUES = {
    "truth values": ([True, False], ["True", "False"]),
    "other truth values": ([False, True], ["FALSE", "TRUE"]),
    "codes": ([2, 3], ["2", "3"]),
    "codes with a gap": ([2.0, 3.0], ["2.0", "3.0"]),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("there", FORMATS)
@pytest.mark.parametrize("here", FORMATS)
def test_a_value_is_the_same_in_every_format(
    tmp_path: Path, here: str, there: str, kind: str
) -> None:
    cells, spelled = VALUES[kind]
    other = {"2": "2.0", "3": "3.0", "2.0": "2", "3.0": "3", "True": "true", "False": "false"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    y = [1.5, 2.5, 1.0, 3.0] * 10
    old = write(tmp_path / "a", here, flag=column_as(here, cells, spelled) * 20, y=y)
    respelled = [other.get(text, text.lower()) for text in spelled]
    new = write(tmp_path / "b", there, flag=column_as(there, cells, respelled) * 20, y=y)
    for types in ({}, {"flag": "text"}):
        model = fl.train_table(
            read_table(old), "y", types=types, preset="quick", epochs=2, baseline=False
        )
        X = model.encoding.transform(read_table(old))
        np.testing.assert_array_equal(model.encoding.transform(read_table(new)), X)
        assert X.std() > 0
    classes = fl.train_table(
        read_table(old), "flag", task="binary", preset="quick", epochs=2, baseline=False
    )
    assert classes.evaluate(read_table(new))["rows"] == 40


@pytest.mark.parametrize(
    ("old", "new"), [(["0", "1"], ["False", "True"]), (["no", "1"], ["no", "1.0"])]
)
def test_zero_and_one_are_truth_values(tmp_path: Path, old: list[str], new: list[str]) -> None:
    model = fl.train_table(
        read_table(write(tmp_path, "csv", flag=old * 20, y=[1.5, 2.5, 1.0, 3.0] * 10)),
        "y",
        preset="quick",
        epochs=2,
        baseline=False,
    )
    X = model.encoding.transform(read_table(write(tmp_path, "csv", flag=old)))
    twin = model.encoding.transform(read_table(write(tmp_path, "csv", flag=new)))
    np.testing.assert_array_equal(X, twin)


DAYS = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(40)]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y%m%d", "%Y-%m-%d %I:%M %p"],
)
def test_dates_in_every_format(tmp_path: Path, form: str, pattern: str) -> None:
    days = pl.Series(DAYS).str.to_date()
    cells = days.cast(pl.Datetime).dt.to_string(pattern).to_list()
    table = resolved(read_table(write(tmp_path, form, d=cells, x=[1, 2] * 20)))
    found = find_form(table, "d")
    assert found == pattern
    seconds = days.cast(pl.Datetime("ms")).dt.epoch("s").to_list()
    assert column_seconds(table, "d", found).tolist() == seconds


def test_typed_dates_and_texts_are_one(tmp_path: Path) -> None:
    """Dates of a Parquet file against texts of a CSV file, either way round."""
    days = pl.Series("d", DAYS).str.to_date()
    y = [float(i) for i in range(40)]
    typed = tmp_path / "typed.parquet"
    pl.DataFrame({"d": days.cast(pl.Datetime), "y": y}).write_parquet(typed)
    for pattern in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y"):
        text = tmp_path / "text.csv"
        texts = days.cast(pl.Datetime).dt.to_string(pattern)
        pl.DataFrame({"d": texts, "y": y}).write_csv(text)
        for old, new in ((typed, text), (text, typed)):
            model = fl.train_table(read_table(old), "y", preset="quick", epochs=2, baseline=False)
            X = model.encoding.transform(read_table(old))
            np.testing.assert_allclose(model.encoding.transform(read_table(new)), X)


def test_dates_in_another_certain_form_are_read(tmp_path: Path) -> None:
    days = pl.Series(DAYS).str.to_date().cast(pl.Datetime)
    y = [float(i) for i in range(40)]
    old = read_table(write(tmp_path, "csv", d=DAYS, y=y))
    model = fl.train_table(old, "y", preset="quick", epochs=2, baseline=False)
    X = model.encoding.transform(old)
    new = read_table(write(tmp_path, "csv", d=days.dt.to_string("%d/%m/%Y").to_list()))
    np.testing.assert_allclose(model.encoding.transform(new), X)
    first = write(tmp_path, "csv", d=days.dt.to_string("%d/%m/%Y").to_list()[:12])
    with pytest.raises(TableError, match=r"line 3, .*'02/01/2020' may be day/month or month/day"):
        model.predict(read_table(first))
    asked = read_whole(first, Reading(forms={"d": "%d/%m/%Y"}))
    np.testing.assert_allclose(model.encoding.transform(asked), X[:12])


def test_a_date_in_another_form_is_refused_with_its_cell(tmp_path: Path) -> None:
    old = write(tmp_path, "csv", d=DAYS, y=range(40))
    model = fl.train_table(read_table(old), "y", preset="quick", epochs=2, baseline=False)
    new = write(tmp_path, "csv", d=["31 of December"])
    with pytest.raises(TableError, match=r"line 2, column 'd': '31 of December' is not a date as"):
        model.predict(read_table(new))


# ---- headers, sheets, indices


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_headers_alike_in_text_and_excel(tmp_path: Path, form: str) -> None:
    def refusal(names: list[str | None], rows: list[list[object]]) -> str:
        path = tmp_path / f"t.{form}"
        if form == "xlsx":
            write_workbook(path, {"Sheet1": [names, *rows]})
        else:
            lines = [",".join("" if c is None else str(c) for c in row) for row in [names, *rows]]
            path.write_text("\n".join(lines))
        with pytest.raises(TableError) as caught:
            read_table(path)
        return str(caught.value)

    assert "column 2 has no name; " in refusal(["a", None, "y"], [[1, 2, 3], [4, 5, 6]])
    assert "columns 1 and 3 are both 'a'" in refusal(["a", "b", "a"], [[1, 2, 3], [4, 5, 6]])
    assert "column 1 has no name" in refusal([None, "b"], [["x", 2], ["y", 5]])
    assert "--no-header" in refusal(["1.24", "0.875"], [[1.5, 2.5], [4.5, 5.5]])


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_index_that_pandas_writes(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"t.{form}"
    if form == "xlsx":
        write_workbook(path, {"S": [[None, "a", "y"], [7, 1.5, 2], [3, 2.5, 4]]})
    else:
        path.write_text(",a,y\n7,1.5,2\n3,2.5,4\n")
    table = read_table(path)
    assert table.columns == ["a", "y"]
    assert "the first column has no name and numbers the rows" in table.notes[0]


def test_the_index_of_a_pandas_parquet_file(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=40), "y": rng.normal(size=40)})
    frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "old.parquet")
    frame.to_parquet(tmp_path / "new.parquet")
    old = read_table(tmp_path / "old.parquet")
    assert old.columns == ["a", "y"]
    assert old.notes == ("the pandas index '__index_level_0__' is left out",)
    model = fl.train_table(old, "y", preset="quick", epochs=2, baseline=False)
    assert len(model.predict(read_table(tmp_path / "new.parquet")).values) == 40
    frame.index = rng.permutation(40) * 10
    frame.rename_axis("case").to_parquet(tmp_path / "named.parquet")
    named = fl.train_table(
        read_table(tmp_path / "named.parquet"), "y", preset="quick", epochs=2, baseline=False
    )
    assert "column 'case' is set aside: it is the index of the frame" in named.notes[0]


def test_sheets(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    write_workbook(
        path,
        {
            "Notes": [["text"], ["hello"], ["there"]],
            "Data": [["The title"], [None], ["a", "y"], [1.5, 2], [2.5, 3]],
        },
    )
    first = read_table(path)
    assert first.columns == ["text"]
    assert "the sheet 'Notes' is read; --sheet names another ('Data')" in first.notes[0]
    for sheet in ("Data", "2"):
        table = read_table(path, sheet=sheet, skip_lines=2)
        assert table.columns == ["a", "y"]
        assert table.numbers("a").tolist() == [1.5, 2.5]
        assert table.lines.tolist() == [4, 5]
    with pytest.raises(TableError, match="has no sheet 'Dta'; its sheets are: 'Notes', 'Data'"):
        read_table(path, sheet="Dta")


def test_a_formula_without_a_value_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.xlsx"
    write_workbook(path, {"S": [["a", "y"], [1.5, "=A2*2"], [2.5, "=A3*2"], [3.5, 7]]})
    table = read_table(path)
    assert table.missing("y").tolist() == [True, True, False]
    assert capfd.readouterr().err == ""
