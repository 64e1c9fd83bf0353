"""A model's answers to one row at a time, against those to a table."""

import copy
import pickle

import numpy as np
import pytest

import fallline as fl
from fallline.errors import ParameterError, TableError
from fallline.tabular.model import TableModel
from tests.tabular.test_model import made


def model_of(target: str, preset: str = "standard", **options: object) -> TableModel:
    others = ["number", "label", "kind", "count", "group", "weight"]
    ignored = [name for name in others if name != target]
    return fl.train_table(made(), target, ignore=ignored, epochs=3, preset=preset, **options)


@pytest.mark.parametrize("preset", ["quick", "standard"])
@pytest.mark.parametrize("target", ["number", "label", "kind", "count"])
def test_the_answers_have_the_bits_of_predict(target: str, preset: str) -> None:
    model = model_of(target, preset)
    predictor, table = model.predictor(), made(40, seed=9)
    whole = model.predict(table)
    for i, cells in enumerate(table.frame.to_dicts()):
        assert predictor.predict(cells) == whole.values[i]
        if whole.probabilities is not None:
            assert predictor.predict_proba(cells).tobytes() == whole.probabilities[i].tobytes()


def test_without_bins_they_agree_to_rounding() -> None:
    model, table = model_of("label", "quick", bins=0), made(40, seed=9)
    predictor, whole = model.predictor(), model.predict(table).probabilities
    found = [predictor.predict_proba(cells) for cells in table.frame.to_dicts()]
    assert whole is not None
    np.testing.assert_allclose(found, whole, rtol=1e-5)


def test_it_stays_as_it_was_made() -> None:
    model, cells = model_of("label", "quick"), made().frame.to_dicts()[0]
    predictor = model.predictor()
    kept = predictor.predict_proba(cells)
    model.network.parameters[:] = 0.0
    other = predictor.predict_proba(made().frame.to_dicts()[1])
    assert np.array_equal(predictor.predict_proba(cells), kept)
    assert not np.array_equal(other, kept)


def test_a_number_is_limited_as_in_a_table() -> None:
    model, cells = model_of("number", "quick"), made().frame.to_dicts()[0]
    model.network.layers[-1].b[:] = 1e6
    expected = model.predict(made()).values[0]
    assert model.predictor().predict(cells) == expected
    np.testing.assert_allclose(expected, model.ends()[1], rtol=1e-6)  # type: ignore[index]


def test_what_it_refuses() -> None:
    model, cells = model_of("number", "quick"), made().frame.to_dicts()[0]
    predictor = model.predictor()
    with pytest.raises(ParameterError, match="'number' is predicted as a number"):
        predictor.predict_proba(cells)
    with pytest.raises(TableError, match=r"the cells, row 1, column 'a': 'x' is not a number"):
        predictor.predict(cells | {"a": "x"})
    with pytest.raises(TableError, match="no column 'b'"):
        predictor.predict({"a": 1.0, "text": "up"})


def test_a_copy_or_a_pickle_of_it_predicts_the_same() -> None:
    model, cells = model_of("label"), made().frame.to_dicts()[:2]
    predictor = model.predictor()
    expected = [predictor.predict_proba(each) for each in cells]
    for twin in (copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        assert np.array_equal([twin.predict_proba(each) for each in cells], expected)
