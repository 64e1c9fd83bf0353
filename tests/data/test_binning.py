"""Numbers in bins: edges, components, levels, pairs, gaps, far values, and the way into a file."""

import json

import numpy as np
import polars as pl
import pytest

from fallline.arrays import Array
from fallline.data.binning import bins_for, with_bins
from fallline.data.column_data import column_from_dict, column_to_dict
from fallline.data.columns import BinnedColumn, PairColumn
from fallline.data.encoding import Encoding
from fallline.data.piecewise import bin_edges, components, recurring_levels, smooth_unclip
from fallline.data.table import Table


def table(n: int = 400) -> Table:
    rng = np.random.default_rng(20261126)
    smooth = rng.normal(50, 10, n)
    gaps = np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n))
    frame = pl.DataFrame(
        {
            "smooth": smooth,
            "gaps": gaps,
            "mostly 0": np.where(rng.random(n) < 0.7, 0, rng.integers(1, 9, n) * 100),
            "flag": rng.integers(0, 2, n) * 5 + 1,
            "sex": rng.choice(["f", "m"], n).tolist(),
            "asked": [["yes", "no", None][i] for i in rng.integers(0, 3, n)],
            "town": rng.choice(["Ulm", "Bern", "Graz"], n).tolist(),
            "y": (smooth > 50).astype(int),
        }
    ).with_columns(pl.col("gaps").fill_nan(None))
    return Table(frame, "made.csv", np.arange(2, n + 2))


def encoded(bins: int = 8) -> tuple[Encoding, Table]:
    made = table()
    rows = np.arange(len(made))
    return with_bins(Encoding.fit(made, "y", rows=rows), made, bins), made


def column(encoding: Encoding, name: str) -> BinnedColumn:
    found = next(c for c in encoding.columns if c.name == name)
    assert isinstance(found, BinnedColumn)
    return found


def features(one: BinnedColumn, *values: float) -> Array:
    out = np.zeros((len(values), len(one.features)))
    one.fill_values(np.array(values), out)
    return out


def test_components_are_those_of_the_definition() -> None:
    edges = np.array([0.0, 1.0, 3.0, 7.0])
    out = np.zeros((5, 3))
    components(np.array([-4.0, 0.5, 2.0, 7.0, 1e300]), edges, out)
    assert out.tolist() == [[0, 0, 0], [0.5, 0, 0], [1, 0.5, 0], [1, 1, 1], [1, 1, 1]]


def test_a_number_has_its_place_scale_and_means() -> None:
    encoding, made = encoded()
    one = column(encoding, "smooth")
    X = encoding.transform(made)[:, : len(one.features)]
    values = made.numbers("smooth")
    q = np.quantile(values, [0.25, 0.5, 0.75])
    z = (values - q[1]) / (q[2] - q[0])
    np.testing.assert_allclose(X[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-12)
    np.testing.assert_allclose(X[:, 1:].mean(axis=0), 0.0, atol=1e-12)
    assert len(one.edges) == 9
    assert one.starts_at_zero == slice(1, 9)
    np.testing.assert_allclose(one.values(X), values, rtol=1e-9)
    assert list(encoding.starts_at_zero[: len(one.features)]) == [False] + [True] * 8


def test_missing_numbers_are_zeros_and_marked() -> None:
    encoding, _ = encoded()
    one = column(encoding, "gaps")
    assert one.features[-1] == "gaps is missing"
    assert features(one, np.nan).tolist() == [[0.0] * (len(one.features) - 1) + [1.0]]
    unseen = column(encoding, "smooth")  # had no gap in training
    assert not features(unseen, np.nan).any()


def test_recurring_values_are_one_hot_and_take_no_bins() -> None:
    encoding, _ = encoded()
    one = column(encoding, "mostly 0")
    assert one.levels[0] == 0.0
    assert len(one.edges) > 6  # though 0 alone has most of the quantiles
    found = features(one, 0.0, 100.0, 150.0)[:, 1 : 1 + len(one.levels)]
    assert found[0].tolist() == [1.0] + [0.0] * (len(one.levels) - 1)
    assert found[1].sum() == 1.0
    assert not found[2].any()
    assert recurring_levels(np.arange(100.0)).tolist() == []


def test_two_values_are_minus_one_and_one() -> None:
    encoding, made = encoded()
    one = column(encoding, "flag")
    np.testing.assert_allclose(features(one, 1.0, 6.0, 3.5), [[-1.0], [1.0], [0.0]], atol=1e-12)
    assert abs(features(one, 1e9)[0, 0]) <= 3  # a value never seen does no harm
    assert one.describe() == "-1 for 1, 1 for 6"
    sex = next(c for c in encoding.columns if c.name == "sex")
    asked = next(c for c in encoding.columns if c.name == "asked")
    assert isinstance(sex, PairColumn)
    assert isinstance(asked, PairColumn)
    assert sex.features == ["sex: f or m"]
    out = np.zeros((len(made), 2))
    asked.fill(made, out)
    cells = made.frame["asked"].to_list()
    expected = {"yes": [1.0, 0.0], "no": [-1.0, 0.0], None: [0.0, 1.0]}
    assert out.tolist() == [expected[cell] for cell in cells]


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, 0.0])
def test_no_number_is_too_far_out(value: float) -> None:
    encoding, _ = encoded()
    for name in ("smooth", "gaps", "mostly 0", "flag"):
        found = features(column(encoding, name), value)
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 3.0 + 1e-9


def test_it_goes_through_a_file() -> None:
    encoding, made = encoded()
    text = json.dumps(encoding.to_dict(), allow_nan=False)
    again = Encoding.from_dict(json.loads(text))
    assert again == encoding
    assert (again.transform(made) == encoding.transform(made)).all()
    assert again.describe() == encoding.describe()


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [1.0, 1.0, 2.0]},
        {"edges": [2.0, 1.0]},
        {"edges": [1.0]},
        {"centers": [0.5]},
        {"spread": 0.0},
        {"levels": [3.0, 2.0]},
        {"median": "x"},
    ],
)
def test_bins_that_are_none_are_refused(change: dict) -> None:
    encoding, _ = encoded()
    data = column_to_dict(column(encoding, "smooth"))
    data["binned"] |= change
    with pytest.raises((ValueError, TypeError)):
        column_from_dict(data)


def test_a_file_of_an_earlier_version_has_no_bins() -> None:
    data = {"kind": "number", "name": "x", "mean": 1.0, "scale": 2.0, "has_missing": False}
    assert not isinstance(column_from_dict(data), BinnedColumn)


def test_how_many_bins() -> None:
    assert [bins_for(n) for n in (10, 1_000, 4_000, 30_000, 200_000, 10**8)] == [
        8,
        15,
        31,
        48,
        23,
        8,
    ]
    made = pl.DataFrame({f"x{i}": np.random.default_rng(i).normal(size=50) for i in range(100)})
    wide = Table(made.with_columns(y=pl.Series(range(50)) % 2), "wide.csv", np.arange(50))
    encoding = with_bins(Encoding.fit(wide, "y", rows=np.arange(50)), wide, 48)
    assert {len(c.centers) for c in encoding.columns if isinstance(c, BinnedColumn)} == {10}


def test_edges_merge_and_span_the_values() -> None:
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=300), rng.integers(0, 5, 300) * 1.0, rng.zipf(1.5, 300) * 1.0):
        for bins in (1, 2, 7, 48):
            edges = bin_edges(values, bins)
            assert len(edges) <= bins + 1
            assert (np.diff(edges) > 0).all()
            assert (edges[0], edges[-1]) == (values.min(), values.max())
    assert smooth_unclip(np.zeros(1)).tolist() == [0.0]
