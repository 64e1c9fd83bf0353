"""Advice on what to try next, from the course of a training on a table."""

from typing import Any

from fallline.tabular.baselines import LINEAR_NAMES
from fallline.tabular.scoring import MAIN_SCORE, SCORE_NAMES, better
from fallline.text import figure
from fallline.training.history import History

__all__ = ["advice"]

MOST = 3
FEW_ROWS = 2_000
VERY_FEW_ROWS = 20
RARE = 0.1
STILL_FALLING = 0.9
OVERFIT = 0.5


def advice(task: str, facts: dict[str, Any], history: History) -> list[str]:
    """At most three lines, the most useful first."""
    found = [
        *about_length(facts, history),
        *about_linear(task, facts),
        *about_fit(facts, history),
        *about_classes(facts),
        *about_rows(facts),
        *about_preset(facts),
    ]
    return found[:MOST]


def about_linear(task: str, facts: dict[str, Any]) -> list[str]:
    scores = list(facts["scores"].values())[-1]
    if "linear" not in scores or not facts["hidden"]:
        return []
    name = MAIN_SCORE[task]
    network, linear = scores["network"][name], scores["linear"][name]
    if better(name, network, linear):
        return []
    return [
        f"{LINEAR_NAMES[task]} has as good a {SCORE_NAMES[name]} ({figure(linear)} against "
        f"{figure(network)}): it is the simpler model (--hidden 0)"
    ]


def about_length(facts: dict[str, Any], history: History) -> list[str]:
    done, best = history.epochs_done, history.best_epoch
    if history.stopped != "epochs" or best is None or best < STILL_FALLING * (done - 1):
        return []
    return [f"the validation loss was still falling at the end: try --epochs {done * 3}"]


def about_fit(facts: dict[str, Any], history: History) -> list[str]:
    if "members" in facts:  # one may be overfitted, which the mean of several mends
        return []
    if history.best_epoch is None or history.best_epoch not in history.epoch:
        return []
    at = history.epoch.index(history.best_epoch)
    if (
        at >= len(history.validation_loss)
        or history.loss[at] > OVERFIT * history.validation_loss[at]
    ):
        return []
    return [
        f"it fits the training rows far better than the held-out ones (loss {history.loss[at]:.3g} "
        f"against {history.validation_loss[at]:.3g}): try --l2 {10 * facts['l2'] or 0.001:g} or "
        "fewer neurons"
    ]


def about_classes(facts: dict[str, Any]) -> list[str]:
    shares = facts.get("class_shares", [])
    if not shares or min(shares) >= RARE or facts.get("class_weight") or len(shares) > 2:
        return []
    return [
        f"only {min(shares):.1%} of the rows are of the rarer class: if finding those matters more "
        "than the share of right answers, try --class-weight balanced (probabilities, and so the "
        "log loss, are then those of a table with as many rows of each class)"
    ]


def about_rows(facts: dict[str, Any]) -> list[str]:
    if facts["rows"] >= FEW_ROWS or not facts["validation_rows"]:
        return []
    if facts["rows"] < VERY_FEW_ROWS:
        held_out = facts["validation_rows"]
        return [f"of so few rows {held_out} are held out: --validation 0 trains on all of them"]
    return [
        f"{facts['validation_rows']} held-out rows give a rough score: `fallline cv` tells how "
        "far it varies"
    ]


def about_preset(facts: dict[str, Any]) -> list[str]:
    if facts["runs"] > 1 or "encoding_sample" in facts:  # in blocks "best" is one network as well
        return []
    longer = "about 80 times" if facts.get("preset") == "quick" else "5 to 30 times"
    return [f"--preset best takes the mean of networks over 8 folds ({longer} as long)"]
