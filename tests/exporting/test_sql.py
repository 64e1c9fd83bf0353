"""The exported SELECT in SQLite and DuckDB, on tables as people keep them there."""

import csv
import datetime
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import fallline as fl

COLUMNS = (
    "id INTEGER, day DATE, moment TIMESTAMP, size DOUBLE, few INTEGER, kind TEXT, flag BOOLEAN"
)

WRONG = ("big", "-", "1,5", "1e400", "1.2.3", "1e", "e5", "--1", "1-2", "1e2e3", "1e2.5", "+")


def rows_of(n: int = 240) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(5)
    made = []
    for i in range(n):
        moment = datetime.datetime(2019, 2, 20, 6, 30) + datetime.timedelta(minutes=53 * i * i)
        gap = rng.random(6) < 0.08
        cells = (
            moment.date(),
            moment,
            round(float(rng.normal(5, 2)), 3),
            int(rng.integers(0, 4)),
            ["oak", "ash", "élan's"][i % 3],
            bool(i % 2),
        )
        made.append((i, *(None if g else c for g, c in zip(gap, cells, strict=True))))
    return made


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str, np.ndarray]:
    """The model, its SELECT, and its predictions of the rows."""
    folder = tmp_path_factory.mktemp("sql")
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([part.split()[0] for part in COLUMNS.split(", ")] + ["y"])
        for row in rows_of():
            y = (row[3] or 4) * 2 + (row[4] or 0) + bool(row[6])
            writer.writerow([*("" if cell is None else cell for cell in row), f"{y:.3f}"])
    table = fl.read_table(folder / "t.csv")
    types = {"id": "skip", "few": "text"}
    model = fl.train_table(table, "y", preset="quick", baseline=False, types=types)
    fl.export(model, folder / "m.sql", table="shop.orders")
    return model, (folder / "m.sql").read_text(), model.predict(table).values


def test_duckdb_and_its_own_types(written: tuple[Any, str, np.ndarray]) -> None:
    _, statement, expected = written
    base = duckdb.connect()
    base.execute("CREATE SCHEMA shop")
    base.execute(f"CREATE TABLE shop.orders ({COLUMNS})")
    base.executemany("INSERT INTO shop.orders VALUES (?, ?, ?, ?, ?, ?, ?)", rows_of())
    base.execute(f"CREATE TABLE scored AS {statement}")
    found = base.execute("SELECT id, size, prediction FROM scored ORDER BY id").fetchall()
    assert [(i, size) for i, size, _ in found] == [(row[0], row[3]) for row in rows_of()]
    np.testing.assert_allclose(
        [p for *_, p in found], expected, rtol=2e-6, atol=1e-5
    )  # float32, up to 16
    base.execute("UPDATE shop.orders SET size = 'infinity' WHERE id = 3")
    base.execute("UPDATE shop.orders SET size = 'nan' WHERE id = 4")
    again = base.execute(f"SELECT id, prediction FROM ({statement.rstrip().rstrip(';')})")
    values = dict(again.fetchall())
    assert values[3] is None
    assert values[4] is not None
    assert values[5] == found[5][2]
    base.close()


@pytest.mark.parametrize("affinity", ["", "TEXT"])
def test_sqlite_and_texts(written: tuple[Any, str, np.ndarray], affinity: str) -> None:
    """As an import of CSV leaves them: all texts, gaps as marks, dates as texts or days."""
    _, statement, expected = written
    base = sqlite3.connect(":memory:")
    base.execute("ATTACH ':memory:' AS shop")
    names = [part.split()[0] for part in COLUMNS.split(", ")]
    base.execute(f"CREATE TABLE shop.orders ({', '.join(f'{n} {affinity}' for n in names)})")
    for row in rows_of():
        cells = [str(cell) if cell is not None else ["", "NA", None][row[0] % 3] for cell in row]
        if row[0] % 5 == 0 and row[1] is not None:
            cells[1] = str((row[1] - datetime.date(1970, 1, 1)).days)
        if row[0] % 7 == 0 and row[4] is not None:
            cells[4] = f" {row[4]}.0 "
        base.execute("INSERT INTO shop.orders VALUES (?, ?, ?, ?, ?, ?, ?)", cells)
    found = [row[-1] for row in base.execute(statement)]
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-5)
    for wrong in WRONG:
        base.execute("UPDATE shop.orders SET size = ? WHERE id = '3'", (wrong,))
        value = list(base.execute(statement))[3][-1]
        assert (value is None) == (wrong != "-"), wrong  # "-" marks a gap among numbers
    base.execute("UPDATE shop.orders SET size = '4', day = '31.12.2020' WHERE id = '3'")
    assert list(base.execute(statement))[3][-1] is None
    base.execute("ALTER TABLE shop.orders RENAME COLUMN kind TO sort")
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        base.execute(statement)
    base.close()


def test_every_activation_in_duckdb(tmp_path: Path, rng: np.random.Generator) -> None:
    from fallline.core.activations import ACTIVATIONS

    sizes = [3, *[4] * len(ACTIVATIONS), 3]
    network = fl.Network(sizes, hidden=list(ACTIVATIONS), loss="cross_entropy", seed=1)
    network.parameters = rng.normal(size=network.n_parameters)
    fl.export(network, tmp_path / "m.sql")
    X = rng.normal(0.0, 20.0, size=(60, 3))
    base = duckdb.connect()
    base.execute("CREATE TABLE data (x0 DOUBLE, x1 DOUBLE, x2 DOUBLE)")
    base.executemany("INSERT INTO data VALUES (?, ?, ?)", X.tolist())
    found = base.execute((tmp_path / "m.sql").read_text()).fetchall()
    assert [row[4] for row in found] == network.predict(X).tolist()
    np.testing.assert_allclose([row[5:] for row in found], network.predict_proba(X), atol=1e-12)
    base.close()


@pytest.mark.parametrize("table", ["given", "cells", "a1", "z1", "select", "Order Items"])
def test_a_table_may_be_called_anything(table: str, tmp_path: Path) -> None:
    network = fl.Network([2, 3, 1], loss="squared_error", seed=0)
    made = fl.export(network, tmp_path / "m.sql", table=table)
    assert made.proof is not None
    assert made.proof.difference is not None


def test_what_sql_cannot_hold(tmp_path: Path) -> None:
    wide = fl.Network([2, 2_000, 1], loss="squared_error", seed=0)
    with pytest.raises(fl.ParameterError, match="needs table expressions of 2,006 columns"):
        fl.export(wide, tmp_path / "m.sql")
    small = fl.Network([2, 1], loss="squared_error", seed=0)
    with pytest.raises(fl.ParameterError, match="NAME or SCHEMA.NAME"):
        fl.export(small, tmp_path / "m.sql", table="shop.")
    deep = fl.Network([4, 1_500, 1], loss="squared_error", seed=0)  # a sum of 1,500 terms
    made = fl.export(deep, tmp_path / "m.sql")
    assert made.proof is not None
    assert made.proof.difference is not None
