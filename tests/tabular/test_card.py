"""The model card: what it says is what the file says, and names show as they are in Markdown."""

import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from markdown_it import MarkdownIt

import fallline as fl
from fallline.tabular.card import code, escaped
from fallline.text import one_line
from tests.exporting.test_hostile_names import PAYLOADS

MARKDOWN = [
    "**bold**", "_em_", "snake_case_name", "`code`", "``two``", "[link](http://x.y)", "![i](x)",
    "a|b", "\\|", "# head", "- item", "+ item", "1. item", "12) item", "===", "---", "> quote",
    "<b>x</b>", "&amp;", "&lt;", "http://a.b", "www.a.b", "a@b.c", "~~gone~~", "$x$", ":smile:",
    " blank ", "two  blanks", "<!-- x -->", "[^1]", "[x]: http://y", "|---|", "    code",
    "-5", "1.5",
]  # fmt: skip


class Cells(HTMLParser):
    """The texts of a page's table cells, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def rendered(markdown: str) -> Cells:
    page = Cells()
    page.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    return page


@pytest.mark.parametrize("text", [*MARKDOWN, *PAYLOADS])
def test_a_text_shows_as_it_is(text: str) -> None:
    page = rendered(f"| a | b |\n| --- | --- |\n| {escaped(text, 999)} | x |")
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.cells[2:] == [shown(text), "x"]
    for before in ("", "# ", "- "):
        page = rendered(before + escaped(text, 999))
        assert page.tags <= {"p", "h1", "ul", "li"}
    assert not re.search(r"(?<!\\)(www\.|://|\w@\w)", escaped(text, 999))


def shown(text: str) -> str:
    """A text with the blanks that a page would lose as ones that it keeps."""
    return re.sub(r"^ | $|(?<= ) ", "\xa0", one_line(text))


def test_long_texts_are_cut() -> None:
    assert len(escaped("x" * 900)) == 60


def test_no_text_ends_a_block_of_code() -> None:
    assert code("a\n```\nb").startswith("````sh\n")


def made(n: int = 160) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)).round(3)
    days = np.datetime64("2024-01-01") + np.arange(n).astype("timedelta64[D]")
    return pl.DataFrame(
        {
            "size": x[:, 0],
            "gaps": [None if i % 7 == 0 else value for i, value in enumerate(x[:, 1].tolist())],
            "day": rng.permutation(days),
            "town": np.where(x[:, 1] > 0.2, "Ulm", "Bern").tolist(),
            "constant": ["x|y"] * n,
            "label": np.where(x[:, 0] + x[:, 1] > 0, "yes", "no").tolist(),
            "noise": rng.choice(["a", "b"], n).tolist(),
        }
    )


def card(target: str, **options: Any) -> str:
    given: Any = {"preset": "quick", "epochs": 8} | options
    return fl.model_card(fl.train_table(made(), target, **given), "m.safetensors")


def test_it_says_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = fl.train_table(made(), "label", ignore=["noise"], test=0.2, preset="quick", seed=7)
    model.save(path)
    text = fl.model_card(model, "m.safetensors")
    assert fl.model_card(fl.TableModel.load(path), "m.safetensors") == text
    scores = model.facts["scores"]["test"]["network"]
    assert f"| accuracy | {scores['accuracy']:.5g} |" in text
    for said in (
        "predicts label, one of two classes, from 4 columns",
        "| yes | ",
        "| size | number | ",
        "| gaps | number | ",
        "| day | date | 2024-01-",
        "| town | text | Bern, Ulm | none in training |",
        "Not used: constant (it is 'x\\|y' in every training row); noise (",
        f"| trained on | {model.facts['training_rows']} |",
        "| tested | 32 |",
        "held out at random, class by class",
        "| seed | 7 |",
        "fallline verify m.safetensors TABLE\n",
        "training with `--interval 0.9` makes them",
    ):
        assert said in text, said
    assert re.search(r"Fingerprint of the table: `[0-9a-f]{32}`", text)
    assert "chose the best epoch" not in text  # the rows that tested did not


def test_doubts_are_told() -> None:
    assert "These rows chose the best epoch" in card("label")
    assert "No better than the trivial guess" in card("noise", ignore=["label"])
    assert "whose epoch it helped to choose" in card("label", preset="standard")
    assert "These rows were trained on" in card("label", validation=0)
    assert "The classes were weighted" in card("label", class_weight="balanced")


def test_intervals_splits_and_tables_are_told() -> None:
    text = card("size", interval=0.8, validation=made(90), split="time")
    assert "Intervals that contain the true value for 0.8 of new rows" in text
    assert "held out as the last ones." in text
    assert "TABLE --validation VALIDATION\n" in text
    assert "Predictions are held to " in text
    assert "the units of the column size. It was " in text


def test_older_files_have_a_card_too() -> None:
    model = fl.TableModel.load(Path("tests/fixtures/housing-0.1.0-a.safetensors"))
    text = fl.model_card(model, "old.safetensors", "0.1.0")
    assert "it cannot be" in text
    assert "fallline 0.1.0" in text


def test_hostile_names_in_a_card(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [*MARKDOWN, *PAYLOADS]
    names = list(dict.fromkeys(each.strip() for each in names))
    labels = np.array(["**yes** | <b>", "`no`"])
    data: dict[str, Any] = {name: rng.normal(size=60) for name in names}
    data |= {"town | _x_": rng.choice(["[a](b)", "<i>c</i>"], 60)}
    data |= {"# target *t*": labels[rng.integers(0, 2, 60)]}
    model = fl.train_table(pl.DataFrame(data), "# target *t*", preset="quick", epochs=1)
    page = rendered(fl.model_card(model, "```\n`x`; rm -rf .safetensors"))
    assert {"b", "i", "a", "img", "em", "strong", "script", "del"} & page.tags == set()
    found = {cell.replace("\xa0", " ") for cell in page.cells}
    for name in [column.name for column in model.encoding.columns if column.features]:
        cut = one_line(name)
        assert (cut if len(cut) <= 60 else cut[:57] + "...") in found
    assert "<i>c</i>, [a](b)" in found
    assert set(labels) <= found


def test_the_command(cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    fl.train_table(made(), "label", preset="quick", epochs=2).save(tmp_path / "m.safetensors")
    text = cli("info", "m.safetensors", "--card").stdout
    assert text.startswith("# label\n")
    done = cli("info", "m.safetensors", "--card", "-o", "card.md")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "card.md").read_text() == text
    for wrong in (["--card", "--json"], ["-o", "card.md"]):
        assert cli("info", "m.safetensors", *wrong).returncode == 2
    done = cli("info", "m.safetensors", "--card", "-o", "m.safetensors")
    assert done.returncode == 1
    assert "this file is read here" in done.stderr


def test_a_model_of_a_cluster_is_verified_by_one() -> None:
    frame = pl.DataFrame({"a": np.arange(90) % 13, "b": np.arange(90) % 7 / 2})
    model = fl.train_table(frame, "b", preset="quick", epochs=1, baseline=False)
    model.facts["record"]["place"] = "cluster"
    card = fl.model_card(model, name="m.safetensors")
    assert "fallline verify m.safetensors FILES --cluster tcp://HOST:PORT" in card
    assert "With the files that it was trained on" in card
