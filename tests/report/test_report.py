"""The report: complete, self-contained, harmless whatever the names, and its numbers right."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from fallline.data.columns import BinnedColumn
from fallline.data.table import Table
from fallline.errors import FalllineError, FileWriteError, ParameterError
from fallline.explaining.dependence import partial_dependence
from fallline.explaining.importance import importances
from fallline.report import charts, write_report
from fallline.tabular.model import TableModel
from fallline.tabular.train import train_table

HOSTILE = '<script>alert("x")</script>'


def made(n: int = 300) -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    frame = pl.DataFrame(
        {
            HOSTILE: x[:, 0],
            "none": x[:, 1],
            "text": np.where(x[:, 2] > 0, "up & <b>", "down").tolist(),
            "number": 3 * x[:, 0] + (x[:, 2] > 0),
            "label": np.where(x[:, 0] > 0, "a<b", "c").tolist(),
            "kind": np.array(["p", "q", "r"])[np.digitize(x[:, 0], [-0.5, 0.5])].tolist(),
            "count": rng.poisson(np.exp(x[:, 0])),
        }
    )
    return Table(frame, "t.csv", np.arange(2, n + 2))


TARGETS = ("number", "label", "kind", "count")


def trained(target: str) -> TableModel:
    ignored = [name for name in TARGETS if name != target]
    return train_table(made(), target, ignore=ignored, preset="quick", test=0.3)


class Tags(HTMLParser):
    """Every tag, and every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "action")]


@pytest.mark.parametrize("target", TARGETS)
def test_a_report_of_every_task(target: str, tmp_path: Path) -> None:
    model = trained(target)
    write_report(model, tmp_path / "r.html", "fallline train t.csv --target " + HOSTILE)
    text = (tmp_path / "r.html").read_text()
    page = Tags()
    page.feed(text)
    assert "script" not in page.tags
    assert page.loads == []
    assert "default-src 'none'" in text
    heads = re.findall("<h2>(.*?)</h2>", text)
    assert heads == [
        "Scores",
        "Training",
        "Where it is wrong",
        "Which columns matter",
        "The network",
        "The table",
        "What to know before using it",
        "How to repeat it",
    ]
    assert "#0a0b0" not in text  # every stand-in became a colour of the page
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing)
    for part in ("90 test rows", "permutation importance", "prefers-color-scheme: dark", "print"):
        assert part in text
    drawings = {"number": 2, "count": 2, "label": 3, "kind": 2}[target]
    assert page.tags.count("svg") == 1 + drawings + 1 + 3 + 1 + 1


def test_a_loaded_model_has_no_rows_to_report(tmp_path: Path) -> None:
    model = trained("number")
    model.save(tmp_path / "m.safetensors")
    loaded = TableModel.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="needs the rows"):
        write_report(loaded, tmp_path / "r.html")
    with pytest.raises(FileWriteError, match="cannot be written"):
        write_report(model, tmp_path / "none" / "r.html")


def test_without_the_library_the_remedy_is_said(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(FalllineError, match=r"pip install 'fallline\[report\]'"):
        charts.available()


def test_importance_ranks_what_matters() -> None:
    model = trained("number")
    assert model.data is not None
    X, y, _ = model.data.part(model.data.test)
    X = np.asarray(X)
    found = importances(model.network, model.encoding.columns, X, y)
    assert found[0].column == HOSTILE
    assert found[0].rise > 10 * abs(next(f.rise for f in found if f.column == "none"))
    assert importances(model.network, model.encoding.columns, X, y) == found


def test_partial_dependence_is_the_mean_over_rows() -> None:
    model = trained("number")
    assert model.data is not None
    X = np.asarray(model.data.part(model.data.test)[0])
    found = partial_dependence(model.network, model.encoding.columns, X, HOSTILE)
    assert found is not None
    column = model.encoding.columns[0]
    assert isinstance(column, BinnedColumn)
    moved = X.copy()
    column.fill_values(np.full(len(X), found.values[3]), moved[:, : len(column.features)])
    expected = model.network.predict_proba(moved).mean()
    assert found.predicted[3, 0] == pytest.approx(expected, rel=1e-5)
    assert np.all(np.diff(found.predicted[:, 0]) > 0)
    text = partial_dependence(model.network, model.encoding.columns, X, "text")
    assert text is not None
    assert set(text.labels) == {"up & <b>", "down"}
    assert partial_dependence(model.network, model.encoding.columns, X, "nothing") is None
