"""What the page's worker last told it: a test looks here for what was computed, and in the page for
what is shown of it.
"""

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from fallline.arrays import Array

__all__ = ["LISTEN", "Told", "until"]

# Run before the page's own script: keeps the newest setup, problem and frame that come.
LISTEN = """
window.told = {};
window.Worker = class extends window.Worker {
    set onmessage(listener) {
        super.onmessage = (event) => {
            const { setup, ...message } = event.data;
            if (setup) window.told.setup = setup;
            if (message.type === "problem") window.told.problem = message;
            if (message.type === "frame") {
                const { theta, gradient, maps, curve, ...frame } = message;
                window.told.frame = { ...frame, theta: Array.from(theta) };
            }
            listener(event);
        };
    }
};
"""


class Told:
    """The descent behind a page, as the page knows it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        told = page.evaluate("window.told")
        parts = {name: with_tuples(part) for name, part in told["setup"].items()}
        self.setup = SimpleNamespace(**parts)
        self.problem, self.frame = told["problem"], told["frame"]

    @property
    def epoch(self) -> int:
        return int(self.frame["epoch"])

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self.frame["step"])

    @property
    def at(self) -> int:
        """How many rows of the epoch are done."""
        return int(self.frame["at"])

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.problem["sizes"])

    @property
    def hidden(self) -> tuple[str, ...]:
        return tuple(self.problem["activations"][:-1])

    @property
    def weights(self) -> Array:
        """The parameters without the biases."""
        kept, start = [], 0
        for n_in, n_out in pairwise(self.sizes):
            kept.append(self.frame["theta"][start : start + n_in * n_out])
            start += (n_in + 1) * n_out
        return np.concatenate(kept)

    @property
    def X(self) -> Array:
        """The first training rows."""
        return np.array(self.problem["rows"]["train"])[:, :-1]


def with_tuples(part: dict[str, Any]) -> SimpleNamespace:
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in part.items()}
    return SimpleNamespace(**fields)


def until(page: Any, condition: Callable[[Told], bool]) -> Told:
    """What is told once the condition holds."""
    told = None
    for _ in range(400):
        if page.evaluate("Boolean(window.told.frame)"):
            told = Told(page)
            if condition(told):
                return told
        page.wait_for_timeout(25)
    raise AssertionError(told and told.setup)
