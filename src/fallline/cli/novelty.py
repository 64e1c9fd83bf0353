"""What is new to a model in a table, printed on standard error by `predict` and `evaluate`."""

import sys
from collections.abc import Sequence

from fallline.cli.colour import say
from fallline.data.columns import DateColumn
from fallline.data.encoding import Encoding
from fallline.tabular.novelty import New, value_text, warning
from fallline.text import remark
from fallline.text import table as text_table

__all__ = ["tell_new"]

MOST = 20
WIDTH = 24


def tell_new(found: Sequence[New], encoding: Encoding) -> None:
    """One table, by column, and a warning if much is new; nothing if nothing is."""
    if not found:
        return
    dates = [column.name for column in encoding.columns if isinstance(column, DateColumn)]
    ranked = sorted(found, key=lambda new: -new.count)
    rows = [
        (
            new.column if len(new.column) <= WIDTH else new.column[: WIDTH - 3] + "...",
            count(new.outside),
            count(new.unknown),
            count(new.missing),
            range_text(new, is_date=new.column in dates),
        )
        for new in ranked[:MOST]
    ]
    heads = ("new to the model", "outside", "unknown", "missing", "training range")
    print(text_table(heads, rows), file=sys.stderr)
    if len(ranked) > MOST:
        print(f"... and {len(ranked) - MOST:,} columns more", file=sys.stderr)
    said = warning(ranked, dates)
    if said is not None:
        say(remark("warning", said), sys.stderr)


def count(n: int) -> str:
    return f"{n:,}" if n else ""


def range_text(new: New, *, is_date: bool) -> str:
    if new.low is None:
        return ""
    return f"{value_text(new.low, is_date=is_date)} to {value_text(new.high, is_date=is_date)}"
