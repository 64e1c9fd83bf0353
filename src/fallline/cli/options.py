"""Option texts to values: `64,64`, `COLUMN=kind`."""

from typing import Any

from fallline.errors import ParameterError
from fallline.limits import check_integer

__all__ = ["layer_sizes", "read", "types_by_column"]


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
        if not equals:
            raise ParameterError(f"--types must be COLUMN=number, text or skip, not {text!r}")
        pairs[column] = kind
    return pairs


def read(path: str, reading: dict[str, Any]) -> Any:
    """The table at ``path``, read by the options --no-header, --names and --missing."""
    from fallline.reading import MISSING, read_table

    names = reading["names"]
    return read_table(
        path,
        header=not reading["no_header"],
        names=None if names is None else [name.strip() for name in names.split(",")],
        missing=[*MISSING, *(reading["missing"] or [])],
    )
