"""The normal distribution as a rational function, for languages without the error function.

For x from 0 to ``NEAR``, Phi(-x) = e^(-x^2 / 2) P(x) / Q(x), to 1e-15; beyond,
Phi(-x) = e^(-x^2 / 2) / (x + 1/(x + 2/(x + 3/(x + 4/(x + 0.65))))) / ``TAIL``.

Source: Hart et al., Computer Approximations (1968), number 5666; West 2009, Better approximations
to cumulative normal functions.
"""

__all__ = ["NEAR", "OVER", "TAIL", "UNDER"]

NEAR = 7.07106781186547
TAIL = 2.506628274631
OVER = (  # P, the highest power first
    3.52624965998911e-2,
    0.700383064443688,
    6.37396220353165,
    33.912866078383,
    112.079291497871,
    221.213596169931,
    220.206867912376,
)
UNDER = (  # Q
    8.83883476483184e-2,
    1.75566716318264,
    16.064177579207,
    86.7807322029461,
    296.564248779674,
    637.333633378831,
    793.826512519948,
    440.413735824752,
)
