"""Formats: one table in every kind of file, whole and in blocks, packed and from standard input."""

import gzip
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.data import reading
from fallline.data.cells import Reading
from fallline.data.reading import read_blocks, read_table
from fallline.data.sources import zstd
from fallline.data.table import Table
from fallline.data.writing import write_blocks
from fallline.errors import FileWriteError, TableError

FRAME = pl.DataFrame(
    {
        "n": [1, 2, None],
        "x": [0.5, float("nan"), -2.0],
        "t": ["a", " b", "?"],
        "f": [True, None, False],
    }
)
TEXT = "n,x,t,f\n1,0.5,a,true\n2,,b,\n,-2.0,?,false\n"
EXPECTED = [("1", "0.5", "a", "true"), ("2", None, "b", None), (None, "-2.0", None, "false")]


def cells(table: Table) -> list[tuple[str | None, ...]]:
    return table.frame.with_columns(pl.all().cast(pl.String)).rows()


def write_all(folder: Path) -> dict[str, Path]:
    """The table in each format."""
    paths = {name: folder / name for name in FORMATS}
    paths["t.csv"].write_text(TEXT)
    paths["t.tsv"].write_text(TEXT.replace(",", "\t"))
    paths["t.csv.gz"].write_bytes(gzip.compress(TEXT.encode()))
    paths["t.csv.zst"].write_bytes(zstd().compress(TEXT.encode()))
    paths["utf16.csv"].write_bytes(TEXT.encode("utf-16"))
    FRAME.write_parquet(paths["t.parquet"])
    FRAME.with_columns(pl.col("x").fill_nan(None)).write_ndjson(paths["t.jsonl"])
    paths["t.jsonl.gz"].write_bytes(gzip.compress(paths["t.jsonl"].read_bytes()))
    return paths


FORMATS = (
    "t.csv",
    "t.tsv",
    "t.csv.gz",
    "t.csv.zst",
    "utf16.csv",
    "t.parquet",
    "t.jsonl",
    "t.jsonl.gz",
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_cells(tmp_path: Path, name: str, monkeypatch) -> None:
    path = write_all(tmp_path)[name]
    assert cells(read_table(path)) == EXPECTED
    monkeypatch.setattr(reading, "BLOCK_BYTES", 20)
    monkeypatch.setattr(reading, "BLOCK_ROWS", 2)
    blocks = list(read_blocks(path, Reading()))
    assert [row for block in blocks for row in cells(block)] == EXPECTED
    lines = [block.place(i, "n") for block in blocks for i in range(len(block))]
    first, unit = (1, "row") if name == "t.parquet" else (1 if "json" in name else 2, "line")
    assert lines == [f"{path}, {unit} {first + i}, column 'n'" for i in range(3)]


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    table = read_table(write_all(tmp_path)["t.parquet"])
    np.testing.assert_array_equal(table.numbers("n"), [1, 2, np.nan])
    assert table.missing("x").tolist() == [False, True, False]
    assert table.counts("n") == [("1", 1), ("2", 1)]
    assert table.codes("n", {"2": 7}).tolist() == [-1, 7, -2]
    marked = read_table(write_all(tmp_path)["t.parquet"], missing=["2", "a"])
    assert cells(marked) == [
        ("1", "0.5", None, "true"),
        (None, None, "b", None),
        (None, "-2.0", None, "false"),
    ]


def test_an_excel_workbook(tmp_path: Path) -> None:
    path = Path(__file__).parents[1] / "fixtures" / "t.xlsx"
    table = read_table(path)
    assert table.columns == ["n", "t"]
    np.testing.assert_array_equal(table.numbers("n"), [1, 2.5])
    assert table.place(0, "n").endswith("t.xlsx, row 2, column 'n'")


def test_columns_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame(
        {
            "d": [date(2020, 1, 31), None],
            "w": [datetime(2020, 1, 31, 12, 30), None],
            "s": [timedelta(seconds=90), None],
            "l": [[1], [2]],
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
            "m": pl.Series(["1.50", None]).cast(pl.Decimal(10, 2)),
        }
    ).write_parquet(path)
    table = read_table(path)
    assert cells(table)[0] == ("2020-01-31", "2020-01-31 12:30:00", "90.0", "u", "1.5")
    assert table.notes == ("column 'l' is left out: it holds List(Int64)",)


def test_several_files_and_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x\n4,3\nz,5\n")
    table = read_table(tmp_path / "*.csv")
    assert cells(table) == [("1", "2"), ("3", "4"), ("5", "z")]
    assert table.take([2]).place(0, "y") == f"{tmp_path / 'b.csv'}, line 3, column 'y'"
    assert cells(read_table([tmp_path / "b.csv", tmp_path / "a.csv"]))[0] == ("4", "3")
    (tmp_path / "c.csv").write_text("x\n1\n")
    with pytest.raises(TableError, match=r"c\.csv: has no column 'y'"):
        read_table([tmp_path / "a.csv", tmp_path / "c.csv"])
    with pytest.raises(TableError, match=r"\*\.txt: no file matches"):
        read_table(tmp_path / "*.txt")


def test_a_file_without_a_line_of_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("7,0.27,x\n6,0.3,y\n")
    table = read_table(tmp_path / "a.csv")
    with pytest.raises(TableError, match=r"look like data: .*--no-header"):
        table.require(["quality"])


def test_standard_input() -> None:
    code = "import fallline; print(fallline.read_table('-').frame.rows())"
    for data in (TEXT.encode(), gzip.compress(TEXT.encode())):
        result = subprocess.run(
            [sys.executable, "-c", code], input=data, capture_output=True, check=False
        )
        assert result.stdout.decode().strip() == str(EXPECTED), result.stderr
    result = subprocess.run(
        [sys.executable, "-c", code], input=b"", capture_output=True, check=False
    )
    assert b"standard input: is empty" in result.stderr


def test_an_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("a\ncaf\xe9\n".encode("latin-1"))
    assert cells(read_table(path, encoding="latin-1")) == [("café",)]
    with pytest.raises(TableError, match="'latin-99' is unknown"):
        read_table(path, encoding="latin-99")
    with pytest.raises(TableError, match="is not text in ascii"):
        read_table(path, encoding="ascii")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{"a": \n', ", line 2: is not a JSON object"),
        (b'{"a": 1}\n[1]\n', ", line 2: is not a JSON object"),
        (b"{}\n", ": has no columns"),
        (b'{"a": {"b": 1}}\n', ": has no columns"),
    ],
)
def test_json_lines_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_lines_of_uneven_keys(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1, "b": "x"}\n\n{"a": 2.5}\n{"b": 3, "a": null}\n')
    assert cells(read_table(path)) == [("1.0", "x"), ("2.5", None), (None, "3")]
    assert read_table(path).lines.tolist() == [1, 3, 4]
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4)
    rows = [row for block in read_blocks(path, Reading()) for row in cells(block)]
    assert rows == [("1", "x"), ("2.5", None), (None, "3")]


def test_truncated_archives(tmp_path: Path) -> None:
    for pack in (gzip.compress, zstd().compress):
        path = tmp_path / "t.csv"
        path.write_bytes(pack(TEXT.encode() * 50)[:-6])
        with pytest.raises(TableError, match=r"t\.csv: the archive is damaged"):
            read_table(path)


def test_blocks_of_a_ragged_file_name_the_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 16)
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"x\ny"\n' + "2,3\n" * 20 + "4\n")
    with pytest.raises(TableError, match="line 24: has 1 field, but line 1 has 2"):
        list(read_blocks(path, Reading()))
    path.write_text('a,b\n1,"x\ny"\n' + "\n2,3\n" * 20 + '5,"x')
    with pytest.raises(TableError, match="line 44: the quote opened here is never closed"):
        list(read_blocks(path, Reading()))


def test_writing_in_blocks(tmp_path: Path) -> None:
    blocks = [{"a": np.arange(3), "b": ["x", "y", "z"]}, {"a": np.arange(3, 5), "b": ["u", "v"]}]
    write_blocks(tmp_path / "t.parquet", iter(blocks))
    assert pl.read_parquet(tmp_path / "t.parquet").rows() == [
        (0, "x"),
        (1, "y"),
        (2, "z"),
        (3, "u"),
        (4, "v"),
    ]
    write_blocks(tmp_path / "t.csv", iter(blocks))
    assert (tmp_path / "t.csv").read_text() == "a,b\n0,x\n1,y\n2,z\n3,u\n4,v\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.parquet"]

    def broken():
        yield blocks[0]
        raise TableError("line 7")

    for name in ("t.parquet", "t.csv"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(TableError, match="line 7"):
            write_blocks(tmp_path / name, broken())
        assert (tmp_path / name).read_bytes() == before
        with pytest.raises(FileWriteError, match="cannot be written"):
            write_blocks(tmp_path / "none" / name, iter(blocks))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.parquet"]
