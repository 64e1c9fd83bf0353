"""One page's session: the setup it chose, its rows, its descent, and what it looks at."""

from dataclasses import replace
from typing import Any

from fallline.core.network import Network
from fallline.data.table import Table
from fallline.errors import ParameterError
from fallline.playground import frames
from fallline.playground.descent import Descent, loss_name
from fallline.playground.problems import Problem, make_problem
from fallline.playground.setup import Setup

__all__ = ["Session", "Start"]


class Start:
    """What the program that opened the playground hands to every session."""

    def __init__(
        self,
        setup: Setup | None = None,
        table: Table | None = None,
        problem: Problem | None = None,
        network: Network | None = None,
    ) -> None:
        self.setup = setup or Setup()
        self.table, self.problem, self.network = table, problem, network


class Session:
    """The state of one page. A method that raises has changed nothing."""

    def __init__(self, start: Start) -> None:
        self.start, self.table = start, start.table
        self.table_used = self.table  # the one that the rows of the descent come from
        self.descent: Descent | None = None
        self.parameter: int | None = None
        self.row = 0

    def there(self) -> Descent:
        """The descent. Raises ParameterError before the first setup."""
        if self.descent is None:
            raise ParameterError("send a setup first: there is no network yet")
        return self.descent

    def take(self, setup: Setup) -> bool:
        """Take a setup; whether it needed a new network. Other training settings do not."""
        old = self.descent
        if old is not None and self.fits(old, setup):
            old.arrange(setup)
            return False
        self.adopt(self.fresh(setup))
        return True

    def fits(self, old: Descent, setup: Setup) -> bool:
        """Whether the descent that is there can go on with this setup."""
        if not self.same_rows(old, setup) or old.setup.network != setup.network:
            return False
        return loss_name(setup, old.problem) == old.network.loss.name

    def fresh(self, setup: Setup) -> Descent:
        """A descent at its start; the rows are made anew only where they are other ones."""
        problem = self.problem(setup)
        given = self.start.network
        as_given = given is not None and problem is self.start.problem and fits_given(setup, given)
        return Descent(setup, problem, given if as_given else None)

    def problem(self, setup: Setup) -> Problem:
        old = self.descent
        if old is not None and self.same_rows(old, setup):
            return old.problem
        return make_problem(setup.data, self.table, self.start.problem)

    def same_rows(self, old: Descent, setup: Setup) -> bool:
        """Whether the setup asks for the rows of the descent that is there."""
        same = replace(old.setup.data, view=(0, 1)) == replace(setup.data, view=(0, 1))
        return same and (setup.data.kind != "table" or self.table is self.table_used)

    def adopt(self, descent: Descent) -> None:
        """Go on with this descent, and look only at what its network has."""
        self.descent, self.table_used = descent, self.table
        if self.parameter is not None and self.parameter >= descent.network.n_parameters:
            self.parameter = None
        self.row = min(self.row, len(descent.rows) - 1)

    def take_table(self, table: Table) -> dict[str, Any]:
        """Hold a table that the page sent, for the next setup; what there is to tell of it."""
        self.table = table
        return {
            "source": table.source,
            "rows": len(table),
            "columns": table.columns,
            "notes": list(table.notes),
        }

    def look(self, parameter: int | None, row: int) -> None:
        """Choose the weight or bias, and the row, that frames tell about."""
        descent = self.there()
        if parameter is not None and not 0 <= parameter < descent.network.n_parameters:
            raise ParameterError(f"there is no parameter {parameter}")
        if not 0 <= row < len(descent.rows):
            raise ParameterError(f"there is no training row {row}")
        self.parameter, self.row = parameter, row

    def frame(self, *, playing: bool) -> bytes:
        return frames.frame(self.there(), parameter=self.parameter, row=self.row, playing=playing)

    def problem_facts(self) -> dict[str, Any]:
        descent = self.there()
        columns = [] if self.table is None else self.table.columns
        return frames.problem_facts(descent) | {
            "type": "problem",
            "columns": columns,
        }


def fits_given(setup: Setup, network: Network) -> bool:
    """Whether the setup describes the network that was given, so that its parameters serve."""
    return (
        setup.network.hidden == network.sizes[1:-1]
        and setup.network.activations == network.hidden
        and setup.network.seed == network.seed
        and setup.training.loss in ("auto", network.loss.name)
    )
