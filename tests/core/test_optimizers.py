"""Optimisers by name; their steps are tested with the training loop and against the engine."""

import pytest

import fallline as fl
from fallline.core.optimizers import OPTIMIZERS, by_name
from fallline.core.rates import SPANNING
from fallline.core.schedules import SPANS, spanning
from fallline.errors import ParameterError


@pytest.mark.parametrize("schedule", SPANS)
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "lbfgs"])
def test_a_name_becomes_an_optimiser_with_a_schedule(name: str, schedule: str) -> None:
    expected = OPTIMIZERS[name](spanning(schedule, 0.2, 90))
    assert by_name(name, 0.2, schedule, 90) == expected


def test_the_names_of_schedules_that_span_a_run_are_known_without_them() -> None:
    assert tuple(SPANS) == SPANNING


def test_hyperparameters_are_the_optimisers_own() -> None:
    assert by_name("adamw", 0.1, "constant", 1, weight_decay=0.5) == fl.AdamW(0.1, weight_decay=0.5)
    assert by_name("lbfgs", 0.1, "cosine", 0) == fl.LBFGS()
    with pytest.raises(ParameterError, match="weight_decay must be"):
        by_name("adamw", 0.1, "constant", 1, weight_decay=-1.0)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ParameterError, match="did you mean 'adam'"):
        by_name("adm", 0.1, "constant", 1)
    with pytest.raises(ParameterError, match="schedule must be one of"):
        by_name("adam", 0.1, "cosinus", 1)
