"""Checks of the facts about the training in a model file.

A file can be undamaged and still contain anything. Unknown names are kept unchanged.
"""

from collections.abc import Mapping
from typing import Any

from fallline.data.cells import KEPT, Reading
from fallline.data.encoding import Encoding
from fallline.errors import FalllineError, ModelFileError
from fallline.limits import is_count, is_number
from fallline.tabular import conformal, record
from fallline.tabular.kinds import Fits, has, is_text, list_of, optional, table_of
from fallline.tabular.scoring import SCORE_NAMES

__all__ = ["check_facts"]

PARTS = ("out_of_fold", "validation", "test", "training")
MODELS = ("network", "linear", "trivial")
MAX_DECIMALS = 10


def check_facts(facts: Mapping[str, Any], encoding: Encoding) -> None:
    """Raise ModelFileError for a fact that training cannot have written, naming it."""
    n_classes = len(encoding.classes)
    known = KINDS | {
        "class_shares": shares_of(n_classes),
        "interval": lambda value: conformal.fits(value, encoding.n_features, n_classes),
    }
    for name, value in facts.items():
        if name in known and not known[name](value):
            raise ModelFileError(f"its fact {name!r} is {value!r:.60}, which no training writes")


def shares_of(n_classes: int) -> Fits:
    """Whether a value is a share for each class."""
    return lambda value: (
        list_of(is_number)(value)
        and len(value) == n_classes
        and all(0 <= one <= 1 for one in value)
    )


def is_range(value: Any) -> bool:
    return list_of(is_number)(value) and len(value) == 2 and value[0] <= value[1]


def are_scores(value: Any) -> bool:
    """Scores by part of the rows, model and score; the network's are always there."""
    by_model = table_of(MODELS, table_of(SCORE_NAMES, is_number))
    return table_of(PARTS, by_model)(value) and all("network" in part for part in value.values())


def is_soft(value: Any) -> bool:
    """Whether it describes a teacher: the source of its labels, and their scores."""
    return has({"source": is_text, "scores": table_of(SCORE_NAMES, is_number)}, value)


def is_comparison(value: Any) -> bool:
    keys = table_of(("score", "interval", "rows"), lambda _: True)
    return keys(value) and is_text(value.get("score")) and is_range(value.get("interval"))


def is_reading(value: Any) -> bool:
    """Whether it is what ``Reading.kept`` gives."""
    if not isinstance(value, dict) or not set(value) <= {*KEPT, "missing"}:
        return False
    if not list_of(is_text)(value.get("missing", [])):
        return False
    try:
        Reading(**value)
    except (FalllineError, TypeError, ValueError, AttributeError):
        return False
    return True


KINDS: dict[str, Fits] = {
    **dict.fromkeys(
        ("rows", "training_rows", "validation_rows", "test_rows", "out_of_fold_rows", "set_aside",
         "calibration_rows",
         "runs", "members", "folds", "encoding_sample", "seed"),
        is_count,
    ),
    **dict.fromkeys(("l2", "l1", "dropout", "temperature"), is_number),
    **dict.fromkeys(("activation", "optimizer", "source", "preset"), is_text),
    **dict.fromkeys(("weights", "class_weight"), optional(is_text)),
    **dict.fromkeys(("penalty", "member_weights"), list_of(is_number)),
    "compared": table_of(None, is_number),
    "near": table_of(None, is_number),
    "variants": table_of(None, is_number),
    "deeper": table_of(None, is_number),
    "hidden": list_of(is_count),
    "batch_size": optional(is_count),
    "best_validation_loss": optional(is_number),
    "validation": lambda value: is_number(value) or is_text(value),
    "target_decimals": lambda value: is_count(value) and value <= MAX_DECIMALS,
    "target_range": is_range,
    "scores": are_scores,
    "against_trivial": table_of(PARTS, is_comparison),
    "reading": is_reading,
    "record": record.fits,
    "soft": is_soft,
}  # fmt: skip
