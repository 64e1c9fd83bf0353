"""The limits of the playground's page: the same numbers as in page/compute/limits.js."""

__all__ = [
    "MAX_HIDDEN_LAYERS",
    "MAX_NEURONS",
    "MAX_OUTPUTS",
    "MAX_PARAMETERS",
    "MAX_TABLE_NUMBERS",
]

MAX_TABLE_NUMBERS = 20_000_000  # rows times features
MAX_HIDDEN_LAYERS = 6
MAX_NEURONS = 64  # in a hidden layer
MAX_OUTPUTS = 30
MAX_PARAMETERS = 20_000
