"""Rows that are kept compactly are, bit for bit, those of the encoding."""

from pathlib import Path

import numpy as np
import pytest

import fallline as fl
from fallline.core.compact import CompactRows, dense_parts, means
from fallline.data.binning import with_bins
from fallline.data.compact import compact
from fallline.data.encoding import Encoding
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.errors import ShapeError
from fallline.saving.checkpointing import fingerprint
from fallline.tabular.fingerprints import row_hashes

TEXTS = "red", "green", "blue", "", *("odd" * x for x in range(2, 7))


def table_of(tmp_path: Path, n_rows: int = 300) -> Table:
    """All kinds of columns, with gaps: recurring values, two values, dates, texts, a place."""
    rng = np.random.default_rng(3)
    columns = {
        "plain": [f"{x:.3f}" for x in rng.normal(size=n_rows)],
        "gaps": [f"{x:.2f}" if x > 0.2 else "" for x in rng.random(n_rows)],
        "recurring": [str(x) if x > 5 else "0" for x in rng.integers(0, 9, n_rows)],
        "whole": [str(x) for x in rng.integers(1, 5, n_rows)],
        "two": [str(x) for x in rng.integers(0, 2, n_rows)],
        "pair": [("yes", "no")[x] for x in rng.integers(0, 2, n_rows)],
        "text": [TEXTS[x] for x in rng.integers(0, len(TEXTS), n_rows)],
        "day": [f"2024-{1 + x % 12:02}-{1 + x % 28:02}" for x in rng.integers(0, 400, n_rows)],
        "lat": [f"{x:.3f}" if x > 46.1 else "" for x in rng.uniform(46, 49, n_rows)],
        "size": [f"{x:.3f}" for x in rng.exponential(size=n_rows)],
        "lon": [f"{x:.3f}" if x < 9.9 else "" for x in rng.uniform(7, 10, n_rows)],
        "y": [f"{x:.3f}" for x in rng.normal(size=n_rows)],
    }  # fmt: skip
    path = tmp_path / "all.csv"
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return resolved(fl.read_table(path), {}, target="y", task=None)


def encoded(table: Table) -> Encoding:
    return with_bins(Encoding.fit(table, "y", rows=np.arange(200)), table.take(np.arange(200)), 12)


@pytest.fixture
def rows(tmp_path: Path) -> tuple[np.ndarray, CompactRows]:
    table = table_of(tmp_path)
    encoding = encoded(table)
    return encoding.transform(table), compact(encoding, table, np.dtype("float64"))


def test_the_features_without_bins(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    encoding = encoded(table)
    X, found = encoding.transform(table), compact(encoding, table, np.dtype("float64"))
    kept = np.asarray(found.without_bins())
    assert kept.tobytes() == X[:, ~encoding.starts_at_zero].tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_features_are_those_of_the_encoding_to_the_bit(tmp_path: Path, dtype: str) -> None:
    table = table_of(tmp_path)
    encoding = encoded(table)
    X, found = encoding.transform(table, dtype), compact(encoding, table, np.dtype(dtype))
    assert found.shape == X.shape
    assert found.dtype == X.dtype
    assert np.array_equal(np.asarray(found).view(np.uint8), X.view(np.uint8))
    assert len(found.map.lookups) > found.map.n_fractions > 3  # bins and categories, both
    assert found.map.numbers


def test_numbers_beyond_the_training_rows_and_on_the_edges(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    encoding = encoded(table)
    column = next(c for c in encoding.columns if c.name == "plain")
    far = [*column.edges, -1e300, 1e300, column.edges[0] - 1, column.edges[-1] + 1, 1e-300]
    lines = (tmp_path / "all.csv").read_text().splitlines()
    rest = lines[1].split(",", 1)[1]
    path = tmp_path / "far.csv"
    path.write_text("\n".join([lines[0], *(f"{x!r},{rest}" for x in far)]) + "\n")
    later = fl.read_table(path)
    X, found = encoding.transform(later), compact(encoding, later, np.dtype("float64"))
    assert np.array_equal(np.asarray(found), X)


def test_parts_are_those_of_the_array(rows: tuple[np.ndarray, CompactRows]) -> None:
    X, found = rows
    order = np.random.default_rng(0).permutation(len(X))
    assert np.array_equal(np.asarray(found[order]), X[order])
    assert np.array_equal(np.asarray(found[10:20]), X[10:20])
    assert np.array_equal(np.asarray(found[X[:, 0] > 0]), X[X[:, 0] > 0])
    assert np.array_equal(np.asarray(CompactRows.joined([found[:50], found[50:]])), X)
    assert np.array_equal(np.asarray(found, dtype="float32"), X.astype("float32"))
    assert np.concatenate(list(dense_parts(found))).shape == X.shape
    np.testing.assert_allclose(means(found), X.mean(axis=0), rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="each time"):
        np.asarray(found, copy=False)


def test_a_hash_is_that_of_the_array(rows: tuple[np.ndarray, CompactRows]) -> None:
    X, found = rows
    y = np.arange(float(len(X)))
    assert np.array_equal(row_hashes(found, y), row_hashes(X, y))
    assert fingerprint(found, y) == fingerprint(X, y)


def test_a_network_takes_them_as_an_array(rows: tuple[np.ndarray, CompactRows]) -> None:
    X, found = rows
    net = fl.Network([X.shape[1], 16, 1], loss="squared_error")
    assert np.array_equal(net.predict(found), net.predict(X))
    other = fl.Network([3, 16, 1], loss="squared_error")
    with pytest.raises(ShapeError, match="one column per input"):
        fl.train(other, found, np.zeros(len(X)), epochs=1)
