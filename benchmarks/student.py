"""Student's t distribution for whole degrees of freedom, without SciPy: devices install numpy alone."""

from __future__ import annotations

from math import atan, cos, pi, sin, sqrt


def t_cdf(t: float, degrees: int) -> float:
    """Return the probability that Student's t with ``degrees`` (at least 1) is below ``t``.

    Source:
        Abramowitz & Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and 26.7.4: finite series.
    """
    angle = atan(t / sqrt(degrees))
    square = cos(angle) ** 2
    odd = degrees % 2 == 1
    total, term = 0.0, cos(angle) if odd else 1.0
    for k in range(3 if odd else 2, degrees + 1, 2):
        total += term
        term *= square * (k - 1) / k
    between = 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
    return 0.5 + between / 2


def t_quantile(probability: float, degrees: int) -> float:
    """Return the t below which ``probability`` (0.5 to below 1) lies, to about 1e-10, by bisection."""
    low, high = 0.0, 1.0
    while t_cdf(high, degrees) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2
