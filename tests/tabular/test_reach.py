"""How far out numbers stay nearly a straight line: the error by which that is chosen, and when."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.arrays import Array
from fallline.data.binning import with_bins
from fallline.data.columns import BinnedColumn
from fallline.data.encoding import Encoding
from fallline.data.table import Table
from fallline.tabular.baselines import ridge
from fallline.tabular.reach import left_out_error, with_reach


def encoding_of(x: Array, y: Array) -> tuple[Encoding, Table]:
    frame = pl.DataFrame({"x": x, "even": np.linspace(0.0, 1.0, len(x)), "y": y})
    table = Table(frame, "made.csv", np.arange(2, len(x) + 2))
    plain = Encoding.fit(table, "y", rows=np.arange(len(x)))
    return with_bins(plain, table, 8), table


def spreads(encoding: Encoding) -> list[float]:
    return [column.spread for column in encoding.columns if isinstance(column, BinnedColumn)]


def far_out(n: int = 300) -> Array:
    """Numbers of which some lie a hundred times as far out as most."""
    return np.exp(np.random.default_rng(7).normal(size=n) * 2.0)


def test_the_error_is_that_of_leaving_each_row_out() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    errors = []
    for i in range(30):
        rest = np.arange(30) != i
        w = ridge(X[rest], y[rest], None)
        errors.append(y[i] - float(X[i] @ w[:-1] + w[-1]))
    expected = np.sqrt(np.mean(np.square(errors)))
    assert left_out_error(X, y) == pytest.approx(expected, rel=1e-10)


def test_a_target_that_follows_a_long_tail_widens_its_column_alone() -> None:
    x = far_out()
    before, table = encoding_of(x, 3.0 * x + np.sin(np.arange(len(x))))
    after = with_reach(before, table)
    (tail, even), (tail_before, even_before) = spreads(after), spreads(before)
    assert even == even_before
    middle, last = np.median(x), np.quantile(x, 0.995)
    assert tail > 5 * tail_before
    assert tail == pytest.approx((last - middle) / 1.0)


def test_a_target_that_does_not_leaves_the_encoding_as_it_is() -> None:
    x = far_out()
    before, table = encoding_of(x, np.minimum(x, 1.0) + 0.01 * np.sin(np.arange(len(x))))
    assert with_reach(before, table) is before


def test_classes_counts_and_columns_without_tails_are_left() -> None:
    x = far_out()
    classes, table = encoding_of(x, (x > 1).astype(float))
    assert classes.task == "binary"
    assert with_reach(classes, table) is classes
    flat, table = encoding_of(np.linspace(-1, 1, 300), np.linspace(0, 7, 300) ** 1.5)
    assert with_reach(flat, table) is flat


def test_missing_numbers_and_the_file_keep_the_spread(tmp_path: Path) -> None:
    x = far_out(400)
    y = 3.0 * x + np.cos(np.arange(400))
    x[::10] = np.nan
    frame = pl.DataFrame({"x": x, "y": y}).with_columns(pl.col("x").fill_nan(None))
    model = fl.train_table(frame, "y", preset="quick", seed=1)
    known = x[~np.isnan(x)]
    column = model.encoding.columns[0]
    assert isinstance(column, BinnedColumn)
    assert column.spread > 5 * np.subtract(*np.quantile(known, [0.75, 0.25]))
    model.save(tmp_path / "m.safetensors")
    assert fl.TableModel.load(tmp_path / "m.safetensors").encoding == model.encoding
