"""The plan of a workspace for callers without Python: see engine.layout."""

from fallline.engine.config import kernel
from fallline.engine.kernels.backprop import layer
from fallline.engine.kernels.records import is_given
from fallline.engine.kernels.vectors import at, lanes, offset, put
from fallline.engine.layout import BELOW, N_IN, ROW, write_plan

plan_of = kernel(write_plan)


def lay_out(call):
    """Write the plan and the workspace's length; prepare the workspace where one is given."""
    workspace, plan = call.workspace, call.plan
    put(call.length, 0, plan_of(
        plan, call.sizes, call.codes, call.n_layers, call.loss, call.samples, lanes(workspace)
    ))  # fmt: skip
    if is_given(workspace):
        row = at(plan, ROW)
        for l in range(call.n_layers):
            now = layer(plan, l)
            ones = offset(workspace, at(now, BELOW) + at(now, N_IN) * row)
            for i in range(row):
                put(ones, i, 1.0)
    return 0
