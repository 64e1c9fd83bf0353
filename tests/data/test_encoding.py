"""The task, the kinds of the columns, the features, and the target, on small tables."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.data.column_data import column_from_dict, column_to_dict
from fallline.data.columns import DateColumn
from fallline.data.dates import column_seconds
from fallline.data.encoding import Encoding
from fallline.data.reading import read_table
from fallline.data.table import Table
from fallline.data.targets import find_classes, guess_task, rows_with_target, strata
from fallline.errors import ModelFileError, ParameterError, TableError

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
Cells = Sequence[object]


def table(**columns: Cells) -> Table:
    texts = {k: [None if v is None else str(v) for v in cells] for k, cells in columns.items()}
    frame = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String))
    return Table(frame, "t.csv", np.arange(2, 2 + frame.height))


def fit(data: Table, n_rows: int | None = None, **options: object) -> Encoding:
    rows = np.arange(len(data) if n_rows is None else n_rows)
    return Encoding.fit(data, "y", rows=rows, **options)  # type: ignore[arg-type]


def task_of(cells: Cells) -> str:
    return guess_task(table(y=cells), "y", np.arange(len(cells)))


def kinds(encoding: Encoding) -> dict[str, str]:
    return {name: kind for name, kind, _ in encoding.describe()}


def refusal(data: Table, n_rows: int | None = None, **options: object) -> str:
    with pytest.raises(TableError) as caught:
        fit(data, n_rows, **options)
    return str(caught.value)


YES_NO = ["yes", "no"] * 20
NUMBERS = [3.5, 1.0, 2.5, 7.0] * 10


# ---- the task


def test_task_of_a_target() -> None:
    assert task_of(["a", "b", "a"]) == "binary"
    assert task_of(["a", "b", "c", "a"]) == "classes"
    assert task_of(["1.5", "2.5", "1.5"]) == "binary"
    assert task_of([0, 1]) == "binary"
    assert task_of([1, 2, 3] * 10) == "classes"
    assert task_of([1, 2, 3] * 9) == "numbers"  # fewer than 10 rows a value
    assert task_of([1, 2, 3.5] * 10) == "numbers"
    assert task_of(list(range(10)) * 10) == "classes"
    assert task_of(list(range(11)) * 10) == "counts"
    assert task_of(list(range(1, 12)) * 10) == "numbers"  # none is 0
    assert task_of([*range(11), 1001] * 10) == "numbers"
    assert task_of([0.5, *range(10)] * 10) == "numbers"
    assert task_of(["1", "1.0", "2"]) == "binary"  # two numbers, in three texts


def test_targets_that_teach_nothing() -> None:
    with pytest.raises(TableError, match=r"column 'y' has only one value \('a'\)"):
        task_of(["a", "a"])
    with pytest.raises(TableError, match="only one value"):
        task_of(["1", "1.0"])
    with pytest.raises(TableError, match="another text in every row"):
        task_of([f"name {i}" for i in range(11)])


def test_a_text_among_the_numbers_of_a_target() -> None:
    with pytest.raises(TableError) as caught:
        task_of([*range(11), "x"])
    assert "t.csv, line 13, column 'y': 'x' is not a number, while 11 others" in str(caught.value)
    assert "or --task classes" in str(caught.value)
    with pytest.raises(TableError, match="line 4, column 'y': '1e999' is infinite"):
        task_of([1.5, 2, "1e999"])


def test_rows_without_a_target_are_counted() -> None:
    data = table(y=["a", None, "b", None])
    rows, set_aside = rows_with_target(data, "y")
    assert rows.tolist() == [0, 2]
    assert set_aside == 2
    with pytest.raises(TableError, match="is empty in every row"):
        rows_with_target(table(y=[None, None]), "y")
    with pytest.raises(TableError, match=r"no column 'Y' \(did you mean 'y'\?\)"):
        rows_with_target(data, "Y")


def test_task_overrides() -> None:
    data = table(x=NUMBERS, y=[0, 1, 2, 3] * 10)
    assert fit(data).task == "classes"
    numbers = fit(data, task="numbers")
    assert numbers.classes == ()
    assert numbers.target_mean == 1.5
    assert numbers.target_scale == pytest.approx(1.25**0.5)
    assert "has 4: '0', '1', '2', '3', ...; use the task 'classes'" in refusal(data, task="binary")
    with pytest.raises(ParameterError, match="did you mean 'numbers'"):
        fit(data, task="number")
    assert "line 2, column 'y': 'yes' is not a number;" in refusal(
        table(x=NUMBERS, y=YES_NO), task="numbers"
    )
    constant = table(x=NUMBERS, y=[1] * 40)
    assert "is 1 in every training row" in refusal(constant, task="numbers")
    assert "has only one value" in refusal(constant, task="classes")


def test_classes_in_order() -> None:
    assert find_classes(table(y=["10", "9", "2.0"]), "y", "classes") == ("2.0", "9", "10")
    assert find_classes(table(y=["b", "a", "10", "9"]), "y", "classes") == ("10", "9", "a", "b")
    assert find_classes(table(y=["1.0", "1", "1", "0"]), "y", "binary") == ("0", "1")


def test_strata() -> None:
    data = table(y=["b", None, "a", "b"])
    codes = strata(data, "y", [0, 2, 3], "binary")
    assert codes is not None
    assert codes.tolist() == [1, 0, 1]
    assert strata(data, "y", [0, 2, 3], "numbers") is None


# ---- numbers


def test_numbers_are_standardised_by_the_training_rows() -> None:
    data = table(x=[1, 3, None, 100, None], y=[0, 1, 0, 1, 1])
    encoding = fit(data, 3)
    assert encoding.feature_names == ["x", "x is missing"]
    expected = [[-1, 0], [1, 0], [0, 1], [98, 0], [0, 1]]
    np.testing.assert_array_equal(encoding.transform(data), expected)
    assert encoding.transform(data, np.float32).dtype == np.float32


def test_missing_at_prediction_only_is_the_mean() -> None:
    encoding = fit(table(x=[1, 3], y=[0, 1]))
    assert encoding.feature_names == ["x"]
    np.testing.assert_array_equal(encoding.transform(table(x=[None, 5])), [[0], [3]])


def test_a_text_among_numbers() -> None:
    data = table(**{"an x": [*range(0, 78, 2), "oops"]}, y=YES_NO)
    message = refusal(data)
    assert "t.csv, line 41, column 'an x': 'oops' is not a number, while 39 others are" in message
    assert "--missing 'oops'" in message
    assert "--types 'an x'=text" in message
    assert "line 41" in refusal(data, types={"an x": "number"})
    encoding = fit(data, 39)  # the stray text is not among the training rows
    with pytest.raises(TableError, match="line 41, column 'an x': 'oops' is not a number"):
        encoding.transform(data)


def test_a_tenth_of_texts_makes_a_text_column() -> None:
    ten = [f"{i}" for i in range(2)] * 18
    assert "is not a number" in refusal(table(x=[*ten, "a", "a", "b", "b"], y=YES_NO))
    encoding = fit(table(x=[*ten[:35], "a", "a", "b", "b", "b"], z=NUMBERS, y=YES_NO))
    assert kinds(encoding)["x"] == "text"
    small = fit(table(x=[1, 1, 1, 1, 2, 2, 2, 2, "a"], y=list("ababababa")))
    assert kinds(small)["x"] == "text"  # too few cells to judge by


def test_infinite_numbers() -> None:
    for text in ("inf", "-Infinity", "1e999"):
        assert f"line 3, column 'x': '{text}' is infinite" in refusal(
            table(x=[1, text, 2, 3], y=[0, 1, 0, 1])
        )
    encoding = fit(table(x=[1, 2], y=[0, 1]))
    with pytest.raises(TableError, match="line 2, column 'x': 'inf' is infinite"):
        encoding.transform(table(x=["inf"]))


def test_numbers_out_of_reach() -> None:
    assert "too large to standardise" in refusal(table(x=["1e308", "-1e308"], y=[0, 1]))
    encoding = fit(table(x=[1, 1.001], y=[0, 1]))
    with pytest.raises(TableError, match="line 3, column 'x': '1e307' is too far"):
        encoding.transform(table(x=[1, "1e307"]))
    with pytest.raises(TableError, match="'1e39' is too far"):
        encoding.transform(table(x=["1e39"]), np.float32)


def test_constant_and_empty_columns() -> None:
    data = table(
        x=NUMBERS, zero=[0.1] * 40, text=["a"] * 40, none=[None] * 40, flag=[1, None] * 20, y=YES_NO
    )
    encoding = fit(data)
    assert encoding.feature_names == ["x", "flag=1", "flag=(missing)"]
    assert encoding.notes == (
        "column 'zero' is set aside: it is 0.1 in every training row",
        "column 'text' is set aside: it is 'a' in every training row",
        "column 'none' is set aside: it is empty in every training row",
    )
    assert "no column is left to learn from; column 'x' is set aside" in refusal(
        table(x=[1, 1], y=[0, 1])
    )
    assert "no column is left" in refusal(table(y=[0, 1]))


def test_row_numbers() -> None:
    data = table(id=range(7, 47), x=NUMBERS, y=YES_NO)
    encoding = fit(data, 30)
    assert kinds(encoding) == {"id": "skip", "x": "number"}
    assert "looks like a row number (--types 'id'=number to use it)" in encoding.notes[0]
    assert kinds(fit(data, types={"id": "number"}))["id"] == "number"
    gap = table(n=[*range(39), 40], x=NUMBERS, y=YES_NO)
    assert kinds(fit(gap, 30))["n"] == "number"
    any_order = table(id=np.random.default_rng(0).permutation(40), x=NUMBERS, y=YES_NO)
    assert kinds(fit(any_order, 30))["id"] == "skip"
    named = table(
        **{"Unnamed: 0": [*range(39), 90], "CaseId": range(0, 400, 10)}, x=NUMBERS, y=YES_NO
    )
    assert set(kinds(fit(named, 30)).values()) == {"skip", "number"}
    years = table(year=range(1980, 2020), x=NUMBERS, y=YES_NO)
    assert kinds(fit(years, 30))["year"] == "number"
    alone = fit(table(id=range(40), y=YES_NO))
    assert kinds(alone)["id"] == "number"
    assert alone.notes == ("column 'id' numbers the rows; it is used, being the only one left",)
    few = table(id=range(19), x=NUMBERS[:19], y=YES_NO[:19])
    assert kinds(fit(few))["id"] == "number"


# ---- texts


def test_one_hot() -> None:
    data = table(x=["b", "a", "b", "a", "rare", None, "new", None], y=[0, 1] * 4)
    encoding = fit(data, 6)
    assert encoding.feature_names == ["x=a", "x=b", "x=(other)", "x=(missing)"]
    expected = np.eye(4)[[1, 0, 1, 0, 2, 3, 2, 3]]
    np.testing.assert_array_equal(encoding.transform(data), expected)
    assert encoding.describe() == [
        ("x", "text", "one-hot, 2 categories + other texts + missing"),
    ]


def test_what_training_never_saw_is_zeros() -> None:
    encoding = fit(table(x=["a", "b"] * 4, y=[0, 1] * 4))
    assert encoding.feature_names == ["x=a", "x=b"]
    np.testing.assert_array_equal(
        encoding.transform(table(x=["new", None, "b"])), [[0, 0], [0, 0], [0, 1]]
    )
    other = fit(table(x=["a", "a", "b", "b", "c"], y=[0, 1, 0, 1, 0]))
    assert other.transform(table(x=[None])).tolist() == [[0, 0, 1]]  # missing is an other text


def test_categories_called_like_ours() -> None:
    encoding = fit(table(x=["(other)", "(missing)"] * 3 + ["c", None], y=[0, 1] * 4))
    assert encoding.n_features == 4
    X = encoding.transform(table(x=["(missing)", "(other)", "d", None]))
    np.testing.assert_array_equal(X, np.eye(4))


@pytest.mark.parametrize(
    ("n_rows", "enough"), [(10, 2), (299, 2), (300, 3), (1_000, 10), (9_000, 10), (20_000, 20)]
)
def test_how_many_rows_a_category_needs(n_rows: int, enough: int) -> None:
    x = ["common"] * (n_rows - 2 * enough + 1) + ["in"] * enough + ["out"] * (enough - 1)
    encoding = fit(table(x=x, y=[i % 2 for i in range(n_rows)]))
    assert encoding.feature_names == ["x=common", "x=in", "x=(other)"]


def test_at_most_100_categories() -> None:
    x = [f"{i:03}x" for i in range(101)] * 2 + [f"{i:03}x" for i in range(1, 101)]
    encoding = fit(table(x=x, y=[i % 2 for i in range(len(x))]))
    assert encoding.n_features == 101
    assert encoding.feature_names[0] == "x=001x"  # 000x is the rarest
    assert encoding.feature_names[-1] == "x=(other)"


def test_texts_that_nearly_all_differ() -> None:
    names = [f"name {i}" for i in range(40)]
    pairs = [f"ticket {i // 2}" for i in range(400)]
    assert fit(table(x=NUMBERS, name=names, y=YES_NO)).notes == (
        "column 'name' is set aside: its texts all differ",
    )
    assert fit(table(x=NUMBERS * 10, pair=pairs, y=YES_NO * 10)).notes == (
        "column 'pair' is set aside: none of its 200 texts occurs in 4 training rows",
    )


def test_types() -> None:
    data = table(x=NUMBERS, zone=[1, 2] * 20, y=YES_NO)
    encoding = fit(data, types={"x": "skip", "zone": "text"})
    assert encoding.feature_names == ["zone=1", "zone=2"]
    assert encoding.notes == ()
    with pytest.raises(TableError, match=r"no column 'Zone' \(did you mean 'zone'\?\)"):
        fit(data, types={"Zone": "text"})
    with pytest.raises(ParameterError, match=r"type of column 'x' must be one of number, text"):
        fit(data, types={"x": "integer"})
    with pytest.raises(TableError, match="is the target"):
        fit(data, types={"y": "text"})


# ---- another table


def test_columns_of_another_table() -> None:
    data = table(a=NUMBERS, b=NUMBERS[::-1], name=[f"n{i}" for i in range(40)], y=YES_NO)
    encoding = fit(data)
    swapped = table(new=["?"], b=[2.5], a=[3.5])
    np.testing.assert_array_equal(
        encoding.transform(swapped), encoding.transform(table(a=[3.5], b=[2.5]))
    )
    with pytest.raises(TableError) as caught:
        encoding.transform(table(A=[1]))
    assert "none of the columns 'a' (did you mean 'A'?), 'b'; its 1 columns" in str(caught.value)


def test_class_targets() -> None:
    encoding = fit(table(x=NUMBERS, y=YES_NO))
    y, notes = encoding.encode_target(table(y=["yes", "no"]))
    assert y.dtype == np.float64
    assert (y.tolist(), notes) == ([1.0, 0.0], [])
    assert encoding.decode_classes([1, 0]).tolist() == ["yes", "no"]
    with pytest.raises(TableError, match="line 3, column 'y': 'maybe' is not one of the 2 classes"):
        encoding.encode_target(table(y=["yes", "maybe"]))
    with pytest.raises(TableError, match="line 3, column 'y': the target is missing"):
        encoding.encode_target(table(y=["yes", None]))
    with pytest.raises(TableError, match="no column 'y'"):
        encoding.encode_target(table(x=[1]))


def test_labels_with_a_dot() -> None:
    encoding = fit(table(x=NUMBERS, y=["<=50K", ">50K"] * 20))
    y, notes = encoding.encode_target(table(y=[">50K.", "<=50K.", ">50K"]))
    assert y.tolist() == [1, 0, 1]
    assert notes == ["'y': labels with a dot at the end ('<=50K.', '>50K.') are read without it"]
    with pytest.raises(TableError, match=r"line 3, column 'y': '50K\.' is not one"):
        encoding.encode_target(table(y=[">50K.", "50K."]))
    known = fit(table(x=NUMBERS, y=["a", "a."] * 20))
    assert known.encode_target(table(y=["a.", "a"]))[0].tolist() == [1, 0]


def test_numbered_classes_in_another_spelling() -> None:
    encoding = fit(table(x=NUMBERS, y=[0, 1] * 20))
    y, notes = encoding.encode_target(table(y=["1.0", "0", "1."]))
    assert (y.tolist(), notes) == ([1, 0, 1], [])


def test_number_targets() -> None:
    encoding = fit(table(x=NUMBERS, y=[2.5, 4.5, 6.0, 7.0] * 10))
    y, _ = encoding.encode_target(table(y=[5.0, 7.0]))
    assert y[0] == 0
    np.testing.assert_allclose(encoding.decode_numbers(y), [5.0, 7.0])
    with pytest.raises(TableError, match="line 3, column 'y': 'x' is not a number"):
        encoding.encode_target(table(y=[5.0, "x"]))
    with pytest.raises(TableError, match="line 2, column 'y': the target is missing"):
        encoding.encode_target(table(y=[None]))


# ---- plain data


def small() -> tuple[Table, Encoding]:
    data = table(
        n=[1, None, 2.5, 4] * 10,
        t=["a", "b", None, "a"] * 10,
        name=[f"n{i}" for i in range(40)],
        y=YES_NO,
    )
    return data, fit(data)


def test_to_dict_and_back() -> None:
    data, encoding = small()
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict(), allow_nan=False)))
    assert again == encoding
    np.testing.assert_array_equal(again.transform(data), encoding.transform(data))
    numbers = fit(table(x=NUMBERS, y=[2.5, 4.5, 6.0, 7.0] * 10))
    assert Encoding.from_dict(numbers.to_dict()) == numbers


@pytest.mark.parametrize(
    "change",
    [
        {"task": "guess"},
        {"task": "numbers"},
        {"task": None},
        {"classes": ["a"]},
        {"classes": ["a", "a"]},
        {"classes": ["a", 1]},
        {"classes": "ab"},
        {"target": "n"},
        {"target": 3},
        {"target_scale": 0},
        {"target_scale": float("nan")},
        {"target_mean": float("inf")},
        {"target_mean": "0"},
        {"notes": [1]},
        {"columns": []},
        {"columns": [{"kind": "skip", "name": "x", "reason": "r"}]},
        {"columns": [3]},
        {"columns": [{"kind": "date", "name": "x"}]},
        {"columns": [{"kind": "number", "name": "x", "mean": 0, "scale": -1, "has_missing": True}]},
        {"columns": [{"kind": "number", "name": "x", "mean": 0, "scale": 1, "has_missing": 1}]},
        {"columns": [{"kind": "number", "name": "x", "mean": True, "scale": 1}]},
        {
            "columns": [
                {
                    "kind": "text",
                    "name": "x",
                    "categories": ["a", "a"],
                    "has_other": True,
                    "has_missing": True,
                }
            ]
        },
    ],
)
def test_malformed_data(change: dict[str, object]) -> None:
    _, encoding = small()
    with pytest.raises(ModelFileError, match="its encoding cannot be read"):
        Encoding.from_dict({**encoding.to_dict(), **change})


def test_incomplete_data() -> None:
    _, encoding = small()
    whole = encoding.to_dict()
    for key in whole.keys() - {"spellings"}:  # which files of the first version lack
        with pytest.raises(ModelFileError, match=key):
            Encoding.from_dict({k: v for k, v in whole.items() if k != key})


cells = st.none() | st.sampled_from(["1", "2.5", "-3", "1e300", "5e-324", "a", "b", "inf"])
cells |= st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=2, max_size=30), st.integers(2, 30))
def test_features_are_finite(grid: list[tuple[str | None, ...]], n_training: int) -> None:
    a, b, y = (list(column) for column in zip(*grid, strict=True))
    data = table(a=a, b=b, y=y)
    try:
        rows, _ = rows_with_target(data, "y")
        encoding = Encoding.fit(data, "y", rows=rows[:n_training])
        X = encoding.transform(data)
    except TableError:
        return
    assert X.shape == (len(grid), encoding.n_features)
    assert np.isfinite(X).all()
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.transform(data), X)


# ---- real files


ADULT = """\
39, State-gov, 77516, Bachelors, 13, Male, <=50K
50, Self-emp-not-inc, 83311, Bachelors, 13, Male, <=50K
38, Private, 215646, HS-grad, 9, Male, <=50K
53, Private, 234721, 11th, 7, Male, <=50K
28, Private, 338409, Bachelors, 13, Female, <=50K
52, Self-emp-not-inc, 209642, HS-grad, 9, Male, >50K
31, ?, 45781, Masters, 14, Female, >50K
42, Private, 159449, Bachelors, 13, Male, >50K
"""


def test_an_excerpt_of_adult(tmp_path: Path) -> None:
    path = tmp_path / "adult.csv"
    path.write_text(ADULT)
    names = ["age", "work", "weight", "education", "years", "sex", "income"]
    data = read_table(path, header=False, names=names)
    encoding = Encoding.fit(data, "income", rows=np.arange(8))
    assert encoding.task == "binary"
    assert encoding.classes == ("<=50K", ">50K")
    assert encoding.feature_names == [
        "age",
        "work=Private",
        "work=Self-emp-not-inc",
        "work=(other)",
        "work=(missing)",
        "weight",
        "education=Bachelors",
        "education=HS-grad",
        "education=(other)",
        "years",
        "sex=Female",
        "sex=Male",
    ]
    X = encoding.transform(data)
    np.testing.assert_array_equal(X[6, 1:5], [0, 0, 0, 1])
    np.testing.assert_allclose(X[:, 0].std(), 1)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")
@pytest.mark.parametrize(
    ("name", "target", "task", "n_features"),
    [
        ("titanic_train.csv", "Survived", "binary", 20),
        ("california_housing.csv", "median_house_value", "numbers", 14),
        ("letter-recognition.data", "Letter", "classes", 16),
        ("magic04.data", "10", "binary", 10),
    ],
)
def test_whole_files(name: str, target: str, task: str, n_features: int) -> None:
    data = read_table(DATA / name)
    rows, set_aside = rows_with_target(data, target)
    encoding = Encoding.fit(data, target, rows=rows)
    assert (encoding.task, encoding.n_features, set_aside) == (task, n_features, 0)
    X = encoding.transform(data)
    assert np.isfinite(X).all()
    assert np.abs(X).max(axis=0).min() > 0  # every feature occurs


# ---- dates and counts


def dates(*cells: str | None) -> Encoding:
    return fit(
        table(d=list(cells) * 10, x=NUMBERS[: len(cells) * 10], y=NUMBERS[: len(cells) * 10])
    )


def test_dates_become_time_and_its_place_in_the_cycles() -> None:
    days = ["2020-01-01", "2020-04-01", "2020-07-01", "2020-10-01"]
    data = table(d=days * 10, y=NUMBERS)
    encoding = fit(data)
    assert kinds(encoding) == {"d": "date"}
    assert encoding.feature_names == [
        "d",
        "d sin of year",
        "d cos of year",
        "d sin of week",
        "d cos of week",
    ]
    X = encoding.transform(data)
    np.testing.assert_allclose(X[:, 0].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(X[:, 0].std(), 1)
    np.testing.assert_allclose(X[:4, 1], [0, 1, 0, -1], atol=0.05)
    assert Encoding.from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


def test_hours_and_missing_dates() -> None:
    cells = ["2020-01-31 06:00", None, "2020-01-31 18:00", "2020-01-31 23:30"] * 10
    data = table(d=cells, y=NUMBERS)
    encoding = fit(data)
    names = ["d", "d sin of day", "d cos of day", "d is missing"]
    assert encoding.feature_names == names
    X = encoding.transform(data)
    np.testing.assert_allclose(X[0, 1:], [1, 0, 0], atol=1e-9)
    assert X[1].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["31.01.2020", "01.02.2020"], "date"),
        (["1/31/2020", "2/1/2020"], "date"),
        (["15-Mar-2021", "16-Apr-2021"], "date"),
        (["1/3/2020 5:30 PM", "14/3/2020 6:30 AM"], "date"),
        (["2/2/2020", "3/3/2020"], "date"),
        (["2020-01-31T10:00:00Z", "2020-02-01T10:00:00.5Z"], "date"),
        (["2020-01-31", "2020-01-31"], "skip"),
        (["2020-13-45", "2020-99-99"], "text"),
        (["192.168.1.1", "10.0.0.1"], "text"),
    ],
)
def test_forms_of_dates(cells: list[str], kind: str) -> None:
    assert kinds(fit(table(d=cells * 20, x=NUMBERS, y=NUMBERS)))["d"] == kind


def test_a_text_among_dates_is_named() -> None:
    cells = ["2020-01-31", "2020-02-01"] * 19 + ["2020-02-01", "soon"]
    message = refusal(table(d=cells, x=NUMBERS, y=NUMBERS))
    assert "line 41, column 'd': 'soon' is not a date as the others are (%Y-%m-%d)" in message
    encoding = fit(table(d=cells[:-2] * 1, x=NUMBERS[:38], y=NUMBERS[:38]))
    with pytest.raises(TableError, match="'soon' is not a date"):
        encoding.transform(table(d=cells, x=NUMBERS))
    message = refusal(table(d=YES_NO, y=NUMBERS), types={"d": "date"})
    assert "line 2, column 'd': 'yes' is not a date in a known form (%Y-%m-%d, " in message
    assert "--types 'd'=date:%d/%m/%y" in message


def test_days_that_may_be_months_are_asked_for() -> None:
    data = table(d=["2/2/2020", "1/3/2020", "2/1/2020", "5/4/2020"] * 10, x=NUMBERS, y=NUMBERS)
    message = refusal(data)
    assert "line 3, column 'd': '1/3/2020' may be day/month or month/day" in message
    assert "--types 'd'=date:%d/%m/%Y or --types 'd'=date:%m/%d/%Y" in message
    assert refusal(data, types={"d": "date"}) == message
    by_day = fit(data, types={"d": "date:%d/%m/%Y"}).transform(table(d=["1/3/2020"], x=[1]))
    by_month = fit(data, types={"d": "date:%m/%d/%Y"}).transform(table(d=["3/1/2020"], x=[1]))
    assert by_day.shape == by_month.shape
    day = column_seconds(table(d=["1/3/2020"]), "d", "%d/%m/%Y")
    assert day.tolist() == column_seconds(table(d=["2020-03-01"]), "d", "%d/%m/%Y").tolist()
    assert day.tolist() == [1583020800.0]
    with pytest.raises(ParameterError, match="'%q' is not a form of dates"):
        fit(data, types={"d": "date:%q"})


def test_counts_are_divided_by_their_mean() -> None:
    data = table(x=NUMBERS, y=[0, 1, 2, 5] * 10)
    encoding = fit(data, task="counts")
    y, _ = encoding.encode_target(data)
    assert (encoding.target_mean, encoding.target_scale) == (0.0, 2.0)
    assert y[:4].tolist() == [0, 0.5, 1, 2.5]
    assert encoding.decode_numbers(y)[3] == 5
    for bad in (-1, 1.5):
        message = refusal(table(x=NUMBERS, y=[0, 1, 2, bad] * 10), task="counts")
        assert f"line 5, column 'y': '{bad}' is not a count" in message
    assert "is 0 in every training row" in refusal(table(x=NUMBERS, y=[0] * 40), task="counts")


def test_a_target_too_far_from_the_others_is_named() -> None:
    encoding = fit(table(x=[1.0, 2.0] * 20, y=[0, 1] * 20), task="numbers")
    with pytest.raises(
        TableError, match=r"line 3, column 'y': '1e\+154' is too far from the train"
    ):
        encoding.encode_target(table(x=[1.0, 2.0], y=[0, 1e154]))


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("high", 1.7e308, "no date"),
        ("low", -1e13, "no date"),
        ("mean", 1e20, "no date"),
        ("low", 4e12, "ends before it begins"),
    ],
)
def test_a_date_beyond_all_calendars_is_refused(fact: str, value: float, said: str) -> None:
    column = DateColumn("day", "%Y-%m-%d", 1.7e9, 1e6, (), False, "date", 1.6e9, 1.8e9)
    data = column_to_dict(column)
    assert column_from_dict(data) == column
    with pytest.raises(ValueError, match=said):
        column_from_dict({**data, fact: value})
