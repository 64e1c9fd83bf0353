"""One contract for the three ways to train on a table: in memory, in blocks, on a cluster.

With a validation table of its own and the rows in one block and one part, all three train on the
same rows in the same order, so they must end with the same parameters, whatever is set.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.table import Table
from fallline.errors import ParameterError
from fallline.tabular.large import train_large
from fallline.tabular.train import train_table

pytest.importorskip("distributed", reason="Dask is not installed")
from fallline.distributed.client import local_client
from fallline.distributed.tables import train_files

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own; interruptions are asked for here

WAYS = ["memory", "blocks", "cluster"]
BASE = {"hidden": (6,), "epochs": 4, "batch_size": 64, "learning_rate": 0.02, "l2": 0.001}
CLOSE: Any = {"rtol": 1e-3, "atol": 1e-5}  # the networks are in float32
Train = Callable[..., fl.TableModel]


@pytest.fixture(scope="module")
def cluster():
    with local_client(1) as client:
        yield client


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    """A file to train on, and a table to validate by."""
    folder, rng = tmp_path_factory.mktemp("ways"), np.random.default_rng(20261126)
    paths = []
    for name, n in (("train", 300), ("validation", 120)):
        x, z = rng.normal(size=(n, 2)).T
        label = np.where(x + 0.5 * rng.normal(size=n) > 0.7, "yes", "no")
        weight = rng.choice([0.5, 1.0, 3.0], n)
        paths.append(folder / f"{name}.csv")
        pl.DataFrame({"x": x, "z": z, "label": label, "weight": weight}).write_csv(paths[-1])
    return paths[0], fl.read_table(paths[1])


@pytest.fixture
def train_by(request: pytest.FixtureRequest, table: Any) -> Callable[[str], Train]:
    """The function that trains in one of the ways, on the same rows."""
    path, validation = table

    def by(way: str) -> Train:
        def train(**options: Any) -> fl.TableModel:
            options = {**BASE, "ignore": ["weight"], "validation": validation, **options}
            if way == "memory":
                return train_table(fl.read_table(path), "label", **options)
            if way == "blocks":
                return train_large(path, "label", **options)
            return train_files(path, "label", request.getfixturevalue("cluster"), **options)

        return train

    return by


SETTINGS: list[dict[str, Any]] = [
    {"l1": 0.01},
    {"l2": 0.1},
    {"dropout": 0.4},
    {"weights": "weight", "ignore": []},
    {"class_weight": "balanced"},
    {"schedule": "cosine"},
    {"schedule": "step"},
    {"bins": 5},
    {"patience": 1, "epochs": 30, "learning_rate": 0.1},
    {"optimizer": "rmsprop"},
    {"optimizer": fl.GradientDescent(0.1, momentum=0.9), "learning_rate": None},
    {"patience": 1, "learning_rate": 0.5, "epochs": 40},
    {"batch_size": 23},
    {"batch_size": 1_000},
    {"seed": 3},
    {"optimizer": "lbfgs", "batch_size": None, "learning_rate": None},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_every_setting_reaches_the_steps(setting: dict, train_by: Any) -> None:
    base, here = train_by("memory")(), train_by("memory")(**setting)
    if here.network.sizes == base.network.sizes:
        assert np.abs(here.network.parameters - base.network.parameters).max() > 1e-4
    for way in ("blocks", "cluster"):
        there = train_by(way)(**setting)
        np.testing.assert_allclose(there.network.parameters, here.network.parameters, **CLOSE)
        np.testing.assert_allclose(there.history.loss, here.history.loss, rtol=1e-5)
        assert there.history.stopped == here.history.stopped
        assert there.history.best_epoch == here.history.best_epoch


@pytest.mark.parametrize("way", WAYS)
def test_the_recorded_facts_are_those_that_ran(way: str, train_by: Any) -> None:
    setting = {"l1": 0.01, "schedule": "cosine", "class_weight": "balanced", "seed": 2}
    model = train_by(way)(weights="weight", ignore=[], **setting)
    here = train_by("memory")(weights="weight", ignore=[], **setting)
    facts = {name: value for name, value in model.facts.items() if name != "encoding_sample"}
    scores, expected = facts.pop("scores"), here.facts.pop("scores")
    loss, best = facts.pop("best_validation_loss"), here.facts.pop("best_validation_loss")
    record, expected_record = facts.pop("record"), here.facts.pop("record")
    assert record["options"] == expected_record["options"]
    assert (record["place"], expected_record["place"]) == (way, "memory")
    lead, led = facts.pop("against_trivial"), here.facts.pop("against_trivial")
    assert list(lead) == list(led) == ["validation"]
    found, expected_lead = lead["validation"], led["validation"]
    assert found["interval"] == pytest.approx(expected_lead["interval"], rel=1e-3)
    assert found["score"] == expected_lead["score"]
    assert facts.pop("penalty") == pytest.approx(here.facts.pop("penalty"), rel=1e-6)
    assert facts == here.facts
    assert loss == pytest.approx(best, rel=1e-6)
    for rival in ("network", "linear", "trivial"):
        assert scores["validation"][rival] == pytest.approx(expected["validation"][rival], rel=1e-3)
    assert facts["optimizer"].startswith("AdamW(learning_rate=Cosine(learning_rate=0.02, steps=20")
    assert (facts["l1"], facts["l2"], facts["seed"]) == (0.01, 0.001, 2)
    assert (facts["rows"], facts["training_rows"]) == (420, 300)


def test_blocks_and_a_cluster_calibrate_on_the_same_rows(train_by: Any) -> None:
    found = [train_by(way)(interval=0.8) for way in ("blocks", "cluster")]
    here, there = (model.facts.pop("interval") for model in found)
    assert here.pop("quantile") == pytest.approx(there.pop("quantile"), rel=1e-3)
    assert here == there
    assert here["method"] == "split"
    assert here["rows"] == found[0].facts["calibration_rows"] == found[1].facts["calibration_rows"]
    assert 60 < here["rows"] < 120
    for model in found:
        assert model.facts["training_rows"] == 300 - here["rows"]
        assert model.facts["rows"] == 420


@pytest.mark.parametrize("way", WAYS)
def test_a_callback_stops(way: str, train_by: Any) -> None:
    model = train_by(way)(callbacks=[lambda progress: progress.epoch == 1])
    assert model.history.epochs_done == 2
    assert model.history.stopped == "callback"


@pytest.mark.parametrize("way", WAYS)
def test_every_epoch_calls_the_callbacks(way: str, train_by: Any) -> None:
    seen: list[int] = []
    model = train_by(way)(
        patience=1,
        learning_rate=0.5,
        epochs=40,
        callbacks=[lambda progress: seen.append(progress.epoch)],
    )
    assert model.history.stopped == "rule"
    assert seen == list(range(model.history.epochs_done))


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_keeps_the_best(way: str, train_by: Any) -> None:
    after: list[np.ndarray] = []

    def interrupt(progress: fl.Progress) -> None:
        after.append(progress.network.parameters.copy())
        if progress.epoch == 2:
            raise KeyboardInterrupt

    model = train_by(way)(callbacks=[interrupt])
    assert model.history.stopped == "interrupted"
    assert "the best epoch's parameters are kept" in model.history.message
    assert model.history.best_epoch is not None
    kept = after[model.history.best_epoch]
    np.testing.assert_array_equal(model.network.parameters, kept)


@pytest.mark.parametrize("way", WAYS)
def test_an_option_that_does_not_exist_is_refused(way: str, train_by: Any) -> None:
    with pytest.raises(ParameterError, match=r"an option must be .*did you mean 'hidden'"):
        train_by(way)(hiden=(3,))
