"""Two columns of coordinates are encoded as one place."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.binning import ANGLES, with_bins
from fallline.data.column_data import column_from_dict, column_to_dict
from fallline.data.columns import BinnedColumn, NumberColumn, PlaceColumn, cell_columns
from fallline.data.coordinates import find_coordinates
from fallline.data.encoding import Encoding
from fallline.data.reading import as_table
from fallline.data.table import Table
from fallline.tabular.novelty import count_new
from tests.data.test_compact import table_of


def numbers(**ends: tuple[float, float]) -> list[NumberColumn]:
    return [
        NumberColumn(name, 0.0, 1.0, has_missing=False, low=low, high=high)
        for name, (low, high) in ends.items()
    ]


NORTH, EAST = (46.0, 49.0), (7.0, 10.0)


@pytest.mark.parametrize(
    ("columns", "pairs"),
    [
        ({"lat": NORTH, "lon": EAST}, [("lat", "lon")]),
        ({"Longitude": EAST, "size": (0, 9), "Latitude": NORTH}, [("Longitude", "Latitude")]),
        ({"LAT": NORTH, "LNG": EAST}, [("LAT", "LNG")]),
        ({"geo_lat": NORTH, "geo_long": EAST}, [("geo_lat", "geo_long")]),
        (
            {"pickupLat": NORTH, "pickupLon": EAST, "dropLat": NORTH, "dropLon": EAST},
            [("pickupLat", "pickupLon"), ("dropLat", "dropLon")],
        ),
        ({"easting": (4e5, 6e5), "northing": (1e6, 2e6)}, [("easting", "northing")]),
        ({"lat": NORTH, "lng_2": EAST}, []),  # of two places
        ({"lat": (46.0, 91.0), "lon": EAST}, []),  # no latitude
        ({"flat": NORTH, "long": EAST}, []),
        ({"long": EAST, "wide": NORTH}, []),
        ({"lat": NORTH, "lon": EAST, "longitude": EAST}, []),  # which of the two?
        ({"lat": NORTH}, []),
    ],
)
def test_coordinates_are_known_by_their_names(columns: dict, pairs: list) -> None:
    assert find_coordinates(numbers(**columns)) == pairs


def test_a_column_whose_kind_was_given_is_no_coordinate() -> None:
    assert find_coordinates(numbers(lat=NORTH, lon=EAST), apart=["lon"]) == []


def place_in(encoding: Encoding) -> PlaceColumn:
    return next(c for c in encoding.columns if isinstance(c, PlaceColumn))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return table_of(tmp_path)


@pytest.fixture
def encoding(table: Table) -> Encoding:
    return with_bins(Encoding.fit(table, "y", rows=np.arange(len(table))), table, 12)


def test_the_features_of_a_place_are_those_of_the_definition(
    table: Table, encoding: Encoding
) -> None:
    place = place_in(encoding)
    assert place.name == "lat, lon"
    X = np.zeros((len(table), len(place.features)))
    place.fill(table, X)
    start, ends = 0, []
    for each in (place.first, place.second):
        own = np.zeros((len(table), len(each.features)))
        each.fill(table, own)
        np.testing.assert_array_equal(X[:, start : start + own.shape[1]], own)
        start += own.shape[1]
        values = table.numbers(each.name)
        low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75])
        ends.append((values - middle) / (high - low))
    for angle, direction in zip(ANGLES, place.directions, strict=True):
        t = np.radians(angle)
        along = np.cos(t) * ends[0] + np.sin(t) * ends[1]
        low, middle, high = np.nanquantile(along, [0.25, 0.5, 0.75])
        z = (along - middle) / (high - low)
        edges = np.nanquantile(along, np.linspace(0, 1, 13))
        inside = np.clip((along[:, None] - edges[:-1]) / np.diff(edges), 0, 1)
        expected = np.column_stack([z / np.hypot(1, z / 3), inside - np.nanmean(inside, axis=0)])
        expected[np.isnan(along)] = 0.0
        stop = start + len(direction.bins.features)
        np.testing.assert_allclose(X[:, start:stop], expected, atol=1e-12)
        start = stop
    assert start == X.shape[1]
    assert np.isnan(along).sum() > 3


def test_the_bins_of_a_place_start_at_zero(encoding: Encoding) -> None:
    place = place_in(encoding)
    first = encoding.feature_names.index(place.features[0])
    zero = encoding.starts_at_zero[first : first + len(place.features)]
    assert [name for name, z in zip(place.features, zero, strict=True) if not z] == [
        "lat", "lat is missing", "lon", "lon is missing", *(f"lat, lon at {a:g}°" for a in ANGLES)
    ]  # fmt: skip


def test_a_place_counts_as_two_columns_of_the_table(table: Table, encoding: Encoding) -> None:
    names = [column.name for column in encoding.cells]
    assert {"lat", "lon"} < set(names)
    assert cell_columns([place_in(encoding)]) == [
        place_in(encoding).first,
        place_in(encoding).second,
    ]
    with pytest.raises(fl.TableError, match="'lon'"):
        encoding.transform(table.without(["lon"]))


def test_no_number_is_too_far_out(table: Table, encoding: Encoding) -> None:
    place = place_in(encoding)
    far = np.array([1e308, -1e308, 1e308, 47.0])
    for part, values in zip(place.parts, place.values(far, -far), strict=True):
        X = np.zeros((4, len(part.features)))
        part.fill_values(values, X)
        assert np.isfinite(X).all()


def test_it_goes_through_a_file(table: Table, encoding: Encoding) -> None:
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict(), allow_nan=False)))
    assert again == encoding
    assert (again.transform(table) == encoding.transform(table)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["coordinates"].pop(),
        lambda data: data["coordinates"].reverse() or data["coordinates"][0].pop("binned"),
        lambda data: data["coordinates"].__setitem__(1, data["coordinates"][0]),
        lambda data: data["directions"][0].update(weights=[1.0]),
        lambda data: data["directions"][0].update(weights=[1.0, 2.0]),
        lambda data: data["directions"][0]["bins"].update(has_missing=True),
        lambda data: data["directions"][0]["bins"].update(kind="text"),
        lambda data: data.pop("directions"),
    ],
)
def test_a_place_that_is_none_is_refused(encoding: Encoding, change: object) -> None:
    data = json.loads(json.dumps(column_to_dict(place_in(encoding))))
    change(data)  # type: ignore[operator]
    with pytest.raises((ValueError, TypeError, LookupError)):
        column_from_dict(data)


def test_few_values_say_no_place() -> None:
    lon, y = np.linspace(7, 10, 100), np.arange(100.0) % 7
    frame = pl.DataFrame({"lat": [46.0, 47.0] * 50, "lon": lon, "y": y})
    model = fl.train_table(frame, "y", epochs=1, preset="quick", baseline=False)
    assert [type(c) for c in model.encoding.columns] == [BinnedColumn, BinnedColumn]
    assert not any("place" in note for note in model.encoding.notes)


def test_a_direction_across_a_line_of_places_is_left_out() -> None:
    t = np.linspace(-1, 1, 101)
    frame = pl.DataFrame({"lat": 47 + t, "lon": 8 - 2 * t, "y": t})
    model = fl.train_table(frame, "y", epochs=1, preset="quick", baseline=False)
    place = place_in(model.encoding)
    assert [each.bins.name for each in place.directions] == [
        f"lat, lon at {angle:g}°" for angle in ANGLES if angle != 45
    ]


def stripes(n: int = 600) -> pl.DataFrame:
    """Stripes askew to both axes, which neither coordinate shows alone."""
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(40, 42, n), rng.uniform(-74, -72, n)
    y = np.sin(4 * (lat + lon)) + 0.1 * rng.normal(size=n)
    return pl.DataFrame({"lat": lat, "lon": lon, "y": y})


def test_a_place_is_learnt_better_than_its_coordinates_apart() -> None:
    how = {"seed": 0, "preset": "quick", "baseline": False, "test": 0.3}
    together = fl.train_table(stripes(), "y", **how)
    apart = fl.train_table(stripes(), "y", types={"lat": "number"}, **how)
    assert any("'lat' and 'lon' are read as one place" in note for note in together.encoding.notes)
    assert [c.name for c in apart.encoding.columns] == ["lat", "lon"]
    errors = [m.facts["scores"]["test"]["network"]["rmse"] for m in (together, apart)]
    assert errors[0] < 0.7 * errors[1]


def test_a_place_is_explained_as_one() -> None:
    model = fl.train_table(stripes(200), "y", epochs=5, preset="quick", baseline=False)
    found = fl.explain(model, stripes(200), rows=[3])
    assert found.columns == ("lat, lon",)
    assert len(found.cells[0][0].split(", ")) == 2


def test_the_dependence_on_a_place_is_at_the_places_of_rows() -> None:
    table = stripes(200).with_columns(
        pl.when(pl.col("lat") > 41.8).then(None).otherwise(pl.col("lat")).alias("lat")
    )
    model = fl.train_table(table, "y", epochs=5, preset="quick", baseline=False)
    found = fl.explain(model, table).dependence("lat, lon")
    assert found is not None
    assert (found.axes, found.labels, found.curves.shape[0]) == (("lon", "lat"), (), 0)
    known = table.drop_nulls("lat")
    np.testing.assert_allclose(found.values, known.select("lon", "lat").to_numpy(), rtol=1e-9)
    alone = model.predict(known).values  # no other column: the mean is the row's own prediction
    np.testing.assert_allclose(found.predicted[:, 0], alone, rtol=1e-5, atol=1e-5)


def test_a_model_with_a_place_needs_a_newer_reader(tmp_path: Path) -> None:
    model = fl.train_table(stripes(200), "y", epochs=1, preset="quick", baseline=False)
    model.save(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    assert b'\\"format\\": 4' in raw[:200_000]
    again = fl.TableModel.load(tmp_path / "m")
    assert (again.predict(stripes(200)).values == model.predict(stripes(200)).values).all()


def test_what_is_new_is_told_by_column() -> None:
    model = fl.train_table(stripes(200), "y", epochs=1, preset="quick", baseline=False)
    frame = pl.DataFrame({"lat": [41.0, 95.0], "lon": [-73.0, -73.0]})
    new = count_new(model.encoding, as_table(frame))
    assert [(each.column, each.outside) for each in new] == [("lat", 1)]


def test_the_encoder_of_frames_knows_places() -> None:
    X = stripes(200).drop("y")
    encoder = fl.TableEncoder().fit(X)
    model = fl.train_table(stripes(200), "y", epochs=1, preset="quick", baseline=False)
    assert encoder.get_feature_names_out().tolist()[-1].startswith("lat, lon at 157.5° from ")
    assert encoder.n_features_in_ == 2
    assert encoder.notes_ == [note for note in model.encoding.notes if "place" in note]
    apart = fl.TableEncoder(types={"lon": "number"}).fit(X)
    assert apart.transform(X).shape[1] < encoder.transform(X).shape[1] / 3
    assert apart.notes_ == []
