"""The numbers by which compiled code tells functions apart: their positions in these names."""

__all__ = ["ACTIVATIONS", "LOSSES", "OPTIMIZERS"]

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
