"""The playground as one HTML file, which contains the page, its computing, the engine and the data.

There is no bundler: ``link`` joins modules into one script. There are two scripts: one computes, in
a worker and, for the first picture, in the page; the other is the page itself. The other parts lie
in elements that no browser runs, engine and data packed (gzip, base64), so that data can never
become script. The Content-Security-Policy in the file lets it run its own two scripts and load
nothing at all.
"""

import base64
import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

from fallline import __version__
from fallline.playground.starts import Start

__all__ = ["link", "page_text"]

HERE = Path(__file__).parent
PAGE, DATA, VENDOR = HERE / "page", HERE / "data", HERE / "vendor"
POLICY = (
    "default-src 'none'; script-src {worker} {script} 'wasm-unsafe-eval'; style-src {style}; "
    "worker-src blob:; img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)
TEMPLATE = """<!doctype html>
<!-- Fallline {version}, MIT licence. Papa Parse, which reads dropped tables, has its own licence:

{licence}-->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Fallline playground</title>
<link rel="icon" href="{icon}">
<style>{style}</style>
</head>
{body}
<script type="text/plain" id="part-start">{start}</script>
<script id="part-worker">{worker}</script>
<script>{script}</script>
{parts}
</body>
</html>
"""


def page_text(start: Start | None = None) -> str:
    """The HTML of the playground with its start: by default, the truth table."""
    start = start or Start()
    worker, script = worker_script(), page_script()
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    parts = dict(standing_parts())
    if start.numbers is not None:
        parts["rows"] = packed(start.numbers.tobytes())
    policy = POLICY.format(
        worker=source_hash(worker), script=source_hash(script), style=source_hash(style)
    )
    return TEMPLATE.format(
        version=__version__,
        licence=(VENDOR / "papaparse.LICENSE").read_text(encoding="utf-8"),
        policy=policy,
        icon=icon(),
        style=style,
        body=body(),
        start=without_markup(json.dumps(start.as_dict())),
        parts="\n".join(
            f'<script type="text/plain" id="part-{name}">{text}</script>'
            for name, text in parts.items()
        ),
        worker=worker,
        script=script,
    )


@cache
def standing_parts() -> dict[str, str]:
    """The parts of every page: the worker's parser of tables, the engine, the two data sets."""
    parser = (VENDOR / "papaparse.min.js").read_text(encoding="utf-8")
    return {
        "parser": checked("papaparse.min.js", f"{parser}\n"),
        "engine": base64.b64encode((PAGE / "compute" / "engine.wasm.gz").read_bytes()).decode(),
        "iris": packed((DATA / "iris.csv").read_bytes()),
        "digits": base64.b64encode((DATA / "digits.csv.gz").read_bytes()).decode(),
    }


def packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def without_markup(text: str) -> str:
    """JSON that cannot end the element around it."""
    return text.replace("<", "\\u003c")


def body() -> str:
    """The body of index.html, to which the scripts are added."""
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    return text[text.index("<body") : text.index("</body>")].rstrip()


def icon() -> str:
    return f"data:image/svg+xml,{quote((PAGE / 'icon.svg').read_text(encoding='utf-8').strip())}"


@cache
def worker_script() -> str:
    """The modules that compute as one script."""
    return link(PAGE / "compute" / "worker.js")


@cache
def page_script() -> str:
    """The page's modules as one script."""
    return link(PAGE / "app.js").replace("page/icon.svg", icon())


def source_hash(text: str) -> str:
    """How a Content-Security-Policy names a script or style by its content."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# ---- modules to one script

IMPORT = re.compile(
    r'^import (?:\{([^}]*)\}|\* as (\w+)) from "(\.{1,2}/[\w./-]+\.js)";[ \t]*(?://.*)?$',
    re.MULTILINE,
)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const|let) (\w+))", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def link(entry: Path) -> str:
    """A module and everything it imports as one script, in which each module is a function.

    Imports and exports begin a line: ``import { a, b as c } from "./x.js";``,
    ``import * as x from "./x.js";``, and ``export`` before a function, class or constant. Raises
    ValueError for other forms, for a circle, and for text that would end the script's element.
    """
    order: list[Path] = []
    visit(entry.resolve(), order, ())
    names = {path: f"module{number}" for number, path in enumerate(order)}
    script = (
        '"use strict";\n(() => {\n' + "".join(wrapped(path, names) for path in order) + "})();\n"
    )
    return checked(entry.name, script)


def checked(name: str, script: str) -> str:
    """A script. Raises ValueError for one that would end the element around it."""
    if re.search(r"</script|<script|<!--", script, re.IGNORECASE):
        raise ValueError(f"{name} has <script, </script or <!-- in it, which end its element")
    return script


def visit(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    """Append a module after those that it imports."""
    if path in above:
        circle = " imports ".join(each.name for each in (*above[above.index(path) :], path))
        raise ValueError(f"modules import each other in a circle: {circle}")
    if path in order:
        return
    for match in IMPORT.finditer(path.read_text(encoding="utf-8")):
        visit((path.parent / match[3]).resolve(), order, (*above, path))
    order.append(path)


def wrapped(path: Path, names: dict[Path, str]) -> str:
    """A module as ``const moduleN = (() => { ... return { its exports }; })();``."""
    text = path.read_text(encoding="utf-8")

    def imported(match: re.Match[str]) -> str:
        source = names[(path.parent / match[3]).resolve()]
        if match[2]:
            return f"const {match[2]} = {source};"
        return f"const {{{match[1].replace(' as ', ': ')}}} = {source};"

    exports = ", ".join(EXPORT.findall(text))
    text = EXPORT.sub("", IMPORT.sub(imported, text))
    left = LEFT_OVER.search(text)
    if left:
        raise ValueError(f"{path.name}: the page's linker does not know {left[0]!r}")
    return (
        f"const {names[path]} = (() => {{ // {path.name}\n{text}return {{ {exports} }};\n}})();\n"
    )
