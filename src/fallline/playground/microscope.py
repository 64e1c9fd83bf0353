"""The next update under the microscope, and the gradient check, as plain data."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from fallline.arrays import Array
from fallline.core.optimizers import Adam, RMSProp
from fallline.errors import ParameterError
from fallline.explaining.gradcheck import check_gradients
from fallline.explaining.tracing import LayerTrace, Trace, trace
from fallline.playground.descent import Descent
from fallline.playground.frames import clean

__all__ = ["check", "next_update", "traced"]

ROWS_SHOWN = 12
MAX_SHOWN = 40_000  # numbers in a stack of per-sample gradients
MAX_TRACED = 4_000_000
ROWS_CHECKED = 200
PARAMETERS_CHECKED = 400


def traced(descent: Descent, kind: str) -> tuple[Trace, Array]:
    """:func:`fallline.trace` of the next update, and its rows (m,)."""
    if kind not in ("sample", "batch"):
        raise ParameterError(f"the microscope shows one sample or one batch, not {kind!r:.40}")
    rows = descent.next_rows(kind)
    if len(rows) * descent.network.n_parameters > MAX_TRACED:
        raise ParameterError(
            f"a batch of {len(rows):,} rows has {len(rows) * descent.network.n_parameters:,} "
            "per-sample gradients, too many to show; choose one sample, or a smaller batch size"
        )
    result = trace(
        descent.network,
        descent.rows.X[rows],
        descent.rows.Y[rows],
        descent.optimizer,
        l2=descent.setup.training.l2,
        l1=descent.setup.training.l1,
        state=descent.position.state,
        step=descent.position.step,
    )
    return (spoilt(descent, result, rows) if descent.spoilt else result), rows


def spoilt(descent: Descent, right: Trace, rows: Array) -> Trace:
    """The same update with the wrong gradient in use."""
    network = descent.network
    gradient = descent.spoilt_gradient(rows)
    theta, change = network.parameters.copy(), gradient.copy()
    state = {name: values.copy() for name, values in descent.position.state.items()}
    descent.optimizer.update(theta, change, state, descent.position.step, network.is_weight)
    new = network.copy()
    new.parameters = theta
    parts = zip(
        right.layers, network.views(gradient), network.views(change), new.layers, strict=True
    )
    layers = tuple(
        replace(
            layer,
            dW=mean.W,
            db=mean.b,
            step_W=step.W,
            step_b=step.b,
            new_W=after.W,
            new_b=after.b,
        )
        for layer, mean, step, after in parts
    )
    Z = new.forward(right.X).Z[-1]
    loss = float(new.loss.value(Z, right.Y).mean())
    return replace(right, layers=layers, new_loss=loss)


def next_update(descent: Descent, kind: str) -> dict[str, Any]:
    """The trace of the next update with the first rows of what there is a row of."""
    result, rows = traced(descent, kind)
    most = max(1, min(ROWS_SHOWN, MAX_SHOWN // descent.network.n_parameters))
    facts = result.as_dict()
    for name in ("X", "Y", "shares", "losses"):
        facts[name] = facts[name][:most]
    facts["layers"] = [shortened(layer, most) for layer in result.layers]
    facts |= {
        "rows": rows[:most],
        "n_rows": len(rows),
        "kind": kind,
        "step": descent.position.step,
        "gradient": descent.setup.training.gradient,
        "dropout": descent.setup.training.dropout,
        "state": state_terms(descent),
        "constants": constants(descent.optimizer),
    }
    cleaned: dict[str, Any] = clean(facts)
    return cleaned


def shortened(layer: LayerTrace, most: int) -> dict[str, Any]:
    per_row = ("A_prev", "Z", "A", "delta", "dW_per_sample", "db_per_sample")
    return {
        name: value[:most].tolist() if name in per_row else clean(value)
        for name, value in vars(layer).items()
    }


def state_terms(descent: Descent) -> dict[str, Any]:
    """The optimiser's own averages before the update, layer by layer."""
    return {
        name: [
            {"W": part.W.tolist(), "b": part.b.tolist()} for part in descent.network.views(values)
        ]
        for name, values in descent.position.state.items()
    }


def constants(optimizer: Any) -> dict[str, Any]:
    """The optimiser's name and the numbers in its formula."""
    names = ("momentum", "nesterov", "decay", "beta_1", "beta_2", "epsilon", "weight_decay")
    found = {name: getattr(optimizer, name) for name in names if hasattr(optimizer, name)}
    kind = "adam" if isinstance(optimizer, Adam) else "rmsprop"
    if not isinstance(optimizer, Adam | RMSProp):
        kind = "momentum" if optimizer.momentum > 0 else "descent"
    return {"kind": kind, **found}


def check(descent: Descent, method: Any) -> dict[str, Any]:
    """The gradient in use against numeric derivatives, on the first training rows."""
    if method not in ("complex_step", "central"):
        raise ParameterError(f"method must be complex_step or central, not {method!r:.40}")
    rows = np.arange(min(len(descent.rows), ROWS_CHECKED))
    gradient = descent.spoilt_gradient(rows) if descent.spoilt else None
    result = check_gradients(
        descent.network,
        descent.rows.X[rows],
        descent.rows.Y[rows],
        l2=descent.setup.training.l2,
        l1=descent.setup.training.l1,
        gradient=gradient,
        method=method,
        max_parameters=PARAMETERS_CHECKED,
    )
    cleaned: dict[str, Any] = clean(
        {
            "passed": result.passed,
            "tolerance": result.tolerance,
            "error": result.error,
            "worst": asdict(result.worst),
            "parts": [asdict(part) for part in result.parts],
            "rows": len(rows),
        }
    )
    return cleaned
