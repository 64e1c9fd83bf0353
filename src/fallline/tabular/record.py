"""What a model file stores so that its training can be repeated: the fact ``record``.

It contains the options as given, hashes of the tables, how each run ended, and the versions.
:mod:`fallline.tabular.verification` trains again from them.
"""

import platform
import sys
from collections.abc import Mapping
from typing import Any

from fallline import __version__
from fallline.core.from_text import optimizer_from
from fallline.data.contents import contents_of
from fallline.data.table import Table
from fallline.engine.library import code_name
from fallline.errors import ModelFileError
from fallline.hashes import is_digest
from fallline.limits import is_count, is_number
from fallline.tabular.kinds import Fits, has, is_text, list_of, optional, table_of
from fallline.tabular.options import TableOptions
from fallline.training.history import History
from fallline.training.stopping import TimeLimit

__all__ = [
    "APART",
    "PLACES",
    "ending",
    "fits",
    "given_options",
    "in_words",
    "needs_table",
    "record_of",
    "versions",
]

PLACES = ("memory", "blocks", "cluster")
APART = ("validation", "test", "soft")
LIBRARIES = ("numpy", "scipy", "polars")
# how a run can end: by itself, or by something that another run does not share
ENDINGS = ("itself", "time", "callback", "interrupted")
A_TABLE = "a table"


def record_of(
    options: TableOptions, place: str, training: Mapping[str, Any], ended: list[dict[str, Any]]
) -> dict[str, Any]:
    """The fact: plain data. ``training`` are the contents of the training table."""
    given: Mapping[str, Any] = options
    apart = {name: contents_of(given[name]) for name in APART if isinstance(given[name], Table)}
    return {
        "place": place,
        "options": {name: plain(given[name]) for name in OPTIONS},
        "tables": {"training": dict(training), **apart},
        "ended": ended,
        "versions": versions(),
        "code": code_name(),
    }


def plain(value: Any) -> Any:
    """An option as plain data; an optimiser as its text, a table as a word."""
    if isinstance(value, Table):
        return A_TABLE
    if isinstance(value, Mapping):
        return {str(name): str(each) for name, each in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | str | int | float) else repr(value)


def versions() -> dict[str, str]:
    """The versions of Fallline, Python, and the libraries that compute apart from the engine."""
    used = [name for name in LIBRARIES if name in sys.modules]
    return {
        "fallline": __version__,
        "python": platform.python_version(),
        **{name: str(sys.modules[name].__version__) for name in used},
    }


def ending(history: History, seconds: float | None) -> dict[str, Any]:
    """How a run ended, and after how many recorded epochs."""
    stopped = history.stopped if history.stopped in ENDINGS else "itself"
    if seconds is not None and history.message == TimeLimit(seconds).reason:
        stopped = "time"
    return {"stopped": stopped, "records": len(history.epoch)}


def given_options(record: Mapping[str, Any], tables: Mapping[str, Table]) -> TableOptions:
    """The options again. ``tables`` stand for "validation" and "test" where these were tables.

    There is no time limit among them. Raises ParameterError for an optimiser of the user's own,
    ModelFileError for options that only a later version has.
    """
    later = set(record["options"]) - set(OPTIONS)
    if later:
        raise ModelFileError(
            f"it was trained with {', '.join(sorted(later))!r:.60}, which this version does not "
            "know: install a newer one"
        )
    options: Any = dict(record["options"]) | {"seconds": None}
    options |= {name: tables.get(name) for name in APART if needs_table(record, name)}
    optimizer = options.get("optimizer")
    if isinstance(optimizer, str) and "(" in optimizer:
        options["optimizer"] = optimizer_from(optimizer)
    return options  # type: ignore[no-any-return]


def needs_table(record: Mapping[str, Any], name: str) -> bool:
    """Whether "validation", "test" or "soft" was a separate table."""
    return bool(record["options"].get(name) == A_TABLE)


def in_words(record: Mapping[str, Any]) -> str:
    """The fact in a line."""
    given = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    by = f"{record['code']}, {given}"
    if record["place"] == "cluster":
        return f"fallline verify --cluster trains it again; trained on a cluster by {by}"
    return f"fallline verify trains it again; trained by {by}"


# ---- held against what training writes


def are_options(value: Any) -> bool:
    """Whether the options that are known fit; a later version may have more."""
    return isinstance(value, dict) and all(
        name not in OPTIONS or OPTIONS[name](each) for name, each in value.items()
    )


def is_part(value: Any) -> bool:
    return is_number(value) or value == A_TABLE


OPTIONS: dict[str, Fits] = {
    **dict.fromkeys(
        ("task", "weights", "class_weight", "positive", "activation", "optimizer", "schedule"),
        optional(is_text),
    ),
    "types": optional(table_of(None, is_text)),
    "soft_columns": optional(table_of(None, is_text)),
    "soft_share": is_number,
    "soft": lambda value: value is None or value == A_TABLE,
    "ignore": list_of(is_text),
    **dict.fromkeys(("validation", "test"), optional(is_part)),
    **dict.fromkeys(("split", "preset"), is_text),
    "hidden": optional(list_of(is_count)),
    **dict.fromkeys(("epochs", "batch_size", "patience", "bins"), optional(is_count)),
    **dict.fromkeys(
        ("learning_rate", "l2", "l1", "dropout", "seconds", "interval"), optional(is_number)
    ),
    "seed": is_count,
    **dict.fromkeys(("baseline", "by_class"), lambda value: isinstance(value, bool)),
}
"""The options that a result depends on, and what each is as plain data."""


def is_contents(value: Any) -> bool:
    return has({"rows": is_count, "columns": table_of(None, is_digest)}, value)


def are_tables(value: Any) -> bool:
    return table_of(("training", *APART), is_contents)(value) and "training" in value


def is_ending(value: Any) -> bool:
    return has({"stopped": lambda found: found in ENDINGS, "records": is_count}, value)


RECORD: dict[str, Fits] = {
    "place": lambda value: value in PLACES,
    "options": are_options,
    "tables": are_tables,
    "ended": list_of(is_ending),
    "versions": table_of(None, is_text),
    "code": is_text,
}


def fits(value: Any) -> bool:
    """Whether a value is such a record; its tables are those that its options name."""
    if not isinstance(value, dict):
        return False
    if not has(RECORD, {name: each for name, each in value.items() if name in RECORD}):
        return False
    apart = {name for name in APART if needs_table(value, name)}
    return set(value["tables"]) == {"training", *apart}
