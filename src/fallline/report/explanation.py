"""The page of an explanation: what each column adds to single rows, and in general."""

import os

from fallline.atomic import write_bytes
from fallline.explaining.bars import leading_first
from fallline.explaining.explanation import Explanation
from fallline.explaining.overview import Overview
from fallline.report import charts
from fallline.report.page import escape, figure, page, section, table
from fallline.text import figure as number

__all__ = ["check_available", "explanation_html", "write_explanation"]

MAX_BARS = 15
MAX_ROWS = 24
CAUTION = (
    "The figures change one column at a time, so they understate correlated columns. A column "
    "that a model uses need not be a cause."
)

check_available = charts.available


def write_explanation(
    found: Explanation, whole: Overview, path: str | os.PathLike[str], source: str, *, single: bool
) -> None:
    """Write the page; ``single``: with the explained rows. Raises FileWriteError."""
    write_bytes(path, explanation_html(found, whole, source, single=single).encode())


def explanation_html(found: Explanation, whole: Overview, source: str, *, single: bool) -> str:
    target = found.subject.target
    lead = (
        f"Which columns a network that predicts {target} uses, on {source}. What each column of a "
        f"row adds is its integrated gradient. Together with the output at {found.baseline}, the "
        f"columns add up to the output of the row, to within {float(found.gap.max()):.1g}."
    )
    return page(
        f"{target}: explained by Fallline",
        [
            f'<h1>{escape(target)}, explained</h1>\n<p class="lead">{escape(lead)}</p>',
            section("Rows", *(rows_part(found) if single else [])),
            section("Columns", grid(*columns_part(found, whole)), small(CAUTION)),
            section("Interactions", *interactions_part(whole)),
        ],
    )


def small(text: str) -> str:
    return f'<p class="small">{escape(text)}</p>'


def grid(*figures: str) -> str:
    return f'<div class="charts">{"".join(figures)}</div>' if any(figures) else ""


def rows_part(found: Explanation) -> list[str]:
    """A chart for each of the rows."""
    figures = []
    for i in range(min(len(found.rows), MAX_ROWS)):
        parts = list(zip(found.columns, found.cells[i], found.attributions[i], strict=True))
        shown, rest = leading_first(parts, MAX_BARS)
        spec = charts.attributions(shown, rest, found.explained[i])
        caption = (
            f"Row {found.rows[i] + 1}: {found.heading(i)}; at the baseline "
            f"{number(float(found.base[i]))}."
        )
        figures.append(figure(charts.svg(spec, f"row {found.rows[i] + 1}"), caption))
    more = len(found.rows) - len(figures)
    return [grid(*figures), small(f"{more} more rows are left out here.") if more else ""]


def columns_part(found: Explanation, whole: Overview) -> list[str]:
    unit = found.explained[0] if len(set(found.explained)) == 1 else "the predicted class's logit"
    figures = [
        figure(
            charts.svg(charts.strength(whole.strength[:MAX_BARS], unit), "mean attributions"),
            f"How much each column changes the output on average, up or down, over "
            f"{whole.rows:,} rows.",
        )
    ]
    if whole.importances is not None:
        spec = charts.importance(whole.importances[:MAX_BARS])
        caption = (
            "How much the loss rises when a column is shuffled (mean of five times), with the "
        )
        caption += (
            "95 % interval over the rows. On training rows, columns look more useful than they are."
        )
        figures.append(figure(charts.svg(spec, "permutation importance"), caption))
    subject = found.subject
    for one in whole.dependences:
        k, what = 0, f"predicted {subject.target}"
        if subject.classes:
            k = 0 if subject.task == "binary" else int(one.predicted.mean(axis=0).argmax())
            what = f"probability of {subject.classes[1 if subject.task == 'binary' else k]}"
        drawing = charts.svg(charts.dependence(one, k, what), f"partial dependence on {one.column}")
        figures.append(figure(drawing, one.caption))
    return figures


def interactions_part(whole: Overview) -> list[str]:
    if not whole.interactions:
        return []
    rows = [
        [" x ".join(pair.columns), number(pair.size), f"{pair.h:.3f}"]
        for pair in whole.interactions
    ]
    note = (
        "How much two columns together differ from the sum of both: the root mean square in the "
        "unit of the output, and Friedman's H, which is 0 if effects add up."
    )
    return [table(["columns", "size", "H"], rows), small(note)]
