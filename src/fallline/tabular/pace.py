"""How long the runs that are not done are likely to take, by those that are."""

from collections import defaultdict
from itertools import pairwise

from fallline.tabular.recipes import Recipe

__all__ = ["Pace"]


class Pace:
    """The seconds of the runs that are done, by their recipes.

    A recipe that has not been run yet is likely to take as much longer as its hidden layers have
    more neurons and connections: 256-256-256 takes 5 times as long as 128-128 on large tables (4.4
    to 5.8), and 256-256 takes 2.7 times as long on letter.

    >>> pace = Pace()
    >>> pace.add(Recipe(hidden=(128, 128)), 2.0)
    >>> pace.of(Recipe(hidden=(128, 128))), round(pace.of(Recipe(hidden=(256, 256, 256))), 1)
    (2.0, 10.0)
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[Recipe, list[float]] = defaultdict(list)

    def add(self, recipe: Recipe, seconds: float) -> None:
        """A run by a recipe is done."""
        self.seconds[recipe].append(seconds)

    @property
    def known(self) -> bool:
        """Whether a run is done."""
        return bool(self.seconds)

    def of(self, recipe: Recipe) -> float:
        """Seconds that a run by this recipe is likely to take; 0.0 if none is done."""
        if recipe in self.seconds:
            return mean(self.seconds[recipe])
        known = list(self.seconds.items())  # at once, since other threads add to it
        each = [mean(taken) / cost(done) for done, taken in known]
        return cost(recipe) * mean(each)


def cost(recipe: Recipe) -> float:
    """Roughly, what a row costs: hidden neurons, and connections between them by 96."""
    between = sum(below * above for below, above in pairwise(recipe.hidden))
    return 1 + sum(recipe.hidden) + between / 96


def mean(numbers: list[float]) -> float:
    """Their mean; 0.0 if there are none."""
    return sum(numbers) / max(len(numbers), 1)
