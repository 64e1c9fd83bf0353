"""How long the runs that are not done are likely to take, by those that are."""

from collections import defaultdict

from fallline.tabular.recipes import Recipe

__all__ = ["Pace"]


class Pace:
    """The seconds of the runs that are done, by their recipes.

    A recipe that has not been run yet is likely to take as much longer as its network has more
    hidden neurons: on letter 256-256-256 takes 3.0 times as long as 128-128, and 256-256 1.9 times.

    >>> pace = Pace()
    >>> pace.add(Recipe(hidden=(128, 128)), 2.0)
    >>> pace.of(Recipe(hidden=(128, 128))), pace.of(Recipe(hidden=(256, 256, 256)))
    (2.0, 6.0)
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
        each = [mean(taken) / neurons(done) for done, taken in self.seconds.items()]
        return neurons(recipe) * mean(each)


def neurons(recipe: Recipe) -> int:
    """Hidden neurons of a recipe's network; 1 for a linear model."""
    return sum(recipe.hidden) or 1


def mean(numbers: list[float]) -> float:
    """Their mean; 0.0 if there are none."""
    return sum(numbers) / max(len(numbers), 1)
