"""The documentation site builds without a warning, its links and its spelling are right."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made from nothing, the lesson's notebooks run by Jupyter."""
    made = tmp_path_factory.mktemp("site")
    run("sphinx", "-W", "--keep-going", "--quiet", "docs", made)
    return made


@pytest.mark.long
def test_the_site_builds(site: Path) -> None:
    for page in ("index", "lesson/10-landscape", "reference/network", "how-to/own-parts"):
        assert (site / f"{page}.html").stat().st_size > 5_000
    index = (site / "genindex.html").read_text()
    for name in ("check_gradients", "register_activation", "Predictor", "loss_landscape", "export"):
        assert name in index
    assert b"Fallline playground" in (site / "play.html").read_bytes()


class Page(HTMLParser):
    """What a page can be jumped to by, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attributes}
        self.anchors |= {named[key] for key in ("id", "name") if key in named}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        elif tag == "link" and named.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(named["href"])
        elif tag in ("img", "script", "iframe", "source", "video") and named.get("src"):
            self.loaded.append(named["src"])


@pytest.mark.long
def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    """Pages, and places in them; what a page loads is beside it, so that it works offline."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    pages[site / "play.html"].anchors |= {f"task={name}" for name in task_names()}
    wrong = []
    for path, page in pages.items():
        for target in page.links + page.loaded:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loaded and parts.scheme != "data":
                    wrong.append(f"{path.name} loads {target} from elsewhere")
                continue
            to = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if not to.exists():
                wrong.append(f"{path.relative_to(site)} links to {target}")
            elif parts.fragment and to in pages:
                anchor = unquote(parts.fragment)
                if anchor not in pages[to].anchors:
                    wrong.append(f"{path.relative_to(site)} links to {target}: no such place")
    assert len(pages) > 30
    assert wrong == [], "\n".join(wrong)


def task_names() -> list[str]:
    """The playground's tasks, which an address names."""
    text = (ROOT / "src" / "fallline" / "playground" / "page" / "tasks.js").read_text()
    return re.findall(r'^    id: "([\w-]+)", lesson', text, re.MULTILINE)


def test_spelling() -> None:
    places = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "src", "tests", "benchmarks")
    run("codespell_lib", *places)  # what to skip and to ignore: pyproject.toml
