"""The network of an estimator as a picture, under scikit-learn's own HTML representation."""

from html import escape
from typing import Any

from fallline.estimators.layers import hidden_sizes

__all__ = ["of_estimator"]

MAX_NEURONS = 8  # neurons drawn per layer; the middle ones of a larger layer are left out
STEP, GAP, RADIUS, LEFT = 22, 150, 7, 60


def of_estimator(model: Any) -> str:
    """An SVG with a column of circles per layer; nothing if the sizes cannot be read."""
    try:
        hidden = hidden_sizes(
            [W.shape[1] for W in model.coefs_[:-1]]
            if "encoder_" in model.__dict__  # a preset has its own sizes
            else model.hidden_layer_sizes
        )
    except (TypeError, ValueError):
        return ""
    fitted = hasattr(model, "coefs_")
    first = len(model.coefs_[0]) if fitted else None
    last = model.n_outputs_ if fitted else None
    names = activations(model, len(hidden))
    labels = [
        ("inputs", first),
        *((name, size) for name, size in zip(names, hidden, strict=True)),
        (model.out_activation_ if fitted else "outputs", last),
    ]
    return picture(labels)


def activations(model: Any, n_hidden: int) -> list[str]:
    given = model._activation
    each = given if isinstance(given, list | tuple) else [given] * n_hidden
    return ([str(getattr(item, "name", item)) for item in each] + ["?"] * n_hidden)[:n_hidden]


def picture(layers: list[tuple[str, int | None]]) -> str:
    columns = [places(size) for _, size in layers]
    height = STEP * max(len(column) for column in columns) + 60
    middle = (height - 40) / 2
    width = 2 * LEFT + GAP * (len(layers) - 1)
    at = [
        [(LEFT + GAP * l, middle + STEP * (i - (len(column) - 1) / 2)) for i in range(len(column))]
        for l, column in enumerate(columns)
    ]
    lines = [
        f'<line x1="{x1 + RADIUS}" y1="{y1}" x2="{x2 - RADIUS}" y2="{y2}"/>'
        for l in range(len(layers) - 1)
        for (x1, y1), drawn in zip(at[l], columns[l], strict=True)
        for (x2, y2), drawn_too in zip(at[l + 1], columns[l + 1], strict=True)
        if drawn and drawn_too
    ]
    dots = [
        f'<circle cx="{x}" cy="{y}" r="{RADIUS}"/>'
        if drawn
        else f'<text x="{x}" y="{y + 4}">&#8942;</text>'
        for points, column in zip(at, columns, strict=True)
        for (x, y), drawn in zip(points, column, strict=True)
    ]
    texts = [
        f'<text x="{LEFT + GAP * l}" y="{height - 24}">{escape(name)}</text>'
        f'<text x="{LEFT + GAP * l}" y="{height - 8}">{"" if size is None else f"{size:,}"}</text>'
        for l, (name, size) in enumerate(layers)
    ]
    title = " - ".join("?" if size is None else str(size) for _, size in layers)
    return (
        f'<svg role="img" aria-label="network {title}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" '
        'text-anchor="middle" fill="currentColor">'
        f'<g stroke="currentColor" stroke-opacity="0.25">{"".join(lines)}</g>'
        f"<g>{''.join(dots)}{''.join(texts)}</g></svg>"
    )


def places(size: int | None) -> list[bool]:
    """The symbols in a column: True for a neuron, False for the dots that replace the others."""
    if size is None:
        return [True, False, True]
    if size <= MAX_NEURONS:
        return [True] * size
    return [True] * (MAX_NEURONS // 2) + [False] + [True] * (MAX_NEURONS // 2 - 1)
