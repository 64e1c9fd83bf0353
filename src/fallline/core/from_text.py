"""An optimiser from its text, as stored in a model file; no code is run."""

import ast
from typing import Any

from fallline.core.optimizers import OPTIMIZERS
from fallline.core.schedules import SCHEDULES
from fallline.errors import ParameterError
from fallline.limits import is_number

__all__ = ["optimizer_from"]

KINDS = {kind.__name__: kind for kind in (*OPTIMIZERS.values(), *SCHEDULES.values())}
LONGEST = 1_000


def optimizer_from(text: str) -> Any:
    """The inverse of ``repr`` for the optimisers and schedules of this package.

    Raises ParameterError for any other text.

    >>> optimizer_from("Adam(learning_rate=Cosine(learning_rate=0.1, steps=90, final=0.0))")
    ... # doctest: +ELLIPSIS
    Adam(learning_rate=Cosine(learning_rate=0.1, steps=90, final=0.0), beta_1=0.9, ...)
    """
    try:
        if len(text) > LONGEST:
            raise ValueError
        made = value_of(ast.parse(text, mode="eval").body)
        if type(made) not in OPTIMIZERS.values():
            raise ValueError
        return made
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise ParameterError(
            f"{text[:60]!r} is not one of Fallline's own optimisers with Fallline's own schedules"
        ) from None


def value_of(node: ast.expr) -> Any:
    """A number, a truth value, or an object of KINDS made by keywords.

    Raises ValueError for others.
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        given = {str(each.arg): value_of(each.value) for each in node.keywords}
        if node.func.id in KINDS:
            return KINDS[node.func.id](**given)
    elif isinstance(node, ast.Constant) and (isinstance(node.value, bool) or is_number(node.value)):
        return node.value
    raise ValueError(f"{ast.dump(node):.60} is not a part of an optimiser")
