"""What a compiled call is given: one record of 8-byte fields, the C structure of the same name.

A line below is a field: name | kind | shape | meaning. An ``int`` is an int64 (a flag is 0 or 1), a
``float`` a float64; ``int*``, ``uint*``, ``float*`` and ``real*`` are addresses of C-contiguous
arrays, ``real`` being the network's dtype. The address 0 stands for an array that is left out.
``size`` counts the numbers of a parameter vector padded to whole vectors of 64 bytes; arrays of
that length begin at a multiple of 64 bytes.
"""

import ctypes
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fallline.arrays import Array

__all__ = [
    "DESCEND",
    "INTERLEAVE",
    "LAY_OUT",
    "LBFGS",
    "PREDICT",
    "SHUFFLE",
    "STRUCTURES",
    "TRAIN",
    "Record",
    "address_of",
]

DTYPES = {"int": np.dtype(np.int64), "uint": np.dtype(np.uint64), "float": np.dtype(np.float64)}


class Field(NamedTuple):
    """One number of a record, or the address of an array."""

    name: str
    kind: str
    shape: str
    meaning: str


class Structure:
    """The fields of a record, in their order."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    @cached_property
    def fields(self) -> list[Field]:
        """The fields, read from the text at their first use: few programs use every record."""
        lines = self.text.strip().splitlines()
        return [Field(*(part.strip() for part in line.split("|"))) for line in lines]

    @cached_property
    def place(self) -> dict[str, tuple[int, str]]:
        """The number and the kind of each field, by name."""
        return {f.name: (place, f.kind) for place, f in enumerate(self.fields)}


LOOKUPS = """
lookups | int* | (n_samples, n_lookups) | rows of tables, see core.compact; 0: X has all inputs
fractions | real* | (n_samples, n_fractions) | how far the first lookups are from the next row
n_lookups | int | | columns that are looked up
n_fractions | int | | those of them that are in bins, which come first
columns | int* | (n_lookups, 3) | first input, number of inputs, first row of its table
centers | float* | (n_inputs,) | what is subtracted of each input in bins
n_table_rows | int | | rows of all tables
number_features | int* | (n_numbers + 1,) | the inputs that X (n_samples, n_numbers) has; n_inputs
n_numbers | int | | columns of X where there are lookups
""".strip()

TRAIN = Structure(
    "train",
    f"""
thread | int | | number of the calling thread in its team, from 0
n_threads | int | | threads in the team: each makes the call with its own thread and workspace
barrier | int* | (1,) | where the team waits for each other; 0 before the call
theta | real* | (n_runs, size) | parameters of each network
gradient | real* | (n_sums, size) | workspace: n_sums is 8 for a team, 2 for one thread
first | real* | (n_runs, size) | the optimiser's state: velocity, or mean
second | real* | (n_runs, size) | the optimiser's state: mean square
is_weight | real* | (size,) | 1 for a weight, 0 for a bias
size | int | | length of a padded parameter vector
segment | int | | numbers of theta that a thread updates at once, a multiple of a vector's
losses | float* | (8,) | workspace: the loss of each part of a batch
costs | float* | (size / segment, rounded up) | workspace: the penalty of each segment
X | real* | (n_samples, n_inputs) | inputs
Y | real* | (n_samples, n_outputs) | targets
weight | real* | (n_samples,) | sample weights; 0: every row counts 1
orders | int* | (n_runs, n_order) | row numbers: one order for all epochs, or one for each
n_order | int | | n_rows, or epochs times n_rows
n_rows | int | rows | rows of an epoch
batch_size | int | rows | rows of a step
epochs | int | | passes over the rows
one_block | int | flag | the rows are one batch and one block, which stays in the workspace
want_loss | int | flag | add up the loss, and end at a batch whose loss is not finite
sum_before | float | | sum of the losses of the same epoch's earlier calls
mass_before | float | | their mass
optimizer | int | | number of the optimiser
hyperparameters | float* | (5,) | the optimiser's numbers, see kernels.optimizers.update
rates | float* | (n_runs, n_rates) | learning rates: one for all steps, or one for each
n_rates | int | | 1, or the number of steps
step | int | | steps taken before the call
l2 | float | | factor of half the sum of squared weights
l1 | float | | factor of the sum of absolute weights
penalty_per_mass | int | flag | l2 and l1 are divided by each batch's mass
learn | int | flag | compute gradients and take steps; else the loss is all
dropout | float | | share of the hidden neurons that are left out
keys | int* | (n_runs, n_keys) | what the masks are drawn from: n_hidden numbers a step
n_keys | int | | n_hidden times the number of steps
n_hidden | int | | hidden layers
logits | real* | (n_rows, n_outputs) | takes the logits of a batch; 0: they are not wanted
workspace | real* | | the calling thread's own, laid out by engine.layout
plan | int* | | where everything lies in a workspace, by engine.layout
n_runs | int | | networks trained one after the other on the same rows
every | int | | an epoch's loss is recorded where this divides its number; 0: nowhere
first_epoch | int | | number of the first epoch
recorded | float* | (epochs / every, rounded up) | takes the recorded losses
limit | float | | a recorded loss that is not below it ends the call
lowest | float* | (3,) | lowest recorded loss so far; takes it, its epoch, and how many are recorded
best | real* | (size,) | takes the parameters before the epoch of the lowest loss
before | real* | (size,) | workspace: the parameters before the epoch
results | float* | (n_runs, 3) | takes the last epoch's sum of losses times masses, its mass; steps
{LOOKUPS}
lookup_space | real* | | the calling thread's own, see kernels.lookup
blocks | int* | | where weights are not 0, see kernels.blocks; not for learning; 0: anywhere
""",
)

LAY_OUT = Structure(
    "lay_out",
    """
sizes | int* | (n_layers + 1,) | neurons of each layer, inputs first
codes | int* | (n_layers - 1,) | numbers of the hidden activations
n_layers | int | | layers with weights
loss | int | | number of the loss
samples | int | rows | rows of a block: the batch size, at most 128
plan | int* | (8 + 8 n_layers,) | takes what train reads as its plan
length | int* | (1,) | takes how many numbers the workspace has
workspace | real* | (length,) | zeros, which are prepared; 0: only plan and length are wanted
""",
)

INTERLEAVE = Structure(
    "interleave",
    """
theta | real* | (n_parameters, lanes) | parameters, a network in each SIMD lane
gradient | real* | (2, n_parameters, lanes) | workspace
first | real* | (n_parameters, lanes) | the optimiser's state: velocity, or mean
second | real* | (n_parameters, lanes) | the optimiser's state: mean square
is_weight | real* | (n_parameters, lanes) | 1 for a weight, 0 for a bias
size | int | | n_parameters times lanes
workspace | real* | | laid out by engine.many.plan_interleaved
plan | int* | (n_layers, 9) | where everything lies in the workspace
n_layers | int | | layers with weights
loss | int | | number of the loss
XY | real* | (n_rows, n_columns) | inputs and targets side by side
n_columns | int | | inputs and outputs, padded to whole vectors
orders | int* | (lanes, n_order) | row numbers of each lane; 0: all lanes take the rows in order
n_order | int | | epochs times n_rows
n_rows | int | rows | rows of an epoch
batch_size | int | rows | rows of a step, at most 512
epochs | int | | passes over the rows
want_loss | int | flag | add up the loss
optimizer | int | | number of the optimiser
hyperparameters | float* | (5,) | the optimiser's numbers, see kernels.optimizers.update
rates | float* | (lanes,) | learning rates
step | int | | steps taken before the call
l2 | float | | factor of half the sum of squared weights
l1 | float | | factor of the sum of absolute weights
shares | real* | (batch_size + 1,) | 1 / n for a batch of n rows
losses | float* | (3 + 3 lanes, lanes) | workspace
results | float* | (2, lanes) | takes the last epoch's sum of losses times rows; 1: not finite
""",
)

PREDICT = Structure(
    "predict",
    f"""
weights | real* | | W over b of each layer but one of tables: columns padded to whole vectors
sizes | int* | (n_layers + 1,) | neurons of each layer, inputs first
n_layers | int | | layers with weights
codes | int* | (n_layers,) | numbers of the hidden activations
output | int | | number of the output activation
X | real* | (n_rows, n_inputs) | inputs
n_rows | int | rows | rows to predict
workspace | real* | (3, width) | activations of two layers, and slopes
width | int | | numbers of the widest padded layer, and one vector
out | real* | (n_rows, n_outputs) | takes the outputs
blocks | int* | | where weights are not 0, and how they lie, see kernels.blocks; 0: anywhere
{LOOKUPS}
lookup_space | real* | (n_table_rows + n_numbers + 1, padded sizes[1]) | tables of the first layer
make_tables | int | flag | only make these tables, from the first layer's weights
""",
)

SHUFFLE = Structure(
    "shuffle",
    """
states | uint* | (n_generators, 6) | PCG64: state, increment, low half first; half left, and it
n_generators | int | | generators
n_rows | int | rows | length of a permutation
count | int | | permutations of each generator
orders | int* | (n_generators, count, n_rows) | takes the permutations
""",
)

LBFGS = Structure(
    "lbfgs",
    """
theta | float* | (size,) | where the loss is wanted, or the last iterate
gradient | float* | (size,) | the gradient there
loss | float | | the loss there
size | int | | length of a padded parameter vector; the padding is 0
memory | int | | pairs that are kept
gradient_tolerance | float | | the end, where no entry of the gradient exceeds it
loss_tolerance | float | | the end, where an iteration lowers the loss by no more of max(loss, 1)
state | float* | (22,) | what is kept between two calls; zeros at the start
direction | float* | (size,) | workspace: along which the loss is searched
start | float* | (size,) | workspace: theta where the search began
gradient_before | float* | (size,) | workspace: the gradient there
steps | float* | (memory, size) | workspace: the last steps
changes | float* | (memory, size) | workspace: how they changed the gradient
rho | float* | (memory,) | workspace: 1 / (step change) of each pair
alpha | float* | (memory,) | workspace
""",
)

DESCEND = Structure(
    "descend",
    """
theta | real* | (n_parameters, lanes) | parameters, each in all lanes
X | real* | (n_inputs, lanes) | a row in each lane, the last ones zero
Y | real* | (n_outputs, lanes) | targets likewise
shares | real* | (lanes,) | each row's share of the mean, the last ones zero
rates | float* | (n_rates,) | learning rates: one for all steps, or one for each
n_rates | int | | 1, or the number of steps
epochs | int | | steps, each on all rows
mass | float | | number of rows, or the sum of their weights
every | int | | an epoch's loss is recorded where this divides its number; 0: nowhere
first_epoch | int | | number of the first epoch
recorded | float* | (epochs / every, rounded up) | takes the recorded losses
limit | float | | a recorded loss that is not below it ends the call
lowest | float* | (3,) | lowest recorded loss so far; takes it, its epoch, and how many are recorded
best | real* | (n_parameters, lanes) | takes the parameters before the epoch of the lowest loss
before | real* | (n_parameters, lanes) | workspace: the parameters before an epoch
""",
)

STRUCTURES = {
    each.name: each for each in (TRAIN, LAY_OUT, INTERLEAVE, PREDICT, SHUFFLE, LBFGS, DESCEND)
}


class Record:
    """The arguments of a compiled function, which takes their ``address``; keeps arrays alive."""

    def __init__(self, structure: Structure, dtype: Any, **values: Any) -> None:
        self.structure, self.dtype = structure, np.dtype(dtype)
        length = len(structure.fields)
        self.whole = (ctypes.c_int64 * length)()
        self.real = (ctypes.c_double * length).from_buffer(self.whole)  # the same memory
        self.address = ctypes.addressof(self.whole)
        self.arrays: dict[str, Array | None] = {}
        self.set(**values)

    def set(self, **values: Any) -> None:
        """Numbers, flags, and arrays by name; None for an array that is left out.

        Raises TypeError for an array of another dtype than the field's, or not in C order.
        """
        where = self.structure.place
        for name, value in values.items():
            place, kind = where[name]
            if kind == "int":
                self.whole[place] = value
            elif kind == "float":
                self.real[place] = value
            elif value is not self.arrays.get(name):
                self.arrays[name] = value
                self.whole[place] = 0 if value is None else self.checked_address(name, value, kind)

    def checked_address(self, name: str, array: Array, kind: str) -> int:
        """Where the numbers of the array for a field begin."""
        if array.dtype != DTYPES.get(kind[:-1], self.dtype) or not array.flags.c_contiguous:
            raise TypeError(f"{name} has to be a C-contiguous array of {kind[:-1]}")
        return address_of(array)

    def copy(self, **values: Any) -> "Record":
        """The same, but for ``values``."""
        other = Record(self.structure, self.dtype)
        ctypes.memmove(other.address, self.address, ctypes.sizeof(self.whole))
        other.arrays = dict(self.arrays)
        other.set(**values)
        return other


def address_of(array: Array) -> int:
    """Where the numbers of an array begin."""
    try:
        place: Any = array  # 0.3 us; the other way takes 2
        return ctypes.addressof(ctypes.c_char.from_buffer(place))
    except (TypeError, ValueError):  # it is empty, or not to be written to
        address: int = array.__array_interface__["data"][0]
        return address
