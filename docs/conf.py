"""The documentation site: `make docs` builds it, offline, with warnings as errors."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes

import fallline
from fallline.playground import write_page

project = "Fallline"
author = "the Fallline contributors"
version = release = fallline.__version__
copyright = "the Fallline contributors, MIT licence"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx-mathjax-offline"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Fallline"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# [a task](play:task=by-hand) is a link to the playground, wherever the page lies
myst_url_schemes = {"http": None, "https": None, "mailto": None, "play": None}
nb_execution_mode = "cache"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give shapes, which types cannot

# links to files beside docs/ (benchmarks/RESULTS.md); tests/docs/test_docs.py checks them
suppress_warnings = ["myst.xref_missing"]

LITERAL = re.compile(r"(``.*?``|:\w+:`.*?`)")
ITEM = re.compile(r"^(\S.*?) : (.*)$")


def as_list(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A docstring's section of ``name : meaning`` lines as a list; its heading in bold."""
    inside, made = False, []
    for i, line in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            inside, made = True, [*made, f"**{line}**", ""]
        elif line and set(line) == {"-"}:
            continue
        elif inside and (item := ITEM.match(line)):
            made.append(f"- **{item[1]}**: {item[2]}".replace("**: ", "** : "))
        elif inside and line.startswith("    "):
            made.append("  " + line.strip())
        else:
            inside = inside and not line
            made.append(line)
    lines[:] = escaped(made)


def escaped(lines: list[str]) -> list[str]:
    """Plain text's |a| and coefs_ as they are, where they would be reStructuredText's marks."""
    made, in_math = [], False
    for line in lines:
        in_math = line.lstrip().startswith(".. math::") or (in_math and line[:1] in ("", " "))
        parts = LITERAL.split(line)
        if not in_math:
            parts[::2] = [re.sub(r"\||(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
        made.append("".join(parts))
    return made


def link_playground(app: Any, doctree: Any, docname: str) -> None:
    """Links of the scheme play: lead to the playground beside the pages."""
    for link in doctree.findall(nodes.reference):
        scheme, _, address = link.get("refuri", "").partition(":")
        if scheme == "play":
            up = "../" * docname.count("/")
            link["refuri"] = f"{up}play.html{'#' if address else ''}{address}"


def put_playground(app: Any, error: Exception | None) -> None:
    """The playground itself, beside the pages."""
    if error is None and app.builder.format == "html":
        write_page(Path(app.outdir) / "play.html")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("doctree-resolved", link_playground)
    app.connect("build-finished", put_playground)
    app.connect("autodoc-process-docstring", as_list)
