"""A model as one SELECT for SQLite and DuckDB, without user-defined functions.

Each step is a table expression: the cells as texts, as numbers and codes, the network's inputs, and
two for each layer. MATERIALIZED keeps the databases from putting one into the next, which would
multiply the work at each layer. A number is written with an exponent, which makes it a DOUBLE in
DuckDB, not a DECIMAL.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.errors import ParameterError
from fallline.exporting.description import (
    Absent,
    Clipped,
    Column,
    Description,
    Equal,
    Feature,
    Interval,
    Label,
    Naming,
    OneOf,
    Ramp,
    Scaled,
    Sets,
    Sign,
    Wave,
    is_text,
)
from fallline.exporting.normal import NEAR, OVER, TAIL, UNDER
from fallline.exporting.rows import Rows
from fallline.exporting.running import Found, NoRunnerError, RunError, members_of
from fallline.tabular.model import in_set

__all__ = ["run", "write"]

MAX_COLUMNS = 2_000  # of a table expression in SQLite
TERMS = 50  # of a sum side by side; SQLite takes expressions up to 1,000 deep
BLANKS = "' \t\n\r'"
LARGEST = "1.7976931348623157e308"
STEP = "fallline_"  # before the names of table expressions, so that they differ from any table's
ROW = "fallline_row"
ENDS = ("lower", "upper")
IN_SET = re.compile(r"(?:\\.|[^|\\])+", re.DOTALL)  # a class in the text of a set
HEAD = """\
-- A trained network as one SELECT for SQLite (from 3.35 on, with its mathematical functions) and
-- DuckDB. Written by Fallline; regenerate to change. It gives the columns of the table, after them
-- the predictions. A cell that cannot be used makes them NULL. Dates are DATE, TIMESTAMP, texts
-- such as 2021-03-15 17:30:00, or days since 1970-01-01 as numbers.
"""
ACTIVATIONS: dict[str, str] = {
    "sigmoid": "1e0 / (1e0 + EXP(CASE WHEN {z} < -700e0 THEN 700e0 ELSE -{z} END))",
    "tanh": "1e0 - 2e0 / (1e0 + EXP(CASE WHEN {z} > 300e0 THEN 600e0 ELSE 2e0 * {z} END))",
    "relu": "CASE WHEN {z} > 0e0 THEN {z} ELSE 0e0 END",
    "leaky_relu": "CASE WHEN {z} > 0e0 THEN {z} ELSE 1e-2 * {z} END",
    "elu": "CASE WHEN {z} > 0e0 THEN {z} ELSE EXP({z}) - 1e0 END",
    "silu": "{z} / (1e0 + EXP(CASE WHEN {z} < -700e0 THEN 700e0 ELSE -{z} END))",
    "softplus": "CASE WHEN {z} > 0e0 THEN {z} + LN(1e0 + EXP(-{z})) ELSE LN(1e0 + EXP({z})) END",
    "identity": "{z}",
    "exp": "EXP(CASE WHEN {z} > 709.7817123930504e0 THEN 709.7817123930504e0 ELSE {z} END)",
    "gelu": "",
    "softmax": "",
}


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """The statement. Raises ParameterError for functions that SQL lacks."""
    model.require(ACTIVATIONS, "SQL")
    row = row_name(model)
    steps = [
        ("given", [f"ROW_NUMBER() OVER () AS {row}, t.*"], f"{table_name(naming.table)} AS t"),
        ("cells", [f"g.{row} AS n", *cells(model)], f"{STEP}given AS g"),
        ("numerals", ["c.*", *numerals(model)], f"{STEP}cells AS c"),
        ("read", ["n", *readings(model)], f"{STEP}numerals"),
    ]
    if any(column.directions for column in model.columns):
        steps.append(("placed", ["r.*", *directions(model)], f"{STEP}read AS r"))
    steps.append(("a0", ["n", wrong(model), *inputs(model)], f"{STEP}{steps[-1][0]}"))
    for l, layer in enumerate(model.layers, start=1):
        sums = [f"{total(layer.W[:, j], layer.b[j])} AS z{j}" for j in range(len(layer.b))]
        values = activated(layer.activation, len(layer.b))
        steps.append((f"z{l}", ["n", "wrong", *sums], f"{STEP}a{l - 1}"))
        steps.append((f"a{l}", ["n", "wrong", *values], f"{STEP}z{l}"))
    if model.output.interval is not None:
        steps += interval_steps(model, model.output.interval)
    if model.output.sets is not None:
        steps.append(set_step(model))
    widest = max(len(what) for _, what, _ in steps) + 2 * len(model.columns)
    if widest > MAX_COLUMNS:
        raise ParameterError(
            f"this model needs table expressions of {widest:,} columns, but SQLite has at most "
            f"{MAX_COLUMNS:,}; export it as ONNX, C, JavaScript or Python"
        )
    made = ",\n".join(
        f"{STEP}{name} AS MATERIALIZED (\nSELECT {columns(what)}\nFROM {source}\n)"
        for name, what, source in steps
    )
    last = f"{STEP}{steps[-1][0]}"
    text = (
        f"{HEAD}WITH\n{made}\nSELECT {columns(['g.*', *results(model)])}\n"
        f"FROM {STEP}given AS g JOIN {last} AS o ON o.n = g.{row}\nORDER BY g.{row};\n"
    )
    return {".sql": text.encode()}


def row_name(model: Description) -> str:
    """What the rows' numbers are called: as no column, in whatever letters."""
    taken = {column.name.lower() for column in model.columns}
    chosen = ROW
    while chosen in taken:
        chosen += "_"
    return chosen


def columns(parts: Sequence[str]) -> str:
    return ",\n  ".join(part for part in parts if part)


# ---- names, texts and numbers


def quoted(text: str, mark: str) -> str:
    """A text between two quotes, with quotes in it doubled, which is all that SQL requires."""
    if "\0" in text or not is_text(text):
        raise ParameterError(
            f"{text!r} holds a character that SQL cannot write; rename it, or export as Python, "
            "JavaScript or C"
        )
    return mark + text.replace(mark, 2 * mark) + mark


def name(text: str) -> str:
    return quoted(text, '"')


def string(text: str) -> str:
    return quoted(text, "'")


def table_name(text: str) -> str:
    """``table`` or ``schema.table``."""
    if not all(text.split(".")):
        raise ParameterError(f"the table must be called NAME or SCHEMA.NAME, not {text!r}")
    return ".".join(name(part) for part in text.split("."))


def number(value: float) -> str:
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def literal(label: Label) -> str:
    if isinstance(label, str):
        return string(label)
    return number(label) if isinstance(label, float) else str(int(label))


def total(weights: Array, bias: float) -> str:
    """The sum of a<i> * weight over the weights that are not 0, and the bias.

    COALESCE(weight, a) is the weight. SQLite compares each plain constant with all before it, which
    would take seconds for tens of thousands of them.
    """
    terms = [
        f"a{i} * COALESCE({number(weights[i])}, a{i})" for i in np.flatnonzero(weights).tolist()
    ]
    return tree([*terms, number(bias)], " + ")


def tree(terms: Sequence[str], sign: str) -> str:
    """The terms joined, in brackets of brackets where they are many."""
    while len(terms) > TERMS:
        parts = [terms[i : i + TERMS] for i in range(0, len(terms), TERMS)]
        terms = [f"({sign.join(part)})" for part in parts]
    return sign.join(terms)


# ---- the cells


def cells(model: Description) -> list[str]:
    """Each cell as a text, t<i>, and where it is a number as it is, o<i>.

    A column's name is never alone: SQLite takes an unknown one in double quotes as a text.
    """
    made = []
    for i, column in enumerate(model.columns):
        own = f"g.{name(column.name)}"
        made.append(f"TRIM(CAST({own} AS VARCHAR), {BLANKS}) AS t{i}")
        if column.kind == "number":
            made.append(f"{own} AS o{i}")
    return made


def readings(model: Description) -> list[str]:
    """What each cell is: v<i> a number or NULL, or c<i> a code; w<i> is 1 where it is neither."""
    made = []
    for i, column in enumerate(model.columns):
        made += READERS[column.kind](i, column)
    return made


def is_missing(i: int, column: Column) -> str:
    marks = ", ".join(string(mark) for mark in dict.fromkeys(["", *column.missing]))
    return f"(t{i} IS NULL OR t{i} IN ({marks}))"


def numerals(model: Description) -> list[str]:
    """u<i>: the cell less its signs, if it is a number; a text that ``is_number`` looks at."""
    made = []
    for i, column in enumerate(model.columns):
        if column.kind != "text" or column.numbers:
            plain = f"REPLACE(REPLACE(LOWER(t{i}), 'e-', 'e'), 'e+', 'e')"
            sign = f"SUBSTR({plain}, 1, 1) IN ('-', '+')"
            made.append(f"CASE WHEN {sign} THEN SUBSTR({plain}, 2) ELSE {plain} END AS u{i}")
    return made


def is_number(i: int) -> str:
    """Digits, at most one point and one e behind them, which neither begins nor ends it."""

    def at_most_one(mark: str) -> str:
        return f"LENGTH(u{i}) - LENGTH(REPLACE(u{i}, '{mark}', '')) <= 1"

    return (
        f"(TRIM(u{i}, '0123456789.e') = '' AND TRIM(u{i}, '.e') <> '' AND {at_most_one('.')} "
        f"AND {at_most_one('e')} AND u{i} NOT LIKE 'e%' AND u{i} NOT LIKE '%e' AND "
        f"(INSTR(u{i}, 'e') = 0 OR INSTR(u{i}, '.') < INSTR(u{i}, 'e')))"
    )


def number_cell(i: int, column: Column) -> list[str]:
    gap, good = is_missing(i, column), is_number(i)
    value = (
        f"CASE WHEN {gap} THEN NULL WHEN LOWER(t{i}) = 'true' THEN 1e0 "
        f"WHEN LOWER(t{i}) = 'false' THEN 0e0 WHEN {good} THEN CAST(o{i} AS DOUBLE) END"
    )
    for mark in column.missing_numbers:
        value = f"NULLIF({value}, {number(mark)})"
    finite = f"CASE WHEN ABS(CAST(o{i} AS DOUBLE)) <= {LARGEST} THEN 0 ELSE 1 END"
    fits = (
        f"CASE WHEN {gap} THEN {int(column.needed)} WHEN LOWER(t{i}) IN ('true', 'false') THEN 0 "
        f"WHEN {good} THEN {finite} ELSE 1 END"
    )
    return [f"{value} AS v{i}", f"{fits} AS w{i}"]


def date_cell(i: int, column: Column) -> list[str]:
    gap, good = is_missing(i, column), is_number(i)
    parts = " || ".join(f"SUBSTR(t{i}, {at}, {n})" for at, n in ((1, 4), (6, 2), (9, 2)))
    iso = (
        f"(LENGTH(t{i}) >= 10 AND SUBSTR(t{i}, 5, 1) = '-' AND SUBSTR(t{i}, 8, 1) = '-' "
        f"AND TRIM({parts}, '0123456789') = '')"
    )
    value = (
        f"CASE WHEN {gap} THEN NULL WHEN {iso} THEN {iso_milliseconds(f't{i}')} * 1e-3 "
        f"WHEN {good} THEN FLOOR(CAST(t{i} AS DOUBLE) * 86400000e0 + 5e-1) * 1e-3 END"
    )
    return [f"{value} AS v{i}", f"CASE WHEN {gap} OR {iso} OR {good} THEN 0 ELSE 1 END AS w{i}"]


def iso_milliseconds(t: str) -> str:
    """The milliseconds since 1970 of 2021-03-15 17:30:00.000, or of its beginning.

    The days are counted in years that begin in March, so that the leap day is the last.
    """

    def part(at: int, n: int) -> str:
        return f"CAST('0' || SUBSTR({t}, {at}, {n}) AS BIGINT)"

    month = f"(({part(6, 2)} + 9) % 12)"
    year = f"({part(1, 4)} - CASE WHEN {part(6, 2)} <= 2 THEN 1 ELSE 0 END)"

    def whole(a: str, b: int) -> str:
        return f"(({a}) - ({a}) % {b}) / {b}"

    days = (
        f"365 * {year} + {whole(year, 4)} - {whole(year, 100)} + {whole(year, 400)} + "
        f"{whole(f'153 * {month} + 2', 5)} + {part(9, 2)} - 719469"
    )
    fraction = f"CAST(SUBSTR(SUBSTR({t}, 21, 3) || '000', 1, 3) AS BIGINT)"
    return (
        f"(({days}) * 86400000 + {part(12, 2)} * 3600000 + {part(15, 2)} * 60000 + "
        f"{part(18, 2)} * 1000 + CASE WHEN SUBSTR({t}, 20, 1) = '.' THEN {fraction} ELSE 0 END)"
    )


def text_cell(i: int, column: Column) -> list[str]:
    t = f"SUBSTR(t{i}, 1, 1)" if column.by_letter else f"t{i}"
    cases = [f"WHEN {is_missing(i, column)} THEN {column.absent}"]
    cases += [f"WHEN {t} = {string(c)} THEN {k}" for k, c in enumerate(column.categories)]
    cases += [f"WHEN LOWER({t}) = '{word}' THEN {k}" for word, k in column.words]
    if column.numbers and not column.by_letter:
        same = " ".join(f"WHEN {number(x)} THEN {k}" for x, k in column.numbers)
        inner = f"CASE CAST(t{i} AS DOUBLE) {same} ELSE {column.other} END"
        cases.append(f"WHEN {is_number(i)} THEN {inner}")
    return [f"CASE {' '.join(cases)} ELSE {column.other} END AS c{i}"]


READERS: dict[str, Callable[[int, Column], list[str]]] = {
    "number": number_cell,
    "date": date_cell,
    "text": text_cell,
}


# ---- the network


def wrong(model: Description) -> str:
    """How many cells of a row cannot be used."""
    flags = [f"w{i}" for i, column in enumerate(model.columns) if column.kind != "text"]
    return f"{tree(flags or ['0'], ' + ')} AS wrong"


def inputs(model: Description) -> list[str]:
    made = []
    for i, column in enumerate(model.columns):
        cell = f"c{i}" if column.kind == "text" else f"v{i}"
        made += [feature_of(feature, cell) for feature in column.features]
        for k, each in enumerate(column.directions):
            made += [feature_of(feature, f"d{i}_{k}") for feature in each.features]
    return [f"{value} AS a{k}" for k, value in enumerate(made)]


def directions(model: Description) -> list[str]:
    """d<i>_<k>: the position along each direction of a column and the one before, or NULL."""
    made = []
    for i, column in enumerate(model.columns):
        for k, each in enumerate(column.directions):
            a, b = (
                f"{number(weight)} * ({scaled(model.columns[j], f'v{j}')})"
                for weight, j in zip(each.weights, (i - 1, i), strict=True)
            )
            made.append(f"{a} + {b} AS d{i}_{k}")
    return made


def scaled(column: Column, v: str) -> str:
    """A number as the first feature scales it."""
    first = column.scaling
    return within(f"({v} - {number(first.shift)}) / {number(first.scale)}", -1e150, 1e150)


def feature_of(feature: Feature, v: str) -> str:
    if feature == Scaled(0.0, 1.0):
        return v
    if isinstance(feature, Scaled | Clipped | Ramp | Wave):
        return f"COALESCE({of_number(feature, v)}, 0e0)"
    if isinstance(feature, Sign):
        return f"CASE {v} WHEN 0 THEN -1e0 WHEN 1 THEN 1e0 ELSE 0e0 END"
    return f"CASE WHEN {condition(feature, v)} THEN 1e0 ELSE 0e0 END"


def of_number(feature: Scaled | Clipped | Ramp | Wave, v: str) -> str:
    """NULL where v is."""
    if isinstance(feature, Wave):
        return f"{feature.function.upper()}({v} * {number(feature.turn)})"
    if isinstance(feature, Ramp):
        low, width = number(feature.low), number(feature.high - feature.low)
        part = (
            f"CASE WHEN {v} <= {low} THEN 0e0 WHEN {v} >= {number(feature.high)} THEN 1e0 "
            f"ELSE ({v} - {low}) / {width} END"
        )
        return f"{part} - {number(feature.center)}"
    z = f"({v} - {number(feature.shift)}) / {number(feature.scale)}"
    if isinstance(feature, Scaled):
        return z
    near = f"({z}) / SQRT(1e0 + (({z}) / 3e0) * (({z}) / 3e0))"
    return f"CASE WHEN {z} > 1e15 THEN 3e0 WHEN {z} < -1e15 THEN -3e0 ELSE {near} END"


def condition(feature: Equal | Absent | OneOf, v: str) -> str:
    if isinstance(feature, Equal):
        return f"{v} = {number(feature.value)}"
    if isinstance(feature, Absent):
        return f"{v} IS NULL"
    return f"{v} IN ({', '.join(map(str, feature.codes))})"


def activated(activation: str, n: int) -> list[str]:
    if activation == "softmax":  # 1 / sum_j e^(z_j - z_k) needs no maximum
        values = [softmax_of(k, n) for k in range(n)]
    elif activation == "gelu":
        values = [gelu_of(f"z{k}") for k in range(n)]
    else:
        values = [ACTIVATIONS[activation].format(z=f"z{k}") for k in range(n)]
    return [f"{value} AS a{k}" for k, value in enumerate(values)]


def softmax_of(k: int, n: int) -> str:
    terms = [
        f"EXP(CASE WHEN z{j} - z{k} > 700e0 THEN 700e0 ELSE z{j} - z{k} END)"
        for j in range(n)
        if j != k
    ]
    return f"1e0 / ({tree(['1e0', *terms], ' + ')})"


def gelu_of(z: str) -> str:
    """z Phi(z), where Phi(-|z|) is a rational function (:mod:`fallline.exporting.normal`)."""
    x = f"ABS({z})"
    density = f"EXP(-5e-1 * {z} * {z})"
    over, under = horner(OVER, x), horner(UNDER, x)
    rest = f"({x} + 1e0 / ({x} + 2e0 / ({x} + 3e0 / ({x} + 4e0 / ({x} + 65e-2)))))"
    below = (
        f"CASE WHEN {x} < {number(NEAR)} THEN {density} * {over} / {under} "
        f"WHEN {x} < 38e0 THEN {density} / {rest} / {number(TAIL)} ELSE 0e0 END"
    )
    return f"{z} * CASE WHEN {z} > 0e0 THEN 1e0 - ({below}) ELSE {below} END"


def horner(coefficients: Sequence[float], x: str) -> str:
    text = number(coefficients[0])
    for c in coefficients[1:]:
        text = f"({text} * {x} + {number(c)})"
    return text


# ---- what comes out


def results(model: Description) -> list[str]:
    """The prediction, then a probability for each label, where the target has classes."""
    output = model.output
    n = len(model.layers[-1].b)

    def shown(value: str, called: str) -> str:
        return f"CASE WHEN o.wrong = 0 THEN {value} END AS {name(called)}"

    if output.task == "numbers":
        names = ["prediction"] if n == 1 else [f"prediction {k}" for k in range(n)]
        made = [shown(in_units(model, f"o.a{k}"), called) for k, called in enumerate(names)]
        if output.interval is not None:
            ends = ends_of(model, output.interval)
            made += [shown(end, called) for end, called in zip(ends, ENDS, strict=True)]
        return made
    if output.task == "labels":
        return [shown(f"o.a{k}", f"probability of {k}") for k in range(n)]
    shares, labels = shares_of(model), [literal(label) for label in output.labels]
    called = [f"probability of {label}" for label in output.labels]
    listed = [shown(share, each) for share, each in zip(shares, called, strict=True)]
    made = [shown(likeliest(model, shares, labels), "prediction"), *listed]
    return made if output.sets is None else [*made, shown(set_text(model, output.sets), "set")]


# ---- how sure it is


def interval_steps(model: Description, interval: Interval) -> list[tuple[str, list[str], str]]:
    """The steps to half the width of the interval: log sigma as far as the inputs go; f, the
    network's output as it is held; the whole of log sigma; and half the width."""
    last, weights = f"{STEP}a{len(model.layers)}", np.array(interval.weights)
    inputs = ("inputs", ["n", f"{total(weights, interval.bias)} AS s"], f"{STEP}a0")
    f = "o.a0" if interval.ends is None else within("o.a0", *interval.ends)
    held = (
        "held",
        ["o.n", "o.wrong", "o.a0", "x.s", f"{f} AS f"],
        f"{last} AS o JOIN {STEP}inputs AS x ON x.n = o.n",
    )
    bent = ["s", f"f * {number(interval.hinges[0])}"]
    bent += [
        f"CASE WHEN f > {number(knot)} THEN (f - {number(knot)}) * {number(hinge)} ELSE 0e0 END"
        for knot, hinge in zip(interval.knots, interval.hinges[1:], strict=True)
    ]
    log = ("log_sigma", ["n", "wrong", "a0", "f", f"{tree(bent, ' + ')} AS s"], f"{STEP}held")
    half = f"{number(interval.quantile)} * EXP({within('s', interval.low, interval.high)})"
    return [
        inputs,
        held,
        log,
        ("half", ["n", "wrong", "a0", "f", f"{half} AS half"], f"{STEP}log_sigma"),
    ]


def ends_of(model: Description, interval: Interval) -> list[str]:
    """The lower and the upper end."""
    scale, mean = number(model.output.scale), number(model.output.mean)
    lower, upper = (f"((o.f {sign} o.half) * {scale} + {mean})" for sign in "-+")
    if interval.lowest is not None:
        low = number(interval.lowest)
        lower = f"CASE WHEN {lower} < {low} THEN {low} ELSE {lower} END"
    return [lower, upper]


def set_step(model: Description) -> tuple[str, list[str], str]:
    """One more, for sets: the number of the likeliest class."""
    shares = shares_of(model, "")
    values = [f"a{k}" for k in range(len(model.layers[-1].b))]
    top = likeliest(model, shares, [str(k) for k in range(len(shares))], "")
    return ("top", ["n", "wrong", *values, f"{top} AS top"], f"{STEP}a{len(model.layers)}")


def set_text(model: Description, sets: Sets) -> str:
    """The classes of the set, "|" between them."""
    parts = [
        f"CASE WHEN o.top = {k} OR 1e0 - {share} <= {number(quantile)} "
        f"THEN {string('|' + in_set(str(label)))} ELSE '' END"
        for k, (label, share, quantile) in enumerate(
            zip(model.output.labels, shares_of(model), sets.quantiles, strict=True)
        )
    ]
    return f"SUBSTR({tree(parts, ' || ')}, 2)"


def within(value: str, low: float, high: float) -> str:
    """A number held to two ends."""
    least, most = number(low), number(high)
    held = f"WHEN {value} < {least} THEN {least} WHEN {value} > {most} THEN {most}"
    return f"CASE {held} ELSE {value} END"


def shares_of(model: Description, row: str = "o.") -> list[str]:
    """The probability of each class."""
    if model.output.task == "binary":
        return [f"(1e0 - {row}a0)", f"{row}a0"]
    return [f"{row}a{k}" for k in range(len(model.layers[-1].b))]


def likeliest(
    model: Description, shares: Sequence[str], values: Sequence[str], row: str = "o."
) -> str:
    """That of the values, one for each class, that belongs to the likeliest."""
    if model.output.task == "binary":
        above = ">=" if model.output.half_is_yes else ">"
        return f"CASE WHEN {row}a0 {above} 5e-1 THEN {values[1]} ELSE {values[0]} END"
    cases = [
        f"WHEN {tree([f'{shares[k]} >= {other}' for other in shares[k + 1 :]], ' AND ')} "
        f"THEN {values[k]}"
        for k in range(len(shares) - 1)
    ]
    return f"CASE {' '.join(cases)} ELSE {values[-1]} END"


def in_units(model: Description, a: str) -> str:
    output = model.output
    value = f"({a} * {number(output.scale)} + {number(output.mean)})"
    if output.ends is None:
        return value
    return within(value, *output.ends)


# ---- running it


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """What the statement gives in the SQLite of Python's standard library."""
    try:
        import sqlite3
    except ImportError:
        raise NoRunnerError("this Python has no sqlite3") from None
    if sqlite3.sqlite_version_info < (3, 35):
        raise NoRunnerError(f"SQLite here is {sqlite3.sqlite_version}; 3.35 or newer is needed")
    statement = (folder / f"{naming.stem}.sql").read_bytes().decode()  # with its line ends
    base: Any = sqlite3.connect(":memory:")
    try:
        return numbers_of(base, naming.table, statement, model, rows)
    except sqlite3.Error as reason:
        if "no such function" in str(reason):
            raise NoRunnerError(
                f"the SQLite here has no mathematical functions ({reason})"
            ) from None
        raise RunError(f"SQLite {sqlite3.sqlite_version}: {reason}") from None
    finally:
        base.close()


def numbers_of(base: Any, table: str, statement: str, model: Description, rows: Rows) -> Found:
    *schemas, _ = table.split(".")
    for schema in schemas[:1]:
        if schema not in ("main", "temp"):
            base.execute(f"ATTACH ':memory:' AS {name(schema)}")
    types = {"number": "REAL", "date": "TEXT", "text": "TEXT"}
    declared = ", ".join(f"{name(c.name)} {types[c.kind]}" for c in model.columns)
    base.execute(f"CREATE TABLE {table_name(table)} ({declared})")
    marks = ", ".join("?" * len(model.columns))
    insert = f"INSERT INTO {table_name(table)} VALUES ({marks})"  # noqa: S608
    base.executemany(insert, rows.as_sequences())
    output, n = model.output, model.n_results
    width = n + output.has_classes + 2 * (output.interval is not None) + (output.sets is not None)
    found = [row[-width:] for row in base.execute(statement)]
    if not output.has_classes:
        values = np.array(found, dtype=float)
        return Found(values[:, :n], ends=None if output.interval is None else values[:, n:])
    numbers = np.array([row[1 : n + 1] for row in found], dtype=float)
    members = None
    if output.sets is not None:
        sets = [IN_SET.findall(row[-1] or "") for row in found]
        members = members_of(sets, [in_set(str(label)) for label in output.labels])
    return Found(numbers, [row[0] for row in found], members=members)
