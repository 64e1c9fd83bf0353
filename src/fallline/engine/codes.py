"""The numbers by which compiled code knows activations, losses, optimisers and outputs,
and what L-BFGS wants next.

The number of a function of the user's own is its address, at least MIN_ADDRESS. The number of
quantile(q) is -q in units of QUANTILE_UNIT.
"""

ACTIVATIONS = (
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "softplus",
)
LOSSES = (
    "squared_error",
    "binary_cross_entropy",
    "cross_entropy",
    "absolute_error",
    "huber",
    "poisson",
)
OPTIMIZERS = ("descent", "momentum", "nesterov", "rmsprop", "adam", "adamw")
OUTPUTS = ("identity", "sigmoid", "softmax", "exp")
WANTED = ("at_start", "evaluation", "iteration", "flat", "level", "failed")  # by L-BFGS

# The positions of the names above
IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, GELU, SILU, SOFTPLUS = range(len(ACTIVATIONS))
SQUARED_ERROR, BINARY_CROSS_ENTROPY, CROSS_ENTROPY, ABSOLUTE_ERROR, HUBER, POISSON = range(
    len(LOSSES)
)
DESCENT, MOMENTUM, NESTEROV, RMSPROP, ADAM, ADAMW = range(len(OPTIMIZERS))
AT_START, EVALUATION, ITERATION, FLAT, LEVEL, FAILED = range(len(WANTED))
IDENTITY_OUTPUT, SIGMOID_OUTPUT, SOFTMAX_OUTPUT, EXP_OUTPUT = range(len(OUTPUTS))

MIN_ADDRESS = 4096
QUANTILE_UNIT = 2.0**-62
