"""The report's charts: Vega-Lite specifications, drawn to SVG whose colours follow the page.

Colours in a specification are placeholders; in the SVG they become CSS variables, so one drawing
serves light, dark and print. Column names and labels are data, never field names or expressions.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.network import Layer, Network
from fallline.data.columns import BinnedColumn
from fallline.errors import FalllineError
from fallline.explaining.bars import Part
from fallline.explaining.dependence import Dependence
from fallline.explaining.importance import Importance
from fallline.memory import FOR_PICTURES, check_address_space
from fallline.text import printable
from fallline.training.history import History

__all__ = ["available", "svg"]

COLOURS = {
    "#0a0b01": "var(--ink)",
    "#0a0b02": "var(--muted)",
    "#0a0b03": "var(--rule)",
    "#0a0b04": "var(--accent)",
    "#0a0b05": "var(--second)",
}
INK, MUTED, RULE, ACCENT, SECOND = COLOURS
WIDTH, HEIGHT = 380, 240
MAX_POINTS = 800
MAX_NEURONS = 12

Spec = dict[str, Any]

CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "background": None,
    "aria": False,
    "padding": {"left": 14, "right": 14, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 11,
        "gridColor": RULE,
        "domainColor": RULE,
        "tickColor": RULE,
        "labelLimit": 150,
        # The page's font may be wider than the font that the library uses to measure.
        "titlePadding": 16,
        "labelOverlap": "greedy",
        "labelSeparation": 12,
    },
    "axisX": {"titlePadding": 8, "tickCount": 5, "labelFlush": False},
    "axisY": {"tickCount": 6},
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "orient": "top",
        "labelFontSize": 12,
        "columnPadding": 36,
        "symbolStrokeWidth": 3,
    },
}


def available() -> None:
    """Raise FalllineError, with the remedy, if the drawing library is not available."""
    check_address_space(FOR_PICTURES, "drawing the pictures of a report")
    try:
        import vl_convert  # noqa: F401
    except ModuleNotFoundError:
        raise FalllineError(
            "--report needs one more package: pip install 'fallline[report]'"
        ) from None


def svg(spec: Spec, title: str) -> str:
    """The drawing as an SVG element that scales with the page; ``title`` is for screen readers."""
    import vl_convert

    size = {} if "height" in spec else {"height": HEIGHT}
    # a control character aborts the process there
    drawn = shown({"width": WIDTH, **size, **spec, "config": CONFIG})
    text = vl_convert.vegalite_to_svg(drawn, allowed_base_urls=[])  # it does not escape texts
    for placeholder, variable in COLOURS.items():
        text = text.replace(placeholder, variable)
    head = re.search(r'width="(\d+)" height="\d+" viewBox', text)
    width = head.group(1) if head else str(WIDTH)
    label = printable(title).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    attributes = f'role="img" aria-label="{label}" style="max-width:{width}px" viewBox'
    return re.sub(r'width="\d+" height="\d+" viewBox', lambda _: attributes, text, count=1)


def shown(part: Any) -> Any:
    """A specification with all texts printable, because labels and names come from tables."""
    if isinstance(part, str):
        return printable(part)
    if isinstance(part, dict):
        return {shown(key): shown(value) for key, value in part.items()}
    return [shown(each) for each in part] if isinstance(part, list | tuple) else part


def rows(**columns: Sequence[Any] | Array) -> Spec:
    lists = [np.asarray(values).tolist() for values in columns.values()]
    return {
        "values": [dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True)]
    }


def x_of(title: str, kind: str = "quantitative", **more: Any) -> Spec:
    return {"field": "x", "type": kind, "title": title, **more}


def y_of(title: str, kind: str = "quantitative", **more: Any) -> Spec:
    return {"field": "y", "type": kind, "title": title, **more}


def names_axis() -> Spec:
    """A line for each name, in the order given."""
    axis = {"title": None, "grid": False, "labelOverlap": False}
    return y_of("", "nominal", sort=None, axis=axis)


LOOSE = {"zero": False, "nice": True}


def losses(history: History) -> Spec:
    """Training and validation loss over the epochs, the best epoch marked."""
    epochs, values, names = [], [], []
    for name, losses_ in (("training", history.loss), ("validation", history.validation_loss)):
        pairs = [(e, v) for e, v in zip(history.epoch, losses_, strict=False) if 0 < v < np.inf]
        epochs += [e for e, _ in pairs]
        values += [v for _, v in pairs]
        names += [name] * len(pairs)
    colour = {
        "field": "c",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["training", "validation"], "range": [SECOND, ACCENT]},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": x_of("epoch", axis={"tickMinStep": 1, "grid": False}),
            "y": y_of("loss", scale={"type": "log", "nice": False}, axis={"tickCount": 6}),
            "color": colour,
        },
    }
    layers: list[Spec] = [line]
    if history.best_epoch is not None:
        best = {"values": [{"x": history.best_epoch, "t": f"best: {history.best_epoch}"}]}
        place = {"x": x_of("epoch")}
        rule = {"type": "rule", "color": MUTED, "strokeDash": [4, 3]}
        text = {"type": "text", "color": MUTED, "align": "right", "dx": -5, "y": 8}
        layers.append({"data": best, "mark": rule, "encoding": place})
        layers.append({"data": best, "mark": text, "encoding": place | {"text": {"field": "t"}}})
    return {"data": rows(x=epochs, y=values, c=names), "layer": layers}


def confusion(counts: Array, classes: Sequence[str]) -> Spec:
    """Actual against predicted; the shade is the share of the actual class."""
    k = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    i, j = np.divmod(np.arange(k * k), k)
    names = np.asarray(classes, dtype=object)
    data = rows(x=names[j], y=names[i], n=counts.ravel(), s=shares.ravel())
    side = max(36, min(64, WIDTH // k)) if k <= 8 else max(14, WIDTH // k)
    axes = {
        "x": x_of(
            "predicted",
            "nominal",
            sort=None,
            axis={"labelAngle": 0 if k < 5 else -45, "labelOverlap": False},
        ),
        "y": y_of("actual", "nominal", sort=None, axis={"labelOverlap": False}),
    }
    shade = {"field": "s", "type": "quantitative", "legend": None, "scale": {"domain": [0, 1]}}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": ACCENT, "stroke": RULE},
            "encoding": axes
            | {"opacity": shade | {"scale": {"domain": [0, 1], "range": [0, 0.75]}}},
        }
    ]
    if k <= 12:
        text = {"type": "text", "color": INK, "fontSize": 11}
        layers.append({"mark": text, "encoding": axes | {"text": {"field": "n", "format": ","}}})
    return {
        "data": data,
        "layer": layers,
        "width": {"step": side},
        "height": {"step": min(side, 40)},
    }


def diagonal(low: float, high: float) -> Spec:
    return {
        "data": {"values": [{"x": low, "y": low}, {"x": high, "y": high}]},
        "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 3], "strokeWidth": 1},
        "encoding": {"x": x_of(""), "y": y_of("")},
    }


def roc(false: Array, true: Array) -> Spec:
    """True against false positives."""
    curve = {
        "data": rows(x=false, y=true),
        "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2, "interpolate": "step-after"},
        "encoding": {"x": x_of("false positive rate"), "y": y_of("true positive rate")},
    }
    return {"layer": [diagonal(0, 1), curve]}


def calibration(found: dict[str, Any]) -> Spec:
    """Predicted probability against the share that came true."""
    points = {
        "data": rows(x=found["predicted"], y=found["observed"]),
        "mark": {"type": "line", "color": ACCENT, "point": {"color": ACCENT, "size": 40}},
        "encoding": {
            "x": x_of("predicted probability", scale={"domain": [0, 1]}),
            "y": y_of("share that came true", scale={"domain": [0, 1]}),
        },
    }
    return {"layer": [diagonal(0, 1), points]}


def predictions(actual: Array, predicted: Array) -> Spec:
    """Predicted against actual numbers, at most 800 of them."""
    step = max(len(actual) // MAX_POINTS, 1)
    low = float(min(actual.min(), predicted.min()))
    high = float(max(actual.max(), predicted.max()))
    points = {
        "data": rows(x=actual[::step], y=predicted[::step]),
        "mark": {"type": "point", "filled": True, "color": ACCENT, "size": 14, "opacity": 0.45},
        "encoding": {
            "x": x_of("actual", scale=LOOSE),
            "y": y_of("predicted", scale=LOOSE),
        },
    }
    return {"layer": [points, diagonal(low, high)]}


def residuals(predicted: Array, residual: Array) -> Spec:
    """Residuals against predictions."""
    step = max(len(residual) // MAX_POINTS, 1)
    zero: Spec = {
        "data": {"values": [{"y": 0}]},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [4, 3]},
        "encoding": {"y": y_of("")},
    }
    points = {
        "data": rows(x=predicted[::step], y=residual[::step]),
        "mark": {"type": "point", "filled": True, "color": ACCENT, "size": 14, "opacity": 0.45},
        "encoding": {
            "x": x_of("predicted", scale=LOOSE),
            "y": y_of("actual - predicted"),
        },
    }
    return {"layer": [points, zero]}


def importance(found: Sequence[Importance]) -> Spec:
    """The rise of the loss when a column is shuffled, with its 95 % interval over the rows."""
    data = rows(
        y=[item.column for item in found],
        x=[item.rise for item in found],
        low=[item.interval[0] for item in found],
        high=[item.interval[1] for item in found],
    )
    names = names_axis()
    bars = {
        "mark": {"type": "bar", "color": ACCENT, "height": {"band": 0.6}},
        "encoding": {"x": x_of("rise of the loss when shuffled"), "y": names},
    }
    lines = {
        "mark": {"type": "rule", "color": INK},
        "encoding": {
            "x": {"field": "low", "type": "quantitative"},
            "x2": {"field": "high"},
            "y": names,
        },
    }
    return {"data": data, "layer": [bars, lines], "height": {"step": 22}}


def attributions(shown: Sequence[Part], rest: float | None, what: str) -> Spec:
    """What columns add to one row's output, up or down; ``rest`` is what the others add."""
    parts = [(f"{name} = {cell}", added) for name, cell, added in shown]
    if rest is not None:
        parts.append(("others", rest))
    data = rows(
        y=[name for name, _ in parts],
        x=[added for _, added in parts],
        sign=["up" if added >= 0 else "down" for _, added in parts],
    )
    colour: Spec = {"field": "sign", "type": "nominal", "legend": None}
    colour["scale"] = {"domain": ["up", "down"], "range": [ACCENT, SECOND]}
    names = names_axis()
    return {
        "data": data,
        "mark": {"type": "bar", "height": {"band": 0.6}},
        "encoding": {"x": x_of(f"adds to {what}"), "y": names, "color": colour},
        "height": {"step": 22},
    }


def strength(found: Sequence[tuple[str, float]], what: str) -> Spec:
    """The mean absolute attribution of each column."""
    names = names_axis()
    return {
        "data": rows(y=[name for name, _ in found], x=[size for _, size in found]),
        "mark": {"type": "bar", "color": ACCENT, "height": {"band": 0.6}},
        "encoding": {"x": x_of(f"adds to {what}, either way, on average"), "y": names},
        "height": {"step": 22},
    }


def bins(columns: Sequence[BinnedColumn]) -> Spec:
    """The edges of each column's bins as ticks along the range of the column."""
    names, at = [], []
    for column in columns:
        low, high = column.edges[0], column.edges[-1]
        names += [column.name] * len(column.edges)
        at += [(edge - low) / (high - low) for edge in column.edges]
    name = names_axis()
    axis = {"tickCount": 2, "labelExpr": "datum.value == 0 ? 'lowest' : 'highest'", "grid": False}
    return {
        "data": rows(x=at, y=names),
        "mark": {"type": "tick", "color": ACCENT, "thickness": 1.5},
        "encoding": {"x": x_of("", axis={**axis, "title": None, "values": [0, 1]}), "y": name},
        "height": {"step": 18},
    }


def dependence(found: Dependence, output: int, what: str) -> Spec:
    """The mean prediction at each value of a column, and in faint lines those of single rows."""
    predicted = found.predicted[:, output]
    if found.axes:
        return on_a_map(found, predicted, what)
    if found.labels:
        return {
            "data": rows(y=list(found.labels), x=predicted),
            "mark": {"type": "point", "filled": True, "color": ACCENT, "size": 60},
            "encoding": {
                "x": x_of(what, scale=LOOSE),
                "y": y_of(
                    "",
                    "nominal",
                    sort=None,
                    axis={"title": None, "grid": True, "labelOverlap": False},
                ),
            },
            "height": {"step": 22},
        }
    x = x_of(found.column, scale={"zero": False, "nice": False}, axis={"grid": False})
    y = y_of(what, scale=LOOSE)
    n, m = found.curves.shape[:2]
    single = {
        "data": rows(
            x=np.tile(found.values, n),
            y=found.curves[:, :, output].ravel(),
            row=np.repeat(np.arange(n), m),
        ),
        "mark": {"type": "line", "color": MUTED, "strokeWidth": 0.6, "opacity": 0.35},
        "encoding": {"x": x, "y": y, "detail": {"field": "row", "type": "nominal"}},
    }
    mean = {
        "data": rows(x=found.values, y=predicted),
        "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2},
        "encoding": {"x": x, "y": y},
    }
    return {"layer": [single, mean]}


def on_a_map(found: Dependence, predicted: Array, what: str) -> Spec:
    """The mean prediction at each place, as the colour of a point."""
    east, north = found.axes
    near = {"zero": False, "nice": False}
    colour = {
        "field": "z",
        "type": "quantitative",
        "title": what,
        "scale": {"scheme": "viridis"},
        "legend": {
            "orient": "top",
            "gradientLength": WIDTH - 60,
            "tickCount": 3,
            "labelColor": MUTED,
            "titleColor": INK,
            "titleFontWeight": "normal",
        },
    }
    return {
        "data": rows(x=found.values[:, 0], y=found.values[:, 1], z=predicted),
        "mark": {"type": "point", "filled": True, "opacity": 0.9, "size": 22},
        "encoding": {"x": x_of(east, scale=near), "y": y_of(north, scale=near), "color": colour},
    }


def drawing(network: Network, inputs: Sequence[str], outputs: Sequence[str]) -> Spec:
    """The network: the neurons of each layer with the largest weights, lines as wide as weights."""
    shown = [strongest(network, number) for number in range(len(network.sizes))]
    lines = [line for layer in network.layers for line in weight_lines(layer, shown)]
    nodes = [
        {"x": number, "y": height(i, len(units))}
        for number, units in enumerate(shown)
        for i in range(len(units))
    ]
    texts = labels_of(shown[0], inputs, 0) + labels_of(shown[-1], outputs, len(shown) - 1)
    axis = {"axis": None, "scale": {"nice": False, "zero": False}}
    place = {
        "x": {"field": "x", "type": "quantitative", **axis},
        "y": {"field": "y", "type": "quantitative", **axis},
    }
    colour = {"domain": ["positive weight", "negative weight"], "range": [ACCENT, SECOND]}
    rules = {
        "data": {"values": lines},
        "mark": {"type": "rule", "opacity": 0.6},
        "encoding": place
        | {
            "x2": {"field": "x2"},
            "y2": {"field": "y2"},
            "color": {"field": "s", "type": "nominal", "title": None, "scale": colour},
            "strokeWidth": {
                "field": "w",
                "type": "quantitative",
                "legend": None,
                "scale": {"domain": [0, 1], "range": [0.2, 3]},
            },
        },
    }
    circles = {
        "data": {"values": nodes},
        "mark": {"type": "point", "filled": True, "color": INK, "opacity": 1, "size": 45},
        "encoding": place,
    }

    def words(side: int, align: str, dx: int) -> Spec:
        return {
            "data": {"values": [text for text in texts if text["x"] == side]},
            "mark": {"type": "text", "color": INK, "align": align, "dx": dx, "fontSize": 11}
            | {"limit": 150},
            "encoding": place | {"text": {"field": "t"}},
        }

    layers = [rules, circles, words(0, "right", -9), words(len(shown) - 1, "left", 9)]
    return {"layer": layers, "width": 400, "height": 330, "padding": {"left": 40, "right": 50}}


def weight_lines(layer: Layer, shown: Sequence[Array]) -> list[Spec]:
    """A line for each weight between shown neurons, without those below 8 % of the largest."""
    left, right = shown[layer.number - 1], shown[layer.number]
    W = layer.W[np.ix_(left, right)]
    sizes = np.abs(W) / max(float(np.abs(W).max(initial=0.0)), 1e-12)
    return [
        {
            "x": layer.number - 1,
            "y": height(i, len(left)),
            "x2": layer.number,
            "y2": height(j, len(right)),
            "w": float(sizes[i, j]),
            "s": "positive weight" if W[i, j] > 0 else "negative weight",
        }
        for i, j in np.ndindex(W.shape)
        if sizes[i, j] > 0.08
    ]


def strongest(network: Network, number: int) -> Array:
    """The units of a layer with the largest weights, in their order; layer 0 are the inputs."""
    last = number == len(network.sizes) - 1
    layer = network.layers[number - 1 if last else number]
    size = np.abs(layer.W).sum(axis=0 if last else 1)
    return np.sort(np.argsort(-size, kind="stable")[:MAX_NEURONS])


def height(i: int, n: int) -> float:
    return 0.5 if n == 1 else 1.0 - i / (n - 1)


def labels_of(units: Array, names: Sequence[str], x: int) -> list[Spec]:
    return [
        {"x": x, "y": height(i, len(units)), "t": names[unit]}
        for i, unit in enumerate(units.tolist())
        if unit < len(names)
    ]
