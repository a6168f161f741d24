"""Student's t distribution, fractional degrees of freedom included, without SciPy: devices install numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import exp, lgamma, log, pi, sqrt
from statistics import NormalDist, fmean, stdev

from inkport.benchmarks.measure import CONFIDENCE


TERMS = 300
"""Most terms of the continued fraction; it converges in about the square root of the degrees of freedom."""
STEPS = 60
"""Most of Newton's steps to a quantile; a dozen do."""
MANY = 1000
"""Degrees of freedom from which on an expansion about the normal distribution is exact to 1e-9."""
SMALL = 1e-300
"""Stands in for a zero in the continued fraction."""


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of the mean of a few values, at ``CONFIDENCE``; None for fewer than two."""
    count = len(values)
    if count < 2:
        return None
    mean, reach = fmean(values), t_quantile((1 + CONFIDENCE) / 2, count - 1) * stdev(values) / sqrt(count)
    return mean - reach, mean + reach


def t_cdf(t: float, degrees: float) -> float:
    """Return the probability that Student's t with ``degrees`` (above 0) is below ``t``.

    Source:
        Abramowitz & Stegun, *Handbook of Mathematical Functions* (1964), 26.7.1: by the incomplete beta function.
    """
    outside = _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    return 1 - outside if t > 0 else outside


@cache
def t_quantile(probability: float, degrees: float) -> float:
    """Return the t below which ``probability`` (0.5 to below 1) lies, to about 1e-9.

    Source:
        Abramowitz & Stegun, 26.7.5, for many degrees of freedom.
    """
    t = NormalDist().inv_cdf(probability)
    if degrees > MANY:
        return t + (t**3 + t) / (4 * degrees) + (5 * t**5 + 16 * t**3 + 3 * t) / (96 * degrees**2)
    front = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2)) / sqrt(degrees * pi)
    # The distribution function is concave here and the normal quantile too small: Newton's steps only grow towards t.
    for _ in range(STEPS):
        step = (probability - t_cdf(t, degrees)) / (front * (1 + t * t / degrees) ** (-(degrees + 1) / 2))
        t += step
        if abs(step) < 1e-10 * (1 + t):
            break
    return t


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), 0 <= x <= 1."""
    if x in {0.0, 1.0}:
        return x
    # The continued fraction converges fast on one side of the mean only; the other follows by symmetry.
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of Abramowitz & Stegun 26.5.8, by Lentz's method."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, TERMS):
        k = term // 2
        if term % 2:
            step = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            step = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        lower = 1 / ((1 + step * lower) or SMALL)
        upper = (1 + step / upper) or SMALL
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return value
