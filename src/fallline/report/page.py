"""The page around the report's parts: one HTML file, light and dark, phone and paper."""

import html

from fallline.text import printable

__all__ = ["code", "escape", "figure", "page", "section", "table"]

STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c1e21; --muted: #63676e;
  --rule: #dfe1e5; --accent: #1f6fb2; --second: #c4561e; --good: #1c7c45; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e8e9eb; --muted: #9aa0a8;
  --rule: #33373d; --accent: #6db3f2; --second: #f0935f; --good: #62c48d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.6rem; padding-bottom: 0.25rem;
  border-bottom: 1px solid var(--rule); }
p { margin: 0.5rem 0; } .lead { font-size: 1.05rem; } .small, figcaption { color: var(--muted);
  font-size: 0.875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); overflow-wrap: normal; }
th { font-weight: 600; vertical-align: bottom; } td.n, th.n { text-align: right; }
td.n { white-space: nowrap; }
td.best { color: var(--good); font-weight: 600; }
td small { display: block; color: var(--muted); font-size: 0.8rem; font-weight: 400; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 1.5rem 2rem; align-items: start; }
figure { margin: 0.5rem 0; min-width: 0; } svg { width: 100%; height: auto; display: block;
  overflow: visible; }
pre { background: color-mix(in srgb, var(--rule) 45%, transparent); padding: 0.7rem 0.9rem;
  border-radius: 6px; white-space: pre-wrap; font-size: 0.85rem; }
ul { padding-left: 1.2rem; }
@media (max-width: 32rem) { table { font-size: 0.82rem; } td small { font-size: 0.72rem; }
  th, td { padding-right: 0.6rem; } }
@media print { :root { --paper: #fff; --ink: #000; --muted: #444; --rule: #ccc; --accent: #1f6fb2;
  --second: #c4561e; --good: #1c7c45; } body { max-width: none; font-size: 11pt; padding: 0; }
  figure, tr, pre { break-inside: avoid; } h2 { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; } }
"""


def escape(text: str) -> str:
    """A text for HTML, with control characters and the like escaped too."""
    return html.escape(printable(text))


def page(title: str, parts: list[str]) -> str:
    """The whole file."""
    body = "\n".join(part for part in parts if part)
    return (
        "<!doctype html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and its content; nothing without content."""
    body = "\n".join(part for part in parts if part)
    return f"<section><h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def table(heads: list[str], rows: list[list[str]], best: set[tuple[int, int]] = frozenset()) -> str:  # type: ignore[assignment]
    """Cells as text; all columns but the first are right-aligned if they are short numbers.

    A cell's second line is written smaller below its first.
    """
    numeric = [
        j > 0 and all(len(row[j]) < 26 and not row[j][:1].isalpha() for row in rows)
        for j in range(len(heads))
    ]

    def classes(i: int, j: int) -> str:
        names = ["n"] * numeric[j] + ["best"] * ((i, j) in best)
        return f' class="{" ".join(names)}"' if names else ""

    head = "".join(
        f'<th scope="col"{classes(-1, j)}>{escape(text)}</th>' for j, text in enumerate(heads)
    )
    lines = [
        "<tr>" + "".join(f"<td{classes(i, j)}>{cell(t)}</td>" for j, t in enumerate(row)) + "</tr>"
        for i, row in enumerate(rows)
    ]
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def cell(text: str) -> str:
    """A cell's text; a second line is smaller."""
    first, _, below = text.partition("\n")
    return escape(first) + (f"<small>{escape(below)}</small>" if below else "")


def code(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>"
