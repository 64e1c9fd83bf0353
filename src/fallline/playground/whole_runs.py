"""Whole runs at once: the one that a dragged slider asks for, and the strip of many seeds."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fallline.errors import ParameterError
from fallline.playground.descent import Descent
from fallline.playground.frames import clean
from fallline.playground.problems import Problem
from fallline.playground.setup import Setup

__all__ = ["N_SEEDS", "records", "retrain", "seed_results"]

N_SEEDS = 100
N_RECORDS = 36
FOUND = 0.95  # the score, on training and on test rows, that counts as the answer found


def records(epochs: int) -> list[int]:
    """The epochs to note of a run: close together at first, where most happens; the last too."""
    marks = {round(epochs * (i / N_RECORDS) ** 2) for i in range(1, N_RECORDS + 1)}
    return sorted(marks - {0})


def retrain(descent: Descent, seconds: float) -> bool:
    """Go on to the run's length, for so long at most; whether it is there."""
    deadline = time.perf_counter() + seconds
    epochs = descent.setup.training.epochs
    descent.track.every = epochs + 1  # only the marks are noted
    for mark in records(epochs):
        while descent.epoch < mark and not descent.message:
            left = deadline - time.perf_counter()
            if left <= 0:
                return False
            descent.advance(mark - descent.epoch, left)
        descent.track.provisional = False
    descent.track.every = -(-epochs // N_RECORDS)
    return True


def seed_results(setup: Setup, problem: Problem, seconds: float) -> Iterator[dict[str, Any]]:
    """The whole run from each of the seeds 0 to 99: loss, scores, and whether it found the answer.

    Ends early when the time is over.
    """
    if problem.encoding is None and len(problem.X) * setup.training.epochs > 1e9:
        raise ParameterError(
            "a hundred such runs would take too long; lower the number of epochs first"
        )
    deadline = time.perf_counter() + seconds
    for seed in range(N_SEEDS):
        network = replace(setup.network, seed=seed)
        descent = Descent(replace(setup, network=network), problem)
        left = deadline - time.perf_counter()
        if left <= 0:
            return
        descent.track.every = setup.training.epochs + 1
        while descent.epoch < setup.training.epochs and not descent.message and left > 0:
            descent.advance(setup.training.epochs - descent.epoch, left)
            left = deadline - time.perf_counter()
        if descent.epoch < setup.training.epochs and not descent.message:
            return
        scores = [descent.track.train_score[-1], descent.track.test_score[-1]]
        told = [score for score in scores if not math.isnan(score)]
        facts: dict[str, Any] = clean(
            {
                "seed": seed,
                "loss": [descent.track.train[-1], descent.track.test[-1]],
                "score": scores,
                "found": not descent.message and min(told) >= FOUND,
            }
        )
        yield facts
