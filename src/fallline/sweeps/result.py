"""The results of a sweep."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fallline.core.network import Network
from fallline.sweeps.runs import SweepData
from fallline.sweeps.settings import as_cell, as_key

__all__ = ["Sweep"]


@dataclass
class Sweep:
    """The results: ``runs``, one dict per run, in order; ``best`` and its network.

    A run has its settings, ``seed``, ``fold``, ``loss`` (training, the last epoch's),
    ``validation_loss``, ``score`` (accuracy, or R2 for numbers, on the rows held out), ``seconds``
    and ``state``: "done" or "diverged".
    """

    runs: list[dict[str, Any]]
    varied: tuple[str, ...]
    best: dict[str, Any] | None = None
    network: Network | None = None
    seconds: float = 0.0
    interrupted: bool = False
    halving: int | None = None
    problem: SweepData | None = field(default=None, repr=False)

    def summary(self) -> list[dict[str, Any]]:
        """One dict per setting, best mean score first (with halving, those of the last rung).

        It separates the setting from the noise of seeds and folds: the mean score, its standard
        error (the deviation over the square root of the number of runs), the least and the
        greatest, and the share of runs that ended without diverging. ``mean_score`` is None if
        none did.
        """
        rows = []
        for values, group in self._by_setting():
            scores = np.array([run["score"] for run in group if run["state"] == "done"])
            losses = np.array([run["validation_loss"] for run in group if run["state"] == "done"])
            n = len(scores)
            rows.append(
                dict(zip(self.varied, values, strict=True))
                | {
                    "mean_score": float(scores.mean()) if n else None,
                    "standard_error": float(scores.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
                    "least": float(scores.min()) if n else None,
                    "greatest": float(scores.max()) if n else None,
                    "median_validation_loss": float(np.median(losses)) if n else None,
                    "runs": len(group),
                    "share_done": n / len(group),
                }
            )
        if self.halving is not None:  # the last rung first
            return sorted(rows, key=lambda row: (row["epochs"], standing(row)), reverse=True)
        return sorted(rows, key=standing, reverse=True)

    def _by_setting(self) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for run in self.runs:
            groups.setdefault(tuple(as_key(run[name]) for name in self.varied), []).append(run)
        yield from groups.items()

    @property
    def frame(self) -> Any:
        """The runs as a Polars DataFrame."""
        import polars

        rows = [{name: as_cell(value) for name, value in run.items()} for run in self.runs]
        return polars.DataFrame(rows, infer_schema_length=None)


def standing(row: Mapping[str, Any]) -> float:
    return -math.inf if row["mean_score"] is None else float(row["mean_score"])
