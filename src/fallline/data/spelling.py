"""Numbers as people write them: decimal commas, thousands separators, units, brackets, marks.

A :class:`Spelling` says how the numbers of one column are written, :func:`recognise` finds it, and
:func:`read_numbers` reads by it. Some things are read in every spelling: the typographic minus,
brackets for negative numbers, Fortran's exponents (``1.5D+02``), non-breaking blanks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from fallline.errors import ParameterError

__all__ = [
    "DECIMALS",
    "MARKS",
    "THOUSANDS",
    "Recognised",
    "Spelling",
    "decimal_votes",
    "implied_decimal",
    "is_mark",
    "read_numbers",
    "recognise",
]

DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'")
# Among numbers and dates these mean a missing value; among texts they are texts.
MARKS = frozenset(
    (
        *("-", "--", "---", "–", "—", ".", "..", "...", "*", "**"),
        *("None", "none", "NONE", "<NA>", "NaT", "nat", "-nan", "-NaN", "NAN", "<null>", "Null"),
        *("n.a.", "N.A.", "na", "Na", "n.d.", "nd", "ND", "nil", "Nil", "NIL", "k.A.", "k. A."),
        *("TBD", "tbd", "TBA", "tba", "t.b.d."),
        *("unknown", "Unknown", "UNKNOWN", "missing", "Missing", "MISSING", "(blank)", "blank"),
        *("undefined", "not available", "Not Available", "not applicable", "Not Applicable"),
        *("#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!", "#N/A N/A", "#NA", "1.#QNAN"),
    )
)
ISO_CURRENCIES = "USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR"
CURRENCY = rf"(?:US|R|A|C|NZ|HK)?\p{{Sc}}|{ISO_CURRENCIES}|Rs\.?|kr\.?|zł|Kč"
UNIT = r"(?:%|‰|°|\p{Sc}|\p{L})[^\d()]{0,15}?(?:[²³])?"
NUMBER = (
    rf"^(?<open>\()?(?<sign>[+-])?\s?(?<before>{CURRENCY})?\s?(?<inner>[+-])?"
    r"(?<core>\d(?:[\d.,' ]*\d)?[.,]?|[.,]\d+)(?<exponent>[eE][+-]?\d+|[dD][+-]\d+)?"
    rf"\s?(?<unit>{UNIT})?(?<close>\))?$"
)
# A core that some spelling allows: none allows 192.168.1.1.
IN_SOME_SPELLING = r"^(?:(?:\d+|\d{1,3}(?:[., ']\d{2,3})*[., ']\d{3})(?:[.,]\d*)?|[.,]\d+)$"
NUMBER_SHARE = 0.9  # a column with this share of numbers was meant to be numbers throughout
MIN_TO_JUDGE = 10
FEW_MARKS = 3  # so few different texts among many numbers probably mean missing values
FEW_NUMBERS = 10  # so few different numbers may be codes
FEW_TEXTS = 20  # so few different texts of numbers with several units are categories
POINT_CURRENCIES = ("$", "£", "¥", "₹", "US$", "A$", "C$", "NZ$", "HK$", "USD", "GBP")


def definite(decimal: str) -> str:
    """Cores that show ``decimal`` to be the decimal sign: it cannot separate thousands there."""
    c, o = ("," if decimal == "," else r"\."), (r"\." if decimal == "," else ",")
    return (
        rf"^(?:\d*{c}(?:\d{{0,2}}|\d{{4,}})|(?:\d{{4,}}|0\d*|){c}\d{{3}}|\d*{c}\d*e"
        rf"|\d{{1,3}}(?:[{o} ']\d{{2,3}})*[{o} ']\d{{3}}{c}\d*e?"
        rf"|\d{{1,3}}(?:{o}\d{{3}}){{2,}}|\d{{1,2}}(?:{o}\d{{2}})+{o}\d{{3}})$"
    )


def ambiguous(sign: str) -> str:
    """Cores that have thousands if ``sign`` separates them, and decimals if it does not."""
    escaped = "," if sign == "," else r"\."
    return rf"^[1-9]\d{{0,2}}{escaped}\d{{3}}$"


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a column are written.

    ``decimal`` is "." or ","; ``thousands`` separates groups of three digits, "" for none;
    ``unit`` stands before or behind every number: a currency, "%", "kg". A number with "%" is
    divided by 100, as in a spreadsheet.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if self.decimal not in DECIMALS or self.thousands not in THOUSANDS:
            raise ParameterError(
                f"decimal must be . or , and thousands one of , . ' or a blank; not "
                f"{self.decimal!r} and {self.thousands!r}"
            )
        if self.decimal == self.thousands:
            raise ParameterError(f"decimal and thousands are both {self.decimal!r}")

    @property
    def is_currency(self) -> bool:
        """Whether the unit is money: numbers without it are still in the same unit."""
        return bool(self.unit) and bool(pl.Series([self.unit]).str.contains(f"^(?:{CURRENCY})$")[0])

    def describe(self) -> str:
        """In words: "decimal comma, thousands '.', unit kg"."""
        parts = ["decimal comma"] * (self.decimal == ",")
        parts += [f"thousands {self.thousands!r}"] * bool(self.thousands)
        if self.unit == "%":
            parts.append("percent, so 5 % is 0.05")
        elif self.unit:
            parts.append(f"unit {self.unit}")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, str]:
        return {"decimal": self.decimal, "thousands": self.thousands, "unit": self.unit}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "Spelling":
        """The spelling from the result of ``to_dict``. Raises KeyError or ParameterError."""
        return Spelling(str(data["decimal"]), str(data["thousands"]), str(data["unit"]))

    def core(self) -> str:
        """The digits with their separators, as a regular expression."""
        d = "," if self.decimal == "," else r"\."
        whole = r"\d+"
        if self.thousands:
            t = r"\." if self.thousands == "." else self.thousands
            whole = rf"(?:\d{{1,3}}(?:{t}\d{{2,3}})*{t}\d{{3}}|\d+)"
        return rf"^(?:{whole}(?:{d}\d*)?|{d}\d+)$"


@dataclass(frozen=True)
class Recognised:
    """What the cells of a column are, read as numbers.

    ``spelling`` reads all but ``marks`` (text, cells), which mean missing; it is None if the column
    is not numbers. Then ``odd`` (text, cells) are the texts that are no numbers, and ``share`` is
    the share of the others. ``doubt`` says why numbers cannot be read, and which option decides;
    ``example`` is the cell that shows it. ``is_open``: no cell shows whether a point is the decimal
    sign; ``by_currency``: only the unit does, being one with decimal points.
    """

    spelling: Spelling | None
    marks: tuple[tuple[str, int], ...] = ()
    odd: tuple[tuple[str, int], ...] = ()
    share: float = 1.0
    doubt: str | None = None
    example: str | None = None
    is_open: bool = False
    by_currency: bool = False


def is_mark(cells: pl.Series) -> pl.Series:
    """Which texts mean missing if the others are numbers or dates."""
    return cells.is_in(list(MARKS)).fill_null(value=False)


def normalised(cells: pl.Series) -> pl.Series:
    """The text with one kind of minus, blank and apostrophe."""
    one = cells.str.replace_all(r"[\u{A0}\u{202F}\u{2009}\u{2007}\t]", " ")
    return one.str.replace_all("[’´`]", "'").str.replace(r"^([^\d]*)[−–]", "${1}-")


def parts_of(cells: pl.Series) -> pl.DataFrame:
    """Sign, core, exponent and unit of texts that look like numbers; null core for others."""
    found = normalised(cells).str.extract_groups(NUMBER).struct.unnest()
    unit = pl.coalesce(pl.col("before"), pl.col("unit")).str.strip_chars().fill_null("")
    twice = pl.col("before").is_not_null() & pl.col("unit").is_not_null()
    torn = pl.col("open").is_null() != pl.col("close").is_null()
    signed = pl.col("sign").is_not_null().cast(pl.Int8) + pl.col("inner").is_not_null()
    signed = signed + pl.col("open").is_not_null()
    minus = pl.col("open").is_not_null() | (pl.col("sign") == "-") | (pl.col("inner") == "-")
    bad = twice | torn | (signed > 1) | ~pl.col("core").str.contains(IN_SOME_SPELLING)
    return found.select(
        pl.when(bad.fill_null(value=False)).then(None).otherwise(pl.col("core")).alias("core"),
        pl.col("exponent").str.replace("[dD]", "e").fill_null("").alias("exponent"),
        minus.fill_null(value=False).alias("minus"),
        unit.alias("unit"),
    )


def read_numbers(cells: pl.Series, spelling: Spelling) -> pl.Series:
    """Texts as Float64 by a spelling; null where one is missing, a mark or no number."""
    known = cells.unique() if cells.len() > 1000 else cells
    values = read_each(known, spelling)
    if known is cells:
        return values
    return cells.replace_strict(known, values, return_dtype=pl.Float64)


def read_each(cells: pl.Series, spelling: Spelling) -> pl.Series:
    parts = parts_of(cells)
    core = parts["core"]
    units = [spelling.unit, *([""] if spelling.is_currency else [])]
    good = core.str.contains(spelling.core()) & parts["unit"].is_in(units)
    digits = (
        core.str.replace_all(spelling.thousands, "", literal=True) if spelling.thousands else core
    )
    if spelling.decimal == ",":
        digits = digits.str.replace(",", ".", literal=True)
    values = (digits + parts["exponent"]).cast(pl.Float64, strict=False)
    values = values * parts["minus"].replace_strict({True: -1.0, False: 1.0})
    if spelling.unit == "%":
        values = values / 100
    return values.set(~good.fill_null(value=False), None)


def implied_decimal(thousands: str | None) -> str | None:
    """The decimal sign that remains beside a separator of thousands; None if both remain."""
    return {".": ",", ",": "."}.get(thousands or "")


def decimal_votes(cells: pl.Series) -> tuple[bool, bool]:
    """Whether some cell shows that the point, and that the comma, is the decimal sign."""
    parts = parts_of(cells.drop_nulls().unique())
    cores = (parts["core"] + parts["exponent"].str.slice(0, 1)).drop_nulls()
    return bool(cores.str.contains(definite(".")).any()), bool(
        cores.str.contains(definite(",")).any()
    )


def recognise(
    cells: pl.Series, decimal: str | None = None, thousands: str | None = None
) -> Recognised:
    """How the numbers of these texts (null where missing) are written, if they are numbers.

    ``decimal`` and ``thousands`` are those of the whole table, where they are known.
    """
    known = cells.drop_nulls().alias("text").to_frame()
    counts = known.group_by("text", maintain_order=True).len("rows")
    decimal = decimal or implied_decimal(thousands)
    texts, rows = counts["text"], counts["rows"]
    mark = is_mark(texts)
    marks = tuple(sorted(counts.filter(mark).iter_rows()))
    counts, texts, rows = counts.filter(~mark), texts.filter(~mark), rows.filter(~mark)
    n_known = int(rows.sum())
    if n_known == 0:
        return Recognised(None, marks)
    parts = parts_of(texts)
    like = parts["core"].is_not_null() | texts.cast(pl.Float64, strict=False).is_not_null()
    odd = tuple(sorted(counts.filter(~like).iter_rows(), key=lambda pair: (-pair[1], pair[0])))
    share = float(rows.filter(like).sum()) / n_known
    if odd and len(texts) <= FEW_TEXTS and n_units(parts["unit"].filter(like)) > 1:
        return Recognised(None, marks, odd, share)  # "1. < HS Grad", "2. HS Grad", "3. College"
    if odd:
        return with_odd(texts.filter(like), marks, odd, share, n_known)
    cores = (parts["core"] + parts["exponent"].str.slice(0, 1)).fill_null("0.5")  # "inf" is plain
    try:
        unit = one_unit(texts, parts["unit"])
    except DoubtError as doubt:
        few = len(texts) <= FEW_TEXTS  # categories, such as 1st and 2nd
        why = None if few else doubt.why
        return Recognised(None, marks, ((doubt.example, 1),), 1.0, why, doubt.example)
    try:
        spelling = spelling_of(texts, cores, unit, decimal, thousands)
    except DoubtError as doubt:
        odd = ((doubt.example, 1),)
        shown = unit in POINT_CURRENCIES
        return Recognised(None, marks, odd, 1.0, doubt.why, doubt.example, by_currency=shown)
    shown = decimal is not None or any(
        cores.str.contains(definite(sign)).any() for sign in DECIMALS
    )
    groups = bool(cores.str.contains(ambiguous(".")).any())
    return Recognised(spelling, marks, is_open=groups and not shown)


def with_odd(
    numbers: pl.Series,
    marks: tuple[tuple[str, int], ...],
    odd: tuple[tuple[str, int], ...],
    share: float,
    n_known: int,
) -> Recognised:
    """Numbers with other texts among them: doubtful if those are few, else not numbers."""
    nearly = share >= NUMBER_SHARE
    # A few different numbers may be codes, but not those with a unit or a decimal comma.
    many = len(numbers) > FEW_NUMBERS or numbers.cast(pl.Float64, strict=False).has_nulls()
    few = share >= 0.5 and len(odd) <= FEW_MARKS and many
    doubt = None
    if n_known >= MIN_TO_JUDGE and (nearly or few):
        listed = ", ".join(repr(text) for text, _ in odd[:8]) + (", ..." if len(odd) > 8 else "")
        n_odd = sum(count for _, count in odd)
        n_numbers = n_known - n_odd
        others = f" ({len(odd)} such texts: {listed})" if len(odd) > 1 else ""
        options = " ".join(f"--missing {text!r}" for text, _ in odd[:8])
        doubt = (
            f"is not a number, while {n_numbers:,} others are{others}; correct it, or give "
            f"{options} to treat {'it' if len(odd) == 1 else 'them'} as missing"
        )
    return Recognised(None, marks, odd, share, doubt, odd[0][0])


class DoubtError(Exception):
    """Numbers that may be read in two ways: the cell that shows it, and why."""

    def __init__(self, example: str, why: str) -> None:
        super().__init__(why)
        self.example, self.why = example, why


def spelling_of(
    texts: pl.Series,
    cores: pl.Series,
    unit: str,
    decimal: str | None,
    thousands: str | None,
) -> Spelling:
    """The spelling of texts that all look like numbers in one unit. Raises DoubtError."""
    decimal = decimal or decimal_sign(texts, cores)
    if thousands is None:
        thousands = thousands_sign(cores, decimal)
    if thousands == decimal:
        raise DoubtError(texts[0], f"cannot be read with both --decimal and --thousands {decimal}")
    spelling = Spelling(decimal, thousands, unit)
    wrong = read_each(texts, spelling).is_null() & texts.cast(pl.Float64, strict=False).is_null()
    if spelling != Spelling():
        wrong = read_each(texts, spelling).is_null()
    if wrong.any():
        how = spelling.describe() or "a decimal point"
        raise DoubtError(
            first_where(texts, wrong),
            f"is not written as the other numbers are ({how}); correct it, or say how numbers are "
            "written: --decimal and --thousands",
        )
    return spelling


def decimal_sign(texts: pl.Series, cores: pl.Series) -> str:
    """The decimal sign that the cores show. Raises DoubtError if they show none, or two."""
    points, commas = (cores.str.contains(definite(sign)) for sign in DECIMALS)
    if points.any() and commas.any():
        raise DoubtError(
            first_where(texts, commas),
            f"has a decimal comma, while {first_where(texts, points)!r} has a decimal point; write "
            "all alike, or say which it is: --decimal , or --decimal .",
        )
    if commas.any():
        return ","
    if points.any() or not cores.str.contains(",").any():
        return "."
    raise DoubtError(
        first_where(texts, cores.str.contains(ambiguous(","))),
        "may be thousands or have a decimal comma; say which: --thousands , or --decimal ,",
    )


def thousands_sign(cores: pl.Series, decimal: str) -> str:
    """What separates the thousands, "" for nothing."""
    other = "," if decimal == "." else "."
    if cores.str.contains(other, literal=True).any():
        return other
    if cores.str.contains(r"\d[ ']\d").any():
        apostrophe = bool(cores.str.contains("'").any())
        return "'" if apostrophe else " "
    return ""


def first_where(texts: pl.Series, mask: pl.Series) -> str:
    return str(texts[int(mask.arg_max() or 0)])


def n_units(units: pl.Series) -> int:
    """How many different units there are."""
    return int(units.filter(units != "").n_unique())


def one_unit(texts: pl.Series, units: pl.Series) -> str:
    """The unit of all numbers. Raises DoubtError if there are several, or some have none."""
    found = sorted(set(units.to_list()))
    named = [unit for unit in found if unit]
    if not named:
        return ""
    unit = str(named[0])
    if len(named) == 1 and ("" not in found or Spelling(unit=unit).is_currency):
        return unit
    examples = [first_where(texts, units == unit) for unit in found[:4]]
    listed = ", ".join(repr(text) for text in examples)
    raise DoubtError(
        examples[0], f"is a number with another unit than others have ({listed}); write one unit"
    )
