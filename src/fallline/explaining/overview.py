"""What matters to a model in general, over the rows of a table."""

from dataclasses import dataclass
from typing import Any

from fallline.explaining.dependence import Dependence
from fallline.explaining.explanation import Explanation
from fallline.explaining.importance import Importance
from fallline.explaining.interactions import Interaction

__all__ = ["Overview", "overview"]

MAX_CURVES = 4


@dataclass(frozen=True)
class Overview:
    """``strength``: each column with its mean absolute attribution, the greatest first.

    ``importances`` are None if the table has no target; ``rows`` is the number of rows used.
    """

    rows: int
    strength: tuple[tuple[str, float], ...]
    importances: tuple[Importance, ...] | None
    interactions: tuple[Interaction, ...]
    dependences: tuple[Dependence, ...]

    def as_dict(self) -> dict[str, Any]:
        """Numbers, texts and nested lists only, for JSON."""
        found = None
        if self.importances is not None:
            found = [
                {"column": i.column, "rise": i.rise, "interval": list(i.interval)}
                for i in self.importances
            ]
        return {
            "overview_rows": self.rows,
            "strength": [{"column": name, "mean_absolute": x} for name, x in self.strength],
            "importances": found,
            "interactions": [
                {"columns": list(i.columns), "h": i.h, "size": i.size} for i in self.interactions
            ],
            "dependences": [
                {
                    "column": d.column,
                    "values": list(d.labels) if d.labels else d.values.tolist(),
                    "predicted": d.predicted.tolist(),
                }
                for d in self.dependences
            ],
        }


def overview(explanation: Explanation) -> Overview:
    """The overview of the explained rows and the sample of their table."""
    pairs = zip(explanation.columns, explanation.strength.tolist(), strict=True)
    strength = tuple(sorted(pairs, key=lambda pair: -pair[1]))
    subject = explanation.subject
    curves = [explanation.dependence(name) for name, _ in strength[:MAX_CURVES]]
    return Overview(
        len(explanation.rows),
        strength,
        tuple(explanation.importances()) if subject.sample_y is not None else None,
        tuple(explanation.interactions()),
        tuple(found for found in curves if found is not None),
    )
