"""Numbers that the reference and the compiled engine share; code compiled from others is stale."""

import math

__all__ = ["BITS", "LEAK", "MAX_EXPONENT", "NEURON", "ROUNDS", "ROW", "SQRT_2_PI"]

LEAK = 0.01  # leaky_relu's slope below 0
MAX_EXPONENT = 709.7  # e^x is finite in float64 up to here
SQRT_2_PI = math.sqrt(2.0 * math.pi)  # a Python float: it leaves float32 as it is

# of the hash that draws dropout's masks: see core.dropout
ROW, NEURON = 0x9E3779B9, 0x85EBCA6B  # odd: places that differ start from different numbers
ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1))  # shift and multiplier
BITS = 24
