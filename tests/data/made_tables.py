"""Files as people have them, made from a seed, each with its clean twin.

A file varies in its separator, decimal sign, thousands, units, negative numbers, dates, marks for
missing, header, index, title lines, comments, encoding, footer and packing.
"""

import bz2
import datetime
import gzip
import io
import lzma
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DATES = {
    "iso": "%Y-%m-%d",
    "iso slash": "%Y/%m/%d",
    "german": "%d.%m.%Y",
    "british": "%d/%m/%Y",
    "american": "%m/%d/%Y",
    "dashed": "%d-%m-%Y",
    "named": "%d-%b-%Y",
    "compact": "%Y%m%d",
}
MARKS = (
    "",
    "-",
    "NA",
    "n/a",
    "None",
    "<NA>",
    "NaN",
    "?",
    "n.a.",
    "unknown",
    "TBD",
    "k.A.",
    "xx",
    "no data",
)
UNITS = ("", "", "", "%", " %", " kg", "km/h", " °C", "$", "€ ", " €", " EUR", "CHF ")
NEGATIVES = ("-", "-", "-", "−", "()")
TOWNS = ("Bonn", "Köln", "Zürich", "Nîmes", "Łódź", "Trier")


@dataclass
class Made:
    """A file, its clean twin, and the options that read it."""

    data: bytes
    ending: str
    numbers: dict[str, list[float | None]]
    texts: dict[str, list[str]]
    dates: dict[str, list[float]]
    options: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    story: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Style:
    decimal: str
    thousands: str
    unit: str
    negative: str
    decimals: int
    exponent: str = ""

    def write(self, value: float) -> str:
        if self.exponent:
            text = f"{abs(value):.{self.decimals + 3}e}".replace("e", self.exponent)
        else:
            scaled = abs(value) * (100 if self.unit.strip() == "%" else 1)
            text = f"{scaled:,.{self.decimals}f}"
            text = text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)
        if self.unit.strip() in ("$", "€", "CHF") and not self.unit.startswith(" "):
            text = self.unit + text
        else:
            text += self.unit
        if value < 0:
            text = f"({text})" if self.negative == "()" else self.negative + text
        return text


def pick(rng: np.random.Generator, values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def style(rng: np.random.Generator, decimal: str) -> Style:
    groups = {".": ("", "", ",", " ", "'", "\u00a0"), ",": ("", "", ".", " ", "\u202f")}
    exponent = "" if rng.random() < 0.92 or decimal == "," else pick(rng, ("e", "E", "D"))
    unit = "" if exponent else pick(rng, UNITS)
    return Style(
        decimal,
        pick(rng, groups[decimal]),
        unit,
        pick(rng, NEGATIVES),
        int(rng.integers(0, 4)),
        exponent,
    )


def number_column(
    rng: np.random.Generator, how: Style, n: int, mark: str, share: float
) -> tuple[list[str], list[float | None]]:
    """Cells, and what they are: values are rounded to what is written."""
    scale = 10.0 ** rng.integers(0, 6)
    percent = 100.0 if how.unit.strip() == "%" else 1.0
    values = rng.normal(rng.choice([0.0, 2.0]), 1.0, n) * scale / percent
    cells, clean = [], list[float | None]()
    for value in values:
        if rng.random() < share:
            cells.append(mark)
            clean.append(None)
            continue
        if how.exponent:
            kept = float(f"{value:.{how.decimals + 3}e}")
        else:
            kept = round(value * percent, how.decimals) / percent
        cells.append(how.write(kept))
        clean.append(kept + 0.0)
    return cells, clean


def date_column(rng: np.random.Generator, n: int) -> tuple[str, list[str], list[float]]:
    name = pick(rng, list(DATES))
    start = datetime.date(2015, 1, 1) + datetime.timedelta(days=int(rng.integers(2000)))
    step = int(rng.choice([1, 7, 30]))
    days = [start + datetime.timedelta(days=step * i) for i in range(n)]
    seconds = [(day - datetime.date(1970, 1, 1)).days * 86_400.0 for day in days]
    return DATES[name], [day.strftime(DATES[name]) for day in days], seconds


def quoted(cell: str, separator: str, always: bool) -> str:
    special = separator in cell or '"' in cell or "\n" in cell
    return '"' + cell.replace('"', '""') + '"' if special or always else cell


def packed(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    way = pick(rng, ("", "", "", "", "gz", "bz2", "xz", "zip"))
    if way == "gz":
        return gzip.compress(data), ".csv.gz"
    if way == "bz2":
        return bz2.compress(data), ".csv.bz2"
    if way == "xz":
        return lzma.compress(data), ".csv.xz"
    if way == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("table.csv", data)
        return out.getvalue(), ".csv.zip"
    return data, ".csv"


def made(seed: int) -> Made:
    """The file of a seed."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 60))
    separator = pick(rng, (",", ";", ";", "\t", "|"))
    decimal = pick(rng, (".", ".", ","))
    mark, share = pick(rng, MARKS), pick(rng, (0.0, 0.0, 0.05, 0.3))
    columns: dict[str, list[str]] = {}
    result = Made(b"", "", {}, {}, {})
    for i in range(int(rng.integers(1, 5))):
        how = style(rng, decimal)
        cells, clean = number_column(rng, how, n, mark, share)
        columns[f"n{i}"], result.numbers[f"n{i}"] = cells, clean
        result.story[f"n{i}"] = how
    towns = [pick(rng, TOWNS) for _ in range(n)]
    columns["town"], result.texts["town"] = towns, towns
    if rng.random() < 0.5:
        form, cells, seconds = date_column(rng, n)
        columns["day"], result.dates["day"] = cells, seconds
        result.types["day"] = f"date:{form}"
    lay_out(rng, result, columns, separator, n)
    result.options["decimal"] = decimal
    result.missing = [mark] if share else []
    result.story |= {"separator": separator, "decimal": decimal, "mark": mark, "share": share}
    return result


def lay_out(
    rng: np.random.Generator, result: Made, columns: dict[str, list[str]], separator: str, n: int
) -> None:
    """Header, rows, footer, encoding and packing."""
    always = bool(rng.random() < 0.2)
    head = pick(rng, ("plain", "plain", "plain", "index", "title", "comment", "sep", "blank"))
    foot = pick(rng, ("none", "none", "none", "total", "source", "blank"))
    names = list(columns)
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if head == "index":
        names, rows = ["", *names], [[str(i), *row] for i, row in enumerate(rows)]
    if foot == "total":
        total = ["" for _ in names]
        total[0] = "Total"
        for at, name in enumerate(names):
            if at > 0 and name in result.numbers:
                how = result.story[name]
                total[at] = how.write(sum(v for v in result.numbers[name] if v is not None))
        rows.append(total)
    end = pick(rng, ("\n", "\r\n"))
    lines = [
        separator.join(quoted(cell, separator, always) for cell in row) for row in [names, *rows]
    ]
    above = {
        "title": ["Measurements of the year", ""],
        "comment": ["# made by a logger", "# station 5"],
        "sep": [f"sep={separator}"],
        "blank": ["", ""],
    }.get(head, [])
    below = {"source": ["Source: the town"], "blank": ["", "", ""]}.get(foot, [])
    text = end.join([*above, *lines, *below, ""])
    encoding = pick(rng, ("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"))
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        encoding, data = "utf-8", text.encode()
    if encoding in ("cp1252", "latin-1"):
        result.options["encoding"] = encoding
    if head == "title":
        result.options["skip_lines"] = 2
    elif head == "comment":
        result.options["comment"] = "#"
    if foot in ("source", "total"):
        result.options["comment"] = foot.capitalize()
        if head == "comment":
            result.options["skip_lines"] = 2
    result.data, result.ending = packed(rng, data)
    result.options["separator"] = separator
    result.story |= {"head": head, "foot": foot, "encoding": encoding, "rows": n}


def write(folder: Path, seed: int) -> tuple[Path, Made]:
    """The file of a seed, on disk."""
    file = made(seed)
    path = folder / f"made{seed}{file.ending}"
    path.write_bytes(file.data)
    return path, file
