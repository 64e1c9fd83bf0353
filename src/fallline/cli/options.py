"""Option texts to values: `64,64`, `COLUMN=kind`, a share or a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fallline.errors import ParameterError
from fallline.limits import check_integer

__all__ = [
    "date_forms",
    "duration",
    "layer_sizes",
    "share_or_table",
    "task_name",
    "types_by_column",
]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
TASK_NAMES = {
    "regression": "numbers",
    "classification": "classes",
    "multiclass": "classes",
    "multi-class": "classes",
    "poisson": "counts",
}


def layer_sizes(text: str) -> tuple[int, ...]:
    """`64,32` as (64, 32), `0` as no hidden layer. Raises ParameterError for anything else."""
    try:
        sizes = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ParameterError(
            f"--hidden must be whole numbers such as 64,32, not {text!r}"
        ) from None
    if sizes == (0,):
        return ()
    return tuple(check_integer("--hidden", size, limit="layer size") for size in sizes)


def types_by_column(texts: list[str] | None) -> dict[str, str]:
    """["age=number", ...] as {"age": "number"}. Raises ParameterError for other forms."""
    pairs = {}
    for text in texts or []:
        column, equals, kind = text.rpartition("=")
        if "=date:" in text:  # a form may contain =
            column, form = text.split("=date:", 1)
            kind = f"date:{form}"
        if not equals:
            raise ParameterError(
                f"--types must be COLUMN=number, text, date, date:%d/%m/%Y or skip, not {text!r}"
            )
        pairs[column] = kind
    return pairs


def date_forms(texts: list[str] | None) -> dict[str, str]:
    """["day=date:%d/%m/%Y"] as {"day": "%d/%m/%Y"}. Raises ParameterError for other kinds."""
    forms = {}
    for column, kind in types_by_column(texts).items():
        if not kind.startswith("date:"):
            raise ParameterError(
                f"--types {column}={kind}: the model knows what its columns are; only how dates "
                "are written can be said here (COLUMN=date:%d/%m/%Y)"
            )
        forms[column] = kind.removeprefix("date:")
    return forms


def task_name(text: str | None) -> str | None:
    """The task by its name or a common synonym."""
    return None if text is None else TASK_NAMES.get(text.lower(), text)


def share_or_table(name: str, text: str | None, read: Callable[[str], Any]) -> Any:
    """`0.2` as a share, anything else as a file to ``read``; None stays None."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    if not Path(text).exists() and "*" not in text:
        raise ParameterError(
            f"--{name} must be a share such as 0.2, or a file; {text!r} is neither"
        )
    return read(text)


def duration(text: str) -> float:
    """Seconds of "60", "60s", "5m" or "1h". Raises ParameterError for anything else."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise ParameterError(f"--time must be a time such as 60s, 5m or 1h, not {text!r}")
    return seconds
