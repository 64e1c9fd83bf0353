"""One row of cells is encoded as in a table, to the bit."""

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.compact import CompactRows
from fallline.data.binning import with_bins
from fallline.data.compact import compact
from fallline.data.encoding import Encoding
from fallline.data.one_row import RowEncoder
from fallline.data.reading import as_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.errors import TableError
from tests.data.test_compact import encoded, table_of

FLOAT32 = np.dtype("float32")


def same(one: CompactRows, other: CompactRows) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("numbers", "rows", "fractions")
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_row_of_a_table(tmp_path: Path, dtype: str) -> None:
    table = table_of(tmp_path)
    encoding = encoded(table)
    whole = compact(encoding, table, np.dtype(dtype))
    texts = fl.read_table(tmp_path / "all.csv")
    for frame in (table.frame, texts.frame):  # numbers, and as they are written
        encode = RowEncoder(encoding, np.dtype(dtype), {})
        for i, cells in enumerate(frame.to_dicts()):
            assert same(encode(cells), whole[i : i + 1])
        assert same(encode(frame.to_dicts()[0]), whole[:1])  # nothing of other rows is left


CELLS = [
    ("plain", 1e300), ("plain", -1e300), ("plain", True), ("plain", "1e3"),
    ("plain", float("nan")), ("plain", float("inf")), ("plain", "many"), ("plain", " 2 "),
    ("plain", "NA"), ("plain", np.float32(0.1)), ("plain", np.int64(3)), ("plain", -999),
    ("plain", "-999"), ("plain", "-999.0"),
    ("plain", [1.0]), ("gaps", None), ("gaps", "none"), ("recurring", 0), ("recurring", 3.5),
    ("two", 1), ("two", 0.5), ("two", None), ("pair", "yes"), ("pair", "YES"), ("pair", None),
    ("text", "red"), ("text", " red"), ("text", "never seen"), ("text", 7), ("text", "none"),
    ("day", datetime.date(2024, 3, 9)), ("day", datetime.datetime(2024, 3, 9, 7)),
    ("day", "2024-05-01"), ("day", "soon"), ("day", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cell"), CELLS)
def test_a_cell_is_read_as_in_a_frame_of_one_row(tmp_path: Path, name: str, cell: object) -> None:
    table = table_of(tmp_path)
    encoding, reading = encoded(table), {"missing": ["none", "-999"]}
    encode = RowEncoder(encoding, FLOAT32, reading)
    cells = table.frame.to_dicts()[3] | {name: cell}

    def by_table() -> CompactRows:
        columns = {n: pl.Series(n, [x], strict=False) for n, x in cells.items()}
        return compact(encoding, as_table(pl.DataFrame(columns), reading), FLOAT32)

    try:
        expected = by_table()
    except TableError:
        for _ in range(2):  # errors are not remembered as answers
            with pytest.raises(TableError, match=name):
                encode(cells)
        return
    for _ in range(2):
        assert same(encode(cells), expected)


def test_a_number_too_large_for_a_frame_is_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    encode = RowEncoder(encoded(table), FLOAT32, {})
    with pytest.raises(TableError, match=r"column 'plain': 'inf' is infinite or too large"):
        encode(table.frame.to_dicts()[3] | {"plain": 10**400})


def test_numbers_as_the_training_file_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("sum;y\n" + "".join(f"{i}.{100 + i},5;{i % 2}\n" for i in range(1, 60)))
    table = resolved(fl.read_table(path), {}, target="y", task=None)
    rows = np.arange(len(table))
    encoding = with_bins(Encoding.fit(table, "y", rows=rows), table, 4)
    encode = RowEncoder(encoding, FLOAT32, table.reading)
    assert same(encode({"sum": "7.107,5"}), compact(encoding, table, FLOAT32)[6:7])
    assert same(encode({"sum": 7107.5}), compact(encoding, table, FLOAT32)[6:7])
    with pytest.raises(TableError, match="column 'sum'"):
        encode({"sum": "7,107.5"})


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    table: Table = table_of(tmp_path)
    encode = RowEncoder(encoded(table), FLOAT32, {})
    cells = table.frame.to_dicts()[0]
    with pytest.raises(TableError, match=r"the cells: has no column 'gaps'.*did you mean 'gap'"):
        encode({("gap" if name == "gaps" else name): cell for name, cell in cells.items()})
    with pytest.raises(TableError, match="none of the columns"):
        encode({})
    for strange in ([1, 2], "gaps", None):
        with pytest.raises(TableError, match="a row is a dict or the like"):
            encode(strange)  # type: ignore[arg-type]


def test_a_row_of_a_frame_of_pandas(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    encode = RowEncoder(encoded(table), FLOAT32, {})
    series = table.frame.to_pandas().iloc[0]
    assert same(encode(series), compact(encode.encoding, table, FLOAT32)[:1])
    with pytest.raises(TableError, match="no column 'gaps'"):
        encode(series.drop("gaps"))
